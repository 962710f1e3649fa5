package sshexec

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"sort"
	"strings"

	"al.essio.dev/pkg/shellescape"
)

// mask is what stands where a secret stood.
const mask = "[redacted]"

// Secret is a value that must not be seen: it prints, formats, logs and marshals as "[redacted]".
type Secret string

// Reveal is the secret itself. The only places to call it are where the value is handed to another program's input.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret.
func (s Secret) String() string { return mask }

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return mask }

// Format hides the secret from every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask) }

// MarshalText hides the secret from JSON, YAML and every other encoder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// UnmarshalText takes the secret out of a configuration file.
func (s *Secret) UnmarshalText(b []byte) error {
	*s = Secret(b)
	return nil
}

// Redaction replaces secrets in text.
type Redaction struct{ replace *strings.Replacer }

// Redactor hides the given secrets in every form in which a command line or a log shows them: plain, quoted for a shell, and in base64.
func Redactor(secrets ...Secret) Redaction {
	forms := map[string]bool{}
	for _, s := range secrets {
		v := s.Reveal()
		if v == "" {
			continue
		}
		quoted := shellescape.Quote(v)
		forms[v] = true
		forms[quoted] = true
		forms[strings.ReplaceAll(v, `'`, `'"'"'`)] = true
		forms[strings.ReplaceAll(v, `'`, `'\''`)] = true
		forms[strings.Trim(fmt.Sprintf("%q", v), `"`)] = true
		for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
			forms[enc.EncodeToString([]byte(v))] = true
		}
	}
	if len(forms) == 0 {
		return Redaction{}
	}
	list := make([]string, 0, len(forms))
	for f := range forms {
		list = append(list, f)
	}
	// The longest form first, so that no tail of a longer form is left standing.
	sort.Slice(list, func(i, j int) bool {
		if len(list[i]) != len(list[j]) {
			return len(list[i]) > len(list[j])
		}
		return list[i] < list[j]
	})
	pairs := make([]string, 0, 2*len(list))
	for _, f := range list {
		pairs = append(pairs, f, mask)
	}
	return Redaction{strings.NewReplacer(pairs...)}
}

// String is text without the secrets.
func (r Redaction) String(text string) string {
	if r.replace == nil {
		return text
	}
	return r.replace.Replace(text)
}
