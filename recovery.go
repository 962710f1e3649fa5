package evenkeel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// CannotGoBackError says why there is no way back from where a run stands.
type CannotGoBackError struct {
	Step   string // the step that cannot be taken back
	Reason string
}

func (e *CannotGoBackError) Error() string {
	return fmt.Sprintf("there is no way back over step %s: %s", e.Step, e.Reason)
}

// Recovery is the runbook that leads back from a state: what the runbook itself offers (Runbook.Recover), or else the undo of every step that began, the
// last first. It is a forward runbook like any other, with a journal of its own. Where there is no way back it returns a *CannotGoBackError.
func (rb *Runbook) Recovery(st *State) (*Runbook, error) {
	if rb == nil || st == nil {
		return nil, errors.New("a way back needs the runbook and the state of its run")
	}
	if rb.Recover != nil {
		return rb.Recover(st)
	}
	return rb.TakeBack(st)
}

// TakeBack is the runbook that undoes the steps that began, the last first, as far back as there is a way: to the beginning, or to the last step that cannot be
// taken back; a step of which nothing ran but what looks is no such barrier. The steps that it takes back are to be marked with MarkUndone when it is done, and with them
// those in between that only looked: what they saw is not true any more.
func (rb *Runbook) TakeBack(st *State) (*Runbook, error) {
	if rb == nil || st == nil {
		return nil, errors.New("a way back needs the runbook and the state of its run")
	}
	back := &Runbook{
		Name: rb.Name + "-rollback", Title: "Take back: " + rb.Title, Version: rb.Version, Inputs: rb.Inputs,
		Invariants: rb.Invariants, LeaseHosts: rb.LeaseHosts, Known: st.Facts, Secrets: rb.Secrets,
		Intro: "Every step that began is undone, the last one first.", takeBack: true,
	}
	spans := rb.spans()
	var looks []Step // the steps in between that changed nothing
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
				ID: undoPrefix + s.ID, Title: "Not done any more: " + s.Title, Host: s.Host, Ref: s.Ref,
				Why: "It changed nothing; what it looked at is looked at again when the run is taken up.",
			})
			continue
		}
		if s.Irreversible != "" {
			if len(back.Steps) == 0 {
				return nil, &CannotGoBackError{Step: s.ID, Reason: s.Irreversible}
			}
			back.Intro = fmt.Sprintf("What began after step %s is undone, the last step first. It goes no further back: %s.", s.ID, strings.TrimSuffix(s.Irreversible, "."))
			break
		}
		if len(actions) == 0 {
			continue
		}
		undo := Step{
			ID: undoPrefix + s.ID, Title: "Undo: " + s.Title, Host: s.Host, Ref: s.Ref,
			Actions: actions, Verify: st.Facts.known(s.UndoVerify), Harmless: "it is the way back itself", back: true,
		}
		for name := range st.Facts {
			undo.Needs = append(undo.Needs, Fact[any]{name: name})
		}
		slices.SortFunc(undo.Needs, func(a, b FactKey) int { return strings.Compare(a.Name(), b.Name()) })
		back.reopen(&undo, spans[i], s.Opens)
		back.Steps = append(append(back.Steps, looks...), undo)
		looks = nil
	}
	return back, back.Validate()
}

// reopen opens, from the first undo on, the windows that were open while what it takes back was done, and closes them with the undo of the step that opened them. One
// whose opener is not taken back stays open: the system is left as it was within that window.
func (rb *Runbook) reopen(undo *Step, span, opened []Window) {
	for _, w := range span {
		own := slices.ContainsFunc(opened, func(o Window) bool { return o.ID == w.ID })
		w.ID, w.Completion = undoPrefix+w.ID, nil // what completes the way forward is no part of the way back
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

// Undoes is the step of a run that a step of its TakeBack undoes. A step of any other way back undoes none.
func Undoes(id string) (step string, ok bool) { return strings.CutPrefix(id, undoPrefix) }

// MarkUndone tells a run's journal which of its steps a finished take-back has undone, so that Resume does them anew.
func MarkUndone(journal Journal, clock Clock, takeBack *Runbook) error {
	st, err := ReadState(journal.Records())
	if err != nil {
		return err
	}
	for i := range takeBack.Steps {
		id, ok := Undoes(takeBack.Steps[i].ID)
		if !ok || !st.Step(id).Touched() && len(st.Step(id).actions) == 0 {
			continue
		}
		if err := journal.Append(Record{Time: clock.Now(), Kind: KindStepUndone, Step: id}); err != nil {
			return err
		}
	}
	return nil
}

// Touched tells whether the step did anything that has not been taken back.
func (s *StepState) Touched() bool {
	return s.Progress != Pending && s.Progress != Undone
}

// changed tells whether anything of the step that changes something, be it by a person's hand, may have run.
func (s *StepState) changed(step *Step) bool {
	return slices.ContainsFunc(step.Actions, func(a Action) bool {
		return (a.effect() != ReadOnly || a.Manual != "") && s.Action(PhaseDo, a.ID) != Pending
	})
}

// undoable is what of the step's undo has something to take back. What refers to a fact that no action came to make has nothing; where the action that makes
// the fact did begin and nobody knows the fact, only a person can take it back.
func (s *StepState) undoable(step *Step, facts Facts) ([]Action, error) {
	var undo []Action
	for _, u := range step.Undo {
		name := facts.missing(u.refs())
		if name == "" {
			undo = append(undo, u)
			continue
		}
		for _, a := range step.Actions {
			makes := slices.ContainsFunc(a.Makes, func(m Make) bool { return m.Key.Name() == name })
			if makes && s.Action(PhaseDo, a.ID) != Pending {
				return nil, &CannotGoBackError{Step: step.ID, Reason: fmt.Sprintf("%q needs to know %s, which %q did not tell: take that back by hand", u.Title, name, a.Title)}
			}
		}
	}
	return undo, nil
}

// known are the actions that refer to no fact that is not known.
func (f Facts) known(actions []Action) []Action {
	return slices.DeleteFunc(slices.Clone(actions), func(a Action) bool { return f.missing(a.refs()) != "" })
}

// missing is the first of the named facts that is not known; empty when all are.
func (f Facts) missing(names []string) string {
	for _, name := range names {
		if _, ok := f[name]; !ok {
			return name
		}
	}
	return ""
}

// spans lists, for every step, the windows that are open while it runs.
func (rb *Runbook) spans() [][]Window {
	spans := make([][]Window, len(rb.Steps))
	var open []Window
	for i := range rb.Steps {
		open = append(slices.Clip(open), rb.Steps[i].Opens...)
		spans[i] = open
		open = slices.DeleteFunc(slices.Clone(open), func(w Window) bool { return slices.Contains(rb.Steps[i].Closes, w.ID) })
	}
	return spans
}
