package pacemaker

import (
	"cmp"
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// schemaNames are the names that Pacemaker's RELAX NG schemas give to elements and attributes of a CIB: one line for each element with
// the elements that it stands in and its attributes, each with the first and the last schema that has it where those are not 1.0 and
// 3.9. TestSchemaNames makes it from the schemas that are installed.
//
//go:embed schema_names.tsv
var schemaNames string

// What schema 4.0 adds and drops; the installed schemas end at 3.9. Upstream: https://github.com/ClusterLabs/pacemaker/tree/main/xml
var (
	newInFour  = map[string][]string{"rule": {"negate"}}
	goneInFour = []string{"master", "rkt", "docker@masters", "podman@masters"}
)

// schemaVersion is a schema's number, such as 2.10; the zero value is none.
type schemaVersion struct{ major, minor int }

func (v schemaVersion) String() string { return strconv.Itoa(v.major) + "." + strconv.Itoa(v.minor) }

func (v schemaVersion) less(w schemaVersion) bool {
	return v.major < w.major || v.major == w.major && v.minor < w.minor
}

// parseSchemaVersion reads 2.10, or pacemaker-2.10 as validate-with says it.
func parseSchemaVersion(s string) (schemaVersion, bool) {
	major, minor, dot := strings.Cut(strings.TrimPrefix(s, "pacemaker-"), ".")
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	return schemaVersion{a, b}, dot && err1 == nil && err2 == nil
}

// released says whether a release of Pacemaker came with the schema: 1.0, 1.2, 1.3, 2.0 to 2.10, 3.0 to 3.10 and 4.0.
func (v schemaVersion) released() bool {
	last := map[int]int{1: 3, 2: 10, 3: 10, 4: 0}
	minor, ok := last[v.major]
	return ok && v.minor >= 0 && v.minor <= minor && v != schemaVersion{1, 1}
}

var firstSchema, lastSchema = schemaVersion{1, 0}, schemaVersion{3, 9}

// schemaSpan is from which schema to which one a name is known.
type schemaSpan struct{ from, to schemaVersion }

// String is the span in words.
func (s schemaSpan) String() string {
	if s.to == lastSchema {
		return "those from " + s.from.String() + " on"
	}
	return s.from.String() + " to " + s.to.String()
}

// holds says whether the schema of a CIB knows the name. Those after 3.9 know what 3.9 does, but for what 4.0 drops.
func (s schemaSpan) holds(v schemaVersion) bool {
	return !v.less(s.from) && (!s.to.less(v) || s.to == lastSchema)
}

// schemaElement is what the schemas say about an element.
type schemaElement struct {
	parents map[string]schemaSpan
	attrs   map[string]schemaSpan
	forms   map[string][]schemaForm
}

// schemaForm is what some schemas say of an attribute.
type schemaForm struct {
	schemaSpan
	needed bool     // it must be there, unless the element refers to another by id-ref
	values []string // words, and types by #; empty is any text
}

// form is what the schema of a CIB says of an attribute; without a schema, what the last one says.
func (e schemaElement) form(attr string, v schemaVersion, has bool) (schemaForm, bool) {
	if !has {
		v = lastSchema
	}
	i := slices.IndexFunc(e.forms[attr], func(f schemaForm) bool { return f.holds(v) })
	if i < 0 {
		return schemaForm{}, false
	}
	return e.forms[attr][i], true
}

// takes says whether a value is one of the form.
func (f schemaForm) takes(value string) bool {
	// The values of all but text are compared without the blanks around them.
	value = strings.Join(strings.Fields(value), " ")
	integer := strings.TrimLeft(value, "0123456789") == "" && value != ""
	_, digits, signed := strings.Cut(value, value[:min(1, len(value))])
	signed = signed && strings.HasPrefix(value, "+") || strings.HasPrefix(value, "-")
	signed = signed && digits != "" && strings.Trim(digits, "0123456789") == ""
	return len(f.values) == 0 || slices.ContainsFunc(f.values, func(want string) bool {
		switch want {
		case "#boolean":
			return slices.Contains([]string{"true", "false", "1", "0"}, value)
		case "#integer":
			return integer || signed
		case "#nonNegativeInteger":
			return integer || signed && (value[0] == '+' || strings.Trim(digits, "0") == "")
		case "#positiveInteger":
			return (integer || signed && value[0] == '+') && strings.Trim(value, "+0") != ""
		case "#ID", "#IDREF":
			return isName(value) && !strings.Contains(value, ":")
		}
		return value == want
	})
}

// words are the values of the form as a person reads them.
func (f schemaForm) words() string {
	types := map[string]string{"#boolean": "true or false", "#integer": "a whole number", "#nonNegativeInteger": "a number from 0 on",
		"#positiveInteger": "a number from 1 on", "#IDREF": "an id"}
	types["#ID"] = "an id, which begins with a letter or _, and has letters, digits, and . - _ only"
	words := make([]string, len(f.values))
	for i, value := range f.values {
		words[i] = cmp.Or(types[value], value)
	}
	return strings.Join(words, ", ")
}

// schema is the list, read.
var schema = sync.OnceValue(func() map[string]schemaElement {
	all := make(map[string]schemaElement)
	for line := range strings.Lines(schemaNames) {
		columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") || len(columns) != 3 {
			continue
		}
		all[columns[0]] = schemaElement{parents: map[string]schemaSpan{}, attrs: map[string]schemaSpan{}, forms: map[string][]schemaForm{}}
		all[columns[0]].read(columns[1], columns[2])
	}
	four := schemaVersion{4, 0}
	for element, attrs := range newInFour {
		for _, a := range attrs {
			all[element].attrs[a] = schemaSpan{four, lastSchema} // to the end of the list is without an end
			all[element].forms[a] = []schemaForm{{schemaSpan: schemaSpan{four, lastSchema}, values: []string{"#boolean"}}}
		}
	}
	for _, name := range goneInFour {
		element, attr, _ := strings.Cut(name, "@")
		spans := all[element].parents
		if attr != "" {
			spans = all[element].attrs
		}
		for of, span := range spans {
			if attr == "" || of == attr {
				spans[of] = schemaSpan{span.from, schemaVersion{3, 10}}
			}
		}
	}
	return all
})

// read takes the two lists of a line.
func (e schemaElement) read(parents, attrs string) {
	for word := range strings.FieldsSeq(parents) {
		name, span := readSpan(word)
		e.parents[name] = span
	}
	for word := range strings.FieldsSeq(attrs) {
		word, values, limited := strings.Cut(word, "=")
		name, needed := strings.CutSuffix(word, "!")
		name, span := readSpan(name)
		form := schemaForm{schemaSpan: span, needed: needed}
		if limited {
			form.values = strings.Split(values, "|")
		}
		e.forms[name] = append(e.forms[name], form)
		if before, later := e.attrs[name]; later {
			span.from = before.from
		}
		e.attrs[name] = span
	}
}

// readSpan reads a name with its schemas; without them, all have it.
func readSpan(word string) (string, schemaSpan) {
	name, versions, limited := strings.Cut(word, ":")
	span := schemaSpan{firstSchema, lastSchema}
	if limited {
		from, to, _ := strings.Cut(versions, "-")
		span.from, _ = parseSchemaVersion(from)
		span.to, _ = parseSchemaVersion(to)
	}
	return name, span
}

// schemaAttrs are the attributes that any schema gives to an element, sorted.
func schemaAttrs(element string) []string {
	var names []string
	for name := range schema()[element].attrs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
