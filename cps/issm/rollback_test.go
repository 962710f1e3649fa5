package issm_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// holdAt runs the migration until the operator stops it at a step with a manual action.
func holdAt(t testing.TB, cfg issm.Config, opts cpstest.Options, step string) (*evenkeel.Runbook, outcome) {
	t.Helper()
	rb := runbook(t, cfg)
	o := runOn(t, rb, deploy(t, opts), step)
	var hold *evenkeel.Pause
	require.ErrorAs(t, o.err, &hold)
	require.Equal(t, step, hold.Step)
	return rb, o
}

func (o outcome) state(t testing.TB) *evenkeel.State {
	t.Helper()
	st, err := evenkeel.ReadState(o.journal.Records())
	require.NoError(t, err)
	return st
}

// TestRollback goes back from where calls drop (WF-004, CPS-238, CPS-239, CPS-245..253): the end is the old release
// everywhere, no rule broken on the way.
func TestRollback(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg  issm.Config
		opts cpstest.Options
		hold string
	}{
		"after the swap":                        {hold: "calls"},
		"before the swap":                       {hold: "users-set-1"},
		"the ADMIN arbiter stays away, CPS-243": {hold: "calls", opts: cpstest.Options{AdminArbiterStops: true}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.cfg.ArchiveDir = t.TempDir()
			rb, o := holdAt(t, tc.cfg, tc.opts, tc.hold)
			rolled := rollBack(t, rb, o, "")
			require.NoError(t, rolled.err, "%v", rolled.events)
			require.Equal(t, "cps-issm-rollback", rolled.report.State.Rollback.Run.Runbook)
			require.NoError(t, o.world.Check())
			requireRolledBack(t, o.world)
			_, known := rolled.report.State.Rollback.Facts["primaries.moved"]
			require.True(t, known, "CPS-248: who is primary now is told")
			_, err := evenkeel.Resume(t.Context(), rb, o.world, evenkeel.Options{Journal: o.journal, Clock: o.world.Clock()})
			var over *evenkeel.RolledBackError
			require.ErrorAs(t, err, &over, "the migration is over")
			require.False(t, over.Ended.IsZero())
		})
	}
}

// TestMigrationAfterRollback: a migration that was taken back is not the last one; the second finds what the first has left behind.
func TestMigrationAfterRollback(t *testing.T) {
	rb, o := holdAt(t, issm.Config{ArchiveDir: t.TempDir()}, cpstest.Options{}, "calls")
	require.NoError(t, rollBack(t, rb, o, "").err)
	again := runOn(t, runbook(t, issm.Config{ArchiveDir: t.TempDir()}), o.world, "")
	require.NoError(t, again.err, "%v", again.events)
	require.NoError(t, o.world.Check())
	requireMigrated(t, o.world)
}

func requireRolledBack(t testing.TB, w simulated) {
	t.Helper()
	r := w.Report()
	require.Equal(t, "19.4.0", r.Manager.Release)
	for _, vm := range r.VMs {
		require.Equal(t, "19.4.0", vm.Release, vm.Alias)
		require.True(t, vm.Serving, vm.Alias)
	}
	require.True(t, r.Sets[0].Traffic && r.Sets[1].Traffic)
	for _, set := range r.Replicas {
		require.NotEmpty(t, set.Primary, set.Set)
		require.Len(t, set.Members, 3, set.Set)
	}
}

// TestRollbackOnPaper: what the operator reviews at three in the morning (WF-004, CPS-250, CPS-251, CPS-252).
func TestRollbackOnPaper(t *testing.T) {
	rb, o := holdAt(t, issm.Config{ArchiveDir: t.TempDir(), ArbiterVIP: vipAddress}, cpstest.Options{}, "calls")
	back, err := rb.RollbackPlan(o.state(t))
	require.NoError(t, err)
	var md strings.Builder
	require.NoError(t, back.Markdown(&md))
	golden.Check(t, "issm-rollback.md", md.String())
}

// TestRehearseRollback rolls back from every point of the migration, and crashes within the rollback.
func TestRehearseRollback(t *testing.T) {
	report := rehearse(t, runbook(t, issm.Config{ArchiveDir: t.TempDir()}), deploy(t, cpstest.Options{}), 37, evenkeel.RollbackFrom)
	if !thinned() {
		require.Positive(t, report.Rollbacks.Within)
	}
}

// TestRollbackByState is the guide's rule when a rollback is possible (CPS-245, cps:1814,1832).
func TestRollbackByState(t *testing.T) {
	rb := runbook(t, issm.Config{ArchiveDir: "/srv/archives", SourceISO: "/root/CPS_19.4.0.release.iso"})
	at := func(step string, done bool) *evenkeel.State {
		j := &evenkeel.MemJournal{}
		require.NoError(t, j.Append(evenkeel.Record{Kind: evenkeel.KindBegin, Run: &evenkeel.RunInfo{ID: "r", Runbook: rb.Name}}))
		for _, s := range rb.Steps {
			require.NoError(t, j.Append(evenkeel.Record{Kind: evenkeel.KindStep, Step: s.ID}))
			facts := evenkeel.Facts{}
			for _, k := range s.Makes {
				facts[k.Name()] = []byte(`"known"`)
			}
			if s.ID == step && !done {
				require.NoError(t, j.Append(evenkeel.Record{Kind: evenkeel.KindStart, Step: s.ID, Action: "in-the-middle", Facts: facts}))
				break
			}
			require.NoError(t, j.Append(evenkeel.Record{Kind: evenkeel.KindStepDone, Step: s.ID, Facts: facts}))
			if s.ID == step {
				break
			}
		}
		st, err := evenkeel.ReadState(j.Records())
		require.NoError(t, err)
		return st
	}
	const rollback, undo = "cps-issm-rollback", "Roll back: "
	for _, tc := range []struct {
		step string
		done bool
		want string // part of the rollback's title, or of the refusal
	}{
		{"backup-cluman", false, undo},
		{"deploy-cluman", true, undo},
		{"restore-cluman", true, undo},
		{"cluster-sets", true, undo},
		{"disable-set-1", false, "finish that step by resuming this run, then roll back"},
		{"disable-set-1", true, "after \"migrate.sh enable set 1\" has been run"},
		{"redeploy-set-1", false, "after \"migrate.sh enable set 1\" has been run"},
		{"enable-set-1", false, "after \"migrate.sh enable set 1\" has been run"},
		{"enable-set-1", true, rollback},
		{"members-set-1", false, rollback}, // CPS-240
		{"traffic-swap", false, rollback},  // CPS-239
		{"calls", false, rollback},         // CPS-238
		{"disable-set-2", false, "these migration rollback steps cannot be used"},
		{"enable-set-2", true, "these migration rollback steps cannot be used"},
		{"hand-over", true, "these migration rollback steps cannot be used"},
	} {
		back, err := rb.RollbackPlan(at(tc.step, tc.done))
		var no *evenkeel.CannotRollBackError
		if errors.As(err, &no) {
			require.Contains(t, no.Error(), tc.want, "%s %v", tc.step, tc.done)
			continue
		}
		require.NoError(t, err, "%s %v", tc.step, tc.done)
		switch tc.want {
		case rollback:
			require.Equal(t, rollback, back.Name, "%s %v", tc.step, tc.done)
		case undo:
			require.Contains(t, back.Title, undo, "%s %v", tc.step, tc.done)
		default:
			t.Errorf("%s %v: no refusal", tc.step, tc.done)
		}
	}
}

// TestRollbackAfterCorosyncMoved: arbitervip has gone over to set 1, which is about to go; the old corosync is started
// first (CPS-207, CPS-250).
func TestRollbackAfterCorosyncMoved(t *testing.T) {
	rb := runbook(t, issm.Config{ArchiveDir: t.TempDir(), SingleClusterCorosync: true})
	w := deploy(t, cpstest.Options{})
	stop := make(chan struct{})
	journal := &evenkeel.MemJournal{}
	opts := evenkeel.Options{
		Journal: journal, Clock: w.Clock(), Operator: &technician{world: w}, Serial: true, RunID: testRun, Stop: stop,
		Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
			if e.Kind == evenkeel.EventStepDone && e.Step.ID == "corosync" {
				close(stop)
			}
		}),
	}
	report, err := evenkeel.Run(context.Background(), rb, w, opts)
	require.ErrorIs(t, err, evenkeel.ErrStopped)
	require.Equal(t, "pcrfclient02", w.Report().ArbiterVIP)
	require.NotNil(t, report)
	rolled := rollBack(t, rb, outcome{world: w, journal: journal}, "")
	require.NoError(t, rolled.err)
	require.NoError(t, w.Check())
	requireRolledBack(t, w)
	require.Equal(t, "pcrfclient01", w.Report().ArbiterVIP)
}

// TestRollbackStopsRecoveringMembers: a big replica set never catches up; its mongod on the new VM is stopped before
// anything else (CPS-249, MON-034).
func TestRollbackStopsRecoveringMembers(t *testing.T) {
	rb := runbook(t, issm.Config{ArchiveDir: t.TempDir()})
	w := deploy(t, cpstest.Options{Data: map[string]cpstest.Data{"set02": {OplogWindow: 10 * time.Minute, ApplyRate: 0.2}}})
	o := runOn(t, rb, w, "")
	require.ErrorContains(t, o.err, "sessionmgr02 is RECOVERING in BALANCE:set02", "CPS-240")
	rolled := rollBack(t, rb, o, "rolled-back")
	stopped := false
	for _, e := range w.Log() {
		stopped = stopped || e.Host == "sessionmgr02" && strings.Join(e.Argv, " ") == "/usr/bin/systemctl stop sessionmgr-27718"
	}
	require.True(t, stopped)
	require.NoError(t, w.Check())
	require.Equal(t, evenkeel.Did, rolled.state(t).Rollback.Step("rollback").Progress, "%v", rolled.err)
}

// TestNoRollbackWhenSharded (CPS-247, cps:1822).
func TestNoRollbackWhenSharded(t *testing.T) {
	sharded := strings.Replace(fixture(t, "mongoConfig-six-sets.cfg"), "SETNAME=set01\n", "SETNAME=set01\nSHARD_COUNT=4\n", 1)
	mc, err := cps.ParseMongoConfig(text("mongoConfig.cfg", sharded))
	require.NoError(t, err)
	m, err := issm.New(issm.Config{ArchiveDir: "/srv/archives"}, guideHosts(t), mc)
	require.NoError(t, err)
	require.Equal(t, 1, rows(m.Findings())["CPS-247"])
	rb, err := m.Runbook()
	require.NoError(t, err)
	require.Contains(t, rb.Intro, "there is no rollback (cps:1822)")
	j := &evenkeel.MemJournal{}
	require.NoError(t, j.Append(evenkeel.Record{Kind: evenkeel.KindBegin, Run: &evenkeel.RunInfo{ID: "r", Runbook: rb.Name}}))
	require.NoError(t, j.Append(evenkeel.Record{Kind: evenkeel.KindStepDone, Step: "enable-set-1"}))
	st, err := evenkeel.ReadState(j.Records())
	require.NoError(t, err)
	_, err = rb.RollbackPlan(st)
	var no *evenkeel.CannotRollBackError
	require.ErrorAs(t, err, &no)
	require.Contains(t, no.Reason, "sharding configured")
}

// TestRollbackBeforeSet1 goes back while every VM is old: the old Cluster Manager returns.
func TestRollbackBeforeSet1(t *testing.T) {
	cfg := issm.Config{ArchiveDir: t.TempDir(), SourceISO: "/root/CPS_19.4.0.release.iso"}
	rb, o := holdAt(t, cfg, cpstest.Options{}, "restore-cluman")
	require.NoError(t, rollBack(t, rb, o, "").err)
	require.NoError(t, o.world.Check())
	require.Equal(t, "19.4.0", o.world.Report().Manager.Release)
}
