package evenkeel_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// A rehearsal that is stopped begins no further schedule, and says what the ones before came to: the one that was under
// way counts neither as sound nor as broken.
func TestRehearseStopped(t *testing.T) {
	rb, w := parseRunbook(t, "s1[r.read a.safe b.never] s2[c.probe verify:v.read]"), newToyWorld()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	begun := 0
	report, err := evenkeel.Rehearse(ctx, rb, w, evenkeel.RehearsalPlan{Operator: func(evenkeel.World) evenkeel.Operator {
		if begun++; begun == 5 { // the straight run, what is walked, two schedules, and one that is under way
			stop()
		}
		return nil
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 5, begun)
	require.Equal(t, 2, report.Schedules)
	require.Empty(t, report.Failures)
}

// wipedWorld is a park in which the lease of n2 is lost while the operator is away, but not once all is undone.
type wipedWorld struct {
	*park
	clock *stepClock
}

func newWipedWorld() *wipedWorld { return &wipedWorld{newPark("n1", "n2"), &stepClock{}} }

func (w *wipedWorld) Clone() evenkeel.World {
	c := &park{machines: map[string]*sshexec.SimLease{}, jobs: maps.Clone(w.jobs), log: slices.Clone(w.log)}
	for name, m := range w.machines {
		lease := m.Clone()
		c.machines[name] = &lease
	}
	return &wipedWorld{c, w.clock.clone()}
}

func (w *wipedWorld) Check() error                               { return nil }
func (w *wipedWorld) Clock() evenkeel.Clock                      { return wipingClock{w.clock, w} }
func (w *wipedWorld) Runner(host string) (sshexec.Runner, error) { return w.as("A").Runner(host) }

func (w *wipedWorld) Hash() string {
	done := map[string]bool{}
	for _, what := range w.log {
		done[what] = true
	}
	return fmt.Sprint(slices.Sorted(maps.Keys(done)))
}

type wipingClock struct {
	*stepClock
	world *wipedWorld
}

func (c wipingClock) Sleep(ctx context.Context, d time.Duration) error {
	over := slices.ContainsFunc(c.world.log, func(what string) bool { return strings.HasSuffix(what, " s1") })
	if d >= time.Hour && !over {
		c.world.machines["n2"].Lines = nil
	}
	return c.stepClock.Sleep(ctx, d)
}

// A lease that is lost while a rehearsed run is stopped is a finding. It is none only where a step to come reinstalls that very
// host: the operator may have done that ahead of it.
func TestALeaseThatIsLostInARehearsedStop(t *testing.T) {
	for _, tc := range []struct {
		reinstalls string
		finding    bool
	}{{"", true}, {"n1", true}, {"n2", false}} {
		rb := book(1, "n1", "n2", "n1")
		if tc.reinstalls != "" {
			rb.Steps[2].Reinstalls = []string{tc.reinstalls}
		}
		plan := evenkeel.RehearsalPlan{Kinds: []evenkeel.ScheduleKind{evenkeel.StopRecord, evenkeel.StopCommand}}
		report, err := evenkeel.Rehearse(t.Context(), rb, newWipedWorld(), plan)
		require.NoError(t, err)
		require.Equal(t, tc.finding, len(report.Failures) > 0, "%q: %v", tc.reinstalls, report.Failures)
		for _, f := range report.Failures {
			var lost *evenkeel.LeaseLostError
			require.ErrorAs(t, f.Err, &lost)
			require.Equal(t, "n2", lost.Host)
		}
	}
}

// So it is in a rollback: there a step of the rollback to come reinstalls the host.
func TestALeaseThatIsLostInAStoppedRollback(t *testing.T) {
	for _, tc := range []struct {
		reinstalls string // by the step that is undone last
		finding    bool
	}{{"", true}, {"n1", true}, {"n2", false}} {
		rb := book(1, "n1", "n2", "n1")
		for i := range rb.Steps {
			s := &rb.Steps[i]
			s.Undo = []evenkeel.Action{{ID: "undo", Change: evenkeel.Change{
				Title: "x", Repeat: evenkeel.Idempotent, Cmd: sshexec.Command(sshexec.Disruptive, "undo", s.ID),
			}}}
		}
		if tc.reinstalls != "" {
			rb.Steps[0].Reinstalls = []string{tc.reinstalls}
		}
		rb.Compare = func(context.Context, evenkeel.Site) ([]string, error) { return []string{"the log is longer"}, nil }
		plan := evenkeel.RehearsalPlan{Kinds: []evenkeel.ScheduleKind{evenkeel.RollbackFrom, evenkeel.StopRecord, evenkeel.StopCommand}}
		report, err := evenkeel.Rehearse(t.Context(), rb, newWipedWorld(), plan)
		require.NoError(t, err)
		require.Positive(t, report.Rollbacks.Within)
		found := slices.DeleteFunc(report.Failures, func(f evenkeel.RehearsalFailure) bool { return f.Schedule.Then == evenkeel.Interruption{} })
		require.Equal(t, tc.finding, len(found) > 0, "%q: %v", tc.reinstalls, found)
		for _, f := range found {
			var lost *evenkeel.LeaseLostError
			require.ErrorAs(t, f.Err, &lost)
			require.Equal(t, "n2", lost.Host)
		}
	}
}
