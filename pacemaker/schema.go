package pacemaker

import (
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
}

// schema is the list, read.
var schema = sync.OnceValue(func() map[string]schemaElement {
	all := make(map[string]schemaElement)
	for line := range strings.Lines(schemaNames) {
		columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") || len(columns) != 3 {
			continue
		}
		all[columns[0]] = schemaElement{parents: schemaSpans(columns[1]), attrs: schemaSpans(columns[2])}
	}
	four := schemaVersion{4, 0}
	for element, attrs := range newInFour {
		for _, a := range attrs {
			all[element].attrs[a] = schemaSpan{four, lastSchema} // to the end of the list is without an end
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

func schemaSpans(list string) map[string]schemaSpan {
	spans := make(map[string]schemaSpan)
	for word := range strings.FieldsSeq(list) {
		name, versions, limited := strings.Cut(word, ":")
		span := schemaSpan{firstSchema, lastSchema}
		if limited {
			from, to, _ := strings.Cut(versions, "-")
			span.from, _ = parseSchemaVersion(from)
			span.to, _ = parseSchemaVersion(to)
		}
		spans[name] = span
	}
	return spans
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
