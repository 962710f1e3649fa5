package evenkeel

import (
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// redaction hides every secret of the runbook and of its commands: whatever a check, a probe or a machine says, it is not journalled or shown.
func (rb *Runbook) redaction() sshexec.Redaction { return sshexec.Redactor(rb.secrets()...) }

func (rb *Runbook) secrets() []sshexec.Secret {
	secrets := slices.Clone(rb.Secrets)
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
	if a.Probe != nil {
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

// shown is text that quotes a program, as it may be journalled and told: without secrets, without what a terminal would obey, and not endless.
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

// eventText is the text of an event: that of most kinds is a title.
func (e *engine) eventText(kind EventKind, text string) string {
	switch kind {
	case EventStep, EventStepDone, EventAction, EventDone, EventAlready, EventAsk, EventWindow, EventClosed, EventAlarm:
		return e.own(text)
	default:
		return e.shown(text)
	}
}

// reason is why a run holds at an action: what a person is asked to do is a text of ours, and what follows quotes a program.
func (e *engine) reason(a *Action, why string) string {
	instruction, err := e.facts().Expand(a.Manual)
	if rest, asked := strings.CutPrefix(why, instruction); err == nil && a.Manual != "" && asked {
		return e.redact.Own(instruction) + e.redact.String(rest)
	}
	return e.redact.String(why)
}

// masked is err with its secrets hidden; what it is stays to be asked with errors.Is and errors.As.
func (e *engine) masked(err error) error {
	if err == nil {
		return nil
	}
	text := e.redact.String(err.Error())
	if text == err.Error() {
		return err
	}
	return &maskedError{text, err}
}

type maskedError struct {
	text string
	err  error
}

func (m *maskedError) Error() string { return m.text }
func (m *maskedError) Unwrap() error { return m.err }
