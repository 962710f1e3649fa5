package main

import (
	"go/ast"
	"go/token"
	"regexp"
)

// operators make the mistakes. Each is shown every node of a function. What a mistake leaves out stays in the text where
// that can be ("false && (…)"): a variable that nobody uses any more would not compile.
var operators = []func(*function, ast.Node){
	branches, comparisons, // a check dropped, turned or forced
	blind, statements, // nothing done, or nothing done any more; journalled after instead of before
	lists, fields, // actions, steps and proofs left out or swapped; nothing to undo, nothing verified
	modifiers, hosts, halves, probes, limits, // the words of runbooks
}

var leasing = regexp.MustCompile(`(?i)lease|admissible|fence`)

// branches are the conditions of if and of switch.
func branches(f *function, n ast.Node) {
	switch n := n.(type) {
	case *ast.IfStmt:
		init := ""
		if n.Init != nil {
			init = f.of(n.Init)
		}
		f.condition(n.Cond, init, n.Body.List)
	case *ast.SwitchStmt:
		if n.Tag != nil {
			return
		}
		for _, c := range n.Body.List {
			clause, ok := c.(*ast.CaseClause)
			for i := 0; ok && i < len(clause.List); i++ {
				f.condition(clause.List[i], "", clause.Body)
			}
		}
	}
}

// condition makes the mistakes of one condition.
func (f *function) condition(cond ast.Expr, init string, body []ast.Stmt) {
	text := "(" + f.of(cond) + ")"
	if _, plain := cond.(*ast.Ident); plain {
		text = f.of(cond)
	}
	refuses := f.refuses(body)
	never, failed := "condition-false", false
	if c, ok := cond.(*ast.BinaryExpr); ok && c.Op == token.NEQ && f.isError(c.X) && f.isNil(c.Y) {
		never, failed = "error-ignored", true
	} else if refuses {
		never = "guard-dropped"
	}
	if (refuses || failed) && leasing.MatchString(init+f.of(cond)) {
		never = "lease-unchecked"
	}
	f.add(never, replace(cond, "false && "+text))
	switch {
	case failed: // where there is no error all goes wrong at once
	case refuses:
		f.add("guard-negated", replace(cond, "!"+text))
	default:
		f.add("condition-true", replace(cond, "true || "+text))
	}
	f.operands(cond)
}

// refuses tells whether statements end with the return of an error.
func (f *function) refuses(body []ast.Stmt) bool {
	if len(body) == 0 {
		return false
	}
	r, ok := body[len(body)-1].(*ast.ReturnStmt)
	return ok && len(r.Results) > 0 && f.isError(r.Results[len(r.Results)-1])
}

// operands drops each part of a condition. What keeps the next part from reading what is not there stays.
func (f *function) operands(cond ast.Expr) {
	for {
		p, ok := cond.(*ast.ParenExpr)
		if !ok {
			break
		}
		cond = p.X
	}
	c, ok := cond.(*ast.BinaryExpr)
	if !ok || c.Op != token.LAND && c.Op != token.LOR {
		return
	}
	for _, x := range []ast.Expr{c.X, c.Y} {
		if b, ok := x.(*ast.BinaryExpr); ok && (b.Op == c.Op || f.isNil(b.Y)) {
			f.operands(x)
			continue
		}
		word := "false && ("
		if c.Op == token.LAND {
			word = "true || ("
		}
		f.add("operand-dropped", replace(x, "("+word+f.of(x)+"))"))
		f.operands(x)
	}
}

var turned = map[token.Token]string{token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">", token.EQL: "!=", token.NEQ: "=="}

// comparisons turns them. That of a loop would not end, or read behind the end.
func comparisons(f *function, n ast.Node) {
	switch n := n.(type) {
	case *ast.ForStmt:
		if n.Cond != nil {
			f.skip[n.Cond] = true
		}
	case *ast.BinaryExpr:
		if text := turned[n.Op]; text != "" && !f.isNil(n.Y) {
			f.add("comparison", edit{n.OpPos, n.OpPos + token.Pos(len(n.Op.String())), text})
		}
	}
}
