package evenkeel_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// slowly is a runbook whose change takes the service away for a while, forward and in a rollback; unseen makes it not
// observable instead.
func slowly(t *testing.T, book string, lasts time.Duration, unseen bool) (rb *evenkeel.Runbook, clock *stepClock, moves func(string)) {
	rb = parseRunbook(t, book)
	clock = &stepClock{}
	until := time.Time{}
	rb.Invariants = []evenkeel.Invariant{{ID: "served", Title: "It is served.", Check: func(context.Context, evenkeel.Site) error {
		switch {
		case !clock.now.Before(until):
			return nil
		case unseen:
			return errors.New("the machine does not answer")
		}
		return evenkeel.Violated("nobody serves")
	}}}
	rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "it moves", Limit: 5 * time.Minute,
		Stop: evenkeel.StopAtClose}}
	rb.Steps[0].Closes = []string{"w"}
	require.NoError(t, rb.Validate())
	return rb, clock, func(what string) {
		if what == "a" || what == "u" {
			until = clock.now.Add(lasts)
		}
	}
}

// A window closes when its invariant is seen to hold again, and the run waits for that until the limit, forward and in
// a rollback.
func TestAWindowWaitsForItsInvariantToHoldAgain(t *testing.T) {
	for _, unseen := range []bool{false, true} {
		rb, clock, moves := slowly(t, "s1[a.safe undo:u.safe]", time.Minute, unseen)
		m := newMachine("-")
		opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: clock}
		report, err := evenkeel.Run(t.Context(), rb, on(m, moves), opts)
		require.NoError(t, err)
		require.GreaterOrEqual(t, report.State.Closed[0].Lasted(), time.Minute)
		report, err = evenkeel.Rollback(t.Context(), rb, on(m, moves), opts)
		require.NoError(t, err, "a sound rollback stops in the middle")
		require.GreaterOrEqual(t, report.State.Rollback.Closed[0].Lasted(), time.Minute)
		require.Equal(t, "a u", strings.Join(m.log, " "))
	}
}

// A window waits for its own invariant alone: what breaks beside it meanwhile, and what may never be suspended, stops the run at once.
func TestAWindowDoesNotWaitForWhatItDoesNotSuspend(t *testing.T) {
	for _, absolute := range []bool{false, true} {
		rb, clock, moves := slowly(t, "s1[a.safe] s2[b.safe]", time.Minute, false)
		changed := time.Time{}
		rb.Invariants = append(rb.Invariants,
			evenkeel.Invariant{ID: "one", Title: "One alone.", Absolute: absolute, Check: func(context.Context, evenkeel.Site) error {
				if !changed.IsZero() && clock.now.Sub(changed) > 30*time.Second {
					return evenkeel.Violated("two of them")
				}
				return nil
			}})
		m := newMachine("-")
		_, err := evenkeel.Run(t.Context(), rb, on(m, func(what string) {
			moves(what)
			if what == "a" {
				changed = clock.now
			}
		}), evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: clock})
		var v *evenkeel.Violation
		require.ErrorAs(t, err, &v)
		require.Equal(t, "one", v.Invariant)
		require.Less(t, clock.now.Sub(changed), 4*time.Minute, "it was waited for until the limit")
		require.Equal(t, "a", strings.Join(m.log, " "))
	}
}

// What cannot be seen has not been seen to hold.
func TestAWindowStaysOpenWhenItsInvariantIsNotSeenInTime(t *testing.T) {
	for _, unseen := range []bool{false, true} {
		rb, clock, moves := slowly(t, "s1[a.safe] s2[b.safe]", time.Hour, unseen)
		m := newMachine("-")
		j := &evenkeel.MemJournal{}
		report, err := evenkeel.Run(t.Context(), rb, on(m, moves), evenkeel.Options{Journal: j, Clock: clock})
		var v *evenkeel.Violation
		require.Equal(t, !unseen, errors.As(err, &v), "%v", err)
		require.Equal(t, unseen, errors.Is(err, evenkeel.ErrOverdue), "%v", err)
		require.Contains(t, report.State.Windows, "w")
		require.Equal(t, "a", strings.Join(m.log, " "))
		var left *evenkeel.OpenWindowsError
		require.ErrorAs(t, err, &left)
		require.Len(t, left.Down, 1)
		clock.now = clock.now.Add(time.Hour)
		_, err = evenkeel.Resume(t.Context(), rb, on(m, moves), evenkeel.Options{Journal: j, Clock: clock})
		require.NoError(t, err)
	}
}

// A step of a rollback that no window spans is waited for as well; what may never be suspended stops it at once.
func TestARollbackStepWaitsForTheInvariants(t *testing.T) {
	for _, absolute := range []bool{false, true} {
		rb, clock, moves := slowly(t, "s1[a.safe undo:u.safe undo:z.safe] s2[b.safe undo:y.safe]", time.Minute, false)
		m := newMachine("-")
		j := &evenkeel.MemJournal{}
		_, err := evenkeel.Run(t.Context(), rb, on(m, moves), evenkeel.Options{Journal: j, Clock: clock})
		require.NoError(t, err)
		rb.Steps[0].Opens, rb.Steps[0].Closes = nil, nil
		rb.Invariants[0].Absolute = absolute
		_, err = evenkeel.Rollback(t.Context(), rb, on(m, moves), evenkeel.Options{Journal: begunAs(t, rb, j), Clock: clock})
		if absolute {
			var v *evenkeel.Violation
			require.ErrorAs(t, err, &v)
			require.Equal(t, "a b y u", strings.Join(m.log, " "))
			continue
		}
		require.NoError(t, err)
		require.Equal(t, "a b y u z", strings.Join(m.log, " "))
	}
}

// What was taken back is verified: on failure, in a rollback, and again where the tool crashed before it was.
func TestAnUndoIsVerified(t *testing.T) {
	book := func() *evenkeel.Runbook {
		rb := parseRunbook(t, "s1[a.safe b.safe undo:u.safe auto]")
		v := parseAction(t, "v.read")
		v.Expect.Check = func(o evenkeel.Observed) error {
			if o.Text() != "" {
				return errors.New("it is still there")
			}
			return nil
		}
		rb.Steps[0].UndoVerify = []evenkeel.Action{v}
		require.NoError(t, rb.Validate())
		return rb
	}
	m := newMachine("fail:b did:v")
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=failed", m.life(t, evenkeel.Run, book(), j))
	st, err := evenkeel.ReadState(j.Records())
	require.NoError(t, err)
	require.NotEqual(t, evenkeel.Undone, st.Step("s1").Progress, "it is taken for undone, and is not")
	require.Equal(t, "a b! u read:v", strings.Join(m.log, " "))
	m.live("-")
	lease := m.lease.Clone()
	require.Equal(t, "=failed", m.life(t, evenkeel.Rollback, book(), begunAs(t, book(), j)), "a rollback step has a verification of its own")
	delete(m.done, "v")
	m.live("-")
	m.lease = lease // as if the rollback, whose journal is another one, had not been
	require.Equal(t, "=done", m.life(t, evenkeel.Resume, book(), j))
	require.Equal(t, "read:v a b", strings.Join(m.log, " "), "the undo is verified first")
}

// An undo on failure waits until what its step suspended is seen to hold again.
func TestAnUndoOnFailureWaitsForTheInvariant(t *testing.T) {
	for _, lasts := range []time.Duration{time.Minute, 7 * time.Minute} { // longer than the window may be open, too
		rb, clock, moves := slowly(t, "s1[a.safe b.safe undo:u.safe auto]", lasts, true)
		m := newMachine("fail:b")
		report, err := evenkeel.Run(t.Context(), rb, on(m, moves), evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: clock})
		require.Error(t, err)
		require.Equal(t, "a b! u", strings.Join(m.log, " "))
		require.Equal(t, evenkeel.Undone, report.State.Step("s1").Progress)
		require.GreaterOrEqual(t, report.State.Closed[0].Lasted(), lasts)
	}
}

// onDone is on for what took effect.
func onDone(m *machine, after func(what string)) evenkeel.HostMap {
	return evenkeel.HostMap{"h": m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res, err := m.Run(ctx, cmd)
		if err == nil {
			after(cmd.Argv[1])
		}
		return res, err
	})}
}

// complete gives the window of outage a completion: "over" brings the service back wherever the run stands.
func complete(rb *evenkeel.Runbook, serves func(string)) func(string) {
	rb.Steps[1].Opens[0].Completion = []evenkeel.Action{parseActionT("over", "safe"),
		{ID: "seen", Change: evenkeel.Change{Title: "seen", Cmd: sshexec.Command(sshexec.ReadOnly, "read", "seen")}}}
	return func(what string) {
		serves(map[string]string{"over": "up"}[what])
		serves(what)
	}
}

// A failure inside an outage is completed: the service comes back, the window closes, and the run is taken up where it
// failed, inside the window opened again.
func TestAFailureInAnOutageRunsTheCompletion(t *testing.T) {
	for _, fault := range []string{"fail:w", "half:b", "fail:up", "fail:x"} {
		rb, broken, serves := outage(t, evenkeel.StopAtClose)
		serves = complete(rb, serves)
		require.NoError(t, rb.Validate())
		m := newMachine(fault)
		j := &evenkeel.MemJournal{}
		clock := &stepClock{}
		report, err := evenkeel.Run(t.Context(), rb, onDone(m, serves), evenkeel.Options{Journal: j, Clock: clock})
		require.Error(t, err)
		require.False(t, *broken, "%s: nobody ends the outage", fault)
		require.Empty(t, report.State.Windows, fault)
		require.Equal(t, fault != "fail:x", slices.Contains(m.log, "over"), "%s: it serves already: %s", fault, m.log)
		var left *evenkeel.OpenWindowsError
		require.NotErrorAs(t, err, &left)
		if fault == "half:b" {
			m.done["b"] = "" // the operator looked into it
		}
		m.live("-")
		report, err = evenkeel.Resume(t.Context(), rb, onDone(m, serves), evenkeel.Options{Journal: j, Clock: clock})
		require.NoError(t, err, fault)
		require.Len(t, report.State.Closed, 2, "%s: the window is not open again", fault)
		require.Equal(t, "w", report.State.Closed[len(report.State.Closed)-1].ID)
		require.Equal(t, "opens", report.State.Closed[len(report.State.Closed)-1].Step)
		for i := range rb.Steps {
			require.Equal(t, evenkeel.Did, report.State.Step(rb.Steps[i].ID).Progress)
		}
		roundTrip(t, j)
	}
}

// The tool may crash at every record of a completion: the next life brings that to its end first, unless it serves
// again already.
func TestACompletionIsTakenUpAfterACrash(t *testing.T) {
	crashed := 0
	for at := 1; ; at++ {
		rb, broken, serves := outage(t, evenkeel.StopAtClose)
		serves = complete(rb, serves)
		m := newMachine("fail:up")
		m.record = at
		j := &evenkeel.MemJournal{}
		clock := &stepClock{}
		died := func() (died bool) {
			defer func() { died = recover() != nil }()
			_, err := evenkeel.Run(t.Context(), rb, onDone(m, serves), evenkeel.Options{Journal: dyingJournal{j, m}, Clock: clock})
			require.Error(t, err)
			return false
		}()
		if !died {
			break
		}
		last := j.Records()[len(j.Records())-1]
		down := *broken
		m.live("-")
		_, err := evenkeel.Resume(t.Context(), rb, onDone(m, serves), evenkeel.Options{Journal: j, Clock: clock})
		require.NoError(t, err, "record %d", at)
		require.False(t, *broken)
		if last.Phase == evenkeel.PhaseCompletion {
			crashed++
			require.Equal(t, down, m.log[0] == "over", "record %d: %s", at, m.log)
		}
	}
	require.Equal(t, 4, crashed)
}

// Without a completion the steps back to the one that opened the window are undone.
func TestAFailureInAnOutageUndoesItsSteps(t *testing.T) {
	rb, broken, serves := outage(t, evenkeel.StopAtClose)
	for i, id := range []string{"t", "s"} {
		rb.Steps[i+1].Undo, rb.Steps[i+1].Irreversible = []evenkeel.Action{parseActionT(id, "safe")}, ""
	}
	rb.Steps[3].Undo, rb.Steps[3].Irreversible = []evenkeel.Action{parseActionT("q", "safe")}, ""
	require.NoError(t, rb.Validate())
	moves := func(what string) {
		serves(map[string]string{"t": "up"}[what])
		serves(what)
	}
	m := newMachine("fail:up")
	j := &evenkeel.MemJournal{}
	clock := &stepClock{}
	report, err := evenkeel.Run(t.Context(), rb, onDone(m, moves), evenkeel.Options{Journal: j, Clock: clock})
	require.Error(t, err)
	require.False(t, *broken)
	require.Empty(t, report.State.Windows)
	require.Equal(t, "a read:v read:g down read:w read:r b up! q s t", strings.Join(m.log, " "))
	m.live("-")
	_, err = evenkeel.Resume(t.Context(), rb, onDone(m, moves), evenkeel.Options{Journal: j, Clock: clock})
	require.NoError(t, err)
	require.Equal(t, "read:g down read:w read:r b up read:x c", strings.Join(m.log, " "))
}

// Where nothing ends the outage the run says what is down.
func TestAnOutageThatNothingEndsIsSaid(t *testing.T) {
	rb, _, serves := outage(t, evenkeel.StopAtClose)
	m := newMachine("fail:up")
	_, err := evenkeel.Run(t.Context(), rb, onDone(m, serves), evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	var left *evenkeel.OpenWindowsError
	require.ErrorAs(t, err, &left)
	require.ErrorContains(t, err, "nobody serves")
	require.ErrorContains(t, err, "window w (it moves)")
	require.ErrorContains(t, err, "exit status 1", "and why it stopped")
	require.Equal(t, "up!", m.log[len(m.log)-1])
}

// An outage that lasts longer than its limit is ended like one in which a step failed; one that is over by then goes
// on.
func TestAnOutageThatOutlastsItsLimitIsEnded(t *testing.T) {
	for i := range 4 {
		back, verify := i%2 == 1, i/2 == 1
		rb, broken, serves := outage(t, evenkeel.StopAtClose)
		serves = complete(rb, serves)
		rb.Steps[1].Opens[0].Limit = time.Minute
		slow := &rb.Steps[2].Actions[0]
		if verify {
			slow = &rb.Steps[1].Verify[0]
		}
		slow.Limit = time.Hour
		looks := 0
		slow.Expect.Check = func(evenkeel.Observed) error {
			if looks++; looks < 100 {
				*broken = *broken && !back
				return evenkeel.NotYet(time.Second, "it is slow")
			}
			return nil
		}
		m := newMachine("-")
		j := &evenkeel.MemJournal{}
		clock := &stepClock{}
		_, err := evenkeel.Run(t.Context(), rb, onDone(m, serves), evenkeel.Options{Journal: j, Clock: clock})
		require.False(t, *broken)
		if back {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, evenkeel.ErrOverdue)
		require.Less(t, looks, 100)
		require.Equal(t, "over read:seen", strings.Join(m.log[len(m.log)-2:], " "))
		looks = 100
		_, err = evenkeel.Resume(t.Context(), rb, onDone(m, serves), evenkeel.Options{Journal: j, Clock: clock})
		require.NoError(t, err)
	}
}

// A second operator has the machines: nothing is done to them, not even to end an outage.
func TestWithoutTheLeaseNoOutageIsEnded(t *testing.T) {
	rb, _, serves := outage(t, evenkeel.StopAtClose)
	serves = complete(rb, serves)
	m := newMachine("-")
	host := m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res, err := m.Run(ctx, cmd)
		if cmd.Argv[0] == "do" {
			serves(cmd.Argv[1])
		}
		if cmd.Argv[len(cmd.Argv)-1] == "down" {
			m.lease.Lines[evenkeel.LeasePath] = "taken over by bert@ops"
		}
		return res, err
	})
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": host},
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	var lost *evenkeel.LeaseLostError
	require.ErrorAs(t, err, &lost)
	require.NotContains(t, m.log, "over")
}

// The operator who takes the run up is there: the limit of an outage that is still open counts anew.
func TestTheLimitOfAnOutageCountsAnewWhenTheRunIsTakenUp(t *testing.T) {
	rb, _, serves := outage(t, evenkeel.StopAtClose)
	rb.Steps[1].Opens[0].Limit = time.Minute
	looks := 0
	rb.Steps[2].Actions[0].Expect.Check = func(evenkeel.Observed) error {
		if looks++; looks < 100 {
			return evenkeel.NotYet(time.Second, "it is slow")
		}
		return nil
	}
	m := newMachine("-")
	opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}}
	_, err := evenkeel.Run(t.Context(), rb, onDone(m, serves), opts)
	require.ErrorIs(t, err, evenkeel.ErrOverdue)
	var left *evenkeel.OpenWindowsError
	require.ErrorAs(t, err, &left)
	looks = 97
	_, err = evenkeel.Resume(t.Context(), rb, onDone(m, serves), opts)
	require.NoError(t, err)
}

// The effect of a change may show only after the step has failed: one look that finds all well does not tell that the
// outage is over.
func TestOneGoodLookDoesNotEndAnOutage(t *testing.T) {
	rb, broken, serves := outage(t, evenkeel.StopAtClose)
	serves = complete(rb, serves)
	clock := &stepClock{}
	told := time.Time{}
	rb.Invariants[0].Check = func(context.Context, evenkeel.Site) error {
		if *broken && clock.now.Sub(told) > 20*time.Second {
			return evenkeel.Violated("nobody serves")
		}
		return nil
	}
	m := newMachine("fail:w")
	report, err := evenkeel.Run(t.Context(), rb, onDone(m, func(what string) {
		if serves(what); what == "down" {
			told = clock.now
		}
	}), evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: clock})
	require.Error(t, err)
	require.Contains(t, m.log, "over")
	require.False(t, *broken)
	require.Empty(t, report.State.Windows)
}

// A completion that did not help is no completion: the window stays open, and the run says what is down.
func TestACompletionThatDoesNotHelpIsSaid(t *testing.T) {
	rb, broken, serves := outage(t, evenkeel.StopAtClose)
	complete(rb, serves)
	m := newMachine("fail:up")
	j := &evenkeel.MemJournal{}
	report, err := evenkeel.Run(t.Context(), rb, onDone(m, serves), evenkeel.Options{Journal: j, Clock: &stepClock{}})
	var left *evenkeel.OpenWindowsError
	require.ErrorAs(t, err, &left)
	require.Equal(t, []string{"invariant served is violated: nobody serves"}, left.Down)
	require.Contains(t, report.State.Windows, "w")
	require.Contains(t, m.log, "over")
	*broken = false // the operator has mended it: there is nothing left to complete
	m.live("-")
	_, err = evenkeel.Resume(t.Context(), rb, onDone(m, serves), evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	require.NotContains(t, m.log, "over")
}

// Where one of the steps cannot be undone, none is: half a rollback is none.
func TestNoStepOfAnOutageIsUndoneWhereOneCannotBe(t *testing.T) {
	rb, _, serves := outage(t, evenkeel.StopAtClose)
	rb.Steps[1].Undo, rb.Steps[1].Irreversible = []evenkeel.Action{parseActionT("t", "safe")}, ""
	m := newMachine("fail:up")
	_, err := evenkeel.Run(t.Context(), rb, onDone(m, serves), evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.ErrorContains(t, err, "has no completion, and step closes has no undo")
	require.NotContains(t, m.log, "t")
}

// The tool may crash while a done step of an outage is undone: that is finished first.
func TestTheUndoOfADoneStepIsTakenUpAfterACrash(t *testing.T) {
	rb, broken, serves := outage(t, evenkeel.StopAtClose)
	for i, id := range map[int]string{1: "t", 2: "s", 3: "q"} {
		rb.Steps[i].Undo, rb.Steps[i].Irreversible = []evenkeel.Action{parseActionT(id, "safe")}, ""
	}
	moves := func(what string) {
		serves(map[string]string{"t": "up"}[what])
		serves(what)
	}
	m := newMachine("fail:up CRASH@before:t")
	j := &evenkeel.MemJournal{}
	func() {
		defer func() { require.NotNil(t, recover()) }()
		_, _ = evenkeel.Run(t.Context(), rb, onDone(m, moves), evenkeel.Options{Journal: j, Clock: &stepClock{}})
	}()
	m.live("-")
	_, err := evenkeel.Resume(t.Context(), rb, onDone(m, moves), evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	require.False(t, *broken)
	require.Equal(t, "t read:g down read:w read:r b up read:x c", strings.Join(m.log, " "))
}

// An outage in which a parallel step fails is ended at once: the step beside it may take hours, and goes on meanwhile. It is ended by the
// completion, or by the undo of the step that failed, which leaves the other one alone wherever it stands in the list.
func TestAnOutageDoesNotWaitForTheStepBesideIt(t *testing.T) {
	for name, tc := range map[string]struct {
		book       string
		opener     int
		completion bool
	}{
		"undo":                             {"s1[slow.safe undo:z.safe] s2[down.safe b.safe undo:up.safe]", 1, false},
		"undo, and the other one is later": {"s1[down.safe b.safe undo:up.safe] s2[slow.safe undo:z.safe]", 0, false},
		"completion":                       {"s1[slow.safe] s2[down.safe b.safe]", 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			broken := false
			rb := watched(&broken, tc.book, t)
			rb.Steps[0].Parallel, rb.Steps[1].Parallel = "g", "g"
			w := evenkeel.Window{ID: "w", Invariant: "served", Reason: "it moves", Limit: time.Hour, Stop: evenkeel.StopAtClose}
			if tc.completion {
				w.Completion = []evenkeel.Action{parseActionT("up", "safe")}
			}
			rb.Steps[tc.opener].Opens, rb.Steps[tc.opener].Closes = []evenkeel.Window{w}, []string{"w"}
			require.NoError(t, rb.Validate())
			m := newMachine("fail:b")
			began, ended, closed := make(chan struct{}), false, make(chan struct{})
			host := m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
				switch cmd.Argv[1] {
				case "slow": // ends only when the outage has ended
					close(began)
					<-closed
					ended = true
					return sshexec.Result{Outcome: sshexec.Exited}, nil
				case "down":
					<-began
				}
				res, err := m.Run(ctx, cmd)
				broken = cmd.Argv[1] == "down" || broken && cmd.Argv[1] != "up"
				return res, err
			})
			report, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": host},
				evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{},
					Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
						if e.Kind == evenkeel.EventClosed {
							close(closed)
						}
					})})
			require.Error(t, err)
			require.True(t, ended)
			require.Equal(t, "down b! up", strings.Join(m.log, " "))
			require.Empty(t, report.State.Windows)
			require.Equal(t, evenkeel.Did, report.State.Step(rb.Steps[1-tc.opener].ID).Progress)
			var left *evenkeel.OpenWindowsError
			require.NotErrorAs(t, err, &left)
		})
	}
}

// A life that cannot begin, because a machine is out of reach, says what the life before it left down. That is true of a rollback as well.
func TestALifeThatCannotBeginSaysWhatIsDown(t *testing.T) {
	for name, start := range map[string]func(context.Context, *evenkeel.Runbook, evenkeel.Hosts, evenkeel.Options) (*evenkeel.Report, error){
		"resume": evenkeel.Resume, "rollback": evenkeel.Rollback,
	} {
		t.Run(name, func(t *testing.T) {
			p := newPark("n1", "n2")
			rb := book(1, "n1", "n2")
			rb.Invariants = []evenkeel.Invariant{{ID: "served", Title: "It is served.",
				Check: func(context.Context, evenkeel.Site) error { return nil }}}
			rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "it moves", Limit: time.Hour, Stop: evenkeel.StopAtClose}}
			rb.Steps[1].Closes = []string{"w"}
			rb.Steps[0].Harmless, rb.Steps[0].Undo = "", []evenkeel.Action{parseActionT("u", "safe")}
			j := &diesAt{kind: evenkeel.KindStepDone}
			func() {
				defer func() { require.IsType(t, deathOfTool{}, recover()) }()
				_, _ = evenkeel.Run(t.Context(), rb, p.as("A"), options(j, "A"))
			}()
			require.Contains(t, stateOf(t, j).Windows, "w")
			began := slices.Clone(p.log)
			p.before = func(_, host string, _ sshexec.Cmd) error {
				if host == "n2" {
					return errFar
				}
				return nil
			}
			_, err := start(t.Context(), rb, p.as("A"), options(j, "A"))
			var missing *evenkeel.LeaseMissingError
			require.ErrorAs(t, err, &missing)
			var left *evenkeel.OpenWindowsError
			require.ErrorAs(t, err, &left)
			require.ErrorContains(t, err, "left open: window w (it moves)")
			require.Equal(t, began, p.log)
		})
	}
}

// diesAt is a journal at whose first record of a kind the tool crashes.
type diesAt struct {
	evenkeel.MemJournal
	kind evenkeel.Kind
}

func (j *diesAt) Append(r evenkeel.Record) error {
	err := j.MemJournal.Append(r)
	if r.Kind == j.kind {
		panic(deathOfTool{})
	}
	return err
}

// Two outages, one in the other, are ended from the inside, each under the deadline of an undo.
func TestTheInnerOutageIsEndedFirst(t *testing.T) {
	rb, _, serves := outage(t, evenkeel.StopAtClose)
	rb.Steps[1].Opens[0].ID, rb.Steps[3].Closes = "z", []string{"a", "z"}
	rb.Steps[2].Opens = slices.Clone(rb.Steps[1].Opens)
	rb.Steps[2].Opens[0].ID = "a"
	rb.Steps[1].Opens[0].Completion = []evenkeel.Action{parseActionT("outer", "safe")}
	rb.Steps[2].Opens[0].Completion = []evenkeel.Action{parseActionT("inner", "safe")}
	require.NoError(t, rb.Validate())
	m := newMachine("fail:up")
	host := m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res, err := m.Run(ctx, cmd)
		if err == nil {
			serves(map[string]string{"outer": "up"}[cmd.Argv[1]])
			serves(cmd.Argv[1])
		}
		until, bounded := ctx.Deadline()
		require.Equal(t, cmd.Argv[1] == "inner" || cmd.Argv[1] == "outer", bounded, cmd.Argv[1])
		require.True(t, until.Before(time.Now().Add(time.Hour)))
		return res, err
	})
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": host},
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.Error(t, err)
	require.Equal(t, "up! inner outer", strings.Join(m.log[len(m.log)-3:], " "))
}

// A completion that a crash cut off looks again at what it looked at; where the operator has ended the outage it does nothing.
func TestACompletionThatWasCutOffLooksAgain(t *testing.T) {
	for _, mended := range []bool{false, true} {
		rb, broken, serves := outage(t, evenkeel.StopAtClose)
		serves = complete(rb, serves)
		slices.Reverse(rb.Steps[1].Opens[0].Completion)
		m := newMachine("fail:up CRASH@before:over")
		opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}}
		func() {
			defer func() { require.NotNil(t, recover()) }()
			_, _ = evenkeel.Run(t.Context(), rb, onDone(m, serves), opts)
		}()
		*broken = !mended
		m.live("-")
		_, err := evenkeel.Resume(t.Context(), rb, onDone(m, serves), opts)
		require.NoError(t, err)
		require.Equal(t, map[bool]string{false: "read:seen over up read:x c", true: "up read:x c"}[mended], strings.Join(m.log, " "))
	}
}

// Where an undo fails in the rollback out of an outage, those of the steps before it are not tried.
func TestAnUndoThatFailsEndsTheWayBack(t *testing.T) {
	rb, _, serves := outage(t, evenkeel.StopAtClose)
	for i, id := range map[int]string{1: "t", 2: "s", 3: "q"} {
		rb.Steps[i].Undo, rb.Steps[i].Irreversible = []evenkeel.Action{parseActionT(id, "safe")}, ""
	}
	m := newMachine("fail:up fail:q")
	_, err := evenkeel.Run(t.Context(), rb, onDone(m, serves), evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	var left *evenkeel.OpenWindowsError
	require.ErrorAs(t, err, &left)
	require.Equal(t, "up! q!", strings.Join(m.log[len(m.log)-2:], " "))
}

// The rollback out of an outage passes over a harmless step, but not over the one that opened the outage.
func TestAHarmlessStepDoesNotKeepAnOutageFromBeingUndone(t *testing.T) {
	for harmless, want := range map[int]string{2: "up! q t", 1: "b up!"} {
		rb, _, serves := outage(t, evenkeel.StopAtClose)
		for i, id := range map[int]string{1: "t", 2: "s", 3: "q"} {
			rb.Steps[i].Irreversible, rb.Steps[i].Harmless = "", "a test"
			if i != harmless {
				rb.Steps[i].Undo, rb.Steps[i].Harmless = []evenkeel.Action{parseActionT(id, "safe")}, ""
			}
		}
		require.NoError(t, rb.Validate())
		m := newMachine("fail:up")
		_, err := evenkeel.Run(t.Context(), rb, onDone(m, func(what string) {
			serves(map[string]string{"t": "up"}[what])
			serves(what)
		}), evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
		require.Error(t, err)
		require.True(t, strings.HasSuffix(strings.Join(m.log, " "), want), "%s", m.log)
	}
}

// The lease is lost on one machine: the completion does nothing on the others either.
func TestWithoutOneLeaseNothingIsDoneElsewhere(t *testing.T) {
	broken := false
	rb := book(2, "n1")
	rb.Invariants = watched(&broken, "s1[a.safe]", t).Invariants
	over := parseActionT("over", "safe")
	over.Host = "n2"
	rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "it moves", Limit: time.Hour, Stop: evenkeel.StopAtClose,
		Completion: []evenkeel.Action{over}}}
	rb.Steps[0].Closes = []string{"w"}
	require.NoError(t, rb.Validate())
	p := newPark("n1", "n2")
	p.before = func(_, _ string, cmd sshexec.Cmd) error {
		if strings.Join(cmd.Argv, " ") == "disrupt n1 1" {
			broken = true
			p.machines["n1"].Lines[evenkeel.LeasePath] = "taken over by bert@ops"
		}
		return nil
	}
	_, err := evenkeel.Run(t.Context(), rb, p.as("A"), options(&evenkeel.MemJournal{}, "A"))
	var lost *evenkeel.LeaseLostError
	require.ErrorAs(t, err, &lost)
	require.Equal(t, []string{"A n1 n1 0"}, p.log)
}

// A command that took longer than the outage may last is the last one: what comes next is not begun.
func TestNothingIsBegunInAnOutageThatLastsTooLong(t *testing.T) {
	rb, _, serves := outage(t, evenkeel.StopAtClose)
	serves = complete(rb, serves)
	m := newMachine("-")
	clock := &stepClock{}
	_, err := evenkeel.Run(t.Context(), rb, onDone(m, func(what string) {
		if serves(what); what == "b" && m.log[len(m.log)-1] == "b" {
			clock.move(2 * time.Hour)
		}
	}), evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: clock})
	require.ErrorIs(t, err, evenkeel.ErrOverdue)
	require.Equal(t, "b over read:seen", strings.Join(m.log[len(m.log)-3:], " "))
}

// A completion leaves the step that opened the outage where it stood, also one that fails; and each outage is completed anew.
func TestACompletionIsNoPartOfItsStep(t *testing.T) {
	rb, broken, serves := outage(t, evenkeel.StopAtClose)
	serves = complete(rb, serves)
	m := newMachine("fail:up fail:over")
	opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}}
	_, err := evenkeel.Run(t.Context(), rb, onDone(m, serves), opts)
	require.ErrorAs(t, err, new(*evenkeel.OpenWindowsError))
	require.Equal(t, evenkeel.Did, stateOf(t, opts.Journal).Step("opens").Progress)
	for life := range 2 { // the operator has ended it; then it is down again
		*broken = false
		m.live("fail:up")
		_, err = evenkeel.Resume(t.Context(), rb, on(m, func(what string) { *broken = what != "over" && (*broken || what == "up") }), opts)
		require.Error(t, err)
		require.False(t, *broken, "life %d", life)
		require.Contains(t, m.log, "over", "life %d", life)
	}
}

// An undo is not stopped half-way by an invariant, nor by the end of the run's context: it has a deadline of its own. Its verification
// is read as a whole each time.
func TestAnUndoIsBroughtToItsEnd(t *testing.T) {
	broken := false
	rb := watched(&broken, "s1[a.safe b.safe undo:u.safe undo:w.safe auto]", t)
	rb.Steps[0].UndoVerify = []evenkeel.Action{parseAction(t, "v.read"), parseAction(t, "x.read")}
	m := newMachine("fail:x")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	host := m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		switch cmd.Argv[1] {
		case "b":
			broken = true
			cancel()
			<-ctx.Done()
			res := sshexec.Result{Outcome: sshexec.Signalled}
			return res, sshexec.Failure("h", cmd, res, ctx.Err())
		case "w":
			broken = false
		}
		return m.Run(ctx, cmd)
	})
	j := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(ctx, rb, evenkeel.HostMap{"h": host}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "a u w read:v read:x!", strings.Join(m.log, " "))
	m.live("-")
	require.Equal(t, "=done", m.life(t, evenkeel.Resume, rb, j))
	require.Equal(t, "read:v read:x a b", strings.Join(m.log, " "))
}

// A window that closes inside another one of the same invariant waits for nothing: that is still suspended.
func TestAWindowInsideAnotherOneCloses(t *testing.T) {
	rb, _, serves := outage(t, evenkeel.StopAtClose)
	rb.Steps[2].Opens = slices.Clone(rb.Steps[1].Opens)
	rb.Steps[2].Opens[0].ID, rb.Steps[2].Closes = "inner", []string{"inner"}
	require.NoError(t, rb.Validate())
	_, err := evenkeel.Run(t.Context(), rb, on(newMachine("-"), serves),
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.NoError(t, err)
}

// An overdue window raises its alarm once in each life, though its limit counts anew.
func TestAnOverdueWindowRaisesAnAlarmInEachLife(t *testing.T) {
	rb, _, serves := outage(t, evenkeel.StopBetweenSteps)
	m := newMachine("fail:b")
	clock, alarms := &stepClock{}, 0
	opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: clock, Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventAlarm {
			alarms++
		}
	})}
	_, err := evenkeel.Run(t.Context(), rb, onDone(m, serves), opts)
	require.Error(t, err)
	require.Zero(t, alarms)
	clock.move(24 * time.Hour)
	_, err = evenkeel.Resume(t.Context(), rb, onDone(m, serves), opts)
	require.NoError(t, err)
	require.Equal(t, 1, alarms)
}

// An undo stays within the window of its step: one that failed goes on, when the run is taken up, in the window that was
// closed meanwhile, and so does that of a step which closed the window itself. Where that fails too the run says what is open.
func TestAnUndoGoesOnInItsWindow(t *testing.T) {
	for _, second := range []string{"-", "fail:lower"} {
		rb, broken, _ := outage(t, evenkeel.StopAtClose)
		closes := parseRunbook(t, "closes[up.safe x.safe undo:nox.safe undo:lower.safe auto]").Steps[0]
		closes.Closes = []string{"w"}
		rb.Steps[3] = closes
		require.NoError(t, rb.Validate())
		serves := func(what string) { *broken = what == "down" || what == "lower" || *broken && what != "up" }
		m := newMachine("fail:x fail:nox")
		j := &evenkeel.MemJournal{}
		opts := evenkeel.Options{Journal: j, Clock: &stepClock{}}
		report, err := evenkeel.Run(t.Context(), rb, onDone(m, serves), opts)
		require.ErrorContains(t, err, "cannot undo")
		require.Empty(t, report.State.Windows, "it serves again: the outage is over")
		m.live(second)
		_, err = evenkeel.Resume(t.Context(), rb, onDone(m, serves), opts)
		if second != "-" {
			require.ErrorContains(t, err, "cannot undo")
			m.live("-")
			_, err = evenkeel.Resume(t.Context(), rb, onDone(m, serves), opts)
		}
		require.NoError(t, err)
		require.Contains(t, strings.Join(m.log, " "), "lower up x")
		for _, r := range j.Records() {
			require.NotEqual(t, evenkeel.KindViolation, r.Kind)
		}
	}

	// Two outages that overlap: the step that closed the first is undone to end the second.
	rb, broken, _ := outage(t, evenkeel.StopAtClose)
	rb.Invariants = append(rb.Invariants,
		evenkeel.Invariant{ID: "other", Title: "It is there.", Check: func(context.Context, evenkeel.Site) error {
			return nil
		}})
	other := false
	rb.Invariants[1].Check = func(context.Context, evenkeel.Site) error {
		if other {
			return evenkeel.Violated("it is away")
		}
		return nil
	}
	undo := func(id string) []evenkeel.Action { return []evenkeel.Action{parseAction(t, id+".safe")} }
	rb.Steps[2] = parseRunbook(t, "mid[away.safe]").Steps[0]
	rb.Steps[2].Irreversible, rb.Steps[2].Undo = "", undo("there")
	rb.Steps[2].Opens = []evenkeel.Window{{ID: "v", Invariant: "other", Reason: "it goes", Limit: time.Hour, Stop: evenkeel.StopAtClose}}
	rb.Steps[3].Irreversible, rb.Steps[3].Undo = "", undo("lower")
	rb.Steps[4].Irreversible, rb.Steps[4].Undo, rb.Steps[4].Closes = "", undo("d"), []string{"v"}
	require.NoError(t, rb.Validate())
	m := newMachine("fail:c")
	j := &evenkeel.MemJournal{}
	report, err := evenkeel.Run(t.Context(), rb, onDone(m, func(what string) {
		*broken = what == "down" || what == "lower" || *broken && what != "up"
		other = what == "away" || other && what != "there"
	}), evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "cannot undo")
	require.Contains(t, strings.Join(m.log, " "), "c! d lower there")
	require.False(t, other)
	require.Contains(t, report.State.Windows, "w", "the first outage is open again, and belongs to the step that opened it")
	require.Equal(t, "opens", report.State.Windows["w"].Step)
	var open *evenkeel.OpenWindowsError
	require.ErrorAs(t, err, &open)
}

// A rollback that fails inside an outage leaves that open once: as its own window, be the run's window open, too, or closed long since.
func TestARollbackThatFailsSaysWhichOutageItLeavesOpen(t *testing.T) {
	for faults, undoing := range map[string]string{"fail:c": "s", "CRASH@before:up": "t"} {
		rb, broken, serves := outage(t, evenkeel.StopAtClose)
		for i, id := range map[int]string{1: "t", 2: "s", 3: "q", 4: "z"} {
			rb.Steps[i].Undo, rb.Steps[i].Irreversible = []evenkeel.Action{parseActionT(id, "safe")}, ""
		}
		require.NoError(t, rb.Validate())
		m := newMachine(faults)
		opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}}
		func() {
			defer func() { _ = recover() }()
			_, _ = evenkeel.Run(t.Context(), rb, onDone(m, serves), opts)
		}()
		m.live("fail:" + undoing)
		_, err := evenkeel.Rollback(t.Context(), rb, onDone(m, func(what string) { *broken = *broken || what == "q" }), opts)
		var left *evenkeel.OpenWindowsError
		require.ErrorAs(t, err, &left, faults)
		require.Len(t, left.Windows, 1, faults)
		require.Equal(t, "undo-w", left.Windows[0].ID, faults)
	}
}

// What the run left open counts until the rollback opens it as its own; never twice.
func TestWhatARollbackLeavesOpen(t *testing.T) {
	open := func(ids ...string) map[string]evenkeel.OpenWindow {
		all := map[string]evenkeel.OpenWindow{}
		for _, id := range ids {
			all[id] = evenkeel.OpenWindow{Window: evenkeel.Window{ID: id}}
		}
		return all
	}
	st := &evenkeel.State{Windows: open("v", "w")}
	require.Equal(t, []string{"v", "w"}, evenkeel.LeftOpen(st))
	st.Rollback = &evenkeel.State{Windows: open()}
	require.Equal(t, []string{"v", "w"}, evenkeel.LeftOpen(st))
	st.Rollback.Windows = open("undo-w")
	require.Equal(t, []string{"undo-w", "v"}, evenkeel.LeftOpen(st))
	st.Rollback.Done = true
	require.Equal(t, []string{"v", "w"}, evenkeel.LeftOpen(st))
}
