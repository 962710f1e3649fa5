package cps

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// source is a text input cut into lines, with what an error needs to name a place in it, and the errors found so far.
type source struct {
	name  string
	bom   string // the byte order mark before the first line, for a file that is written again; empty as a rule
	lines []sourceLine
	errs  srcerr.List
}

// sourceLine is one physical line. text has no line ending; eol is what ended it, empty for a last line that nothing ended.
type sourceLine struct {
	no   int
	text string
	eol  string
}

const byteOrderMark = "\xef\xbb\xbf"

// textFile is a file whose lines are kept as they stand, for one that is edited line by line.
type textFile struct {
	bom   string
	lines []sourceLine
}

func (s *source) text() textFile { return textFile{s.bom, s.lines} }

// WriteTo writes the file: what was not changed is as it was read.
func (t textFile) WriteTo(w io.Writer) (int64, error) {
	parts := []string{t.bom}
	for _, l := range t.lines {
		parts = append(parts, l.text, l.eol)
	}
	return writeLines(w, parts...)
}

// hiddenText is the text of a file that may hold a secret: behind a function, because fmt would print it otherwise.
type hiddenText struct{ text func() textFile }

func (s *source) hidden() hiddenText {
	kept := s.text()
	return hiddenText{func() textFile { return kept }}
}

// WriteTo writes the file as it was read, secrets included.
func (h hiddenText) WriteTo(w io.Writer) (int64, error) { return h.text().WriteTo(w) }

// maxErrors bounds the errors kept for one input: a file of another kind is wrong on every line, and the first few say so.
const maxErrors = 50

// readSource reads all of r. what names the kind of input ("Hosts.csv") for the reader of an error, and stands in for the file name
// where the reader has none.
func readSource(r io.Reader, what string) (*source, error) {
	s := &source{name: srcerr.NameOf(r)}
	if r != nil {
		buffered := bufio.NewReader(r)
		if head, _ := buffered.Peek(len(byteOrderMark)); string(head) == byteOrderMark {
			s.bom = byteOrderMark
		}
		r = srcerr.Named(s.name, buffered)
	}
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	if s.name == "" {
		s.name = what
	}
	rest := string(data)
	for no := 1; rest != ""; no++ {
		line, after, found := strings.Cut(rest, "\n")
		eol := ""
		if found {
			eol = "\n"
		}
		if strings.HasSuffix(line, "\r") {
			line, eol = strings.TrimSuffix(line, "\r"), "\r"+eol
		}
		s.lines = append(s.lines, sourceLine{no: no, text: line, eol: eol})
		rest = after
	}
	return s, nil
}

// failf notes a mistake at a line and column; col 0 means that the whole line is meant.
func (s *source) failf(line, col int, near, format string, args ...any) {
	if len(s.errs) < maxErrors {
		s.errs = append(s.errs, srcerr.Errorf(s.name, line, col, strings.TrimSpace(near), format, args...))
	}
}

// failAt notes a mistake in the part of a line that holds near.
func (s *source) failAt(l sourceLine, near, format string, args ...any) {
	s.failf(l.no, strings.Index(l.text, near)+1, near, format, args...)
}

// end is the position just behind the last line: where something is missing.
func (s *source) end() int { return max(1, len(s.lines)) }

func (s *source) err() error { return s.errs.Err() }

// clean takes the lines of a terminal capture or of a document and leaves what the command printed: without colours and cursor
// moves, without the shell's prompt and the document's code fences, both of which become blank lines.
func (s *source) clean() []sourceLine {
	lines := make([]sourceLine, len(s.lines))
	for i, l := range s.lines {
		l.text = strings.TrimRight(stripEscapes(l.text), " \t")
		if (isFence(l.text) || isPrompt(l.text)) && !trouble.MatchString(l.text) { // output may stand behind a prompt
			l.text = ""
		}
		lines[i] = l
	}
	return lines
}

var (
	// A control sequence, as the byte ESC or as the two characters ^[ that a document shows for it (cps:1632).
	controlSequence = regexp.MustCompile(`(?:\x1b|\^\[)\[([0-9;:?]*)([A-Za-z])`)
	// The prompt of the guide's machines, alone or with the command typed at it (cps:598).
	shellPrompt = regexp.MustCompile(`^\[\S+@\S+ [^\]]*\][#$]`)
)

// stripEscapes removes control sequences. A cursor move to a column stands for the blanks between two columns, and becomes one.
func stripEscapes(s string) string {
	if !strings.Contains(s, "\x1b") && !strings.Contains(s, "^[") {
		return s
	}
	s = controlSequence.ReplaceAllStringFunc(s, func(seq string) string {
		if strings.HasSuffix(seq, "G") || strings.HasSuffix(seq, "C") {
			return " "
		}
		return ""
	})
	// What is left of "^[^[[0;32m OK" is the bracket that the init scripts print before the coloured word.
	return strings.ReplaceAll(strings.ReplaceAll(s, "^[", "["), "\x1b", "")
}

func isFence(s string) bool  { return strings.HasPrefix(strings.TrimSpace(s), "```") }
func isPrompt(s string) bool { return shellPrompt.MatchString(s) }

// isRule tells a line drawn of dashes, with or without bars: "-----", "-----|", "|-----|-----|" (cps:722,724,1104).
func isRule(s string) bool {
	return strings.Contains(s, "---") && strings.Trim(s, "-| \t") == ""
}

// writeLines writes strings and counts bytes, for WriteTo.
func writeLines(w io.Writer, lines ...string) (int64, error) {
	n, err := io.WriteString(w, strings.Join(lines, ""))
	if err != nil {
		return int64(n), fmt.Errorf("cannot write: %w", err)
	}
	return int64(n), nil
}
