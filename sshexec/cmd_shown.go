package sshexec

import (
	"fmt"
	"strings"
)

// shown is String with more secrets masked. They are masked in one go: of two secrets of which one is a part of the other, the longer must be found first.
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

// maxShownSecret bounds the secret inputs that are looked for in what a command prints. A longer one is a document, which nothing repeats whole.
const maxShownSecret = 4096

// secrets are the values that must not be shown: those stated, and an input that is a secret itself.
func (c Cmd) secrets() []Secret {
	list := c.stated()
	if in := strings.TrimRight(c.Stdin.secret.Reveal(), "\r\n"); in != "" && len(in) <= maxShownSecret {
		list = append(list[:len(list):len(list)], Secret(in))
	}
	return list
}
