package evenkeel_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// inOutage is a sound runbook whose second step is an outage between its two changes: where it fails there, its undo runs in the same run.
func inOutage(t *testing.T) *evenkeel.Runbook {
	t.Helper()
	rb := parseRunbook(t, "s1[a.safe undo:ua.safe] s2[b.safe c.safe undo:uc.safe undo:ub.safe] s3[d.safe undo:ud.safe]")
	for i, names := range [][]string{{"a"}, {"b", "c"}, {"d"}} {
		for _, name := range names {
			rb.Steps[i].Verify = append(rb.Steps[i].Verify, looked(name, true))
			rb.Steps[i].UndoVerify = append(rb.Steps[i].UndoVerify, looked(name, false))
		}
	}
	rb.Invariants = []evenkeel.Invariant{{ID: "served", Title: "It is served.", Check: func(ctx context.Context, at evenkeel.Site) error {
		left, err := honest(ctx, at)
		if slices.Contains(left, "b is left") {
			var res sshexec.Result
			if res, err = at.Run(ctx, "h", sshexec.Command(sshexec.ReadOnly, "look", "c")); err == nil && len(res.Stdout) == 0 {
				return evenkeel.Violated("nobody serves")
			}
		}
		return err
	}}}
	rb.Steps[1].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "it moves", Limit: time.Minute, Stop: evenkeel.StopAtClose}}
	rb.Steps[1].Closes = []string{"w"}
	require.NoError(t, rb.Validate())
	return rb
}

// Mistakes that neither a run with one thing gone wrong shows, nor a rollback of one: only a second one in the same run does.
func TestMistakesThatOnlyPairsFind(t *testing.T) {
	for name, tc := range map[string]struct {
		traps map[string]string
		kinds []evenkeel.ScheduleKind
		pairs int
		first []evenkeel.ScheduleKind // of the findings; none where there is none
	}{
		"none": {kinds: everyKind, pairs: 1500},
		"a change that stands being made twice, and no third time": {traps: map[string]string{"b": thrice}, pairs: 100000,
			kinds: []evenkeel.ScheduleKind{evenkeel.CrashAfter, evenkeel.CrashLost, evenkeel.CrashBefore, evenkeel.RollbackFrom},
			first: []evenkeel.ScheduleKind{evenkeel.CrashAfter, evenkeel.CrashLost}},
		"an undo of an outage that is right only if nothing fails in it": {traps: map[string]string{"uc": single}, pairs: 100000,
			kinds: []evenkeel.ScheduleKind{evenkeel.CrashAfter, "breaks"}, first: []evenkeel.ScheduleKind{"breaks"}},
	} {
		t.Run(name, func(t *testing.T) {
			rehearsed := func(plan evenkeel.RehearsalPlan) *evenkeel.RehearsalReport {
				report, err := evenkeel.Rehearse(t.Context(), inOutage(t), fairWorld{newTrapWorld(tc.traps)}, plan)
				require.NoError(t, err)
				return report
			}
			single := rehearsed(evenkeel.RehearsalPlan{Kinds: tc.kinds})
			require.Empty(t, single.Failures)
			require.Zero(t, single.Pairs)
			all := rehearsed(evenkeel.RehearsalPlan{Kinds: tc.kinds, Pairs: tc.pairs})
			require.Equal(t, single.Schedules, all.Schedules, "they are counted apart")
			require.Equal(t, single.Space, all.Space)
			require.Zero(t, all.Left)
			require.Greater(t, all.Pairs.Tried, 100)
			require.Equal(t, len(tc.first) > 0, all.Pairs.Broke > 0)
			kinds, tried := map[evenkeel.ScheduleKind]bool{}, 0
			for _, f := range all.Failures {
				require.NotZero(t, f.Schedule.Then, "%v", f)
				require.Equal(t, "s2", f.Step)
				kinds[f.Schedule.Kind] = true
			}
			for _, c := range all.Pairs.Coverage {
				require.NotEmpty(t, c.Then)
				tried += c.Explored
			}
			require.Equal(t, all.Pairs.Tried, tried)
			for _, kind := range tc.first {
				require.True(t, kinds[kind], "%s: %v", kind, all.Failures)
			}
			whole := rehearsed(evenkeel.RehearsalPlan{Kinds: tc.kinds, Pairs: tc.pairs, Whole: true})
			whole.Met = all.Met
			require.Equal(t, reportText(whole), reportText(all))
			for _, f := range all.Failures[:min(4, len(all.Failures))] {
				s, err := evenkeel.ParseSchedule(f.Schedule.String())
				require.NoError(t, err)
				one := rehearsed(evenkeel.RehearsalPlan{Only: s, Kinds: tc.kinds})
				require.Equal(t, 1, one.Pairs.Tried)
				require.Zero(t, one.Schedules)
				require.Len(t, one.Failures, 1)
				require.Equal(t, f.Error(), one.Failures[0].Error())
			}
		})
	}
}

// A budget is kept. What is chosen is the same each time, lies in every step, and half of it in the recovery.
func TestPairsWithinABudget(t *testing.T) {
	rehearsed := func(plan evenkeel.RehearsalPlan) *evenkeel.RehearsalReport {
		plan.Kinds, plan.Every = []evenkeel.ScheduleKind{evenkeel.CrashAfter, evenkeel.CrashTorn, evenkeel.CrashLost, evenkeel.AnyFault}, 1000
		report, err := evenkeel.Rehearse(t.Context(), inOutage(t), fairWorld{newTrapWorld(nil)}, plan)
		require.NoError(t, err)
		require.Empty(t, report.Failures)
		return report
	}
	for _, n := range []int{1, 7, 90} {
		one, many := rehearsed(evenkeel.RehearsalPlan{Pairs: n}), rehearsed(evenkeel.RehearsalPlan{Pairs: n, Workers: 3})
		require.Equal(t, n, one.Pairs.Tried)
		require.Equal(t, reportText(one), reportText(many))
	}
	later, end := context.WithTimeout(t.Context(), time.Hour) // a rehearsal that may end early goes through the run in rounds
	defer end()
	for _, workers := range []int{1, 3} {
		report, err := evenkeel.Rehearse(later, inOutage(t), fairWorld{newTrapWorld(nil)},
			evenkeel.RehearsalPlan{Pairs: 90, Every: 1000, Workers: workers})
		require.NoError(t, err)
		require.Equal(t, 90, report.Pairs.Tried)
	}
	ended, stop := context.WithCancel(t.Context())
	report, err := evenkeel.Rehearse(ended, inOutage(t), fairWorld{newTrapWorld(nil)}, evenkeel.RehearsalPlan{Pairs: 90, Every: 1000,
		Progress: func(int, int) { stop() }})
	require.ErrorIs(t, err, context.Canceled)
	require.Greater(t, report.Left, 80, "what was not tried is counted, pairs included")
	steps := map[string]bool{}
	for _, c := range rehearsed(evenkeel.RehearsalPlan{Pairs: 90}).Pairs.Coverage {
		steps[c.Step] = true
		require.Contains(t, "after-effect, torn-record, lost, breaks, lost before, idle", string(c.Kind))
	}
	for _, step := range []string{"s1", "s2", "s3"} {
		require.True(t, steps[step], step)
	}
}

// plainWorld cannot tell its states apart: nothing in it ends early.
type plainWorld struct{ evenkeel.World }

func (w plainWorld) Clone() evenkeel.World { return plainWorld{w.World.Clone()} }

// A pair that broke something is told as the shortest schedule that does: what breaks something alone is no finding of a pair.
func TestPairsAreShrunk(t *testing.T) {
	rehearsed := func(plan evenkeel.RehearsalPlan) *evenkeel.RehearsalReport {
		plan.Kinds = []evenkeel.ScheduleKind{evenkeel.CrashAfter}
		report, err := evenkeel.Rehearse(t.Context(), inOutage(t), plainWorld{newTrapWorld(map[string]string{"d": single})}, plan)
		require.NoError(t, err)
		return report
	}
	found := rehearsed(evenkeel.RehearsalPlan{})
	require.Len(t, found.Failures, 1)
	require.Equal(t, evenkeel.CrashAfter, found.Failures[0].Schedule.Kind)
	both := rehearsed(evenkeel.RehearsalPlan{Pairs: 100000})
	require.Greater(t, both.Pairs.Broke, 1)
	require.Equal(t, found.Failures, both.Failures, "it was found alone")
	thin := rehearsed(evenkeel.RehearsalPlan{Pairs: 100000, Every: 1000})
	require.Len(t, thin.Failures, 1)
	require.Equal(t, found.Failures[0].Error(), thin.Failures[0].Error())
	require.Equal(t, found.Failures[0].Step, thin.Failures[0].Step)
	require.Equal(t, evenkeel.CrashAfter, thin.Failures[0].From.Then.Kind, "the pair in which it was found is named")
}

// tiredWorld is a plain one that breaks when b was done twice, and then c or d.
type tiredWorld struct{ *trapWorld }

func (w tiredWorld) Clone() evenkeel.World { return tiredWorld{w.trapWorld.Clone().(*trapWorld)} } //nolint:forcetypeassert // it is one

func (w tiredWorld) Check() error {
	if w.ran["b"] > 1 && (w.ran["c"] > 1 || w.ran["d"] > 1) {
		return errors.New("it is tired")
	}
	return nil
}

// A pair whose second part can lie nearer to the first is told with the nearest one that breaks something.
func TestPairsAreShrunkToTheNearest(t *testing.T) {
	report, err := evenkeel.Rehearse(t.Context(), inOutage(t), plainWorld{tiredWorld{newTrapWorld(nil)}}, evenkeel.RehearsalPlan{
		Pairs: 100000, Kinds: []evenkeel.ScheduleKind{evenkeel.CrashAfter}})
	require.NoError(t, err)
	require.Equal(t, 2, report.Pairs.Broke, "after b: at c, and at d")
	require.Len(t, report.Failures, 1, "one is the other one's shortest")
	require.ErrorContains(t, report.Failures[0], "it is tired")
}
