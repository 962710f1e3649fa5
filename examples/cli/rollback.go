package cli

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// printRollback prints what a rollback from where the run stands would do.
func (s session) printRollback() (int, error) {
	st, err := readState(s.journal())
	if err != nil {
		return ExitInput, err
	}
	plan, err := s.rb.RollbackPlan(st)
	if err != nil {
		return ExitFailed, err
	}
	back := st.Rollback
	if back != nil && back.Done && back.Run.EndsRun {
		return s.app.Say(plan.Title + "\n" + rollbackEnded + "\n")
	}
	if len(plan.Steps) == 0 {
		return s.app.Say(plan.Title + "\n" + nothingToUndo + "\n")
	}
	if st.RollingBack() {
		plan = leftOf(plan, back)
	}
	err = plan.Markdown(s.app.Stdout)
	return exitCode(err), err
}

// What is said where there is nothing to do.
const (
	nothingToUndo = "Nothing that changes anything was done: there is nothing to undo."
	rollbackEnded = "The rollback has ended, and with it the run: a new run needs a new journal."
)

// leftOf is what a rollback that began has still to do: it is called again and goes on, and does nothing twice.
func leftOf(plan *evenkeel.Runbook, back *evenkeel.State) *evenkeel.Runbook {
	left := *plan
	left.Steps = slices.DeleteFunc(slices.Clone(plan.Steps), func(step evenkeel.Step) bool {
		return back.Step(step.ID).Progress == evenkeel.Did
	})
	left.Intro = fmt.Sprintf("This rollback began at %s. Of its %s done; what follows is left. %s", back.Begun.Format(time.RFC3339),
		counted(len(plan.Steps), "step", "steps")+", "+counted(len(plan.Steps)-len(left.Steps), "is", "are"), plan.Intro)
	return &left
}

// announce says how far a rollback goes, before anything is done.
func (s session) announce(journal evenkeel.Journal) error {
	st, err := evenkeel.ReadState(journal.Records())
	if err != nil {
		return err
	}
	plan, err := s.rb.RollbackPlan(st)
	if cannot := (*evenkeel.CannotRollBackError)(nil); errors.As(err, &cannot) {
		return nil // the rollback says it, and looks what differs
	}
	if err != nil {
		return err
	}
	intro := plan.Intro
	if len(plan.Steps) == 0 {
		intro = nothingToUndo
	}
	_, err = fmt.Fprintf(s.app.Stdout, "%s\n%s\n\n", plan.Title, intro)
	return err
}

// rolledBack says how far a rollback got, be it nowhere, what differs from the state before the run, and what can be done from there.
func (s session) rolledBack(r *evenkeel.Report, refused bool) {
	w := s.app.Stdout
	if back := r.State.Rollback; back != nil && back.Run.EndsRun {
		_, _ = fmt.Fprintf(w, "\n%s\n", rollbackEnded)
	} else {
		last, next := "", ""
		for i := range s.rb.Steps {
			switch step := &s.rb.Steps[i]; {
			case r.State.Step(step.ID).Progress == evenkeel.Did:
				last = step.ID
			case next == "":
				next = step.ID
			}
		}
		open := openWindows(r.State)
		switch {
		case last == "" && len(open) == 0:
			last = "none, the run is back at its beginning"
		case last == "":
			last = "none"
		}
		what := "The rollback has ended."
		if refused {
			what = "Nothing was undone."
		}
		_, _ = fmt.Fprintf(w, "\n%s The last step that is still done: %s.\n", what, last)
		if r.Barrier != nil && !refused { // that is the error itself
			_, _ = fmt.Fprintf(w, "It went no further back: %v\n", r.Barrier)
		}
		for _, o := range open {
			_, _ = fmt.Fprintf(w, "It is NOT as before: the window %s stays open, since %s (%s). Going forward ends it.\n", o.ID,
				o.Since.Format(time.RFC3339), o.Reason)
		}
		if next != "" {
			_, _ = fmt.Fprintf(w, "To go forward again, from step %s: %s\n", next, s.again("resume"))
		}
	}
	if len(r.Differs) > 0 {
		_, _ = fmt.Fprintf(w, "What still differs from the state before the run:\n")
	}
	for _, d := range r.Differs {
		_, _ = fmt.Fprintf(w, "  %s\n", d)
	}
}
