package main

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"regexp"
)

// others are names of one of two hosts, and of the other.
var others = map[string]string{}

func init() {
	for _, pair := range [][2]string{{"n1", "n2"}, {"old1", "old2"}, {"Node1", "Node2"}, {"set1", "set2"}, {"Set1", "Set2"}} {
		others[pair[0]], others[pair[1]] = pair[1], pair[0]
	}
}

// hosts takes the wrong one of two.
func hosts(f *function, n ast.Node) {
	switch n := n.(type) {
	case *ast.CompositeLit:
		for _, e := range n.Elts { // the name of a field is no use of it
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				if key, ok := kv.Key.(*ast.Ident); ok && others[key.Name] != "" {
					f.skip[key] = true
				}
			}
		}
	case *ast.Ident:
		if other := others[n.Name]; other != "" && f.info.Uses[n] != nil {
			f.add("wrong-host", replace(n, other))
		}
	}
}

// halves takes the wrong one of two that are told apart by numbers: 0 and 1, or 1 and 2.
func halves(f *function, n ast.Node) {
	switch n := n.(type) {
	case *ast.BinaryExpr: // 1 - i, 3 - n
		if lit, ok := n.X.(*ast.BasicLit); ok && n.Op == token.SUB && (lit.Value == "1" || lit.Value == "3") {
			f.add("wrong-half", replace(n, "("+f.of(n.Y)+")"))
		}
	case *ast.IndexExpr:
		t := f.typeOf(n.X)
		if t == nil {
			return
		}
		if p, ok := t.Underlying().(*types.Pointer); ok {
			t = p.Elem()
		}
		if a, ok := t.Underlying().(*types.Array); ok && (a.Len() == 2 || a.Len() == 3) {
			f.other(n.Index, a.Len())
		}
	case *ast.CallExpr:
		sig, ok := f.typeOf(n.Fun).(*types.Signature)
		if !ok {
			return
		}
		for i, arg := range n.Args {
			p := sig.Params().At(min(i, sig.Params().Len()-1))
			switch {
			case p.Name() == "n" || p.Name() == "halves" || p.Name() == "half":
				f.other(arg, 3)
			case p.Name() == "i" && called(n) == "node":
				f.other(arg, 2)
			}
			if sig.Params().Len() == i+1 && !sig.Variadic() {
				break
			}
		}
	}
}

// other puts the other number in the place of one of 0 and 1 (of 2), or of 1 and 2 (of 3).
func (f *function) other(e ast.Expr, of int64) {
	v := f.info.Types[e]
	if v.Type == nil || v.Value == nil {
		if id, ok := e.(*ast.Ident); ok && of == 3 && v.Type != nil && types.Identical(v.Type, types.Typ[types.Int]) {
			f.add("wrong-half", replace(e, "3 - "+id.Name))
		}
		return
	}
	number, exact := constant.Int64Val(constant.ToInt(v.Value))
	if _, literal := e.(*ast.BasicLit); !literal || !exact {
		return
	}
	switch {
	case of == 2 && number == 0, of == 3 && number == 2:
		f.add("wrong-half", replace(e, "1"))
	case of == 2 && number == 1:
		f.add("wrong-half", replace(e, "0"))
	case of == 3 && number == 1:
		f.add("wrong-half", replace(e, "2"))
	}
}

// probes find what is not so, and repeat blindly.
func probes(f *function, n ast.Node) {
	id, ok := n.(*ast.Ident)
	if !ok {
		return
	}
	c, ok := f.info.Uses[id].(*types.Const)
	if !ok {
		return
	}
	switch named(c.Type()) + "." + id.Name {
	case "ProbeResult.Done":
		f.add("probe-never", replace(id, "NotRun"))
	case "ProbeResult.NotRun", "ProbeResult.Inconclusive":
		f.add("probe-done", replace(id, "Done"))
	case "Repeat.Never", "Repeat.ProbeFirst":
		f.add("repeat-blindly", replace(id, "Idempotent"))
	}
}

var bound = regexp.MustCompile(`Limit$|Timeout$|^Settle$`)

// limits ignores them.
func limits(f *function, n ast.Node) {
	none := func(name string, value ast.Expr) {
		if t := f.typeOf(value); bound.MatchString(name) && t != nil && t.String() == "time.Duration" {
			f.add("limit-ignored", replace(value, "0 * ("+f.of(value)+")"))
		}
	}
	switch n := n.(type) {
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok {
			none(key.Name, n.Value)
		}
	case *ast.AssignStmt:
		for i, l := range n.Lhs {
			if sel, ok := l.(*ast.SelectorExpr); ok && n.Tok == token.ASSIGN && len(n.Lhs) == len(n.Rhs) {
				none(sel.Sel.Name, n.Rhs[i])
			}
		}
	}
}
