package live_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/rebuild"
)

// anyPair draws a configuration of the kind that IML makes: any number of targets with any values, and whatever a node may hold.
func anyPair(t *rapid.T) *pacemaker.CIB {
	cib, err := pacemaker.ParseCIB(strings.NewReader(`<cib epoch="1"><configuration><crm_config><cluster_property_set id="cib-bootstrap-options"/></crm_config>
	<nodes><node id="ct6-mds1" uname="ct6-mds1"/><node id="ct6-mds2" uname="ct6-mds2"/></nodes><resources/><constraints/></configuration><status/></cib>`))
	require.NoError(t, err)
	value := rapid.StringMatching(`[a-z0-9 ="'$<>&;:_/é-]{1,12}`).Filter(func(s string) bool { return strings.TrimSpace(s) == s })
	seconds := rapid.SampledFrom([]string{"5", "20s", "1m", "300", "450s"})
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"no-quorum-policy", "stonith-timeout",
		"batch-limit", "expected-quorum-votes", "cluster-infrastructure"}), 0, 4, rapid.ID).Draw(t, "properties") {
		cib.SetProperty(name, rapid.SampledFrom([]string{"ignore", "10", "cman"}).Draw(t, name))
	}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"resource-stickiness", "failure-timeout",
		"migration-threshold"}), 0, 3, rapid.ID).Draw(t, "defaults") {
		cib.SetResourceDefault(name, rapid.SampledFrom([]string{"1", "30", "1000"}).Draw(t, name))
	}
	if rapid.Bool().Draw(t, "fencing") {
		require.NoError(t, cib.AddPrimitive(pacemaker.Resource{ID: "st-fencing", Class: "stonith", Type: "fence_chroma"}))
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "targets") {
		id := fmt.Sprintf("demo-OST%04x", i)
		r := pacemaker.Resource{
			ID: id, Class: "ocf", Provider: "chroma", Type: "Target",
			Instance: pacemaker.AttributeSets{{Pairs: []pacemaker.NVPair{{Name: "target", Value: fmt.Sprint("uuid-", i)}}}},
			Operations: []pacemaker.Op{
				{Name: "monitor", Interval: seconds.Draw(t, "interval"), Timeout: seconds.Draw(t, "timeout")},
				{Name: "start", Interval: "0", Timeout: seconds.Draw(t, "start")}, {Name: "stop", Interval: "0", Timeout: seconds.Draw(t, "stop")},
			},
		}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"note", "passwd", "other"}), 0, 3, rapid.ID).
			Draw(t, "parameters") {
			r.Instance[0].Pairs = append(r.Instance[0].Pairs, pacemaker.NVPair{Name: name, Value: value.Draw(t, name)})
		}
		if role := rapid.SampledFrom([]string{"", "Started", "Stopped"}).Draw(t, "role"); role != "" {
			r.Meta = pacemaker.AttributeSets{{Pairs: []pacemaker.NVPair{{Name: "target-role", Value: role}}}}
		}
		require.NoError(t, cib.AddPrimitive(r))
		for j, node := range rapid.Permutation([]string{"ct6-mds1", "ct6-mds2"}).Draw(t, "nodes") {
			score := rapid.SampledFrom([]string{"20", "10", "INFINITY", "0"}).Draw(t, "score")
			require.NoError(t, cib.AddLocation(pacemaker.Location{ID: fmt.Sprintf("%s-%d", id, j), Resource: id, Node: node, Score: score}))
		}
	}
	for _, node := range []string{"ct6-mds1", "ct6-mds2"} {
		names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"0_fence_agent", "0_fence_login", "0_fence_password",
			"0_fence_plug", "1_fence_agent", "1_fence_ipaddr", "standby", "rack"}), 0, 8, rapid.ID)
		for _, name := range names.Draw(t, "attributes of "+node) {
			require.NoError(t, cib.SetNodeAttribute(node, name, value.Draw(t, name)))
		}
	}
	return cib
}

// For any such pair the list of commands, run one by one on a simulated cluster, and the pushes give the same cluster
// at every stage; in the end it is that of the backup. Nothing runs before the switch-over (H8), the nodes are never in
// standby (H11), and no command that runs has a secret among its arguments but those of the fencing attributes, for
// which there is the push.
func TestAnyPairIsTheSameInBothForms(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cib := anyPair(rt)
		_, conf, err := read()
		require.NoError(rt, err)
		names, err := pacemaker.ShortNames(node1, node2)
		require.NoError(rt, err)
		plan, err := rebuild.New(cib, conf, rebuild.Options{Node1: node1, Node2: node2, Names: names, ByXML: true})
		require.NoError(rt, err)
		for _, s := range plan.Sections() {
			for _, o := range s.Operations {
				if s.Name != "fencing" {
					require.Empty(rt, o.Runs().Secret, "%s", o)
				}
			}
		}
		byCommands, byPush := started(t, plan), started(t, plan)
		differences := func(opts ...pacemaker.DiffOption) []pacemaker.Difference {
			return pacemaker.Diff(byPush.live(), byCommands.live(),
				append(opts, pacemaker.ManagedIDs(), pacemaker.Expect(pacemaker.ExpectStonithByPCS))...)
		}
		for _, s := range plan.Sections()[1:7] {
			byCommands.do(s.Operations...)
		}
		push, err := plan.Push(byPush.live(), rebuild.StagePrepared)
		require.NoError(rt, err)
		byPush.do(push)
		require.Empty(rt, differences())
		for id := range byCommands.running() {
			require.NotContains(rt, id, "demo-OST", "H8")
		}
		byCommands.do(plan.SwitchOver...)
		over, err := plan.SwitchOverPush(byPush.live())
		require.NoError(rt, err)
		byPush.do(over)
		for _, p := range []pair{byCommands, byPush} {
			p.w.Advance(time.Minute)
			p.join(plan)
		}
		require.Empty(rt, differences())
		byCommands.do(plan.Fencing...)
		fencing, err := plan.FencingPush(byPush.live())
		require.NoError(rt, err)
		fencing.Node = node1
		byPush.do(fencing)
		require.Empty(rt, differences())
		for _, n := range byCommands.live().Nodes() {
			_, standby := n.Attributes.Get("standby")
			require.False(rt, standby, "H11")
		}
		// What the guide sets where the backup says nothing is expected, too.
		guide := func(d pacemaker.Difference) bool {
			return d.Kind == "property" && !d.InOld &&
				(d.Subject == "no-quorum-policy" || d.Subject == "stonith-enabled" || d.Subject == "symmetric-cluster")
		}
		for _, d := range pacemaker.Diff(cib, byCommands.live(), pacemaker.RenameNodes(names), pacemaker.ManagedIDs(),
			pacemaker.Expect(pacemaker.RebuildExpectations()...)) {
			require.True(rt, guide(d), "%s", d)
		}
	})
}
