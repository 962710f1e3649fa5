package pacemaker

import (
	"bytes"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// Two documents that differ in everything that does not count are the same: the children in another order where that means nothing, other
// ids, other counters, other spellings.
func TestDiffOfTheSameInOtherWords(t *testing.T) {
	const a = `<cib epoch="1" num_updates="2" validate-with="pacemaker-1.2" dc-uuid="n1"><configuration>
	<crm_config><cluster_property_set id="cib-bootstrap-options"><nvpair id="p1" name="stonith-timeout" value="60"/><nvpair id="p2" name="b" value="2"/></cluster_property_set></crm_config>
	<nodes><node id="n1" uname="n1" type="normal"><instance_attributes id="i1"><nvpair id="x" name="a" value="1"/><nvpair id="y" name="b" value="2"/></instance_attributes></node><node id="n2" uname="n2"/></nodes>
	<resources><primitive id="r" class="ocf" provider="p" type="t"><meta_attributes id="m"><nvpair id="m1" name="target-role" value="Started"/></meta_attributes>
	<operations><op id="o1" name="monitor" interval="60s" timeout="1min"/><op id="o2" name="start" interval="0" timeout="PT5M"/></operations></primitive><primitive id="s" class="lsb" type="t"/></resources>
	<constraints><rsc_location id="l" rsc="r" node="n1" score="INFINITY"/><rsc_location id="l2" rsc="s" node="n1" score="15"/>
	<rsc_order id="o" first="r" then="s" score="INFINITY"/><rsc_colocation id="c" rsc="r" with-rsc="s" score="+INFINITY"/></constraints>
	<fencing-topology><fencing-level id="f1" target="n1" index="1" devices="d"/><fencing-level id="f2" target="n2" index="1" devices="d"/></fencing-topology>
	</configuration><status><node_state id="n1"/></status></cib>`
	const b = `<?xml version="1.0"?><!-- by hand --><cib num_updates="0" epoch="77" validate-with="pacemaker-3.9" have-quorum="1">
	<configuration><nodes><node id="2" uname="n2" type="member"/><node uname="n1" id="1"><instance_attributes id="i2"><nvpair id="q" name="b" value="2"/></instance_attributes>
	<instance_attributes id="i3"><nvpair id="r9" name="a" value="1"/><nvpair id="r8" name="nothing"/></instance_attributes></node></nodes><crm_config>
	<cluster_property_set id="other"><nvpair id="z" name="b" value="hidden"/><nvpair id="z2" name="stonith-timeout" value='PT1M'/></cluster_property_set>
	<cluster_property_set id="cib-bootstrap-options"><nvpair id="z3" name="b" value="2"/></cluster_property_set></crm_config>
	<constraints><rsc_colocation id="c9" score="INFINITY" rsc="r" with-rsc="s"/><rsc_order id="o9" then="s" first="r" score="1000000"/>
	<rsc_location id="l9" rsc="s" node="n1" score="10"/><rsc_location id="l8" rsc="s" node="n1" score="5"/><rsc_location id="l7" rsc="r" node="n1" score="1000000"/></constraints>
	<resources><primitive id="s" class="lsb" type="t"/><primitive id="r" type="t" provider="p" class="ocf"><operations><op id="w" name="start" timeout="300"/><op id="v" timeout="60" name="monitor" interval="1m"/></operations></primitive></resources>
	<fencing-topology><fencing-level id="f8" target="n2" index="1" devices="d"/><fencing-level id="f9" target="n1" index="1" devices="d"/></fencing-topology>
	<rsc_defaults><meta_attributes id="empty"/></rsc_defaults><tags/></configuration></cib>`
	require.Empty(t, Diff(parseCIB(t, a), parseCIB(t, b)))

	// target-role=Started counts where something else gives a role.
	role := strings.Replace(b, `<meta_attributes id="empty"/>`,
		`<meta_attributes id="d"><nvpair id="d1" name="target-role" value="Stopped"/></meta_attributes>`, 1)
	require.Equal(t, []string{"resource r: meta attribute target-role Started is gone",
		"resource default target-role: Stopped is new"}, sentences(Diff(parseCIB(t, a), parseCIB(t, role))))
}

// Shuffled elements mean the same where order means nothing: in every CIB of the corpus.
func TestCorpusDiffOfShuffledCIBs(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4)) // the same order every time
	shuffled := 0
	for _, path := range golden.CorpusCIBs(t) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		base, err := ParseCIB(bytes.NewReader(data))
		if err != nil {
			continue
		}
		root, err := readX(data)
		if err != nil || strings.Contains(string(data), "duplicate") { // of two with the same name the first counts
			continue
		}
		before := meaningOf(root)
		var visit func(*xnode)
		visit = func(n *xnode) {
			switch n.tag {
			case "constraints", "nodes", "operations", "tags", "alerts", "resources", "configuration":
				n.kids = slices.Clone(n.kids)
				random.Shuffle(len(n.kids), func(i, j int) { n.kids[i], n.kids[j] = n.kids[j], n.kids[i] })
			}
			for _, k := range n.kids {
				visit(k)
			}
		}
		visit(root)
		if meaningOf(root) != before { // two sections of a kind, or ids that stand twice
			continue
		}
		var b strings.Builder
		root.print(&b)
		require.Empty(t, Diff(base, parseCIB(t, b.String())), path)
		shuffled++
	}
	t.Logf("%d CIBs", shuffled)
	require.Greater(t, shuffled, 1100)
}

// Renaming nodes makes a CIB with short names the same as one with full ones (H12), and nothing else.
func TestDiffRenamesNodes(t *testing.T) {
	short := `<cib><configuration><nodes><node id="n1" uname="n1"/></nodes><resources><primitive id="a" class="lsb" type="x"/></resources><constraints>
	<rsc_location id="l" rsc="a" node="n1" score="5"/><rsc_location id="m" rsc="a" node="n1" score="5" role="Stopped"/>
	<rsc_location id="n" rsc="a"><rule id="r" score="5"><expression id="e" attribute="#uname" operation="eq" value="n1"/><expression id="f" attribute="other" operation="eq" value="keep"/></rule></rsc_location></constraints>
	<fencing-topology><fencing-level id="f" target="n1" index="1" devices="d"/></fencing-topology></configuration></cib>`
	full := strings.NewReplacer(`uname="n1"`, `uname="n1.intl"`, `node="n1"`, `node="n1.intl"`, `value="n1"`,
		`value="n1.intl"`, `target="n1"`, `target="n1.intl"`).Replace(short)
	names := RenameNodes(map[string]string{"n1": "n1.intl"})
	require.Empty(t, Diff(parseCIB(t, short), parseCIB(t, full), names))
	require.Len(t, Diff(parseCIB(t, short), parseCIB(t, full)), 9)
	other := strings.Replace(full, `value="keep"`, `value="n1"`, 1)
	require.Len(t, Diff(parseCIB(t, short), parseCIB(t, other), names), 1, "only what names a node is renamed")
}

// Constraints of the same two resources are told apart by what they say: exchanging values between them is a difference.
func TestDiffDoesNotMixUpTwins(t *testing.T) {
	cib := func(orders string) *CIB {
		return parseCIB(t, `<cib><configuration><resources/><constraints>`+orders+`</constraints></configuration></cib>`)
	}
	a := cib(`<rsc_order id="1" first="a" then="b" kind="Mandatory" symmetrical="true"/><rsc_order id="2" first="a" then="b" kind="Optional" symmetrical="false"/>`)
	b := cib(`<rsc_order id="1" first="a" then="b" kind="Mandatory" symmetrical="false"/><rsc_order id="2" first="a" then="b" kind="Optional" symmetrical="true"/>`)
	require.Equal(t, []string{"order constraint a → b: symmetrical was true, is now false",
		"order constraint a → b: symmetrical was false, is now true"}, sentences(Diff(a, b)))
	require.Equal(t, []string{"order constraint a → b is gone"},
		sentences(Diff(a, cib(`<rsc_order id="9" first="a" then="b" kind="Optional" symmetrical="false"/>`))))
}

func FuzzDiff(f *testing.F) {
	iml, err := os.ReadFile("testdata/" + imlCIB)
	require.NoError(f, err)
	pcs, err := os.ReadFile("testdata/pcs-0.9.152/rebuild-two-nodes.xml")
	require.NoError(f, err)
	f.Add(iml, pcs)
	f.Add([]byte(`<cib><configuration><resources><primitive id="a"><meta_attributes id-ref="b"/></primitive></resources></configuration></cib>`), []byte(`<cib/>`))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		a, err := ParseCIB(bytes.NewReader(one))
		if err != nil {
			return
		}
		require.Empty(t, Diff(a, a.Clone()))
		require.Empty(t, Diff(a, a.Clone(), ManagedIDs()))
		_ = a.Validate()
		b, err := ParseCIB(bytes.NewReader(two))
		if err != nil {
			return
		}
		there, back := Diff(a, b), Diff(b, a)
		require.Len(t, back, len(there))
		for i, d := range there {
			require.NotEmpty(t, d.String())
			if d.Kind != back[i].Kind || d.Subject != back[i].Subject {
				t.Fatalf("not symmetric: %v, %v", d, back[i])
			}
		}
	})
}
