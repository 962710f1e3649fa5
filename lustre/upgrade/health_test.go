package upgrade_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// said is the CIB of a cluster in which the health agents have said this of each node, by the name of the attribute.
func said(t *testing.T, nodes map[string]map[string]string) string {
	t.Helper()
	var b strings.Builder
	for i, node := range []string{lustretest.Node1, lustretest.Node2} {
		fmt.Fprintf(&b, `<node_state id="%d" uname="%s"><transient_attributes id="%[1]d"><instance_attributes id="status-%[1]d">`, i+1, node)
		for _, name := range []string{"pingd", "lustred"} {
			if value, has := nodes[node][name]; has {
				fmt.Fprintf(&b, `<nvpair id="status-%d-%s" name="%[2]s" value="%s"/>`, i+1, name, value)
			}
		}
		b.WriteString(`</instance_attributes></transient_attributes></node_state>`)
	}
	cib := lustretest.ZFSGroups(pcs.V09).CIB
	require.Contains(t, cib, "<status/>")
	return strings.Replace(cib, "<status/>", "<status>"+b.String()+"</status>", 1)
}

// LUS-063: a node that was installed anew is taken for well when its agents have said so. Each look for the health of a node is about that
// node and no other, and wants every attribute greater than 0: by the tool and on paper.
func TestEachLookForHealthIsAboutItsNode(t *testing.T) {
	well := map[string]string{"pingd": "1001", "lustred": "1"}
	without := func(name string) map[string]string {
		some := maps.Clone(well)
		delete(some, name)
		return some
	}
	with := func(name, value string) map[string]string {
		some := maps.Clone(well)
		some[name] = value
		return some
	}
	stays := newScene(t, lustretest.Options{Site: lustretest.ZFSGroups(pcs.V09)}, ownRepos)
	moves := newScene(t, loose(lustretest.ZFSGroups(pcs.V09)), ownRepos)
	stopped := newScene(t, lustretest.Options{Site: lustretest.ZFSGroups(pcs.V09)}, func(c *upgrade.Config) { ownRepos(c); goOffline(c) })
	for _, tt := range []struct {
		s        *scene
		step, id string
		node     string
	}{
		{stays, "switch-over", "health", lustretest.Node1}, {stays, "rebalance", "health-2", lustretest.Node2},
		{moves, "join-node2", "health-2", lustretest.Node2}, {stopped, "start-targets", "health-1", lustretest.Node1},
		{stopped, "start-targets", "health-2", lustretest.Node2},
	} {
		a := tt.s.action(t, tt.step, tt.id)
		other := map[string]string{lustretest.Node1: lustretest.Node2, lustretest.Node2: lustretest.Node1}[tt.node]
		shows := strings.Join(a.Paper[0].Shows, "\n")
		onPaper := func(cib string) string {
			return byHand(t, "cibadmin() { cat <<'EOF'\n"+strings.ReplaceAll(cib, "><", ">\n<")+"\nEOF\n}", a.Paper[0].Script)
		}
		of := func(mine, others map[string]string) string {
			return said(t, map[string]map[string]string{tt.node: mine, other: others})
		}
		for _, others := range []map[string]string{well, nil, with("pingd", "0")} {
			require.NoError(t, a.Expect.Check(seen(0, of(well, others), "")), tt.step)
			require.Equal(t, shows, onPaper(of(well, others)), tt.step)
		}
		for what, mine := range map[string]map[string]string{
			"nothing is known": nil, "no LNet": with("pingd", "0"), "no Lustre": with("lustred", "0"), "less than nothing": with("lustred", "-1"),
			"no number": with("pingd", "up"), "LNet is not known": without("pingd"), "Lustre is not known": without("lustred"),
		} {
			var later *evenkeel.Retry
			require.ErrorAs(t, a.Expect.Check(seen(0, of(mine, well), "")), &later, "%s/%s: %s", tt.step, tt.id, what)
			require.Contains(t, later.Reason, " of "+tt.node, what)
			require.NotEqual(t, shows, onPaper(of(mine, well)), "%s/%s: %s", tt.step, tt.id, what)
		}
	}
}

// No target is moved to node 2 before its health agents have said that it is well.
func TestNothingMovesToANodeThatIsNotWell(t *testing.T) {
	s := newScene(t, lustretest.Options{Site: lustretest.ZFSGroups(pcs.V09)}, ownRepos)
	p := s.stopAt(t, "rebalance", "health-2", false)
	say := func(value string) {
		p.w.Do(func(st *simhost.State) { pacemakertest.Of(st).SetAttribute(st, lustretest.Node2, "pingd", value) })
	}
	say("0")
	require.ErrorContains(t, p.resume(), "pingd of "+lustretest.Node2+" is 0")
	for _, target := range p.w.Report().Targets {
		require.Equal(t, []string{lustretest.Node1}, target.On, "nothing has moved")
	}
	say("1001")
	require.NoError(t, p.resume())
	require.NoError(t, p.w.Check())
}

// LUS-044: offline nothing serves when node 2 joins: no window is opened for targets that would move then, even by themselves.
func TestJoinOpensNothingOffline(t *testing.T) {
	for name, site := range map[string]*lustretest.Site{"guide": lustretest.GuideSite(pcs.V09), "groups": lustretest.ZFSGroups(pcs.V09)} {
		s := newScene(t, loose(site), func(c *upgrade.Config) {
			if goOffline(c); name == "groups" {
				ownRepos(c)
			}
		})
		join, has := s.book.Step("join-node2")
		require.True(t, has)
		require.Empty(t, join.Opens, name)
		require.Empty(t, join.Closes, name)
		require.Len(t, join.Verify, 3, name)
	}
}
