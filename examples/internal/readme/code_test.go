package readme_test

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/evenkeel-ha/evenkeel"

// packages are those that the code of README.md may use, by their names.
var packages = map[string]string{
	"context": "context", "errors": "errors", "fmt": "fmt", "io": "io", "os": "os", "time": "time",
	"evenkeel": module, "sshexec": module + "/sshexec", "pacemaker": module + "/pacemaker", "corosync": module +
		"/pacemaker/corosync", "rebuild": module + "/pacemaker/rebuild", "backup": module + "/backup",
	"mongo": module + "/mongo", "lustre": module + "/lustre", "cps": module + "/cps", "upgrade": module +
		"/lustre/upgrade", "issm": module + "/cps/issm",
	"maintenance": module + "/cps/maintenance",
}

// given is what a reader of a piece of code is said to have, by the first thing that the piece does.
var given = map[string]string{
	"evenkeel.Runbook":       "ctx context.Context, client sshexec.Runner",
	"sshexec.Dial":           "ctx context.Context",
	"pacemaker.ParseCIB":     "file, confFile io.Reader, before *pacemaker.CIB",
	"backup.Create":          "ctx context.Context, client sshexec.Runner",
	"mongo.Next":             "current, desired mongo.Config, sets []mongo.SetView",
	"maintenance.ApplyPatch": "hosts *cps.Hosts",
	"upgrade.Load":           "node1, node2 upgrade.Server, password sshexec.Secret",
	"cps.ParseHosts":         "hostsFile io.Reader, mongoConfig *cps.MongoConfig",
}

// TestCode compiles and vets every piece of Go in README.md, each as the body of a function.
func TestCode(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds everything anew: not with -short")
	}
	var functions strings.Builder
	pieces := 0
	used := map[string]bool{}
	for _, b := range blocks(t) {
		if b.language != "go" {
			continue
		}
		pieces++
		params, body := "", strings.Join(b.lines, "\n")
		for first, has := range given {
			if strings.Contains(body, first) {
				require.Empty(t, params, "two entries of the table fit this piece:\n%s", body)
				params = has
			}
		}
		require.NotEmpty(t, params, "no test knows what a reader of this piece has:\n%s", body)
		head := fmt.Sprintf("func piece%d(%s) {\n", pieces, params)
		file, err := parser.ParseFile(token.NewFileSet(), "README.md", "package p\n"+head+body+"\n}\n", 0)
		require.NoError(t, err, "%s", body)
		var names []string
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, left := range n.Lhs {
					if id, ok := left.(*ast.Ident); ok && n.Tok == token.DEFINE && id.Name != "_" &&
						!slices.Contains(names, id.Name) && outermost(file, n) {
						names = append(names, id.Name)
					}
				}
			case *ast.SelectorExpr:
				if id, ok := n.X.(*ast.Ident); ok && packages[id.Name] != "" {
					used[id.Name] = true
				}
			}
			return true
		})
		functions.WriteString(head + body + "\n")
		for _, name := range names { // what a reader goes on with
			fmt.Fprintf(&functions, "_ = %s\n", name)
		}
		functions.WriteString("}\n\n")
	}
	require.Equal(t, len(given), pieces, "the table has an entry for a piece that README.md no longer has")
	var source strings.Builder
	source.WriteString("package readmecode\n\n")
	for name := range used {
		fmt.Fprintf(&source, "import %q\n", packages[name])
	}
	source.WriteString(functions.String())
	text, err := format.Source([]byte(source.String()))
	require.NoError(t, err, "%s", source.String())

	dir := filepath.Join(clone(t), "examples", "readmecode")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "readme.go"), text, 0o600))
	exit, out := shell(t, dir, "go vet .")
	require.Zero(t, exit, "%s\n%s", out, text)
}

// outermost tells whether a statement stands in the body of the file's only function itself.
func outermost(file *ast.File, s ast.Stmt) bool {
	f, ok := file.Decls[0].(*ast.FuncDecl)
	return ok && slices.Contains(f.Body.List, s)
}
