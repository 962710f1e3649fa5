// Package matcher finds many texts in another text in one pass (Aho and Corasick's automaton), so that its cost grows with the text and not
// with the number of what is looked for.
package matcher

import "slices"

// Matcher is the automaton of a set of patterns. It is read-only once made.
type Matcher struct {
	nodes []node
	first [256]int32 // the children of the root, by byte
	fold  bool
}

// node is a prefix of a pattern. Children are a list: patterns share few prefixes.
type node struct {
	child, sibling int32
	fail           int32 // the longest end of this prefix that is a prefix as well
	depth          int32 // length of this prefix
	match          int32 // length of the longest pattern that ends here; 0 for none
	b              byte
}

// Span is a part of a text, from Start up to End.
type Span struct{ Start, End int }

// New makes a matcher. With fold, the letters A to Z are the same as a to z.
func New(patterns []string, fold bool) *Matcher {
	m := &Matcher{nodes: make([]node, 1), fold: fold}
	for _, p := range patterns {
		m.add(p)
	}
	m.link()
	return m
}

func (m *Matcher) add(pattern string) {
	at := int32(0)
	for i := range len(pattern) {
		b := m.byteOf(pattern[i])
		next := m.childOf(at, b)
		if next == 0 {
			next = int32(len(m.nodes)) //nolint:gosec // bounded by the length of the patterns
			m.nodes = append(m.nodes, node{sibling: m.nodes[at].child, depth: m.nodes[at].depth + 1, b: b})
			m.nodes[at].child = next
			if at == 0 {
				m.first[b] = next
			}
		}
		at = next
	}
	m.nodes[at].match = m.nodes[at].depth
}

// link finds, level by level, where the search goes on when a prefix ends.
func (m *Matcher) link() {
	queue := []int32{0}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for c := m.nodes[at].child; c != 0; c = m.nodes[c].sibling {
			n := &m.nodes[c]
			if at != 0 {
				n.fail = m.step(m.nodes[at].fail, n.b)
			}
			n.match = max(n.match, m.nodes[n.fail].match)
			queue = append(queue, c)
		}
	}
}

func (m *Matcher) byteOf(b byte) byte {
	if m.fold && b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

func (m *Matcher) childOf(at int32, b byte) int32 {
	if at == 0 {
		return m.first[b]
	}
	c := m.nodes[at].child
	for c != 0 && m.nodes[c].b != b {
		c = m.nodes[c].sibling
	}
	return c
}

func (m *Matcher) step(at int32, b byte) int32 {
	for {
		if c := m.childOf(at, b); c != 0 {
			return c
		}
		if at == 0 {
			return 0
		}
		at = m.nodes[at].fail
	}
}

// Find gives the parts of text that patterns cover, in order; parts that overlap or touch are one. Where cut tells of a
// position that the text may have been cut off there, the beginning of a pattern that ends there counts too, from
// atLeast bytes on. cut may be nil.
func (m *Matcher) Find(text string, atLeast int, cut func(text string, end int) bool) []Span {
	var spans []Span
	at := int32(0)
	for i := range len(text) {
		at = m.step(at, m.byteOf(text[i]))
		n := int(m.nodes[at].match)
		if d := int(m.nodes[at].depth); d > n && d >= atLeast && cut != nil && cut(text, i+1) {
			n = d
		}
		if n > 0 {
			spans = join(spans, Span{i + 1 - n, i + 1})
		}
	}
	return spans
}

// Begun is how many bytes at the end of text are the beginning of a pattern.
func (m *Matcher) Begun(text string) int {
	at := int32(0)
	for i := range len(text) {
		at = m.step(at, m.byteOf(text[i]))
	}
	return int(m.nodes[at].depth)
}

// join adds a part that ends behind all others.
func join(spans []Span, s Span) []Span {
	for len(spans) > 0 && spans[len(spans)-1].End >= s.Start {
		s.Start = min(s.Start, spans[len(spans)-1].Start)
		spans = spans[:len(spans)-1]
	}
	return append(spans, s)
}

// Join is the union of two lists of parts.
func Join(a, b []Span) []Span {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y Span) int { return x.End - y.End })
	var spans []Span
	for _, s := range all {
		spans = join(spans, s)
	}
	return spans
}
