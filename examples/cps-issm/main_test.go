package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
)

func TestMain(m *testing.M) { clitest.Main(m, app) }

// WF-001, SSH-010: kill -9 at any point, then resume, ends like an uninterrupted run.
func TestKill(t *testing.T) {
	require.Positive(t, clitest.Kill(t, app), "there is no command that must never be repeated")
}

// The same at every record and around every command, one after the other in one world.
func TestMarch(t *testing.T) { clitest.March(t, app) }

// DESIGN "Stopping": by signal, while a half leaves and while it is replaced.
func TestSignals(t *testing.T) {
	clitest.Signals(t, app, 30*time.Minute, "disable-set-1/disable", "disable-set-1/disable", "redeploy-set-1/deploy", "enable-set-1/enable")
}

// A runbook that repeats commands without a look is found out, and each finding can be repeated.
func TestRehearsalFindings(t *testing.T) { clitest.RehearsalFindings(t, app, "59", "umount") }

// Schedules that were findings once: the disabled arbiter is restarted while it waits to be replaced, and its processes start at boot.
func TestRehearsalRegressions(t *testing.T) {
	for schedule, step := range map[string]string{"fenced 77": "in step 6"} {
		code, out := clitest.Here(app, "arbiter", "rehearse", "--schedule", schedule)
		require.Equal(t, cli.ExitDone, code, "%s", out)
		require.Contains(t, out, "fenced, "+step, "the schedule is no longer the one that it was")
		require.Contains(t, out, "fenced, on site3-arbiter: ", "the schedule is no longer the one that it was")
	}
}

func TestRehearseTheSame(t *testing.T) { clitest.RehearseTheSame(t, app) }
