package pcs

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// readText parses a file below testdata, or of the corpus.
func readText[T any](t testing.TB, path string, parse func(io.Reader) (T, error)) T {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	v, err := parse(f)
	require.NoError(t, err)
	return v
}

// plainPairs are names and values, sorted: text has no ids, and late releases sort.
func plainPairs(pairs []pacemaker.NVPair) []string {
	var all []string
	for _, p := range pairs {
		all = append(all, p.Name+"="+p.Value)
	}
	slices.Sort(all)
	return all
}

// printedPart is what of the CIB's resources stands in the text.
func printedPart(rs []pacemaker.Resource, stonith bool) []pacemaker.Resource {
	strip := func(sets pacemaker.AttributeSets) pacemaker.AttributeSets {
		if len(sets.Effective()) == 0 {
			return nil
		}
		var pairs []pacemaker.NVPair
		for _, p := range sets.Effective() {
			pairs = append(pairs, pacemaker.NVPair{Name: p.Name, Value: p.Value})
		}
		return pacemaker.AttributeSets{{Pairs: pairs}}
	}
	var all []pacemaker.Resource
	for _, r := range rs {
		if (r.Class == "stonith") != stonith {
			continue
		}
		out := pacemaker.Resource{Kind: r.Kind, ID: r.ID, Class: r.Class, Provider: r.Provider, Type: r.Type, Template: r.Template}
		out.Instance, out.Meta, out.Utilization = strip(r.Instance), strip(r.Meta), strip(r.Utilization)
		for _, o := range r.Operations {
			op := pacemaker.Op{ID: o.ID, Name: o.Name, Interval: o.Interval, Timeout: o.Timeout, Instance: strip(o.Instance)}
			for _, p := range o.Other {
				op.Other = append(op.Other, pacemaker.NVPair{Name: p.Name, Value: p.Value})
			}
			out.Operations = append(out.Operations, op)
		}
		out.Members = printedPart(r.Members, stonith)
		all = append(all, out)
	}
	return all
}

var byOpID = cmpopts.SortSlices(func(a, b pacemaker.Op) bool { return a.ID < b.ID })

// agreesWithCIB compares the recorded outputs of one pcs with the CIB that they were made from.
func agreesWithCIB(t *testing.T, cib *pacemaker.CIB, file func(string) string) {
	t.Helper()
	names := map[bool][]string{true: {"resource_show_full", "stonith_show_full", "constraint_show", "property_show",
		"property_show"}, false: {"resource_config", "stonith_config", "constraint_config", "property_config", "node_attribute"}}
	_, err := os.Stat(file("property_config"))
	of := names[err != nil]

	for i, stonith := range []bool{false, true} {
		got := printedPart(readText(t, file(of[i]), ParseResources), stonith)
		require.Empty(t, cmp.Diff(printedPart(cib.Resources(), stonith), got, byOpID), of[i])
		require.NotEmpty(t, got)
	}
	for _, full := range []bool{false, true} {
		name := of[2]
		if full {
			name = "constraint_full"
		}
		got := readText(t, file(name), ParseConstraints)
		var want []pacemaker.Location
		for _, l := range cib.Locations() {
			l = pacemaker.Location{ID: l.ID, Resource: l.Resource, Node: l.Node, Score: l.Score}
			if !full {
				l.ID = ""
			}
			want = append(want, l)
		}
		require.Equal(t, &Constraints{Locations: want}, got, name)
	}
	props := readText(t, file(of[3]), ParseProperties)
	require.Equal(t, plainPairs(cib.Properties()), plainPairs(props.Properties))
	require.Empty(t, props.Properties[0].ID)
	attributes := readText(t, file(of[4]), ParseProperties)
	require.Len(t, attributes.Nodes, 2)
	for i, n := range cib.Nodes() {
		require.Equal(t, n.Uname, attributes.Nodes[i].Node)
		require.Equal(t, plainPairs(n.Attributes.Effective()), plainPairs(attributes.Nodes[i].Pairs))
	}
	defaults := readText(t, file("resource_defaults"), ParseDefaults)
	require.Equal(t, plainPairs(cib.ResourceDefaults().Effective()), plainPairs(defaults.Effective()))
}

// PCM-028, PCM-032, PCM-043: the outputs of real pcs 0.9.152 and 0.11.5 on one CIB say what the CIB says.
func TestRecordedTextAgreesWithTheCIB(t *testing.T) {
	for _, release := range []string{"pcs-0.9.152", "pcs-0.11.5"} {
		t.Run(release, func(t *testing.T) {
			agreesWithCIB(t, readCIB(t, imlCIB), func(name string) string { return filepath.Join("..", "testdata", release, name+".txt") })
		})
	}
}

// PCM-028, PCM-032, PCM-043: the same for all recorded CIBs: with full names, with a node in standby, with targets stopped.
func TestCorpusText(t *testing.T) {
	variants := map[string]func(*pacemaker.CIB){
		"short-nodenames": func(*pacemaker.CIB) {},
		"fqdn-nodenames":  func(*pacemaker.CIB) {},
		"node1-standby":   func(c *pacemaker.CIB) { require.NoError(t, c.SetNodeAttribute("ct6-mds1", "standby", "on")) },
		"targets-stopped": func(c *pacemaker.CIB) {
			for _, id := range []string{"MGS_32834e", "demo-MDT0000_802c1b"} {
				require.NoError(t, c.SetMeta(id, "target-role", "Stopped"))
			}
		},
	}
	files := 0
	for _, release := range []string{"0.9.152", "0.11.5"} {
		for variant, change := range variants {
			cib := readCIB(t, imlCIB)
			if variant == "fqdn-nodenames" {
				text, err := cib.Query()
				require.NoError(t, err)
				cib = parseCIB(t, strings.NewReplacer(`uname="ct6-mds1"`, `uname="ct6-mds1.lfs.intl"`, `uname="ct6-mds2"`, `uname="ct6-mds2.lfs.intl"`,
					`name="configured_by" value="ct6-mds1"`, `name="configured_by" value="ct6-mds1.lfs.intl"`, `node="ct6-mds1"`,
					`node="ct6-mds1.lfs.intl"`, `node="ct6-mds2"`, `node="ct6-mds2.lfs.intl"`).Replace(string(text)))
			}
			change(cib)
			dir := golden.Corpus(t, "pcs", release, "constructed-iml-2.4-el6-"+variant)
			files += len(golden.FilesUnder(t, dir, ".out"))
			t.Run(release+" "+variant, func(t *testing.T) {
				agreesWithCIB(t, cib, func(name string) string { return filepath.Join(dir, name+".out") })
			})
		}
	}
	t.Logf("%d outputs of two releases of pcs", files)
	require.Positive(t, files)
}

// Groups, clones, utilization, quoted values, rules and sets: what real pcs 0.11.5 prints of them is what the CIB says.
func TestWideText(t *testing.T) {
	cib := readText(t, "../testdata/pcs-0.11.5/wide.xml", pacemaker.ParseCIB)
	got := readText(t, "../testdata/pcs-0.11.5/wide-resource_config.txt", ParseResources)
	byID := cmpopts.SortSlices(func(a, b pacemaker.Resource) bool { return a.ID < b.ID })
	require.Empty(t, cmp.Diff(printedPart(cib.Resources(), false), printedPart(got, false), byOpID, byID))

	constraints := readText(t, "../testdata/pcs-0.11.5/wide-constraint_full.txt", ParseConstraints)
	require.Equal(t, &Constraints{
		Locations: []pacemaker.Location{
			{ID: "l1", Resource: "G", Node: "n1.x", Score: "100"}, {ID: "l2", Resource: "G", Node: "n2.x", Score: "-INFINITY"},
			{ID: "l2b", Resource: "G", Node: "n2.x", Score: "-5"}, {ID: "l4", Resource: "p4", Node: "n1.x", Score: "5", Discovery: "never"},
		},
		Orders: []pacemaker.Order{{ID: "o1", First: "G", Then: "C", FirstAct: "start", ThenAct: "start", Kind: "Optional"}},
		Colocations: []pacemaker.Colocation{{ID: "c1", Resource: "p4", With: "G", Score: "INFINITY"},
			{ID: "c2", Resource: "C", With: "G", Score: "-50", Role: "Started"}},
		Tickets: []pacemaker.Ticket{{ID: "t1", Ticket: "T", Resource: "G", LossPolicy: "stop"}},
		Others: []Constraint{
			{Section: "Location", Resource: "C",
				Lines: []string{"Constraint: l3", "  Rule: boolean-op=or score=INFINITY (id:l3-r)", "    Expression: not_defined pingd (id:l3-e)"}},
			{Section: "Ordering", Lines: []string{"set p4 G sequential=false (id:o2-s) (id:o2)"}},
		},
	}, constraints)
}

// The forms of pcs 0.9 for what the guide's clusters do not have.
func TestOldForms(t *testing.T) {
	rs, err := ParseResources(strings.NewReader(" Group: web\n  Meta Attrs: is-managed=true \n  Resource: ip (class=ocf " +
		"provider=heartbeat type=IPaddr2)\n" +
		"   Attributes: ip=192.168.0.99 nic=\"eth 0\" \n   Operations: monitor interval=30s (ip-monitor-interval-30s)\n     " +
		"          stop interval=0 timeout=20 on-fail=block (ip-stop-0)\n" +
		" Master: drbd\n  Resource: d (class=ocf provider=linbit type=drbd)\n Resource: l (class=lsb type=x)\n"))
	require.NoError(t, err)
	require.Equal(t, []pacemaker.Resource{
		{Kind: pacemaker.Group, ID: "web",
			Meta: pacemaker.AttributeSets{{Pairs: []pacemaker.NVPair{{Name: "is-managed", Value: "true"}}}}, Members: []pacemaker.Resource{{
				Kind: pacemaker.Primitive, ID: "ip", Class: "ocf", Provider: "heartbeat", Type: "IPaddr2",
				Instance: pacemaker.AttributeSets{{Pairs: []pacemaker.NVPair{{Name: "ip", Value: "192.168.0.99"}, {Name: "nic", Value: "eth 0"}}}},
				Operations: []pacemaker.Op{
					{Name: "monitor", ID: "ip-monitor-interval-30s", Interval: "30s"},
					{Name: "stop", ID: "ip-stop-0", Interval: "0", Timeout: "20", Other: []pacemaker.NVPair{{Name: "on-fail", Value: "block"}}},
				},
			}}},
		{Kind: pacemaker.Master, ID: "drbd",
			Members: []pacemaker.Resource{{Kind: pacemaker.Primitive, ID: "d", Class: "ocf", Provider: "linbit", Type: "drbd"}}},
		{Kind: pacemaker.Primitive, ID: "l", Class: "lsb", Type: "x"},
	}, rs)

	c, err := ParseConstraints(strings.NewReader("Location Constraints:\n  Resource: D5\n    Enabled on: node1 " +
		"(score:INFINITY) (role: Started) (id:location-D5-node1-INFINITY)\n    Disabled on: node2 (score:-INFINITY)\n" +
		"Ordering Constraints:\n  start Master then promote D5 (kind:Mandatory) (non-symmetrical) (id:o)\n  a then b " +
		"(score:INFINITY) (Options: symmetrical=false require-all=false)\n" +
		"Colocation Constraints:\n  NFS with ms_drbd (score:INFINITY) (with-rsc-role:Master) (id:c)\nTicket Constraints:\n  " +
		"Master web loss-policy=demote ticket=T (id:t)\n"))
	require.NoError(t, err)
	require.Equal(t, []pacemaker.Location{{ID: "location-D5-node1-INFINITY", Resource: "D5", Node: "node1",
		Score: "INFINITY", Role: "Started"}, {Resource: "D5", Node: "node2", Score: "-INFINITY"}}, c.Locations)
	require.Equal(t, []pacemaker.Order{
		{ID: "o", First: "Master", Then: "D5", FirstAct: "start", ThenAct: "promote", Kind: "Mandatory", Symmetrical: "false"},
		{First: "a", Then: "b", Score: "INFINITY", Symmetrical: "false", RequireAll: "false"},
	}, c.Orders)
	require.Equal(t, []pacemaker.Colocation{{ID: "c", Resource: "NFS", With: "ms_drbd", Score: "INFINITY", WithRole: "Master"}}, c.Colocations)
	require.Equal(t, []pacemaker.Ticket{{ID: "t", Ticket: "T", Resource: "web", Role: "Master", LossPolicy: "demote"}}, c.Tickets)

	// 0.9.148 has no heading for tickets.
	_, err = ParseConstraints(strings.NewReader("Location Constraints:\nOrdering Constraints:\nColocation Constraints:\n"))
	require.NoError(t, err)

	for text, want := range map[string][]string{
		"resource-stickiness: 1000\nfailure-timeout: 20m\n": {"failure-timeout=20m", "resource-stickiness=1000"},
		"resource-stickiness=1000\n":                        {"resource-stickiness=1000"},
		"Meta Attrs: rsc_defaults-options\n  a=1\n":         {"a=1"},
		"No defaults set\n":                                 nil,
	} {
		sets, err := ParseDefaults(strings.NewReader(text))
		require.NoError(t, err)
		require.Equal(t, want, plainPairs(sets.Effective()))
	}

	p, err := ParseProperties(strings.NewReader("Cluster Properties: cib-bootstrap-options\n  no-quorum-policy=ignore\n  cluster-name: a=b\n"))
	require.NoError(t, err)
	require.Equal(t, []pacemaker.NVPair{{Name: "no-quorum-policy", Value: "ignore"}, {Name: "cluster-name", Value: "a=b"}}, p.Properties)

	p, err = ParseProperties(strings.NewReader("Deprecation Warning: old\n\x1b[1mCluster Properties:\x1b[0m\n empty:\n"))
	require.NoError(t, err)
	require.Equal(t, []pacemaker.NVPair{{Name: "empty"}}, p.Properties)
}

// Bad input has a place and its text, but never a secret; an unknown shape is an error, never an empty list.
func TestTextErrors(t *testing.T) {
	resources := func(r io.Reader) error { _, err := ParseResources(r); return err }
	constraints := func(r io.Reader) error { _, err := ParseConstraints(r); return err }
	properties := func(r io.Reader) error { _, err := ParseProperties(r); return err }
	defaults := func(r io.Reader) error { _, err := ParseDefaults(r); return err }
	for _, c := range []struct {
		parse    func(io.Reader) error
		in, want string
	}{
		{resources, " Resource: a (class=ocf provider=x type=y)\n  Attributes: target\n",
			`f:2:3: not a list of name=value: near "Attributes: target"`},
		{resources, "Error: unable to get cib\n",
			`f:1:1: not a resource: want "Resource: id (class=… type=…)", or Group, Clone, Master: near "Error: unable to get cib"`},
		{resources, "Resource: a\n", `f:1:1: the agent of a is missing: want (class=… type=…): near "Resource: a"`},
		{resources, "Resource: a (class=ocf size=3)\n",
			`f:1:1: not an agent: want class=, provider= and type=: near "Resource: a (class=ocf size=3)"`},
		{resources, "Resource: a (class=lsb type=b)\n  Operations: monitor interval\n",
			`f:2:3: not an operation: want "name interval=… (id)": near "monitor interval"`},
		{resources, "Resource: a (class=lsb type=b)\n  Attributes: s\n    Rule: x\n",
			`f:3:5: not one name=value: a rule cannot be read from text, read the CIB instead: near "Rule: x"`},
		{resources, "Fencing Levels:\n  Target: a\n    Step 1 - b\n",
			`f:1:1: not a resource: want "Resource: id (class=… type=…)", or Group, Clone, Master: near "Fencing Levels:"`},
		{resources, "Bundle: a\n  Docker: image=x\n",
			`f:1:1: not a resource: want "Resource: id (class=… type=…)", or Group, Clone, Master: near "Bundle: a"`},
		{resources, "Resource: a (class=lsb type=b)\n  Docker: image=x\n",
			`f:2:3: not understood as a part of primitive a: read the CIB instead: near "Docker: image=x"`},
		{resources, "Resource: a (class=lsb type=b)\n  Attributes: s\n    0_fence_password=a b c\n",
			`f:3:5: not one name=value: a rule cannot be read from text, read the CIB instead: near "0_fence_password=[redacted]"`},
		{constraints, "", `f:1:1: there is nothing: want the heading Location Constraints:`},
		{constraints, "Location Constraints:\nOrdering Constraints:\n", `f:1:1: there is nothing: want the heading Colocation Constraints:`},
		{constraints, "Location Constraints:\n  Resource: a\n    Enabled on: n1\n",
			`f:3:5: not a location constraint: want a node and its score: near "Enabled on: n1"`},
		{constraints, "Location Constraints:\n  Resource: a\n    Enabled on: n1 (score:x)\n",
			`f:3:5: not a location constraint: want a node and its score: near "Enabled on: n1 (score:x)"`},
		{constraints, "Location Constraints:\n  Node: a\n", `f:2:3: not a resource's location constraints: want "Resource: id": near "Node: a"`},
		{constraints, "Ordering Constraints:\n  a after b\n", `f:2:3: not an order: want "start a then start b": near "a after b"`},
		{constraints, "Colocation Constraints:\n  a with b (sc:3)\n", `f:2:3: unknown option sc of a constraint: near "a with b (sc:3)"`},
		{constraints, "Magic Constraints:\n", `f:1:1: unknown kind of constraints: near "Magic Constraints:"`},
		{properties, "", `f:1:1: there is nothing: want the heading Cluster Properties: or Node Attributes:`},
		{properties, "Error: unable to get crm_config\n",
			`f:1:1: not a heading of properties: want Cluster Properties: or Node Attributes:: near "Error: unable to get crm_config"`},
		{properties, "Node Attributes:\n n1: 0_fence_password=a b\n",
			`f:2:2: not the attributes of a node: want "node: name=value name=value"; a value with a blank cannot be read from text: near "n1: 0_fence_password=[redacted]"`},
		{properties, "Cluster Properties:\n no quorum\n", `f:2:2: not a property: want "name: value": near "no quorum"`},
		{defaults, "", `f:1:1: there is nothing: want defaults, or "No defaults set"`},
		{defaults, "Usage: pcs resource defaults\n x\n", `f:1:1: not a property: want "name: value": near "Usage: pcs resource defaults"`},
	} {
		err := c.parse(srcerr.Named("f", strings.NewReader(c.in)))
		require.EqualError(t, err, c.want)
		var parseErr *pacemaker.ParseError
		require.ErrorAs(t, err, &parseErr)
	}
	levels, err := ParseResources(strings.NewReader("Resource: i (class=stonith type=x)\nFencing Levels:\n  Target: a\n  " +
		"  Level 1 - i\n  Target (regexp): b.*\n    Level 2 - i,j\n Target: b\n   Level 2 - i,j\n"))
	require.NoError(t, err)
	require.Len(t, levels, 1)
	rs, err := ParseResources(strings.NewReader(""))
	require.NoError(t, err, "pcs prints nothing where there is no resource")
	require.Empty(t, rs)
}

func FuzzParseText(f *testing.F) {
	for _, dir := range []string{"../testdata/pcs-0.9.152", "../testdata/pcs-0.11.5"} {
		for _, path := range golden.FilesUnder(f, dir, ".txt") {
			data, err := os.ReadFile(path)
			require.NoError(f, err)
			f.Add(string(data))
		}
	}
	f.Add("Resource: a (class=x type=y)\n  Attributes: b='c d' e=\"f\\\"g\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		check := func(err error) {
			if err != nil {
				var parseErr *pacemaker.ParseError
				require.ErrorAs(t, err, &parseErr)
			}
		}
		rs, err := ParseResources(strings.NewReader(text))
		check(err)
		for _, r := range rs {
			require.NotEmpty(t, r.ID)
		}
		c, err := ParseConstraints(strings.NewReader(text))
		check(err)
		require.Equal(t, c == nil, err != nil)
		_, err = ParseProperties(strings.NewReader(text))
		check(err)
		_, err = ParseDefaults(strings.NewReader(text))
		check(err)
		_, err = ParseCommands(strings.NewReader(text))
		check(err)
	})
}
