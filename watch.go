package evenkeel

import (
	"context"
	"errors"
	"slices"
	"time"
)

// watch checks every invariant that no open window suspends: before the first change of each life, after every change, and before a step closes
// windows: what they suspended must hold again by then. An undo is not watched: to stop it half-way would keep what it takes back.
func (e *engine) watch(ctx context.Context, s *Step, phase Phase, changed bool, closing ...string) error {
	if phase == PhaseUndo {
		return nil
	}
	e.mu.Lock()
	skip := e.watched && !changed
	suspended := map[string]bool{}
	for id, w := range e.st.Windows {
		if !slices.Contains(closing, id) {
			suspended[w.Invariant] = true
		}
	}
	e.mu.Unlock()
	e.alarms(s)
	if skip {
		return nil
	}
	for i := range e.rb.Invariants {
		inv := &e.rb.Invariants[i]
		if suspended[inv.ID] {
			continue
		}
		err := inv.Check(ctx, e.site("", nil))
		var v *Violation
		if errors.As(err, &v) {
			v = &Violation{Invariant: inv.ID, What: e.redact.String(v.What)}
			e.mu.Lock()
			e.watched = false // it must be seen to hold before anything else is changed
			e.mu.Unlock()
			if jerr := e.note(Record{Kind: KindViolation, Step: s.ID, Error: v.Error()}); jerr != nil {
				return jerr
			}
			e.event(EventFailed, s, nil, "%v", v)
			return &StepError{Step: s.ID, Err: v}
		}
		e.mu.Lock()
		if err != nil {
			e.unseen++
		} else {
			e.checks++
		}
		e.mu.Unlock()
		if err != nil {
			e.event(EventUnseen, s, nil, "%s: %v", inv.ID, err)
		}
	}
	e.mu.Lock()
	e.watched = true
	e.mu.Unlock()
	return nil
}

// alarms tells of every window that is open for too long, once. It stops nothing: what closes the window must go on.
func (e *engine) alarms(s *Step) {
	now := e.opts.Clock.Now()
	e.mu.Lock()
	var due []OpenWindow
	for id, w := range e.st.Windows {
		if now.Sub(w.Since) > w.Limit && !e.alarmed[id] {
			e.alarmed[id] = true
			due = append(due, w)
		}
	}
	e.mu.Unlock()
	for _, w := range due {
		e.event(EventAlarm, s, nil, "window %s (%s) is open for %s, longer than %s", w.ID, w.Reason, now.Sub(w.Since).Round(time.Second), w.Limit)
	}
}
