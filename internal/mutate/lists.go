package main

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// parts are the types of what plans and runbooks are made of.
var parts = []string{"Action", "Step", "Proof", "Window", "Invariant", "Operation", "Change"}

// part is the name of a part, as an operator has it; empty for anything else.
func part(t types.Type) string {
	if t == nil {
		return ""
	}
	if _, pointer := t.(*types.Pointer); pointer || !slices.Contains(parts, named(t)) {
		return ""
	}
	return strings.ToLower(named(t))
}

// lists leaves out what stands in lists of parts, and swaps neighbours.
func lists(f *function, n ast.Node) {
	var list []ast.Expr
	var spread bool // the last one is a list
	switch n := n.(type) {
	case *ast.CompositeLit:
		if t := elem(f.typeOf(n)); part(t) == "" && part(elem(t)) == "" {
			return
		}
		list = n.Elts
	case *ast.CallExpr:
		list, spread = f.variadic(n), n.Ellipsis.IsValid()
	}
	for i, x := range list {
		t := f.typeOf(x)
		switch {
		case part(elem(t)) != "":
			f.add(part(elem(t))+"s-dropped", replace(x, "("+f.of(x)+")[:0]"))
		case part(t) != "":
			f.add(part(t)+"-dropped", f.without(list, i))
		default:
			continue
		}
		if i+1 < len(list) && (i+2 < len(list) || !spread) && types.Identical(t, f.typeOf(list[i+1])) {
			word := part(t)
			if word == "" {
				word = part(elem(t)) + "s"
			}
			f.add(word+"-swapped", replace(x, f.of(list[i+1])), replace(list[i+1], f.of(x)))
		}
	}
}

// without takes an element out of a list, with one comma.
func (f *function) without(list []ast.Expr, i int) edit {
	switch {
	case i+1 < len(list):
		return edit{list[i].Pos(), list[i+1].Pos(), ""}
	case i > 0:
		return edit{list[i-1].End(), list[i].End(), ""}
	}
	end := list[i].End()
	for at := f.offset(end); at < len(f.text) && strings.IndexByte(", \t\n", f.text[at]) >= 0; at++ {
		if end++; f.text[at] == ',' {
			return edit{list[i].Pos(), end, ""}
		}
	}
	return replace(list[i], "")
}

// variadic are the arguments of a call that make one list.
func (f *function) variadic(call *ast.CallExpr) []ast.Expr {
	if name := f.of(call.Fun); name == "append" {
		return call.Args[1:]
	}
	sig, ok := f.typeOf(call.Fun).(*types.Signature)
	if !ok || !sig.Variadic() || len(call.Args) < sig.Params().Len() {
		return nil
	}
	return call.Args[sig.Params().Len()-1:]
}

// emptied are the fields of a step or a change that hold lists.
var emptied = map[string]string{
	"Undo": "undo-emptied", "Verify": "verify-emptied", "Needs": "needs-emptied", "Proof": "proof-emptied", "Opens": "windows-emptied",
	"Closes": "closes-emptied", "Invariants": "invariants-emptied", "Makes": "makes-emptied", "LeaseHosts": "leases-emptied",
	"Reinstalls": "reinstalls-emptied",
}

// fields empties them.
func fields(f *function, n ast.Node) {
	empty := func(name string, value ast.Expr) {
		if op := emptied[name]; op != "" && elem(f.typeOf(value)) != nil && !f.isNil(value) {
			f.add(op, replace(value, "("+f.of(value)+")[:0]"))
		}
	}
	switch n := n.(type) {
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok {
			empty(key.Name, n.Value)
		}
	case *ast.AssignStmt:
		if sel, ok := n.Lhs[0].(*ast.SelectorExpr); ok && len(n.Lhs) == 1 && n.Tok == token.ASSIGN {
			empty(sel.Sel.Name, n.Rhs[0])
		}
	}
}

// modifiers drops a call that makes of a part another one: x.AsPrecondition() and waits(x) become x. What only says where
// the guide has it, or puts a note beside it, changes nothing that runs.
func modifiers(f *function, n ast.Node) {
	call, ok := n.(*ast.CallExpr)
	if !ok || part(f.typeOf(call)) == "" {
		return
	}
	result := f.typeOf(call)
	if sel, ok := call.Fun.(*ast.SelectorExpr); ok && f.typeOf(sel.X) != nil && types.Identical(f.typeOf(sel.X), result) {
		if name := sel.Sel.Name; name != "From" && name != "Noting" {
			f.add(operatorOf(name), replace(call, f.of(sel.X)))
		}
		return
	}
	if f.info.Types[call.Fun].IsType() {
		return
	}
	for _, arg := range call.Args { // waits(x), waitFor(limit, host, x)
		if t := f.typeOf(arg); t != nil && types.Identical(t, result) {
			f.add("wrapper-dropped", replace(call, f.of(arg)))
			return
		}
	}
}

// operatorOf names the operator that drops a method.
func operatorOf(method string) string {
	switch {
	case strings.HasPrefix(method, "AsPrecondition"):
		return "precondition-dropped"
	case method == "Expecting" || method == "Until":
		return "expectation-dropped"
	case method == "Timeout" || method == "Waiting":
		return "limit-ignored"
	case method == "On":
		return "host-dropped"
	case method == "Probed" || method == "Once":
		return "probe-dropped"
	}
	return "modifier-dropped"
}
