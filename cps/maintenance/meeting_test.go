package maintenance_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
)

// verdicts are what a rehearsal says but for how many schedules ended early.
func verdicts(r *evenkeel.RehearsalReport) string {
	text := fmt.Sprintln(r.Schedules, r.Left, r.Worst)
	for _, c := range r.Coverage {
		text += fmt.Sprintln(c)
	}
	for _, f := range r.Failures {
		text += fmt.Sprintln(f.Step, f)
	}
	return text
}

// TestEarlyEndsSayTheSame: a schedule that ends where another run was says what it says when it is taken to its end, of a sound runbook and
// of each with one mistake: an action that may not simply run again is repeated without a look, or a look before it is left out.
func TestEarlyEndsSayTheSame(t *testing.T) {
	whole := []evenkeel.ScheduleKind{evenkeel.CrashRecord, evenkeel.CrashBefore, evenkeel.CrashAfter, evenkeel.CrashLost, "fails", "slow",
		"succeeds without effect", "fenced"}
	every, met, found := 9, 0, 0
	if testing.Short() {
		every = 17
	}
	both := func(t *testing.T, rb *evenkeel.Runbook, every int, kinds ...evenkeel.ScheduleKind) {
		t.Helper()
		plan := evenkeel.RehearsalPlan{Every: every, Kinds: kinds,
			Operator: func(evenkeel.World) evenkeel.Operator { return confirming{} }}
		early, err := evenkeel.Rehearse(t.Context(), rb, deploy(t, cpstest.Options{}), plan)
		plan.Whole = true
		apart, errs := evenkeel.Rehearse(t.Context(), rb, deploy(t, cpstest.Options{}), plan)
		require.Equal(t, fmt.Sprint(errs), fmt.Sprint(err))
		require.Equal(t, verdicts(apart), verdicts(early))
		require.Zero(t, apart.Met)
		met, found = met+early.Met, found+min(1, len(early.Failures))
	}
	sound := func() *evenkeel.Runbook { return applying(t, maintenance.PatchConfig{}) }
	both(t, sound(), every, whole...)
	mistakes := 0
	for i := range sound().Steps {
		for j := range sound().Steps[i].Actions {
			rb := sound()
			a := &rb.Steps[i].Actions[j]
			switch {
			case a.Repeat == evenkeel.Never || a.Repeat == evenkeel.ProbeFirst:
				a.Repeat, a.Probe = evenkeel.Idempotent, nil
			case a.Precondition:
				a.Precondition = false
			default:
				continue
			}
			mistakes++
			both(t, rb, 1, evenkeel.CrashAfter)
		}
	}
	t.Logf("%d ended early; %d of %d mistakes found", met, found, mistakes)
	require.NotZero(t, met)
	require.NotZero(t, found)
}
