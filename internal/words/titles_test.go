package words_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/words"
)

// runbooks are the packages that make steps and actions.
var runbooks = []string{
	"lustre/upgrade", "lustre/manager", "internal/steps", "cps/issm", "cps/maintenance", "cps/internal/steps",
	"pacemaker/pair", "pacemaker/live", "pacemaker/rebuild", "pacemaker/pcs", "mongo/live", "backup", "examples/pgpair",
}

// parsed are the files of a package, without its tests.
func parsed(t *testing.T, dir string) (*token.FileSet, []*ast.File) {
	t.Helper()
	fset, files := token.NewFileSet(), []*ast.File(nil)
	paths, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	require.NoError(t, err)
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, path, nil, 0)
		require.NoError(t, err)
		files = append(files, f)
	}
	require.NotEmpty(t, files, dir)
	return fset, files
}

const root = "../.."

// TestTitles: the title of a step or of an action is an imperative, wherever the code writes one.
func TestTitles(t *testing.T) {
	everywhere := titled(t, ".")
	for _, dir := range runbooks {
		for name, at := range titled(t, dir) {
			if ast.IsExported(name) {
				everywhere[name] = at
			}
		}
	}
	seen := 0
	for _, dir := range append([]string{"."}, runbooks...) {
		takes := maps.Clone(everywhere)
		maps.Copy(takes, titled(t, dir))
		fset, files := parsed(t, dir)
		for _, f := range files {
			if strings.HasPrefix(filepath.Base(fset.Position(f.Pos()).Filename), "sheet") {
				continue // its titles are those of the chapters of a document
			}
			ast.Inspect(f, func(n ast.Node) bool {
				for _, title := range titles(n, takes) {
					if text, ok := head(title); ok {
						seen++
						if !words.Imperative(text) {
							t.Errorf("%s: no verb begins the title %q", fset.Position(title.Pos()), text)
						}
					}
				}
				return true
			})
		}
	}
	require.Greater(t, seen, 400)
}

// titled are the functions of a package that take a title, and which of their arguments it is.
func titled(t *testing.T, dir string) map[string]int {
	t.Helper()
	takes := map[string]int{}
	_, files := parsed(t, dir)
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if at, ok := titleOf(n.Type); ok {
					takes[n.Name.Name] = at
				}
			case *ast.AssignStmt: // a function of a function
				for i, right := range n.Rhs {
					if lit, ok := right.(*ast.FuncLit); ok && i < len(n.Lhs) {
						if name, named := n.Lhs[i].(*ast.Ident); named {
							if at, ok := titleOf(lit.Type); ok {
								takes[name.Name] = at
							}
						}
					}
				}
			}
			return true
		})
	}
	return takes
}

func titleOf(f *ast.FuncType) (int, bool) {
	at := 0
	for _, field := range f.Params.List {
		for _, name := range field.Names {
			if name.Name == "title" {
				return at, true
			}
			at++
		}
	}
	return 0, false
}

// titles are the titles of steps and actions that a piece of code writes.
func titles(n ast.Node, takes map[string]int) (all []ast.Expr) {
	switch n := n.(type) {
	case *ast.CompositeLit:
		switch typeName(n.Type) {
		case "Runbook", "Invariant", "Stop", "App", "Point": // names of things, and statements
			return nil
		}
		if slices.ContainsFunc(n.Elts, func(e ast.Expr) bool {
			kv, ok := e.(*ast.KeyValueExpr)
			return ok && typeName(kv.Key) == "Check"
		}) {
			return nil // an invariant
		}
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok && typeName(kv.Key) == "Title" {
				all = append(all, kv.Value)
			}
		}
	case *ast.CallExpr:
		if at, ok := takes[typeName(n.Fun)]; ok && at < len(n.Args) {
			all = append(all, n.Args[at])
		}
	case *ast.AssignStmt:
		for i, left := range n.Lhs {
			if sel, ok := left.(*ast.SelectorExpr); ok && sel.Sel.Name == "Title" && i < len(n.Rhs) && n.Tok == token.ASSIGN {
				all = append(all, n.Rhs[i])
			}
		}
	}
	return all
}

// typeName is the last part of a name.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// head is how a text begins, where the code says so.
func head(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && text != ""
	case *ast.BinaryExpr:
		if text, ok := head(e.X); ok || isBinary(e.X) {
			return text, ok
		}
		if _, named := e.X.(*ast.Ident); named && literal(e.Y) == "…" {
			return "", false // a title that was put together elsewhere
		}
		return "… + " + literal(e.Y), e.Op == token.ADD // it begins with a name
	case *ast.CallExpr:
		if name := typeName(e.Fun); name == "Sprintf" && len(e.Args) > 0 {
			return head(e.Args[0])
		}
	}
	return "", false
}

func isBinary(e ast.Expr) bool { _, ok := e.(*ast.BinaryExpr); return ok }

func literal(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok {
		return "…"
	}
	return lit.Value
}

// golden are the rendered runbooks, by their path.
func golden(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(filepath.Dir(path)) != "testdata" || filepath.Ext(path) != ".md" ||
			filepath.Dir(path) == filepath.Join(root, "testdata") { // what the engine renders in its own tests
			return err
		}
		raw, err := os.ReadFile(path)
		all[path] = string(raw)
		return err
	}))
	require.Greater(t, len(all), 15)
	return all
}

// shownTitle is the title of a step or an action in a rendered runbook.
var shownTitle = regexp.MustCompile(`(?m)^(?:## (?:Step )?\d+\. |\*\*\d+\.[a-z]*\d+\*\* )(.+)$`)

// TestShownTitles: what a reader sees as a title is an imperative, too. This finds titles that are put together.
func TestShownTitles(t *testing.T) {
	seen := 0
	for path, text := range golden(t) {
		for _, m := range shownTitle.FindAllStringSubmatch(text, -1) {
			seen++
			if !words.Imperative(m[1]) {
				t.Errorf("%s: no verb begins the title %q", path, m[1])
			}
		}
	}
	require.Greater(t, seen, 1000)
}
