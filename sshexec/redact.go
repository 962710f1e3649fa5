package sshexec

import (
	"slices"
	"strings"
	"sync"

	"github.com/evenkeel-ha/evenkeel/sshexec/internal/matcher"
	"github.com/evenkeel-ha/evenkeel/sshexec/secret"
)

// Redaction hides secrets in text. The zero value hides nothing.
//
// A secret is looked for in every form in which the programs that we run repeat what they read: as it is, quoted for a
// shell (also by backslashes and as $'…'), escaped for XML, HTML, JSON, Go, Python and URLs, in hexadecimal, in base64
// wherever it stands in the encoded text, in upper and lower case; each line of one that has more than one; and its
// beginning, from eight bytes on, where an output was cut off. What else a program makes of a secret (a hash, an
// encryption, a compression, UTF-16) is not recognised: see [SecretText] for what is kept of the output of a command
// that reads one.
type Redaction struct{ *redaction }

type redaction struct {
	secrets []Secret
	all     bool // every text of a program is hidden: a secret that cannot be looked for may be in it

	once         sync.Once
	strong, weak *matcher.Matcher // nil: none
}

// Redactor hides the given secrets.
func Redactor(secrets ...Secret) Redaction {
	if !slices.ContainsFunc(secrets, func(s Secret) bool { return s != "" }) {
		return Redaction{}
	}
	return Redaction{&redaction{secrets: slices.Clone(secrets)}}
}

// hideAll hides every text.
func hideAll() Redaction { return Redaction{&redaction{all: true}} }

func (r Redaction) hidesAll() bool { return r.redaction != nil && r.all }

func (r *redaction) make() {
	strong, weak := map[string]bool{}, map[string]bool{}
	for _, s := range r.secrets {
		for _, v := range values(s.Reveal()) {
			to := strong
			if Secret(v).Weakness() != "" {
				to = weak
			}
			addForms(to, v)
		}
	}
	build := func(set map[string]bool, fold bool) *matcher.Matcher {
		if len(set) == 0 {
			return nil
		}
		list := make([]string, 0, len(set))
		for f := range set {
			list = append(list, f)
		}
		slices.Sort(list)
		return matcher.New(list, fold)
	}
	r.strong, r.weak = build(strong, true), build(weak, false)
}

// values are what is looked for of a secret: itself without the line end that it is sent with, itself with its white
// space run together, and each line.
func values(secret string) []string {
	all := strings.TrimRight(secret, "\r\n")
	list := []string{all, strings.TrimSpace(all), strings.Join(strings.Fields(all), " ")}
	if lines := strings.Split(all, "\n"); len(lines) > 1 {
		for _, l := range lines {
			if l = strings.TrimSpace(l); len(l) >= shortestLine {
				list = append(list, l)
			}
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	return slices.DeleteFunc(list, func(v string) bool { return v == "" })
}

const (
	shortestLine = 4 // of a secret with more than one: what is shorter tells nothing, and stands everywhere
	shortestCut  = 8 // the beginning of a secret that counts as one
)

// String is text that a program printed, or that quotes a program, without the secrets.
func (r Redaction) String(text string) string {
	if r.redaction == nil || text == "" {
		return text
	}
	if r.all {
		return secret.Mask
	}
	r.once.Do(r.make)
	var spans []matcher.Span
	if r.strong != nil {
		spans = r.strong.Find(text, shortestCut, cutOff)
	}
	if r.weak != nil {
		found := slices.DeleteFunc(r.weak.Find(text, 0, nil), func(s matcher.Span) bool { return reference(text[s.End:]) })
		spans = matcher.Join(spans, found)
	}
	return hide(text, spans)
}

// Own is text of our own, such as a title, without the secrets. A weak secret may be a word of it: to mask that word
// would spoil the text and tell the secret.
func (r Redaction) Own(text string) string {
	if r.redaction == nil || r.all {
		return text
	}
	return hide(text, r.found(text))
}

// Finds tells whether a secret that is not weak stands in a text.
func (r Redaction) Finds(text string) bool { return r.redaction != nil && len(r.found(text)) > 0 }

func (r *redaction) found(text string) []matcher.Span {
	r.once.Do(r.make)
	if r.strong == nil {
		return nil
	}
	return r.strong.Find(text, 0, nil)
}

// begun is how many bytes at the end of text may be the beginning of a secret.
func (r Redaction) begun(text string) int {
	if r.redaction == nil || r.all {
		return 0
	}
	r.once.Do(r.make)
	n := 0
	for _, m := range []*matcher.Matcher{r.strong, r.weak} {
		if m != nil {
			n = max(n, m.Begun(text))
		}
	}
	return n
}

func hide(text string, spans []matcher.Span) string {
	if len(spans) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, s := range spans {
		b.WriteString(text[at:s.Start] + secret.Mask)
		at = s.End
	}
	b.WriteString(text[at:])
	return b.String()
}

// cutOff tells whether a text may have been cut off at a place: it ends there, or its line or quotation does, or an ellipsis follows.
func cutOff(text string, end int) bool {
	rest := text[end:]
	return rest == "" || strings.IndexByte("\r\n\"'`<)", rest[0]) >= 0 || strings.HasPrefix(rest, "…") || strings.HasPrefix(rest, "...")
}

// reference tells of what follows a word that the word is a guide's name, as in lustre:882.
func reference(rest string) bool {
	return len(rest) > 1 && rest[0] == ':' && rest[1] >= '0' && rest[1] <= '9'
}
