package cps

import (
	"io"
	"regexp"
	"slices"
	"strings"
)

// SetList is a file that names replica sets to watch, one a line: mon_db_for_callmodel.conf and mon_db_for_lb_failover.conf
// (cps:1470-1475). A GR migration comments the sets out and, at its end, in again (cps:1470,1500).
type SetList struct {
	lines []sourceLine
}

var setListEntry = regexp.MustCompile(`^(\s*)([A-Z][A-Z0-9_]*-SET\d+)(\s*)$`)

// commentMark is what CommentOut puts before a line, and what Restore takes away: no comment written by hand is mistaken for it.
const commentMark = "#evenkeel#"

// ParseSetList reads such a file. A line that is neither a set's name nor a comment is an error.
func ParseSetList(r io.Reader) (*SetList, error) {
	src, err := readSource(r, "mon_db list")
	if err != nil {
		return nil, err
	}
	for _, l := range src.lines {
		text := strings.TrimSpace(l.text)
		if text != "" && !strings.HasPrefix(text, "#") && !setListEntry.MatchString(l.text) {
			src.failAt(l, text, "not the name of a replica set such as SESSION-SET1")
		}
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return &SetList{src.lines}, nil
}

// Sets lists the sets that are watched.
func (s *SetList) Sets() []string {
	var sets []string
	for _, l := range s.lines {
		if m := setListEntry.FindStringSubmatch(l.text); m != nil {
			sets = append(sets, m[2])
		}
	}
	return sets
}

// CommentOut gives the list with every set commented out. Restore undoes it exactly; doing it twice is doing it once.
func (s *SetList) CommentOut() *SetList {
	return s.edit(func(text string) string {
		if setListEntry.MatchString(text) {
			return commentMark + text
		}
		return text
	})
}

// Restore gives the list with the sets that CommentOut commented out in force again, and nothing else changed.
func (s *SetList) Restore() *SetList {
	return s.edit(func(text string) string { return strings.TrimPrefix(text, commentMark) })
}

func (s *SetList) edit(change func(string) string) *SetList {
	edited := &SetList{slices.Clone(s.lines)}
	for i := range edited.lines {
		edited.lines[i].text = change(edited.lines[i].text)
	}
	return edited
}

// WriteTo writes the file.
func (s *SetList) WriteTo(w io.Writer) (int64, error) {
	parts := make([]string, 0, 2*len(s.lines))
	for _, l := range s.lines {
		parts = append(parts, l.text, l.eol)
	}
	return writeLines(w, parts...)
}
