package upgrade_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// H27 for pools: whatever says that a pool, or one target of a group, is not gone from node 2 keeps the whole group from
// starting on node 1, and no other. When it has ended, the run goes on to its end.
func TestWhatKeepsAGroup(t *testing.T) {
	const pool, of = "ost0pool", "zfs-ost0pool"
	s := newScene(t, lustretest.Options{Site: lustretest.ZFSGroups(pcs.V09)}, ownRepos)
	record := func(r pacemakertest.Record) func(*lustretest.Pair, bool) {
		return func(w *lustretest.Pair, holds bool) {
			w.Do(func(st *simhost.State) {
				if !holds {
					r.Operation, r.Code, r.Status = "", 0, 0 // cleaned up
				}
				pacemakertest.Of(st).Remember(st, lustretest.Node2, r)
			})
		}
	}
	process := func(args string) func(*lustretest.Pair, bool) {
		return func(w *lustretest.Pair, holds bool) {
			w.Do(func(st *simhost.State) {
				if h := st.Host(lustretest.Node2); holds {
					h.Spawn(st, args)
				} else {
					h.End(st, args)
				}
			})
		}
	}
	for name, tt := range map[string]struct {
		holds func(w *lustretest.Pair, holds bool)
		early bool // it holds before node 2 is told to release its targets
		says  string
	}{
		"the pool stays imported": {early: true, says: "its pool ost0pool is imported",
			holds: func(w *lustretest.Pair, holds bool) { w.HoldPool(lustretest.Node2, pool, holds) }},
		"its export failed": {says: "crm_resource --cleanup -r zfs-ost0pool",
			holds: record(pacemakertest.Record{Resource: of, Operation: "stop", Code: 1, Status: 4})},
		"its export is under way": {says: "its stop of zfs-ost0pool is under way",
			holds: record(pacemakertest.Record{Resource: of, Operation: "stop", Code: 193, Status: -1})},
		"it is imported, says the record": {says: "recorded of zfs-ost0pool is a start that succeeded",
			holds: record(pacemakertest.Record{Resource: of, Operation: "start"})},
		"one of its targets failed to stop": {says: "crm_resource --cleanup -r hand-OST0001",
			holds: record(pacemakertest.Record{Resource: "hand-OST0001", Operation: "stop", Code: 1, Status: 2})},
		"an export by hand":  {says: `"zpool" is at work`, holds: process("zpool export ost0pool")},
		"an import by force": {says: `"/sbin/zpool" is at work`, holds: process("/sbin/zpool import -f ost0pool")},
		"an umount by hand":  {says: "is at work", holds: process("umount /lustre/hand-OST0001")},
	} {
		t.Run(name, func(t *testing.T) {
			action := "hand-over"
			if tt.early {
				action = "let-go"
			}
			p := s.stopAt(t, "switch-over", action, false)
			p.w.Advance(time.Minute) // what was released has stopped
			tt.holds(p.w, true)
			require.ErrorContains(t, p.resume(), tt.says)
			require.NoError(t, p.w.Check())
			r := p.w.Report()
			for _, label := range []string{"hand-OST0000", "hand-OST0001"} {
				require.NotContains(t, r.Target(label).On, lustretest.Node1, "%s started although it was not proven gone", label)
			}
			for _, label := range []string{"MGS", "hand-MDT0000", "hand-OST0002"} {
				require.Equal(t, []string{lustretest.Node1}, r.Target(label).On, "the others do not wait for ever")
			}
			tt.holds(p.w, false)
			require.NoError(t, p.resume())
			require.NoError(t, p.w.Check())
		})
	}
	t.Run("an export of all", func(t *testing.T) { // with a stop on record it names nothing that is not gone
		p := s.stopAt(t, "switch-over", "hand-over", false)
		p.w.Advance(time.Minute)
		process("zpool export -a")(p.w, true)
		record(pacemakertest.Record{Resource: of})(p.w, false)
		require.ErrorContains(t, p.resume(), `"zpool" is at work`)
		require.NotContains(t, p.w.Report().Target("hand-OST0000").On, lustretest.Node1)
		require.Equal(t, []string{lustretest.Node1}, p.w.Report().Target("MGS").On)
	})
}

// Nothing is enabled on a node whose health agents have said nothing yet, or nothing good; and what a pool or an agent
// needs is looked for before node 2 lets go.
func TestWhatANodeNeedsForAGroup(t *testing.T) {
	s := newScene(t, lustretest.Options{Site: lustretest.ZFSGroups(pcs.V09)}, ownRepos)
	for name, tt := range map[string]struct {
		lacks, has func(st *simhost.State, h *simhost.Host)
		says       string
	}{
		"LNet is down": {says: "pingd of ct6-mds1.lfs.intl is 0: its health agent finds something wrong",
			lacks: func(st *simhost.State, h *simhost.Host) { pacemakertest.Of(st).SetAttribute(st, h.Name, "pingd", "0") },
			has: func(st *simhost.State, h *simhost.Host) {
				pacemakertest.Of(st).SetAttribute(st, h.Name, "pingd", "1001")
			}},
		"nobody knows": {says: "lustred of ct6-mds1.lfs.intl is not known yet",
			lacks: func(st *simhost.State, h *simhost.Host) { pacemakertest.Of(st).SetAttribute(st, h.Name, "lustred", "") },
			has: func(st *simhost.State, h *simhost.Host) {
				pacemakertest.Of(st).SetAttribute(st, h.Name, "lustred", "1")
			}},
		"the agent is gone": {says: "/usr/lib/ocf/resource.d/heartbeat/ZFS is not there",
			lacks: func(st *simhost.State, h *simhost.Host) { _ = h.Remove(st, "/usr/lib/ocf/resource.d/heartbeat/ZFS") },
			has: func(st *simhost.State, h *simhost.Host) {
				h.MustWrite(st, "/usr/lib/ocf/resource.d/heartbeat/ZFS", "", 0o755)
			}},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.stopAt(t, "switch-over", "health", false)
			p.w.Do(func(st *simhost.State) { tt.lacks(st, st.Host(lustretest.Node1)) })
			require.ErrorContains(t, p.resume(), tt.says)
			for _, target := range p.w.Report().Targets {
				require.Equal(t, []string{lustretest.Node2}, target.On, "nothing is down")
			}
			p.w.Do(func(st *simhost.State) { tt.has(st, st.Host(lustretest.Node1)) })
			require.NoError(t, p.resume())
			require.NoError(t, p.w.Check())
		})
	}
}

// A pool that something imports on both nodes is seen at once; and one that something imported on the node that is about
// to take targets is seen before they move, be it that nobody else has it: its group is disabled, and stays so.
func TestAPoolThatNobodyAskedFor(t *testing.T) {
	site := lustretest.ZFSGroups(pcs.V09)
	site.CIB = strings.Replace(site.CIB, `<group id="group-ost2">`, `<group id="group-ost2"><meta_attributes id="group-ost2-meta">`+
		`<nvpair id="group-ost2-meta-role" name="target-role" value="Stopped"/></meta_attributes>`, 1)
	s := newScene(t, lustretest.Options{Site: site}, ownRepos)
	p := s.stopAt(t, "switch-over", "no-pool-1", false)
	p.sh(lustretest.Node1, "zpool import -f ost2pool")
	require.ErrorContains(t, p.resume(), "ct6-mds1.lfs.intl has imported the pool ost2pool")
	p.sh(lustretest.Node1, "zpool export ost2pool")
	require.NoError(t, p.resume())
	require.NoError(t, p.w.Check())
	r := p.w.Report()
	require.Empty(t, r.Target("hand-OST0002").On, "it was disabled")
	require.Equal(t, []string{lustretest.Node1}, r.Target("MGS").On)

	p = s.stopAt(t, "switch-over", "let-go", false)
	p.sh(lustretest.Node1, "zpool import -f mgspool")
	require.Error(t, p.w.Check())
	require.ErrorContains(t, p.resume(), "the pool mgspool is imported on both nodes")
	require.Equal(t, []string{lustretest.Node2}, p.w.Report().Target("MGS").On)
}
