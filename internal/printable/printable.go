// Package printable makes text safe to show: nothing in it can move a cursor, change the direction of writing, hide a
// letter or look like nothing.
//
// What is not safe is shown as \uXXXX, two of them for a code point beyond FFFF, and a byte that is not UTF-8 as
// U+FFFD. In a JSON text that is an escape with the same meaning, so that a JSON document stays what it was.
package printable

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// ignorable are letters, marks and spaces that show nothing, and that the tables of Unicode do not count as control or format.
var ignorable = []*unicode.RangeTable{unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector}

// Safe tells whether a letter may be shown as it is. The only space that may is the common one.
func Safe(r rune) bool {
	return r < utf8.RuneSelf && r >= ' ' && r != 0x7f || r >= utf8.RuneSelf && wide(r)
}

func wide(r rune) bool { return unicode.IsPrint(r) && r != '\u2800' && !unicode.In(r, ignorable...) }

// Text is text of one or more lines; it keeps newlines and tabs.
func Text(s string) string { return clean(s, "\n\t") }

// Line is text on one line: newlines and tabs are spaces.
func Line(s string) string {
	return clean(strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ").Replace(s), "")
}

func clean(s, keep string) string {
	bad := func(r rune) bool { return !Safe(r) && !strings.ContainsRune(keep, r) }
	if utf8.ValidString(s) && !strings.ContainsFunc(s, bad) {
		return s
	}
	var b strings.Builder
	for _, r := range s { // a byte that is not UTF-8 comes as U+FFFD
		if bad(r) {
			b.WriteString(Escape(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Escape is a letter as \uXXXX.
func Escape(r rune) string {
	if r > 0xffff {
		hi, lo := utf16.EncodeRune(r)
		return fmt.Sprintf(`\u%04x\u%04x`, hi, lo)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// Writer passes on what is written as Text makes it. A letter may come in two writes.
func Writer(w io.Writer) io.Writer {
	if _, is := w.(*writer); is {
		return w
	}
	return &writer{w: w}
}

type writer struct {
	w    io.Writer
	rest []byte // the beginning of a letter
}

func (w *writer) Write(p []byte) (int, error) {
	text := append(w.rest, p...)
	end := whole(text)
	w.rest = append([]byte(nil), text[end:]...)
	if _, err := io.WriteString(w.w, Text(string(text[:end]))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// whole is how many bytes of text are whole letters; what is no letter at all counts as whole.
func whole(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if at := len(text) - n; utf8.RuneStart(text[at]) {
			if !utf8.FullRune(text[at:]) {
				return at
			}
			break
		}
	}
	return len(text)
}

// Count is a number of things in words: "1 check", "2 checks", "3 primaries".
func Count(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(noun, "y"))
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// escapeSequence is what a terminal takes for colour and for moves of the cursor, which pcs may write even to a file (PCM-064, lustre:418).
var escapeSequence = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]|\x1b\\([A-Z]")

// Plain is a text without colour and cursor sequences.
func Plain(s string) string {
	if !strings.Contains(s, "\x1b") {
		return s
	}
	return escapeSequence.ReplaceAllString(s, "")
}
