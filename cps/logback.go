package cps

import (
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// UpgradeLogger is the logger that must log at level debug while a migration runs, and is taken out after it (cps:293-299).
const UpgradeLogger = "com.broadhop.utilities.zmq.upgrade.ZMQInServiceUpgradeMgr"

// UpgradeLoggerEntry is the entry as the guide has it (cps:296).
const UpgradeLoggerEntry = `<logger name="` + UpgradeLogger + `" level="debug"/>`

// Logback is a logback.xml: the loggers and appenders of a CPS process. Everything but the entry of the UpgradeLogger is kept byte
// for byte.
type Logback struct {
	File    string // the name errors and findings give
	Entries []LogbackEntry
	bom     string
	text    func() string // behind a function: an appender may hold a password, and fmt must not print it
	closing int           // where </configuration> begins
	inside  []LogbackEntry
}

// LogbackEntry is an element of the configuration: a logger, an appender, the root, a property, an include.
type LogbackEntry struct {
	Kind  string // the element's name in lower case: logger, appender, root, property, configuration …
	Name  string // its attribute name (of an include the file, of a root nothing)
	Level string // of a logger or the root, as written; "" where it is inherited
	Line  int

	from, to int               // bytes of the element
	shape    [sha256.Size]byte // sum of the element without comments, blanks and the order of attributes; it may hold a password
	simple   bool              // it has a name and a level, and nothing else
}

func (e LogbackEntry) String() string { return strings.TrimSpace(e.Kind + " " + e.Name) }

// ErrLogger is what an edit of a logback.xml says of an UpgradeLogger that is not the entry of the guide.
var ErrLogger = errors.New("the logger " + UpgradeLogger + " is not there as the guide has it (level debug, once, directly in " +
	"the configuration): edit the file by hand")

var xmlEncoding = regexp.MustCompile(`^<\?xml[^>]*\bencoding\s*=\s*["']([^"']*)["']`)

// ParseLogback reads a logback.xml. Input that is not one XML document with the root configuration is an error, and so are a logger
// or an appender without a name and an attribute given twice. Errors quote nothing of the file.
func ParseLogback(r io.Reader) (*Logback, error) {
	src, err := readSource(r, "logback.xml")
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, l := range src.lines {
		b.WriteString(l.text + l.eol)
	}
	text := b.String()
	l := &Logback{File: src.name, bom: src.bom, text: func() string { return text }, closing: -1}
	if m := xmlEncoding.FindStringSubmatch(text); m != nil && !strings.EqualFold(m[1], "utf-8") && !ascii(text) {
		src.failf(1, 1, "", "the file says that its encoding is %.40q, and it is UTF-8", m[1])
		return nil, src.err()
	}
	if l.read(src, text); len(src.errs) > 0 {
		return nil, src.err()
	}
	return l, nil
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 127 }) < 0
}

// logbackElement is an element that is open.
type logbackElement struct {
	LogbackEntry
	children int
	text     bool
}

// read walks through the document.
func (l *Logback) read(src *source, text string) {
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // checked before
	fail := func(offset int, format string, args ...any) {
		line, col := srcerr.Position([]byte(text), offset)
		src.failf(line, col, "", format, args...)
	}
	var open []logbackElement
	var shape bytes.Buffer
	roots, line, counted := 0, 1, 0
	for len(src.errs) == 0 {
		from := int(d.InputOffset())
		token, err := d.Token()
		to := int(d.InputOffset())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var syntax *xml.SyntaxError
			if errors.As(err, &syntax) {
				err = errors.New("the tags do not match, or a character stands where none may") // its text quotes the file
			}
			fail(to, "not an XML document: %w", err)
			return
		}
		switch t := token.(type) {
		case xml.StartElement:
			e := logbackElement{LogbackEntry: LogbackEntry{Kind: strings.ToLower(t.Name.Local), from: from}}
			line, counted = line+strings.Count(text[counted:from], "\n"), from
			e.Line = line
			if len(open) == 0 {
				if roots++; roots > 1 || e.Kind != "configuration" {
					fail(from, "not a logback.xml: its one root must be configuration")
					return
				}
			} else {
				open[len(open)-1].children++
			}
			if why := e.attributes(t); why != "" {
				fail(from, "%s", why)
			}
			if len(open) == 1 {
				shape.Reset()
			}
			writeStart(&shape, e.Kind, t.Attr)
			open = append(open, e)
		case xml.EndElement:
			e := open[len(open)-1]
			open = open[:len(open)-1]
			shape.WriteString("</>")
			e.to = to
			e.simple = e.simple && e.children == 0 && !e.text
			switch len(open) {
			case 0:
				l.closing = from
				if from == to { // <configuration/>
					l.closing = -1
				}
				l.Entries = append(l.Entries, LogbackEntry{Kind: e.Kind, Line: e.Line, shape: e.shape})
			case 1:
				e.shape = sha256.Sum256(shape.Bytes())
				l.Entries = append(l.Entries, e.LogbackEntry)
			default:
				l.inside = append(l.inside, e.LogbackEntry)
			}
		case xml.CharData:
			if said := strings.TrimSpace(string(t)); said != "" {
				if len(open) == 0 {
					fail(from, "not an XML document: text outside of the configuration")
					return
				}
				open[len(open)-1].text = true
				fmt.Fprintf(&shape, "%q", said)
			}
		}
	}
	if roots == 0 && len(src.errs) == 0 {
		fail(len(text), "not a logback.xml: there is no configuration in it")
	}
}

// attributes takes over what names an element, and tells what is wrong with it.
func (e *logbackElement) attributes(t xml.StartElement) string {
	seen := map[xml.Name]string{}
	for _, a := range t.Attr {
		if _, dup := seen[a.Name]; dup {
			return "attribute " + a.Name.Local + " given twice"
		}
		seen[a.Name] = a.Value
	}
	at := func(name string) string { return strings.TrimSpace(seen[xml.Name{Local: name}]) }
	e.Name, e.Level = at("name"), at("level")
	switch e.Kind {
	case "logger", "appender":
		if e.Name == "" {
			return e.Kind + " without a name"
		}
	case "configuration":
		var b bytes.Buffer
		writeStart(&b, e.Kind, t.Attr)
		e.Name, e.shape = "", sha256.Sum256(b.Bytes())
	case "include":
		for _, name := range []string{"file", "resource", "url"} {
			if e.Name == "" {
				e.Name = at(name)
			}
		}
	}
	e.simple = e.Kind == "logger" && len(t.Attr) == 2 && e.Level != ""
	return ""
}

// writeStart writes the start of an element, with its attributes in order.
func writeStart(b *bytes.Buffer, kind string, attributes []xml.Attr) {
	attributes = slices.Clone(attributes)
	slices.SortFunc(attributes, func(a, b xml.Attr) int {
		return strings.Compare(a.Name.Space+" "+a.Name.Local, b.Name.Space+" "+b.Name.Local)
	})
	b.WriteString("<" + kind)
	for _, a := range attributes {
		fmt.Fprintf(b, " %s:%s=%q", a.Name.Space, a.Name.Local, a.Value)
	}
	b.WriteString(">")
}

// Logger finds the entry of a logger; found is how many there are.
func (l *Logback) Logger(name string) (entry LogbackEntry, found int) {
	for _, e := range slices.Concat(l.Entries, l.inside) {
		if e.Kind == "logger" && e.Name == name {
			if found++; found == 1 {
				entry = e
			}
		}
	}
	return entry, found
}

// upgradeLogger is the entry of the guide, in any spelling of it that XML knows.
func (l *Logback) upgradeLogger() (LogbackEntry, bool, error) {
	e, found := l.Logger(UpgradeLogger)
	within := slices.ContainsFunc(l.inside, func(e LogbackEntry) bool { return e.Kind == "logger" && e.Name == UpgradeLogger })
	switch {
	case found == 0:
		return e, false, nil
	case found > 1 || within || !e.simple || !strings.EqualFold(e.Level, "debug"):
		return e, true, fmt.Errorf("%s: %w", where(l.File, e.Line), ErrLogger)
	}
	return e, true, nil
}

// WithUpgradeLogger gives the file with the entry of the guide at the end of the configuration; changed is false where it is there
// already. WithoutUpgradeLogger takes it out again and leaves the bytes of before. Where the logger stands in another form
// the error is ErrLogger.
func (l *Logback) WithUpgradeLogger() (edited *Logback, changed bool, err error) {
	_, found, err := l.upgradeLogger()
	if err != nil || found {
		return l, false, err
	}
	text := l.text()
	if l.closing < 0 || !strings.HasPrefix(text[l.closing:], "</") || strings.Contains(text[l.closing:], ":configuration") {
		return nil, false, fmt.Errorf("%s: the configuration is empty, or has a prefix: add %s by hand", l.File, UpgradeLoggerEntry)
	}
	head, entry := text[:l.closing], UpgradeLoggerEntry
	if line := strings.LastIndexByte(head, '\n') + 1; line > 0 && strings.Trim(head[line:], " \t") == "" {
		eol := "\n"
		if strings.HasSuffix(head[:line], "\r\n") {
			eol = "\r\n"
		}
		head, entry = head[:line], l.indent()+entry+eol
	}
	edited, err = l.reread(head + entry + text[len(head):])
	return edited, err == nil, err
}

// indent is what stands before the first logger, or else before the first entry.
func (l *Logback) indent() string {
	best := ""
	for i, e := range l.Entries {
		before := l.text()[:e.from]
		before = before[strings.LastIndexByte(before, '\n')+1:]
		if e.Kind != "configuration" && strings.Trim(before, " \t") == "" && (i == 0 || best == "" || e.Kind == "logger") {
			if best = before; e.Kind == "logger" {
				break
			}
		}
	}
	return best
}

// WithoutUpgradeLogger gives the file without the entry of the guide, and without its line where nothing else stands in it; changed
// is false where there is none. Where the logger stands in another form the error is ErrLogger.
func (l *Logback) WithoutUpgradeLogger() (edited *Logback, changed bool, err error) {
	e, found, err := l.upgradeLogger()
	if err != nil || !found {
		return l, false, err
	}
	text := l.text()
	head, tail := text[:e.from], text[e.to:]
	line := strings.LastIndexByte(head, '\n') + 1
	end := strings.IndexByte(tail, '\n') + 1
	if line > 0 && end > 0 && strings.TrimSpace(head[line:]) == "" && strings.TrimSpace(tail[:end]) == "" {
		head, tail = head[:line], tail[end:]
	}
	edited, err = l.reread(head + tail)
	return edited, err == nil, err
}

// reread reads an edited text, so that nothing is written that is not understood.
func (l *Logback) reread(text string) (*Logback, error) {
	return ParseLogback(srcerr.Named(l.File, strings.NewReader(l.bom+text)))
}

// WriteTo writes the file, secrets included.
func (l *Logback) WriteTo(w io.Writer) (int64, error) { return writeLines(w, l.bom, l.text()) }

// Findings tells of an UpgradeLogger that is there, which it must not be once the migration is complete (cps:299).
func (l *Logback) Findings() []Finding {
	f := findings{file: l.File}
	e, found, err := l.upgradeLogger()
	switch {
	case err != nil:
		f.add(Warning, e.Line, "CPS-162", "the logger %s is there %s, and not as the guide has it", UpgradeLogger,
			map[bool]string{true: "in another form", false: "at level " + e.Level}[strings.EqualFold(e.Level, "debug") || e.Level == ""])
	case found:
		f.add(Info, e.Line, "CPS-162", "the logger %s logs at level debug: the entry is removed when the migration is complete",
			UpgradeLogger)
	}
	return f.list
}
