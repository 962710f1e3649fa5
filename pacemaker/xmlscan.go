package pacemaker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// maxDepth bounds the nesting of elements; libxml2, which Pacemaker reads with, has the same limit.
const maxDepth = 256

// xmlScanner checks well-formedness over the bytes, and builds the tree as it goes where one is wanted. etree's own reader accepts two
// roots, garbage and an empty document, and gives no positions.
type xmlScanner struct {
	*source
	pos   int
	open  []openElement
	root  *openElement  // the first element, once it is read
	attrs []scannedAttr // reused from tag to tag
	tree  *treeBuilder  // nil when the text is only checked
	again bool          // the text was checked before, and the places of its tokens are known
	found map[etree.Token]span
}

// openElement is the name of an element and where its tag starts.
type openElement struct {
	name   string
	offset int
}

// scanXML reads one whole document. It refuses a DTD: a CIB has none, and entities of one's own are only an attack.
func scanXML(file string, data []byte) (*etree.Document, *srcerr.Error) {
	s := newXMLScanner(file, data)
	if err := s.scan(); err != nil {
		return nil, err
	}
	return s.tree.doc, nil
}

// newXMLScanner is for a text whose tree is wanted at once.
func newXMLScanner(file string, data []byte) *xmlScanner {
	return &xmlScanner{source: &source{file: file, text: string(data)}, tree: newTreeBuilder()}
}

// checkXML reads one whole document without making its tree, and gives the place of its root element.
func checkXML(s *source) (*openElement, *srcerr.Error) {
	x := xmlScanner{source: s}
	err := x.scan()
	return x.root, err
}

// parse makes the tree of a text that was checked before.
func (s *source) parse() *etree.Document {
	x := xmlScanner{source: s, tree: newTreeBuilder(), again: true}
	_ = x.scan() // as without an error as the first time
	return x.tree.doc
}

func (s *xmlScanner) scan() *srcerr.Error {
	if !s.again {
		if err := s.checkCharacters(); err != nil {
			return err
		}
		s.starts = make([]uint32, 0, 2*strings.Count(s.text, "<")) // a tag and a text; few documents hold more than that
	}
	if err := s.declaration(); err != nil {
		return err
	}
	for s.pos < len(s.text) {
		s.place(s.pos)
		if err := s.token(); err != nil {
			return err
		}
	}
	if len(s.open) > 0 {
		return s.endOfInput("the document ends")
	}
	if s.root == nil {
		return s.errorAt(len(s.text), "", "the document has no element")
	}
	if s.tree != nil {
		s.tree.end()
	}
	return nil
}

// place notes where a token starts.
func (s *xmlScanner) place(offset int) {
	if !s.again {
		s.starts = append(s.starts, uint32(offset)) //nolint:gosec // inputs are bounded to 256 MiB
	}
}

// errorOn is an error about an element of the tree, which must not be edited yet.
func (s *xmlScanner) errorOn(e *etree.Element, format string, args ...any) *srcerr.Error {
	if s.found == nil {
		s.found = s.spans(s.tree.doc)
	}
	return s.errorAt(s.found[e].start, "<"+label(e), format, args...)
}

// endOfInput names the elements that are still open: a file cut in half says where and in what.
func (s *xmlScanner) endOfInput(what string) *srcerr.Error {
	if len(s.open) == 0 {
		return s.errorAt(len(s.text), "", "%s too early", what)
	}
	last := s.open[len(s.open)-1]
	line, _ := srcerr.Position([]byte(s.text), last.offset)
	var path strings.Builder
	for _, o := range s.open {
		path.WriteByte('/')
		path.WriteString(o.name)
	}
	return s.errorAt(len(s.text), "", "%s while <%s> is open since line %d (%s)", what, s.label(last), line, path.String())
}

// label is an element that was read, as [label] shows one of the tree.
func (s *source) label(o openElement) string {
	x := xmlScanner{source: s, tree: newTreeBuilder(), pos: o.offset}
	if err := x.startTag(); err != nil { // it was read once already
		return o.name
	}
	return label(x.tree.children[0].(*etree.Element)) //nolint:forcetypeassert // a start tag makes an element
}

func (s *xmlScanner) checkCharacters() *srcerr.Error {
	for i, r := range s.text {
		if r < 0x20 && !isXMLSpace(byte(r)) || r == 0xFFFE || r == 0xFFFF {
			return s.errorAt(i, strconv.QuoteRune(r), "a character that XML does not allow")
		}
	}
	return nil
}

// declaration reads <?xml …?>, which may stand at the very start only.
func (s *xmlScanner) declaration() *srcerr.Error {
	if !strings.HasPrefix(s.text, "<?xml") || len(s.text) > 5 && isNameByte(s.text[5]) {
		return nil
	}
	end := strings.Index(s.text, "?>")
	if end < 0 {
		return s.endOfInput("the document ends inside the XML declaration:")
	}
	attrs, err := s.attributes(5, end, "the XML declaration")
	if err != nil {
		return err
	}
	for i, a := range attrs {
		switch {
		case a.name == "version" && i == 0 && (a.value == "1.0" || a.value == "1.1"):
		case a.name == "encoding" && i > 0:
			if e := strings.ToLower(a.value); e != "utf-8" && e != "utf8" && e != "us-ascii" {
				return s.errorAt(a.offset, a.value, "encoding is not UTF-8")
			}
		case a.name == "standalone" && i > 0 && (a.value == "yes" || a.value == "no"):
		default:
			return s.errorAt(a.offset, a.name, "unexpected in the XML declaration")
		}
	}
	if len(attrs) == 0 {
		return s.errorAt(0, s.text[:end+2], "the XML declaration has no version")
	}
	if s.tree != nil {
		s.tree.add(etree.NewProcInst("xml", strings.Trim(s.text[5:end], xmlSpaces)))
	}
	s.place(0)
	s.pos = end + 2
	return nil
}

func (s *xmlScanner) token() *srcerr.Error {
	rest := s.text[s.pos:]
	switch {
	case rest[0] != '<':
		return s.charData()
	case strings.HasPrefix(rest, "<!--"):
		return s.comment()
	case strings.HasPrefix(rest, "<![CDATA["):
		return s.cdata()
	case strings.HasPrefix(rest, "<!"):
		return s.errorAt(s.pos, firstLine(rest), "a document type or other declaration is refused")
	case strings.HasPrefix(rest, "<?"):
		return s.instruction()
	case strings.HasPrefix(rest, "</"):
		return s.endTag()
	}
	return s.startTag()
}

func (s *xmlScanner) charData() *srcerr.Error {
	start := s.pos
	raw := s.text[start:]
	if i := strings.IndexByte(raw, '<'); i >= 0 {
		raw = raw[:i]
	}
	if len(s.open) == 0 {
		if t := strings.Trim(raw, xmlSpaces); t != "" {
			return s.errorAt(start+strings.Index(raw, t), firstLine(t), "text outside the root element")
		}
	}
	if i := strings.Index(raw, "]]>"); i >= 0 {
		return s.errorAt(start+i, "]]>", "the end of a CDATA section without its start")
	}
	value, err := s.decode(raw, start, false)
	if err != nil {
		return err
	}
	if s.tree != nil {
		s.tree.text(value)
	}
	s.pos = start + len(raw)
	return nil
}

func (s *xmlScanner) comment() *srcerr.Error {
	body := s.text[s.pos+4:]
	end := strings.Index(body, "--")
	if end < 0 {
		return s.errorAt(s.pos, firstLine(s.text[s.pos:]), "a comment that does not end")
	}
	if !strings.HasPrefix(body[end:], "-->") {
		return s.errorAt(s.pos+4+end, "--", "two hyphens inside a comment")
	}
	if s.tree != nil {
		s.tree.add(etree.NewComment(normalizeLines(body[:end])))
	}
	s.pos += 4 + end + 3
	return nil
}

func (s *xmlScanner) cdata() *srcerr.Error {
	if len(s.open) == 0 {
		return s.errorAt(s.pos, "<![CDATA[", "text outside the root element")
	}
	body := s.text[s.pos+9:]
	end := strings.Index(body, "]]>")
	if end < 0 {
		return s.errorAt(s.pos, firstLine(s.text[s.pos:]), "a CDATA section that does not end")
	}
	if s.tree != nil {
		s.tree.add(etree.NewCData(normalizeLines(body[:end])))
	}
	s.pos += 9 + end + 3
	return nil
}

func (s *xmlScanner) instruction() *srcerr.Error {
	body := s.text[s.pos+2:]
	end := strings.Index(body, "?>")
	if end < 0 {
		return s.errorAt(s.pos, firstLine(s.text[s.pos:]), "a processing instruction that does not end")
	}
	body = body[:end]
	target := body[:nameLength(body)]
	switch {
	case !isName(target):
		return s.errorAt(s.pos, firstLine(body), "a processing instruction without a name")
	case strings.EqualFold(target, "xml"):
		return s.errorAt(s.pos, "<?"+target, "an XML declaration that is not at the start of the document")
	case len(body) > len(target) && !isXMLSpace(body[len(target)]):
		return s.errorAt(s.pos, firstLine(body), "no blank after the name of a processing instruction")
	}
	if s.tree != nil {
		s.tree.add(etree.NewProcInst(target, strings.TrimLeft(normalizeLines(body[len(target):]), xmlSpaces)))
	}
	s.pos += 2 + end + 2
	return nil
}

func (s *xmlScanner) endTag() *srcerr.Error {
	start := s.pos
	end := strings.IndexByte(s.text[start:], '>')
	if end < 0 {
		return s.endOfInput("the document ends inside an end tag")
	}
	tag := s.text[start : start+end+1]
	name := strings.TrimRight(tag[2:len(tag)-1], xmlSpaces)
	if len(s.open) == 0 {
		return s.errorAt(start, tag, "an end tag without a start tag")
	}
	last := s.open[len(s.open)-1]
	if name != last.name {
		line, _ := srcerr.Position([]byte(s.text), last.offset)
		return s.errorAt(start, tag, "the end tag does not fit <%s>, open since line %d", s.label(last), line)
	}
	s.open = s.open[:len(s.open)-1]
	if s.tree != nil {
		s.tree.end()
	}
	s.pos = start + len(tag)
	return nil
}

func (s *xmlScanner) startTag() *srcerr.Error {
	start := s.pos
	n := nameLength(s.text[start+1:])
	name := s.text[start+1 : start+1+n]
	if !isName(name) {
		return s.errorAt(start, firstLine(s.text[start:]), "a < that starts no tag")
	}
	if len(s.open) == 0 && s.root != nil {
		return s.errorAt(start, "<"+name, "a second root element")
	}
	if len(s.open) >= maxDepth {
		return s.errorAt(start, "<"+name, "elements are nested deeper than %d", maxDepth)
	}
	end, ok := tagEnd(s.text, start+1+n)
	if !ok {
		return s.endOfInput(fmt.Sprintf("the document ends inside the tag <%s>", name))
	}
	inner, empty := end, false
	if s.text[end] == '>' && s.text[end-1] == '/' && end-1 >= start+1+n {
		inner, empty = end-1, true
	}
	attrs, err := s.attributes(start+1+n, inner, "<"+name+">")
	if err != nil {
		return err
	}
	if s.root == nil {
		s.root = &openElement{name, start}
	}
	if s.tree != nil {
		s.tree.start(name, attrs)
	}
	switch {
	case !empty:
		s.open = append(s.open, openElement{name, start})
	case s.tree != nil:
		s.tree.end()
	}
	s.pos = end + 1
	return nil
}

// tagEnd finds the > that ends a tag, past any that stands inside a quoted value.
func tagEnd(src string, i int) (int, bool) {
	var quote byte
	for ; i < len(src); i++ {
		switch c := src[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i, true
		case c == '<': // report it as an error of the attributes, near its place
			return i, true
		}
	}
	return 0, false
}

type scannedAttr struct {
	name, value string
	offset, end int
}

func (s *xmlScanner) attributes(i, end int, where string) ([]scannedAttr, *srcerr.Error) {
	attrs := s.attrs[:0]
	var twice attrNames
	defer func() { s.attrs = attrs }()
	for {
		at := i
		i = skipSpaces(s.text, i, end)
		if i >= end {
			if i == end && end < len(s.text) && s.text[end] == '<' {
				return nil, s.errorAt(end, firstLine(s.text[end:]), "a < inside the tag %s", where)
			}
			return attrs, nil
		}
		n := nameLength(s.text[i:end])
		name := s.text[i : i+n]
		switch {
		case !isName(name):
			return nil, s.errorAt(i, firstLine(s.text[i:end]), "not an attribute, in %s", where)
		case i == at:
			return nil, s.errorAt(i, name, "no blank before an attribute of %s", where)
		}
		if twice.add(attrs, name) {
			return nil, s.errorAt(i, name, "an attribute of %s is given twice", where)
		}
		attr := scannedAttr{name: name, offset: i}
		i = skipSpaces(s.text, i+n, end)
		if i >= end || s.text[i] != '=' {
			return nil, s.errorAt(attr.offset, name, "an attribute of %s has no value", where)
		}
		i = skipSpaces(s.text, i+1, end)
		if i >= end || s.text[i] != '"' && s.text[i] != '\'' {
			return nil, s.errorAt(attr.offset, name, "the value of an attribute of %s is not quoted", where)
		}
		length := strings.IndexByte(s.text[i+1:end], s.text[i])
		if length < 0 {
			return nil, s.errorAt(i, name, "the value of an attribute of %s does not end", where)
		}
		raw := s.text[i+1 : i+1+length]
		if lt := strings.IndexByte(raw, '<'); lt >= 0 {
			return nil, s.errorAt(i+1+lt, name, "a < in the value of an attribute of %s", where)
		}
		value, err := s.decode(raw, i+1, true)
		if err != nil {
			return nil, err
		}
		i += length + 2
		attr.value, attr.end = value, i
		attrs = append(attrs, attr)
	}
}

// attrNames finds a name that is given twice: among a few by looking at each, among many by a set.
type attrNames map[string]bool

// fewAttrs is how many attributes are looked at one by one; no element of the schemas has more.
const fewAttrs = 32

// add tells whether the element has an attribute of that name already, and takes note of it.
func (n *attrNames) add(attrs []scannedAttr, name string) bool {
	if len(attrs) < fewAttrs {
		return slices.ContainsFunc(attrs, func(a scannedAttr) bool { return a.name == name })
	}
	if *n == nil {
		*n = attrNames{}
		for _, a := range attrs {
			(*n)[a.name] = true
		}
	}
	was := (*n)[name]
	(*n)[name] = true
	return was
}

// decode resolves references and normalises white space as XML 1.0 says: line ends to \n, and in attributes to a blank.
func (s *xmlScanner) decode(raw string, offset int, attr bool) (string, *srcerr.Error) {
	special := "&\r"
	if attr {
		special = "&\r\n\t"
	}
	if !strings.ContainsAny(raw, special) {
		return raw, nil
	}
	var b strings.Builder
	for i := 0; i < len(raw); {
		c := raw[i]
		switch {
		case c == '&':
			r, n := reference(raw[i:])
			if n == 0 {
				// The text near a bad reference may be a password: only the ampersand's place is told.
				return "", s.errorAt(offset+i, "&", "not a character reference that XML knows")
			}
			b.WriteRune(r)
			i += n
			continue
		case c == '\r' && strings.HasPrefix(raw[i:], "\r\n"):
			i++
			continue
		case c == '\r':
			c = '\n'
		}
		if attr && (c == '\n' || c == '\t') {
			c = ' '
		}
		b.WriteByte(c)
		i++
	}
	return b.String(), nil
}

// reference reads the reference at the start of s; its length is 0 when it is none.
func reference(s string) (rune, int) {
	end := strings.IndexByte(s, ';')
	if end < 2 || end > 12 {
		return 0, 0
	}
	name := s[1:end]
	switch name {
	case "amp":
		return '&', end + 1
	case "lt":
		return '<', end + 1
	case "gt":
		return '>', end + 1
	case "quot":
		return '"', end + 1
	case "apos":
		return '\'', end + 1
	}
	if name[0] != '#' {
		return 0, 0
	}
	digits, base := name[1:], 10
	if strings.HasPrefix(digits, "x") {
		digits, base = digits[1:], 16
	}
	v, err := strconv.ParseUint(digits, base, 32)
	r := rune(v)
	switch {
	case err != nil || v > utf8.MaxRune || !utf8.ValidRune(r):
		return 0, 0
	case r < 0x20 && r != '\t' && r != '\n' && r != '\r', r == 0xFFFE, r == 0xFFFF:
		return 0, 0
	}
	return r, end + 1
}

const xmlSpaces = " \t\r\n"

func isXMLSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func skipSpaces(s string, i, end int) int {
	for i < end && isXMLSpace(s[i]) {
		i++
	}
	return i
}

func normalizeLines(s string) string {
	if !strings.Contains(s, "\r") {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == ':' || c >= 0x80
}

func nameLength(s string) int {
	i := 0
	for i < len(s) && isNameByte(s[i]) {
		i++
	}
	return i
}

// isName says whether s is a name of XML 1.0. Name spaces are not looked at: libxml2 reads a name with a stray colon as well.
func isName(s string) bool {
	for i, r := range s {
		if !isNameRune(r, i > 0) {
			return false
		}
	}
	return s != ""
}

// nameRanges are the characters beyond ASCII that a name may start with, and laterRanges those that may follow (XML 1.0, 2.3).
var (
	nameRanges = [][2]rune{
		{0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0x2FF}, {0x370, 0x37D}, {0x37F, 0x1FFF}, {0x200C, 0x200D}, {0x2070, 0x218F}, {0x2C00, 0x2FEF},
		{0x3001, 0xD7FF}, {0xF900, 0xFDCF}, {0xFDF0, 0xFFFD}, {0x10000, 0xEFFFF},
	}
	laterRanges = [][2]rune{{0xB7, 0xB7}, {0x300, 0x36F}, {0x203F, 0x2040}}
)

func isNameRune(r rune, later bool) bool {
	if r < 0x80 {
		return isNameByte(byte(r)) && (later || !(r >= '0' && r <= '9' || r == '-' || r == '.'))
	}
	in := func(ranges [][2]rune) bool {
		return slices.ContainsFunc(ranges, func(x [2]rune) bool { return x[0] <= r && r <= x[1] })
	}
	return in(nameRanges) || later && in(laterRanges)
}

// splitName takes a prefix off a name. A name that is no prefix and local part stays whole.
func splitName(name string) (space, local string) {
	space, local, ok := strings.Cut(name, ":")
	if !ok || space == "" || local == "" || strings.Contains(local, ":") {
		return "", name
	}
	return space, local
}

// firstLine is what an error shows of a text: one line, and nothing behind a quote, where a secret may stand.
func firstLine(s string) string {
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		s = s[:i]
	}
	if i := strings.IndexAny(s, `"'`); i >= 0 {
		s = s[:i]
	}
	return s
}
