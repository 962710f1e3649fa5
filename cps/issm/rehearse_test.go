package issm_test

import (
	"context"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// rehearse runs a runbook in a world with every kind of crash, at every n-th point; EVENKEEL_REHEARSE_EVERY says
// another n, and 1 takes minutes.
func rehearse(t *testing.T, rb *evenkeel.Runbook, w simulated, every int, kinds ...evenkeel.ScheduleKind) *evenkeel.RehearsalReport {
	t.Helper()
	if text := os.Getenv("EVENKEEL_REHEARSE_EVERY"); text != "" {
		var err error
		every, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	report, err := evenkeel.Rehearse(context.Background(), rb, w, evenkeel.RehearsalPlan{
		Every: every, Kinds: kinds,
		Operator: func(w evenkeel.World) evenkeel.Operator { return &technician{world: w.(simulated)} },
	})
	require.NoError(t, err)
	t.Logf("%s: %d records, %d commands, %d schedules, %d within rollbacks, %d failures", rb.Name, report.Records, report.Commands,
		report.Schedules, report.Rollbacks.Within, len(report.Failures))
	for i, f := range report.Failures {
		if i < 20 {
			t.Error(f)
		}
	}
	require.Empty(t, report.Failures)
	return report
}

// thinned tells whether somebody says which points are tried.
func thinned() bool { return os.Getenv("EVENKEEL_REHEARSE_EVERY") != "" }

// TestRehearseISSM kills the tool, and its connections, throughout the migration: each time the run is taken up and
// ends as the undisturbed one.
func TestRehearseISSM(t *testing.T) {
	every := 53
	if testing.Short() {
		every = 191
	}
	report := rehearse(t, runbook(t, issm.Config{ArchiveDir: t.TempDir()}), deploy(t, cpstest.Options{}), every)
	require.Greater(t, report.Schedules, 10)
	if !testing.Short() && !thinned() { // else there is one rollback, and nothing happens in that
		require.Positive(t, report.Rollbacks.Within)
	}
}

// TestRehearseISSMChoices does the same for the branches.
func TestRehearseISSMChoices(t *testing.T) {
	for name, cfg := range map[string]issm.Config{
		"provisioned":       {Provision: true, SkipCarbon: true, RestartAll: true},
		"shared storage":    {UseSharedStorage: true, RemoveUdevRules: true, RemoveISO: true},
		"corosync is moved": moved(t, issm.CorosyncLate),
		"the guide's order": moved(t, issm.CorosyncGuide),
		"watched":           watched(issm.Config{SkipCarbon: true}),
	} {
		t.Run(name, func(t *testing.T) {
			cfg.ArchiveDir = t.TempDir()
			every := 307
			if testing.Short() {
				every = 1201
			}
			rehearse(t, runbook(t, cfg), deploy(t, siteWorld(cpstest.Options{SignedFor: cfg.AcceptNoMajority})), every)
		})
	}
}

// TestTheOnlyDataMemberGoesDown: the schedules "fenced N" and "power lost before effect N" of cps-issm (N was 407 when they were found). The
// machine with the only copy of the data goes down at its lease check right before set 1 is enabled.
func TestTheOnlyDataMemberGoesDown(t *testing.T) {
	for _, kind := range []string{"fenced", "power lost before effect"} {
		t.Run(kind, func(t *testing.T) {
			w, rb := deploy(t, cpstest.Options{}), runbook(t, issm.Config{ArchiveDir: t.TempDir()})
			step, struck := "", false
			w.Hooks(func(host string, c sshexec.Cmd) {
				if step == "enable-set-1" && host == "sessionmgr01" && c.Argv[0] == "true" && !struck {
					struck = true
					w.Strike(kind)
				}
			}, nil)
			opts := evenkeel.Options{
				Journal: &evenkeel.MemJournal{}, Clock: w.Clock(), Operator: &technician{world: w}, Serial: true, RunID: testRun, Holder: "test",
				Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
					if e.Kind == evenkeel.EventStep {
						step = e.Step.ID
					}
				}),
			}
			_, err := evenkeel.Run(t.Context(), rb, w, opts)
			for lives := 1; err != nil && lives < 6; lives++ { // as a rehearsal does
				w.Mend()
				_, err = evenkeel.Resume(t.Context(), rb, w, opts)
			}
			require.NoError(t, err)
			require.True(t, struck)
			requireMigrated(t, w)
			require.True(t, slices.ContainsFunc(w.Report().Outages, func(o cpstest.Outage) bool { return o.Excuse == "sessionmgr01 has no power" }))
		})
	}
}
