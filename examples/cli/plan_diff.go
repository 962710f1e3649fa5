package cli

import (
	"fmt"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// planDiff says what has changed in the runbook since the run in a journal.
func (a *App) planDiff(config, journal string) (int, error) {
	_, rb, err := a.load(config)
	if err != nil {
		return ExitInput, err
	}
	st, err := readState(journal)
	if err != nil {
		return ExitInput, err
	}
	if st.Run.Runbook != rb.Name {
		return ExitInput, fmt.Errorf("%s is the journal of %s, and the configuration is that of %s", journal, st.Run.Runbook, rb.Name)
	}
	change, refused := rb.Change(st)
	if change == nil {
		return a.Say(fmt.Sprintf("The plan is the one of the run: digest %s\n", rb.Digest()))
	}
	text := changed(rb, st, change)
	if refused != nil {
		text += printable.Line(fmt.Sprintf("%v.", refused)) + "\n"
	} else {
		text += fmt.Sprintf("The run can be amended: %s amend --config %s\n", a.Name, shellescape.Quote(config))
	}
	_, err = a.Say(text)
	return ExitFailed, err
}

// changed is a change in words: each step with its title, and whether it began.
func changed(rb *evenkeel.Runbook, st *evenkeel.State, change *evenkeel.Amendment) string {
	titles := titlesOf(rb, st)
	var b strings.Builder
	b.WriteString("The plan is not the one of the run:\n")
	for _, step := range change.Steps {
		began := "it has not begun"
		if st.Step(step.ID).Touched() {
			began = "it began already"
		}
		fmt.Fprintf(&b, "  step %-20s %-8s  %s (%s)\n", step.ID, step.Change, printable.Line(titles.steps[step.ID]), began)
	}
	for _, in := range change.Inputs {
		fmt.Fprintf(&b, "  %s\n", printable.Line(in))
	}
	if change.Version != "" {
		fmt.Fprintf(&b, "  version of the tool: %s\n", change.Version)
	}
	fmt.Fprintf(&b, "  digest of the run: %s\n  digest now:        %s\n", change.Was, change.Is)
	return b.String()
}
