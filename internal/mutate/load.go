package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// house is the module that is mutated, and what the compiler has written of the packages that its packages import.
type house struct {
	dir     string // absolute
	fset    *token.FileSet
	exports map[string]string  // by import path, the file with the export data
	listed  map[string]listing // by place in the module: "./cps/issm"
	imports types.Importer
}

type listing struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	Standard                bool
}

// openHouse asks the go command for some packages of the module in dir, and has what they import compiled.
func openHouse(dir string, pkgs []string) (*house, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,Standard", "--"}, pkgs...)...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w", strings.Join(pkgs, " "), err)
	}
	h := &house{dir: dir, fset: token.NewFileSet(), exports: map[string]string{}, listed: map[string]listing{}}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var l listing
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		h.exports[l.ImportPath] = l.Export
		if rel, err := filepath.Rel(dir, l.Dir); err == nil && !l.Standard && filepath.IsLocal(rel) {
			h.listed["./"+filepath.ToSlash(rel)] = l
		}
	}
	h.imports = importer.ForCompiler(h.fset, "gc", func(path string) (io.ReadCloser, error) {
		if h.exports[path] == "" {
			return nil, fmt.Errorf("the compiler has written nothing of %s", path)
		}
		return os.Open(h.exports[path])
	})
	return h, nil
}

// source is one package, read and checked.
type source struct {
	house *house
	pkg   string // "./cps/issm"
	listing
	texts map[string][]byte // by the names of the files
	files []*ast.File
	names []string
	info  *types.Info
}

// read reads a package as it stands.
func (h *house) read(pkg string) (*source, error) {
	l, ok := h.listed["./"+filepath.ToSlash(filepath.Clean(pkg))]
	if !ok {
		return nil, fmt.Errorf("%s is no package of the module", pkg)
	}
	s := &source{house: h, pkg: pkg, listing: l, texts: map[string][]byte{}, names: l.GoFiles,
		info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}}
	for _, name := range l.GoFiles {
		text, err := os.ReadFile(filepath.Join(l.Dir, name))
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(h.fset, filepath.Join(l.Dir, name), text, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			return nil, err
		}
		s.texts[name], s.files = text, append(s.files, file)
	}
	if faults := s.check(s.files, s.info); len(faults) > 0 {
		return nil, faults[0]
	}
	return s, nil
}

// check type-checks files as the package, and returns every fault.
func (s *source) check(files []*ast.File, info *types.Info) (faults []types.Error) {
	config := types.Config{Importer: s.house.imports, Error: func(err error) {
		var fault types.Error
		if errors.As(err, &fault) {
			faults = append(faults, fault)
		}
	}}
	_, _ = config.Check(s.ImportPath, s.house.fset, files, info)
	return faults
}

// functions are the functions of the package that have a body and can have another one beside them.
func (s *source) functions() []*function {
	var all []*function
	for i, file := range s.files {
		for _, d := range file.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok || decl.Body == nil || decl.Name.Name == "_" {
				continue
			}
			f := &function{source: s, file: s.names[i], text: s.texts[s.names[i]], decl: decl, name: decl.Name.Name, skip: map[ast.Node]bool{}}
			if decl.Recv != nil {
				f.name = receiver(decl.Recv.List[0].Type) + "." + f.name
			}
			// Who calls these functions of the runtime sees how deep it is called.
			if body := f.of(decl.Body); strings.Contains(body, "recover()") || strings.Contains(body, "runtime.Caller") {
				continue
			}
			all = append(all, f)
		}
	}
	return all
}

// receiver is the name of a receiver's type.
func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return "?"
}
