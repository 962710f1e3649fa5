package evenkeel_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// hourWorld is a world that goes on by itself: what was done is warm a minute later.
type hourWorld struct {
	*alikeWorld
	spoils string        // what has another effect for good where "a" was done this long before it
	after  time.Duration // see spoils
	burns  bool          // what is warm for an hour breaks an invariant
	staff  *bool         // nil: nobody; else whether somebody comes within the hour and goes on with the run
}

// newHourWorld notes with each deed when it was done.
func newHourWorld() hourWorld {
	return hourWorld{alikeWorld: newAlikeWorld(func(w *alikeWorld, verb, what string) (string, bool) {
		if verb == "do" {
			w.done[fmt.Sprint(what, " ", w.clock.now.Unix())] = true
		}
		return "", true
	})}
}

func (w hourWorld) Clone() evenkeel.World {
	c := w
	c.alikeWorld = w.alikeWorld.Clone().(*alikeWorld) //nolint:forcetypeassert // it is one
	if w.staff != nil {
		comes := *w.staff
		c.staff = &comes
	}
	return c
}

// CallOff makes it an evenkeel.Staffed world.
func (w hourWorld) CallOff() {
	if w.staff != nil {
		*w.staff = false
	}
}

// age is how long ago something was done for the first time; negative where it was not.
func (w hourWorld) age(what string) time.Duration {
	age := -time.Second
	for key := range w.done {
		if name, at, timed := strings.Cut(key, " "); timed && name == what {
			var unix int64
			_, _ = fmt.Sscan(at, &unix) // it was printed above
			age = max(age, w.clock.now.Sub(time.Unix(unix, 0)))
		}
	}
	return age
}

func (w hourWorld) Hash() string {
	var list []string
	for what := range w.done {
		if strings.Contains(what, " ") {
			continue
		}
		list = append(list, fmt.Sprint(what, " is warm: ", w.age(what) >= time.Minute))
		if what == w.spoils && w.age("a")-w.age(what) >= w.after {
			list = append(list, "spoilt")
		}
	}
	slices.Sort(list)
	return fmt.Sprint(list)
}

func (w hourWorld) Check() error {
	if w.burns && w.age("ub") >= time.Hour {
		return errors.New("it burns")
	}
	if w.staff != nil && *w.staff && w.age("a") >= time.Hour && (w.age("ua") >= 0 || w.age("ub") >= 0) {
		return errors.New("somebody came and went on with a run that is rolled back")
	}
	return nil
}

func (w hourWorld) Fingerprint(string) string {
	return fmt.Sprint(slices.Sorted(maps.Keys(w.done)), w.clock.now) // no two states are alike
}

// A stop takes an hour, in which a world goes on by itself: that is no other end. What the hour changes for good is one, and so is an end
// after which an invariant breaks.
func TestAnHourChangesAWorld(t *testing.T) {
	rehearsed := func(w hourWorld, kinds ...evenkeel.ScheduleKind) *evenkeel.RehearsalReport {
		rb := parseRunbook(t, "s1[a.safe] s2[b.safe undo:ub.safe]")
		rb.Steps[0].Irreversible, rb.Steps[0].Harmless = "", "it may stay"
		report, err := evenkeel.Rehearse(t.Context(), rb, w, evenkeel.RehearsalPlan{Kinds: append(kinds, evenkeel.RollbackFrom)})
		require.NoError(t, err)
		require.Positive(t, report.Rollbacks.Within)
		return report
	}
	stops := []evenkeel.ScheduleKind{evenkeel.StopRecord, evenkeel.StopCommand}
	require.Empty(t, rehearsed(newHourWorld(), stops...).Failures)

	within := func(report *evenkeel.RehearsalReport) []evenkeel.RehearsalFailure {
		return slices.DeleteFunc(report.Failures, func(f evenkeel.RehearsalFailure) bool { return f.Schedule.Then == evenkeel.Interruption{} })
	}
	late := newHourWorld()
	late.spoils, late.after = "ub", time.Hour
	require.Empty(t, rehearsed(late, evenkeel.CrashRecord).Failures)
	found := within(rehearsed(late, stops...))
	require.NotEmpty(t, found)
	for _, f := range found {
		require.ErrorContains(t, f, "it ended in another state than the rollback without interruption")
	}

	burns := newHourWorld()
	burns.burns = true
	require.NotEmpty(t, within(rehearsed(burns, stops...)), "a world that breaks an invariant within the hour is like no other")
}

// Who rolls back tells the people of a Staffed world: nobody comes and goes on with the run.
func TestARollbackIsTold(t *testing.T) {
	for _, told := range []bool{true, false} {
		w, comes := newHourWorld(), true
		w.staff = &comes
		var world evenkeel.World = w
		if !told {
			world = untold{w}
		}
		rb := parseRunbook(t, "s1[a.safe undo:ua.safe] s2[b.safe undo:ub.safe]")
		rb.Compare = func(context.Context, evenkeel.Site) ([]string, error) { return []string{"what was done is noted"}, nil }
		report, err := evenkeel.Rehearse(t.Context(), rb, world, evenkeel.RehearsalPlan{Kinds: []evenkeel.ScheduleKind{evenkeel.RollbackFrom,
			evenkeel.StopRecord, evenkeel.StopCommand}})
		require.NoError(t, err)
		require.Equal(t, told, len(report.Failures) == 0, "%v", report.Failures)
	}
}

// untold hides that a world is Staffed.
type untold struct{ evenkeel.World }

func (w untold) Clone() evenkeel.World { return untold{w.World.Clone()} }
