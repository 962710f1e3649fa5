package pacemaker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var fqdns = map[string]string{"ct6-mds1": "ct6-mds1.lfs.intl", "ct6-mds2": "ct6-mds2.lfs.intl"}

// An expectation that does not say what it matches matches nothing, alone and beside others.
func TestExpectationWithoutMatches(t *testing.T) {
	old := readCIB(t, imlCIB)
	changed := old.Clone()
	changed.SetProperty("stonith-enabled", "false")
	mute := Expectation{Name: "mute", Why: "forgotten"}
	want := Diff(old, changed)
	require.Len(t, want, 1)
	require.Equal(t, want, Diff(old, changed, Expect(mute, Expectation{}, ExpectDisabled)))
	require.Empty(t, Diff(old, changed, Expect(mute, Expectation{Matches: func(d Difference) bool { return d.Subject == "stonith-enabled" }})))
}

// H9, H12, H22, H23: the cluster that real pcs 0.9.152 rebuilt means the same as the backup, but for what is expected by name.
func TestDiffAgainstARealRebuild(t *testing.T) {
	old, rebuilt := readCIB(t, imlCIB), readCIB(t, "pcs-0.9.152/rebuild-two-nodes.xml")
	require.Equal(t, []string{
		"property cluster-infrastructure: was openais, is now corosync",
		"property cluster-name: lustre-ha-cluster is new",
		"property configured_by: ct6-mds1 is gone",
		"property dc-version: was 1.1.10-14.el6_5.3-368c726, is now 1.1.15-11.el7_3.4-e174ec8",
		"property expected-quorum-votes: 2 is gone",
		"property have-watchdog: false is new",
		"property maintenance-mode: true is new",
		"resource MGS_32834e: meta attribute target-role Stopped is new",
		"resource demo-MDT0000_802c1b: meta attribute target-role Stopped is new",
		"resource st-fencing: operation monitor every 60s is new",
	}, sentences(Diff(old, rebuilt, RenameNodes(fqdns))))

	expected := append(RebuildExpectations(), ExpectDisabled)
	require.Empty(t, Diff(old, rebuilt, RenameNodes(fqdns), Expect(expected...)))
	for i, e := range expected {
		rest := append(append([]Expectation{}, expected[:i]...), expected[i+1:]...)
		require.NotEmpty(t, e.Name)
		require.NotEmpty(t, e.Why)
		if e.Name != ExpectNodeStates.Name && e.Name != ExpectMaintenanceOff.Name && e.Name != ExpectOperationsByPCS.Name {
			require.NotEmpty(t, Diff(old, rebuilt, RenameNodes(fqdns), Expect(rest...)), "without %q", e.Name)
		}
	}
	require.Len(t, Diff(old, rebuilt, RenameNodes(fqdns), Expect(expected...), ManagedIDs()), 4, "H9: IML does not find four constraints")
}

// H22: what a later pcs adds to a resource is expected by name, and nothing else with it.
func TestDiffOperationsByPCS(t *testing.T) {
	of := func(ops string) *CIB {
		cib, err := ParseCIB(strings.NewReader(`<cib><configuration><crm_config/><nodes/><resources><primitive id="R" class="ocf" provider="chroma" type="Target"><operations>` + ops +
			`</operations></primitive></resources><constraints/></configuration><status/></cib>`))
		require.NoError(t, err)
		return cib
	}
	const monitor, notify = `<op id="m" name="monitor" interval="5"/>`, `<op id="n" name="notify" interval="0s" timeout="60"/>`
	require.NotEmpty(t, Diff(of(monitor), of(monitor+notify)))
	require.Empty(t, Diff(of(monitor), of(monitor+notify), Expect(ExpectOperationsByPCS)))
	require.NotEmpty(t, Diff(of(monitor+notify), of(monitor), Expect(ExpectOperationsByPCS)), "one that is gone")
	require.NotEmpty(t, Diff(of(monitor), of(monitor+`<op id="s" name="stop" interval="0s" timeout="60"/>`),
		Expect(ExpectOperationsByPCS)), "one that matters")
}

func TestDiffSentences(t *testing.T) {
	base := func() *CIB { return readCIB(t, imlCIB) }
	for name, c := range map[string]struct {
		edit func(*CIB)
		want []string
	}{
		"constraint gone": {func(c *CIB) { c.RemoveConstraint("MGS_32834e-secondary") },
			[]string{"location constraint MGS_32834e → ct6-mds2: score 10 is gone"}},
		"score": {func(c *CIB) {
			c.RemoveConstraint("MGS_32834e-secondary")
			require.NoError(t, c.AddLocation(Location{ID: "MGS_32834e-secondary", Resource: "MGS_32834e", Node: "ct6-mds2", Score: "INFINITY"}))
		}, []string{"location constraint MGS_32834e → ct6-mds2: score was 10, is now INFINITY"}},
		"property": {func(c *CIB) { c.SetProperty("stonith-enabled", "false") }, []string{"property stonith-enabled: was true, is now false"}},
		"new":      {func(c *CIB) { c.SetProperty("stonith-timeout", "1 h") }, []string{`property stonith-timeout: "1 h" is new`}},
		"default": {func(c *CIB) { c.SetResourceDefault("resource-stickiness", "0") },
			[]string{"resource default resource-stickiness: was 1000, is now 0"}},
		"password": {func(c *CIB) {
			require.NoError(t, c.SetNodeAttribute("ct6-mds1", "0_fence_password", "other"))
		}, []string{"node ct6-mds1: attribute 0_fence_password differs"}},
		"node": {func(c *CIB) { c.RemoveNode("ct6-mds2") }, []string{"node ct6-mds2 is gone"}},
		"resource": {func(c *CIB) { c.RemoveResource("MGS_32834e") }, []string{
			"resource MGS_32834e is gone",
			"location constraint MGS_32834e → ct6-mds1: score 20 is gone", "location constraint MGS_32834e → ct6-mds2: score 10 is gone",
		}},
		"target": {func(c *CIB) { require.NoError(t, c.SetInstanceAttribute("MGS_32834e", "target", "x")) },
			[]string{"resource MGS_32834e: attribute target was 9aaf3d9d-df51-48d5-9da1-49d57dee12c0, is now x"}},
		"role":     {func(c *CIB) { c.RemoveMeta("MGS_32834e", "target-role") }, nil},
		"counters": {func(c *CIB) { c.BumpEpoch(); c.SetAttribute("num_updates", "9") }, nil},
		"time":     {func(c *CIB) { c.SetResourceDefault("failure-timeout", "PT20M") }, nil},
		"empty value": {func(c *CIB) { require.NoError(t, c.SetNodeAttribute("ct6-mds1", "a", "")) },
			[]string{`node ct6-mds1: attribute a "" is new`}},
	} {
		t.Run(name, func(t *testing.T) {
			edited := base()
			c.edit(edited)
			require.Equal(t, c.want, sentences(Diff(base(), edited)))
		})
	}
}

// What has no form of its own is told as it stands: unknown attributes, sections and elements, and sections that stand twice.
func TestDiffOfWhatNobodyKnows(t *testing.T) {
	const head, tail = `<cib><configuration%s><resources%s/>`, `%s</configuration>%s</cib>`
	cib := func(a, b, c, d string) *CIB {
		return parseCIB(t, fmt.Sprintf(head, a, b)+fmt.Sprintf(tail, c, d))
	}
	base := cib("", "", "", "")
	for _, c := range []struct {
		cib  *CIB
		want string
	}{
		{cib(` x="1"`, "", "", ""), "configuration configuration: XML attribute x 1 is new"},
		{cib("", ` x="1"`, "", ""), "configuration resources: XML attribute x 1 is new"},
		{cib("", "", `<new><thing id="t" a="1"><deep b="2"/></thing></new>`, ""), "configuration new: thing (id=t a=1 b=2) is new"},
		{cib("", "", `<resources><primitive id="p"/></resources>`, ""), "configuration configuration: resources is new"},
		{cib("", "", "", `<extra a="1"/>`), "configuration cib: extra (a=1) is new"},
		{cib("", "", `<tags><tag id="t"/></tags>`, ""), "tag t is new"},
		{cib("", "", `<acls><acl_role id="r"/></acls>`, ""), "ACL acl_role r is new"},
		{cib("", "", `<alerts><alert id="a" path="/x"/></alerts>`, ""), "alert a is new"},
		{cib("", "", `<fencing-topology><fencing-level id="f" target="n" index="2" devices="d"/></fencing-topology>`, ""),
			"fencing level 2 of n is new"},
	} {
		got := sentences(Diff(base, c.cib))
		require.Len(t, got, 1, "%q", got)
		require.Equal(t, c.want, got[0])
	}
	moved := func(in string) *CIB {
		return parseCIB(t, `<cib><configuration><resources><group id="g">`+in+
			`</group><primitive id="x" class="lsb" type="t"/></resources></configuration></cib>`)
	}
	require.Equal(t, []string{"resource g: members was (a b), is now (b a)"},
		sentences(Diff(moved(`<primitive id="a" class="lsb" type="t"/><primitive id="b" class="lsb" type="t"/>`),
			moved(`<primitive id="b" class="lsb" type="t"/><primitive id="a" class="lsb" type="t"/>`))))
}

// A changed password is told without either value, in every form.
func TestDifferencesHoldNoSecret(t *testing.T) {
	edited := readCIB(t, imlCIB)
	require.NoError(t, edited.SetNodeAttribute("ct6-mds1", "0_fence_password", "hunter2"))
	ds := Diff(readCIB(t, imlCIB), edited)
	require.Len(t, ds, 1)
	text, err := json.Marshal(ds)
	require.NoError(t, err)
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v", ds, ds, ds), string(text)} {
		require.NotContains(t, shown, "calvin")
		require.NotContains(t, shown, "hunter2")
	}
}

// Constraints that are not plain: the same under other ids and in another order, different when they say something else.
func TestDiffOfOtherConstraints(t *testing.T) {
	const head = `<cib><configuration><resources/><constraints>`
	const tail = `</constraints></configuration></cib>`
	one := `<rsc_location id="l1" rsc="a"><rule id="r1" score="5"><expression id="e1" attribute="#uname" operation="eq" value="n1"/></rule></rsc_location>`
	two := `<rsc_order id="o1" first="a" then="b" kind="Mandatory"/>`
	three := `<rsc_colocation id="c1" score="5"><resource_set id="s1"><resource_ref id="a"/><resource_ref id="b"/></resource_set></rsc_colocation>`
	four := `<rsc_order id="o2" first="a" then="b" kind="Optional"/>`
	a := parseCIB(t, head+one+two+three+four+tail)
	other := `<rsc_order id="o2x" first="a" then="b" kind="Optional"/>` +
		`<rsc_colocation id="c1x" score="5"><resource_set id="s1x"><resource_ref id="a"/><resource_ref id="b"/></resource_set></rsc_colocation>` +
		`<rsc_order id="o1x" kind="Mandatory" first="a" then="b"/>` +
		`<rsc_location id="l1x" rsc="a"><rule id="r1x" score="5"><expression id="e1x" attribute="#uname" operation="eq" value="n1.x"/></rule></rsc_location>`
	b := parseCIB(t, head+other+tail)
	require.Empty(t, Diff(a, b, RenameNodes(map[string]string{"n1": "n1.x"})))
	require.Equal(t, []string{"location constraint a: rule was (score=5: #uname eq n1), is now (score=5: #uname eq n1.x)"},
		sentences(Diff(a, b)))
	require.Len(t, Diff(a, parseCIB(t, head+tail)), 4)
}

// Diff of anything with itself is empty; the other way round it tells the same with old and new exchanged.
func TestDiffIsReflexiveAndSymmetric(t *testing.T) {
	base := readCIB(t, imlCIB)
	rapid.Check(t, func(t *rapid.T) {
		a, b := base.Clone(), base.Clone()
		mutate(t, a)
		mutate(t, b)
		if d := Diff(a, a.Clone()); len(d) > 0 {
			t.Fatalf("not reflexive: %v", d)
		}
		ids := []DiffOption{ManagedIDs(), RenameNodes(fqdns)}[:rapid.IntRange(0, 2).Draw(t, "options")]
		there, back := Diff(a, b, ids...), Diff(b, a, ids...)
		for i := range back {
			back[i].InOld, back[i].InNew = back[i].InNew, back[i].InOld
			back[i].Old, back[i].New = back[i].New, back[i].Old
		}
		if d := cmp.Diff(there, back); d != "" {
			t.Fatalf("not symmetric:\n%s", d)
		}
		if a.Version() == b.Version() && len(there) == 0 {
			return
		}
		// What is printed and read again means the same.
		var text bytes.Buffer
		if _, err := a.WriteTo(&text); err != nil {
			t.Fatal(err)
		}
		again, err := ParseCIB(&text)
		if err != nil {
			t.Fatal(err)
		}
		if d := Diff(a, again, ManagedIDs()); len(d) > 0 {
			t.Fatalf("printing changed it: %v", d)
		}
	})
}

func mutate(t *rapid.T, c *CIB) {
	value := rapid.StringOf(rapid.RuneFrom([]rune("ab \n\t\r<>&\"'é0123"))).Draw
	rsc := rapid.SampledFrom([]string{"MGS_32834e", "demo-MDT0000_802c1b", "st-fencing", "new"})
	node := rapid.SampledFrom([]string{"ct6-mds1", "ct6-mds2", "ct6-mds3"})
	for range rapid.IntRange(0, 6).Draw(t, "edits") {
		switch rapid.IntRange(0, 10).Draw(t, "edit") {
		case 0:
			c.SetProperty(rapid.SampledFrom([]string{"a", "stonith-enabled"}).Draw(t, "name"), value(t, "value"))
		case 1:
			_ = c.SetNodeAttribute(node.Draw(t, "node"), "0_fence_password", value(t, "value"))
		case 2:
			_ = c.SetMeta(rsc.Draw(t, "rsc"), "target-role", rapid.SampledFrom([]string{"Started", "Stopped"}).Draw(t, "role"))
		case 3:
			c.RemoveResource(rsc.Draw(t, "rsc"))
		case 4:
			_ = c.AddPrimitive(Resource{ID: "new", Class: "ocf", Provider: "chroma", Type: "Target",
				Operations: []Op{{Name: "monitor", Interval: "5"}}})
		case 5:
			_ = c.AddLocation(Location{ID: rapid.StringMatching("[a-z]{1,3}").Draw(t, "id"), Resource: rsc.Draw(t, "rsc"),
				Node: node.Draw(t, "node"), Score: "7"})
		case 6:
			c.RemoveConstraint(rapid.SampledFrom([]string{"MGS_32834e-primary", "demo-MDT0000_802c1b-secondary"}).Draw(t, "id"))
		case 7:
			c.SetResourceDefault("failure-timeout", value(t, "value"))
		case 8:
			_ = c.AddNode("3", "ct6-mds3")
		case 9:
			c.RemoveNode(node.Draw(t, "node"))
		case 10:
			c.BumpEpoch()
		}
	}
}
