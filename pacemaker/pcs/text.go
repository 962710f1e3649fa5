package pcs

import (
	"io"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// What pcs prints is an outline: a line belongs to the nearest line above it that is indented less. The releases differ in the words and
// in what stands on one line and what on a line of its own (H21); both are read.

// outlineLine is one line with those that belong to it.
type outlineLine struct {
	text     string // without indentation, trailing blanks and colour sequences
	line     int
	column   int
	depth    int // its indentation
	children []*outlineLine
}

type outline struct {
	name    string
	top     []*outlineLine
	errs    srcerr.List
	fencing bool // what is read is of a fence device
}

// readOutline reads the lines; empty ones are passed over, and so are pcs's warnings, which old releases mix into the output.
func readOutline(r io.Reader) (*outline, error) {
	name := srcerr.NameOf(r)
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	o := &outline{name: name}
	var stack []*outlineLine
	number := 0
	for raw := range strings.Lines(string(data)) {
		number++
		text := strings.TrimRight(printable.Plain(raw), " \t\r\n")
		body := strings.TrimLeft(text, " \t")
		if body == "" || strings.HasPrefix(body, "Warning: ") || strings.HasPrefix(body, "Deprecation Warning: ") {
			continue
		}
		l := &outlineLine{text: body, line: number, depth: len(text) - len(body), column: 1 + len(raw) - len(strings.TrimLeft(raw, " \t"))}
		for len(stack) > 0 && stack[len(stack)-1].depth >= l.depth {
			stack = stack[:len(stack)-1]
		}
		if len(stack) == 0 {
			o.top = append(o.top, l)
		} else {
			parent := stack[len(stack)-1]
			parent.children = append(parent.children, l)
		}
		stack = append(stack, l)
	}
	return o, nil
}

// fail notes a line that is not understood; what stands after a name of a secret is left out.
func (o *outline) fail(l *outlineLine, format string, args ...any) {
	near := l.text
	for i, word := range strings.Fields(near) {
		name, value, ok := strings.Cut(word, "=")
		if p := (pacemaker.NVPair{Name: name, Value: value, Fencing: o.fencing}); ok && p.Masked() != value ||
			pacemaker.SecretName(strings.TrimSuffix(word, ":")) {
			near = strings.Join(strings.Fields(near)[:i], " ") + " " + name + "=" + pacemaker.Redacted
			break
		}
	}
	o.errs = append(o.errs, srcerr.Errorf(o.name, l.line, l.column, strings.TrimSpace(near), format, args...))
}

// empty is the error of an output that says nothing at all: pcs prints at least a heading.
func (o *outline) empty(what string) error {
	return srcerr.Errorf(o.name, 1, 1, "", "there is nothing: want %s", what)
}

// label cuts "Name: rest", or "Name:", at the first colon that ends a word.
func (l *outlineLine) label() (name, rest string, ok bool) {
	if name, ok := strings.CutSuffix(l.text, ":"); ok && !strings.Contains(name, ": ") {
		return name, "", true
	}
	name, rest, ok = strings.Cut(l.text, ": ")
	return name, strings.TrimSpace(rest), ok
}

// pairsOf takes "a=b c="d e"" apart. pcs 0.9 puts a value with blanks between double quotes; later releases also one with quotes or
// equals signs, with \" for a quote inside, or between single quotes. It says false for a word without a name.
func pairsOf(text string) ([]pacemaker.NVPair, bool) {
	var pairs []pacemaker.NVPair
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimLeft(text, " \t") {
		name, rest, ok := strings.Cut(text, "=")
		if !ok || name == "" || strings.ContainsAny(name, " \t\"") {
			return nil, false
		}
		value, after, ok := valueOf(rest)
		if !ok {
			return nil, false
		}
		pairs = append(pairs, pacemaker.NVPair{Name: name, Value: value})
		text = after
	}
	return pairs, true
}

// valueOf takes the value from the beginning of a text.
func valueOf(text string) (value, rest string, ok bool) {
	if text == "" || text[0] != '"' && text[0] != '\'' {
		i := strings.IndexAny(text, " \t")
		if i < 0 {
			i = len(text)
		}
		return text[:i], text[i:], true
	}
	quote := text[0]
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case quote == '"' && text[i] == '\\' && i+1 < len(text) && text[i+1] == '"':
			b.WriteByte('"')
			i++
		case text[i] == quote && (i+1 == len(text) || text[i+1] == ' ' || text[i+1] == '\t'):
			return b.String(), text[i+1:], true
		default:
			b.WriteByte(text[i])
		}
	}
	return "", "", false
}

// parenthesised takes the groups "(…)" from the end of a line: "n1 (score:20) (id:x)" is "n1" and "score:20", "id:x".
func parenthesised(text string) (string, []string) {
	var groups []string
	for {
		text = strings.TrimRight(text, " \t")
		if !strings.HasSuffix(text, ")") {
			return text, groups
		}
		i := strings.LastIndexByte(text, '(')
		if i < 0 {
			return text, groups
		}
		groups = append([]string{text[i+1 : len(text)-1]}, groups...)
		text = text[:i]
	}
}
