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
// a line. It returns all errors at once as a [*ParseError] or a list of them; a brace that is not closed is told with the line that opened it.
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
	conf := &Conf{Root: &Section{}, name: name, bom: hasBOM}
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
	text := strings.TrimSpace(raw)
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
		i := strings.LastIndexByte(text, '{')
		name := strings.TrimSpace(text[:i])
		if text[i+1:] != "" {
			fail("text after an opening brace")
		}
		if name == "" {
			fail("an opening brace without a section name")
		}
		s := &Section{Name: name, Line: p.line, open: raw}
		top.items = append(top.items, entry{section: s, line: p.line})
		p.stack = append(p.stack, s) // also after an error, so that the braces below fit
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
	case strings.Contains(text, ":"):
		key, value, _ := strings.Cut(text, ":")
		key = strings.TrimSpace(key)
		if key == "" {
			fail("a value without a key")
		}
		top.items = append(top.items, entry{raw: raw, key: key, value: strings.TrimSpace(value), line: p.line})
	default:
		fail("neither a section, nor a key and value, nor a comment")
	}
}

func indent(raw string) int { return len(raw) - len(strings.TrimLeft(raw, " \t\r\n\v\f")) }

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

// Set changes the value of a key on its own line, or adds a line after the last key, indented like it. A key or value that the file
// could not hold is an error.
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
	at, prefix, end := 0, strings.Repeat("\t", s.depthHint()), "\n"
	for i, item := range s.items {
		if item.key != "" {
			at, prefix = i+1, item.raw[:indent(item.raw)]
			if strings.HasSuffix(item.raw, "\r\n") {
				end = "\r\n"
			}
		}
	}
	if at > 0 && !strings.HasSuffix(s.items[at-1].raw, "\n") {
		s.items[at-1].raw += end
	}
	item := entry{raw: prefix + key + ": " + value + end, key: key, value: value}
	s.items = append(s.items[:at], append([]entry{item}, s.items[at:]...)...)
	return nil
}

// Remove removes a key, with every line that has it; it says whether there was one.
func (s *Section) Remove(key string) bool {
	before := len(s.items)
	s.items = slices.DeleteFunc(s.items, func(i entry) bool { return key != "" && i.key == key })
	return len(s.items) < before
}

// RemoveSection removes a section that stands directly inside, with all that it holds; it says whether it was there.
func (s *Section) RemoveSection(sub *Section) bool {
	before := len(s.items)
	s.items = slices.DeleteFunc(s.items, func(i entry) bool { return i.section != nil && i.section == sub })
	return len(s.items) < before
}

// AddSection adds an empty section at the end. The name must be one word.
func (s *Section) AddSection(name string) (*Section, error) {
	if name == "" || strings.ContainsAny(name, " \t\r\n{}:#") {
		return nil, fmt.Errorf("corosync.conf cannot hold a section named %q", name)
	}
	if n := len(s.items); n > 0 && s.items[n-1].section == nil && !strings.HasSuffix(s.items[n-1].raw, "\n") {
		s.items[n-1].raw += "\n"
	} else if n > 0 && s.items[n-1].section != nil && !strings.HasSuffix(s.items[n-1].section.close, "\n") {
		s.items[n-1].section.close += "\n"
	}
	space := strings.Repeat("\t", s.depthHint())
	sub := &Section{Name: name, open: space + name + " {\n", close: space + "}\n"}
	s.items = append(s.items, entry{section: sub})
	return sub, nil
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

func (s *Section) depthHint() int {
	if s.Name == "" {
		return 0
	}
	return 1 + strings.Count(s.open[:indent(s.open)], "\t")
}

// replaceValue keeps what stands around the value: the indentation, the blank after the colon, the line end.
func replaceValue(raw, value string) string {
	colon := strings.IndexByte(raw, ':') + 1
	body := strings.TrimRight(raw, " \t\r\n\v\f")
	start := colon + indent(raw[colon:])
	if start >= len(body) { // there was no value
		return raw[:colon] + " " + value + raw[max(colon, len(body)):]
	}
	return raw[:start] + value + raw[len(body):]
}

// Secrets are the values in the file that no text may show.
func (c *Conf) Secrets() []secret.Secret {
	var list []secret.Secret
	var walk func(*Section)
	walk = func(s *Section) {
		for _, item := range s.items {
			// In totem, key is what the nodes encrypt with, and token a time.
			if secretname.Name(item.key) && item.key != "token" || item.key == "key" {
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
