package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"path/filepath"
	"slices"
	"strings"
)

// All mutants of a package are compiled into one test binary ("mutant schemata"): beside each function stand its mutants,
// and one of them is called in its place when chosenBy names it. So a mutant costs no compilation. Each of these
// functions also tells, in the file that reachedIn names, that it was reached: a test that reaches no mutant need not run.
const (
	chosenBy  = "EVENKEEL_MUTANT"
	reachedIn = "EVENKEEL_MUTANT_REACHED"
)

const support = `package %s

import (
	"os"
	"strconv"
	"sync/atomic"
)

var (
	mutant__  = func() int { n, _ := strconv.Atoi(os.Getenv("` + chosenBy + `")); return n }()
	into__    = os.Getenv("` + reachedIn + `")
	reached__ [%d]atomic.Bool
)

func reach__(function int) int {
	if into__ != "" && !reached__[function].Swap(true) {
		f, err := os.OpenFile(into__, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		if _, err := f.WriteString(strconv.Itoa(function) + "\n"); err != nil {
			panic(err)
		}
		f.Close()
	}
	return mutant__
}
`

// schemata are the files of a package with mutants in them, by name. The functions are numbered from 0, in order.
func schemata(s *source, mutants []*mutant) (texts map[string]string, functions []*function, placed map[string][]place) {
	texts, placed = map[string]string{}, map[string][]place{}
	edits := map[string][]edit{}
	behind := map[string]*strings.Builder{}
	for group := range groups(mutants) {
		f := group[0].in
		edits[f.file] = append(edits[f.file], f.dispatch(len(functions), group)...)
		functions = append(functions, f)
		if behind[f.file] == nil {
			behind[f.file] = &strings.Builder{}
		}
		for _, m := range group {
			b := behind[f.file]
			fmt.Fprintf(b, "\n//line %s:%d\n", filepath.Base(f.file), f.house.fset.PositionFor(f.decl.Pos(), false).Line)
			from := b.Len()
			name := f.offset(f.decl.Name.End()) - f.offset(f.decl.Pos())
			// A mistake before the name, in the receiver, there is none.
			fmt.Fprintf(b, "%s__%d%s\n", m.changed[:name], m.number, m.changed[name:])
			placed[f.file] = append(placed[f.file], place{m, from, b.Len()})
		}
	}
	for i, name := range s.names {
		if behind[name] == nil {
			continue
		}
		file := s.files[i]
		f := &function{source: s, text: s.texts[name]}
		text := f.with(file.FileStart, file.FileEnd, edits[name]...) + "\n"
		for j := range placed[name] {
			placed[name][j].from += len(text)
			placed[name][j].to += len(text)
		}
		texts[name] = text + behind[name].String()
	}
	texts["mutate_schemata.go"] = fmt.Sprintf(support, s.files[0].Name.Name, max(1, len(functions)))
	return texts, functions, placed
}

// place is where a mutant stands in a file.
type place struct {
	*mutant
	from, to int
}

// groups are the mutants of each function.
func groups(mutants []*mutant) func(func([]*mutant) bool) {
	return func(yield func([]*mutant) bool) {
		for len(mutants) > 0 {
			n := slices.IndexFunc(mutants, func(m *mutant) bool { return m.in != mutants[0].in })
			if n < 0 {
				n = len(mutants)
			}
			if !yield(mutants[:n]) {
				return
			}
			mutants = mutants[n:]
		}
	}
}

// dispatch are the edits by which a function calls the mutant that is chosen.
func (f *function) dispatch(number int, group []*mutant) []edit {
	var edits []edit
	given := 0
	names := func(fields *ast.FieldList) (list []string) {
		if fields == nil {
			return nil
		}
		for _, field := range fields.List {
			for _, name := range field.Names {
				if name.Name != "_" {
					list = append(list, name.Name)
					continue
				}
				given++
				list = append(list, fmt.Sprintf("given__%d", given))
				edits = append(edits, replace(name, list[len(list)-1]))
			}
			if len(field.Names) == 0 {
				given++
				list = append(list, fmt.Sprintf("given__%d", given))
				edits = append(edits, edit{field.Pos(), field.Pos(), list[len(list)-1] + " "})
			}
			if _, variadic := field.Type.(*ast.Ellipsis); variadic {
				list[len(list)-1] += "..."
			}
		}
		return list
	}
	receiver, of := "", ""
	if f.decl.Recv != nil {
		receiver = names(f.decl.Recv)[0] + "."
	}
	if f.decl.Type.TypeParams != nil {
		of = "[" + strings.Join(names(f.decl.Type.TypeParams), ", ") + "]"
	}
	arguments := strings.Join(names(f.decl.Type.Params), ", ")
	var b strings.Builder
	fmt.Fprintf(&b, " switch reach__(%d) {", number)
	for _, m := range group {
		call := fmt.Sprintf("%s%s__%d%s(%s)", receiver, f.decl.Name.Name, m.number, of, arguments)
		if f.decl.Type.Results != nil {
			call = "return " + call
		} else {
			call += "; return"
		}
		fmt.Fprintf(&b, " case %d: %s;", m.number, call)
	}
	b.WriteString(" };")
	at := f.decl.Body.Lbrace + 1
	return append(edits, edit{at, at, b.String()})
}

// compiling are the mutants that compile.
func compiling(s *source, mutants []*mutant) ([]*mutant, error) {
	good := slices.DeleteFunc(slices.Clone(mutants), func(m *mutant) bool {
		_, err := parser.ParseFile(s.house.fset, "", "package p\n"+m.changed, parser.SkipObjectResolution)
		return err != nil
	})
	for {
		for i, m := range good {
			m.number = i + 1
		}
		texts, _, placed := schemata(s, good)
		var files []*ast.File
		for name, text := range texts {
			file, err := parser.ParseFile(s.house.fset, name, text, parser.SkipObjectResolution)
			if err != nil {
				return nil, fmt.Errorf("%s with its mutants: %w", s.pkg, err)
			}
			files = append(files, file)
		}
		for i, name := range s.names {
			if texts[name] == "" {
				files = append(files, s.files[i])
			}
		}
		faults := s.check(files, nil)
		if len(faults) == 0 {
			return good, nil
		}
		wrong := map[*mutant]bool{}
		for _, fault := range faults {
			at := s.house.fset.PositionFor(fault.Pos, false)
			list := placed[at.Filename]
			i, _ := slices.BinarySearchFunc(list, at.Offset, func(p place, offset int) int { return cmp.Compare(p.to, offset) })
			if i == len(list) || at.Offset < list[i].from {
				return nil, fmt.Errorf("%s with its mutants: %w", s.pkg, fault)
			}
			wrong[list[i].mutant] = true
		}
		good = slices.DeleteFunc(good, func(m *mutant) bool { return wrong[m] })
	}
}
