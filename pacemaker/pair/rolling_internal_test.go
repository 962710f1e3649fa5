package pair

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Which software joins which cluster: the major numbers are the same, and the node's minor is not lower.
func TestFeatureSets(t *testing.T) {
	for _, c := range []struct {
		node, cluster string
		joins         bool
	}{
		{"3.19.0", "3.16.2", true}, {"3.16.2", "3.16.2", true}, {"3.16.1", "3.16.2", true}, {"3.16.2", "3.19.0", false},
		{"3.16", "3.16.2", true}, {"4.0.0", "3.19.0", false}, {"2.20.0", "3.19.0", false},
	} {
		node, err1 := parseFeatureSet(c.node)
		cluster, err2 := parseFeatureSet(c.cluster)
		require.NoError(t, err1)
		require.NoError(t, err2)
		require.Equal(t, c.joins, node.joins(cluster), "%s and %s", c.node, c.cluster)
	}
	for _, bad := range []string{"", "3", "3.x", "3.19.0.1", "v3.19.0"} {
		_, err := parseFeatureSet(bad)
		require.ErrorIs(t, err, ErrNotProven, bad)
	}
}

// As pacemakerd of Pacemaker 2.1.5 prints it. Anything else proves nothing.
func TestSoftwareFeatures(t *testing.T) {
	const out = "Pacemaker 2.1.5 (Build: a3f44794f94)\n Supporting v3.16.1: agent-manpages cibsecrets corosync-ge-2 systemd\n"
	set, err := softwareFeatures(sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(out)})
	require.NoError(t, err)
	require.Equal(t, featureSet{3, 16, 1}, set)
	for _, res := range []sshexec.Result{
		{Outcome: sshexec.Exited}, {Outcome: sshexec.Exited, Stdout: []byte("Pacemaker 2.1.5\n")},
		{Outcome: sshexec.Exited, ExitCode: 1, Stdout: []byte(out)},
	} {
		_, err := softwareFeatures(res)
		require.ErrorIs(t, err, ErrNotProven)
	}
}

func TestIsVersion(t *testing.T) {
	for want, is := range map[string]bool{"2.1.7-5.el9": true, "2.1.7": true, "2.1": true, "2.1.7-5": true,
		"2.1.70": false, "2.1.7-5.el8": false, "1.1.7": false} {
		require.Equal(t, is, isVersion("2.1.7-5.el9.x86_64", want), want)
	}
	require.False(t, isVersion("2.1.70-5.el9.x86_64", "2.1.7"))
}

// What is wrong with a running cluster, each by itself. A move by hand is noted elsewhere, and so is a cluster that never fences.
func TestHindered(t *testing.T) {
	sound := func() *pacemaker.Status {
		st := &pacemaker.Status{FencingEnabled: true}
		st.DC.Present, st.DC.Quorum = true, true
		return st
	}
	require.NoError(t, hindered(sound(), false))
	for want, spoil := range map[string]func(*pacemaker.Status){
		"the cluster has no quorum": func(st *pacemaker.Status) { st.DC.Quorum = false },
		"fencing is off":            func(st *pacemaker.Status) { st.FencingEnabled = false },
		"maintenance-mode is on":    func(st *pacemaker.Status) { st.MaintenanceMode = true },
		"node n1 is in standby": func(st *pacemaker.Status) {
			st.Nodes = []pacemaker.NodeStatus{{Name: "n1", Online: true, Standby: true}}
		},
		"web_start_0 failed on n1": func(st *pacemaker.Status) { st.Failures = []pacemaker.Failure{{Operation: "web_start_0", Node: "n1"}} },
		"fencing of n1 is failed":  func(st *pacemaker.Status) { st.Fencing = []pacemaker.FenceEvent{{Target: "n1", Status: "failed"}} },
	} {
		st := sound()
		spoil(st)
		require.ErrorContains(t, hindered(st, false), want)
		require.ErrorContains(t, hindered(st, false), "pcs resource cleanup")
	}
	st := sound()
	st.FencingEnabled = false
	require.NoError(t, hindered(st, true), "as it is configured")
}
