package cps

import (
	"io"
	"regexp"
	"slices"
	"strings"
)

// The files that name the replica sets to watch, on the pcrfclients and on the Cluster Manager (cps:1470-1475).
const (
	CallModelSets  = "/etc/broadhop/mon_db_for_callmodel.conf"
	LBFailoverSets = "/etc/broadhop/mon_db_for_lb_failover.conf"
	BuildScript    = "/var/qps/install/current/scripts/build/build_etc.sh" // a shell script, for ParseSetScript
)

// SetFile is a file with watched sets on a machine.
type SetFile struct {
	Host   string // the alias of a VM, or the name of the Cluster Manager
	Path   string
	Script bool // ParseSetScript reads it, and not ParseSetList
}

// SetFiles are the files to edit before a GR migration and after it: three on each pcrfclient and on the Cluster Manager, which goes
// by the name given (cps:1470,1500).
func SetFiles(h *Hosts, clusterManager string) []SetFile {
	var files []SetFile
	for _, host := range append(h.OfClass(h.Aliases(), "pcrfclient"), clusterManager) {
		files = append(files, SetFile{host, CallModelSets, false}, SetFile{host, LBFailoverSets, false}, SetFile{host, BuildScript, true})
	}
	return files
}

// SetList is a file that names replica sets to watch: a list, or the script that makes the lists (cps:1470-1475).
// A GR migration comments the sets out and, at its end, in again (cps:1470,1500).
type SetList struct {
	File string // the name errors and findings give
	textFile
	entry *regexp.Regexp // a line that watches a set, whose name is its group "set"
}

const setName = `[A-Z][A-Z0-9_]*-SET\d+`

var (
	setListEntry = regexp.MustCompile(`^\s*(?P<set>` + setName + `)\s*$`)
	// setScriptEntry is a set alone on its line, as in a here-document or an array, or an echo of it into a file.
	setScriptEntry = regexp.MustCompile(`^\s*(?:(?P<set>` + setName + `)|echo\s+(?:-[en]+\s+)?["']?(?P<set>` + setName +
		`)["']?\s*>>?\s*["']?[\w./${}-]+["']?)\s*;?\s*$`)
	setCommented = regexp.MustCompile(`^\s*#+\s*(.*)$`)
	namesSet     = regexp.MustCompile(`\b` + setName + `\b`)
)

// commentMark is what CommentOut puts before a line, and what Restore takes away: no comment written by hand is mistaken for it.
const commentMark = "#evenkeel#"

// ParseSetList reads a list: one set a line. A line that is neither a set's name nor a comment is an error, and so is the mark of
// CommentOut before anything but a set.
func ParseSetList(r io.Reader) (*SetList, error) {
	return parseSets(r, "mon_db list", setListEntry, func(src *source, i int) {
		if l := src.lines[i]; strings.TrimSpace(l.text) != "" {
			src.failAt(l, strings.TrimSpace(l.text), "not the name of a replica set such as SESSION-SET1")
		}
	})
}

// ParseSetScript reads build_etc.sh, a shell script. A line watches a set where it holds the name alone, or an echo of it into a
// file. A set that is named in any other line is an error, because nobody can tell whether the line may be commented out;
// so is one in quotes over several lines, one that another line goes on in, and one that is all there is between then and fi or
// their like: the script would not run without it.
func ParseSetScript(r io.Reader) (*SetList, error) {
	return parseSets(r, "build_etc.sh", setScriptEntry, func(src *source, i int) {
		if at := namesSet.FindString(src.lines[i].text); at != "" {
			src.failAt(src.lines[i], at, "the line names a set and is more than a set's name or an echo of it into a file: "+
				"it must be edited by hand")
		}
	})
}

// parseSets reads a file whose lines are entries, comments, or what other judges.
func parseSets(r io.Reader, what string, entry *regexp.Regexp, other func(*source, int)) (*SetList, error) {
	src, err := readSource(r, what)
	if err != nil {
		return nil, err
	}
	s := &SetList{File: src.name, textFile: src.text(), entry: entry}
	for i, l := range src.lines {
		rest, ours := strings.CutPrefix(l.text, commentMark)
		switch {
		case strings.Contains(l.text, commentMark) && (!ours || !entry.MatchString(rest)):
			src.failf(l.no, 1, l.text, "%s is the mark of a set that a migration commented out, and no such set follows it", commentMark)
		case ours, strings.HasPrefix(strings.TrimSpace(l.text), "#"):
		case entry.MatchString(l.text):
		default:
			other(src, i)
		}
	}
	if entry == setScriptEntry {
		s.checkRemovable(src)
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return s, nil
}

var (
	// what needs a command behind it, and what may follow that command
	blockOpens   = regexp.MustCompile(`(?:^|[\s;&|])(?:then|do|else|\{|\()$`)
	blockCloses  = regexp.MustCompile(`^\s*(?:(?:fi|done|else|elif)\b|[})])`)
	goesOn       = regexp.MustCompile(`(?:\\|\|\||&&|\|)$`)
	shellComment = regexp.MustCompile(`(?:^|\s)#.*$`)
	hereDocument = regexp.MustCompile(`(?:^|[^<])<<-?\s*["']?([A-Za-z_]\w*)["']?`)
)

// checkRemovable notes the entries of a script without which it would say something else.
func (s *SetList) checkRemovable(src *source) {
	quoted := beginsQuoted(src.lines)
	before := -1  // the last line that is no entry, comment or blank
	var run []int // the entries since then
	judge := func(after int) {
		opens := ""
		if before >= 0 {
			opens = strings.TrimSpace(shellComment.ReplaceAllString(src.lines[before].text, ""))
		}
		for _, at := range run {
			l := src.lines[at]
			set := s.name(l.text)
			switch {
			case quoted[at]:
				src.failAt(l, set, "the line stands in quotes that an earlier line opens, where # begins no comment: it must be edited by hand")
			case goesOn.MatchString(opens):
				src.failAt(l, set, "the line belongs to line %d, which goes on in it: it must be edited by hand", src.lines[before].no)
			case blockOpens.MatchString(opens) && after < len(src.lines) && blockCloses.MatchString(src.lines[after].text):
				src.failAt(l, set, "the script would not run without this line: between line %d and line %d there is nothing else",
					src.lines[before].no, src.lines[after].no)
			}
		}
	}
	for i, l := range src.lines {
		text := strings.TrimSpace(l.text)
		switch {
		case s.name(l.text) != "":
			run = append(run, i)
		case text != "" && !strings.HasPrefix(text, "#"):
			judge(i)
			before, run = i, nil
		}
	}
	judge(len(src.lines))
}

// beginsQuoted tells for each line of a script whether it begins within a quote.
func beginsQuoted(lines []sourceLine) []bool {
	var quote byte
	document := ""
	quoted := make([]bool, len(lines))
	for no, l := range lines {
		quoted[no] = quote != 0
		if document != "" {
			if strings.TrimSpace(l.text) == document {
				document = ""
			}
			continue
		}
		if quote == 0 {
			if m := hereDocument.FindStringSubmatch(shellComment.ReplaceAllString(l.text, "")); m != nil {
				document = m[1]
			}
		}
		for i := 0; i < len(l.text); i++ {
			switch c := l.text[i]; {
			case c == '\\' && quote != '\'':
				i++
			case quote == 0 && c == '#' && (i == 0 || strings.IndexByte(" \t;", l.text[i-1]) >= 0):
				i = len(l.text)
			case quote == 0 && (c == '"' || c == '\'' || c == '`'):
				quote = c
			case c == quote:
				quote = 0
			}
		}
	}
	return quoted
}

// name is the set in a line of this file, or "".
func (s *SetList) name(text string) string {
	for i, group := range s.entry.FindStringSubmatch(text) {
		if s.entry.SubexpNames()[i] == "set" && group != "" {
			return group
		}
	}
	return ""
}

// Sets lists the sets that are watched.
func (s *SetList) Sets() []string {
	return s.named(func(text string) string { return text })
}

// CommentedOut lists the sets that CommentOut commented out, and that Restore puts in force again.
func (s *SetList) CommentedOut() []string {
	return s.named(func(text string) string {
		if rest, ours := strings.CutPrefix(text, commentMark); ours {
			return rest
		}
		return ""
	})
}

// CommentedByHand lists the sets that stand in a comment of somebody else. Neither CommentOut nor Restore touches them.
func (s *SetList) CommentedByHand() []string {
	return s.named(func(text string) string {
		if m := setCommented.FindStringSubmatch(text); m != nil { // behind the mark of CommentOut no name follows the #
			return m[1]
		}
		return ""
	})
}

func (s *SetList) named(part func(string) string) []string {
	var sets []string
	for _, l := range s.lines {
		if set := s.name(part(l.text)); set != "" {
			sets = append(sets, set)
		}
	}
	return sets
}

// Findings reports a set that is named twice, and a list that is commented out in part: an edit was interrupted.
func (s *SetList) Findings() []Finding {
	f := findings{file: s.File}
	first := map[string]int{}
	for _, l := range s.lines {
		set := s.name(l.text)
		if set == "" {
			continue
		}
		if at := first[set]; at != 0 && s.entry == setListEntry { // a script may fill more than one list
			f.add(Warning, l.no, "CPS-021", "%s is named twice, first on line %d", set, at)
			continue
		}
		first[set] = l.no
	}
	if on, off := s.Sets(), s.CommentedOut(); len(on) > 0 && len(off) > 0 {
		f.add(Info, 0, "CPS-022", "a migration has commented out %s and not %s: comment out or restore all of them",
			strings.Join(off, ", "), strings.Join(on, ", "))
	}
	return f.list
}

// CommentOut gives the file with every watched set commented out. Restore undoes it exactly; doing it twice is doing it once.
func (s *SetList) CommentOut() *SetList {
	return s.edit(func(text string) string {
		if s.name(text) != "" {
			return commentMark + text
		}
		return text
	})
}

// Restore gives the file with the sets that CommentOut commented out in force again, and nothing else changed.
func (s *SetList) Restore() *SetList {
	return s.edit(func(text string) string { return strings.TrimPrefix(text, commentMark) })
}

func (s *SetList) edit(change func(string) string) *SetList {
	edited := &SetList{s.File, textFile{s.bom, slices.Clone(s.lines)}, s.entry}
	for i := range edited.lines {
		edited.lines[i].text = change(edited.lines[i].text)
	}
	return edited
}
