package pacemaker

import (
	"bytes"
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// mutation is one change that the schemas allow: it is done, and taken back.
type mutation struct {
	what string
	do   func() (undo func())
}

// mutationsOf are all single changes of an element and of what is in it, but for the status section.
func mutationsOf(n *xnode, path string, parent *xnode) []mutation {
	if n.tag == "status" && parent != nil && parent.tag == "cib" {
		return nil
	}
	path += "/" + n.tag
	if id := n.is("id"); id != "" {
		path += "[" + id + "]"
	}
	var all []mutation
	for i, a := range n.attrs {
		all = append(all, mutation{path + " change " + a.Name.Local, func() func() {
			n.attrs[i].Value = otherValue(a)
			return func() { n.attrs[i] = a }
		}})
		all = append(all, mutation{path + " without " + a.Name.Local, func() func() {
			before := n.attrs
			n.attrs = slices.Delete(slices.Clone(before), i, i+1)
			return func() { n.attrs = before }
		}})
	}
	for _, name := range schemaAttrs(n.tag) {
		if _, has := n.get(name); has || name == "id-ref" {
			continue
		}
		all = append(all, mutation{path + " with " + name, func() func() {
			before := n.attrs
			n.attrs = append(slices.Clone(before), xml.Attr{Name: xml.Name{Local: name}, Value: "13"})
			return func() { n.attrs = before }
		}})
	}
	kids := func(what string, change func([]*xnode) []*xnode) {
		all = append(all, mutation{path + " " + what, func() func() {
			before := n.kids
			n.kids = change(slices.Clone(before))
			return func() { n.kids = before }
		}})
	}
	for i, k := range n.kids {
		if k.tag == "status" || k.tag == "configuration" {
			continue
		}
		name := k.tag + " " + k.is("id")
		kids("without element "+name, func(l []*xnode) []*xnode { return slices.Delete(l, i, i+1) })
		kids("twice element "+name, func(l []*xnode) []*xnode { return append(l, k) })
		if i > 0 {
			kids("before its neighbour "+name, func(l []*xnode) []*xnode { l[i], l[i-1] = l[i-1], l[i]; return l })
		}
	}
	switch n.tag {
	case "instance_attributes", "meta_attributes", "utilization", "cluster_property_set":
		pair := &xnode{tag: "nvpair", attrs: []xml.Attr{
			{Name: xml.Name{Local: "id"}, Value: "evenkeel-new"}, {Name: xml.Name{Local: "name"}, Value: "evenkeel-new"},
			{Name: xml.Name{Local: "value"}, Value: "1"},
		}}
		kids("with a new pair", func(l []*xnode) []*xnode { return append(l, pair) })
	case "operations":
		op := &xnode{tag: "op", attrs: []xml.Attr{
			{Name: xml.Name{Local: "id"}, Value: "evenkeel-new"}, {Name: xml.Name{Local: "name"}, Value: "notify"},
			{Name: xml.Name{Local: "interval"}, Value: "0"},
		}}
		kids("with a new operation", func(l []*xnode) []*xnode { return append(l, op) })
	}
	for _, k := range n.kids {
		all = append(all, mutationsOf(k, path, n)...)
	}
	return all
}

// otherValue is a value that means something else.
func otherValue(a xml.Attr) string {
	switch {
	case a.Name.Local == "score" && a.Value != "17":
		return "17"
	case a.Value == "true":
		return "false"
	case a.Value == "false":
		return "true"
	}
	return a.Value + "z"
}

// PCM-001 to PCM-008: every change that the schemas allow is told, and nothing is told where nothing changed, as a second reading of
// the documents judges. EVENKEEL_MUTATIONS=N makes N changes of each CIB, spread evenly over all that it allows; the default is 4.
func TestCorpusDiffTellsEveryChange(t *testing.T) {
	perFile := 4
	if v := os.Getenv("EVENKEEL_MUTATIONS"); v != "" {
		n, err := strconv.Atoi(v)
		require.NoError(t, err)
		perFile = n
	}
	files, possible, made, told, silent := 0, 0, 0, 0, 0
	for _, path := range golden.CorpusCIBs(t) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		base, err := ParseCIB(bytes.NewReader(data))
		if err != nil {
			continue
		}
		root, err := readX(data)
		if err != nil { // encoding/xml reads less than XML
			continue
		}
		files++
		before := meaningOf(root)
		all := mutationsOf(root, "", nil)
		possible += len(all)
		for i := range min(perFile, len(all)) {
			m := all[(i*len(all)/min(perFile, len(all))+files)%len(all)] // not the same place in every file
			made++
			undo := m.do()
			var b strings.Builder
			root.print(&b)
			after := meaningOf(root)
			undo()
			mutant, err := ParseCIB(strings.NewReader(b.String()))
			if err != nil { // two sections of one name
				continue
			}
			ds := Diff(base, mutant)
			switch {
			case before != after && len(ds) == 0:
				t.Errorf("%s: %s is not told", filepath.Base(path), m.what)
			case before == after && len(ds) > 0:
				t.Errorf("%s: %s means nothing, but is told: %v", filepath.Base(path), m.what, ds)
			case before != after:
				told++
			default:
				silent++
			}
			require.Len(t, Diff(mutant, base), len(ds), "%s: %s", path, m.what)
			for _, d := range ds {
				require.NotEmpty(t, d.Kind)
				require.NotContains(t, d.String(), "\n", "%s: %s", path, m.what)
			}
		}
	}
	t.Logf("%d CIBs, %d of %d changes made: %d told, %d mean nothing", files, made, possible, told, silent)
	require.Greater(t, files, 1200)
	require.Greater(t, told, made/2)
	require.Positive(t, silent)
}
