package evenkeel

import (
	"io"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// redaction hides every secret that a command of the runbook masks or reads: whatever a check, a probe or a machine says, it is not journalled or shown.
func (rb *Runbook) redaction() sshexec.Redaction {
	var secrets []sshexec.Secret
	for i := range rb.Steps {
		for _, part := range rb.Steps[i].parts() {
			for j := range part.actions {
				secrets = append(secrets, part.actions[j].secrets()...)
			}
		}
	}
	return sshexec.Redactor(secrets...)
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

// secretsOf are the secrets that a command names: those that it masks, and the one on its standard input.
func secretsOf(cmd sshexec.Cmd) []sshexec.Secret {
	secrets := slices.Clone(cmd.Mask)
	if !readsSecret(cmd) {
		return secrets
	}
	if in, err := cmd.Stdin.Open(); err == nil {
		text, _ := io.ReadAll(in) // from memory
		_ = in.Close()
		// A password is sent with a line end that nobody shows.
		secrets = append(secrets, sshexec.Secret(text), sshexec.Secret(strings.TrimSpace(string(text))))
	}
	return secrets
}

// readsSecret tells whether a command's standard input is a secret.
func readsSecret(cmd sshexec.Cmd) bool {
	return cmd.Stdin.Path() == "" && cmd.Stdin.String() == sshexec.Secret("").String()
}

// shownLimit is how many bytes of a message are journalled or told: an error that quotes an hour of output helps nobody.
const shownLimit = 4 << 10

// shown is text as it may be journalled and told: without secrets, and not endless.
func (e *engine) shown(text string) string {
	text = e.redact.String(text)
	if len(text) > shownLimit {
		text = strings.ToValidUTF8(text[:shownLimit], "") + "… (cut)"
	}
	return text
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
