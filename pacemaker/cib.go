package pacemaker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// ParseError is one mistake in an input: what is wrong, and its file, line and column.
type ParseError = srcerr.Error

// CIBPath is where Pacemaker keeps the CIB.
const CIBPath = "/var/lib/pacemaker/cib/cib.xml"

// CIB is a cluster information base: the XML document that `cibadmin --query` prints. It holds the whole document, also what the
// views do not show. Reading from several goroutines is safe, editing is not.
type CIB struct {
	*source
	bom    string               // the byte order mark that it was read with, mostly none
	edited map[etree.Token]span // the tokens of the source that the tree was read from, once it is edited

	treeOnce sync.Once
	doc      *etree.Document // made when first needed: use tree

	indexOnce sync.Once
	ids       map[string]*etree.Element // built when first needed, kept through edits; see byID
}

// ParseCIB reads a CIB. The root must be <cib>, the document well-formed and UTF-8, without a document type. Errors are
// [*ParseError] with file, line and column; a document cut in half names the element that is open. Elements it does not know are kept.
func ParseCIB(r io.Reader) (*CIB, error) {
	if r == nil {
		return nil, ErrNoCIB
	}
	name := srcerr.NameOf(r)
	in := bufio.NewReader(r)
	bom, _ := in.Peek(3) // a read error shows up again below
	hasBOM := bytes.Equal(bom, []byte("\xef\xbb\xbf"))
	data, err := srcerr.ReadText(srcerr.Named(name, in))
	if err != nil {
		return nil, err
	}
	c := &CIB{source: &source{file: name, text: string(data)}}
	root, bad := checkXML(c.source)
	if bad == nil {
		bad = c.checkShape(root)
	}
	if bad != nil {
		return nil, bad
	}
	if hasBOM {
		c.bom = "\xef\xbb\xbf"
	}
	return c, nil
}

// tree is the document. It is made from the text when something of it is first asked for: a CIB that is only copied or printed needs none.
func (c *CIB) tree() *etree.Document {
	c.treeOnce.Do(func() {
		if c.doc == nil {
			c.doc = c.parse()
		}
	})
	return c.doc
}

// Empty tells a CIB that was read from nothing: nil, or the zero value.
func (c *CIB) Empty() bool { return c == nil || c.source == nil }

// ErrNoCIB says that there is no CIB to look into: it is nil, or the zero value.
var ErrNoCIB = errors.New("there is no CIB: make one with ParseCIB")

// checkShape refuses what is XML but no CIB.
func (c *CIB) checkShape(root *openElement) *srcerr.Error {
	fail := func(format string, args ...any) *srcerr.Error {
		return c.errorAt(root.offset, "<"+c.label(*root), format, args...)
	}
	if root.name != "cib" {
		return fail("the root element is not <cib>")
	}
	seen := make(map[string]int)
	for name := range c.namesAt(1) {
		_, name = splitName(name)
		if seen[name]++; seen[name] > 1 && (name == "configuration" || name == "status") {
			return fail("<%s> stands more than once in <cib>", name)
		}
	}
	return nil
}

// WriteTo writes the document, byte for byte as it was read but for what was edited: a changed attribute, a new or a removed element.
// It holds every secret of the CIB.
func (c *CIB) WriteTo(w io.Writer) (int64, error) {
	if c.edited == nil {
		n, err := io.WriteString(w, c.bom+c.text)
		return int64(n), err
	}
	out := countingWriter{Writer: bufio.NewWriter(w)}
	_, _ = out.WriteString(c.bom) // the first error shows up in Flush
	p := printer{source: c.source, spans: c.edited, out: &out, fresh: &c.doc.WriteSettings}
	p.tokens(c.doc.Child)
	return out.n, out.Flush()
}

// countingWriter counts what is written.
type countingWriter struct {
	*bufio.Writer
	n int64
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.n += int64(n)
	return n, err
}

func (w *countingWriter) WriteString(s string) (int, error) {
	n, err := w.Writer.WriteString(s)
	w.n += int64(n)
	return n, err
}

func (w *countingWriter) WriteByte(b byte) error {
	w.n++
	return w.Writer.WriteByte(b)
}

// Query is the document as `cibadmin --query` would print it (PCM-061, lustre:395): what [CIB.WriteTo] writes.
func (c *CIB) Query() ([]byte, error) {
	var b bytes.Buffer
	_, err := c.WriteTo(&b)
	return b.Bytes(), err
}

// Clone is an independent copy. Of a document that was not edited it costs nothing before it is used.
func (c *CIB) Clone() *CIB {
	clone := &CIB{source: c.source, bom: c.bom}
	if c.edited != nil {
		clone.doc = c.doc.Copy()
		clone.edited = make(map[etree.Token]span, len(c.edited))
		copySpans(c.doc.Child, clone.doc.Child, c.edited, clone.edited)
	}
	return clone
}

// String is a summary without any value, safe to log.
func (c *CIB) String() string {
	return fmt.Sprintf("CIB %s: %d nodes, %d resources, %d location constraints", c.Version(), len(c.Nodes()),
		len(c.Resources()), len(c.Locations()))
}

// GoString is String, so that no format verb prints the document.
func (c *CIB) GoString() string { return c.String() }

// Version is a CIB's place in the order of changes: the greater one wins when nodes join.
type Version struct {
	AdminEpoch, Epoch, NumUpdates int
}

// String is the version as Pacemaker logs it.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.AdminEpoch, v.Epoch, v.NumUpdates) }

// Version reads admin_epoch, epoch and num_updates; one that is absent or no number is 0, as Pacemaker takes it.
func (c *CIB) Version() Version {
	number := func(key string) int {
		n, err := strconv.Atoi(c.Root().SelectAttrValue(key, "0"))
		if err != nil {
			return 0
		}
		return n
	}
	return Version{number("admin_epoch"), number("epoch"), number("num_updates")}
}

// Attribute is an attribute of the <cib> element, such as validate-with, dc-uuid or have-quorum.
func (c *CIB) Attribute(name string) (string, bool) {
	if a := c.Root().SelectAttr(name); a != nil {
		return a.Value, true
	}
	return "", false
}

// byID finds an element by its id anywhere in the document.
func (c *CIB) byID(id string) *etree.Element {
	c.indexOnce.Do(func() {
		c.ids = make(map[string]*etree.Element)
		c.index(c.Root())
	})
	return c.ids[id]
}

func (c *CIB) index(e *etree.Element) {
	// Under <status> ids are not unique among the sections (node_state ids are the nodes' own).
	if e.Tag == "status" && e.Parent() == c.Root() {
		return
	}
	if id := e.SelectAttrValue("id", ""); id != "" && c.ids[id] == nil {
		c.ids[id] = e
	}
	for child := range e.ChildElementsSeq() {
		c.index(child)
	}
}

// ParseLiveCIB reads what `cibadmin --query` of a running cluster printed. A part of a CIB would prove that something
// is not there; so one that lacks a section is an error.
func ParseLiveCIB(r io.Reader) (*CIB, error) {
	cib, err := ParseCIB(r)
	if err != nil {
		return nil, err
	}
	for _, path := range [][]string{{"configuration", "crm_config"}, {"configuration", "nodes"},
		{"configuration", "resources"}, {"configuration", "constraints"}, {"status"}} {
		if len(children(cib.Root(), path...)) == 0 {
			return nil, fmt.Errorf("cibadmin did not show the whole CIB: it has no <%s>", strings.Join(path, "><"))
		}
	}
	return cib, nil
}
