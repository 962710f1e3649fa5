package cli

import (
	"fmt"
	"reflect"
	"strings"
)

// Reference are the keys of a job, a J, as a table in Markdown; of a Config those that every file has, but for the job.
func Reference[J any](comments Comments) string {
	return shapeOf(reflect.TypeFor[J]()).table(comments)
}

// table lists the keys, those of a section below it.
func (s *shape) table(comments Comments) string {
	var b strings.Builder
	b.WriteString("| key | value | meaning |\n|---|---|---|\n")
	s.rows(&b, "", comments)
	return b.String()
}

func (s *shape) rows(b *strings.Builder, path string, comments Comments) {
	cell := strings.NewReplacer("|", `\|`, "<", "&lt;").Replace
	for _, f := range s.fields {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", path+f.key, f.shape.words(), cell(described(f, comments)))
		in, below := f.shape, path+f.key+"."
		for in.kind == kindList || in.kind == kindTable {
			below = strings.TrimSuffix(below, ".") + map[*kind]string{kindList: "[].", kindTable: ".NAME."}[in.kind]
			in = in.elem
		}
		in.rows(b, below, comments)
	}
}

// words are what a value may be.
func (s *shape) words() string {
	switch {
	case len(s.oneOf) > 0:
		return "`" + strings.Join(s.oneOf, "`, `") + "`"
	case s.kind == kindList:
		return "a list, each: " + s.elem.words()
	case s.kind == kindTable:
		return "names, each with: " + s.elem.words()
	}
	return s.kind.words
}
