package evenkeel_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// trapWorld is a world that can tell its states apart, with traps for a runbook: by the name of what runs, what goes wrong there.
type trapWorld struct {
	m     *machine
	clock *stepClock
	traps map[string]string
	ran   map[string]int
	twice string // what must never run twice, and did
	next  string // how the next command goes wrong
}

// The traps.
const (
	fails      = "fails"       // each time
	failsAgain = "fails-again" // each time but the first
	changes    = "changes"     // the second time does something else
	does       = "nothing"     // says that it is done, and is not
	lies       = "lies"        // the probe of it sees nothing
	single     = "single"      // it must never run twice
	spoils     = "spoils"      // where it ran twice the last step fails
	thrice     = "thrice"      // it may run twice, and no third time
)

func newTrapWorld(traps map[string]string) *trapWorld {
	return &trapWorld{m: newToyWorld().m, clock: &stepClock{}, traps: traps, ran: map[string]int{}}
}

func (w *trapWorld) Runner(string) (sshexec.Runner, error) {
	return w.m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		verb, what := cmd.Argv[0], cmd.Argv[1]
		switch fault := w.next; fault {
		case "breaks":
			w.next = ""
			res := sshexec.Result{Outcome: sshexec.Exited, ExitCode: 1}
			return res, sshexec.Failure("h", cmd, res, nil)
		case "lost before":
			w.next = ""
			res := sshexec.Result{Outcome: sshexec.Unknown}
			return res, sshexec.Failure("h", cmd, res, errors.New("the connection was lost"))
		case "idle":
			w.next = ""
			return sshexec.Result{Outcome: sshexec.Exited}, nil
		}
		trap := w.traps[what]
		if verb == "look" && trap == lies {
			return sshexec.Result{Outcome: sshexec.Exited}, nil
		}
		if verb != "look" {
			w.ran[what]++
		}
		again := w.ran[what] > 1
		spoiled := strings.HasPrefix(what, "z") && slices.ContainsFunc(slices.Collect(maps.Keys(w.ran)), func(of string) bool {
			return w.traps[of] == spoils && w.ran[of] > 1
		})
		if trap == fails || trap == failsAgain && again || spoiled {
			res := sshexec.Result{Outcome: sshexec.Exited, ExitCode: 1}
			return res, sshexec.Failure("h", cmd, res, nil)
		}
		if trap == single && again || trap == thrice && w.ran[what] > 2 {
			w.twice = what
		}
		res, err := w.m.Run(ctx, cmd)
		of, undo := strings.CutPrefix(what, "u")
		switch {
		case trap == does:
			delete(w.m.done, what)
		case undo && err == nil:
			delete(w.m.done, what)
			delete(w.m.done, of)
		case trap == changes && again && verb == "do":
			w.m.done[what] = "twice"
		}
		return res, err
	}), nil
}

func (w *trapWorld) Clock() evenkeel.Clock { return w.clock }

func (w *trapWorld) Clone() evenkeel.World {
	return &trapWorld{w.m.clone(), w.clock.clone(), w.traps, maps.Clone(w.ran), w.twice, w.next}
}

func (w *trapWorld) Faults(sshexec.Cmd) (honest, lies []string) {
	return []string{"breaks", "lost before"}, []string{"idle"}
}

func (w *trapWorld) Strike(kind string) { w.next = kind }
func (w *trapWorld) Mend()              {}

func (w *trapWorld) Hash() string { return fmt.Sprint(w.m.done) }

func (w *trapWorld) Check() error {
	if w.twice != "" {
		return errors.New(w.twice + " ran too often")
	}
	return nil
}

// Fingerprint tells whether something ran before, where a trap waits for that.
func (w *trapWorld) Fingerprint(string) string {
	var again []string
	for what := range w.traps {
		again = append(again, fmt.Sprint(what, min(w.ran[what], 3)))
	}
	slices.Sort(again)
	return fmt.Sprint(w.m.done, again, w.twice, w.next)
}

// trapped draws a runbook, and what goes wrong in it.
func trapped(rt *rapid.T) (text string, traps map[string]string) {
	traps = map[string]string{}
	var names []string
	steps := rapid.IntRange(1, 3).Draw(rt, "steps")
	for i := range steps {
		var words, undo []string
		for j := range rapid.IntRange(1, 3).Draw(rt, "actions") {
			name := fmt.Sprintf("%c%d%d", 'a'+j, i, j)
			if i == steps-1 && i > 0 {
				name = "z" + name
			}
			kind := rapid.SampledFrom([]string{"safe", "never", "probe", "read", "guard"}).Draw(rt, "kind")
			if words = append(words, name+"."+kind); kind != "read" && kind != "guard" {
				undo = append(undo, "undo:u"+name+".safe")
				names = append(names, "u"+name)
			}
			names = append(names, name)
		}
		slices.Reverse(undo)
		if rapid.Bool().Draw(rt, "undo") {
			words = append(words, undo...)
		}
		if rapid.Bool().Draw(rt, "verify") {
			words = append(words, fmt.Sprintf("verify:v%d.read", i))
		}
		text += fmt.Sprintf("s%d[%s] ", i, strings.Join(words, " "))
	}
	for range rapid.IntRange(0, 2).Draw(rt, "traps") {
		kinds := []string{fails, failsAgain, changes, does, lies, single, spoils, thrice}
		traps[rapid.SampledFrom(names).Draw(rt, "where")] = rapid.SampledFrom(kinds).Draw(rt, "trap")
	}
	return text, traps
}

// everyKind are all kinds of schedules.
var everyKind = []evenkeel.ScheduleKind{
	evenkeel.CrashRecord, evenkeel.CrashTorn, evenkeel.CrashBefore, evenkeel.CrashAfter, evenkeel.CrashLost, evenkeel.StopRecord,
	evenkeel.StopCommand, evenkeel.TakenOver, evenkeel.AnyFault, evenkeel.RollbackFrom,
}

// A schedule that ends early is judged as it is when it is taken to its end.
func TestMeetingHidesNothing(t *testing.T) {
	met, found := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		text, traps := trapped(rt)
		w, plan := newTrapWorld(traps), evenkeel.RehearsalPlan{Kinds: everyKind, Pairs: rapid.SampledFrom([]int{0, 20, 300}).Draw(rt, "pairs")}
		for name := range traps {
			if strings.Contains(text, name+".read") || strings.Contains(text, name+".guard") { // a look that changes something
				plan.Kinds = slices.DeleteFunc(slices.Clone(everyKind), func(k evenkeel.ScheduleKind) bool { return k == evenkeel.TakenOver })
			}
		}
		early, err := evenkeel.Rehearse(t.Context(), parseRunbook(t, text), w, plan)
		plan.Whole = true
		whole, werr := evenkeel.Rehearse(t.Context(), parseRunbook(t, text), w, plan)
		require.Equal(rt, fmt.Sprint(werr), fmt.Sprint(err))
		require.Zero(rt, whole.Met)
		met, found = met+early.Met, found+len(early.Failures)
		early.Met = 0
		require.Equal(rt, reportText(whole), reportText(early), "%s %v: %v", text, traps, whole.Failures)
	})
	require.NotZero(t, met)
	require.NotZero(t, found)
	t.Log(met, "met,", found, "failed")
}
