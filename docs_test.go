package evenkeel_test

import (
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReferencesHaveALegend: every hazard that a source file names stands in docs/references.md.
func TestReferencesHaveALegend(t *testing.T) {
	legend, err := os.ReadFile("docs/references.md")
	require.NoError(t, err)
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| (H\d+) \|`).FindAllStringSubmatch(string(legend), -1) {
		known[m[1]] = true
	}
	named := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		data, err := os.ReadFile(path)
		for _, h := range regexp.MustCompile(`\bH[1-9]\d?\b`).FindAllString(string(data), -1) {
			named++
			require.True(t, known[h], "%s names %s, and docs/references.md does not", path, h)
		}
		return err
	}))
	require.Positive(t, named)
}

// TestDocLinksLeadSomewhere: a [Name] in a package's documentation names something that go doc can link.
func TestDocLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\[\*?(?:[a-z]\w*\.)?[A-Z]\w*(?:\.[A-Z]\w*)*\]`)
	seen := 0
	packages := map[string][]*ast.File{}
	fset := token.NewFileSet()
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err == nil && f.Name.Name != "main" {
			packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], f)
		}
		return err
	}))
	for dir, files := range packages {
		p, err := doc.NewFromFiles(fset, files, "example.com/"+dir)
		require.NoError(t, err)
		see := func(name, text string) {
			text = strings.NewReplacer("[PASS]", "", "[WARN]", "", "[FAIL]", "").Replace(text) // tags of diagnostics.sh
			for _, block := range p.Parser().Parse(text).Content {
				if _, code := block.(*comment.Code); code {
					continue
				}
				plain := string(p.Printer().Comment(&comment.Doc{Content: []comment.Block{block}}))
				for _, dead := range link.FindAllString(strings.Join(unlinked(block), " "), -1) {
					t.Errorf("%s, %s: %s leads nowhere, in %q", dir, name, dead, plain)
				}
				seen++
			}
		}
		see("package", p.Doc)
		for _, f := range p.Funcs {
			see(f.Name, f.Doc)
		}
		for _, v := range append(p.Consts, p.Vars...) {
			see(v.Names[0], v.Doc)
		}
		for _, typ := range p.Types {
			see(typ.Name, typ.Doc)
			for _, f := range append(typ.Funcs, typ.Methods...) {
				see(typ.Name+"."+f.Name, f.Doc)
			}
		}
	}
	require.Greater(t, seen, 2000)
}

// unlinked is the text of a block that is in no link.
func unlinked(block comment.Block) (out []string) {
	texts := func(list []comment.Text) {
		for _, x := range list {
			if plain, ok := x.(comment.Plain); ok {
				out = append(out, string(plain))
			}
		}
	}
	switch b := block.(type) {
	case *comment.Paragraph:
		texts(b.Text)
	case *comment.Heading:
		texts(b.Text)
	case *comment.List:
		for _, item := range b.Items {
			for _, inner := range item.Content {
				out = append(out, unlinked(inner)...)
			}
		}
	}
	return out
}
