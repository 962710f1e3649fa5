package evenkeel_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// ends counts by kind how the schedules of a rehearsal with faults ended; broken ones have an end of that name.
func ends(t *testing.T, book string, w evenkeel.World, kinds ...evenkeel.ScheduleKind) map[evenkeel.ScheduleKind]map[evenkeel.RehearsalEnd]int {
	t.Helper()
	return endsOf(t, parseRunbook(t, book), w, kinds...)
}

func endsOf(t *testing.T, rb *evenkeel.Runbook, w evenkeel.World, kinds ...evenkeel.ScheduleKind,
) map[evenkeel.ScheduleKind]map[evenkeel.RehearsalEnd]int {
	t.Helper()
	report, err := evenkeel.Rehearse(t.Context(), rb, w, evenkeel.RehearsalPlan{Kinds: kinds})
	require.NoError(t, err)
	all, explored := map[evenkeel.ScheduleKind]map[evenkeel.RehearsalEnd]int{}, 0
	for _, c := range report.Coverage {
		explored += c.Explored
		if all[c.Kind] == nil {
			all[c.Kind] = map[evenkeel.RehearsalEnd]int{}
		}
		for end, n := range c.Ends {
			all[c.Kind][end] += n
		}
		if c.Broke > 0 {
			all[c.Kind]["broken"] += c.Broke
		}
	}
	require.Equal(t, report.Schedules, explored)
	return all
}

// Each command of a run meets each fault, and the report says how that ended.
func TestEveryCommandMeetsEveryFault(t *testing.T) {
	kinds := ends(t, "s1[a.probe] s2[b.probe]", newTrapWorld(nil), evenkeel.AnyFault)
	require.Len(t, kinds, 3)
	for _, kind := range []evenkeel.ScheduleKind{"breaks", "lost before"} {
		require.NotContains(t, kinds[kind], evenkeel.RehearsalEnd("broken"), kind)
	}
	require.NotZero(t, kinds["breaks"][evenkeel.Resumed], kinds)
	require.NotZero(t, kinds["lost before"][evenkeel.Finished]+kinds["lost before"][evenkeel.Resumed], kinds)
}

// Without being asked for, faults are not tried; and one kind can be asked for alone.
func TestFaultsAreAskedFor(t *testing.T) {
	all := ends(t, "s1[a.safe]", newTrapWorld(nil))
	require.NotContains(t, all, evenkeel.ScheduleKind("breaks"))
	require.Contains(t, all, evenkeel.CrashAfter)
	one := ends(t, "s1[a.safe]", newTrapWorld(nil), "breaks")
	require.Len(t, one, 1)
	require.NotEmpty(t, one["breaks"])
	for _, kind := range []evenkeel.ScheduleKind{evenkeel.AnyFault, "breaks", "crash before a comand"} {
		_, err := evenkeel.Rehearse(t.Context(), parseRunbook(t, "s1[a.safe]"), newToyWorld(), evenkeel.RehearsalPlan{Kinds: []evenkeel.ScheduleKind{kind}})
		require.ErrorContains(t, err, "needs a world that is Faulty", "it knows none: nothing would be tried")
	}
}

// A change that succeeded idly, and of which nobody looks what it did, is a false "done".
func TestAnIdleSuccessThatNobodySees(t *testing.T) {
	report, err := evenkeel.Rehearse(t.Context(), parseRunbook(t, "s1[a.safe]"), newTrapWorld(nil),
		evenkeel.RehearsalPlan{Kinds: []evenkeel.ScheduleKind{"idle"}})
	require.NoError(t, err)
	require.NotEmpty(t, report.Failures)
	require.ErrorContains(t, report.Failures[len(report.Failures)-1], "another state than the straight run")
}

// brokenForGood is a world in which b fails from the fault on, and an undo of a may be idle: whatever anybody does, until they roll back.
type brokenForGood struct {
	*trapWorld
	undo string // what becomes of the undo of a
}

func (w brokenForGood) Clone() evenkeel.World {
	return brokenForGood{w.trapWorld.Clone().(*trapWorld), w.undo} //nolint:forcetypeassert // it is one
}

func (w brokenForGood) Strike(kind string) {
	w.trapWorld.Strike(kind)
	w.traps = map[string]string{"b": fails, "ua": w.undo}
}

// Who cannot go on rolls back; where that is not possible either, the runbook is stuck, which is a finding.
func TestAFaultThatStays(t *testing.T) {
	const undone = "s1[a.safe undo:ua.safe] s2[b.safe undo:ub.safe]"
	for _, tt := range []struct {
		book, undo string
		end        evenkeel.RehearsalEnd
	}{
		{undone, "", evenkeel.RolledBack},
		{"s1[a.safe undo:ua.safe] s2[b.safe]", "", "broken"},
		{undone, does, "broken"}, // the world is not as it was before the run
	} {
		kinds := ends(t, tt.book, brokenForGood{newTrapWorld(map[string]string{}), tt.undo}, "breaks")
		require.NotZero(t, kinds["breaks"][tt.end], "%v: %v", tt, kinds)
		if tt.undo != "" {
			require.NotContains(t, kinds["breaks"], evenkeel.RolledBack, "a rollback is compared")
		}
	}
}

// Who was lied to may stand still, and not where nothing is served: a run that is stuck inside an outage is a finding.
func TestALieInsideAnOutage(t *testing.T) {
	for _, tt := range []struct {
		book, undo string
		stop       evenkeel.StopRule
		end        evenkeel.RehearsalEnd
	}{
		{"s1[a.safe] s2[r.read b.safe]", "", evenkeel.StopBetweenSteps, evenkeel.Misled},
		{"s1[a.safe] s2[r.read b.safe]", "", evenkeel.StopAtClose, "broken"},
		{"s1[a.safe undo:ua.safe] s2[r.read b.safe undo:ub.safe]", fails, evenkeel.StopAtClose, "broken"}, // in the rollback's own window
	} {
		rb := parseRunbook(t, tt.book)
		rb.Invariants = []evenkeel.Invariant{{ID: "served", Title: "What a has taken away b has given back.", Check: betweenAAndB}}
		rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "it moves", Limit: time.Hour, Stop: tt.stop}}
		rb.Steps[1].Closes = []string{"w"}
		w := misleading{brokenForGood{newTrapWorld(map[string]string{}), tt.undo}}
		require.Equal(t, map[evenkeel.RehearsalEnd]int{tt.end: 1}, endsOf(t, rb, w, "idle")["idle"], tt)
	}
}

// betweenAAndB is violated from a on until b.
func betweenAAndB(ctx context.Context, at evenkeel.Site) error {
	var done [2]bool
	for i, name := range []string{"a", "b"} {
		res, err := at.Run(ctx, "h", sshexec.Command(sshexec.ReadOnly, "look", name))
		if err != nil {
			return err
		}
		done[i] = len(res.Stdout) > 0
	}
	if done[0] && !done[1] {
		return evenkeel.Violated("nobody serves")
	}
	return nil
}

// misleading is a world that can lie about r alone.
type misleading struct{ brokenForGood }

func (w misleading) Clone() evenkeel.World {
	return misleading{w.brokenForGood.Clone().(brokenForGood)} //nolint:forcetypeassert // it is one
}

func (w misleading) Faults(cmd sshexec.Cmd) (honest, lies []string) {
	if slices.Contains(cmd.Argv, "r") {
		lies = []string{"idle"}
	}
	return nil, lies
}

// picky is a world in which only the command of c can go wrong, and which knows what it was asked about, and what ran.
type picky struct {
	*trapWorld
	asked, ran map[string]bool
}

func (w picky) Clone() evenkeel.World {
	return picky{w.trapWorld.Clone().(*trapWorld), w.asked, w.ran} //nolint:forcetypeassert // it is one
}

func (w picky) Runner(host string) (sshexec.Runner, error) {
	r, err := w.trapWorld.Runner(host)
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		w.ran[strings.Join(cmd.Argv, " ")] = true
		return r.Run(ctx, cmd)
	}), err
}

func (w picky) Faults(cmd sshexec.Cmd) (honest, lies []string) {
	w.asked[strings.Join(cmd.Argv, " ")] = true
	if slices.Contains(cmd.Argv, "c") {
		return []string{"breaks"}, nil
	}
	return nil, nil
}

// A world is asked about the commands of the run, and no others: one that nobody thought of beforehand can be the only one that goes wrong.
func TestFaultsAreAskedOfWhatRuns(t *testing.T) {
	w := picky{newTrapWorld(nil), map[string]bool{}, map[string]bool{}}
	report, err := evenkeel.Rehearse(t.Context(), parseRunbook(t, "s1[a.safe] s2[b.safe] s3[c.safe]"), w,
		evenkeel.RehearsalPlan{Kinds: []evenkeel.ScheduleKind{evenkeel.AnyFault}})
	require.NoError(t, err)
	require.Equal(t, 1, report.Schedules)
	for cmd := range w.asked {
		require.Contains(t, w.ran, cmd)
	}
}

// The kinds of faults of a thinned rehearsal begin at different commands, and each is tried.
func TestThinnedFaults(t *testing.T) {
	book := ""
	for _, name := range strings.Split("abcdefghijklmnopqrstuvwxy", "") {
		book += "s" + name + "[" + name + ".safe] "
	}
	report, err := evenkeel.Rehearse(t.Context(), parseRunbook(t, book), newTrapWorld(nil),
		evenkeel.RehearsalPlan{Every: 2, Kinds: []evenkeel.ScheduleKind{evenkeel.AnyFault}})
	require.NoError(t, err)
	kinds, n := map[evenkeel.ScheduleKind]bool{}, 0
	for _, c := range report.Coverage {
		kinds[c.Kind] = true
		n += c.Explored
	}
	require.Len(t, kinds, 3)
	require.InDelta(t, 3*report.Commands/12, n, 3)
}

// darkWorld is a world in which a machine loses its power behind the run's back.
type darkWorld struct {
	*trapWorld
	dark, blind bool
}

func (w *darkWorld) Clone() evenkeel.World {
	return &darkWorld{w.trapWorld.Clone().(*trapWorld), w.dark, w.blind} //nolint:forcetypeassert // it is one
}
func (*darkWorld) Faults(sshexec.Cmd) (honest, lies []string) { return []string{"dark"}, nil }
func (w *darkWorld) Strike(string)                            { w.dark = true }
func (w *darkWorld) Mend()                                    { w.dark = false }
func (w *darkWorld) Up(string) bool                           { return w.blind || !w.dark }
func (w *darkWorld) Hash() string                             { return fmt.Sprint(w.trapWorld.Hash(), w.dark) }

// What a run did stands when the machine loses its power after the last look, and people give it back; unless the machine answers all the while.
func TestAMachineThatIsDownInTheEnd(t *testing.T) {
	kinds := ends(t, "s1[a.safe]", &darkWorld{trapWorld: newTrapWorld(nil)}, evenkeel.AnyFault)
	require.Zero(t, kinds["dark"]["broken"], kinds)
	require.NotZero(t, kinds["dark"][evenkeel.Finished])
	kinds = ends(t, "s1[a.safe]", &darkWorld{trapWorld: newTrapWorld(nil), blind: true}, evenkeel.AnyFault)
	require.NotZero(t, kinds["dark"]["broken"], kinds)
}
