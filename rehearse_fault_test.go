package evenkeel_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// ends counts by kind how the schedules of a rehearsal with faults ended; broken ones have an end of that name.
func ends(t *testing.T, book string, w evenkeel.World, kinds ...evenkeel.ScheduleKind) map[evenkeel.ScheduleKind]map[evenkeel.RehearsalEnd]int {
	t.Helper()
	report, err := evenkeel.Rehearse(t.Context(), parseRunbook(t, book), w, evenkeel.RehearsalPlan{Kinds: kinds})
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

// brokenForGood is a world in which a fault stays until somebody rolls back: nothing but an undo works any more.
type brokenForGood struct{ *trapWorld }

func (w brokenForGood) Clone() evenkeel.World { return brokenForGood{w.trapWorld.Clone().(*trapWorld)} } //nolint:forcetypeassert // it is one

func (w brokenForGood) Strike(kind string) {
	w.trapWorld.Strike(kind)
	w.traps = map[string]string{"b": fails}
}

// Who cannot go on rolls back; where that is not possible either, the runbook is stuck, which is a finding.
func TestAFaultThatStays(t *testing.T) {
	for book, end := range map[string]evenkeel.RehearsalEnd{
		"s1[a.safe undo:ua.safe] s2[b.safe undo:ub.safe]": evenkeel.RolledBack,
		"s1[a.safe undo:ua.safe] s2[b.safe]":              "broken",
	} {
		kinds := ends(t, book, brokenForGood{newTrapWorld(map[string]string{})}, "breaks")
		require.NotZero(t, kinds["breaks"][end], "%s: %v", book, kinds)
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
