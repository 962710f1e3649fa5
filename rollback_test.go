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

// begunAs is a copy of a journal, as if its run had been begun with another runbook.
func begunAs(t *testing.T, rb *evenkeel.Runbook, was evenkeel.Journal) *evenkeel.MemJournal {
	t.Helper()
	j := &evenkeel.MemJournal{}
	for _, r := range was.Records() {
		if r.Run != nil {
			info := *r.Run
			info.Digest = rb.Digest()
			r.Run = &info
		}
		require.NoError(t, j.Append(r))
	}
	return j
}

func stateOf(t *testing.T, j evenkeel.Journal) *evenkeel.State {
	t.Helper()
	st, err := evenkeel.ReadState(j.Records())
	require.NoError(t, err)
	return st
}

// A rollback is a life in the run's journal: what it runs, each undone step as it is undone, and its end.
func TestARollbackIsALifeInTheSameJournal(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[a.safe undo:u.safe] s2[b.safe undo:v.safe]")
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	n := len(j.Records())
	plan, err := rb.RollbackPlan(stateOf(t, j))
	require.NoError(t, err)
	m.live("-")
	require.Equal(t, "=done", m.life(t, evenkeel.Rollback, rb, j))
	life := j.Records()[n:]
	require.Equal(t, evenkeel.KindRollback, life[0].Kind)
	require.Equal(t, plan.Digest(), life[0].Run.Digest)
	require.Equal(t, j.Records()[0].Run.ID, life[0].Run.ID)
	require.Equal(t, evenkeel.KindRolledBack, life[len(life)-1].Kind)
	var undone []string
	last := ""
	for _, r := range life {
		if r.Kind == evenkeel.KindStepUndone {
			undone = append(undone, r.Step+" after "+last)
		}
		if r.Kind == evenkeel.KindEnd {
			last = r.Action
		}
	}
	require.Equal(t, []string{"s2 after v", "s1 after u"}, undone)
}

// Wherever the tool is killed in a rollback: what the state tells to be undone is undone, Resume is refused until the
// rollback has ended, and then does all of it anew.
func TestAKillAnywhereInARollbackLeavesTheTruth(t *testing.T) {
	undoes := map[string]string{"s1": "u", "s2": "v", "s3": "w"}
	for kill := 1; ; kill++ {
		m := newMachine("-")
		rb := parseRunbook(t, "s1[a.safe undo:u.safe] s2[b.safe undo:v.safe] s3[c.safe undo:w.safe]")
		j := &evenkeel.MemJournal{}
		require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
		n := len(j.Records())
		m.live("-")
		m.record = kill
		end := m.life(t, evenkeel.Rollback, rb, j)
		if end == "=done" {
			require.Greater(t, kill, 12)
			return
		}
		require.Equal(t, "=died", end)
		st := stateOf(t, j)
		for step, undo := range undoes {
			if st.Step(step).Progress == evenkeel.Undone {
				require.Equal(t, "done", m.done[undo], "after record %d, %s is said to be undone", kill, step)
			}
		}
		ended := j.Records()[len(j.Records())-1].Kind == evenkeel.KindRolledBack
		require.Equal(t, ended, !st.RollingBack(), "record %d", kill)
		if !ended {
			m.live("-")
			before := len(j.Records())
			require.Equal(t, "=refused", m.life(t, evenkeel.Resume, rb, j), "record %d", kill)
			require.Empty(t, m.log)
			require.Len(t, j.Records(), before, "a refused resume writes nothing")
			m.live("-")
			require.Equal(t, "=done", m.life(t, evenkeel.Rollback, rb, j))
		}
		require.Len(t, slices.DeleteFunc(slices.Clone(j.Records()[n:]),
			func(r evenkeel.Record) bool { return r.Kind != evenkeel.KindRolledBack }), 1)
		m.live("-")
		require.Equal(t, "=done", m.life(t, evenkeel.Resume, rb, j))
		require.Equal(t, "a b c", strings.Join(m.log, " "))
		roundTrip(t, j)
	}
}

func TestResumeNamesTheRollbackThatIsInTheWay(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[a.safe undo:u.safe]")
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	m.live("CRASH@before:u")
	require.Equal(t, "=died", m.life(t, evenkeel.Rollback, rb, j))
	_, err := evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	var back *evenkeel.RolledBackError
	require.ErrorAs(t, err, &back)
	require.True(t, back.Ended.IsZero())
	require.ErrorContains(t, err, "has not ended")
	require.ErrorContains(t, err, "with rollback")
}

// A rollback that can undo nothing says why and what differs, as every other does. It looks, and changes and journals nothing.
func TestARefusedRollbackSaysWhatDiffers(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[a.safe undo:u.safe] s2[b.safe]")
	rb.Steps[1].Irreversible = "the old system is erased"
	rb.Compare = func(ctx context.Context, at evenkeel.Site) ([]string, error) {
		_, err := at.Run(ctx, "h", sshexec.Command(sshexec.ReadOnly, "read", "state"))
		return []string{"h runs the new system"}, errors.Join(err, errors.New("i is off"))
	}
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	before := len(j.Records())
	m.live("-")
	report, err := evenkeel.Rollback(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	var no *evenkeel.CannotRollBackError
	require.ErrorAs(t, err, &no)
	require.Equal(t, "s2", no.Step)
	require.Equal(t, no, report.Barrier)
	require.Len(t, report.Differs, 2)
	require.Equal(t, "h runs the new system", report.Differs[0])
	require.Contains(t, report.Differs[1], "not everything could be compared with the state before the run: i is off")
	require.Equal(t, []string{"read:state"}, m.log, "it only looks")
	require.Len(t, j.Records(), before)
}

// A rollback that goes no further back says so, and what still differs.
func TestARollbackSaysHowFarItGot(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[a.safe undo:u.safe] s2[b.safe] s3[c.safe undo:v.safe]")
	rb.Steps[1].Irreversible = "the old system is erased"
	compared := 0
	rb.Compare = func(ctx context.Context, at evenkeel.Site) ([]string, error) {
		compared++
		_, err := at.Run(ctx, "h", sshexec.Command(sshexec.ReadOnly, "read", "state"))
		return []string{"h runs the new system"}, err
	}
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	report, err := evenkeel.Rollback(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	require.Equal(t, 1, compared)
	require.Equal(t, "s2", report.Barrier.Step)
	require.Equal(t, []string{"h runs the new system"}, report.Differs)
	require.Equal(t, report.Differs, stateOf(t, j).Differs, "it is in the journal")
	require.Equal(t, evenkeel.Did, report.State.Step("s1").Progress)
	require.Equal(t, evenkeel.Undone, report.State.Step("s3").Progress)
	require.False(t, report.State.Done)

	_, err = evenkeel.Rollback(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	var no *evenkeel.CannotRollBackError
	require.ErrorAs(t, err, &no)
	require.ErrorContains(t, err, "cannot roll back step s2: the old system is erased")
}

// What could not be compared is a difference, not "fine"; a secret in it is hidden.
func TestAComparisonThatFailsIsADifference(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[a.safe undo:u.safe]")
	rb.Steps[0].Actions[0].Cmd.Mask = []sshexec.Secret{"hunter2hunter2"}
	rb.Compare = func(context.Context, evenkeel.Site) ([]string, error) {
		return []string{"password is hunter2hunter2"}, errors.New("h does not answer")
	}
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	report, err := evenkeel.Rollback(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	require.Len(t, report.Differs, 2)
	require.NotContains(t, report.Differs[0], "hunter2")
	require.Contains(t, report.Differs[1], "h does not answer")
}

// own is a runbook whose rollback has steps of its own, one of them with the name of a step of the run.
func own(t *testing.T, ends bool) *evenkeel.Runbook {
	rb := parseRunbook(t, "s1[a.safe] s2[b.safe]")
	rb.Recover = func(*evenkeel.State) (*evenkeel.Runbook, error) {
		back := parseRunbook(t, "before[p.safe] s1[q.safe x.safe undo:y.safe auto]")
		back.Name, back.Title, back.EndsRun = "test-rollback", "Bring the old release back", ends
		return back, nil
	}
	return rb
}

func TestARollbackWithStepsOfItsOwnEndsTheRun(t *testing.T) {
	m := newMachine("-")
	rb := own(t, true)
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	m.live("fail:x")
	require.Equal(t, "=failed", m.life(t, evenkeel.Rollback, rb, j))
	require.Equal(t, "p q x! y", strings.Join(m.log, " "))
	st := stateOf(t, j)
	require.Equal(t, evenkeel.Did, st.Step("s1").Progress, "s1 of the run is another step than s1 of the rollback")
	require.Equal(t, evenkeel.Undone, st.Rollback.Step("s1").Progress)
	m.live("CRASH@after:q")
	require.Equal(t, "=died", m.life(t, evenkeel.Rollback, rb, j))
	m.live("-")
	require.Equal(t, "=refused", m.life(t, evenkeel.Resume, rb, j))
	require.Equal(t, "=done", m.life(t, evenkeel.Rollback, rb, j))
	require.Equal(t, "q x", strings.Join(m.log, " "))
	m.live("-")
	_, err := evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	var over *evenkeel.RolledBackError
	require.ErrorAs(t, err, &over)
	require.False(t, over.Ended.IsZero())
	require.ErrorContains(t, err, "Bring the old release back")
	require.Equal(t, "=refused", m.life(t, evenkeel.Run, rb, j))
	require.Equal(t, "=done", m.life(t, evenkeel.Rollback, rb, j), "there is nothing left to roll back")
	require.Empty(t, m.log)
}

func TestARollbackWithStepsOfItsOwnMustEndTheRun(t *testing.T) {
	m := newMachine("-")
	rb := own(t, false)
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	n := len(j.Records())
	_, err := evenkeel.Rollback(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.ErrorContains(t, err, "does not say that it ends the run")
	require.Len(t, j.Records(), n)
}

// The plan of a rollback is for reading; what it undoes would not be journalled with the run.
func TestThePlanOfARollbackIsNotRunByItself(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[a.safe undo:u.safe]")
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	plan, err := rb.RollbackPlan(stateOf(t, j))
	require.NoError(t, err)
	_, err = evenkeel.Run(t.Context(), plan, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: &evenkeel.MemJournal{}})
	require.ErrorContains(t, err, "Rollback runs it")
}

// lib/p7lease: a rollback of a run that crashed is not locked out by the run's own lease.
func TestARollbackIsNotLockedOutByItsOwnRun(t *testing.T) {
	m := newMachine("CRASH@before:b")
	rb := parseRunbook(t, "s1[a.safe b.safe undo:u.safe]")
	rb.LeaseHosts = []string{"h"}
	host := evenkeel.HostMap{"h": m.under(m.Run)}
	j := &evenkeel.MemJournal{}
	func() {
		defer func() { require.IsType(t, deathOfTool{}, recover()) }()
		_, _ = evenkeel.Run(t.Context(), rb, host, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	}()
	require.NotEmpty(t, m.lease.Lines[evenkeel.LeasePath])
	m.live("-")
	_, err := evenkeel.Rollback(t.Context(), rb, host, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	require.Equal(t, "u", strings.Join(m.log, " "))
}

// A rollback that another run keeps out did nothing: the run may as well go on when it is gone.
func TestARollbackThatIsKeptOutIsNoRollback(t *testing.T) {
	m := newMachine("fail:b")
	rb := parseRunbook(t, "s1[a.safe b.safe undo:u.safe]")
	rb.LeaseHosts = []string{"h"}
	host := evenkeel.HostMap{"h": m.under(m.Run)}
	j := &evenkeel.MemJournal{}
	opts := func() evenkeel.Options { return evenkeel.Options{Journal: j, Clock: &stepClock{}, RunID: "r1"} }
	_, err := evenkeel.Run(t.Context(), rb, host, opts())
	require.Error(t, err)
	m.live("-")
	ours := m.lease.Lines[evenkeel.LeasePath]
	theirs, err := sshexec.ParseLease(ours)
	require.NoError(t, err)
	theirs.Run, theirs.Holder, theirs.Held = "other", "anna@ops", true
	m.lease.Lines[evenkeel.LeasePath] = theirs.String()
	var held *evenkeel.LeaseHeldError
	_, err = evenkeel.Rollback(t.Context(), rb, host, opts())
	require.ErrorAs(t, err, &held)
	require.Empty(t, m.log)
	require.Nil(t, stateOf(t, j).Rollback)
	m.lease.Lines[evenkeel.LeasePath] = ours
	_, err = evenkeel.Resume(t.Context(), rb, host, opts())
	require.NoError(t, err)
	require.Equal(t, "b", strings.Join(m.log, " "))
}

// Rehearsal.

// undoWorld keeps what is done and undone by name: "a" does, "ua" undoes.
type undoWorld struct {
	toyWorld
	broken string // an undo that does nothing
}

func (w *undoWorld) Runner(string) (sshexec.Runner, error) {
	return w.m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		what := cmd.Argv[1]
		res, err := w.m.Run(ctx, cmd)
		if of, undo := strings.CutPrefix(what, "u"); undo && err == nil {
			delete(w.m.done, what)
			if what != w.broken {
				delete(w.m.done, of)
			}
		}
		return res, err
	}), nil
}

func (w *undoWorld) Clone() evenkeel.World {
	return &undoWorld{toyWorld: toyWorld{m: w.m.clone(), clock: w.clock.clone()}, broken: w.broken}
}

func TestRehearseRollsBackFromEveryPoint(t *testing.T) {
	rb := parseRunbook(t, "s1[r.read a.safe undo:ua.safe] s2[b.never c.probe undo:uc.safe undo:ub.safe verify:v.read]")
	plan := evenkeel.RehearsalPlan{Kinds: []evenkeel.ScheduleKind{evenkeel.RollbackFrom}}
	w := &undoWorld{toyWorld: *newToyWorld()}
	report, err := evenkeel.Rehearse(t.Context(), rb, w, plan)
	require.NoError(t, err)
	require.Empty(t, report.Failures)
	require.Greater(t, report.Schedules, report.Records, "each point, and within the rollbacks")

	w.broken = "ub" // an undo that says that it is done and is not
	report, err = evenkeel.Rehearse(t.Context(), rb, w, plan)
	require.NoError(t, err)
	require.NotEmpty(t, report.Failures)
	require.ErrorContains(t, report.Failures[0], "the report names no difference")

	rb.Compare = func(context.Context, evenkeel.Site) ([]string, error) { return []string{"b is still there"}, nil }
	report, err = evenkeel.Rehearse(t.Context(), rb, w, plan)
	require.NoError(t, err)
	require.Empty(t, report.Failures, "it is named")
}

// A rollback that is refused does nothing: a rehearsal finds one that did something first.
func TestRehearseFindsARefusedRollbackThatDidSomething(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe undo:ua.safe] s2[b.safe]")
	plan := evenkeel.RehearsalPlan{Kinds: []evenkeel.ScheduleKind{evenkeel.RollbackFrom}}
	w := &undoWorld{toyWorld: *newToyWorld()}
	report, err := evenkeel.Rehearse(t.Context(), rb, w, plan)
	require.NoError(t, err)
	require.Empty(t, report.Failures, "where it is refused nothing is done")

	rb.Recover = func(*evenkeel.State) (*evenkeel.Runbook, error) {
		back := parseRunbook(t, "s1[x.safe y.safe]")
		back.Name, back.EndsRun = "test-rollback", true
		back.Steps[0].Actions[1].Expect.Check = func(evenkeel.Observed) error {
			return &evenkeel.CannotRollBackError{Step: "s2", Reason: "it came to light too late"}
		}
		return back, nil
	}
	report, err = evenkeel.Rehearse(t.Context(), rb, w, plan)
	require.NoError(t, err)
	require.NotEmpty(t, report.Failures)
	require.ErrorContains(t, report.Failures[0], "changed something all the same")
}

// A rollback is that of its runbook, and the one that began is the one that goes on.
func TestARollbackIsThatOfItsRunbook(t *testing.T) {
	m := newMachine("-")
	rb, name := own(t, true), "test-rollback"
	recover := rb.Recover
	rb.Recover = func(st *evenkeel.State) (*evenkeel.Runbook, error) {
		back, err := recover(st)
		back.Name = name
		return back, err
	}
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	n := len(j.Records())
	_, err := evenkeel.Rollback(t.Context(), parseRunbook(t, "s1[a.safe undo:u.safe]"), evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j})
	require.ErrorIs(t, err, evenkeel.ErrJournalOther)
	require.Len(t, j.Records(), n)

	m.live("CRASH@before:q")
	require.Equal(t, "=died", m.life(t, evenkeel.Rollback, rb, j))
	name = "another"
	n = len(j.Records())
	_, err = evenkeel.Rollback(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j})
	require.ErrorIs(t, err, evenkeel.ErrJournalOther)
	require.Len(t, j.Records(), n)
}

// A rollback that another run keeps out in its middle has begun all the same.
func TestARollbackThatBeganStaysOne(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[a.safe undo:u.safe] s2[b.safe undo:v.safe]")
	host := evenkeel.HostMap{"h": m.under(m.Run)}
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	m.live("CRASH@before:u")
	require.Equal(t, "=died", m.life(t, evenkeel.Rollback, rb, j))
	m.lease.Lines[evenkeel.LeasePath] = sshexec.Lease{Held: true, Run: "r9", Epoch: 1, Life: "l", Host: "h", Holder: "carl@ops"}.String()
	_, err := evenkeel.Rollback(t.Context(), rb, host, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.ErrorAs(t, err, new(*evenkeel.LeaseHeldError))
	require.True(t, stateOf(t, j).RollingBack())
}

// A rollback that is cancelled while it compares has not ended.
func TestACancelledComparisonIsNoEnd(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[a.safe undo:u.safe]")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rb.Compare = func(ctx context.Context, _ evenkeel.Site) ([]string, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	_, err := evenkeel.Rollback(ctx, rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, stateOf(t, j).RollingBack())
}

// A rollback of its own is compared, and has the lease hosts, as its runbook says.
func TestARollbackOfItsOwnKeepsWhatItsRunbookSays(t *testing.T) {
	m := newMachine("-")
	rb := own(t, true)
	rb.Steps[1].Actions[0].Host = "g"
	rb.Compare = func(context.Context, evenkeel.Site) ([]string, error) { return []string{"h differs"}, nil }
	j := &evenkeel.MemJournal{}
	hosts := evenkeel.HostMap{"h": m.under(m.Run), "g": sshexec.WithSimLease("g", &sshexec.SimLease{}, &recorder{})}
	_, err := evenkeel.Run(t.Context(), rb, hosts, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	plan, err := rb.RollbackPlan(stateOf(t, j))
	require.NoError(t, err)
	require.Equal(t, []string{"g", "h"}, plan.Leased())
	report, err := evenkeel.Rollback(t.Context(), rb, hosts, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	require.Equal(t, []string{"h differs"}, report.Differs)
	require.Empty(t, stateOf(t, j).Windows)
}

// What a plan of undoing says of a step: a harmless one is to be done again, one of which there is nothing to undo is done anew, and what
// completes an outage is no part of it.
// What the operator did before the step has begun is undone with it.
func TestWhatWasDoneByHandIsInTheUndoPlan(t *testing.T) {
	rb := parseRunbook(t, "s1[m.manual a.safe undo:u.safe]")
	rb.Steps[0].Actions[0] = evenkeel.Action{ID: "m", Manual: "do it", Change: evenkeel.Change{Title: "m"}}
	stop, j := make(chan struct{}), &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": newMachine("-")},
		evenkeel.Options{Journal: j, Clock: &stepClock{}, Stop: stop,
			Operator: askedOf(func(evenkeel.Prompt) (string, error) { return "", nil }),
			Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
				if e.Kind == evenkeel.EventDone {
					close(stop)
				}
			})})
	require.ErrorIs(t, err, evenkeel.ErrStopped)
	require.False(t, stateOf(t, j).Step("s1").Touched())
	plan, err := rb.RollbackPlan(stateOf(t, j))
	require.NoError(t, err)
	require.Len(t, plan.Steps, 1)
	require.Len(t, plan.Steps[0].Actions, 1)
}

func TestWhatIsLeftOfAStepInAnUndoPlan(t *testing.T) {
	broken := false
	rb := watched(&broken, "s1[a.safe undo:u.safe] s2[b.safe] s3[c.safe d.safe undo:v.safe] s4[e.safe undo:w.safe]", t)
	rb.Steps[1].Irreversible, rb.Steps[1].Harmless = "", "a test"
	rb.Steps[0].Reinstalls = []string{"h"}
	rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "it moves", Limit: time.Hour, Stop: evenkeel.StopAtClose,
		Completion: []evenkeel.Action{parseActionT("over", "safe")}}}
	rb.Steps[0].Closes = []string{"w"}
	s := &rb.Steps[2]
	s.Makes = []evenkeel.FactKey{archive}
	s.Actions[1].Makes = []evenkeel.Make{archive.From(func(o evenkeel.Observed) (string, error) { return o.Text(), nil })}
	s.Undo[0].Cmd.Argv = append(s.Undo[0].Cmd.Argv, archive.Ref())
	y := parseAction(t, "y.read")
	y.Cmd.Argv = append(y.Cmd.Argv, archive.Ref())
	s.UndoVerify = []evenkeel.Action{y}
	require.NoError(t, rb.Validate())
	m := newMachine("fail:c")
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=failed", m.life(t, evenkeel.Run, rb, j))
	plan, err := rb.RollbackPlan(stateOf(t, j))
	require.NoError(t, err)
	var ids []string
	for _, s := range plan.Steps {
		ids = append(ids, s.ID)
		for _, w := range s.Opens {
			require.Empty(t, w.Completion)
		}
	}
	require.Equal(t, []string{"undo-s3", "undo-s2", "undo-s1"}, ids)
	require.Equal(t, []string{"h"}, plan.Steps[2].Reinstalls)
	m.live("-")
	require.Equal(t, "=done", m.life(t, evenkeel.Rollback, rb, j))
	require.Equal(t, evenkeel.Undone, stateOf(t, j).Step("s3").Progress)
	require.Equal(t, evenkeel.Undone, stateOf(t, j).Step("s2").Progress)

	m.live("CRASH@after:d")
	require.Equal(t, "=died", m.life(t, evenkeel.Resume, rb, j))
	_, err = rb.RollbackPlan(stateOf(t, j))
	require.ErrorContains(t, err, "needs to know archive.set-1", "it may have been made")
}

// A run of which only harmless things were done is rolled back all the same: it is in the journal.
func TestARollbackOfHarmlessStepsIsOne(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[a.safe]")
	rb.Steps[0].Irreversible, rb.Steps[0].Harmless = "", "a test"
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	require.Equal(t, "=done", m.life(t, evenkeel.Rollback, rb, j))
	require.Equal(t, evenkeel.KindRolledBack, j.Records()[len(j.Records())-1].Kind)
}

// However often a rollback was kept out, its journal is read in one go: each of them adds its records, and is not read once more
// for all that come after. With 200 of them a reader that does so never comes to an end.
func TestManyRefusedRollbacksAreReadOnce(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe undo:u.safe]")
	j := &evenkeel.MemJournal{}
	m := newMachine("-")
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	away := evenkeel.HostMap{"h": sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res := sshexec.Result{Outcome: sshexec.NotStarted}
		return res, sshexec.Failure("h", cmd, res, errors.New("no route to host"))
	})}
	for range 200 {
		_, err := evenkeel.Rollback(t.Context(), rb, away, evenkeel.Options{Journal: j, Clock: &stepClock{}})
		require.ErrorContains(t, err, "no route to host")
	}
	st := stateOf(t, j)
	require.True(t, st.Done && !st.RollingBack() && st.Step("s1").Touched(), "each of them left the run as it was")
	m.live("-")
	require.Equal(t, "=done", m.life(t, evenkeel.Rollback, rb, j))
	require.Equal(t, "u", strings.Join(m.log, " "))
}

// What a rollback undoes does not move what it goes by: its plan stays the one from where the run stood when it began.
func TestThePlanOfARollbackStaysWhileItGoesOn(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe undo:u.safe] s2[b.safe undo:v.safe]")
	j := &evenkeel.MemJournal{}
	m := newMachine("-")
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	plan, err := rb.RollbackPlan(stateOf(t, j))
	require.NoError(t, err)
	m.live("CRASH@before:u")
	require.Equal(t, "=died", m.life(t, evenkeel.Rollback, rb, j))
	again, err := rb.RollbackPlan(stateOf(t, j))
	require.NoError(t, err)
	require.Len(t, again.Steps, 2)
	require.Equal(t, plan.Digest(), again.Digest())
}

// A step whose changes may stay, and that came after one that was undone, is done again in its turn: what it did may count on
// that one. It is done as after a crash: what must not be repeated is probed. One before everything that was undone stays done.
func TestAHarmlessStepIsDoneAgainAfterARollback(t *testing.T) {
	rb := parseRunbook(t, "s0[z.safe] s1[a.safe undo:u.safe] s2[g.guard r.safe n.never m.manual] s3[b.safe undo:v.safe] s4[e.safe]")
	for _, i := range []int{0, 2, 4} {
		rb.Steps[i].Irreversible, rb.Steps[i].Harmless = "", "a test"
	}
	for _, faults := range []string{"-", "CRASH@before:u", "CRASH@after:u"} {
		m := newMachine("did:m")
		j := &evenkeel.MemJournal{}
		require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
		m.live(faults)
		if m.life(t, evenkeel.Rollback, rb, j) == "=died" {
			m.live("-")
			require.Equal(t, "=done", m.life(t, evenkeel.Rollback, rb, j))
		}
		st := stateOf(t, j)
		for id, want := range map[string]evenkeel.Progress{"s0": evenkeel.Did, "s1": evenkeel.Undone, "s2": evenkeel.Undone,
			"s3": evenkeel.Undone, "s4": evenkeel.Undone} {
			require.Equal(t, want, st.Step(id).Progress, "%s: %s", faults, id)
		}
		m.live("-")
		require.Equal(t, "=done", m.life(t, evenkeel.Resume, rb, j))
		require.Equal(t, "a look:n read:g r read:m b e", strings.Join(m.log, " "), faults)
	}
}

// The same where the steps of an outage are undone to end it.
func TestAHarmlessStepOfAnOutageIsDoneAgain(t *testing.T) {
	rb, broken, serves := outage(t, evenkeel.StopAtClose)
	rb.Steps[1].Irreversible, rb.Steps[1].Undo = "", []evenkeel.Action{parseActionT("up", "safe")}
	rb.Steps[2] = parseRunbook(t, "mid[r.safe b.never]").Steps[0]
	rb.Steps[2].Irreversible, rb.Steps[2].Harmless = "", "a test"
	rb.Steps[3] = parseRunbook(t, "closes[x.safe up.safe undo:y.safe]").Steps[0]
	rb.Steps[3].Closes = []string{"w"}
	require.NoError(t, rb.Validate())
	m := newMachine("fail:x")
	j := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, onDone(m, serves), evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.Error(t, err)
	require.False(t, *broken)
	m.live("-")
	_, err = evenkeel.Resume(t.Context(), rb, onDone(m, serves), evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	require.Contains(t, strings.Join(m.log, " "), "down read:w r look:b x up")
}
