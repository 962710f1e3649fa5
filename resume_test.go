package evenkeel_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// on is a machine that does what is asked and calls after with the name of what was done.
func on(m *machine, after func(what string)) evenkeel.HostMap {
	return evenkeel.HostMap{"h": m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res, err := m.Run(ctx, cmd)
		after(cmd.Argv[1])
		return res, err
	})}
}

func newMachine(faults string) *machine {
	m := &machine{done: map[string]string{}}
	m.live(faults)
	return m
}

func TestAViolationByTheLastActionIsNotResumedAway(t *testing.T) {
	broken := false
	m := newMachine("-")
	rb := watched(&broken, "s1[a.safe]", t)
	j := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, on(m, func(string) { broken = true }), evenkeel.Options{Journal: j, Clock: &stepClock{}})
	var v *evenkeel.Violation
	require.ErrorAs(t, err, &v)
	_, err = evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.ErrorAs(t, err, &v, "it still does not hold")
	broken = false
	_, err = evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	require.Equal(t, "a", strings.Join(m.log, " "))
}

func TestAWindowClosesOnlyWhenItsInvariantHoldsAgain(t *testing.T) {
	broken := true
	m := newMachine("-")
	rb := watched(&broken, "s1[a.safe] s2[b.safe]", t)
	rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "a test", Limit: time.Hour, Stop: evenkeel.StopAtClose}}
	rb.Steps[0].Closes = []string{"w"}
	j := &evenkeel.MemJournal{}
	report, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	var v *evenkeel.Violation
	require.ErrorAs(t, err, &v)
	require.Equal(t, "a", strings.Join(m.log, " "), "b must not run")
	require.Contains(t, report.State.Windows, "w", "the window is still open")
	broken = false
	_, err = evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	require.Equal(t, "a b", strings.Join(m.log, " "))
}

// A window that one step opens and a later one closes is open again when the later one is undone.
func TestUndoingTheStepThatClosedAWindowOpensItAgain(t *testing.T) {
	broken := false
	m := newMachine("fail:d")
	rb := watched(&broken, "s1[a.safe] s2[b.safe undo:u.safe] s3[d.safe undo:x.safe]", t)
	rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "a test", Limit: time.Hour, Stop: evenkeel.StopAtClose}}
	rb.Steps[1].Closes = []string{"w"}
	serves := func(what string) { broken = map[string]bool{"a": true, "b": false, "u": true}[what] }
	j := &evenkeel.MemJournal{}
	opts := func() evenkeel.Options { return evenkeel.Options{Journal: j, Clock: &stepClock{}} }
	_, err := evenkeel.Run(t.Context(), rb, on(m, serves), opts())
	require.Error(t, err)
	m.live("-")
	done, err := evenkeel.Rollback(t.Context(), rb, on(m, serves), opts())
	require.NoError(t, err)
	require.Equal(t, "x u", strings.Join(m.log, " "))
	require.Contains(t, done.State.Windows, "w", "s1 is not undone: the system is left within its window")
	m.live("-")
	_, err = evenkeel.Resume(t.Context(), rb, on(m, serves), opts())
	require.NoError(t, err)
	require.Equal(t, "b d", strings.Join(m.log, " "))
}

// An undo that needs a fact has nothing to undo before the fact was made.
func TestAnUndoNeedsNoFactThatWasNeverMade(t *testing.T) {
	book := func() *evenkeel.Runbook {
		rb := parseRunbook(t, "s1[b.safe a.safe undo:u.safe undo:w.safe auto]")
		s := &rb.Steps[0]
		s.Makes = []evenkeel.FactKey{archive}
		s.Actions[1].Makes = []evenkeel.Make{archive.From(func(o evenkeel.Observed) (string, error) { return o.Text(), nil })}
		s.Undo[0].Cmd.Argv = append(s.Undo[0].Cmd.Argv, archive.Ref())
		s.UndoVerify = []evenkeel.Action{parseAction(t, "y.read")}
		s.UndoVerify[0].Cmd.Argv = append(s.UndoVerify[0].Cmd.Argv, archive.Ref())
		require.NoError(t, rb.Validate())
		return rb
	}
	m := newMachine("fail:b")
	require.Equal(t, "=failed", m.life(t, evenkeel.Run, book(), &evenkeel.MemJournal{}))
	require.Equal(t, "b! w", strings.Join(m.log, " "))

	rb := book()
	rb.Steps[0].UndoOnFailure = false
	m = newMachine("fail:b")
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=failed", m.life(t, evenkeel.Run, rb, j))
	st, err := evenkeel.ReadState(j.Records())
	require.NoError(t, err)
	back, err := rb.RollbackPlan(st)
	require.NoError(t, err)
	require.Len(t, back.Steps[0].Actions, 1)
	require.Empty(t, back.Steps[0].Verify, "nor is there anything to verify")

	m = newMachine("lost:a") // it ran, and nobody knows what it made
	j = &evenkeel.MemJournal{}
	require.Equal(t, "=failed", m.life(t, evenkeel.Run, rb, j))
	st, err = evenkeel.ReadState(j.Records())
	require.NoError(t, err)
	_, err = rb.RollbackPlan(st)
	var no *evenkeel.CannotRollBackError
	require.ErrorAs(t, err, &no)
	require.ErrorContains(t, err, "archive.set-1")
}

// A window that spans several steps spans their undo, and is closed with the undo of the step that opened it, when its
// invariant holds again.
func TestAWindowSpansTheUndoOfItsSteps(t *testing.T) {
	broken := false
	m := newMachine("fail:d")
	rb := watched(&broken, "s1[a.safe undo:t.safe] s2[b.safe undo:u.safe] s3[d.safe undo:x.safe]", t)
	rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "a test", Limit: time.Hour, Stop: evenkeel.StopBetweenSteps}}
	rb.Steps[2].Closes = []string{"w"}
	serves := func(what string) { broken = what != "t" }
	opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}}
	_, err := evenkeel.Run(t.Context(), rb, on(m, serves), opts)
	require.Error(t, err)
	m.live("-")
	report, err := evenkeel.Rollback(t.Context(), rb, on(m, serves), opts)
	require.NoError(t, err)
	require.Equal(t, "x u t", strings.Join(m.log, " "))
	require.Empty(t, report.State.Windows)
	require.Empty(t, report.State.Rollback.Windows)
	require.Len(t, report.State.Rollback.Closed, 1)
}

// Stop and cancellation.

func TestAStopDoesNotEndAnUndoThatWaits(t *testing.T) {
	m := newMachine("fail:b")
	rb := parseRunbook(t, "s1[b.safe undo:u.safe auto]")
	looks := 0
	rb.Steps[0].Undo[0].Expect.Check = func(evenkeel.Observed) error {
		if looks++; looks < 3 {
			return evenkeel.NotYet(0, "it is going back")
		}
		return nil
	}
	stop := make(chan struct{})
	_, err := evenkeel.Run(t.Context(), rb, on(m, func(what string) {
		if what == "b" {
			close(stop)
		}
	}), evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}, Stop: stop})
	require.Error(t, err)
	require.Equal(t, 3, looks)
}

// What a killed command printed proves nothing, whatever its check would say.
func TestAKilledCommandIsNoSuccess(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe]")
	rb.Steps[0].Actions[0].Expect.Check = func(evenkeel.Observed) error { return nil }
	killed := newMachine("-").under(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res := sshexec.Result{Outcome: sshexec.Signalled, Signal: "KILL"}
		return res, sshexec.Failure("h", cmd, res, nil)
	})
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": killed},
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.ErrorContains(t, err, "signal KILL")
}

// A reboot may be seen to kill its own shell: its probe tells how it ended.
func TestACommandThatSeversItsConnectionIsProbedWhenKilled(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[a.never]")
	rb.Steps[0].Actions[0].DropsConnection = true
	host := m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res, err := m.Run(ctx, cmd)
		if cmd.Argv[0] == "do" {
			res = sshexec.Result{Outcome: sshexec.Signalled, Signal: "TERM"}
			err = sshexec.Failure("h", cmd, res, nil)
		}
		return res, err
	})
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": host},
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.NoError(t, err)
	require.Equal(t, "a look:a", strings.Join(m.log, " "))
}

// An effect that takes longer to show than checks are repeated is waited for all the same.
func TestAnAbsenceIsBelievedAfterItsSettling(t *testing.T) {
	m := newMachine("CRASH@before:a")
	rb := parseRunbook(t, "s1[a.never]")
	rb.Steps[0].Actions[0].Probe.Settle = 3 * evenkeel.DefaultLimit
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=died", m.life(t, evenkeel.Run, rb, j))
	m.live("-")
	require.Equal(t, "=done", m.life(t, evenkeel.Resume, rb, j))
	require.Equal(t, "a", m.log[len(m.log)-1])
}

// Parallel steps.

func parallel(t *testing.T, steps string) *evenkeel.Runbook {
	rb := parseRunbook(t, steps)
	for i := range rb.Steps {
		rb.Steps[i].Parallel = "two terminals"
	}
	return rb
}

// failingOnce is a journal that loses one record and would take the next.
type failingOnce struct {
	evenkeel.MemJournal
	lose func(evenkeel.Record) bool
}

func (j *failingOnce) Append(r evenkeel.Record) error {
	if j.lose(r) {
		return os.ErrClosed
	}
	return j.MemJournal.Append(r)
}

func TestAfterALostRecordNoParallelStepGoesOn(t *testing.T) {
	m := newMachine("-")
	rb := parallel(t, "s1[a.safe] s2[b.safe c.safe]")
	lost := make(chan struct{})
	j := &failingOnce{lose: func(r evenkeel.Record) bool {
		if r.Kind == evenkeel.KindStart && r.Action == "a" {
			close(lost)
			return true
		}
		return false
	}}
	hosts := evenkeel.HostMap{"h": m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		<-lost // s2 is in the middle of b when the journal loses the record of s1
		return m.Run(ctx, cmd)
	})}
	_, err := evenkeel.Run(t.Context(), rb, hosts, evenkeel.Options{Journal: j})
	require.ErrorIs(t, err, os.ErrClosed)
	require.NotContains(t, m.log, "c")
	require.NotContains(t, m.log, "a")
}

func TestAHoldDoesNotHideAFailure(t *testing.T) {
	rb := parallel(t, "s1[m.manual] s2[b.safe]")
	hosts := evenkeel.HostMap{"h": newMachine("-").under(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res := sshexec.Result{Outcome: sshexec.Exited, ExitCode: 1}
		return res, sshexec.Failure("h", cmd, res, nil)
	})}
	report, err := evenkeel.Run(t.Context(), rb, hosts, evenkeel.Options{Journal: &evenkeel.MemJournal{}})
	var hold *evenkeel.Pause
	var failure *evenkeel.StepError
	require.NotErrorAs(t, err, &hold, "the run is said to wait for the operator while half of it failed")
	require.ErrorAs(t, err, &failure)
	require.Equal(t, "s2", failure.Step)
	require.NotNil(t, report.State.Paused, "what the person must do is in the journal")
}

func TestStepsOfAGroupDoNotCountOnEachOther(t *testing.T) {
	rb := factBook()
	rb.Steps[0].Parallel, rb.Steps[1].Parallel = "g", "g"
	require.ErrorContains(t, rb.Validate(), "needs fact archive.set-1, which no earlier step makes")

	rb = parallel(t, "s1[a.safe] s2[b.safe]")
	rb.Invariants = []evenkeel.Invariant{{ID: "x", Check: func(context.Context, evenkeel.Site) error { return nil }}}
	rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "x", Reason: "r", Limit: 1, Stop: evenkeel.StopAtClose}}
	rb.Steps[1].Closes = []string{"w"}
	require.ErrorContains(t, rb.Validate(), "closes window w, which step s1 opens at the same time")
	rb.Steps[0].Closes, rb.Steps[1].Closes = rb.Steps[1].Closes, nil
	require.NoError(t, rb.Validate())

	rb = parallel(t, "s1[a.safe] s2[b.safe]")
	for i := range rb.Steps {
		rb.Steps[i].Makes = []evenkeel.FactKey{archive}
		rb.Steps[i].Actions[0].Makes = []evenkeel.Make{archive.From(func(evenkeel.Observed) (string, error) { return "", nil })}
	}
	require.ErrorContains(t, rb.Validate(), "makes fact archive.set-1, as does step s1 at the same time")
}
