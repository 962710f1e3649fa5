package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// watch checks every invariant that no open window suspends: before the first change of each life and after every
// change. An undo is watched at its end: to stop it half-way would keep what it takes back. Of a step that takes
// another one back the same is true, but for what may never be suspended.
func (e *engine) watch(ctx context.Context, s *Step, phase Phase, changed bool) error {
	if phase == PhaseUndo {
		return nil
	}
	e.mu.Lock()
	must := phase == PhaseDo && e.nothingChanged()
	skip := e.watched && !changed && (!must || e.seenAll())
	e.mu.Unlock()
	e.alarms(s)
	if skip {
		return nil
	}
	for _, inv := range e.unsuspended(s.Opens) {
		if s.back() && !inv.Absolute {
			continue
		}
		var v *Violation
		switch err := e.observe(ctx, inv); {
		case errors.As(err, &v):
			return e.violated(s, v)
		case err != nil && must && inv.Absolute:
			return &StepError{Step: s.ID, Err: fmt.Errorf("%w: %s (%s): %w", ErrUnseen, inv.ID, inv.Title, err)}
		case err != nil:
			e.event(EventUnseen, s, nil, "%s: %v", inv.ID, err)
		}
	}
	e.mu.Lock()
	e.watched = !s.back()
	e.mu.Unlock()
	return nil
}

// ErrUnseen says that an invariant which may never be broken cannot be observed before the first change of a run.
var ErrUnseen = errors.New("nothing is changed before every invariant that may never be broken was seen to hold: make " +
	"that it can be observed, and begin again")

// nothingChanged tells whether the run has changed nothing yet, or has undone all of it; of a rollback it is not asked: nobody is kept
// from going back. The caller holds e.mu.
func (e *engine) nothingChanged() bool {
	return e.st == e.whole && !slices.ContainsFunc(e.rb.Steps, func(s Step) bool { return s.changes() && e.st.Step(s.ID).Touched() })
}

// seenAll tells whether this life has seen every invariant hold that may never be broken. The caller holds e.mu.
func (e *engine) seenAll() bool {
	return !slices.ContainsFunc(e.rb.Invariants, func(inv Invariant) bool { return inv.Absolute && !e.seen[inv.ID] })
}

// unsuspended are the invariants that no open window suspends, nor one that is about to be opened; except names windows
// that are about to be closed.
func (e *engine) unsuspended(opens []Window, except ...string) []*Invariant {
	suspended := map[string]bool{}
	for _, w := range opens {
		suspended[w.Invariant] = !slices.Contains(except, w.ID)
	}
	for _, w := range e.openWindows() {
		suspended[w.Invariant] = suspended[w.Invariant] || !slices.Contains(except, w.ID)
	}
	var list []*Invariant
	for i := range e.rb.Invariants {
		if inv := &e.rb.Invariants[i]; !suspended[inv.ID] {
			list = append(list, inv)
		}
	}
	return list
}

func (e *engine) invariant(id string) *Invariant {
	i := slices.IndexFunc(e.rb.Invariants, func(inv Invariant) bool { return inv.ID == id })
	return &e.rb.Invariants[i] // Validate wants it there
}

// observe looks whether an invariant holds: nil, a *Violation, or why it cannot be observed.
func (e *engine) observe(ctx context.Context, inv *Invariant) error {
	at := e.site("", nil, lookTimeout)
	look := e.beginLook(inv.ID, at.Now)
	at.Tell = look.tell
	err := inv.Check(ctx, at)
	look.end(ctx, err)
	var v *Violation
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case errors.As(err, &v):
		e.watched = false // it must be seen to hold before anything else is changed
		return &Violation{Invariant: inv.ID, What: e.redact.String(v.What)}
	case err != nil:
		e.unseen++
		return e.masked(err)
	}
	e.checks++
	e.seen[inv.ID] = true
	return nil
}

// violated journals a violation and stops the step.
func (e *engine) violated(s *Step, v *Violation) error {
	if err := e.note(Record{Kind: KindViolation, Step: s.ID, Error: v.Error()}); err != nil {
		return err
	}
	e.event(EventFailed, s, nil, "%v", v)
	return &StepError{Step: s.ID, Err: v}
}

// watchEnd watches at the end of a step: what the windows that it closes suspended must be seen to hold again.
func (e *engine) watchEnd(ctx context.Context, s *Step) error {
	if len(s.Closes) == 0 && !s.back() {
		if !s.changes() {
			return nil
		}
		return e.watch(ctx, s, PhaseVerify, false)
	}
	var until time.Time
	for _, id := range s.Closes {
		if w, open := e.window(id); open && e.due(w).After(until) {
			until = e.due(w)
		}
	}
	if s.back() && len(s.Closes) == 0 {
		until = e.opts.Clock.Now().Add(DefaultLimit)
	}
	return e.awaitHolding(ctx, s, PhaseVerify, until, s.Closes...)
}

// watchUndo is watchEnd for the end of an undo, which closes the windows that its step opened.
func (e *engine) watchUndo(ctx context.Context, s *Step) error {
	limit := DefaultLimit
	var closing []string
	for _, w := range e.openWindows() {
		if w.Step == s.ID {
			closing = append(closing, w.ID)
			limit = max(limit, w.Limit)
		}
	}
	return e.awaitHolding(ctx, s, PhaseUndo, e.opts.Clock.Now().Add(limit), closing...)
}

// holdingLook is how often a window that is about to close is looked at.
const holdingLook = time.Second

// awaitHolding looks until every invariant holds that no window but the closing ones suspends. What a closing one
// suspended must be seen: a machine that cannot be asked has not said that all is well.
func (e *engine) awaitHolding(ctx context.Context, s *Step, phase Phase, until time.Time, closing ...string) error {
	suspended := map[string]bool{}
	for _, id := range closing {
		if w, open := e.window(id); open {
			suspended[w.Invariant] = true
		}
	}
	for _, inv := range e.unsuspended(nil, closing...) {
		for {
			e.alarms(s)
			err := e.observe(ctx, inv)
			var v *Violation
			broken := errors.As(err, &v)
			switch {
			case err == nil:
			case ctx.Err() != nil:
				return &StepError{Step: s.ID, Err: ctx.Err()}
			case !broken && !suspended[inv.ID]:
				e.event(EventUnseen, s, nil, "%s: %v", inv.ID, err)
			case broken && (inv.Absolute || len(closing) > 0 && !suspended[inv.ID]): // no window has suspended it: it is not to come back by itself
				return e.violated(s, v)
			case e.opts.Clock.Now().Before(until):
				e.event(EventWait, s, nil, "%s must hold again: %v", inv.ID, err)
				if err := e.wait(ctx, s, phase, holdingLook); err != nil {
					return err
				}
				continue
			case broken:
				return e.violated(s, v)
			default:
				return &StepError{Step: s.ID, Err: fmt.Errorf("%w: invariant %s is not seen to hold again: %w", ErrOverdue, inv.ID, err)}
			}
			break
		}
	}
	e.mu.Lock()
	e.watched = true
	e.mu.Unlock()
	return nil
}

// wait is sleep, but for an undo and a completion, which no stop ends.
func (e *engine) wait(ctx context.Context, s *Step, phase Phase, d time.Duration) error {
	if phase == PhaseUndo || phase == PhaseCompletion {
		return e.opts.Clock.Sleep(ctx, d)
	}
	return e.sleep(ctx, s, d)
}

// alarms tells of every window that is open for too long, once. It stops nothing by itself: see outlasted.
func (e *engine) alarms(s *Step) {
	now := e.opts.Clock.Now()
	for _, w := range e.openWindows() {
		e.mu.Lock()
		tell := now.Sub(w.Since) > w.Limit && !e.alarmed[w.ID]
		e.alarmed[w.ID] = e.alarmed[w.ID] || tell
		e.mu.Unlock()
		if tell {
			e.windowEvent(EventAlarm, s, w, "%s is open for %s, longer than %s", w, inWords(now.Sub(w.Since)), inWords(w.Limit))
		}
	}
}
