// Package secret is a value that must not be seen. It depends on nothing, so that who parses a file with a password in it links no SSH.
package secret

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mask is what stands where a secret stood.
const Mask = "[redacted]"

// Secret is a value that must not be seen: it prints, formats, logs and marshals as "[redacted]".
type Secret string

// Reveal is the secret itself. The only places to call it are where the value is handed to another program's input.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret.
func (s Secret) String() string { return Mask }

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return Mask }

// Format hides the secret from every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Mask) }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(Mask) }

// MarshalText hides the secret from JSON, YAML and every other encoder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(Mask), nil }

// UnmarshalText takes the secret out of a configuration file.
func (s *Secret) UnmarshalText(b []byte) error {
	*s = Secret(b)
	return nil
}

// weakUpTo is the length up to which a secret of nothing but letters counts as a word.
const weakUpTo = 16

// Weakness says why a secret is easy to guess, without telling it; empty when it is not. A weak secret may be a word
// that stands in any text: it is masked in what programs print only, and is to be reported to whoever chose it.
func (s Secret) Weakness() string {
	switch {
	case s == "":
		return ""
	case utf8.RuneCountInString(s.Reveal()) < shortestStrong:
		return fmt.Sprintf("it is shorter than %d characters", shortestStrong)
	case len(s) <= weakUpTo && !strings.ContainsFunc(s.Reveal(), func(r rune) bool { return !unicode.IsLetter(r) }) && oneWord(s.Reveal()):
		return "it is a plain word"
	}
	return ""
}

const shortestStrong = 8

// oneWord tells a word as it stands in a text: "lustre", "Lustre", "LUSTRE".
func oneWord(v string) bool {
	_, n := utf8.DecodeRuneInString(v)
	return strings.ToLower(v[n:]) == v[n:] || strings.ToUpper(v) == v
}
