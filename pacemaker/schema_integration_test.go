//go:build integration

package pacemaker

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

const schemaDir = "/usr/share/pacemaker"

// The list of names is what the installed schemas say. "go test -tags integration -run TestSchemaNames -update" rewrites it.
func TestSchemaNames(t *testing.T) {
	paths, err := filepath.Glob(schemaDir + "/pacemaker-[0-9]*.rng")
	require.NoError(t, err)
	if len(paths) == 0 {
		t.Skip("no schemas in " + schemaDir + ": install pacemaker-common")
	}
	versions := make(map[string]schemaVersion)
	for _, path := range paths {
		v, ok := parseSchemaVersion(strings.TrimSuffix(filepath.Base(path), ".rng"))
		require.True(t, ok, path)
		versions[path] = v
	}
	slices.SortFunc(paths, func(a, b string) int {
		return cmp.Or(cmp.Compare(versions[a].major, versions[b].major), cmp.Compare(versions[a].minor, versions[b].minor))
	})
	names := &rngNames{parents: make(map[string]map[string][]int), attrs: make(map[string]map[string][]int),
		values: make(map[valueKey][]string), optional: make(map[valueKey]bool)}
	for i, path := range paths {
		names.version = i
		names.grammar(t, readRNG(t, path), filepath.Dir(path), "")
	}
	t.Logf("%d schemas", len(paths))

	spans := func(element string, of map[string][]int) string {
		var words []string
		for _, name := range slices.Sorted(maps.Keys(of)) {
			in := slices.Compact(of[name])
			require.Len(t, in, in[len(in)-1]-in[0]+1, "%s comes and goes", name)
			for len(in) > 0 { // as far as the same values go
				spec, n := names.spec(element, name, in[0]), 1
				for n < len(in) && names.spec(element, name, in[n]) == spec {
					n++
				}
				word := name
				if in[0] > 0 || in[n-1] < len(paths)-1 {
					word += fmt.Sprintf(":%s-%s", versions[paths[in[0]]], versions[paths[in[n-1]]])
				}
				words, in = append(words, word+spec), in[n:]
			}
		}
		return strings.Join(words, " ")
	}
	require.Equal(t, firstSchema, versions[paths[0]])
	require.Equal(t, lastSchema, versions[paths[len(paths)-1]])
	var b strings.Builder
	b.WriteString("# element\tstands in\tattributes: what Pacemaker's schemas " + firstSchema.String() + " to " +
		lastSchema.String() + " name; ! must be there, = values or types\n")
	for _, element := range slices.Sorted(maps.Keys(names.parents)) {
		fmt.Fprintf(&b, "%s\t%s\t%s\n", element, spans("", names.parents[element]), spans(element, names.attrs[element]))
	}
	golden.Check(t, "../schema_names.tsv", b.String())
}

// rngNode is an element of a RELAX NG schema.
type rngNode struct {
	XMLName  xml.Name
	Name     string    `xml:"name,attr"`
	Href     string    `xml:"href,attr"`
	Type     string    `xml:"type,attr"`
	Text     string    `xml:",chardata"`
	Children []rngNode `xml:",any"`
}

func readRNG(t *testing.T, path string) rngNode {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var n rngNode
	require.NoError(t, xml.Unmarshal(data, &n), path)
	return n
}

// rngNames collects, for each element, in which it stands and which attributes it has, with the schemas that say so.
type rngNames struct {
	version        int
	parents, attrs map[string]map[string][]int
	values         map[valueKey][]string // "" is any text
	optional       map[valueKey]bool     // somewhere it need not be there
}

type valueKey struct {
	element, attr string
	version       int
}

// spec is what the list says of an attribute behind its name and its schemas: "!" where it must be there, "=" and its values.
func (r *rngNames) spec(element, name string, version int) string {
	key := valueKey{element, name, version}
	spec := ""
	if !r.optional[key] && element != "" {
		spec = "!"
	}
	if values := slices.Clone(r.values[key]); len(values) > 0 && !slices.Contains(values, "") {
		slices.Sort(values)
		spec += "=" + strings.Join(slices.Compact(values), "|")
	}
	return spec
}

func (r *rngNames) note(of map[string]map[string][]int, element, name string) {
	if of[element] == nil {
		of[element] = make(map[string][]int)
	}
	of[element][name] = append(of[element][name], r.version)
}

// definitions are the named parts and the starts of a grammar; an include brings those of another file, which its own content replaces.
func definitions(t *testing.T, g rngNode, dir string) (defs map[string][]rngNode, starts []rngNode) {
	defs = make(map[string][]rngNode)
	for _, child := range g.Children {
		switch child.XMLName.Local {
		case "define":
			defs[child.Name] = append(defs[child.Name], child)
		case "start":
			starts = append(starts, child)
		case "include":
			theirs, theirStarts := definitions(t, readRNG(t, filepath.Join(dir, child.Href)), dir)
			own, ownStarts := definitions(t, child, dir)
			maps.Copy(theirs, own)
			maps.Copy(defs, theirs)
			if len(ownStarts) > 0 {
				theirStarts = ownStarts
			}
			starts = append(starts, theirStarts...)
		}
	}
	return defs, starts
}

func (r *rngNames) grammar(t *testing.T, g rngNode, dir, element string) {
	r.grammarIn(t, g, dir, element, false)
}

func (r *rngNames) grammarIn(t *testing.T, g rngNode, dir, element string, optional bool) {
	defs, starts := definitions(t, g, dir)
	for _, s := range starts {
		r.pattern(t, s, dir, element, defs, nil, optional)
	}
}

// content are the values and types that the content of an attribute may be.
func (r *rngNames) content(n rngNode, defs map[string][]rngNode) []string {
	var all []string
	for _, child := range n.Children {
		switch child.XMLName.Local {
		case "value":
			all = append(all, strings.TrimSpace(child.Text))
		case "data":
			all = append(all, strings.TrimSuffix("#"+child.Type, "#string"))
		case "text":
			all = append(all, "")
		case "ref":
			for _, def := range defs[child.Name] {
				all = append(all, r.content(def, defs)...)
			}
		default:
			all = append(all, r.content(child, defs)...)
		}
	}
	return all
}

// references says whether a branch of a choice is the one that refers to an element that stands elsewhere.
func references(n rngNode) bool {
	return n.XMLName.Local == "attribute" && strings.TrimSpace(n.Name) == "id-ref" || n.XMLName.Local == "group" &&
		slices.ContainsFunc(n.Children, references)
}

func (r *rngNames) pattern(t *testing.T, n rngNode, dir, element string, defs map[string][]rngNode, within []string, optional bool) {
	switch n.XMLName.Local {
	case "element":
		name := strings.TrimSpace(n.Name)
		if name == "" { // <anyName/>: the status section
			return
		}
		r.note(r.parents, name, cmp.Or(element, "/"))
		element = name
		optional = false
	case "attribute":
		if name := strings.TrimSpace(n.Name); name != "" { // one name is written with a blank
			r.note(r.attrs, element, name)
			key := valueKey{element, name, r.version}
			content := r.content(n, defs)
			if len(content) == 0 { // <attribute name="x"/> is any text
				content = []string{""}
			}
			r.values[key] = append(r.values[key], content...)
			r.optional[key] = r.optional[key] || optional
		}
		return
	case "externalRef":
		r.grammarIn(t, readRNG(t, filepath.Join(dir, n.Href)), dir, element, optional)
		return
	case "grammar":
		r.grammarIn(t, n, dir, element, optional)
		return
	case "ref":
		key := n.Name + " in " + element
		if slices.Contains(within, key) {
			return
		}
		for _, def := range defs[n.Name] {
			r.pattern(t, def, dir, element, defs, append(within, key), optional)
		}
		return
	}
	branch := slices.Contains([]string{"optional", "choice", "zeroOrMore"}, n.XMLName.Local)
	if n.XMLName.Local == "choice" && slices.ContainsFunc(n.Children, references) {
		branch = len(n.Children) > 2 // what is left must be there
	}
	for _, child := range n.Children {
		r.pattern(t, child, dir, element, defs, within, optional || branch || references(child))
	}
}
