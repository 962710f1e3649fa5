package evenkeel_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel"
)

// reportText is all that a report says.
func reportText(r *evenkeel.RehearsalReport) string {
	var b strings.Builder
	fmt.Fprintln(&b, r.Records, r.Commands, r.Space, r.Schedules, r.Left, r.Met, r.Worst, r.Straight.State.Done, r.End.Hash())
	fmt.Fprintln(&b, r.Rollbacks.Played, r.Rollbacks.Apart, r.Rollbacks.Within)
	fmt.Fprintln(&b, r.Pairs.Firsts, r.Pairs.Tried, r.Pairs.Broke)
	for _, c := range slices.Concat(r.Coverage, r.Pairs.Coverage) {
		fmt.Fprintln(&b, c)
	}
	for _, f := range r.Failures {
		fmt.Fprintln(&b, f.Step, f, f.From)
	}
	return b.String()
}

// However many workers try the schedules, the report is the same, with findings and without.
func TestWorkersSayTheSame(t *testing.T) {
	found, met := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		text, traps := trapped(rt)
		plan := evenkeel.RehearsalPlan{Kinds: everyKind, Every: rapid.IntRange(1, 3).Draw(rt, "every"), Outages: undone,
			Pairs: rapid.SampledFrom([]int{0, 7, 100}).Draw(rt, "pairs")}
		one, err := evenkeel.Rehearse(t.Context(), parseRunbook(t, text), newTrapWorld(traps), plan)
		plan.Workers = rapid.IntRange(2, 9).Draw(rt, "workers")
		made := atomic.Int32{}
		if rapid.Bool().Draw(rt, "another") {
			plan.Another = func() (*evenkeel.Runbook, evenkeel.World, string, error) {
				made.Add(1)
				return parseRunbook(t, text), newTrapWorld(traps), "", nil
			}
		}
		many, errs := evenkeel.Rehearse(t.Context(), parseRunbook(t, text), newTrapWorld(traps), plan)
		require.Equal(rt, fmt.Sprint(err), fmt.Sprint(errs))
		require.Equal(rt, reportText(one), reportText(many))
		if err == nil && plan.Another != nil && one.Schedules > 20 {
			require.Positive(rt, made.Load())
		}
		found, met = found+len(one.Failures), met+one.Met
	})
	require.NotZero(t, found)
	require.NotZero(t, met)
}

// undone calls "out of service" what a trap world has not done: the more commands ran, the longer.
func undone(w evenkeel.World) []evenkeel.RehearsalOutage {
	at, is := w.(*trapWorld)
	if !is {
		return nil
	}
	n := 0
	for _, ran := range at.ran {
		n += ran
	}
	return []evenkeel.RehearsalOutage{{What: "all", Longest: time.Duration(n) * time.Second, Down: at.m.done["a00"] == ""}}
}

// A worker that is made from something else is found out, and so is a runbook that is changed meanwhile.
func TestWorkersOfAnotherWorld(t *testing.T) {
	text := "s1[a.safe b.safe] s2[c.safe d.safe] s3[e.safe]"
	rb := parseRunbook(t, text)
	plan := evenkeel.RehearsalPlan{Workers: 2, Another: func() (*evenkeel.Runbook, evenkeel.World, string, error) {
		return parseRunbook(t, "s1[a.safe] s2[c.safe]"), newTrapWorld(nil), "", nil
	}}
	_, err := evenkeel.Rehearse(t.Context(), rb, newTrapWorld(nil), plan)
	require.ErrorContains(t, err, "another worker's straight run ended otherwise")
	plan.Another = nil
	plan.Operator = func(evenkeel.World) evenkeel.Operator { rb.Steps[2].Actions[0].Cmd.Argv[1] = "other"; return nil }
	plan.Workers = 1
	_, err = evenkeel.Rehearse(t.Context(), rb, newTrapWorld(nil), plan)
	require.ErrorContains(t, err, "the runbook was changed while it was rehearsed")
	require.NotEqual(t, parseRunbook(t, text).Digest(), rb.Digest(), "a changed runbook has another digest")
	_, err = evenkeel.Rehearse(t.Context(), rb, newTrapWorld(nil), evenkeel.RehearsalPlan{})
	require.NoError(t, err)
}

// What is wrong is said, and alone, when the time is over as well: who takes that for the whole reason would not hear of it.
func TestTheEndOfTheTimeHidesNothing(t *testing.T) {
	text := "s1[a.safe b.safe] s2[c.safe d.safe] s3[e.safe]"
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	rb := parseRunbook(t, text)
	report, err := evenkeel.Rehearse(ctx, rb, newTrapWorld(nil), evenkeel.RehearsalPlan{Progress: func(int, int) {
		rb.Steps[2].Actions[0].Cmd.Argv[1] = "other"
		stop()
	}})
	require.ErrorContains(t, err, "the runbook was changed while it was rehearsed")
	require.NotErrorIs(t, err, context.Canceled)
	require.Positive(t, report.Left)

	ctx, stop = context.WithCancel(t.Context())
	defer stop()
	_, err = evenkeel.Rehearse(ctx, parseRunbook(t, text), newTrapWorld(nil), evenkeel.RehearsalPlan{Workers: 2,
		Another: func() (*evenkeel.Runbook, evenkeel.World, string, error) {
			stop()
			return nil, nil, "", errors.New("there is no other")
		}})
	require.ErrorContains(t, err, "there is no other")
	require.NotErrorIs(t, err, context.Canceled)

	ctx, stop = context.WithCancel(t.Context())
	defer stop()
	report, err = evenkeel.Rehearse(ctx, parseRunbook(t, text), newTrapWorld(nil), evenkeel.RehearsalPlan{
		Operator: func(evenkeel.World) evenkeel.Operator { stop(); return nil }})
	require.ErrorIs(t, err, context.Canceled)
	require.NotContains(t, err.Error(), "straight through", "what it came to says nothing")
	require.Zero(t, report.Space)
}

// Every finding has a name by which a rehearsal tries that schedule alone, and finds the same; a good schedule stays good.
func TestOnlyOneSchedule(t *testing.T) {
	again := 0
	rapid.Check(t, func(rt *rapid.T) {
		text, traps := trapped(rt)
		plan := evenkeel.RehearsalPlan{Kinds: everyKind, Every: rapid.IntRange(1, 4).Draw(rt, "every")}
		report, err := evenkeel.Rehearse(t.Context(), parseRunbook(t, text), newTrapWorld(traps), plan)
		if err != nil {
			return
		}
		for _, f := range report.Failures {
			s, err := evenkeel.ParseSchedule(f.Schedule.String())
			require.NoError(rt, err)
			require.Equal(rt, f.Schedule, s)
			var last evenkeel.RehearsalMoment
			one, err := evenkeel.Rehearse(t.Context(), parseRunbook(t, text), newTrapWorld(traps), evenkeel.RehearsalPlan{Only: s,
				Tell: func(m evenkeel.RehearsalMoment) { last = m }})
			require.NoError(rt, err)
			require.Equal(rt, 1, one.Schedules)
			require.Zero(rt, one.Left)
			require.Len(rt, one.Failures, 1)
			require.Equal(rt, f.Error(), one.Failures[0].Error())
			require.Equal(rt, evenkeel.ActorEnd, last.Who)
			again++
		}
	})
	require.Positive(t, again)
}

// What is no schedule of the run is an error, and not a rehearsal that tried nothing.
func TestASchedule(t *testing.T) {
	for _, bad := range []string{"", "12", "after-effect", "after-effect 0", "after-effect -1", "after-effect 01", "after-effect  1", " 1",
		"after-effect 1 then lost 1", "rollback-from 1 then faults 1", "rollback-from 1 then rollback-from 1", "rollback-from 1 then lost", "rollback-from 1 then lost 0", "lost 1 ",
		"fails 3 then fails 3", "after-record 3 then torn-record 2", "fails 3 then stop-command 4", "stop-record 3 then fails 4", "fails 3 then faults 4",
		"faults 3 then fails 4", "fails 3 then rollback-from 4", "fails 3 then fails 4 then fails 5"} {
		_, err := evenkeel.ParseSchedule(bad)
		require.Error(t, err, bad)
	}
	for text, want := range map[string]string{
		"after-effect 99": "the run has no schedule", "after-effect 1": "", "breaks 1": "", "rollback-from 1": "", "rollback-from 99": "the run has no schedule",
		"rollback-from 3 then lost 1": "", "rollback-from 3 then breaks 1": "", "rollback-from 3 then lost 99": "its rollback has",
		"breaks 2 then lost 3": "", "torn-record 4 then breaks 4": "", "breaks 2 then lost 99": "its second part is not reached",
		"breaks 2 then brakes 3": "its second part is not reached", "breaks 99 then lost 100": "the run has no schedule",
		"brakes 1": `knows no fault of the kind "brakes"`, "faults 1": "",
	} {
		s, err := evenkeel.ParseSchedule(text)
		require.NoError(t, err, text)
		report, err := evenkeel.Rehearse(t.Context(), parseRunbook(t, "s1[a.safe]"), newTrapWorld(nil), evenkeel.RehearsalPlan{Only: s, Every: 100})
		if want != "" || text == "faults 1" {
			require.ErrorContains(t, err, want, text)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, 1, report.Schedules+report.Pairs.Tried, text)
	}
}

// A story has who does what, in order, from the fault to the end; where nobody asks for it, or for all schedules, there is none.
func TestStory(t *testing.T) {
	tell := func(schedule string) (lines []string) {
		s, err := evenkeel.ParseSchedule(schedule)
		require.NoError(t, err)
		_, err = evenkeel.Rehearse(t.Context(), parseRunbook(t, "s1[a.safe undo:ua.safe] s2[b.safe undo:ub.safe]"), newTrapWorld(nil),
			evenkeel.RehearsalPlan{Only: s, Tell: func(m evenkeel.RehearsalMoment) {
				require.NotNil(t, m.World)
				if m.Text != "" {
					lines = append(lines, string(m.Who)+": "+m.Text)
				}
			}})
		require.NoError(t, err)
		return lines
	}
	story := tell("breaks 4")
	require.Equal(t, "tool: Step 1 of 2: s1", story[0])
	require.Equal(t, "fault: breaks, on h: do a", story[1])
	require.Contains(t, story[2], "FAILED")
	require.Contains(t, story, "people: The operator starts the tool again.")
	require.Equal(t, "end: The run stopped, and reached its end when it was taken up again.", story[len(story)-1])
	require.Contains(t, tell("breaks 1")[0], "fault: breaks, on h: a script of this tool (Looks at the lease file $1")
	require.Contains(t, tell("after-effect 1"), "fault: The tool crashes, and its command took effect (after-effect 1).")
	back := tell("rollback-from 3 then lost 1")
	require.Equal(t, "end: The run was rolled back.", back[len(back)-1])
	require.Equal(t, "fault: The tool has crashed, and the operator rolls the run back.", back[0])
	require.Contains(t, back, "fault: The answer of the command is lost; it took effect.")
	_, err := evenkeel.Rehearse(t.Context(), parseRunbook(t, "s1[a.safe]"), newTrapWorld(nil),
		evenkeel.RehearsalPlan{Tell: func(evenkeel.RehearsalMoment) { t.Error("nobody asked for a story") }})
	require.NoError(t, err)
}

// What was due and not tried is counted, and the space is all points, however thin the plan is.
func TestWhatIsLeft(t *testing.T) {
	text := "s1[a.safe b.safe] s2[c.safe d.safe] s3[e.safe]"
	whole, err := evenkeel.Rehearse(t.Context(), parseRunbook(t, text), newTrapWorld(nil), evenkeel.RehearsalPlan{Kinds: everyKind})
	require.NoError(t, err)
	require.Zero(t, whole.Left)
	require.Equal(t, whole.Space, whole.Schedules)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	last := [2]int{}
	part, err := evenkeel.Rehearse(ctx, parseRunbook(t, text), newTrapWorld(nil), evenkeel.RehearsalPlan{Kinds: everyKind, Every: 2,
		Progress: func(tried, of int) {
			require.Equal(t, last[0]+1, tried)
			if last = [2]int{tried, of}; tried == 7 {
				stop()
			}
		}})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 7, part.Schedules)
	require.Equal(t, last[1]-7, part.Left)
	require.GreaterOrEqual(t, part.Space, whole.Space-whole.Rollbacks.Within, "but for what is within rollbacks that were not played")
}

// outageWorld is a trap world in which something is down from one command to another.
type outageWorld struct{ *trapWorld }

func (w outageWorld) Clone() evenkeel.World { return outageWorld{w.trapWorld.Clone().(*trapWorld)} } //nolint:forcetypeassert // it is one

// The worst outage is that of the worst schedule, and names it; what is down at the end of a schedule, and not of the straight run, is counted.
func TestWorstOutage(t *testing.T) {
	worst := func(web time.Duration) evenkeel.RehearsalReport {
		outages := func(w evenkeel.World) []evenkeel.RehearsalOutage {
			at := w.(outageWorld) //nolint:forcetypeassert // it is one
			return []evenkeel.RehearsalOutage{
				{What: "always", Longest: 4 * time.Second, Down: true},
				{What: "web", Longest: time.Duration(at.ran["b"]) * web, Down: at.m.done["c"] != "" && at.m.done["b"] == ""},
			}
		}
		report, err := evenkeel.Rehearse(t.Context(), parseRunbook(t, "s1[a.safe] s2[b.safe] s3[c.safe]"), outageWorld{newTrapWorld(nil)},
			evenkeel.RehearsalPlan{Kinds: []evenkeel.ScheduleKind{evenkeel.CrashAfter, evenkeel.AnyFault}, Outages: outages})
		require.NoError(t, err)
		return *report
	}
	report := worst(time.Second)
	require.Equal(t, evenkeel.RehearsalWorst{RehearsalOutage: evenkeel.RehearsalOutage{What: "always", Longest: 4 * time.Second, Down: true}},
		report.Worst, "the straight run has it as well")
	down := 0
	for _, c := range report.Coverage {
		if down += c.Down; c.Down > 0 {
			require.Equal(t, evenkeel.ScheduleKind("idle"), c.Kind, "b only pretended to run")
			require.Equal(t, "s2", c.Step)
		}
	}
	require.NotZero(t, down)
	report = worst(3 * time.Second)
	require.Equal(t, "web", report.Worst.What)
	require.Equal(t, 6*time.Second, report.Worst.Longest, "b ran twice")
	require.Equal(t, evenkeel.CrashAfter, report.Worst.Schedule.Kind)
	require.Equal(t, "s2", report.Worst.Step)
}

// A frozen runbook has the digests of the original. What is copied of it, and changed, has others; and a change of itself is found.
func TestFrozen(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe b.safe] s2[c.safe]")
	frozen := rb.Frozen()
	require.Equal(t, rb.Digest(), frozen.Digest())
	require.NoError(t, frozen.Changed())
	other := *frozen
	other.Name = "other"
	require.NotEqual(t, frozen.Digest(), other.Digest())
	require.Equal(t, func() string { rb.Name = "other"; return rb.Digest() }(), other.Digest())
	require.NoError(t, frozen.Changed(), "the name of the original is not its own")
	rb.Steps[1].Actions[0].Cmd.Argv[0] = "other"
	require.Error(t, frozen.Changed(), "the steps are")
}

// A rehearsal whose time is limited says the same when it reaches its end, and has been everywhere in the run when it does not.
func TestLimitedTimeIsSpread(t *testing.T) {
	text := ""
	for i := range 40 {
		text += fmt.Sprintf("s%d[a%d.safe b%d.read] ", i, i, i)
	}
	plan := evenkeel.RehearsalPlan{Kinds: []evenkeel.ScheduleKind{evenkeel.CrashRecord, evenkeel.CrashAfter, evenkeel.RollbackFrom}}
	whole, err := evenkeel.Rehearse(t.Context(), parseRunbook(t, text), newTrapWorld(nil), plan)
	require.NoError(t, err)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Hour))
	defer cancel()
	same, err := evenkeel.Rehearse(ctx, parseRunbook(t, text), newTrapWorld(nil), plan)
	require.NoError(t, err)
	whole.Met, same.Met = 0, 0 // a rollback meets those that were tried before it
	require.Equal(t, reportText(whole), reportText(same))
	for _, plan.Workers = range []int{1, 3} {
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Hour))
		plan.Progress = func(tried, of int) {
			if tried == of/2 {
				cancel()
			}
		}
		part, err := evenkeel.Rehearse(ctx, parseRunbook(t, text), newTrapWorld(nil), plan)
		require.ErrorIs(t, err, context.Canceled)
		require.Positive(t, part.Left)
		early, late, back := 0, 0, 0
		for _, c := range part.Coverage {
			switch {
			case c.Kind == evenkeel.RollbackFrom:
				back += c.Explored
			case strings.HasPrefix(c.Step, "s3") && len(c.Step) == len("s30"):
				late += c.Explored
			case c.Step == "s1":
				early += c.Explored
			}
		}
		require.True(t, early > 3 && late > 3 && back > 3, "%d early, %d late, %d rolled back", early, late, back)
	}
}
