package evenkeel

import (
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
	if rb.Recover != nil {
		return rb.Recover(st)
	}
	return rb.TakeBack(st)
}

// TakeBack is the runbook that undoes the steps that began, the last first, as far back as there is a way: to the beginning, or to the last step that cannot be
// taken back. The steps that it takes back are to be marked with MarkUndone when it is done.
func (rb *Runbook) TakeBack(st *State) (*Runbook, error) {
	back := &Runbook{
		Name: rb.Name + "-rollback", Title: "Take back: " + rb.Title, Version: rb.Version, Inputs: rb.Inputs,
		Invariants: rb.Invariants, LeaseHosts: rb.LeaseHosts, Known: st.Facts,
		Intro: "Every step that began is undone, the last one first.",
	}
	spans := rb.spans()
	for i := len(rb.Steps) - 1; i >= 0; i-- {
		s := &rb.Steps[i]
		if !st.Step(s.ID).Touched() {
			continue
		}
		if s.Irreversible != "" {
			if len(back.Steps) == 0 {
				return nil, &CannotGoBackError{Step: s.ID, Reason: s.Irreversible}
			}
			back.Intro = fmt.Sprintf("What began after step %s is undone, the last step first. It goes no further back: %s.", s.ID, strings.TrimSuffix(s.Irreversible, "."))
			break
		}
		if len(s.Undo) == 0 {
			continue
		}
		undo := Step{
			ID: undoPrefix + s.ID, Title: "Undo: " + s.Title, Host: s.Host, Ref: s.Ref,
			Actions: s.Undo, Irreversible: "it is the way back itself",
		}
		for name := range st.Facts {
			undo.Needs = append(undo.Needs, Fact[any]{name: name})
		}
		slices.SortFunc(undo.Needs, func(a, b FactKey) int { return strings.Compare(a.Name(), b.Name()) })
		for _, w := range spans[i] {
			w.ID = undo.ID + "-" + w.ID
			undo.Opens = append(undo.Opens, w)
			undo.Closes = append(undo.Closes, w.ID)
		}
		back.Steps = append(back.Steps, undo)
	}
	return back, back.Validate()
}

const undoPrefix = "undo-"

// MarkUndone tells a run's journal which of its steps a finished take-back has undone, so that Resume does them anew.
func MarkUndone(journal Journal, clock Clock, takeBack *Runbook) error {
	st, err := ReadState(journal.Records())
	if err != nil {
		return err
	}
	for i := range takeBack.Steps {
		id, ok := strings.CutPrefix(takeBack.Steps[i].ID, undoPrefix)
		if !ok || !st.Step(id).Touched() {
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
