package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
)

// unconfirmed are the confirmations that a run still needs and that the configuration does not give.
func (c *Config) unconfirmed(rb *evenkeel.Runbook, st *evenkeel.State) []evenkeel.Confirmation {
	if c.World != "" {
		return nil // the operator of a simulated world confirms everything
	}
	var list []evenkeel.Confirmation
	for _, one := range rb.Confirmations(st) {
		if c.Attest[one.Name()] == "" {
			list = append(list, one)
		}
	}
	return list
}

// describeUnconfirmed lists confirmations, ready to be filled in and put into the configuration.
func describeUnconfirmed(list []evenkeel.Confirmation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "No command can show these; the operator confirms them, here or in the configuration (who, when):\n\nattest:\n")
	later := false
	for _, c := range list {
		if !c.Ahead && !later {
			later = true
			b.WriteString("  # These can be known only after something was changed: the run pauses there, or asks.\n")
		}
		fmt.Fprintf(&b, "  # %s\n  %s: \"\"\n", strings.ReplaceAll(c.Action.Manual, "\n", " "), c.Name())
	}
	return b.String() + "\n"
}

// listUnconfirmed says, before anything is done, what the operator will have to confirm.
func (s session) listUnconfirmed(journal evenkeel.Journal) {
	if list := s.cfg.unconfirmed(s.rb, s.before(journal)); len(list) > 0 && s.verb != "rollback" {
		_, _ = io.WriteString(s.app.Stdout, describeUnconfirmed(list))
	}
}

// Confirm answers for everything that can be confirmed before something is changed: from the configuration, or, on a
// terminal, by asking for all of it.
func (at operator) Confirm(ctx context.Context, asks []evenkeel.Prompt) ([]string, error) {
	answers := make([]string, len(asks))
	if at.cfg.World != "" {
		return answers, nil
	}
	for i, ask := range asks {
		var err error
		if answers[i], err = at.confirmation(ctx, ask); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// confirmation is what the configuration or the operator at the terminal says; empty where neither does.
func (at operator) confirmation(ctx context.Context, ask evenkeel.Prompt) (string, error) {
	name := attestName(ask.Step, ask.Action)
	if text := at.cfg.Attest[name]; text != "" {
		return "attested in the configuration: " + text, nil
	}
	if at.in == nil {
		return "", nil
	}
	defer at.watch.aside()()
	line, err := at.in.ask(ctx, at.out, "%s: %s\n  Who confirms it, and when? (empty: not now) ", name, ask.Instruction)
	if err != nil || line == "" {
		return "", err
	}
	return "confirmed at the terminal: " + line, nil
}
