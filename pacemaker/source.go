package pacemaker

import (
	"iter"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// source is the text of a document and the place where each of its tokens starts. Tokens follow each other without a gap, so that
// one number for each is enough to find every element again: for the place in an error, and to print what was not edited as it was.
type source struct {
	file   string
	text   string
	starts []uint32 // of tags, texts, comments and instructions, in the order of the text; inputs are bounded to 256 MiB
}

// span is where a token stands: its start tag (or the whole token) in [start, open), its end tag in [shut, end).
type span struct {
	start, open, shut, end int
}

// empty says whether an element was written as <a/>.
func (s *source) empty(sp span) bool { return s.text[sp.open-2] == '/' }

func (s *source) startOf(i int) int {
	if i < len(s.starts) {
		return int(s.starts[i])
	}
	return len(s.text)
}

// namesAt are the names of the elements that stand this deep in a text that was checked; the root element is at 0.
func (s *source) namesAt(depth int) iter.Seq[string] {
	return func(yield func(string) bool) {
		deep := 0
		for i := range s.starts {
			token := s.text[s.startOf(i):s.startOf(i+1)]
			switch {
			case strings.HasPrefix(token, "</"):
				deep--
			case token[0] == '<' && isNameByte(token[1]):
				if deep == depth && !yield(token[1:1+nameLength(token[1:])]) {
					return
				}
				if !strings.HasSuffix(token, "/>") {
					deep++
				}
			}
		}
	}
}

// spans finds the tokens of a tree that was read from this source and not edited yet.
func (s *source) spans(doc *etree.Document) map[etree.Token]span {
	spans := make(map[etree.Token]span, len(s.starts))
	next := 0
	var walk func([]etree.Token)
	walk = func(tokens []etree.Token) {
		for _, t := range tokens {
			sp := span{start: s.startOf(next), open: s.startOf(next + 1)}
			next++
			sp.shut = sp.open
			if e, ok := t.(*etree.Element); ok && !s.empty(sp) {
				walk(e.Child)
				sp.shut = s.startOf(next)
				next++
			}
			sp.end = s.startOf(next)
			spans[t] = sp
		}
	}
	walk(doc.Child)
	return spans
}

// copySpans are the spans of a copied tree.
func copySpans(from, to []etree.Token, spans, copied map[etree.Token]span) {
	for i, t := range from {
		if sp, ok := spans[t]; ok {
			copied[to[i]] = sp
		}
		if e, ok := t.(*etree.Element); ok {
			copySpans(e.Child, to[i].(*etree.Element).Child, spans, copied) //nolint:forcetypeassert // a copy has the same shape
		}
	}
}

func (s *source) errorAt(offset int, near, format string, args ...any) *srcerr.Error {
	line, col := srcerr.Position([]byte(s.text), offset)
	return srcerr.Errorf(s.file, line, col, near, format, args...)
}

// printer writes an edited tree: what stands in the source as it stands there, byte for byte, and only the rest anew.
type printer struct {
	source *source
	spans  map[etree.Token]span
	out    etree.Writer
	fresh  *etree.WriteSettings // for what is new
	crlf   bool                 // how the last line that was written of the source ended: new lines end so, too
}

func (p *printer) tokens(list []etree.Token) {
	for _, t := range list {
		sp, old := p.spans[t]
		e, isElement := t.(*etree.Element)
		switch {
		case !isElement && old:
			text := p.source.text[sp.start:sp.end]
			if end := strings.LastIndexByte(text, '\n'); end >= 0 {
				p.crlf = strings.HasSuffix(text[:end], "\r")
			}
			_, _ = p.out.WriteString(text)
		case p.crlf && isSpace(t):
			space := t.(*etree.CharData).Data //nolint:forcetypeassert // white space is text
			_, _ = p.out.WriteString(strings.ReplaceAll(space, "\n", "\r\n"))
		case !isElement:
			t.WriteTo(p.out, p.fresh)
		case old:
			p.oldElement(e, sp)
		default:
			p.newElement(e)
		}
	}
}

func (p *printer) newElement(e *etree.Element) {
	_, _ = p.out.WriteString("<" + e.FullTag())
	p.newAttrs(e, nil)
	if len(e.Child) == 0 {
		_, _ = p.out.WriteString("/>")
		return
	}
	_, _ = p.out.WriteString(">")
	p.tokens(e.Child)
	_, _ = p.out.WriteString("</" + e.FullTag() + ">")
}

func (p *printer) oldElement(e *etree.Element, sp span) {
	empty := p.source.empty(sp)
	tail := p.startTag(e, sp, empty)
	switch {
	case empty && len(e.Child) == 0:
		_, _ = p.out.WriteString(tail)
	case empty:
		_, _ = p.out.WriteString(">")
		p.tokens(e.Child)
		_, _ = p.out.WriteString("</" + e.FullTag() + ">")
	default:
		_, _ = p.out.WriteString(tail)
		p.tokens(e.Child)
		_, _ = p.out.WriteString(p.source.text[sp.shut:sp.end])
	}
}

// startTag writes a start tag up to its end and gives that end: every attribute that is the same is written as it stands.
func (p *printer) startTag(e *etree.Element, sp span, empty bool) (tail string) {
	text := p.source.text
	inner := sp.open - 1
	if empty {
		inner--
	}
	at := sp.start + 1 + len(e.FullTag())
	s := xmlScanner{source: p.source}
	attrs, err := s.attributes(at, inner, "")
	if err != nil { // it was read once already
		attrs = nil
	}
	_, _ = p.out.WriteString(text[sp.start:at])
	for _, old := range attrs {
		switch now := attrNamed(e, old.name); {
		case now == nil:
		case now.Value == old.value:
			_, _ = p.out.WriteString(text[at:old.end])
		default:
			value := old.offset + strings.IndexAny(text[old.offset:old.end], `"'`) + 1
			_, _ = p.out.WriteString(text[at:value] + p.value(now, text[old.end-1]) + text[old.end-1:old.end])
		}
		at = old.end
	}
	p.newAttrs(e, attrs)
	return text[at:sp.open]
}

// value is what stands between the quotes of an attribute.
func (p *printer) value(a *etree.Attr, quote byte) string {
	var b strings.Builder
	a.WriteTo(&b, p.fresh)
	value := strings.TrimSuffix(strings.TrimPrefix(b.String(), a.FullKey()+`="`), `"`)
	if quote == '\'' {
		value = strings.NewReplacer("'", "&apos;", "&quot;", `"`).Replace(value)
	}
	return value
}

// attrNamed is an attribute by its whole name.
func attrNamed(e *etree.Element, name string) *etree.Attr {
	for i := range e.Attr {
		if e.Attr[i].FullKey() == name {
			return &e.Attr[i]
		}
	}
	return nil
}

// newAttrs writes the attributes that the source does not have.
func (p *printer) newAttrs(e *etree.Element, old []scannedAttr) {
	for i := range e.Attr {
		a := &e.Attr[i]
		known := false
		for _, o := range old {
			known = known || o.name == a.FullKey()
		}
		if !known {
			_, _ = p.out.WriteString(" ")
			a.WriteTo(p.out, p.fresh)
		}
	}
}

// label is an element as a person would point at it: its tag and id.
func label(e *etree.Element) string {
	if id := e.SelectAttrValue("id", ""); id != "" {
		return e.FullTag() + ` id="` + strings.ReplaceAll(id, `"`, "&quot;") + `"`
	}
	return e.FullTag()
}
