package issm_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/papertest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

const thirdSite = "site3-arbiter"

// thirdSiteSets are the guide's sets with the arbiter at the third site: that of set01 has members at the other site
// too, and set06 keeps arbitervip.
func thirdSiteSets(t testing.TB, edit ...string) string {
	t.Helper()
	text := strings.ReplaceAll(printed(t, guideMongo(t)), "arbitervip:", thirdSite+":")
	return strings.NewReplacer(append(edit, "ARBITER="+thirdSite+":27721", "ARBITER=arbitervip:27721",
		"MEMBER2=sessionmgr02:27717\n",
		"MEMBER2=sessionmgr02:27717\nMEMBER3=SEC-sessionmgr01:27717\nMEMBER4=SEC-sessionmgr02:27717\n")...).Replace(text)
}

func arbiterWorld(t testing.TB, opts cpstest.Options) simulated {
	t.Helper()
	opts.HostsCSV, opts.Migrated = printed(t, guideHosts(t)), true
	if opts.MongoConfig == "" {
		opts.MongoConfig = thirdSiteSets(t)
	}
	opts.ThirdSite.Name = thirdSite
	d, err := cpstest.New(opts)
	require.NoError(t, err)
	return simulated{d}
}

func planArbiter(t testing.TB, cfg issm.ArbiterConfig, sets string) (*evenkeel.Runbook, error) {
	t.Helper()
	mc, err := cps.ParseMongoConfig(text("mongoConfig.cfg", sets))
	require.NoError(t, err)
	if cfg.Arbiter == "" {
		cfg.Arbiter = thirdSite
	}
	return issm.MigrateArbiter(cfg, guideHosts(t), mc)
}

func migrateArbiter(t testing.TB) *evenkeel.Runbook {
	t.Helper()
	return migrateArbiterInto(t, t.TempDir())
}

func migrateArbiterInto(t testing.TB, archives string) *evenkeel.Runbook {
	t.Helper()
	rb, err := planArbiter(t, issm.ArbiterConfig{ArchiveDir: archives, SourceISO: "/root/cps-arbiter-19.4.0.iso"},
		thirdSiteSets(t))
	require.NoError(t, err)
	return rb
}

// vcenter is the operator who waits for the technician, and brings the old VM back when a rollback prompts for it.
type vcenter struct {
	world   simulated
	prompts int
}

func (v *vcenter) Prompt(ctx context.Context, ask evenkeel.Prompt) (string, error) {
	if v.prompts++; v.prompts > 60 {
		return "", evenkeel.NeedsOperator("prompted often enough: %s", ask.Why)
	}
	if ask.Action.ID == "old-arbiter" {
		_ = v.world.RestoreArbiter() // it fails where the old one is there already
		return "brought back", v.world.Sleep(ctx, 5*time.Minute)
	}
	if ask.Why != "" {
		return "waiting", v.world.Sleep(ctx, 2*time.Minute)
	}
	return "so it is", nil
}

func arbiterOptions(w simulated, j evenkeel.Journal) evenkeel.Options {
	return evenkeel.Options{Journal: j, Clock: w.Clock(), Operator: &vcenter{world: w}, RunID: testRun, Serial: true}
}

// TestArbiter (WF-003, CPS-079, CPS-212, CPS-234): the arbiter comes to its new VM by the engine and by hand, to the
// same end, and every replica set has it again.
func TestArbiter(t *testing.T) {
	w := arbiterWorld(t, cpstest.Options{})
	byHand, rb := w.Clone().(simulated), migrateArbiter(t)
	_, err := evenkeel.Run(t.Context(), rb, w, arbiterOptions(w, &evenkeel.MemJournal{}))
	require.NoError(t, err)
	require.NoError(t, w.Check())
	require.Contains(t, w.EndState(),
		thirdSite+`: 21.1.0, on, UTC, image mounted: "/root/cps-arbiter-21.1.0.iso", 27717 true`)
	for _, set := range w.Report().Replicas {
		for _, m := range set.Members {
			if strings.HasPrefix(m.Host, thirdSite) {
				require.Equal(t, "ARBITER", m.State, set.Set)
			}
		}
	}
	var md strings.Builder
	require.NoError(t, migrateArbiterInto(t, "/srv/archives").Markdown(&md))
	golden.Check(t, "arbiter.md", md.String())
	papertest.Follow(t, md.String(), byHand, papertest.Person{Dir: t.TempDir(), Unset: true, Pause: time.Minute,
		Secret: func(string) string { return "" }, ByHand: func(string, string) error { return nil }})
	require.NoError(t, byHand.Check())
	require.Equal(t, w.Hash(), byHand.Hash())
}

// arbiterRollback rolls a run back that has stopped at some place.
func arbiterRollback(t *testing.T, rb *evenkeel.Runbook, w simulated, j *evenkeel.MemJournal) error {
	t.Helper()
	_, err := evenkeel.Rollback(t.Context(), rb, w, arbiterOptions(w, j))
	return err
}

// TestArbiterRollback (CPS-079): from each step, also from the end, a rollback brings the old arbiter back into its
// replica sets; by its archive, and where there is none yet, by what is on its disk.
func TestArbiterRollback(t *testing.T) {
	start := arbiterWorld(t, cpstest.Options{})
	straight := start.Clone().(simulated)
	rb := migrateArbiter(t)
	_, err := evenkeel.Run(t.Context(), rb, straight, arbiterOptions(straight, &evenkeel.MemJournal{}))
	require.NoError(t, err)
	for _, place := range []string{"image/umount", "disable/disable", "disable/stopped", "archive/save", "deploy/deploy",
		"enable/upload", "enable/enable",
		"enable/about", "the end"} {
		t.Run(strings.ReplaceAll(place, "/", " "), func(t *testing.T) {
			w, j := start.Clone().(simulated), &evenkeel.MemJournal{}
			ctx, end := context.WithCancel(t.Context())
			defer end()
			reached := ""
			opts := arbiterOptions(w, j)
			opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
				if e.Kind == evenkeel.EventAction && reached == place {
					end() // in the action behind it
				}
				if e.Kind == evenkeel.EventAction {
					if reached != place {
						reached = e.Step.ID + "/" + e.Action.ID
					}
				}
			})
			_, err := evenkeel.Run(ctx, rb, w, opts)
			require.Equal(t, place == "the end", err == nil, "%v", err)
			require.NoError(t, arbiterRollback(t, rb, w, j))
			require.NoError(t, w.Check())
			require.Equal(t, start.EndState(), w.EndState())
		})
	}
}

// TestArbiterRollbackHelps: where a set loses its majority while the arbiter is away, nothing goes forward, and the
// rollback starts the arbiter, which brings the primary back.
func TestArbiterRollbackHelps(t *testing.T) {
	w, j, rb := arbiterWorld(t, cpstest.Options{}), &evenkeel.MemJournal{}, migrateArbiter(t)
	before := w.EndState()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	opts := arbiterOptions(w, j)
	opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventAction && e.Step.ID == "archive" {
			end()
		}
	})
	_, err := evenkeel.Run(ctx, rb, w, opts)
	require.Error(t, err)
	service := func(verb string) {
		r, err := w.Runner("sessionmgr02")
		require.NoError(t, err)
		_, err = r.Run(t.Context(), sshexec.Command(sshexec.Mutating, "systemctl", verb, "sessionmgr-27718"))
		require.NoError(t, err)
		require.NoError(t, w.Sleep(t.Context(), 2*time.Minute))
	}
	service("stop")
	require.Contains(t, w.EndState(), "BALANCE:set02: primary ,")
	_, err = evenkeel.Resume(t.Context(), rb, w, arbiterOptions(w, j))
	require.ErrorContains(t, err, "bring back the member that is down first")
	require.Error(t, arbiterRollback(t, rb, w, j), "it waits for every member to see the arbiter")
	require.Contains(t, w.EndState(), "BALANCE:set02: primary sessionmgr01:27718")
	service("start")
	require.NoError(t, arbiterRollback(t, rb, w, j))
	require.Equal(t, before, w.EndState())
}

func TestArbiterRehearsed(t *testing.T) {
	every := 5
	if testing.Short() {
		every = 41
	}
	for _, kinds := range [][]evenkeel.ScheduleKind{nil, {evenkeel.RollbackFrom}} {
		report, err := evenkeel.Rehearse(t.Context(), migrateArbiter(t), arbiterWorld(t, cpstest.Options{}),
			evenkeel.RehearsalPlan{
				Every: every, Kinds: kinds,
				Operator: func(w evenkeel.World) evenkeel.Operator { return &vcenter{world: w.(simulated)} },
			})
		require.NoError(t, err)
		require.NotZero(t, report.Schedules)
		t.Logf("%d records, %d commands, %d schedules", report.Records, report.Commands, report.Schedules)
		for _, f := range report.Failures {
			t.Error(f)
		}
	}
}

// TestArbiterStoppedInItsRollback: nobody is there for an hour, and nobody deploys the new VM for a run that is being rolled back, be it
// before the processes are started again or after.
func TestArbiterStoppedInItsRollback(t *testing.T) {
	for _, schedule := range []string{"rollback-from 58 then stop-record 1", "rollback-from 61 then stop-record 13", "rollback-from 64 then stop-command 5"} {
		only, err := evenkeel.ParseSchedule(schedule)
		require.NoError(t, err)
		report, err := evenkeel.Rehearse(t.Context(), migrateArbiter(t), arbiterWorld(t, cpstest.Options{}), evenkeel.RehearsalPlan{
			Only:     only,
			Operator: func(w evenkeel.World) evenkeel.Operator { return &vcenter{world: w.(simulated)} },
		})
		require.NoError(t, err)
		require.Empty(t, report.Failures, schedule)
	}
}

// TestArbiterScriptDies (CPS-079): migrate.sh dies after any of its stages. Where it has stopped a process, it is not
// run again by itself; the operator brings it to its end, or rolls back.
func TestArbiterScriptDies(t *testing.T) {
	asked := 0
	for _, command := range []string{"disable", "enable"} {
		for stages := range 10 {
			rb, w, j := migrateArbiter(t), arbiterWorld(t, cpstest.Options{}), &evenkeel.MemJournal{}
			opts := arbiterOptions(w, j)
			opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
				if e.Kind == evenkeel.EventAction && e.Action.ID == command {
					w.KillMigrate(stages)
				}
			})
			_, err := evenkeel.Run(t.Context(), rb, w, opts)
			require.NoError(t, w.Check())
			back := w.Clone().(simulated)
			if err != nil {
				other := &evenkeel.MemJournal{}
				for _, r := range j.Records() {
					require.NoError(t, other.Append(r))
				}
				require.NoError(t, arbiterRollback(t, rb, back, other))
				require.NoError(t, back.Check())
				require.Contains(t, back.EndState(), thirdSite+": 19.4.0, on, UTC")
				_, err = evenkeel.Resume(t.Context(), rb, w, arbiterOptions(w, j))
			}
			if err != nil {
				asked++
				require.Regexp(t, `"Disable the arbiter" .* the probe finds it partial|run it again by hand`, err.Error())
				run(w, thirdSite, "/mnt/iso/migrate.sh", "disable", "arbiter")
				_, err = evenkeel.Resume(t.Context(), rb, w, arbiterOptions(w, j))
			}
			require.NoError(t, err, "%s, %d stages", command, stages)
			require.NoError(t, w.Check())
			require.Contains(t, w.EndState(), thirdSite+": 21.1.0, on, UTC")
		}
	}
	require.NotZero(t, asked)
}

// TestArbiterRollbackWithoutTheOldVM (CPS-079): the old VM was not kept. One of the old image is enabled with the
// archive.
func TestArbiterRollbackWithoutTheOldVM(t *testing.T) {
	rb, w, j := migrateArbiter(t), arbiterWorld(t, cpstest.Options{ThirdSite: cpstest.ThirdSite{OldGone: true}}),
		&evenkeel.MemJournal{}
	before := w.EndState()
	_, err := evenkeel.Run(t.Context(), rb, w, arbiterOptions(w, j))
	require.NoError(t, err)
	require.NoError(t, arbiterRollback(t, rb, w, j))
	require.NoError(t, w.Check())
	require.Equal(t, before, w.EndState())
	enabled := 0
	for _, e := range w.Log() {
		if strings.Contains(strings.Join(e.Argv, " "), "migrate.sh enable arbiter") && len(e.Changed) > 0 {
			enabled++
		}
	}
	require.Equal(t, 2, enabled)
}

// TestArbiterRollbackOnPaper (WF-003): the rollback of a migration that has ended, followed by hand in a real shell,
// comes to the same end as the engine's.
func TestArbiterRollbackOnPaper(t *testing.T) {
	for name, site := range map[string]cpstest.ThirdSite{"the old VM": {}, "the old image": {OldGone: true}} {
		t.Run(name, func(t *testing.T) {
			rb, w, j := migrateArbiter(t), arbiterWorld(t, cpstest.Options{ThirdSite: site}), &evenkeel.MemJournal{}
			byHand := w.Clone().(simulated)
			report, err := evenkeel.Run(t.Context(), rb, w, arbiterOptions(w, j))
			require.NoError(t, err)
			back, err := rb.RollbackPlan(report.State)
			require.NoError(t, err)
			var md strings.Builder // in one shell, which knows where the archive is
			require.NoError(t, rb.Markdown(&md))
			require.NoError(t, back.Markdown(&md))
			papertest.Follow(t, md.String(), byHand, papertest.Person{Dir: t.TempDir(), Pause: time.Minute,
				Secret: func(string) string { return "" }, ByHand: func(action, _ string) error {
					if strings.Contains(action, "Bring the old arbiter back") {
						_ = byHand.RestoreArbiter() // it fails the second time
					}
					return nil
				}})
			require.NoError(t, byHand.Check())
			require.NoError(t, arbiterRollback(t, rb, w, j))
			require.Equal(t, w.Hash(), byHand.Hash())
		})
	}
}

// TestArbiterTakesItsOwnArchive (CPS-058): a newer archive of something else, or an old one of the arbiter, is not
// taken for the one that was made.
func TestArbiterTakesItsOwnArchive(t *testing.T) {
	rb, w, j := migrateArbiter(t), arbiterWorld(t, cpstest.Options{}), &evenkeel.MemJournal{}
	for _, name := range []string{"migrate_cluman_20990101_000000.tar.gz", "migrate_arbiter_20190101_000000.tar.gz"} {
		run(w, thirdSite, "touch", "/var/tmp/"+name)
	}
	report, err := evenkeel.Run(t.Context(), rb, w, arbiterOptions(w, j))
	require.NoError(t, err)
	taken, err := evenkeel.NewFact[string]("archive.arbiter", "").Get(report.State.Facts)
	require.NoError(t, err)
	require.Regexp(t, `^/var/tmp/migrate_arbiter_2021\d{4}_\d{6}\.tar\.gz$`, taken)
}

// TestArbiterLooksAgain (WF-003): what must hold right before the arbiter is disabled is read again when a run is taken
// up there.
func TestArbiterLooksAgain(t *testing.T) {
	for stops, lies := range map[string][]cpstest.Lie{
		"disable/others": member("set06", "sessionmgr02", cps.StateRecovering),
		"disable/keeps": says("mongo *", "cluman", func(truth string) string {
			return strings.ReplaceAll(truth, `"arbiterOnly":true`, `"arbiterOnly":false`)
		}),
	} {
		rb, w, j := migrateArbiter(t), arbiterWorld(t, cpstest.Options{}), &evenkeel.MemJournal{}
		straight := w.Clone().(simulated)
		_, err := evenkeel.Run(t.Context(), rb, straight, arbiterOptions(straight, &evenkeel.MemJournal{}))
		require.NoError(t, err)
		at := slices.IndexFunc(straight.Log(), func(e cpstest.Entry) bool {
			return strings.Contains(strings.Join(e.Argv, " "), "migrate.sh disable arbiter")
		})
		w.Inject(cpstest.Fault{At: straight.Log()[at].Seq, Kind: cpstest.PowerBefore}) // it never ran
		_, err = evenkeel.Run(t.Context(), rb, w, arbiterOptions(w, j))
		require.Error(t, err)
		_ = w.Power(thirdSite, true)
		require.NoError(t, w.Sleep(t.Context(), 10*time.Minute))
		require.Contains(t, w.EndState(), "27719 true")
		for _, l := range lies {
			require.NoError(t, w.Lie(l))
		}
		_, err = evenkeel.Resume(t.Context(), rb, w, arbiterOptions(w, j))
		require.Equal(t, stops, stoppedAt(err))
		require.NoError(t, w.Check())
	}
}
