package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// CannotRollBackError says why a rollback cannot go back over a step.
type CannotRollBackError struct {
	Step   string
	Reason string
}

func (e *CannotRollBackError) Error() string {
	return fmt.Sprintf("cannot roll back step %s: %s", e.Step, e.Reason)
}

// RolledBackError is the answer of Run, Resume and Amend where a rollback of the run began.
type RolledBackError struct {
	Title string    // of the rollback
	Began time.Time // the rollback
	Ended time.Time // zero while it has not ended
}

func (e *RolledBackError) Error() string {
	if e.Ended.IsZero() {
		return fmt.Sprintf("a rollback began at %s and has not ended (%s): bring it to its end first, with rollback",
			e.Began.Format(time.RFC3339), e.Title)
	}
	return fmt.Sprintf("the run was rolled back (%s, ended %s) and is over: a new run needs a new journal", e.Title,
		e.Ended.Format(time.RFC3339))
}

// rolledBack is the *RolledBackError that keeps the run from going forward; nil where nothing does.
func (st *State) rolledBack() error {
	switch back := st.Rollback; {
	case back == nil:
		return nil
	case !back.Done:
		return &RolledBackError{Title: back.Run.Title, Began: back.Begun}
	case back.Run.EndsRun:
		return &RolledBackError{Title: back.Run.Title, Began: back.Begun, Ended: back.Last}
	}
	return nil
}

// Rollback undoes what a run did, step by step, the last step first, in the run's own journal. Called again after a
// crash, a pause or a stop, it goes on where it is; Resume refuses until it has ended, and then does the undone steps
// anew, unless the runbook has a rollback of its own that ends the run (Runbook.Recover, EndsRun).
//
// It goes as far back as it can: Report.Barrier is the step that it could not go back over, nil where it reached the
// beginning. Where it could not undo even the last step it does nothing but look, and returns that
// *CannotRollBackError. Report.Differs says what still differs from the state before the run, as Runbook.Compare sees
// it.
func Rollback(ctx context.Context, rb *Runbook, hosts Hosts, opts Options) (*Report, error) {
	return begin(ctx, newRollback, rb, hosts, opts)
}

// newRollback begins a rollback in the journal of its run, or takes it up. One that has nothing to do has a report already.
func newRollback(ctx context.Context, rb *Runbook, hosts Hosts, opts Options) (*engine, *Report, error) {
	e, err := newEngine(rb, hosts, opts)
	if err != nil {
		return nil, nil, err
	}
	st, err := ReadState(e.opts.Journal.Records())
	if err != nil {
		return nil, nil, err
	}
	e.st, e.whole = st, st
	if err := rb.is(st); err != nil {
		return nil, nil, err
	}
	if back := st.Rollback; back != nil && back.Done && back.Run.EndsRun {
		return e, e.report(), nil // there is nothing left to roll back
	}
	plan, err := rb.RollbackPlan(st)
	if err != nil {
		return nil, e.refused(ctx, err), err
	}
	if len(plan.Steps) == 0 && !st.Changed {
		e.giveBack(ctx)
		return e, e.report(), nil
	}
	if rb.MayRollBack != nil && !st.RollingBack() {
		if err := rb.MayRollBack(ctx, e.site("", nil, lookTimeout)); err != nil {
			return nil, e.refused(ctx, err), err
		}
	}
	first := Record{Kind: KindRollback, Run: plan.info(st.Run.ID), Facts: plan.Known, Time: e.opts.Clock.Now(),
		Process: e.process()}
	if st.RollingBack() {
		if first.Run.Digest != st.Rollback.Run.Digest {
			return nil, e.report(), otherRollback()
		}
		first.Run, first.Facts = nil, nil
	}
	if err := e.opts.Journal.Append(first); err != nil {
		return nil, e.report(), err
	}
	if e.whole, err = ReadState(e.opts.Journal.Records()); err != nil {
		return nil, nil, err
	}
	e.rb, e.spans, e.st, e.redact = plan, plan.spans(), e.whole.Rollback, plan.redaction()
	return e, nil, nil
}

// rolledBackEnd compares the system with what it was before the run and ends the rollback.
func (e *engine) rolledBackEnd(ctx context.Context) error {
	if e.stopRequested() {
		return ErrStopped
	}
	differs := e.differs(ctx)
	if ctx.Err() != nil {
		return fmt.Errorf("cancelled before the rollback was compared with the state before the run: %w", ctx.Err())
	}
	e.giveBack(ctx)
	return e.append(Record{Kind: KindRolledBack, Differs: differs})
}

// differs says what differs from the state before the run. It only reads.
func (e *engine) differs(ctx context.Context) []string {
	if e.rb.Compare == nil {
		return nil
	}
	found, err := e.rb.Compare(ctx, e.site("", nil, lookTimeout))
	if err != nil { // what could not be compared may differ
		found = append(found, fmt.Sprintf("not everything could be compared with the state before the run: %v", err))
	}
	var differs []string
	for _, d := range found {
		differs = append(differs, e.shown(d))
	}
	return differs
}

// refused is the report of a rollback that can undo nothing: where it is barred, and what differs. Nothing was done, so
// nothing is journalled.
func (e *engine) refused(ctx context.Context, err error) *Report {
	r := e.report()
	if errors.As(err, &r.Barrier) {
		r.Differs = e.differs(ctx)
	}
	return r
}

// keptOut is the end of a life that did not get its leases. One that did nothing yet leaves nothing behind: no lease,
// and no rollback that began.
func (e *engine) keptOut(ctx context.Context, cause error) error {
	if !e.whole.begun() {
		e.dropLeases(ctx) // a run that did nothing must not keep others out
	}
	if e.whole.RollingBack() && !e.st.begun() {
		if err := e.note(Record{Kind: KindRolledBack, Error: cause.Error()}); err != nil {
			return errors.Join(cause, err)
		}
	}
	if e.whole.Life.Epoch == 0 {
		return unreachable(cause) // a first life: nobody else is to be feared
	}
	return cause
}

var errNoState = errors.New("the plan of a rollback needs the runbook and the state of its run")

// RollbackPlan is what Rollback would run from a state, as a runbook to be read: what the runbook itself offers
// (Runbook.Recover), or else UndoPlan. While a rollback has not ended it is that one, from its beginning. Where the
// last step cannot be undone the error is a *CannotRollBackError.
func (rb *Runbook) RollbackPlan(st *State) (*Runbook, error) {
	if rb == nil || st == nil {
		return nil, errNoState
	}
	if st.RollingBack() {
		st = st.Rollback.before
	}
	if rb.Recover == nil {
		return rb.UndoPlan(st)
	}
	plan, err := rb.Recover(st)
	if err != nil {
		return nil, err
	}
	own := slices.ContainsFunc(plan.Steps, func(s Step) bool { return s.undoes == "" })
	if own && !plan.EndsRun {
		return nil, fmt.Errorf("the rollback %s has steps of its own and does not say that it ends the run: nobody would "+
			"know where a resume begins", plan.Name)
	}
	plan.Version, plan.origin = rb.Version, rb
	if plan.Compare == nil {
		plan.Compare = rb.Compare
	}
	return plan, plan.Validate()
}

// UndoPlan is the runbook that undoes the steps that began, the last first, as far back as possible: to the beginning, or to the last
// step that cannot be undone. A step that has only read does not stop it. Such steps are marked as undone too:
// what they read may be out of date by the time that somebody goes on. So are those in between whose changes may stay
// (Step.Harmless): a resume does them again, after what they followed.
func (rb *Runbook) UndoPlan(st *State) (*Runbook, error) {
	if rb == nil || st == nil {
		return nil, errNoState
	}
	plan := &Runbook{
		Name: rb.Name + "-rollback", Title: "Roll back: " + rb.Title, Version: rb.Version, Inputs: rb.Inputs,
		Invariants: rb.Invariants, LeaseHosts: rb.LeaseHosts, Known: st.Facts, Secrets: rb.Secrets, Compare: rb.Compare,
		Intro: "Every step that began is undone, the last one first.", origin: rb,
	}
	spans := rb.spans()
	var looks []Step // the steps in between of which nothing is undone, and those before the first change that changed nothing
	for i := len(rb.Steps) - 1; i >= 0; i-- {
		s := &rb.Steps[i]
		ss := st.Step(s.ID)
		if !ss.Touched() && !ss.changed(s) {
			continue
		}
		actions, err := ss.undoable(s, st.Facts)
		if err != nil {
			return nil, err
		}
		stays := s.Irreversible != "" || s.Harmless != ""
		if len(actions) == 0 && !(stays && ss.changed(s)) {
			looks = append(looks, Step{
				ID: undoPrefix + s.ID, Title: "Mark as not done: " + s.Title, Host: s.Host, Ref: s.Ref, undoes: s.ID,
				Why: "It changed nothing. A resume reads again what it read.",
			})
			continue
		}
		if s.Irreversible != "" {
			plan.barrier = &CannotRollBackError{Step: s.ID, Reason: s.Irreversible}
			if len(plan.Steps) == 0 {
				return nil, plan.barrier
			}
			plan.Intro = fmt.Sprintf("What began after step %s is undone, the last step first. It goes no further back: %s.",
				s.ID, strings.TrimSuffix(s.Irreversible, "."))
			break
		}
		if len(actions) == 0 {
			if !ss.closedItself(s) {
				continue // its window stays open, and it goes on where it is
			}
			looks = append(looks, Step{
				ID: undoPrefix + s.ID, Title: "Mark to be done again: " + s.Title, Host: s.Host, Ref: s.Ref, undoes: s.ID, Harmless: s.Harmless,
				Why: "What it did may stay. It came after what is undone next: a resume does it again.",
			})
			continue
		}
		undo := Step{
			ID: undoPrefix + s.ID, Title: "Undo: " + s.Title, Host: s.Host, Ref: s.Ref, undoes: s.ID, Reinstalls: s.Reinstalls,
			Actions: actions, Verify: known(st.Facts, s.UndoVerify), Harmless: "it is the rollback itself",
		}
		if s.Remains != "" {
			undo.Why = "What stays after it: " + s.Remains
		}
		for name := range st.Facts {
			undo.Needs = append(undo.Needs, change.Named(name))
		}
		slices.SortFunc(undo.Needs, func(a, b FactKey) int { return strings.Compare(a.Name(), b.Name()) })
		plan.reopen(&undo, spans[i], s.Opens)
		plan.Steps = append(append(plan.Steps, looks...), undo)
		looks = nil
	}
	if len(plan.Steps) > 0 || st.Changed {
		// What may stay, and came before everything that is undone, stays done.
		plan.Steps = append(plan.Steps, slices.DeleteFunc(looks, func(s Step) bool { return s.Harmless != "" })...)
	}
	return plan, plan.Validate()
}

// reopen opens, from the first undo on, the windows that were open while what it undoes was done, and closes them with
// the undo of the step that opened them. One whose opener is not undone stays open: the system is left as it was within
// that window.
func (rb *Runbook) reopen(undo *Step, span, opened []Window) {
	for _, w := range span {
		own := slices.ContainsFunc(opened, func(o Window) bool { return o.ID == w.ID })
		w.ID, w.Completion = undoPrefix+w.ID, nil // what completes the run is no part of the rollback
		if !slices.Contains(rb.leftOpen, w.ID) {
			undo.Opens = append(undo.Opens, w)
			rb.leftOpen = append(rb.leftOpen, w.ID)
		}
		if own {
			undo.Closes = append(undo.Closes, w.ID)
			rb.leftOpen = slices.DeleteFunc(rb.leftOpen, func(id string) bool { return id == w.ID })
		}
	}
}

const undoPrefix = "undo-"

// back tells whether the step undoes a change: what it breaks on its way is waited for at its end.
func (s *Step) back() bool { return s.undoes != "" && len(s.Actions) > 0 }

// ended is the record that a step has come to its end.
func (s *Step) ended() Record {
	if s.undoes != "" {
		return Record{Kind: KindStepUndone, Step: s.undoes, Closes: s.Closes}
	}
	return Record{Kind: KindStepDone, Step: s.ID, Closes: s.Closes}
}

// Touched tells whether the step did anything that has not been undone.
func (s *StepState) Touched() bool {
	return s.Progress != Pending && s.Progress != Undone
}

// changed tells whether anything of the step that changes something, be it by an operator's hand, may have run.
func (s *StepState) changed(step *Step) bool {
	return slices.ContainsFunc(step.Actions, func(a Action) bool {
		return (a.effect() != ReadOnly || a.Manual != "") && s.Action(PhaseDo, a.ID) != Pending
	})
}

// closedItself tells whether the step has closed every window that it opens.
func (s *StepState) closedItself(step *Step) bool {
	return !slices.ContainsFunc(step.Opens, func(w Window) bool {
		return !slices.ContainsFunc(s.closed, func(c OpenWindow) bool { return c.ID == w.ID })
	})
}

// undoable is what of the step's undo has something to undo. What refers to a fact that no action came to make has
// nothing; where the action that makes the fact did begin and nobody knows the fact, only an operator can undo it.
func (s *StepState) undoable(step *Step, facts Facts) ([]Action, error) {
	var undo []Action
	for _, u := range step.Undo {
		name := facts.Missing(u.refs())
		if name == "" {
			undo = append(undo, u)
			continue
		}
		for _, a := range step.Actions {
			makes := slices.ContainsFunc(a.Makes, func(m Make) bool { return m.Key.Name() == name })
			if makes && s.Action(PhaseDo, a.ID) != Pending {
				return nil, &CannotRollBackError{Step: step.ID,
					Reason: fmt.Sprintf("%q needs to know %s, which %q did not tell: undo that by hand", u.Title, name, a.Title)}
			}
		}
	}
	return undo, nil
}

// known are the actions that refer to no fact that is not known.
func known(f Facts, actions []Action) []Action {
	return slices.DeleteFunc(slices.Clone(actions), func(a Action) bool { return f.Missing(a.refs()) != "" })
}

// spans lists, for every step, the windows that are open while it runs.
func (rb *Runbook) spans() [][]Window {
	spans := make([][]Window, len(rb.Steps))
	var open []Window
	for i := range rb.Steps {
		open = append(open, rb.Steps[i].Opens...)
		spans[i] = open
		open = slices.DeleteFunc(slices.Clone(open), func(w Window) bool { return slices.Contains(rb.Steps[i].Closes, w.ID) })
	}
	return spans
}

// Barrier is the step that the plan of a rollback does not go back over; nil where it goes back to the beginning, and in
// any other runbook.
func (rb *Runbook) Barrier() *CannotRollBackError { return rb.barrier }
