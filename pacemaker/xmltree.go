package pacemaker

import "github.com/beevik/etree"

// treeBuilder makes the etree nodes of a text while it is scanned. It cuts them from slabs, and gives every element room for just what it
// holds: a large CIB has tens of thousands of elements, and one by one they would cost more time and more memory.
type treeBuilder struct {
	doc      *etree.Document
	open     []openNode
	children []etree.Token // of all open elements: those of each behind those of the one around it

	elements slab[etree.Element]
	attrs    slab[etree.Attr]
	texts    slab[etree.CharData]
	lists    slab[etree.Token]
}

// openNode is an element whose end tag is not read yet, and where its children begin.
type openNode struct {
	element *etree.Element
	first   int
}

func newTreeBuilder() *treeBuilder {
	b := &treeBuilder{doc: etree.NewDocument()}
	// Without the canonical forms etree writes a newline in a value as it is, and the next reader makes a blank of it.
	b.doc.WriteSettings = etree.WriteSettings{CanonicalAttrVal: true, CanonicalText: true}
	b.open = append(b.open, openNode{element: &b.doc.Element})
	return b
}

func (b *treeBuilder) add(t etree.Token) { b.children = append(b.children, t) }

func (b *treeBuilder) text(data string) {
	t := &b.texts.take(1)[0]
	t.SetData(data)
	b.add(t)
}

func (b *treeBuilder) start(name string, attrs []scannedAttr) {
	e := &b.elements.take(1)[0]
	e.Space, e.Tag = splitName(name)
	e.Attr = b.attrs.take(len(attrs))
	for i, a := range attrs {
		e.Attr[i].Space, e.Attr[i].Key = splitName(a.name)
		e.Attr[i].Value = a.value
	}
	b.add(e)
	b.open = append(b.open, openNode{e, len(b.children)})
}

// end gives the innermost open element its children.
func (b *treeBuilder) end() {
	last := b.open[len(b.open)-1]
	b.open = b.open[:len(b.open)-1]
	children := b.children[last.first:]
	last.element.Child = b.lists.take(len(children))[:0]
	for _, t := range children {
		last.element.AddChild(t) // it has the room
	}
	b.children = b.children[:last.first]
}

// slab hands out pieces of larger and larger arrays. Of a piece only its own room is used: whoever appends to it gets a copy.
type slab[T any] struct {
	free []T
	size int // of the last array
}

// The sizes of the arrays, in pieces. A rule of three elements must not cost more than it would without a slab, and the rest of the
// last array of a large document must not count.
const (
	firstSlab   = 4
	largestSlab = 1024
)

func (s *slab[T]) take(n int) []T {
	if n > len(s.free) {
		s.size = min(max(2*s.size, firstSlab), largestSlab)
		s.free = make([]T, max(n, s.size))
	}
	piece := s.free[:n:n]
	s.free = s.free[n:]
	return piece
}
