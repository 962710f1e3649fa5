package sshexec

import (
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec/secret"
)

// shown is String with more secrets masked. They are masked in one go: of two secrets of which one is a part of the
// other, the longer must be found first.
func (c Cmd) shown(secrets []Secret) string { return c.masking(secrets).String() }

// masking is the command with more secrets to mask.
func (c Cmd) masking(secrets []Secret) Cmd {
	c.Mask = append(c.Mask[:len(c.Mask):len(c.Mask)], secrets...)
	return c
}

// GoString keeps %#v from showing the input: fmt does not ask a field that is not exported how it wants to be shown.
func (c Cmd) GoString() string { return fmt.Sprintf("sshexec.Cmd{%s, %s}", c.Effect, c) }

// GoString is String.
func (in Input) GoString() string { return fmt.Sprintf("sshexec.Input{%s}", in) }

// maxShownSecret bounds the secret inputs that are looked for in what a command prints.
const maxShownSecret = 4 << 10

// keptOfSecret is how much is kept of the errors of a command that reads a secret.
const keptOfSecret = 1 << 10

// secrets are the values that must not be shown: those stated, and what is secret of the input.
func (c Cmd) secrets() []Secret {
	list := c.stated()
	for _, s := range c.Stdin.Secrets() {
		if len(s) <= maxShownSecret || c.Stdin.inside != nil {
			list = append(list[:len(list):len(list)], s)
		}
	}
	return list
}

// Redaction hides the secrets of the command in what it prints.
func (c Cmd) Redaction() Redaction {
	if c.Stdin.inside == nil && len(c.Stdin.secret) > maxShownSecret {
		return hideAll()
	}
	return Redactor(c.secrets()...)
}

// printed is what may be kept of the errors that the command printed.
func (c Cmd) printed(stderr []byte) string {
	text := c.Redaction().String(string(stderr))
	if c.Stdin.IsSecret() && len(text) > keptOfSecret {
		text = strings.ToValidUTF8(text[:keptOfSecret], "") + "… (the rest is not kept: the input was a secret)"
	}
	return text
}

// hideWords hides a weak secret where it is a whole argument, or the whole value of one. Elsewhere it may be a word.
func (c Cmd) hideWords() func(string) string {
	secrets := c.secrets()
	return func(text string) string {
		for _, s := range secrets {
			if s.Weakness() != "" && standsIn(s, text) {
				return strings.TrimSuffix(text, s.Reveal()) + secret.Mask
			}
		}
		return text
	}
}

// standsIn tells whether a secret stands in an argument: a weak one only as all of it or as its value, for it may be a word.
func standsIn(s Secret, text string) bool {
	v := s.Reveal()
	if v == "" || s.Weakness() == "" {
		return v != "" && strings.Contains(text, v)
	}
	return text == v || strings.HasSuffix(text, "="+v)
}
