package pairlab

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/standin"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// TestTheOldCIBIsIMLs reads it as an upgrade does: PCM-003, PCM-005, H9, H10, H13.
func TestTheOldCIBIsIMLs(t *testing.T) {
	nodes := [2]string{"ct6-mds1", "ct6-mds2"}
	for _, n := range []int{2, 3, 16} {
		targets := GuideTargets(n)
		require.Len(t, targets, n)
		cib, err := pacemaker.ParseCIB(strings.NewReader(oldCIB(nodes, targets)))
		require.NoError(t, err)
		require.Empty(t, cib.Validate())
		for _, target := range targets {
			id := ResourceID(target)
			r, ok := cib.Resource(id)
			require.True(t, ok, id)
			require.Equal(t, "ocf:chroma:Target", r.Agent())
			uuid, _ := r.Instance.Get("target")
			require.Equal(t, target.UUID, uuid)
			require.Len(t, r.Operations, 3)
			node, _, err := cib.PreferredNode(id)
			require.NoError(t, err)
			require.Equal(t, nodes[target.Preferred], node)
		}
		require.Len(t, cib.Locations(), 2*n)
		for i, name := range nodes {
			node, ok := cib.Node(name)
			require.True(t, ok)
			require.Equal(t, string(rune('1'+i)), node.ID)
			attributes := node.Attributes.Effective()
			require.Equal(t, "0_fence_agent", attributes[len(attributes)-1].Name)
			password, _ := node.Attributes.Get("0_fence_password")
			require.Equal(t, standin.FencePassword, password)
		}
		for name, want := range map[string]string{"no-quorum-policy": "ignore", "stonith-enabled": "true", "dc-deadtime": ""} {
			got, _ := cib.Property(name)
			require.Equal(t, want, got, name)
		}
		stickiness, _ := cib.ResourceDefaults().Get("resource-stickiness")
		require.Equal(t, "1000", stickiness)
	}
}

// A pair that people made begins without targets: they are made when the health agents of both nodes have said that they are well.
func TestTargetsComeWhenBothNodesAreWell(t *testing.T) {
	nodes := [2]string{"ct6-mds1", "ct6-mds2"}
	for _, targets := range [][]Target{nil, HandMadeTargets()} {
		cib, err := pacemaker.ParseCIB(strings.NewReader(handMadeCIB(nodes, targets)))
		require.NoError(t, err)
		require.Empty(t, cib.Validate())
		require.Len(t, cib.Resources(), 2+len(units(targets))+2, "fencing, the targets, and the health agents")
	}
	for values, well := range map[string]bool{
		"1001 1 1001 1": true, "1001 1 1001 0": false, "1001 1 0 1": false, "0 1 1001 1": false, "1001 1 - 1": false, "1001 1 1001 -": false,
		"1001 - 1001 1": false, "- - - -": false, "1001 1 -1 1": false, "1001 1 up 1": false,
	} {
		status := ""
		for i, value := range strings.Fields(values) {
			if i%2 == 0 {
				status += `<node_state id="` + nodes[i/2] + `" uname="` + nodes[i/2] + `"><transient_attributes id="t"><instance_attributes id="a">`
			}
			if value != "-" {
				status += `<nvpair id="` + healthAttributes[i%2] + `" name="` + healthAttributes[i%2] + `" value="` + value + `"/>`
			}
			if i%2 == 1 {
				status += `</instance_attributes></transient_attributes></node_state>`
			}
		}
		cib, err := pacemaker.ParseCIB(strings.NewReader(strings.Replace(handMadeCIB(nodes, nil), "<status/>", "<status>"+status+"</status>", 1)))
		require.NoError(t, err)
		require.Equal(t, well, bothWell(cib, nodes) == nil, values)
	}
}

func TestTheSeedOnlyHurries(t *testing.T) {
	cib, err := pacemaker.ParseCIB(strings.NewReader(seedCIB))
	require.NoError(t, err)
	require.Len(t, cib.Properties(), 1)
	require.Empty(t, cib.Resources())
}

func TestGuideTargetsAreEachTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for i, target := range GuideTargets(40) {
		require.Equal(t, i%2, target.Preferred)
		for _, s := range []string{target.UUID, target.Label, target.Mount, target.Device, ResourceID(target)} {
			require.False(t, seen[s], s)
			seen[s] = true
		}
		require.Len(t, target.UUID, 36)
	}
	require.NotEqual(t, ResourceID(Target{Label: "a", UUID: "12345678"}), ResourceID(Target{Label: "a", UUID: "22345678"}))
}
