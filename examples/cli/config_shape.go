package cli

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// shape is what a value of a configuration may be: the parser, the schema, the reference and config init all go by it.
type shape struct {
	kind   *kind
	null   bool     // nothing may stand there: a section of which every key is a comment
	elem   *shape   // of a list, and of keys that the operator chooses
	fields []field  // of keys that are known, in their order
	oneOf  []string // of a text: it is one of these, or empty
}

// field is a key.
type field struct {
	key   string
	shape *shape
	index []int        // of the field in the Go struct
	in    reflect.Type // the struct that declares it, whose comment it has
	name  string       // its name there
}

// kind is what a value is: in words, by the tags and the types that it may have in YAML and in a JSON schema, and as a sample.
type kind struct {
	words       string
	tags, types []string
	sample      string
}

var (
	kindText = &kind{"a text", []string{"!!str", "!!int", "!!float", "!!bool", "!!timestamp"},
		[]string{"string", "number", "boolean"}, `""`} // 0.10 is a version: the text is what stands there
	kindTruth    = &kind{"true or false", []string{"!!bool"}, []string{"boolean"}, "true"}
	kindWhole    = &kind{"a whole number", []string{"!!int"}, []string{"integer"}, "1"}
	kindNumber   = &kind{"a number", []string{"!!int", "!!float"}, []string{"number"}, "1.0"}
	kindDuration = &kind{"a duration such as 10m", []string{"!!str"}, []string{"string"}, "10m"}
	kindList     = &kind{"a list", nil, []string{"array"}, "[]"}
	kindKeys     = &kind{"keys with their values", nil, []string{"object"}, "{}"}
	kindTable    = &kind{"names with their values", nil, []string{"object"}, "{}"}
	kindAny      = &kind{words: "anything"}
)

// takes tells whether a text of YAML is of the kind. The words yes and no of old YAML are neither true nor false.
func (k *kind) takes(n *yaml.Node) bool {
	_, err := time.ParseDuration(n.Value)
	return n.Kind == yaml.ScalarNode && slices.Contains(k.tags, n.ShortTag()) && (k != kindDuration || err == nil)
}

// shapeOf is the shape of a Go type as package yaml reads it. A text that is one of some words has them in its tag oneof.
func shapeOf(t reflect.Type) *shape {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return &shape{kind: kindDuration}
	case t.Kind() == reflect.Pointer:
		s := *shapeOf(t.Elem())
		s.null = true
		return &s
	}
	switch t.Kind() { //nolint:exhaustive // a kind of no key is refused below
	case reflect.String:
		return &shape{kind: kindText}
	case reflect.Bool:
		return &shape{kind: kindTruth}
	case reflect.Int:
		return &shape{kind: kindWhole}
	case reflect.Float64:
		return &shape{kind: kindNumber}
	case reflect.Slice:
		return &shape{kind: kindList, null: true, elem: shapeOf(t.Elem())}
	case reflect.Map:
		return &shape{kind: kindTable, null: true, elem: shapeOf(t.Elem())}
	case reflect.Struct:
		return &shape{kind: kindKeys, null: true, fields: fieldsOf(t)}
	case reflect.Interface:
		return &shape{kind: kindAny, null: true}
	}
	panic(fmt.Sprintf("a configuration has no values of type %s", t))
}

func fieldsOf(t reflect.Type) (list []field) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		if options == "inline" {
			for _, in := range fieldsOf(f.Type) {
				in.index = append([]int{i}, in.index...)
				list = append(list, in)
			}
			continue
		}
		s := shapeOf(f.Type)
		if words := f.Tag.Get("oneof"); words != "" {
			s.oneOf = strings.Split(words, ",")
		}
		list = append(list, field{cmp.Or(name, strings.ToLower(f.Name)), s, []int{i}, t, f.Name})
	}
	return list
}

// field is the shape behind a key; else the keys that are known.
func (s *shape) field(key string) (found *shape, known []string) {
	for _, f := range s.fields {
		if f.key == key {
			return f.shape, nil
		}
		known = append(known, f.key)
	}
	return s.elem, known
}

// checker finds what does not fit in a file. No value of the file is quoted: it may be a secret in the wrong place.
type checker struct {
	path string
	list srcerr.List
	seen map[checked]bool // what an alias refers to is looked at once for each shape
}

type checked struct {
	n *yaml.Node
	s *shape
}

func (c *checker) bad(n *yaml.Node, format string, args ...any) {
	c.list = append(c.list, srcerr.Errorf(c.path, n.Line, n.Column, "", format, args...))
}

// check finds what in a node does not have the shape.
func (c *checker) check(n *yaml.Node, s *shape) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if at := (checked{n, s}); s.kind == kindAny || c.seen[at] {
		return
	} else {
		c.seen[at] = true
	}
	switch {
	case n.ShortTag() == "!!null":
		if !s.null {
			c.bad(n, "a value is missing: %s", s.kind.words)
		}
	case n.Kind == yaml.MappingNode && (s.kind == kindKeys || s.kind == kindTable):
		c.mapping(n, s)
	case n.Kind == yaml.SequenceNode && s.kind == kindList:
		for _, item := range n.Content {
			c.check(item, s.elem)
		}
	case s.kind.takes(n):
		if len(s.oneOf) > 0 && n.Value != "" && !slices.Contains(s.oneOf, n.Value) {
			near := meant(n.Value, s.oneOf)
			c.bad(n, "it must be one of: %s%s", strings.Join(s.oneOf, ", "), near)
		}
	default:
		c.bad(n, "another kind of value is needed here: %s", s.kind.words)
	}
}

// mapping looks at the keys of a node.
func (c *checker) mapping(n *yaml.Node, s *shape) {
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.ShortTag() == "!!merge" {
			into := s
			if value.Kind == yaml.SequenceNode { // several of them
				into = &shape{kind: kindList, elem: s}
			}
			c.check(value, into)
			continue
		}
		if !kindText.takes(key) { // !!binary would be read as what it encodes
			c.bad(key, "a key must be a text")
			continue
		}
		if line := lines[key.Value]; line > 0 {
			c.bad(key, "this key is there already, in line %d", line)
			continue
		}
		lines[key.Value] = key.Line
		in, known := s.field(key.Value)
		if in == nil {
			c.bad(key, "there is no key %q%s", key.Value, meant(key.Value, known))
			continue
		}
		c.check(value, in)
	}
}
