package corosync

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/secretname"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec/secret"
)

// Conf is a corosync.conf, lossless: an unedited one prints byte for byte, an edit touches its own line only.
type Conf struct {
	Root *Section // the file itself: a section without a name
	name string
	bom  bool
}

// empty tells a file that was read from nothing: nil, or the zero value.
func (c *Conf) empty() bool { return c == nil || c.Root == nil }

var errNoConf = errors.New("there is no corosync.conf: make one with Parse")

// Section is a section. The same name may stand many times: each interface of a totem is one.
type Section struct {
	Name  string
	Line  int // of its opening brace; 0 for the file itself
	items []entry
	open  string // the line of the opening brace, as read
	close string
	style *style // of the file
}

// style is how a file is laid out: what is added looks the same.
type style struct {
	unit string // by how much a section's lines stand deeper than it
	end  string // of a line
	gap  bool   // whether a blank line stands between two sections of the file itself
}

// entry is one line: a key, a section, or a comment or blank line (all but raw empty).
type entry struct {
	raw     string // the line with its end; empty for a section
	key     string
	value   string
	line    int
	section *Section
}

// Parse reads the corosync.conf of any release, 1.x to 3.x: sections in braces, "key: value" lines, comments that start
// a line. It returns all errors at once as a [*ParseError] or a list of them; a brace that is not closed is told with
// the line that opened it.
func Parse(r io.Reader) (*Conf, error) {
	if r == nil {
		return nil, errNoConf
	}
	name := srcerr.NameOf(r)
	in := bufio.NewReader(r)
	bom, _ := in.Peek(3) // a read error shows up again below
	hasBOM := bytes.Equal(bom, []byte("\xef\xbb\xbf"))
	data, err := srcerr.ReadText(srcerr.Named(name, in))
	if err != nil {
		return nil, err
	}
	p := corosyncParser{file: name}
	conf := &Conf{Root: &Section{style: &style{unit: "\t", end: "\n"}}, name: name, bom: hasBOM}
	p.stack = []*Section{conf.Root}
	for rest := string(data); rest != ""; {
		line := rest
		if i := strings.IndexByte(rest, '\n'); i >= 0 {
			line = rest[:i+1]
		}
		rest = rest[len(line):]
		p.line++
		p.read(line)
	}
	for _, s := range p.stack[1:] {
		p.errs = append(p.errs, srcerr.Errorf(name, s.Line, 1+indent(s.open), s.Name+" {", "the brace of section %s is not closed", s.Name))
	}
	switch len(p.errs) {
	case 0:
		conf.Root.style.learn(conf.Root, string(data))
		return conf, nil
	case 1:
		return nil, p.errs[0]
	}
	return nil, p.errs
}

type corosyncParser struct {
	file  string
	line  int
	stack []*Section
	errs  srcerr.List
}

func (p *corosyncParser) read(raw string) {
	text := trim(unended(raw))
	top := p.stack[len(p.stack)-1]
	fail := func(format string, args ...any) {
		near := text
		if key, _, ok := strings.Cut(text, ":"); ok && secretname.Name(key) {
			near = key
		}
		p.errs = append(p.errs, srcerr.Errorf(p.file, p.line, 1+indent(raw), near, format, args...))
	}
	switch {
	case text == "" || text[0] == '#':
		top.items = append(top.items, entry{raw: raw, line: p.line})
	case strings.Contains(text, "{"):
		i := strings.IndexByte(text, '{')
		name := strings.TrimRight(trim(text[:i]), " \t:") // a colon before the brace is none of the name
		if text[i+1:] != "" {
			fail("text after an opening brace")
		}
		if name == "" {
			fail("an opening brace without a section name")
		}
		s := &Section{Name: name, Line: p.line, open: raw, style: top.style}
		top.items = append(top.items, entry{section: s, line: p.line})
		p.stack = append(p.stack, s) // also after an error, so that the braces below fit
	case strings.Contains(text, ":"):
		key, value, _ := strings.Cut(text, ":")
		key = trim(key)
		if key == "" {
			fail("a value without a key")
		}
		top.items = append(top.items, entry{raw: raw, key: key, value: trim(value), line: p.line})
	case strings.Contains(text, "}"):
		if text != "}" {
			fail("text beside a closing brace")
		}
		if len(p.stack) == 1 {
			fail("a closing brace without an opening one")
			return
		}
		top.close = raw
		p.stack = p.stack[:len(p.stack)-1]
	default:
		fail("neither a section, nor a key and value, nor a comment")
	}
}

// trim cuts what corosync cuts: other blanks belong to a value.
func trim(s string) string { return strings.Trim(s, " \t") }

func indent(raw string) int { return len(raw) - len(strings.TrimLeft(raw, " \t")) }

// unended is a line without its end.
func unended(raw string) string { return strings.TrimSuffix(strings.TrimSuffix(raw, "\n"), "\r") }

// WriteTo writes the file: byte for byte as it was read where it was not edited.
func (c *Conf) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	if c.bom {
		b.WriteString("\xef\xbb\xbf")
	}
	c.Root.write(&b)
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func (s *Section) write(b *strings.Builder) {
	b.WriteString(s.open)
	for _, item := range s.items {
		if item.section != nil {
			item.section.write(b)
		} else {
			b.WriteString(item.raw)
		}
	}
	b.WriteString(s.close)
}

// Sections are the sections of this name directly inside, in order; all of them when name is empty.
func (s *Section) Sections(name string) []*Section {
	var all []*Section
	for _, item := range s.items {
		if item.section != nil && (name == "" || item.section.Name == name) {
			all = append(all, item.section)
		}
	}
	return all
}

// Get is the value of a key; the last one when it stands twice, as in corosync.
func (s *Section) Get(key string) (string, bool) {
	if item := s.find(key); item != nil {
		return item.value, true
	}
	return "", false
}

func (s *Section) find(key string) *entry {
	for i := len(s.items) - 1; i >= 0; i-- {
		if s.items[i].section == nil && s.items[i].key == key {
			return &s.items[i]
		}
	}
	return nil
}

// Keys are the keys directly inside, in order, each once. String and JSON of a pair mask a secret.
func (s *Section) Keys() []Pair {
	var pairs []Pair
	seen := make(map[string]bool)
	for _, item := range s.items {
		if item.key != "" && !seen[item.key] {
			seen[item.key] = true
			value, _ := s.Get(item.key)
			pairs = append(pairs, Pair{Name: item.key, Value: value})
		}
	}
	return pairs
}

// Set changes the value of a key on its own line, or adds a line after the last key, indented like it. A key or value
// that the file could not hold is an error.
func (s *Section) Set(key, value string) error {
	if key == "" || strings.ContainsAny(key, ":{}\r\n") || key[0] == '#' || strings.ContainsAny(value, "{}\r\n") ||
		strings.TrimSpace(key) != key || strings.TrimSpace(value) != value {
		return fmt.Errorf("corosync.conf cannot hold the key %q with such a value", key)
	}
	if item := s.find(key); item != nil {
		item.raw = replaceValue(item.raw, value)
		item.value = value
		return nil
	}
	at, prefix := 0, s.inner()
	for i, item := range s.items {
		if item.key != "" {
			at, prefix = i+1, item.raw[:indent(item.raw)]
		}
	}
	s.endLine(at)
	s.items = slices.Insert(s.items, at, entry{raw: prefix + key + ": " + value + s.lineEnd(), key: key, value: value})
	return nil
}

// Remove removes a key, with every line that has it; it says whether there was one.
func (s *Section) Remove(key string) bool {
	before := len(s.items)
	s.items = slices.DeleteFunc(s.items, func(i entry) bool { return key != "" && i.key == key })
	return len(s.items) < before
}

// RemoveSection removes a section that stands directly inside, with all that it holds; it says whether it was there. Of
// the blank lines around it those behind it stay.
func (s *Section) RemoveSection(sub *Section) bool {
	i := slices.IndexFunc(s.items, func(i entry) bool { return i.section != nil && i.section == sub })
	if i < 0 {
		return false
	}
	from := i
	if i > 0 && s.items[i-1].blank() && (i+1 == len(s.items) || s.items[i+1].blank()) {
		from--
	}
	s.items = slices.Delete(s.items, from, i+1)
	return true
}

// AddSection adds an empty section at the end, laid out as the file is. The name must be one word.
func (s *Section) AddSection(name string) (*Section, error) {
	if name == "" || strings.ContainsAny(name, " \t\r\n{}:#") {
		return nil, fmt.Errorf("corosync.conf cannot hold a section named %q", name)
	}
	at := len(s.items)
	for at > 0 && s.items[at-1].blank() {
		at--
	}
	s.endLine(at)
	space, end := s.inner(), s.lineEnd()
	sub := &Section{Name: name, open: space + name + " {" + end, close: space + "}" + end, style: s.style}
	if at > 0 && s.gaps() {
		s.items = slices.Insert(s.items, at, entry{raw: end})
		at++
	}
	s.items = slices.Insert(s.items, at, entry{section: sub})
	return sub, nil
}

// learn finds the layout of a file.
func (st *style) learn(root *Section, text string) {
	if i := strings.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		st.end = "\r\n"
	}
	st.gap = root.gaps()
	found := false
	var walk func(*Section)
	walk = func(s *Section) {
		for _, item := range s.items {
			unit, deeper := strings.CutPrefix(item.indentation(), s.open[:indent(s.open)])
			if s != root && !found && deeper && !item.blank() {
				st.unit, found = unit, unit != ""
			}
			if item.section != nil {
				walk(item.section)
			}
		}
	}
	walk(root)
}

// gaps says whether a blank line stands between sections here; where there are not two, whether one does between those
// of the file.
func (s *Section) gaps() bool {
	with, without, seen := 0, 0, false
	for i, item := range s.items {
		switch {
		case item.section == nil:
			continue
		case seen && s.items[i-1].blank():
			with++
		case seen:
			without++
		}
		seen = true
	}
	if with+without == 0 {
		return s.Name == "" && s.style.gap
	}
	return with > without
}

// inner is the indentation of the section's lines.
func (s *Section) inner() string {
	for i := len(s.items) - 1; i >= 0; i-- {
		if item := s.items[i]; item.key != "" || item.section != nil {
			return item.indentation()
		}
	}
	if s.Name == "" {
		return ""
	}
	return s.open[:indent(s.open)] + s.style.unit
}

// lineEnd is how the section ends its lines.
func (s *Section) lineEnd() string {
	switch {
	case strings.HasSuffix(s.open, "\r\n"):
		return "\r\n"
	case s.open != "":
		return "\n"
	}
	return s.style.end
}

// endLine ends the line in front of a place, if it is the last of a file without a line end.
func (s *Section) endLine(at int) {
	if at == 0 {
		return
	}
	last := &s.items[at-1].raw
	if sub := s.items[at-1].section; sub != nil {
		last = &sub.close
	}
	if !strings.HasSuffix(*last, "\n") {
		*last += s.lineEnd()
	}
}

func (i entry) blank() bool { return i.section == nil && strings.TrimSpace(i.raw) == "" }

func (i entry) indentation() string {
	raw := i.raw
	if i.section != nil {
		raw = i.section.open
	}
	return raw[:indent(raw)]
}

// Clone is an independent copy.
func (c *Conf) Clone() *Conf {
	return &Conf{Root: c.Root.clone(), name: c.name, bom: c.bom}
}

func (s *Section) clone() *Section {
	out := *s
	out.items = slices.Clone(s.items)
	for i, item := range out.items {
		if item.section != nil {
			out.items[i].section = item.section.clone()
		}
	}
	return &out
}

// replaceValue keeps what stands around the value: the indentation, the blank after the colon, the line end.
func replaceValue(raw, value string) string {
	colon := strings.IndexByte(raw, ':') + 1
	body := strings.TrimRight(unended(raw), " \t")
	start := colon + indent(raw[colon:])
	if start >= len(body) { // there was no value
		return raw[:colon] + " " + value + raw[max(colon, len(body)):]
	}
	return raw[:start] + value + raw[len(body):]
}

// secret tells whether the value may not be shown. In totem, key is what the nodes encrypt with, and token a time.
func (i entry) secret() bool {
	return secretname.Name(i.key) && i.key != "token" || i.key == "key"
}

// Secrets are the values in the file that no text may show.
func (c *Conf) Secrets() []secret.Secret {
	var list []secret.Secret
	var walk func(*Section)
	walk = func(s *Section) {
		for _, item := range s.items {
			if item.secret() {
				list = secretname.Add(list, item.value)
			}
			if item.section != nil {
				walk(item.section)
			}
		}
	}
	walk(c.Root)
	return list
}
