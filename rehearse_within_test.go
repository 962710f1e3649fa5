package evenkeel_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// undoable is a sound runbook of two steps: what each does and undoes is looked at.
func undoable(t *testing.T) *evenkeel.Runbook {
	t.Helper()
	rb := parseRunbook(t, "s1[a.safe undo:ua.safe] s2[b.safe undo:ub.safe]")
	for i, name := range []string{"a", "b"} {
		rb.Steps[i].Verify = []evenkeel.Action{looked(name, true)}
		rb.Steps[i].UndoVerify = []evenkeel.Action{looked(name, false)}
	}
	require.NoError(t, rb.Validate())
	return rb
}

// looked looks whether something is done.
func looked(name string, want bool) evenkeel.Action {
	id := map[bool]string{true: "is-", false: "is-not-"}[want] + name
	return evenkeel.Action{ID: id, Change: evenkeel.Change{Title: id, Cmd: sshexec.Command(sshexec.ReadOnly, "look", name),
		Expect: evenkeel.Expect{Text: id, Check: func(o evenkeel.Observed) error {
			if done := len(o.Stdout) > 0; done != want {
				return errors.New(name + " is not as it must be")
			}
			return nil
		}}}}
}

// fairWorld is a trap world in which nothing goes wrong with a command of the lease: there it would strike the next command.
type fairWorld struct{ *trapWorld }

func (w fairWorld) Clone() evenkeel.World { return fairWorld{w.trapWorld.Clone().(*trapWorld)} } //nolint:forcetypeassert // it is one

func (w fairWorld) Faults(cmd sshexec.Cmd) (honest, lies []string) {
	if !slices.Contains([]string{"do", "look"}, cmd.Argv[0]) {
		return nil, nil
	}
	return w.trapWorld.Faults(cmd)
}

// never makes an undo one that runs again only where its probe says so.
func never(a *evenkeel.Action, finds evenkeel.ProbeResult) {
	a.Repeat = evenkeel.Never
	a.Probe = &evenkeel.Probe{Cmd: sshexec.Command(sshexec.ReadOnly, "look", "x"), Text: "the same each time",
		Read: func(evenkeel.Observed) (evenkeel.ProbeResult, error) { return finds, nil }}
}

// Mistakes that a rollback alone does not show, and a run neither: only what happens within a rollback finds them.
func TestMistakesWithinRollbacks(t *testing.T) {
	blind := func(s *evenkeel.Step) { s.UndoVerify = nil }
	for name, tc := range map[string]struct {
		mistake func(s *evenkeel.Step) // the first one
		traps   map[string]string
		kinds   []evenkeel.ScheduleKind // that find it
	}{
		"none": {mistake: func(*evenkeel.Step) {}},
		"an undo of which nobody looks what it did": {mistake: blind, kinds: []evenkeel.ScheduleKind{"idle"}},
		"an undo whose failure is ignored": {mistake: func(s *evenkeel.Step) {
			blind(s)
			s.Undo[0].Expect.Check = func(evenkeel.Observed) error { return nil }
		}, kinds: []evenkeel.ScheduleKind{"breaks", "idle"}},
		"an undo that must not run twice, and is repeated without a look": {mistake: func(*evenkeel.Step) {}, traps: map[string]string{"ua": single},
			kinds: []evenkeel.ScheduleKind{evenkeel.CrashAfter, evenkeel.CrashTorn}},
		"an undo that works only once, and is repeated without a look": {mistake: func(*evenkeel.Step) {}, traps: map[string]string{"ua": failsAgain},
			kinds: []evenkeel.ScheduleKind{evenkeel.CrashAfter, evenkeel.CrashTorn}},
		"an undo whose probe finds it done each time": {mistake: func(s *evenkeel.Step) {
			blind(s)
			never(&s.Undo[0], evenkeel.Done)
		}, kinds: []evenkeel.ScheduleKind{evenkeel.CrashBefore, "breaks", "lost before", "idle"}},
		"an undo whose probe never finds it done": {mistake: func(s *evenkeel.Step) { never(&s.Undo[0], evenkeel.NotRun) },
			traps: map[string]string{"ua": single}, kinds: []evenkeel.ScheduleKind{evenkeel.CrashAfter, evenkeel.CrashTorn}},
		"an undo that passes for a look: no lease is checked, and it is sent again": {mistake: func(s *evenkeel.Step) {
			s.Undo[0].Cmd.Effect = sshexec.ReadOnly
		}, traps: map[string]string{"ua": single}, kinds: []evenkeel.ScheduleKind{evenkeel.CrashAfter, evenkeel.CrashLost, evenkeel.CrashTorn}},
		"an undo whose precondition does not hold once half of it is done": {mistake: func(s *evenkeel.Step) {
			guard := looked("p", true)
			guard.Precondition = true // through all that follows, and not through the next one alone
			s.Undo = []evenkeel.Action{parseAction(t, "p.safe"), guard, parseAction(t, "up.safe"), s.Undo[0]}
		}, kinds: []evenkeel.ScheduleKind{evenkeel.CrashRecord, evenkeel.CrashAfter, evenkeel.CrashBefore, evenkeel.CrashTorn, "breaks"}},
	} {
		t.Run(name, func(t *testing.T) {
			var compare func(context.Context, evenkeel.Site) ([]string, error)
			rehearsed := func(only evenkeel.Schedule, whole bool) *evenkeel.RehearsalReport {
				rb := undoable(t)
				rb.Compare = compare
				tc.mistake(&rb.Steps[0])
				report, err := evenkeel.Rehearse(t.Context(), rb, fairWorld{newTrapWorld(tc.traps)}, evenkeel.RehearsalPlan{Kinds: everyKind, Only: only, Whole: whole})
				require.NoError(t, err)
				return report
			}
			report := rehearsed(evenkeel.Schedule{}, false)
			found := map[evenkeel.ScheduleKind]bool{}
			for _, f := range report.Failures {
				require.NotZero(t, f.Schedule.Then, "%v", f)
				require.ErrorContains(t, f, "interrupted in the rollback ("+string(f.Schedule.Then.Kind))
				found[f.Schedule.Then.Kind] = true
			}
			for _, kind := range tc.kinds {
				require.True(t, found[kind], "%s: %v", kind, report.Failures)
			}
			require.Equal(t, len(tc.kinds) > 0, len(report.Failures) > 0, "%v", report.Failures)
			within, broke := 0, 0
			for _, c := range report.Coverage {
				if c.Then != "" {
					require.Equal(t, evenkeel.RollbackFrom, c.Kind)
					within, broke = within+c.Explored, broke+c.Broke
				}
			}
			require.Equal(t, report.Rollbacks.Within, within)
			require.Equal(t, len(report.Failures), broke)
			require.Equal(t, report.Records, report.Rollbacks.Played)
			require.Less(t, report.Rollbacks.Apart, report.Records, "most begin as one before")
			require.Positive(t, report.Met)
			whole := rehearsed(evenkeel.Schedule{}, true)
			require.Zero(t, whole.Met)
			whole.Met = report.Met
			require.Equal(t, reportText(whole), reportText(report))
			for _, f := range report.Failures[:min(4, len(report.Failures))] {
				s, err := evenkeel.ParseSchedule(f.Schedule.String())
				require.NoError(t, err)
				one := rehearsed(s, false)
				require.Equal(t, 1, one.Schedules)
				require.Len(t, one.Failures, 1)
				require.Equal(t, f.Error(), one.Failures[0].Error())
			}
			compare = func(context.Context, evenkeel.Site) ([]string, error) { return []string{"it is later"}, nil }
			require.Equal(t, failed(report, everyKind...), failed(rehearsed(evenkeel.Schedule{}, false), everyKind...), "it excuses nothing")
			require.Equal(t, failed(report, everyKind...), failed(rehearsed(evenkeel.Schedule{}, true), everyKind...))
			compare = honest
			named := rehearsed(evenkeel.Schedule{}, false)
			require.Equal(t, failed(rehearsed(evenkeel.Schedule{}, true), everyKind...), failed(named, everyKind...))
			crashes := []evenkeel.ScheduleKind{evenkeel.CrashRecord, evenkeel.CrashTorn, evenkeel.CrashBefore, evenkeel.CrashAfter, evenkeel.CrashLost}
			require.Equal(t, failed(report, crashes...), failed(named, crashes...), "a crash is no reason for a difference, though it is named")
		})
	}
}

// failed are the schedules that broke something by what happens in the rollback.
func failed(r *evenkeel.RehearsalReport, kinds ...evenkeel.ScheduleKind) (list []string) {
	for _, f := range r.Failures {
		fault := strings.Contains("breaks, lost before, idle", string(f.Schedule.Then.Kind)) && slices.Contains(kinds, evenkeel.AnyFault)
		if fault || slices.Contains(kinds, f.Schedule.Then.Kind) {
			list = append(list, f.Schedule.String())
		}
	}
	return list
}

// honest names what is left of undoable's steps.
func honest(ctx context.Context, at evenkeel.Site) (differs []string, err error) {
	for _, name := range []string{"a", "b"} {
		res, err := at.Run(ctx, "h", sshexec.Command(sshexec.ReadOnly, "look", name))
		if err != nil {
			return nil, err
		}
		if len(res.Stdout) > 0 {
			differs = append(differs, name+" is left")
		}
	}
	return differs, nil
}

// A rollback that is refused looks what differs, and that can go wrong as well: it still changes nothing.
func TestWithinARefusedRollback(t *testing.T) {
	for _, workers := range []int{1, 3} { // where a machine loses its power the world is another one, and nobody has rolled anything back
		rb := parseRunbook(t, "s1[a.safe undo:ua.safe] s2[b.safe]")
		rb.Compare = func(ctx context.Context, at evenkeel.Site) ([]string, error) {
			_, err := at.Run(ctx, "h", sshexec.Command(sshexec.ReadOnly, "look", "a"))
			return nil, err
		}
		report, err := evenkeel.Rehearse(t.Context(), rb, movingWorld{fairWorld{newTrapWorld(nil)}}, evenkeel.RehearsalPlan{Workers: workers,
			Kinds: []evenkeel.ScheduleKind{evenkeel.RollbackFrom, evenkeel.CrashBefore, evenkeel.AnyFault}})
		require.NoError(t, err)
		require.Empty(t, report.Failures)
		explored := map[evenkeel.ScheduleKind]int{}
		for _, c := range report.Coverage {
			if c.Step == "s2" {
				explored[c.Then] += c.Explored
			}
		}
		require.Positive(t, explored[evenkeel.CrashBefore])
		require.Positive(t, explored["moves"])
	}
}

// A rollback is refused each time or never, and what is to happen in it happens: else nobody knows what it was judged by.
func TestARefusalThatIsNotTheSame(t *testing.T) {
	for _, tc := range []struct {
		then, want string
		steps      string
		refuses    int // from this plan of a rollback on it is refused
		looks      int // of the first comparison; later ones look once
	}{
		{"before-effect 2", "it came to its end, and what was to happen (the tool crashes, and its command does not arrive) did not",
			"s1[a.safe undo:ua.safe] s2[b.safe]", 0, 2},
		{"before-effect 1", "", "s1[a.safe undo:ua.safe] s2[b.safe]", 0, 2},
		{"after-effect 1", "it was refused, and the rollback without interruption was not", "s1[a.safe undo:ua.safe] s2[b.safe undo:ub.safe]", 3, 1},
		{"after-effect 1", "", "s1[a.safe undo:ua.safe] s2[b.safe undo:ub.safe]", 0, 1},
	} {
		rb, compared, planned := parseRunbook(t, tc.steps), 0, 0
		rb.Compare = func(ctx context.Context, at evenkeel.Site) ([]string, error) {
			looks := 1
			if compared++; compared == 1 {
				looks = tc.looks
			}
			for range looks {
				if _, err := at.Run(ctx, "h", sshexec.Command(sshexec.ReadOnly, "look", "a")); err != nil {
					return nil, err
				}
			}
			return nil, nil
		}
		rb.Recover = func(st *evenkeel.State) (*evenkeel.Runbook, error) {
			if planned++; tc.refuses > 0 && planned >= tc.refuses {
				return nil, &evenkeel.CannotRollBackError{Step: "s1", Reason: "it does not want to"}
			}
			return rb.UndoPlan(st)
		}
		only, err := evenkeel.ParseSchedule("rollback-from 12 then " + tc.then)
		require.NoError(t, err)
		report, err := evenkeel.Rehearse(t.Context(), rb, fairWorld{newTrapWorld(nil)}, evenkeel.RehearsalPlan{Only: only})
		require.NoError(t, err)
		if tc.want == "" {
			require.Empty(t, report.Failures)
			continue
		}
		require.Len(t, report.Failures, 1)
		require.ErrorContains(t, report.Failures[0], tc.want)
	}
}

// movingWorld is one in which something moves when a look goes wrong.
type movingWorld struct{ fairWorld }

func (w movingWorld) Clone() evenkeel.World { return movingWorld{w.fairWorld.Clone().(fairWorld)} } //nolint:forcetypeassert // it is one

func (w movingWorld) Faults(cmd sshexec.Cmd) (honest, lies []string) {
	if cmd.Argv[0] == "look" {
		honest = []string{"moves"}
	}
	return honest, nil
}

func (w movingWorld) Strike(string) {
	w.m.done["moved"] = "yes"
	w.trapWorld.Strike("breaks")
}

// Each kind of fault that a rollback's commands can meet is met in each step's rollback, also a crash or a stop; and the
// numbers are those of the plan.
func TestEverythingHappensWithinRollbacks(t *testing.T) {
	rehearsed := func(plan evenkeel.RehearsalPlan) *evenkeel.RehearsalReport {
		report, err := evenkeel.Rehearse(t.Context(), undoable(t), fairWorld{newTrapWorld(nil)}, plan)
		require.NoError(t, err)
		require.Empty(t, report.Failures)
		return report
	}
	all := rehearsed(evenkeel.RehearsalPlan{Kinds: everyKind})
	for _, step := range []string{"s1", "s2"} {
		kinds := []string{}
		for _, c := range all.Coverage {
			if c.Step == step && c.Then != "" {
				kinds = append(kinds, string(c.Then))
			}
		}
		require.ElementsMatch(t, strings.Split("after-record torn-record before-effect after-effect lost stop-record stop-command taken-over breaks lost_before idle",
			" "), strings.Split(strings.ReplaceAll(strings.Join(kinds, " "), "lost before", "lost_before"), " "), step)
	}
	require.Equal(t, all.Space, all.Schedules)
	alone := rehearsed(evenkeel.RehearsalPlan{Kinds: []evenkeel.ScheduleKind{evenkeel.RollbackFrom}})
	require.Equal(t, all.Rollbacks.Played, alone.Rollbacks.Played)
	require.Positive(t, alone.Rollbacks.Within, "all but faults")
	require.Less(t, alone.Rollbacks.Within, all.Rollbacks.Within)
	one := rehearsed(evenkeel.RehearsalPlan{Kinds: []evenkeel.ScheduleKind{evenkeel.RollbackFrom, "idle"}})
	require.Less(t, one.Rollbacks.Within, alone.Rollbacks.Within, "that kind alone")
	require.Zero(t, rehearsed(evenkeel.RehearsalPlan{Kinds: []evenkeel.ScheduleKind{evenkeel.AnyFault}}).Rollbacks.Within)
	thin := rehearsed(evenkeel.RehearsalPlan{Kinds: everyKind, Every: 2})
	require.Positive(t, thin.Rollbacks.Within)
	require.Less(t, 6*thin.Rollbacks.Within, all.Rollbacks.Within)
}
