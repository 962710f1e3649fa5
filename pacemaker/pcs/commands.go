package pcs

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// Commands is a file of pcs commands: what `pcs config export pcs-commands` or `pcs resource config --output-format=cmd` writes.
type Commands struct {
	List    []Command
	Escapes []int // the lines with colour or cursor sequences, by which a shell would fail (PCM-064, lustre:418)
}

// Command is one command. String masks secrets; Argv holds them.
type Command struct {
	Line int
	Argv []string

	plain bool // what it is about is no fence device: the file makes it
}

// String is the command as one shell line, secrets masked: of what a fence device may be told, whatever is not known to be none.
func (c Command) String() string {
	words := slices.Clone(c.Argv)
	fencing := c.tellsFencing()
	for i, w := range words {
		name, value, ok := strings.Cut(w, "=")
		switch {
		case strings.HasPrefix(w, "<"):
			w = pacemaker.MaskXML(w)
		case ok:
			w = pacemaker.NVPair{Name: name, Value: value, Fencing: fencing && !slices.Contains(ownOptions, name)}.String()
		}
		words[i] = shellWord(w)
	}
	return strings.Join(words, " ")
}

// ownOptions are what Pacemaker itself is told of an operation, and of a resource.
var ownOptions = strings.Fields("interval timeout enabled interval-origin on-fail record-pending requires role start-delay " +
	"OCF_CHECK_LEVEL target-role is-managed maintenance priority critical resource-stickiness migration-threshold failure-timeout " +
	"multiple-active allow-migrate globally-unique clone-max clone-node-max interleave ordered notify")

// tellsFencing says whether what the command tells may be told to a fence device: pcs stonith, also pcs resource with an agent of that
// class, and any change of a resource of which nobody knows what it is.
func (c Command) tellsFencing() bool {
	if slices.ContainsFunc(c.Argv, func(w string) bool { return strings.HasPrefix(w, "stonith:") }) {
		return true
	}
	at := slices.IndexFunc(c.Argv, func(w string) bool { return path.Base(w) == "pcs" })
	if at < 0 {
		return false
	}
	words := slices.DeleteFunc(commandWords(c.Argv[at:]), func(w string) bool { return strings.HasPrefix(w, "-") })
	switch {
	case len(words) < 3 || words[1] != "stonith" && words[1] != "resource":
		return false
	case words[1] == "stonith":
		return words[2] != "level" // its names are those of nodes and their attributes
	}
	return slices.Contains([]string{"update", "op", "meta"}, words[2]) && !c.plain
}

// about is the id of the resource that a pcs resource command is about; empty for any other command.
func (c Command) about() string {
	words := commandWords(c.Argv)
	switch {
	case c.is("resource", "op") && len(words) > 4:
		return words[4]
	case c.is("resource") && len(words) > 3:
		return words[3]
	}
	return ""
}

// GoString is String.
func (c Command) GoString() string { return c.String() }

// is says whether the command has these words after pcs, without `-f FILE` and `--`.
func (c Command) is(words ...string) bool {
	argv := commandWords(c.Argv)
	return argv[0] == "pcs" && len(argv) > len(words) && slices.Equal(argv[1:1+len(words)], words)
}

// ParseCommands reads a file of commands as a shell takes it apart: quotes, comments, lines that go on after a backslash, and
// commands separated by ; && and ||. It runs nothing and replaces no variables. A quote that is not closed, and a file that holds no pcs
// command at all, are errors.
func ParseCommands(r io.Reader) (*Commands, error) {
	name := srcerr.NameOf(r)
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	out := &Commands{}
	text := string(data)
	number := 0
	for raw := range strings.Lines(text) {
		number++
		if printable.Plain(raw) != raw {
			out.Escapes = append(out.Escapes, number)
		}
	}
	w := commandWordsReader{text: printable.Plain(text), line: 1}
	for {
		line, argv, more := w.command()
		if w.open != 0 {
			return nil, srcerr.Errorf(name, w.open, 1, "", "a quote is not closed")
		}
		if len(argv) > 0 {
			out.List = append(out.List, Command{Line: line, Argv: argv})
		}
		if !more {
			break
		}
	}
	if !slices.ContainsFunc(out.List, func(c Command) bool { return c.is() }) {
		return nil, srcerr.Errorf(name, 1, 1, "", "there is no pcs command")
	}
	plain := map[string]bool{}
	for _, c := range out.List {
		if c.is("resource", "create") && !c.tellsFencing() {
			plain[c.about()] = true
		}
	}
	for i := range out.List {
		out.List[i].plain = plain[out.List[i].about()]
	}
	return out, nil
}

// commandWordsReader takes a text apart as a shell does.
type commandWordsReader struct {
	text string
	at   int
	line int
	open int // the line of a quote that is not closed
}

// command reads up to the next separator.
func (r *commandWordsReader) command() (line int, argv []string, more bool) {
	var word strings.Builder
	inWord := false
	end := func() {
		if inWord {
			argv = append(argv, word.String())
		}
		word.Reset()
		inWord = false
	}
	take := func(s string) {
		if len(argv) == 0 && !inWord {
			line = r.line
		}
		word.WriteString(s)
		inWord = true
	}
	for r.at < len(r.text) {
		c := r.text[r.at]
		r.at++
		switch {
		case c == '\n' || c == ';':
			end()
			if c == '\n' {
				r.line++
			}
			if len(argv) > 0 {
				return line, argv, true
			}
		case c == '&' || c == '|':
			if r.at < len(r.text) && r.text[r.at] == c {
				r.at++
			}
			end()
			if len(argv) > 0 {
				return line, argv, true
			}
		case c == ' ' || c == '\t' || c == '\r':
			end()
		case c == '#' && !inWord:
			for r.at < len(r.text) && r.text[r.at] != '\n' {
				r.at++
			}
		case c == '\\' && r.at < len(r.text):
			next := r.text[r.at]
			r.at++
			if next == '\n' {
				r.line++
				continue
			}
			take(string(next))
		case c == '\'' || c == '"':
			take("")
			take(r.quoted(c))
		default:
			take(string(c))
		}
	}
	end()
	return line, argv, false
}

// quoted reads up to the closing quote.
func (r *commandWordsReader) quoted(quote byte) string {
	start := r.line
	var b strings.Builder
	for r.at < len(r.text) {
		c := r.text[r.at]
		r.at++
		switch {
		case c == quote:
			return b.String()
		case c == '\\' && quote == '"' && r.at < len(r.text) && strings.IndexByte("\"\\$`", r.text[r.at]) >= 0:
			b.WriteByte(r.text[r.at])
			r.at++
			continue
		case c == '\n':
			r.line++
		}
		b.WriteByte(c)
	}
	r.open = start
	return b.String()
}

// ExportFinding is something for which an export is no backup, or would do harm when it is run.
type ExportFinding struct {
	Line int // of the file; 0 where something is missing
	What string
	Why  string
}

// String is "line N: what: why".
func (f ExportFinding) String() string {
	if f.Line == 0 {
		return f.What + ": " + f.Why
	}
	return fmt.Sprintf("line %d: %s: %s", f.Line, f.What, f.Why)
}

// CheckExport holds an export against the CIB that it was made from, and tells why it is a cross reference and no backup (lustre:415-418,
// PCM-059): it makes all nodes at once, with the names of the old system, without their attributes, may hold colour sequences, and, worst,
// starts every target that it makes (H8). What is in the CIB and not in the export is told by name.
func CheckExport(export *Commands, cib *pacemaker.CIB) []ExportFinding {
	var all []ExportFinding
	add := func(line int, what, why string) { all = append(all, ExportFinding{line, what, why}) }
	for _, line := range export.Escapes {
		add(line, "colour sequences", "a shell fails on them (lustre:418)")
	}
	made := make(map[string]bool)
	attributes := make(map[string]bool)
	var placed []string
	for _, c := range export.List {
		words := slices.DeleteFunc(commandWords(c.Argv), func(w string) bool { return w == "--" || w == "--force" || w == "--no-default-ops" })
		switch {
		case c.is("cluster", "setup") || c.is("cluster", "auth") || c.is("host", "auth"):
			for _, n := range cib.Nodes() {
				if slices.Contains(c.Argv, n.Uname) && !strings.Contains(n.Uname, ".") {
					add(c.Line, "the node name "+n.Uname, "it is not fully qualified (lustre:416)")
				}
			}
			if n := nodesNamed(c, cib); n > 1 {
				add(c.Line, fmt.Sprintf("%d nodes at once", n), "the pair is upgraded one node after the other (lustre:415)")
			}
		case c.is("resource", "create") || c.is("stonith", "create"):
			if len(words) < 5 {
				continue
			}
			id := words[3]
			made[id] = true
			if words[1] == "resource" && !slices.Contains(c.Argv, "--disabled") && !slices.Contains(c.Argv, "target-role=Stopped") {
				add(c.Line, "starts "+id, "the other node still has it mounted (H8, PCM-026)")
			}
		case c.is("property", "set") && slices.Contains(c.Argv, "--node"), c.is("node", "attribute"):
			for _, w := range words {
				name, _, _ := strings.Cut(w, "=")
				attributes[name] = true
			}
		case c.is("constraint", "location") && len(words) > 4:
			for _, w := range words[5:] {
				node, _, _ := strings.Cut(w, "=")
				placed = append(placed, words[3]+" → "+node)
			}
		}
	}
	for _, r := range cib.Primitives() {
		if !made[r.ID] {
			add(0, "resource "+r.ID, "it is in the CIB, but not in the export")
		}
	}
	for _, l := range cib.Locations() {
		if key := l.Resource + " → " + l.Node; l.Plain() && !slices.Contains(placed, key) {
			add(0, "location constraint "+key, "it is in the CIB, but not in the export")
		}
	}
	for _, n := range cib.Nodes() {
		for _, p := range n.Attributes.Effective() {
			if !attributes[p.Name] {
				add(0, "attribute "+p.Name+" of "+n.Uname, "node attributes are not exported (lustre:417)")
			}
		}
	}
	return all
}

// nodesNamed is how many nodes of the CIB a command names.
func nodesNamed(c Command, cib *pacemaker.CIB) int {
	n := 0
	for _, node := range cib.Nodes() {
		if slices.Contains(c.Argv, node.Uname) {
			n++
		}
	}
	return n
}
