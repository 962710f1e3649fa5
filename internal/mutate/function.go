package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"slices"
	"strings"
)

// function is one that can be mutated.
type function struct {
	*source
	target target
	file   string // its name
	text   []byte // of the whole file
	decl   *ast.FuncDecl
	name   string // "Pair.evacuate"
	skip   map[ast.Node]bool
	made   []*mutant
}

// edit puts a text in the place of another.
type edit struct {
	from, to token.Pos
	text     string
}

// mutant is one small mistake in a function.
type mutant struct {
	ID       string   `json:"id"` // FILE:FUNCTION:OPERATOR:ORDINAL; edits elsewhere leave it as it is
	Package  string   `json:"package"`
	File     string   `json:"file"` // in the module
	Line     int      `json:"line"`
	Operator string   `json:"operator"`
	Old      []string `json:"old"` // the lines that change, without the space around them
	New      []string `json:"new"`

	in      *function
	changed string // the function's text with the mistake
	number  int    // in the program that has them all
}

// digest tells a function from one that has changed since.
func (f *function) digest() string {
	sum := sha256.Sum256([]byte(f.of(f.decl)))
	return hex.EncodeToString(sum[:6])
}

func (f *function) offset(p token.Pos) int { return f.house.fset.PositionFor(p, false).Offset }

// of is the text of a node.
func (f *function) of(n ast.Node) string { return string(f.text[f.offset(n.Pos()):f.offset(n.End())]) }

// with is the text from one place to another, with edits.
func (f *function) with(from, to token.Pos, edits ...edit) string {
	var b strings.Builder
	at := f.offset(from)
	for _, e := range slices.SortedFunc(slices.Values(edits), func(a, b edit) int { return cmp.Compare(a.from, b.from) }) {
		b.Write(f.text[at:f.offset(e.from)])
		b.WriteString(e.text)
		at = f.offset(e.to)
	}
	b.Write(f.text[at:f.offset(to)])
	return b.String()
}

// mutants are all mistakes that the operators make in the function, in the order of the source. Those that have the same
// text are one.
func (f *function) mutants() []*mutant {
	f.made = nil
	ast.Inspect(f.decl, func(n ast.Node) bool {
		if n == nil || f.skip[n] {
			return false
		}
		for _, op := range operators {
			op(f, n)
		}
		return true
	})
	return f.made
}

// add makes a mutant of edits.
func (f *function) add(operator string, edits ...edit) {
	decl := f.decl
	changed := f.with(decl.Pos(), decl.End(), edits...)
	if changed == f.of(decl) || slices.ContainsFunc(f.made, func(m *mutant) bool { return m.changed == changed }) {
		return
	}
	nth := 1
	for _, m := range f.made {
		if m.Operator == operator {
			nth++
		}
	}
	first, last := edits[0].from, edits[0].to
	for _, e := range edits {
		first, last = min(first, e.from), max(last, e.to)
	}
	file := path.Join(strings.TrimPrefix(f.pkg, "./"), f.file)
	m := &mutant{
		ID: fmt.Sprintf("%s:%s:%s:%d", file, f.name, operator, nth), Package: f.pkg, File: file, Operator: operator, in: f, changed: changed,
	}
	m.Line = f.house.fset.PositionFor(first, false).Line
	// The whole lines that change.
	begin, end := f.offset(first), f.offset(last)
	begin = bytes.LastIndexByte(f.text[:begin], '\n') + 1
	if i := bytes.IndexByte(f.text[end:], '\n'); i >= 0 {
		end += i
	}
	base := f.offset(decl.Pos())
	lines := func(text string) (list []string) {
		for l := range strings.SplitSeq(text, "\n") {
			if l = strings.TrimSpace(l); l != "" {
				list = append(list, l)
			}
		}
		return list
	}
	was := string(f.text[max(begin, base):end])
	m.Old = lines(was)
	m.New = lines(changed[max(begin, base)-base : len(changed)-(f.offset(decl.End())-end)])
	for len(m.Old) > 1 && len(m.New) > 0 && m.Old[0] == m.New[0] {
		m.Old, m.New, m.Line = m.Old[1:], m.New[1:], m.Line+1
	}
	for len(m.Old) > 1 && len(m.New) > 0 && m.Old[len(m.Old)-1] == m.New[len(m.New)-1] {
		m.Old, m.New = m.Old[:len(m.Old)-1], m.New[:len(m.New)-1]
	}
	f.made = append(f.made, m)
}

// replace is an edit of a node.
func replace(n ast.Node, text string) edit { return edit{n.Pos(), n.End(), text} }

// typeOf is the type of an expression; nil where it has none.
func (f *function) typeOf(e ast.Expr) types.Type { return f.info.Types[e].Type }

// named is the name of a type, or of what it points to: "Action". A type of another name is its alias.
func named(t types.Type) string {
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	switch t := t.(type) {
	case *types.Named:
		return t.Obj().Name()
	case *types.Alias:
		return named(types.Unalias(t))
	}
	return ""
}

var errorType = types.Universe.Lookup("error").Type().Underlying().(*types.Interface)

// isError tells whether an expression is an error; nil is none.
func (f *function) isError(e ast.Expr) bool {
	t := f.typeOf(e)
	return t != nil && !f.info.Types[e].IsNil() && types.Implements(t, errorType)
}

func (f *function) isNil(e ast.Expr) bool { return f.info.Types[e].IsNil() }

// elem is the type of the elements of a slice; nil for anything else.
func elem(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	if s, ok := t.Underlying().(*types.Slice); ok {
		return s.Elem()
	}
	return nil
}
