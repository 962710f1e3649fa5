package pair_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair/pairtest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// interrupted is a run that broke off behind a step.
func interrupted(t *testing.T, s *scene, last string) evenkeel.Journal {
	t.Helper()
	journal := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, stopping{journal, last}))
	require.ErrorIs(t, err, errStopped)
	return journal
}

// pausedAt is the step at which a run or a rollback paused.
func pausedAt(t *testing.T, err error) string {
	t.Helper()
	var pause *evenkeel.Pause
	require.ErrorAs(t, err, &pause)
	return pause.Step
}

// does runs a command in the world, which then has time to follow.
func (s *scene) does(t *testing.T, host string, argv ...string) {
	t.Helper()
	s.world.Do(func(st *simhost.State) {
		res, err := st.Run(host, sshexec.Command(sshexec.Mutating, argv...))
		require.NoError(t, err)
		require.Zero(t, res.ExitCode, "%s", res.Stderr)
		st.Sleep(time.Minute)
	})
}

// restarter is an operator who restarts a node before the word that its update is complete.
type restarter struct {
	*person
	before string // what the node had installed when the word was asked for
}

func (r *restarter) Prompt(ctx context.Context, ask evenkeel.Prompt) (string, error) {
	if ask.Why == "" && ask.Step.Host == pairtest.Node1 {
		r.w.Do(func(st *simhost.State) {
			h := st.Host(pairtest.Node1)
			r.before = h.Package("pacemaker")
			st.Sleep(10 * time.Minute)
			h.Restart(st)
			st.Sleep(10 * time.Minute)
		})
	}
	return r.person.Prompt(ctx, ask)
}

// Without restart the operator restarts the node, and then confirms that the update is complete: the run waits for that.
func TestTheOperatorRestartsFirst(t *testing.T) {
	s := rollingScene(t, pairtest.Options{}, nil)
	r := &restarter{person: &person{w: s.world}}
	opts := options(s.world, &evenkeel.MemJournal{})
	opts.Operator = r
	_, err := evenkeel.Run(t.Context(), s.book, s.world, opts)
	require.NoError(t, err)
	require.NoError(t, s.world.Check())
	require.Equal(t, "2.1.7-5.el9", r.before)
}

// A cluster that somebody starts before the restart is not restarted away.
func TestNoRestartUnderACluster(t *testing.T) {
	s := rollingScene(t, pairtest.Options{}, func(c *pair.Config) { c.Restart = true })
	var boot string
	starts := func(r evenkeel.Record) {
		if r.Kind == evenkeel.KindEnd && r.Step == "update-node1" && r.Action == "packaged" {
			boot = s.says(t, pairtest.Node1, "cat", sshexec.BootIDFile)
			s.does(t, pairtest.Node1, "systemctl", "start", "corosync", "pacemaker")
		}
	}
	_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, listening{&evenkeel.MemJournal{}, starts}))
	require.ErrorContains(t, err, "away-still-stopped")
	require.Equal(t, boot, s.says(t, pairtest.Node1, "cat", sshexec.BootIDFile))
}

// When the feature set has risen, a rollback is refused as a whole before it begins, and the run goes on.
func TestNoRollBackWhenTheFeatureSetHasRisen(t *testing.T) {
	s := rollingScene(t, pairtest.Options{}, nil)
	journal := interrupted(t, s, "return-node1")
	s.world.Do(func(st *simhost.State) {
		st.Host(pairtest.Node2).Restart(st)
		st.Sleep(10 * time.Minute)
	})
	history := s.says(t, pairtest.Node1, "stonith_admin", "--history", pairtest.Node2)
	s.world.Do(func(st *simhost.State) { st.Host(pairtest.Node1).MustWrite(st, "/root/evenkeel-seen", history, 0o600) })
	before := s.world.Hash()
	report, err := evenkeel.Rollback(t.Context(), s.book, s.world, options(s.world, journal))
	require.ErrorContains(t, err, "the cluster has the feature set 3.19.0, and had 3.16.2 before the run")
	require.ErrorContains(t, err, "Go on with `resume`")
	require.NotNil(t, report.Barrier)
	require.Equal(t, before, s.world.Hash())
	_, err = evenkeel.Resume(t.Context(), s.book, s.world, options(s.world, journal))
	require.NoError(t, err)
	require.NoError(t, s.world.Check())
}

// It rises while a rollback is under way, before each of the undos: no old package is installed and nothing is stopped.
func TestTheFeatureSetRisesInARollback(t *testing.T) {
	for _, undo := range []string{"undo-return-node1", "undo-rejoin-node1", "undo-update-node1", "undo-leave-node1"} {
		t.Run(undo, func(t *testing.T) {
			s := rollingScene(t, pairtest.Options{}, nil)
			journal := interrupted(t, s, "return-node1")
			stamped := false
			rises := func(r evenkeel.Record) {
				if r.Step != undo || stamped {
					return
				}
				stamped = true
				s.world.Do(func(st *simhost.State) { // as if node 2 had been replaced meanwhile
					st.Host(pairtest.Node2).SetPackage(st, "pacemaker", "2.1.7-5.el9")
				})
				s.does(t, pairtest.Node2, "pcs", "property", "set", "batch-limit=20")
			}
			_, err := evenkeel.Rollback(t.Context(), s.book, s.world, options(s.world, listening{journal, rises}))
			require.ErrorContains(t, err, "the old software of nfs1.example.com cannot join it any more")
			require.Equal(t, undo, pausedAt(t, err))
			require.Equal(t, undo == "undo-leave-node1", strings.Contains(s.says(t, pairtest.Node1, "rpm", "-q", "pacemaker"), "2.1.5"))
		})
	}
}

// Before node 1 is emptied again in a rollback, node 2 has to be able to run everything.
func TestUndoOfAReturnNeedsTheOtherNode(t *testing.T) {
	for name, c := range map[string]struct {
		argv []string
		want string
	}{
		"in standby":     {[]string{"pcs", "node", "standby", pairtest.Node2}, "is in standby"},
		"in maintenance": {[]string{"pcs", "node", "maintenance", pairtest.Node2}, "is in maintenance"},
		"a ban": {[]string{"pcs", "constraint", "location", "database", "avoids", pairtest.Node2},
			"would run nowhere without " + pairtest.Node1},
	} {
		t.Run(name, func(t *testing.T) {
			s := rollingScene(t, pairtest.Options{}, nil)
			journal := interrupted(t, s, "return-node1")
			s.does(t, pairtest.Node1, c.argv...)
			_, err := evenkeel.Rollback(t.Context(), s.book, s.world, options(s.world, journal))
			require.ErrorContains(t, err, c.want)
			require.Equal(t, "undo-return-node1", pausedAt(t, err))
			require.NotContains(t, s.says(t, pairtest.Node1, "crm_mon", "-1"), "nfs1.example.com: standby")
		})
	}
}

// The node that serves has lost its cluster: the run pauses, and does not touch the node that is away.
func TestTheServingNodeHasNoCluster(t *testing.T) {
	s := rollingScene(t, pairtest.Options{}, nil)
	journal := interrupted(t, s, "leave-node1")
	s.does(t, pairtest.Node2, "systemctl", "stop", "pacemaker")
	_, err := evenkeel.Resume(t.Context(), s.book, s.world, options(s.world, journal))
	require.Equal(t, "update-node1", pausedAt(t, err))
	require.ErrorContains(t, err, "the cluster does not run on nfs2.example.com, which is to serve every unit")
}

// A unit without a look of its own is known by the cluster's record alone: stopped on the other node, it keeps this one.
func TestAUnitWithoutALookRunsOnTheOtherNode(t *testing.T) {
	for last, next := range map[string]string{"evacuate-node1": "leave-node1", "leave-node1": "update-node1", "update-node1": "rejoin-node1"} {
		t.Run(next, func(t *testing.T) {
			s := rollingScene(t, pairtest.Options{CIB: withMagic(pairtest.File("cib.xml"))}, func(c *pair.Config) {
				c.Outage = time.Minute
			})
			journal := interrupted(t, s, last)
			s.does(t, pairtest.Node2, "pcs", "resource", "disable", "magic")
			_, err := evenkeel.Resume(t.Context(), s.book, s.world, options(s.world, journal))
			require.ErrorContains(t, err, next)
			require.ErrorContains(t, err, "placed")
		})
	}
}

// The pair is one node short, and says so, from the first evacuation to the last return.
func TestTheReducedWindow(t *testing.T) {
	s := rollingScene(t, pairtest.Options{}, nil)
	journal := &evenkeel.MemJournal{}
	report, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, stopping{journal, "leave-node1"}))
	require.ErrorIs(t, err, errStopped)
	require.Contains(t, report.State.Windows, "update")
	require.ErrorContains(t, err, "no second node stands by")
	report, err = evenkeel.Resume(t.Context(), s.book, s.world, options(s.world, journal))
	require.NoError(t, err)
	require.Empty(t, report.State.Windows)
}

// A pair that does not wait for both nodes at its start is refused, and noted where somebody accepts it.
func TestRollingWantsWaitForAll(t *testing.T) {
	site := func() *pairtest.World {
		w := pairtest.New(pairtest.Options{Release: "el9"})
		w.Do(func(st *simhost.State) {
			for _, host := range []string{pairtest.Node1, pairtest.Node2} {
				h := st.Host(host)
				text, _ := h.ReadFile("/etc/corosync/corosync.conf")
				h.MustWrite(st, "/etc/corosync/corosync.conf", strings.Replace(text, "two_node: 1", "two_node: 1\n    wait_for_all: 0", 1), 0o644)
			}
		})
		return w
	}
	cfg := config(t, site())
	cfg.Way, cfg.From, cfg.To, cfg.Password, cfg.Versions = "rolling", "el9", "el9", "", pairtest.Versions("el9")
	_, err := pair.Load(cfg)
	require.ErrorContains(t, err, "two_node without wait_for_all")
	cfg.InSpite = true
	p, err := pair.Load(cfg)
	require.NoError(t, err)
	book, err := p.Runbook()
	require.NoError(t, err)
	require.Contains(t, book.Intro, "BLOCKER, OVERRIDDEN: corosync.conf says two_node without wait_for_all")
}

// A pair without fence-agents-all goes this way: other packages bring its agents.
func TestRollingWithoutAllFenceAgents(t *testing.T) {
	s := rollingScene(t, pairtest.Options{}, nil)
	s.world.Do(func(st *simhost.State) {
		for _, host := range []string{pairtest.Node1, pairtest.Node2} {
			st.Host(host).SetPackage(st, "fence-agents-all", "")
		}
	})
	_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, &evenkeel.MemJournal{}))
	require.NoError(t, err)
}

// At the end both nodes have the same versions of all that is watched, and not only of what the update names.
func TestBothNodesEndAlike(t *testing.T) {
	s := rollingScene(t, pairtest.Options{}, nil)
	other := meddling{&evenkeel.MemJournal{}, "rebalance", func() {
		s.world.Do(func(st *simhost.State) { st.Host(pairtest.Node2).SetPackage(st, "pcs", "0.11.9-1.el9") })
	}}
	_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, other))
	require.ErrorContains(t, err, "have other versions of one package: pcs-")
	require.Equal(t, "finish", pausedAt(t, err))
}
