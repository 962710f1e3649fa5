package words_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// formats are the functions whose arguments become text for operators.
var formats = map[string]bool{"Sprintf": true, "Errorf": true, "Fprintf": true, "NeedsOperator": true, "NotYet": true, "Violated": true,
	"Find": true, "Add": true, "find": true, "bad": true, "add": true, "line": true}

// isDuration tells whether an expression is a time.Duration, as far as its own text says so.
func isDuration(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.SelectorExpr: // time.Duration, time.Second
		of, ok := e.X.(*ast.Ident)
		return ok && of.Name == "time" && strings.Contains("Duration Second Minute Hour", e.Sel.Name)
	case *ast.BinaryExpr:
		return e.Op == token.MUL && (isDuration(e.X) || isDuration(e.Y))
	}
	return false
}

// durations are the names of a file's or a package's constants, variables, fields and parameters that are durations, and those of the
// same name that are something else.
func durations(files []*ast.File) (are, others map[string]bool) {
	are, others = map[string]bool{}, map[string]bool{}
	note := func(names []*ast.Ident, is bool) {
		for _, name := range names {
			if is {
				are[name.Name] = true
			} else {
				others[name.Name] = true
			}
		}
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field:
				note(n.Names, isDuration(n.Type))
			case *ast.AssignStmt:
				for i, left := range n.Lhs {
					if name, ok := left.(*ast.Ident); ok && n.Tok == token.DEFINE {
						note([]*ast.Ident{name}, i < len(n.Rhs) && isDuration(n.Rhs[i]))
					}
				}
			case *ast.ValueSpec:
				note(n.Names, isDuration(n.Type) || len(n.Values) == 1 && isDuration(n.Values[0]))
			}
			return true
		})
	}
	return are, others
}

// printed are the arguments of a call that print a duration as Go does.
func printed(call *ast.CallExpr, are, others map[string]bool) (all []string) {
	if !formats[typeName(call.Fun)] {
		return nil
	}
	format := slices.IndexFunc(call.Args, func(arg ast.Expr) bool {
		text, ok := head(arg)
		return ok && strings.Contains(text, "%") || isBinary(arg)
	})
	if format < 0 {
		return nil
	}
	for _, arg := range call.Args[format+1:] {
		name := typeName(arg)
		if inner, ok := arg.(*ast.CallExpr); ok { // d.Round(time.Second)
			if sel, is := inner.Fun.(*ast.SelectorExpr); is && (sel.Sel.Name == "Round" || sel.Sel.Name == "Truncate" || sel.Sel.Name == "String") {
				name = typeName(sel.X)
			}
		}
		if are[name] && !others[name] {
			all = append(all, name)
		}
	}
	return all
}

// exact are where a duration is printed as the operator types it, in a configuration or on a command line, as a program gives it, or
// for one.
var exact = map[string]bool{
	"mongo/live period": true, "mongo/live catchUp": true, // StepDown and Freeze refuse what a server would round
	"mongo MaxDelay": true, "mongo delay": true, "cps/issm Away": true, "cps/issm Every": true, "cps/issm Within": true, "cps/maintenance CopyTime": true,
}

// TestDurations: no message prints a duration as Go does.
func TestDurations(t *testing.T) {
	dirs := append(append([]string{".", "mongo"}, runbooks...), spoken...)
	exported, notThese := map[string]bool{}, map[string]bool{} // what one package has, another one prints
	for _, dir := range dirs {
		_, files := parsed(t, dir)
		are, others := durations(files)
		for name := range are {
			exported[name] = exported[name] || ast.IsExported(name)
		}
		maps.Copy(notThese, others)
	}
	for _, dir := range dirs {
		fset, files := parsed(t, dir)
		are, others := durations(files)
		for name, is := range exported {
			are[name] = are[name] || is && !notThese[name]
		}
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					for _, name := range printed(call, are, others) {
						if at := fset.Position(call.Pos()); !exact[dir+" "+name] {
							t.Errorf("%s: %s is printed as Go prints it: printable.Duration", at, name)
						}
					}
				}
				return true
			})
		}
	}
}

// TestDurationsAreSeen: the ways in which somebody prints one are found.
func TestDurationsAreSeen(t *testing.T) {
	for line, want := range map[string]int{
		`fmt.Sprintf("%s behind", MaxLag)`: 1, `fmt.Errorf("%v", v.Limit)`: 1, `NotYet(0, "%s", limit.Round(time.Second))`: 1,
		`fmt.Sprintf("%s", limit.String())`: 1, `fmt.Sprintf("%s %s", MaxLag, limit)`: 2,
		`fmt.Sprintf("%s", printable.Duration(MaxLag))`: 0, `fmt.Sprintf("%d", many)`: 0, `wait(MaxLag)`: 0, `NotYet(MaxLag, "%s", many)`: 0, `fmt.Sprintf("%s", both)`: 0,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nconst MaxLag = 60 * time.Second\ntype v struct{ Limit time.Duration; many int;"+
			" both string }\nfunc g(limit time.Duration, both time.Duration) { "+line+" }", 0)
		require.NoError(t, err, line)
		are, others := durations([]*ast.File{f})
		found := 0
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				found += len(printed(call, are, others))
			}
			return true
		})
		require.Equal(t, want, found, line)
	}
}
