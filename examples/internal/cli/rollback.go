package cli

import (
	"fmt"

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
	return ExitDone, plan.Markdown(s.app.Stdout)
}

// announce says how far a rollback goes, before anything is done.
func (s session) announce(journal evenkeel.Journal) error {
	st, err := evenkeel.ReadState(journal.Records())
	if err != nil {
		return err
	}
	plan, err := s.rb.RollbackPlan(st)
	if err != nil {
		return err
	}
	intro := plan.Intro
	if len(plan.Steps) == 0 {
		intro = "Nothing that changes anything was done: there is nothing to undo."
	}
	_, err = fmt.Fprintf(s.app.Stdout, "%s\n%s\n\n", plan.Title, intro)
	return err
}

// rolledBack says how far a rollback got, what differs from the state before the run, and what can be done from there.
func (s session) rolledBack(r *evenkeel.Report) {
	w := s.app.Stdout
	if back := r.State.Rollback; back != nil && back.Run.EndsRun {
		_, _ = fmt.Fprintf(w, "\nThe rollback has ended, and with it the run: a new run needs a new journal.\n")
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
		if last == "" {
			last = "none, the run is back at its beginning"
		}
		_, _ = fmt.Fprintf(w, "\nThe rollback has ended. The last step that is still done: %s.\n", last)
		if r.Barrier != nil {
			_, _ = fmt.Fprintf(w, "It went no further back: %v\n", r.Barrier)
		}
		if next != "" {
			_, _ = fmt.Fprintf(w, "To go forward again, from step %s: %s resume -config %s\n", next, s.app.Name, s.config)
		}
	}
	if len(r.Differs) > 0 {
		_, _ = fmt.Fprintf(w, "What still differs from the state before the run:\n")
	}
	for _, d := range r.Differs {
		_, _ = fmt.Fprintf(w, "  %s\n", d)
	}
}
