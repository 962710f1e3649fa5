package evenkeel_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// outage is a runbook in which "down" takes the service away and "up" brings it back two steps later, inside a window
// with the given rule.
func outage(t *testing.T, rule evenkeel.StopRule) (rb *evenkeel.Runbook, broken *bool, serves func(string)) {
	broken = new(bool)
	rb = watched(broken, "before[a.safe verify:v.read] opens[g.guard down.safe verify:w.read] mid[r.read b.never] "+
		"closes[up.safe verify:x.read] after[c.safe]", t)
	rb.Steps[1].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "it moves", Limit: time.Hour, Stop: rule}}
	rb.Steps[3].Closes = []string{"w"}
	require.NoError(t, rb.Validate())
	return rb, broken, func(what string) {
		switch what {
		case "down":
			*broken = true
		case "up":
			*broken = false
		}
	}
}

// stoppingJournal asks to stop at a record.
type stoppingJournal struct {
	evenkeel.MemJournal
	at   int
	stop chan struct{}
}

func (j *stoppingJournal) Append(r evenkeel.Record) error {
	err := j.MemJournal.Append(r)
	if len(j.Records()) == j.at {
		close(j.stop)
	}
	return err
}

// DESIGN "Stopping": wherever a stop is asked for, it is taken where nothing is down and nothing unproven, and the run
// comes to the same end.
func TestAStopIsTakenAtSafePointsOnly(t *testing.T) {
	for _, rule := range []evenkeel.StopRule{evenkeel.StopAtClose, evenkeel.StopBetweenSteps} {
		stops := map[string]bool{}
		for at := 1; ; at++ {
			rb, broken, serves := outage(t, rule)
			m := newMachine("-")
			j := &stoppingJournal{at: at, stop: make(chan struct{})}
			report, err := evenkeel.Run(t.Context(), rb, on(m, serves), evenkeel.Options{Journal: j, Clock: &stepClock{}, Stop: j.stop})
			if len(j.Records()) < at {
				require.NoError(t, err)
				break
			}
			if err != nil {
				require.ErrorIs(t, err, evenkeel.ErrStopped)
				stops[append([]string{"nothing"}, m.log...)[len(m.log)]] = true
				for _, w := range report.State.Windows {
					require.Equal(t, evenkeel.StopBetweenSteps, w.Stop, "record %d: a stop froze an outage", at)
					require.ErrorContains(t, err, "window w (it moves)")
				}
				require.Equal(t, len(report.State.Windows) > 0, *broken, "record %d", at)
				for i := range rb.Steps {
					require.Contains(t, []evenkeel.Progress{evenkeel.Pending, evenkeel.Did}, report.State.Step(rb.Steps[i].ID).
						Progress, "record %d, step %s", at, rb.Steps[i].ID)
				}
				_, err = evenkeel.Resume(t.Context(), rb, on(m, serves), evenkeel.Options{Journal: j, Clock: &stepClock{}})
			}
			require.NoError(t, err)
			changes := slices.DeleteFunc(slices.Clone(m.log), func(w string) bool { return strings.HasPrefix(w, "read:") })
			require.Equal(t, "a down b up c", strings.Join(changes, " "), "record %d", at)
		}
		require.True(t, stops["read:v"] && stops["read:g"] && stops["read:x"], "%v", stops)
		require.Equal(t, rule == evenkeel.StopBetweenSteps, stops["read:w"], "%v", stops)
		require.False(t, stops["down"] || stops["up"], "%v", stops)
	}
}

// The operator hears at once what a stop waits for, while the command still runs.
func TestTheOperatorIsToldWhatAStopWaitsFor(t *testing.T) {
	for at, want := range map[string]string{
		"a":    "it waits for the end of step before",
		"down": "it waits until window w (it moves) closes: at most",
		"b":    "and leaves that down",
		"c":    "it waits for the end of step after",
	} {
		rb, _, serves := outage(t, evenkeel.StopAtClose)
		m := newMachine("-")
		stop, told := make(chan struct{}), make(chan string, 1)
		host := m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
			res, err := m.Run(ctx, cmd)
			serves(cmd.Argv[1])
			if cmd.Argv[1] == at {
				close(stop)
				require.Contains(t, <-told, want)
			}
			return res, err
		})
		_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": host},
			evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}, Stop: stop,
				Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
					if e.Kind == evenkeel.EventStopping {
						told <- e.Text
					}
				})})
		if at != "c" {
			require.ErrorIs(t, err, evenkeel.ErrStopped)
		}
	}
}

// The second request stops at once, and says before it does what that leaves down.
func TestASecondRequestSaysFirstWhatItLeavesDown(t *testing.T) {
	rb, _, serves := outage(t, evenkeel.StopAtClose)
	m := newMachine("-")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told := ""
	var command context.Context
	host := m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if cmd.Argv[0] == "do" && cmd.Argv[1] == "b" {
			command = ctx
			cancel()
			<-ctx.Done()
			require.Contains(t, told, "window w (it moves)", "the command was stopped before it was told")
			res := sshexec.Result{Outcome: sshexec.Unknown}
			return res, sshexec.Failure("h", cmd, res, ctx.Err())
		}
		res, err := m.Run(ctx, cmd)
		serves(cmd.Argv[1])
		return res, err
	})
	j := &evenkeel.MemJournal{}
	stop := make(chan struct{})
	close(stop)
	serves = complete(rb, serves)
	rb.Steps = rb.Steps[1:] // the first request came in the outage
	rb.Steps[0].Actions = rb.Steps[0].Actions[1:]
	report, err := evenkeel.Run(ctx, rb, evenkeel.HostMap{"h": host}, evenkeel.Options{Journal: j, Clock: &stepClock{},
		Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
			if e.Kind == evenkeel.EventStopping {
				require.NoError(t, command.Err(), "the command was stopped before it was told")
				told = e.Text
			}
		})})
	require.ErrorIs(t, err, context.Canceled)
	var left *evenkeel.OpenWindowsError
	require.ErrorAs(t, err, &left)
	require.ErrorContains(t, err, "window w (it moves)")
	require.Contains(t, report.State.Windows, "w")
	require.NotContains(t, m.log, "over", "at once is at once")
	_, err = evenkeel.Resume(t.Context(), rb, on(m, serves), evenkeel.Options{Journal: j, Clock: &stepClock{}, Stop: stop})
	require.ErrorIs(t, err, evenkeel.ErrStopped, "a stop in the next life waits for the close too")
	require.Equal(t, "down read:w read:r up read:x",
		strings.Join(slices.DeleteFunc(m.log, func(w string) bool { return w == "look:b" || w == "b" }), " "))
}

// A wait at a safe point ends when it is asked to stop, in the operator's part and in a look.
func TestAStopEndsAWaitAtASafePoint(t *testing.T) {
	never := func(evenkeel.Observed) error { return evenkeel.NotYet(24*time.Hour, "never") }
	for _, book := range []string{"s1[m.manual a.safe]", "s1[r.read a.safe]", "s1[a.probe]"} {
		rb := parseRunbook(t, book)
		rb.Steps[0].Actions[0].Expect.Check = never
		if p := rb.Steps[0].Actions[0].Probe; p != nil {
			p.Read = func(o evenkeel.Observed) (evenkeel.ProbeResult, error) { return evenkeel.Inconclusive, never(o) }
		}
		stop := make(chan struct{})
		waits := attendantFunc(func(ctx context.Context, _ evenkeel.Prompt) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		})
		j := &evenkeel.MemJournal{}
		asked := false
		report, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": newMachine("-")},
			evenkeel.Options{Journal: j, Stop: stop, Operator: waits,
				Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
					if e.Kind == evenkeel.EventWait && !asked {
						asked = true
						time.AfterFunc(20*time.Millisecond, func() { close(stop) })
					}
				})})
		require.ErrorIs(t, err, evenkeel.ErrStopped)
		require.NotErrorAs(t, err, new(*evenkeel.StepError), "a stop is no failure")
		require.Equal(t, evenkeel.Pending, report.State.Step("s1").Progress)
		require.False(t, slices.ContainsFunc(j.Records(), func(r evenkeel.Record) bool { return r.Kind == evenkeel.KindEnd }))
	}
}

type attendantFunc func(context.Context, evenkeel.Prompt) (string, error)

func (f attendantFunc) Prompt(ctx context.Context, ask evenkeel.Prompt) (string, error) {
	return f(ctx, ask)
}

// A step begins, and opens its windows, with the first action that may change something.
func TestAStepThatOnlyLookedOrAskedHasNotBegun(t *testing.T) {
	for _, book := range []string{"s1[a.safe] s2[m.manual b.safe]", "s1[a.safe] s2[r.read m.manual b.never]"} {
		broken := false
		rb := watched(&broken, book, t)
		rb.Steps[1].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "it moves", Limit: time.Minute, Stop: evenkeel.StopAtClose}}
		rb.Steps[1].Closes = []string{"w"}
		m := newMachine("-")
		j := &evenkeel.MemJournal{}
		report, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
		var hold *evenkeel.Pause
		require.ErrorAs(t, err, &hold)
		require.Equal(t, evenkeel.Pending, report.State.Step("s2").Progress)
		require.Empty(t, report.State.Windows, "an invariant is suspended while nobody works")
		require.NotNil(t, report.State.Paused)
		m.live("did:m")
		report, err = evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
		require.NoError(t, err)
		require.Len(t, report.State.Closed, 1)
		begins := slices.DeleteFunc(slices.Clone(j.Records()),
			func(r evenkeel.Record) bool { return r.Kind != evenkeel.KindStep || r.Step != "s2" })
		require.Len(t, begins, 1, "a step begins once")
	}
}

// What the operator was asked for may be half done: a rollback does not go over it although its step has not begun.
func TestWhatAPersonWasAskedForIsAPointOfNoReturn(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[m.manual b.safe]")
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=held", m.life(t, evenkeel.Run, rb, j))
	st, err := evenkeel.ReadState(j.Records())
	require.NoError(t, err)
	_, err = rb.RollbackPlan(st)
	var no *evenkeel.CannotRollBackError
	require.ErrorAs(t, err, &no)
}

func TestValidateWantsARuleForEachWindowAndNobodyInAnOutage(t *testing.T) {
	manual := parseAction(t, "m.manual")
	attest := evenkeel.Action{ID: "m", Manual: "say so", Change: evenkeel.Change{Title: "m"}}
	for _, tc := range []struct {
		name string
		mend func(rb *evenkeel.Runbook)
		want string
	}{
		{"sound", func(*evenkeel.Runbook) {}, ""},
		{"no rule", func(rb *evenkeel.Runbook) { rb.Steps[1].Opens[0].Stop = "" }, "does not say when a stop is taken"},
		{"a rule that nobody knows", func(rb *evenkeel.Runbook) { rb.Steps[1].Opens[0].Stop = "now" }, "does not say when a stop is taken"},
		{"the operator before the first change is outside",
			func(rb *evenkeel.Runbook) { rb.Steps[1].Actions = slices.Insert(rb.Steps[1].Actions, 0, manual) }, ""},
		{"the operator after the first change",
			func(rb *evenkeel.Runbook) { rb.Steps[1].Actions = append(rb.Steps[1].Actions, manual) },
			"step opens, action m: waits for the operator inside window w"},
		{"the operator in a step between",
			func(rb *evenkeel.Runbook) { rb.Steps[2].Actions = slices.Insert(rb.Steps[2].Actions, 0, manual) },
			"step mid, action m: waits for the operator inside window w"},
		{"an attestation in the step that closes",
			func(rb *evenkeel.Runbook) { rb.Steps[3].Actions = append(rb.Steps[3].Actions, attest) },
			"step closes, action m: waits for the operator"},
		{"the operator in a verification",
			func(rb *evenkeel.Runbook) { rb.Steps[1].Verify = append(rb.Steps[1].Verify, manual) }, "step opens, action m: waits for the operator"},
		{"the operator in an undo", func(rb *evenkeel.Runbook) { rb.Steps[2].Undo = []evenkeel.Action{manual} },
			"step mid, action m: waits for the operator"},
		{"the operator in a completion",
			func(rb *evenkeel.Runbook) { rb.Steps[1].Opens[0].Completion = []evenkeel.Action{manual} },
			"step opens, action m: waits for the operator"},
		{"the operator at the same time", func(rb *evenkeel.Runbook) {
			rb.Steps[0].Parallel, rb.Steps[1].Parallel = "p", "p"
			rb.Steps[0].Actions = append(rb.Steps[0].Actions, manual)
		}, "step before, action m: waits for the operator"},
		{"the operator after the close", func(rb *evenkeel.Runbook) { rb.Steps[4].Actions = append(rb.Steps[4].Actions, manual) }, ""},
		{"the operator in reduced redundancy", func(rb *evenkeel.Runbook) {
			rb.Steps[1].Opens[0].Stop = evenkeel.StopBetweenSteps
			rb.Steps[2].Actions = append(rb.Steps[2].Actions, manual)
		}, ""},
		{"a completion of reduced redundancy", func(rb *evenkeel.Runbook) {
			rb.Steps[1].Opens[0].Stop = evenkeel.StopBetweenSteps
			rb.Steps[1].Opens[0].Completion = []evenkeel.Action{parseActionT("c", "safe")}
		}, "has a completion, and is no outage"},
		{"no limit", func(rb *evenkeel.Runbook) { rb.Steps[1].Opens[0].Limit = 0 }, "needs an ID, a reason and a limit"},
		{"a window that is open already", func(rb *evenkeel.Runbook) { rb.Steps[2].Opens = rb.Steps[1].Opens }, "window w is open already"},
		{"the operator in the verification of a step that only looks", func(rb *evenkeel.Runbook) {
			rb.Steps[1].Actions, rb.Steps[1].Verify = rb.Steps[1].Actions[:1], []evenkeel.Action{manual}
		}, "step opens, action m: waits for the operator"},
		{"a verification of an undo that changes", func(rb *evenkeel.Runbook) {
			rb.Steps[0].Undo, rb.Steps[0].UndoVerify = []evenkeel.Action{parseActionT("u", "safe")}, []evenkeel.Action{parseActionT("y", "safe")}
		}, "is not read-only"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rb, _, _ := outage(t, evenkeel.StopAtClose)
			tc.mend(rb)
			if tc.want == "" {
				require.NoError(t, rb.Validate())
				return
			}
			require.ErrorContains(t, rb.Validate(), tc.want)
		})
	}
}

// The operator gives a window more time; the journal says so.
func TestAWindowOfReducedRedundancyIsExtendedByAPerson(t *testing.T) {
	rb, _, serves := outage(t, evenkeel.StopBetweenSteps)
	m := newMachine("-")
	stop := make(chan struct{})
	j := &evenkeel.MemJournal{}
	opts := evenkeel.Options{Journal: j, Clock: &stepClock{}, Stop: stop}
	_, err := evenkeel.Run(t.Context(), rb, on(m, func(what string) {
		serves(what)
		if what == "down" {
			close(stop)
		}
	}), opts)
	require.ErrorIs(t, err, evenkeel.ErrStopped)
	before := len(j.Records())
	for _, by := range []map[string]time.Duration{{"x": time.Hour}, {"w": -1}, {"w": 0}} {
		opts.ExtendWindow = by
		_, err = evenkeel.Resume(t.Context(), rb, on(m, serves), opts)
		require.ErrorIs(t, err, evenkeel.ErrCannotExtend)
		require.Len(t, j.Records(), before)
	}
	opts.ExtendWindow = map[string]time.Duration{"w": 2 * time.Hour}
	report, err := evenkeel.Resume(t.Context(), rb, on(m, serves), opts)
	require.ErrorIs(t, err, evenkeel.ErrStopped, "it is still asked to stop")
	require.Equal(t, 3*time.Hour, report.State.Windows["w"].Limit)
	require.True(t, slices.ContainsFunc(j.Records(),
		func(r evenkeel.Record) bool { return r.Kind == evenkeel.KindExtend && r.Extends["w"] == 2*time.Hour }))
	roundTrip(t, j)
	opts.Stop, opts.ExtendWindow = nil, nil
	report, err = evenkeel.Resume(t.Context(), rb, on(m, serves), opts)
	require.NoError(t, err)
	require.Equal(t, 3*time.Hour, report.State.Closed[0].Limit)

	opts.Journal, opts.ExtendWindow = &evenkeel.MemJournal{}, map[string]time.Duration{"w": time.Hour}
	_, err = evenkeel.Run(t.Context(), rb, on(m, serves), opts)
	require.ErrorContains(t, err, "a new run has no open window")
}

func TestAnOutageIsNotExtended(t *testing.T) {
	rb, _, serves := outage(t, evenkeel.StopAtClose)
	m := newMachine("CRASH@before:b")
	j := &evenkeel.MemJournal{}
	func() {
		defer func() { _ = recover() }()
		_, _ = evenkeel.Run(t.Context(), rb, on(m, serves), evenkeel.Options{Journal: j, Clock: &stepClock{}})
	}()
	_, err := evenkeel.Resume(t.Context(), rb, on(m, serves),
		evenkeel.Options{Journal: j, Clock: &stepClock{}, ExtendWindow: map[string]time.Duration{"w": time.Hour}})
	require.ErrorContains(t, err, "is an outage")
	require.NotErrorIs(t, err, evenkeel.ErrStopped)
}

// An observer that is stuck, on a terminal that was halted by Ctrl-S say, does not keep a run from stopping at once.
func TestAStuckObserverDoesNotKeepTheRunFromStopping(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rb := parseRunbook(t, "s1[a.safe]")
	free := make(chan struct{})
	host := sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		cancel()
		<-ctx.Done()
		close(free)
		res := sshexec.Result{Outcome: sshexec.Unknown}
		return res, sshexec.Failure("h", cmd, res, ctx.Err())
	})
	_, err := evenkeel.Run(ctx, rb, evenkeel.HostMap{"h": host}, evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{},
		Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
			if e.Kind == evenkeel.EventStopping {
				<-free
			}
		})})
	require.ErrorIs(t, err, context.Canceled)
}

// Observer: one that is stuck in the middle of an outage does not keep the run from ending the outage. The run goes on
// without it, and never calls it again while it is in an event, nor when the run is over.
func TestAStuckObserverDoesNotHoldAnOutageOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rb, broken, serves := outage(t, evenkeel.StopAtClose)
		free := make(chan struct{})
		var told atomic.Int32
		m := newMachine("-")
		_, err := evenkeel.Run(t.Context(), rb, on(m, serves), evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{},
			Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
				told.Add(1)
				if e.Kind == evenkeel.EventWindow {
					<-free
				}
			})})
		require.NoError(t, err)
		require.False(t, *broken)
		before := told.Load()
		close(free)
		synctest.Wait()
		require.Equal(t, before, told.Load(), "the run is over")
	})
}

// A guard that says no has begun nothing either.
func TestAFailedLookBeginsNoStep(t *testing.T) {
	broken := false
	rb := watched(&broken, "s1[a.safe] s2[g.guard b.safe undo:u.safe auto]", t)
	rb.Steps[1].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "it moves", Limit: time.Minute, Stop: evenkeel.StopAtClose}}
	rb.Steps[1].Closes = []string{"w"}
	m := newMachine("fail:g")
	report, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m},
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.Error(t, err)
	require.Equal(t, evenkeel.Pending, report.State.Step("s2").Progress)
	require.Empty(t, report.State.Windows)
	require.Equal(t, "a read:g!", strings.Join(m.log, " "), "there is nothing to undo")
}

// The operator's word is asked for once, also where its step has not begun when the run stops.
func TestAWordIsNotAskedForTwice(t *testing.T) {
	rb := parseRunbook(t, "s1[g.guard b.safe]")
	rb.Steps[0].Actions = slices.Insert(rb.Steps[0].Actions, 0,
		evenkeel.Action{ID: "m", Manual: "say so", Change: evenkeel.Change{Title: "m"}})
	m := newMachine("fail:g")
	j := &evenkeel.MemJournal{}
	asked := 0
	opts := evenkeel.Options{Journal: j, Clock: &stepClock{}, Operator: attendantFunc(func(context.Context, evenkeel.Prompt) (string, error) {
		asked++
		return "so it is", nil
	})}
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, opts)
	require.Error(t, err)
	_, err = evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, opts)
	require.NoError(t, err)
	require.Equal(t, 1, asked)
}

// A stop never freezes an outage. Here one parallel step takes the stop while the one beside it is about to open an outage that a
// later step closes: the stop waits for that close, and the step that had taken it is done before.
func TestAStopInAParallelGroupFreezesNoOutage(t *testing.T) {
	broken := false
	rb := watched(&broken, "s1[r.read a.safe] s2[down.safe] s3[up.safe] s4[b.safe]", t)
	rb.Steps[0].Parallel, rb.Steps[1].Parallel = "g", "g"
	rb.Steps[1].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "it moves", Limit: time.Hour, Stop: evenkeel.StopAtClose}}
	rb.Steps[2].Closes = []string{"w"}
	m := newMachine("-")
	clock := &stoppedClock{sleeps: make(chan struct{}), ended: make(chan struct{})}
	var once sync.Once
	rb.Invariants = append(rb.Invariants,
		evenkeel.Invariant{ID: "seen", Title: "It is seen.", Check: func(context.Context, evenkeel.Site) error {
			once.Do(func() { // right before "down": too late for s2 to take the stop
				<-clock.sleeps
				close(m.stop)
				<-clock.ended
			})
			return nil
		}})
	require.NoError(t, rb.Validate())
	looks := 0
	rb.Steps[0].Actions[0].Expect.Check = func(evenkeel.Observed) error {
		if looks++; looks == 1 {
			return evenkeel.NotYet(time.Hour, "it is slow")
		}
		return nil
	}
	serves := func(what string) { broken = what == "down" || broken && what != "up" }
	report, err := evenkeel.Run(t.Context(), rb, on(m, serves), evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: clock, Stop: m.stop})
	require.ErrorIs(t, err, evenkeel.ErrStopped)
	require.Empty(t, report.State.Windows)
	require.Equal(t, "read:r down read:r a up", strings.Join(m.log, " "))
}

// stoppedClock is a clock whose first sleep ends with its context: it tells that it begins, and that it has ended.
type stoppedClock struct {
	stepClock
	sleeps, ended chan struct{}
	once          sync.Once
}

func (c *stoppedClock) Sleep(ctx context.Context, d time.Duration) error {
	err := c.stepClock.Sleep(ctx, d)
	c.once.Do(func() {
		close(c.sleeps)
		<-ctx.Done()
		err = ctx.Err()
		close(c.ended)
	})
	return err
}

// A stop does not wait for the close of a window of reduced redundancy, and does not say so.
func TestAStopDoesNotWaitForReducedRedundancyToEnd(t *testing.T) {
	rb, _, serves := outage(t, evenkeel.StopBetweenSteps)
	require.Contains(t, toldAt(t, rb, "b", serves), "asked to stop: it waits for the end of step mid")
}

// toldAt is what the operator is told who asks to stop while an action runs.
func toldAt(t *testing.T, rb *evenkeel.Runbook, at string, after func(string)) (text string) {
	t.Helper()
	m := newMachine("-")
	stop, told := make(chan struct{}), make(chan string, 1)
	host := m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res, err := m.Run(ctx, cmd)
		after(cmd.Argv[1])
		if cmd.Argv[1] == at {
			close(stop)
			text = <-told
		}
		return res, err
	})
	_, _ = evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": host},
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}, Stop: stop,
			Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
				if e.Kind == evenkeel.EventStopping {
					told <- e.Text
				}
			})})
	return text
}

// How long a stop waits is said by the limits of what is left, and not where a command that is left has none.
func TestTheTimeThatAStopWaitsIsThatOfWhatIsLeft(t *testing.T) {
	for limit, want := range map[time.Duration]string{time.Minute: "(s1), by its time limits at most 1 m. ", 0: "(s1). "} {
		rb := parseRunbook(t, "s1[a.safe b.safe]")
		rb.Steps[0].Actions[0].Cmd.Timeout = time.Hour
		rb.Steps[0].Actions[1].Cmd.Timeout = limit
		require.Contains(t, toldAt(t, rb, "b", func(string) {}), want)
	}
}

// In a later life a stop waits for the limit that counts anew, and says so.
func TestTheTimeThatAStopWaitsCountsAnewInALaterLife(t *testing.T) {
	rb, _, serves := outage(t, evenkeel.StopAtClose)
	m := newMachine("CRASH@before:b")
	clock := &stepClock{}
	opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: clock}
	func() {
		defer func() { require.NotNil(t, recover()) }()
		_, _ = evenkeel.Run(t.Context(), rb, on(m, serves), opts)
	}()
	clock.move(24 * time.Hour)
	stop, told := make(chan struct{}), make(chan string, 1)
	opts.Stop = stop
	opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventStopping {
			told <- e.Text
		}
	})
	_, err := evenkeel.Resume(t.Context(), rb, on(m, func(what string) {
		serves(what)
		if what == "b" && m.log[len(m.log)-1] == "b" {
			close(stop)
			require.Contains(t, <-told, "closes: at most 59 m")
		}
	}), opts)
	require.ErrorIs(t, err, evenkeel.ErrStopped)
}

// What the operator answers is kept, though the run was asked to stop meanwhile.
func TestAnAnswerIsKeptThoughAStopCame(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe] s2[b.safe]")
	rb.Steps[0].Actions[0] = evenkeel.Action{ID: "m", Manual: "say so", Change: evenkeel.Change{Title: "m"}}
	stop := make(chan struct{})
	opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}, Stop: stop}
	opts.Operator = attendantFunc(func(context.Context, evenkeel.Prompt) (string, error) {
		close(stop)
		return "so it is", nil
	})
	m := newMachine("-")
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, opts)
	require.ErrorIs(t, err, evenkeel.ErrStopped)
	require.True(t, slices.ContainsFunc(opts.Journal.Records(), func(r evenkeel.Record) bool { return r.Output == "so it is" }))
}

// A window of a rule that this version does not know is taken for an outage.
func TestAWindowOfAnUnknownRuleIsAnOutage(t *testing.T) {
	rb, _, serves := outage(t, evenkeel.StopBetweenSteps)
	m := newMachine("fail:b")
	was, j := &evenkeel.MemJournal{}, &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, onDone(m, serves), evenkeel.Options{Journal: was, Clock: &stepClock{}})
	require.Error(t, err)
	for _, r := range was.Records() {
		r.Opens = slices.Clone(r.Opens)
		for i := range r.Opens {
			r.Opens[i].Stop = "later"
		}
		require.NoError(t, j.Append(r))
	}
	extend := map[string]time.Duration{"w": time.Hour}
	_, err = evenkeel.Resume(t.Context(), rb, on(m, serves), evenkeel.Options{Journal: j, Clock: &stepClock{}, ExtendWindow: extend})
	require.ErrorContains(t, err, "is an outage")
}

// The operator is not waited for any longer in the middle of a step either, where nothing is down.
func TestAStopEndsTheWaitForAPersonInAStep(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe]")
	rb.Steps[0].Actions = append(rb.Steps[0].Actions, evenkeel.Action{ID: "m", Manual: "say so", Change: evenkeel.Change{Title: "m"}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stop := make(chan struct{})
	_, err := evenkeel.Run(ctx, rb, evenkeel.HostMap{"h": newMachine("-")},
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}, Stop: stop,
			Operator: attendantFunc(func(ctx context.Context, _ evenkeel.Prompt) (string, error) {
				close(stop)
				<-ctx.Done()
				return "", ctx.Err()
			})})
	require.ErrorIs(t, err, evenkeel.ErrStopped)
}

// A stop leaves nothing unproven that was changed, but where a step waits for the operator, who may take days: there the operator is
// told beforehand, the error names the step, and the run that is taken up proves it.
func TestAStopThatWaitsForAPersonSaysWhatIsUnproven(t *testing.T) {
	for _, tc := range []struct{ book, tells, want string }{
		{"s1[a.safe m.manual b.safe verify:v.read]",
			"until the operator is needed in it, and then what it changed stays unproven", "not verified yet: what was changed in step s1 (s1)"},
		{"s1[a.safe b.safe verify:v.read] s2[m.manual c.safe]", "it waits for the end of step s1", ""},
	} {
		rb := parseRunbook(t, tc.book)
		m := newMachine("-")
		j := &evenkeel.MemJournal{}
		stop, told := make(chan struct{}), make(chan string, 1)
		_, err := evenkeel.Run(t.Context(), rb, on(m, func(what string) {
			if what == "a" {
				close(stop)
				require.Contains(t, <-told, tc.tells)
			}
		}), evenkeel.Options{Journal: j, Clock: &stepClock{}, Stop: stop, Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
			if e.Kind == evenkeel.EventStopping {
				told <- e.Text
			}
		})})
		require.ErrorIs(t, err, evenkeel.ErrStopped)
		var unproven *evenkeel.UnprovenError
		require.Equal(t, tc.want != "", errors.As(err, &unproven), "%v", err)
		require.ErrorContains(t, err, tc.want)
		m.live("did:m")
		require.Equal(t, "=done", m.life(t, evenkeel.Resume, rb, j))
		require.Equal(t, tc.want != "", strings.HasSuffix(strings.Join(m.log, " "), "read:m b read:v"))
	}
}

// A rollback that begins inside an outage takes a stop when it has ended that, and not before.
func TestAStopInARollbackWaitsForTheOutageThatTheRunLeft(t *testing.T) {
	broken := false
	rb := watched(&broken, "s0[x.safe undo:ux.safe] s1[a.safe undo:ua.safe] s2[b.safe]", t)
	rb.Steps[1].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "it moves", Limit: time.Hour, Stop: evenkeel.StopAtClose}}
	rb.Steps[2].Closes = []string{"w"}
	m := newMachine("-")
	ctx, cancel := context.WithCancel(t.Context())
	host := m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res, err := m.Run(ctx, cmd)
		switch cmd.Argv[1] {
		case "a":
			broken = true
			cancel()
		case "ua":
			broken = false
		}
		return res, err
	})
	j := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(ctx, rb, evenkeel.HostMap{"h": host}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.Error(t, err)
	require.True(t, broken)
	require.Len(t, stateOf(t, j).Windows, 1)

	stop := make(chan struct{})
	close(stop)
	_, err = evenkeel.Rollback(t.Context(), rb, evenkeel.HostMap{"h": host}, evenkeel.Options{Journal: j, Clock: &stepClock{}, Stop: stop})
	require.ErrorIs(t, err, evenkeel.ErrStopped)
	require.False(t, broken, "it stopped while nobody served")
	require.NotContains(t, m.done, "ux", "the stop is taken behind the outage")
	require.Empty(t, stateOf(t, j).Windows)

	_, err = evenkeel.Rollback(t.Context(), rb, evenkeel.HostMap{"h": host}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	require.Contains(t, m.done, "ux")
}
