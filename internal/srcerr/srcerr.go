// Package srcerr holds the one error that every parser of this module returns: what is wrong, and where it stands.
//
// It prints as "file:line:col: what: near "offending text"", the form that editors and terminals turn into a link.
package srcerr

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// MaxInput bounds what a parser reads, in bytes: no configuration file of this field is larger.
const MaxInput = 64 << 20

// Error is one mistake in an input. Line and Col count from 1; 0 means unknown.
type Error struct {
	File string // the name of the input; empty when the reader has none
	Line int    // from 1
	Col  int    // in bytes, from 1
	Near string // the offending text, as found
	Err  error  // what is wrong with it
}

// Errorf makes an Error at a line and column; near is the offending text, and may be empty.
func Errorf(file string, line, col int, near, format string, args ...any) *Error {
	return &Error{File: file, Line: line, Col: col, Near: near, Err: fmt.Errorf(format, args...)}
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		b.WriteByte(':')
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, "%d:", e.Line)
		if e.Col > 0 {
			fmt.Fprintf(&b, "%d:", e.Col)
		}
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	b.WriteString(e.Err.Error())
	if e.Near != "" {
		b.WriteString(": " + e.Quote())
	}
	return b.String()
}

// Shown is a text in quotes; or, where a secret may stand in it, that it is not shown.
func Shown(text string) string {
	if MayHoldSecret(text) {
		return "a text that is not shown: it may hold a secret"
	}
	return fmt.Sprintf("%q", text)
}

// Quote is "near" and the offending text in quotes; or, where a secret may stand in the text, that it is not shown.
func (e *Error) Quote() string {
	near := e.Near
	if !MayHoldSecret(near) {
		near = clip(near)
	}
	return "near " + Shown(near)
}

// secretText is what a line with a secret looks like: the name of one and a value behind it, a private key, the hash of
// a password, an address with a password.
var secretText = regexp.MustCompile(`(?i)(?:passw|passphrase|pwd|secret|credential|` +
	`priv(?:ate)?.?key|api.?key|auth.?key|_key\b|community|_token|_pw\b)[\w.-]*["']?[\s=:,]+["']?\S` +
	`|passw(?:or)?ds?\b.*[\s=:|].*\S|\bpwd\b.*\S|\bpass["']?[\s=:]|communit|\bsecret\b|key_?file\b|identified by|\.auth\(` + // in a sentence
	`|\b(?:bearer|basic)\s+\S{6}|\s-(?:p|w|c)\s?\S|\s-u\s?\S+:\S` + // of a program
	`|-----BEGIN|\$[0-9a-z]{1,4}\$[^\s:]*\$|://[^/\s:@]*:[^@\s]+@|(?:^|[\s=,"'])[^/\s:@]+:[^/@\s][^@\s]*@`)

// MayHoldSecret tells whether a text looks like one with a secret in it.
func MayHoldSecret(text string) bool {
	return secretText.MatchString(strings.ReplaceAll(text, "[redacted]", ""))
}

func (e *Error) Unwrap() error { return e.Err }

// clip keeps a message on one screen line: the place is given, the whole text is in the file.
func clip(s string) string {
	const limit = 80
	if len(s) <= limit {
		return s
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// List is every mistake found in one input, in the order of their places.
type List []*Error

func (l List) Error() string {
	switch len(l) {
	case 0:
		return "no errors"
	case 1:
		return l[0].Error()
	}
	lines := make([]string, len(l))
	for i, e := range l {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.Is and errors.As look into each mistake.
func (l List) Unwrap() []error {
	errs := make([]error, len(l))
	for i, e := range l {
		errs[i] = e
	}
	return errs
}

// Err is the list as an error, nil when it is empty.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}

// NameOf is the file name behind r where r has one (an *os.File, or what Named returns).
func NameOf(r io.Reader) string {
	if n, ok := r.(interface{ Name() string }); ok {
		return n.Name()
	}
	return ""
}

type namedReader struct {
	io.Reader
	name string
}

func (n namedReader) Name() string { return n.name }

// Named gives a reader the name that errors will show.
func Named(name string, r io.Reader) io.Reader { return namedReader{r, name} }

// ReadText reads all of a text input: bounded, UTF-8, without a byte order mark and without NUL bytes.
func ReadText(r io.Reader) ([]byte, error) {
	if r == nil {
		return nil, &Error{Err: errors.New("there is nothing to read: the reader is nil")}
	}
	name := NameOf(r)
	data, err := io.ReadAll(io.LimitReader(r, MaxInput+1))
	if err != nil {
		return nil, &Error{File: name, Err: fmt.Errorf("cannot read: %w", err)}
	}
	if len(data) > MaxInput {
		return nil, &Error{File: name, Err: fmt.Errorf("input is larger than %d bytes", MaxInput)}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil, &Error{File: name, Line: 1, Col: 1, Err: fmt.Errorf("%w; it is UTF-16: save it as UTF-8", ErrNotText)}
	}
	bad := -1
	if i := bytes.IndexByte(data, 0); i >= 0 {
		bad = i
	}
	if !utf8.Valid(data) {
		for i := 0; i < len(data); {
			r, n := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && n == 1 {
				if bad < 0 || i < bad {
					bad = i
				}
				break
			}
			i += n
		}
	}
	if bad >= 0 {
		line, col := Position(data, bad)
		return nil, &Error{File: name, Line: line, Col: col, Err: ErrNotText}
	}
	return data, nil
}

// ErrNotText is what a parser says of an input with bytes that no text file holds.
var ErrNotText = errors.New("not a text file: a NUL byte or a byte that is not UTF-8")

// Position turns a byte offset into a line and column, both from 1.
func Position(data []byte, offset int) (line, col int) {
	if offset > len(data) {
		offset = len(data)
	}
	head := data[:offset]
	line = bytes.Count(head, []byte{'\n'}) + 1
	col = offset - (bytes.LastIndexByte(head, '\n') + 1) + 1
	return line, col
}
