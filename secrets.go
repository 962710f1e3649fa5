package evenkeel

import (
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// redaction hides every secret of the runbook and of its commands: whatever a check, a probe or a machine says, it is
// not journalled or shown.
func (rb *Runbook) redaction() sshexec.Redaction { return sshexec.Redactor(rb.secrets()...) }

func (rb *Runbook) secrets() []sshexec.Secret {
	secrets := slices.Clone(rb.Secrets)
	if rb.origin != nil { // a rollback hides what the run hides
		secrets = append(secrets, rb.origin.secrets()...)
	}
	for i := range rb.Steps {
		for _, part := range rb.Steps[i].parts() {
			for j := range part.actions {
				secrets = append(secrets, part.actions[j].secrets()...)
			}
		}
	}
	return secrets
}

// WeakSecrets says why secrets of the runbook are weak, each reason once, without telling any: see [sshexec.Secret.Weakness].
func (rb *Runbook) WeakSecrets() []string {
	var reasons []string
	for _, s := range rb.secrets() {
		why := sshexec.Secret(strings.TrimSpace(s.Reveal())).Weakness()
		if why != "" && !slices.Contains(reasons, why) {
			reasons = append(reasons, why)
		}
	}
	slices.Sort(reasons)
	return reasons
}

// cmds are all commands of an action.
func (a *Action) cmds() []sshexec.Cmd {
	var cmds []sshexec.Cmd
	if len(a.Cmd.Argv) > 0 {
		cmds = append(cmds, a.Cmd)
	}
	if a.Op != nil {
		for _, c := range a.Op.Cmds {
			cmds = append(cmds, c.Cmd)
		}
	}
	if a.Probe != nil && a.Probe.Op == nil {
		cmds = append(cmds, a.Probe.Cmd)
	}
	return cmds
}

// secrets are what no text of the action may show.
func (a *Action) secrets() []sshexec.Secret {
	var secrets []sshexec.Secret
	for _, cmd := range a.cmds() {
		secrets = append(secrets, secretsOf(cmd)...)
	}
	return secrets
}

// secretsOf are the secrets that a command names: those that it masks, and those in its standard input.
func secretsOf(cmd sshexec.Cmd) []sshexec.Secret {
	secrets := slices.Concat(cmd.Mask, cmd.Stdin.Secrets())
	if cmd.Sudo != nil && cmd.Sudo.Password != "" {
		secrets = append(secrets, cmd.Sudo.Password)
	}
	return secrets
}

// shownLimit is how many bytes of a message are journalled or told: an error that quotes an hour of output helps nobody.
const shownLimit = 4 << 10

// shown is text that quotes a program, as it may be journalled and told: without secrets, without what a terminal would
// obey, and not endless.
func (e *engine) shown(text string) string { return fit(e.redact.String(text)) }

// own is text of ours, as it may be journalled and told.
func (e *engine) own(text string) string { return fit(e.redact.Own(text)) }

func fit(text string) string {
	text = printable.Text(text)
	if len(text) > shownLimit {
		text = strings.ToValidUTF8(text[:shownLimit], "") + "… (cut)"
	}
	return text
}

// eventText is the text of an event: that of most kinds is a title, or an error that is masked already.
func (e *engine) eventText(kind EventKind, text string) string {
	switch kind {
	case EventStep, EventStepDone, EventAction, EventDone, EventAlready, EventAsk, EventWindow, EventClosed, EventAlarm,
		EventPause, EventFailed, EventUndo, EventRunning, EventCompletion, EventStopping:
		return e.own(text)
	default:
		return e.shown(text)
	}
}

// reason is why a run holds at an action. What the operator is asked to do is a text of ours, and so is all that is said of an
// attestation; what follows elsewhere quotes a program.
func (e *engine) reason(a *Action, hold *Pause) string {
	if hold.hidden || a.attestation() {
		return e.redact.Own(hold.Reason)
	}
	instruction, err := e.facts().Expand(a.Manual)
	for _, ours := range []string{instruction, e.own(instruction)} { // an operator knows it as it was asked
		if rest, asked := strings.CutPrefix(hold.Reason, ours); err == nil && a.Manual != "" && asked {
			return e.redact.Own(ours) + e.redact.String(rest)
		}
	}
	return e.redact.String(hold.Reason)
}

// masked is err with its secrets hidden; what it is stays to be asked with errors.Is and errors.As.
func (e *engine) masked(err error) error {
	if err == nil {
		return nil
	}
	text := e.errorText(err)
	if text == err.Error() {
		return err
	}
	return &maskedError{text, err}
}

// errorText is what an error says, with its secrets hidden. What an error of ours adds to its cause is our own text: to mask a word
// there that is a weak secret too would tell it to whoever has the plan. Everything else may quote a program.
func (e *engine) errorText(err error) string {
	hide := e.redact.String
	switch m := err.(type) { //nolint:errorlint // each error of the chain is looked at by itself
	case *maskedError:
		return m.text
	case *Pause:
		if m.hidden {
			return m.Error()
		}
	case *StepError, *OpenWindowsError, *CannotRollBackError, ownError:
		hide = e.redact.Own
	}
	if slices.Contains(ownErrors, err) {
		hide = e.redact.Own
	}
	var text strings.Builder
	rest := err.Error()
	for _, cause := range causes(err) {
		if before, after, found := strings.Cut(rest, cause.Error()); found && cause.Error() != "" {
			text.WriteString(hide(before) + e.errorText(cause))
			rest = after
		}
	}
	return e.redact.Own(text.String() + hide(rest)) // a secret may begin in one part and end in another
}

// ownError is an error that is a text of ours, and quotes no program.
type ownError string

func (e ownError) Error() string { return string(e) }

// ownErrors quote nothing.
var ownErrors = []error{ErrStopped, ErrNotInPlan, ErrCannotExtend, ErrOverdue, errJournal}

// causes are the errors that an error wraps.
func causes(err error) []error {
	switch w := err.(type) { //nolint:errorlint // it is this one's causes that are asked for
	case interface{ Unwrap() error }:
		if cause := w.Unwrap(); cause != nil {
			return []error{cause}
		}
	case interface{ Unwrap() []error }:
		return slices.DeleteFunc(slices.Clone(w.Unwrap()), func(err error) bool { return err == nil })
	}
	return nil
}

type maskedError struct {
	text string
	err  error
}

func (m *maskedError) Error() string { return m.text }
func (m *maskedError) Unwrap() error { return m.err }
