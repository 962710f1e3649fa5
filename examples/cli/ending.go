package cli

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
)

// saidError is an error that has been said at length already.
type saidError struct{ error }

func (e saidError) Unwrap() error { return e.error }

// failure says what failed where and why, what is served now, what is open, and what to type next. It gives back the error as one that
// has been said; any other than that of a failed step as it is.
func (s session) failure(err error, report *evenkeel.Report, serving string) error {
	var at *evenkeel.StepError
	var cannot *evenkeel.CannotRollBackError
	var missing *evenkeel.LeaseMissingError
	var away *evenkeel.UnreachableError
	if errors.As(err, &cannot) || errors.As(err, &missing) || errors.As(err, &away) { // explain says what to do
		return err
	}
	if !errors.As(err, &at) || exitCode(err) != ExitFailed || s.app.Looks {
		return err
	}
	var b strings.Builder
	ended, mended := "FAILED", "   (when the cause is mended)"
	if stopped(err) { // Ctrl-C a second time
		ended, mended = "STOPPED AT ONCE", ""
	}
	fmt.Fprintf(&b, "\n%s at %s", ended, s.place(at))
	fmt.Fprintf(&b, "\n  %s\n", strings.NewReplacer("\n", "\n  ", ": "+context.Canceled.Error(), "").Replace(err.Error()))
	if serving != "" {
		fmt.Fprintf(&b, "  Served now: %s.\n", serving)
	}
	open := "No window is open."
	var windows *evenkeel.OpenWindowsError
	if errors.As(err, &windows) {
		open = counted(len(windows.Windows), "window is", "windows are") + " open: see above."
	}
	fmt.Fprintf(&b, "  %s Nothing is repeated by itself.\n", open)
	look := s.again("status")
	if at.Host != "" {
		look += "; ssh " + at.Host
	}
	fmt.Fprintf(&b, "  Look:     %s\n  Go on:    %s%s\n", look, s.again(s.onward()), mended)
	if s.verb != "rollback" && report != nil {
		fmt.Fprintf(&b, "  Go back:  %s\n", s.back(report.State))
	}
	_, _ = fmt.Fprint(s.app.said(), b.String())
	return saidError{err}
}

// stopped tells whether an error is a command that was stopped, and nothing else: what is joined with one may be a failure.
func stopped(err error) bool {
	switch e := err.(type) { //nolint:errorlint // each layer is looked at
	case interface{ Unwrap() error }:
		return stopped(e.Unwrap())
	case interface{ Unwrap() []error }:
		if reflect.TypeOf(err) == oneByTwoNames {
			return slices.ContainsFunc(e.Unwrap(), stopped)
		}
		return !slices.ContainsFunc(e.Unwrap(), func(one error) bool { return !stopped(one) })
	}
	return err == context.Canceled //nolint:errorlint // what it wraps was looked at
}

// oneByTwoNames is the type of "%w (%w)": one failure, of which the second part says more.
var oneByTwoNames = reflect.TypeOf(fmt.Errorf("%w%w", context.Canceled, context.Canceled))

// place is the step, by its number and title where the runbook has it, and the machine.
func (s session) place(at *evenkeel.StepError) string {
	text := "step " + at.Step
	for i := range s.rb.Steps {
		if step := &s.rb.Steps[i]; step.ID == at.Step {
			text = fmt.Sprintf("step %d of %d, %q", i+1, len(s.rb.Steps), step.Title)
		}
	}
	if at.Host != "" {
		text += ", on " + at.Host
	}
	return text
}

// back is the command that rolls back, and how far that gets.
func (s session) back(st *evenkeel.State) string {
	plan, err := s.rb.RollbackPlan(st)
	var cannot *evenkeel.CannotRollBackError
	switch {
	case errors.As(err, &cannot):
		return "not possible: " + cannot.Error()
	case err != nil:
		return s.again("rollback")
	}
	return fmt.Sprintf("%s   (undoes %s; --plan shows them)", s.again("rollback"), counted(len(plan.Steps), "step", "steps"))
}
