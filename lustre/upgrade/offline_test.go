package upgrade_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

func goOffline(c *upgrade.Config) { c.Offline = true }

// LUS-044, LUS-045: with the targets stopped, both nodes are rebuilt at once, and each target starts once, where it belongs.
func TestOffline(t *testing.T) {
	for name, c := range map[string]struct {
		world lustretest.Options
		mend  func(*upgrade.Config)
	}{
		"guide":   {},
		"atomic":  {mend: func(c *upgrade.Config) { c.Atomic = true }},
		"ldiskfs": {mend: func(c *upgrade.Config) { c.Profile = lustre.LDISKFSOnly }},
		"modern": {world: lustretest.Options{OldPCS: pcs.V011, NewPCS: pcs.V011},
			mend: func(c *upgrade.Config) { c.OldPCS, c.NewPCS = pcs.V011, pcs.V011 }},
		"16 targets": {world: lustretest.Options{OSTs: 14}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, c.world, func(cfg *upgrade.Config) {
				if goOffline(cfg); c.mend != nil {
					c.mend(cfg)
				}
			})
			judged(t, s.book)
			p := s.play(t)
			require.NoError(t, p.run())
			require.NoError(t, p.w.Check())
			r := p.w.Report()
			require.Empty(t, r.Fences)
			for _, target := range r.Targets {
				require.Len(t, target.Windows, 1, "%s is down once", target.Label)
				require.Len(t, target.On, 1, "%s runs", target.Label)
			}
			require.Equal(t, []string{lustretest.Node1}, r.Target("MGS").On)
			require.Equal(t, []string{lustretest.Node2}, r.Target("demo-MDT0000").On)
			for _, h := range r.Hosts {
				require.Contains(t, h.Release, "release 7")
				require.True(t, h.Member)
			}
			require.Equal(t, "enabled\nenabled", p.sh(lustretest.Node2, "systemctl is-enabled corosync pacemaker"))
		})
	}
}

// Offline, a pair that people made goes there, and back as it was: its pools on one node each, no role said that was not.
func TestOfflineByHand(t *testing.T) {
	for name, site := range handMade {
		t.Run(name, func(t *testing.T) {
			goHand := func(c *upgrade.Config) {
				goOffline(c)
				ownRepos(c)
			}
			s := newScene(t, lustretest.Options{Site: site(pcs.V09)}, goHand)
			judged(t, s.book)
			if name == "zfs" {
				require.True(t, slices.ContainsFunc(s.book.Invariants, func(i evenkeel.Invariant) bool { return i.ID == "imported-once" && i.Absolute }))
			}
			p := s.play(t)
			require.NoError(t, p.run())
			require.NoError(t, p.w.Check())

			s = newScene(t, lustretest.Options{Site: site(pcs.V09), InstallTime: -1}, goHand)
			roles := func(p *play) int {
				return strings.Count(p.sh(lustretest.Node1, "cibadmin --query"), `name="target-role"`)
			}
			p = s.play(t)
			before := roles(p)
			p.stop = make(chan struct{})
			p.watch = func(e evenkeel.Event) {
				if e.Kind == evenkeel.EventStepDone && e.Step.ID == "stop-targets" && p.stop != nil {
					close(p.stop)
					p.watch = func(evenkeel.Event) {}
				}
			}
			require.ErrorIs(t, p.run(), evenkeel.ErrStopped)
			p.stop = nil
			require.NoError(t, p.rollBack())
			require.NoError(t, p.w.Check())
			require.Equal(t, before, roles(p))
		})
	}
}

// A life that ends when corosync has stopped on one node, where no ring can be seen any more, is resumed.
func TestOfflineResumesBetweenTheClusters(t *testing.T) {
	s := newScene(t, lustretest.Options{}, goOffline)
	for _, id := range []string{"pacemaker-1", "corosync-1", "corosync-2"} {
		p := s.stopAt(t, "stop-targets", id, true)
		require.NoError(t, p.resume(), id)
		require.NoError(t, p.w.Check(), id)
	}
}

// The tool may die anywhere, offline too.
func TestOfflineRehearsal(t *testing.T) {
	s := newScene(t, lustretest.Options{}, goOffline)
	report, err := evenkeel.Rehearse(t.Context(), s.book, s.world.Rehearsal(), s.rehearsal(t, every(t, 151)))
	require.NoError(t, err)
	for _, f := range report.Failures[:min(len(report.Failures), 20)] {
		t.Error(f)
	}
	t.Logf("%d commands, %d records, %d schedules, %d failures", report.Commands, report.Records, report.Schedules, len(report.Failures))
}

// Until the first system is erased, the pair comes back as it was; from there on it says that it cannot.
func TestOfflineRollback(t *testing.T) {
	s := newScene(t, lustretest.Options{InstallTime: -1}, goOffline)
	for _, at := range []string{"stop-targets", "shutdown-node1"} {
		p := s.play(t)
		p.stop = make(chan struct{})
		p.watch = func(e evenkeel.Event) {
			if e.Kind == evenkeel.EventStepDone && e.Step.ID == at && p.stop != nil {
				close(p.stop)
				p.watch = func(evenkeel.Event) {}
			}
		}
		require.ErrorIs(t, p.run(), evenkeel.ErrStopped, at)
		require.Empty(t, p.w.Report().Target("MGS").On)
		p.stop = nil
		require.NoError(t, p.rollBack(), at)
		require.NoError(t, p.w.Check())
		r := p.w.Report()
		require.Equal(t, []string{lustretest.Node1}, r.Target("MGS").On, at)
		require.Equal(t, []string{lustretest.Node2}, r.Target("demo-MDT0000").On, at)
		require.Contains(t, p.sh(lustretest.Node1, "pcs property show"), "stonith-enabled: true")
	}
	_, gone := s.book.Step("install-node1")
	require.True(t, gone)
	for _, id := range []string{"install-node1", "install-node2", "cluster-node1", "start-targets"} {
		st, _ := s.book.Step(id)
		require.Contains(t, st.Irreversible, "no target runs", id)
	}
}

// A node that would keep a target is found before its cluster stops, and one that has a target mounted is not shut down.
func TestOfflineFindsWhatIsMounted(t *testing.T) {
	s := newScene(t, lustretest.Options{}, goOffline)
	order := s.places(t, "stop-targets", "stop", "empty-1", "released-1", "hold", "held", "disable-1", "pacemaker-1", "pacemaker-2", "corosync-1")
	require.True(t, slices.IsSorted(order), "%v", order)
	for _, n := range both {
		order := s.places(t, "shutdown-"+n, "backup", "free", "shutdown")
		require.True(t, slices.IsSorted(order), "%v", order)
		free := s.action(t, "shutdown-"+n, "free").Expect.Check
		const root = "rootfs / rootfs rw 0 0\n"
		require.NoError(t, free(seen(0, root, "")))
		require.Error(t, free(seen(0, root+"/dev/sdb /mnt/MGS lustre rw 0 0\n", "")))
	}
	order = s.places(t, "start-targets", "able-1", "able-2", "hostids", "ready", "settled", "free-1", "free-2", "enable", "status")
	require.True(t, slices.IsSorted(order), "%v", order)
	same := s.action(t, "start-targets", "hostids").Expect.Check
	o := seen(0, "12345678\n", "")
	o.Facts["node1.hostid"] = []byte(`"87654321"`)
	require.NoError(t, same(o))
	o.Facts["node1.hostid"] = []byte(`"12345678"`)
	require.ErrorContains(t, same(o), "both servers have the host id 12345678")
	for _, silent := range []string{"", "\n", "hostid: not found\n"} {
		o.Stdout = []byte(silent)
		require.Error(t, same(o), "%q", silent)
	}
}

// Each command goes wrong, here and there and in each way: nothing is ever mounted twice, and when the cause is gone the run
// finishes or waits for the operator.
func TestOfflineFaults(t *testing.T) {
	newScene(t, lustretest.Options{}, goOffline).struckThroughout(t, every(t, 110))
}

// LUS-045: it is shorter, since both nodes are rebuilt at the same time, and it costs an outage as long as that; the
// timetables of both say so.
func TestOfflineTakesLessTime(t *testing.T) {
	stated := map[string]time.Duration{}
	for _, n := range both {
		stated["install-"+n], stated["lustre-"+n] = time.Hour, 30*time.Minute
	}
	online, err := newScene(t, lustretest.Options{}, nil).book.Timetable(evenkeel.TimetableOptions{Stated: stated})
	require.NoError(t, err)
	book := newScene(t, lustretest.Options{}, goOffline).book
	off, err := book.Timetable(evenkeel.TimetableOptions{Stated: stated})
	require.NoError(t, err)
	require.Greater(t, online.Total.For, 3*time.Hour, "the two nodes, one after the other")
	require.Less(t, off.Total.For, online.Total.For-time.Hour)
	require.Len(t, online.Windows, 3)
	require.Empty(t, off.Windows)
	require.Len(t, off.Absences, 1)
	require.Greater(t, off.Absences[0].Lasts.For, 90*time.Minute)
	require.Less(t, off.Absences[0].Lasts.For, off.Total.For)
	var b strings.Builder
	require.NoError(t, off.Text(&b))
	require.Contains(t, b.String(), "every target of the pair, as announced [lustre:347]")
	require.NotContains(t, b.String(), "oplog")
	require.Contains(t, book.Intro, "nothing is served from step stop-targets to the end of step start-targets")
}
