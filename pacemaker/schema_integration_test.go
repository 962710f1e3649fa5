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
	names := &rngNames{parents: make(map[string]map[string][]int), attrs: make(map[string]map[string][]int)}
	for i, path := range paths {
		names.version = i
		names.grammar(t, readRNG(t, path), filepath.Dir(path), "")
	}
	t.Logf("%d schemas", len(paths))

	spans := func(of map[string][]int) string {
		var words []string
		for _, name := range slices.Sorted(maps.Keys(of)) {
			in := slices.Compact(of[name])
			first, last := in[0], in[len(in)-1]
			require.Len(t, in, last-first+1, "%s comes and goes", name)
			if first > 0 || last < len(paths)-1 {
				name += fmt.Sprintf(":%s-%s", versions[paths[first]], versions[paths[last]])
			}
			words = append(words, name)
		}
		return strings.Join(words, " ")
	}
	require.Equal(t, firstSchema, versions[paths[0]])
	require.Equal(t, lastSchema, versions[paths[len(paths)-1]])
	var b strings.Builder
	b.WriteString("# element\tstands in\tattributes: what Pacemaker's schemas " + firstSchema.String() + " to " +
		lastSchema.String() + " name\n")
	for _, element := range slices.Sorted(maps.Keys(names.parents)) {
		fmt.Fprintf(&b, "%s\t%s\t%s\n", element, spans(names.parents[element]), spans(names.attrs[element]))
	}
	golden.Check(t, "../schema_names.tsv", b.String())
}

// rngNode is an element of a RELAX NG schema.
type rngNode struct {
	XMLName  xml.Name
	Name     string    `xml:"name,attr"`
	Href     string    `xml:"href,attr"`
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
	defs, starts := definitions(t, g, dir)
	for _, s := range starts {
		r.pattern(t, s, dir, element, defs, nil)
	}
}

func (r *rngNames) pattern(t *testing.T, n rngNode, dir, element string, defs map[string][]rngNode, within []string) {
	switch n.XMLName.Local {
	case "element":
		name := strings.TrimSpace(n.Name)
		if name == "" { // <anyName/>: the status section
			return
		}
		r.note(r.parents, name, cmp.Or(element, "/"))
		element = name
	case "attribute":
		if name := strings.TrimSpace(n.Name); name != "" { // one name is written with a blank
			r.note(r.attrs, element, name)
		}
		return
	case "externalRef":
		r.grammar(t, readRNG(t, filepath.Join(dir, n.Href)), dir, element)
		return
	case "grammar":
		r.grammar(t, n, dir, element)
		return
	case "ref":
		key := n.Name + " in " + element
		if slices.Contains(within, key) {
			return
		}
		for _, def := range defs[n.Name] {
			r.pattern(t, def, dir, element, defs, append(within, key))
		}
		return
	}
	for _, child := range n.Children {
		r.pattern(t, child, dir, element, defs, within)
	}
}
