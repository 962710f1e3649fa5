package evenkeel

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// A runbook is made to be changed before it is reviewed: a site has a step of its own, or does one otherwise. What a
// change breaks, such as a window that no step closes any more, is told by Validate; that it was changed shows in the
// digest that is signed.

// UnknownStepError says that a runbook has no step of that ID.
type UnknownStepError struct {
	ID      string
	Nearest string // the step that may have been meant; empty where the runbook has none
}

func (e *UnknownStepError) Error() string {
	if e.Nearest == "" {
		return fmt.Sprintf("there is no step %q: the runbook has no steps", e.ID)
	}
	return fmt.Sprintf("there is no step %q; the nearest is %q", e.ID, e.Nearest)
}

// DuplicateStepError says that two steps would have the same ID, or that one would have none.
type DuplicateStepError struct {
	ID     string
	Titles []string // of the steps, in their order
}

func (e *DuplicateStepError) Error() string {
	if e.ID == "" {
		return fmt.Sprintf("the step %q has no ID: it needs one of its own", e.Titles[0])
	}
	return fmt.Sprintf("two steps would have the ID %q (%s): each needs one of its own", e.ID, strings.Join(e.Titles, "; "))
}

// Step is the step of that ID; ok tells whether there is one. Its slices are the runbook's: to change them, clone them.
func (rb *Runbook) Step(id string) (s Step, ok bool) {
	i, err := rb.place(id)
	if err != nil {
		return Step{}, false
	}
	return rb.Steps[i], true
}

// Insert puts steps behind the one of that ID; at the beginning where it is empty. Nothing is changed where an ID is
// unknown, or would stand there twice.
func (rb *Runbook) Insert(afterStepID string, steps ...Step) error {
	at := 0
	if afterStepID != "" {
		i, err := rb.place(afterStepID)
		if err != nil {
			return err
		}
		at = i + 1
	}
	return rb.compose(slices.Concat(rb.Steps[:at], steps, rb.Steps[at:]))
}

// Replace puts a step in the place of the one of that ID. It may have another ID.
func (rb *Runbook) Replace(stepID string, s Step) error {
	i, err := rb.place(stepID)
	if err != nil {
		return err
	}
	return rb.compose(slices.Concat(rb.Steps[:i], []Step{s}, rb.Steps[i+1:]))
}

// Remove takes the step of that ID out.
func (rb *Runbook) Remove(stepID string) error {
	i, err := rb.place(stepID)
	if err != nil {
		return err
	}
	return rb.compose(slices.Concat(rb.Steps[:i], rb.Steps[i+1:]))
}

// compose takes a new list of steps, which no copy of the runbook shares, unless an ID stands in it twice.
func (rb *Runbook) compose(steps []Step) error {
	titles := map[string]string{}
	for _, s := range steps {
		switch title, twice := titles[s.ID]; {
		case s.ID == "":
			return &DuplicateStepError{Titles: []string{s.Title}}
		case twice:
			return &DuplicateStepError{ID: s.ID, Titles: []string{title, s.Title}}
		}
		titles[s.ID] = s.Title
	}
	rb.Steps = steps
	return nil
}

// place is where the step of that ID stands.
func (rb *Runbook) place(id string) (int, error) {
	if i := slices.IndexFunc(rb.Steps, func(s Step) bool { return s.ID == id }); i >= 0 {
		return i, nil
	}
	var known []string
	for _, s := range rb.Steps {
		known = append(known, s.ID)
	}
	return 0, &UnknownStepError{ID: id, Nearest: printable.Nearest(id, known)}
}
