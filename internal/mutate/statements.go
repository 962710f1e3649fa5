package main

import (
	"go/ast"
	"go/token"
	"strings"
)

// blind lets a function that can fail return at once, without an error. A check that does it is content with everything.
func blind(f *function, n ast.Node) {
	operator, results, body := "return-early", (*ast.FieldList)(nil), (*ast.BlockStmt)(nil)
	switch n := n.(type) {
	case *ast.FuncDecl:
		results, body = n.Type.Results, n.Body
	case *ast.FuncLit:
		operator, results, body = "check-blind", n.Type.Results, n.Body
	}
	if results == nil || len(body.List) == 0 {
		return
	}
	var zero []string
	var last ast.Expr
	for _, r := range results.List {
		for range max(1, len(r.Names)) {
			zero = append(zero, "*new("+f.of(r.Type)+")")
		}
		last = r.Type
	}
	if t := f.typeOf(last); t == nil || t.String() != "error" {
		return
	}
	zero[len(zero)-1] = "nil"
	at := body.Lbrace + 1
	f.add(operator, edit{at, at, " if true { return " + strings.Join(zero, ", ") + " };"})
}

// statements drops them, and journals after what should come after the journal.
func statements(f *function, n ast.Node) {
	var list []ast.Stmt
	switch n := n.(type) {
	case *ast.BlockStmt:
		list = n.List
	case *ast.CaseClause:
		list = n.Body
	case *ast.CommClause:
		list = n.Body
	}
	for i, s := range list {
		if droppable(s) {
			f.add("statement-dropped", replace(s, "if false { "+f.of(s)+" }"))
		}
		if i+1 < len(list) && journals(s) {
			f.add("journal-late", replace(s, f.of(list[i+1])), replace(list[i+1], f.of(s)))
		}
	}
}

// droppable are calls and assignments. A lock that is not given back is no mistake that anybody overlooks, and a file that
// is not closed none that a test sees.
func droppable(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.IncDecStmt:
		return true
	case *ast.AssignStmt:
		blank, ok := s.Lhs[0].(*ast.Ident)
		return s.Tok != token.DEFINE && (!ok || blank.Name != "_" || len(s.Lhs) > 1)
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		name := called(call)
		return ok && !strings.HasSuffix(name, "Lock") && !strings.HasSuffix(name, "Unlock") && name != "panic"
	}
	return false
}

// called is the name of what is called, without its package or receiver.
func called(c *ast.CallExpr) string {
	if c == nil {
		return ""
	}
	switch fun := c.Fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		return fun.Sel.Name
	}
	return ""
}

// journals tells whether a statement writes a record, be it in its condition.
func journals(s ast.Stmt) bool {
	var x ast.Node = s
	if s, ok := s.(*ast.IfStmt); ok {
		x = s.Init
		if s.Init == nil {
			return false
		}
	}
	found := false
	ast.Inspect(x, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && (sel.Sel.Name == "note" || sel.Sel.Name == "append") {
				found = true
			}
		}
		return !found
	})
	return found
}
