package pacemaker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// PCM-001 to PCM-008: what IML's CIB says.
func TestViewsOfIMLsCIB(t *testing.T) {
	c := readCIB(t, imlCIB)
	require.Equal(t, "CIB 0.99.1: 2 nodes, 3 resources, 4 location constraints", c.String())
	require.Equal(t, Version{0, 99, 1}, c.Version())

	policy, ok := c.Property("no-quorum-policy")
	require.True(t, ok)
	require.Equal(t, "ignore", policy)
	require.Len(t, c.PropertySets(), 2, "PCM-006: IML's own set too")
	by, _ := c.Property("configured_by")
	require.Equal(t, "ct6-mds1", by)

	var names []string
	for _, p := range c.ResourceDefaults().Effective() {
		names = append(names, p.String())
	}
	require.Equal(t, []string{"resource-stickiness=1000", "failure-timeout=20m", "migration-threshold=3"}, names, "PCM-008")

	n, ok := c.Node("ct6-mds2")
	require.True(t, ok)
	for name, want := range map[string]string{"agent": "fence_virsh", "ipaddr": "192.168.0.1", "ipport": "22",
		"login": "root", "password": "calvin", "plug": "ct6-mds2"} {
		got, ok := n.Attributes.Get("0_fence_" + name)
		require.True(t, ok, "PCM-005: %s", name)
		require.Equal(t, want, got)
	}

	mgs, ok := c.Resource("MGS_32834e")
	require.True(t, ok)
	require.Equal(t, "ocf:chroma:Target", mgs.Agent())
	target, _ := mgs.Instance.Get("target")
	require.Equal(t, "9aaf3d9d-df51-48d5-9da1-49d57dee12c0", target, "PCM-002")
	role, _ := mgs.Meta.Get("target-role")
	require.Equal(t, "Started", role)
	require.Equal(t, []Op{
		{ID: "MGS_32834e-monitor-5", Name: "monitor", Interval: "5", Timeout: "60"},
		{ID: "MGS_32834e-start-0", Name: "start", Interval: "0", Timeout: "300"},
		{ID: "MGS_32834e-stop-0", Name: "stop", Interval: "0", Timeout: "300"},
	}, mgs.Operations)

	fence, ok := c.Resource("st-fencing")
	require.True(t, ok)
	require.Equal(t, "stonith:fence_chroma", fence.Agent(), "PCM-003")
	require.Empty(t, fence.Instance)

	require.Equal(t, Location{ID: "MGS_32834e-primary", Resource: "MGS_32834e", Node: "ct6-mds1", Score: "20"}, c.Locations()[0], "PCM-004")
	_, ok = c.Resource("MGS_32834e-primary")
	require.False(t, ok)
}

// PCM-004, PCM-009: who should run where, and that stickiness keeps it from going back by itself.
func TestPreferredNode(t *testing.T) {
	c := readCIB(t, imlCIB)
	node, score, err := c.PreferredNode("demo-MDT0000_802c1b")
	require.NoError(t, err)
	require.Equal(t, "ct6-mds2", node)
	require.Equal(t, Score(20), score)
	scores, err := c.NodeScores("MGS_32834e")
	require.NoError(t, err)
	require.Equal(t, map[string]Score{"ct6-mds1": 20, "ct6-mds2": 10}, scores)
	stickiness, _ := c.ResourceDefaults().Get("resource-stickiness")
	keeps, err := ParseScore(stickiness)
	require.NoError(t, err)
	require.Greater(t, keeps, scores["ct6-mds1"]-scores["ct6-mds2"])

	_, _, err = c.PreferredNode("nothing")
	require.ErrorIs(t, err, ErrNotFound)
	_, _, err = c.PreferredNode("st-fencing")
	require.ErrorIs(t, err, ErrNoPreference)
	require.NoError(t, c.AddLocation(Location{ID: "more", Resource: "MGS_32834e", Node: "ct6-mds2", Score: "10"}))
	_, _, err = c.PreferredNode("MGS_32834e")
	require.ErrorIs(t, err, ErrNoPreference)
	require.ErrorContains(t, err, "ct6-mds1 and ct6-mds2 have the same score 20")
	require.NoError(t, c.AddLocation(Location{ID: "ban", Resource: "MGS_32834e", Node: "ct6-mds2", Score: "-INFINITY"}))
	node, _, err = c.PreferredNode("MGS_32834e")
	require.NoError(t, err)
	require.Equal(t, "ct6-mds1", node)

	ruled := parseCIB(t, `<cib><configuration><resources><primitive id="a"/><group id="g"><primitive id="b"/></group></resources><constraints>
	<rsc_location id="l" rsc="a"><rule id="r" score="5"/></rsc_location></constraints></configuration></cib>`)
	for _, id := range []string{"a", "b"} {
		_, err = ruled.NodeScores(id)
		require.ErrorIs(t, err, ErrUnsupported)
	}
}

func TestScores(t *testing.T) {
	for text, want := range map[string]Score{
		"20": 20, "+5": 5, "-7": -7, "INFINITY": Infinity, "+infinity": Infinity, "-INFINITY": -Infinity, "1000000": Infinity,
		"2000000": Infinity, "-99999999999999999999999": -Infinity, "99999999999999999999999": Infinity, "0": 0,
	} {
		got, err := ParseScore(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		again, err := ParseScore(got.String())
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
	for _, bad := range []string{"", "-", "+", "-+5", "5%", "1.5", "inf", " 5"} {
		_, err := ParseScore(bad)
		require.Error(t, err, "%q", bad)
	}
	require.Equal(t, -Infinity, Infinity.Add(-Infinity))
	require.Equal(t, Infinity, Score(-5).Add(Infinity))
	require.Equal(t, Infinity, Score(999_999).Add(5))
	require.Equal(t, Score(13), Score(20).Add(-7))
	require.Equal(t, "-INFINITY", Score(-2_000_000).String())
}

// Bad input is an error with its place; a CIB cut in half tells where it ends and which element is open.
func TestParseCIBErrors(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"empty":      {"", "f.xml:1:1: the document has no element"},
		"garbage":    {"garbage", `f.xml:1:1: text outside the root element: near "garbage"`},
		"wrong root": {"\n <crm_mon/>", `f.xml:2:2: the root element is not <cib>: near "<crm_mon"`},
		"two roots":  {"<cib/>\n<cib/>", `f.xml:2:1: a second root element: near "<cib"`},
		"text after": {"<cib/>x", `f.xml:1:7: text outside the root element: near "x"`},
		"cut in element": {"<cib>\n<configuration>\n <nodes>\n",
			`f.xml:4:1: the document ends while <nodes> is open since line 3 (/cib/configuration/nodes)`},
		"cut in tag": {"<cib>\n <node id=\"n1\">\n  <nvpair id=\"",
			`f.xml:3:15: the document ends inside the tag <nvpair> while <node id="n1"> is open since line 2 (/cib/node)`},
		"cut in end tag": {"<cib>\n</ci", `f.xml:2:5: the document ends inside an end tag while <cib> is open since line 1 (/cib)`},
		"wrong end": {"<cib>\n <a id=\"x\">\n </b></cib>",
			`f.xml:3:2: the end tag does not fit <a id="x">, open since line 2: near "</b>"`},
		"no start":       {"</cib>", `f.xml:1:1: an end tag without a start tag: near "</cib>"`},
		"twice":          {`<cib a="1" b="2" a="3"/>`, `f.xml:1:18: an attribute of <cib> is given twice: near "a"`},
		"no blank":       {`<cib a="1"b="2"/>`, `f.xml:1:11: no blank before an attribute of <cib>: near "b"`},
		"no value":       {`<cib a/>`, `f.xml:1:6: an attribute of <cib> has no value: near "a"`},
		"no quote":       {`<cib a=1/>`, `f.xml:1:6: the value of an attribute of <cib> is not quoted: near "a"`},
		"< in value":     {`<cib a="<"/>`, `f.xml:1:9: a < in the value of an attribute of <cib>: near "a"`},
		"< in tag":       {"<cib\n<a/>", `f.xml:2:1: a < inside the tag <cib>: near "<a/>"`},
		"< in empty tag": {"<cib><a/<!--></cib>", `f.xml:1:8: not an attribute, in <a>: near "/"`},
		"bad name":       {"<cib><a×/></cib>", `f.xml:1:6: a < that starts no tag: near "<a×/></cib>"`},
		"bare <":         {"<cib>< a/></cib>", `f.xml:1:6: a < that starts no tag: near "< a/></cib>"`},
		"entity":         {"<cib>&nbsp;</cib>", `f.xml:1:6: not a character reference that XML knows: near "&"`},
		"bad reference":  {`<cib a="&#0;"/>`, `f.xml:1:9: not a character reference that XML knows: near "&"`},
		"doctype": {"<!DOCTYPE cib [<!ENTITY x \"y\">]><cib/>",
			`f.xml:1:1: a document type or other declaration is refused: near "<!DOCTYPE cib [<!ENTITY x "`},
		"late declaration": {"<cib><?xml version=\"1.0\"?></cib>",
			`f.xml:1:6: an XML declaration that is not at the start of the document: near "<?xml"`},
		"encoding":     {"<?xml version=\"1.0\" encoding=\"latin1\"?><cib/>", `f.xml:1:21: encoding is not UTF-8: near "latin1"`},
		"comment":      {"<cib><!-- a -- b --></cib>", `f.xml:1:13: two hyphens inside a comment: near "--"`},
		"open comment": {"<cib><!-- a", `f.xml:1:6: a comment that does not end: near "<!-- a"`},
		"]]>":          {"<cib>]]></cib>", `f.xml:1:6: the end of a CDATA section without its start: near "]]>"`},
		"control":      {"<cib>\x01</cib>", `f.xml:1:6: a character that XML does not allow: near "'\\x01'"`},
		"two sections": {"<cib><configuration/><configuration/></cib>",
			`f.xml:1:1: <configuration> stands more than once in <cib>: near "<cib"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseCIB(srcerr.Named("f.xml", strings.NewReader(c.in)))
			var parseErr *ParseError
			require.ErrorAs(t, err, &parseErr)
			require.Equal(t, c.want, err.Error())
		})
	}
	_, err := ParseCIB(strings.NewReader("<cib>" + strings.Repeat("<a>", 300) + strings.Repeat("</a>", 300) + "</cib>"))
	require.ErrorContains(t, err, "nested deeper than 256")
}

// Wherever a CIB is cut, it is refused with a place at its end or before, and no password of it is in the message.
func TestEveryCutIsRefused(t *testing.T) {
	text, err := readCIB(t, imlCIB).Query()
	require.NoError(t, err)
	whole := bytes.TrimRight(text, "\n")
	for i := range len(whole) {
		_, err := ParseCIB(bytes.NewReader(whole[:i]))
		var parseErr *ParseError
		require.ErrorAs(t, err, &parseErr, "cut at %d", i)
		require.Positive(t, parseErr.Line)
		require.NotContains(t, err.Error(), "calvin")
	}
}

// A newline, a tab and quotes in a value survive an edit elsewhere: etree alone would write them raw.
func TestEditKeepsTheInformationSet(t *testing.T) {
	c := parseCIB(t, "<?xml version=\"1.0\" ?>\r\n<!-- keep -->\r\n<cib xmlns:x=\"u\" x:y='1' "+
		"epoch=\"4\"><configuration><crm_config/><nodes><node id=\"1\" uname=\"n\">"+
		"<instance_attributes id=\"i\"><nvpair id=\"p\" name=\"a\" "+
		"value=\"x&#10;y&#9;&quot;&lt;'&amp;&#13;z\n.\"/></instance_attributes></node></nodes>"+
		"</configuration><status>t &lt; <![CDATA[<raw>]]><?pi data?></status></cib>\n")
	before := infoset(c.Root())
	n, _ := c.Node("n")
	value, _ := n.Attributes.Get("a")
	require.Equal(t, "x\ny\t\"<'&\rz .", value)

	c.SetProperty("p", "v")
	require.True(t, c.RemoveProperty("p"))
	c.Edit()
	text, err := c.Query()
	require.NoError(t, err)
	require.Contains(t, string(text), "<!-- keep -->")
	require.Contains(t, string(text), "value=\"x&#10;y&#9;&quot;&lt;'&amp;&#13;z\n.\"", "what was not edited stands as it stood")
	again := parseCIB(t, string(text))
	n, _ = again.Node("n")
	value, _ = n.Attributes.Get("a")
	require.Equal(t, "x\ny\t\"<'&\rz .", value)
	require.Len(t, infoset(again.Root()), len(before)+3, "only the empty property set is more")
	require.NoError(t, again.SetNodeAttribute("n", "a", "1\n2\t3\r"))
	text, err = again.Query()
	require.NoError(t, err)
	require.Contains(t, string(text), `value="1&#xA;2&#x9;3&#xD;"`, "a line break that is written raw would be a blank to the next reader")
}

// A byte order mark and CRLF are kept in a document that is not edited.
func TestUneditedIsByteForByte(t *testing.T) {
	const text = "\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?>\r\n<cib  epoch = '3' >\r\n</cib >\r\n<!-- end -->\n"
	got, err := parseCIB(t, text).Query()
	require.NoError(t, err)
	require.Equal(t, text, string(got))
	require.Equal(t, 3, parseCIB(t, text).Version().Epoch)
}

func TestEdits(t *testing.T) {
	c := readCIB(t, imlCIB)
	original, err := c.Query()
	require.NoError(t, err)

	require.NoError(t, c.AddPrimitive(Resource{
		ID: "demo-OST0000_1", Class: "ocf", Provider: "chroma", Type: "Target",
		Instance:   AttributeSets{{Pairs: []NVPair{{Name: "target", Value: "u"}}}},
		Meta:       AttributeSets{{Pairs: []NVPair{{Name: "target-role", Value: "Stopped"}}}},
		Operations: []Op{{Name: "monitor", Interval: "5", Timeout: "60", Other: []NVPair{{Name: "on-fail", Value: "restart"}}}},
	}))
	require.ErrorIs(t, c.AddPrimitive(Resource{ID: "MGS_32834e", Type: "Target"}), ErrExists)
	require.Error(t, c.AddPrimitive(Resource{ID: "x"}))
	require.NoError(t, c.AddLocation(Location{ID: "demo-OST0000_1-primary", Resource: "demo-OST0000_1", Node: "ct6-mds1", Score: "20"}))
	require.ErrorIs(t, c.AddLocation(Location{ID: "demo-OST0000_1-primary", Resource: "demo-OST0000_1", Node: "n", Score: "20"}), ErrExists)
	require.ErrorIs(t, c.AddLocation(Location{ID: "y", Resource: "nothing", Node: "n", Score: "20"}), ErrNotFound)
	require.ErrorIs(t, c.AddLocation(Location{ID: "y", Resource: "MGS_32834e", Score: "20"}), ErrUnsupported)
	require.Error(t, c.AddLocation(Location{ID: "y", Resource: "MGS_32834e", Node: "n", Score: "much"}))
	require.NoError(t, c.AddNode("3", "ct6-mds3"))
	require.ErrorIs(t, c.AddNode("4", "ct6-mds3"), ErrExists)
	require.NoError(t, c.SetNodeAttribute("ct6-mds3", "standby", "on"))
	require.ErrorIs(t, c.SetNodeAttribute("absent", "standby", "on"), ErrNotFound, "H7")
	require.ErrorIs(t, c.SetMeta("absent", "target-role", "Stopped"), ErrNotFound)
	c.SetProperty("maintenance-mode", "true")
	c.SetOperationDefault("timeout", "90s")
	c.BumpEpoch()
	require.Equal(t, Version{0, 100, 0}, c.Version())

	text, err := c.Query()
	require.NoError(t, err)
	for _, want := range []string{ // indented like their neighbours, with ids as pcs makes them
		"\n      <primitive id=\"demo-OST0000_1\" class=\"ocf\" provider=\"chroma\" type=\"Target\">",
		"\n          <op id=\"demo-OST0000_1-monitor-interval-5\" name=\"monitor\" interval=\"5\" timeout=\"60\" on-fail=\"restart\"/>",
		"\n        <nvpair id=\"cib-bootstrap-options-maintenance-mode\" name=\"maintenance-mode\" value=\"true\"/>",
		"\n          <nvpair id=\"nodes-3-standby\" name=\"standby\" value=\"on\"/>",
		"\n    <op_defaults>\n      <meta_attributes id=\"op_defaults-options\">",
		"\n      <rsc_location id=\"demo-OST0000_1-primary\" rsc=\"demo-OST0000_1\" node=\"ct6-mds1\" score=\"20\"/>",
	} {
		require.Contains(t, string(text), want)
	}

	require.True(t, c.RemoveResource("demo-OST0000_1"))
	require.False(t, c.RemoveResource("demo-OST0000_1"))
	require.Len(t, c.Locations(), 4, "its constraint goes with it")
	require.True(t, c.RemoveNode("ct6-mds3"))
	require.True(t, c.RemoveProperty("maintenance-mode"))
	require.False(t, c.RemoveNodeAttribute("ct6-mds1", "standby"))
	require.True(t, c.RemoveNodeAttribute("ct6-mds1", "0_fence_plug"))
	require.True(t, c.RemoveMeta("MGS_32834e", "target-role"))
	require.False(t, c.RemoveConstraint("MGS_32834e"), "a resource is no constraint")
	require.False(t, c.RemoveResourceDefault("nothing"))
	require.Equal(t, []string{"node ct6-mds1: attribute 0_fence_plug ct6-mds1 is gone", "operation default timeout: 90s is new"},
		sentences(Diff(parseCIB(t, string(original)), c)))

	empty := parseCIB(t, "<cib><status/></cib>")
	empty.SetProperty("a", "b")
	require.NoError(t, empty.AddNode("1", "n"))
	text, err = empty.Query()
	require.NoError(t, err)
	require.Less(t, strings.Index(string(text), "<configuration>"), strings.Index(string(text), "<status/>"))
	require.Empty(t, Diff(empty, parseCIB(t, string(text))))
}

// Removing a resource leaves nothing that names it: an id that leads nowhere would make Pacemaker refuse the CIB.
func TestRemoveResourceLeavesNoReference(t *testing.T) {
	c := parseCIB(t, `<cib><configuration><resources>
	<clone id="c"><group id="g"><primitive id="a"/></group></clone><primitive id="b"/></resources><constraints>
	<rsc_order id="o" first="c" then="b"/><rsc_colocation id="k"><resource_set id="s"><resource_ref id="a"/></resource_set></rsc_colocation>
	<rsc_order id="p"><resource_set id="q"><resource_ref id="a"/><resource_ref id="b"/></resource_set></rsc_order>
	<rsc_ticket id="t" rsc="g" ticket="T"/></constraints><tags><tag id="tag"><obj_ref id="a"/></tag></tags></configuration></cib>`)
	require.Len(t, c.Primitives(), 2)
	require.True(t, c.RemoveResource("a"))
	text, err := c.Query()
	require.NoError(t, err)
	for _, gone := range []string{`"a"`, `"g"`, `"c"`, `"o"`, `"k"`, `"t"`, `"tag"`} {
		require.NotContains(t, string(text), gone)
	}
	require.Equal(t, []string{"b"}, c.Orders()[0].Sets[0].Resources)
}

// Views of all that the schemas allow.
func TestViewsOfEverything(t *testing.T) {
	c := parseCIB(t, `<cib><configuration><crm_config>
	<cluster_property_set id="low"><nvpair id="l1" name="a" value="low"/><nvpair id="l2" name="b" value="b"/></cluster_property_set>
	<cluster_property_set id="high" score="5"><nvpair id="h1" name="a" value="high"/></cluster_property_set>
	<cluster_property_set id="when" score="9"><rule id="r" score="1"/><nvpair id="w1" name="a" value="rule"/></cluster_property_set></crm_config>
	<nodes><node id="1" uname="n" type="member"><utilization id="u"><nvpair id="u1" name="cpu" value="2"/></utilization></node></nodes>
	<resources><template id="t" class="ocf" provider="p" type="x"/>
	<primitive id="a" template="t"><meta_attributes id-ref="shared"/><operations id-ref="ops"/></primitive>
	<group id="g"><primitive id="b" class="systemd" type="d"><meta_attributes id="shared"><nvpair id="m" name="k" value="v"/></meta_attributes>
	<operations id="ops"><op id="op" name="monitor" interval="10s" role="Master"><instance_attributes id="oi"><nvpair id="oc" name="OCF_CHECK_LEVEL" value="10"/></instance_attributes></op></operations></primitive></group>
	<master id="m1"><primitive id="c" class="ocf" provider="p" type="y"/></master><bundle id="bu"><primitive id="d" class="ocf" provider="p" type="z"/></bundle></resources>
	<constraints><rsc_order id="o" first="a" then="g" first-action="start" kind="Optional" symmetrical="false"/>
	<rsc_colocation id="k" rsc="a" with-rsc="g" score="INFINITY" with-rsc-role="Master"/>
	<rsc_ticket id="ti" ticket="T" rsc="a" loss-policy="stop"/>
	<rsc_location id="l" rsc-pattern="^a" score="5" node="n" resource-discovery="never"/></constraints>
	<fencing-topology><fencing-level id="f" target="n" index="1" devices="x,y"/><fencing-level id="f2" target-attribute="rack" target-value="1" index="1" devices="z"/></fencing-topology>
	<op_defaults><meta_attributes id="od"><nvpair id="od1" name="timeout" value="20s"/></meta_attributes></op_defaults>
	<tags><tag id="tag"><obj_ref id="a"/><obj_ref id="b"/></tag></tags>
	<acls><acl_role id="ro"><acl_permission id="pe" kind="read" xpath="/cib"/></acl_role></acls>
	<alerts><alert id="al" path="/x"><recipient id="re" value="y"/></alert></alerts>
	</configuration></cib>`)
	a, _ := c.Property("a")
	require.Equal(t, "high", a, "the greater score wins, and a rule is passed over")
	require.Equal(t, []string{"a=high", "b=b"}, []string{c.Properties()[0].String(), c.Properties()[1].String()})
	cpu, _ := c.Nodes()[0].Utilization.Get("cpu")
	require.Equal(t, "2", cpu)
	var kinds []Kind
	for _, r := range c.Resources() {
		kinds = append(kinds, r.Kind)
	}
	require.Equal(t, []Kind{Template, Primitive, Group, Master, Bundle}, kinds)
	require.Len(t, c.Primitives(), 4)
	ra, _ := c.Resource("a")
	require.Equal(t, "t", ra.Template)
	v, _ := ra.Meta.Get("k")
	require.Equal(t, "v", v, "id-ref is followed")
	require.Equal(t, []NVPair{{Name: "role", Value: "Master"}}, ra.Operations[0].Other)
	level, _ := ra.Operations[0].Instance.Get("OCF_CHECK_LEVEL")
	require.Equal(t, "10", level)
	rb, _ := c.Resource("b")
	require.Equal(t, "systemd:d", rb.Agent())
	require.Equal(t, Order{ID: "o", First: "a", Then: "g", FirstAct: "start", Kind: "Optional", Symmetrical: "false"}, c.Orders()[0])
	require.Equal(t, Colocation{ID: "k", Resource: "a", With: "g", Score: "INFINITY", WithRole: "Master"}, c.Colocations()[0])
	require.Equal(t, Ticket{ID: "ti", Ticket: "T", Resource: "a", LossPolicy: "stop"}, c.Tickets()[0])
	require.False(t, c.Locations()[0].Plain())
	require.Equal(t, "nodes with rack=1", c.FencingLevels()[1].Targets())
	require.Equal(t, []string{"a", "b"}, c.Tags()[0].Refs)
	require.Equal(t, []Recipient{{ID: "re", Value: "y"}}, c.Alerts()[0].Recipients)
	require.Contains(t, c.ACLs()[0].XML, "xpath")
	timeout, _ := c.OperationDefaults().Get("timeout")
	require.Equal(t, "20s", timeout)
	require.Empty(t, Diff(c, c.Clone()))

	circle := parseCIB(t, `<cib><configuration><rsc_defaults><meta_attributes id="x" id-ref="x"/></rsc_defaults></configuration></cib>`)
	require.Empty(t, circle.ResourceDefaults())
}

// No verb and no encoder prints a password of the views.
func TestViewsMaskSecrets(t *testing.T) {
	c := readCIB(t, imlCIB)
	text, err := json.Marshal(c.Nodes())
	require.NoError(t, err)
	for _, shown := range []string{string(text), fmt.Sprintf("%v %+v %#v %s", c.Nodes(), c.Nodes(), c.Nodes(), c), fmt.Sprintf("%#v", c)} {
		require.NotContains(t, shown, "calvin")
	}
	for name, secret := range map[string]bool{
		"0_fence_password": true, "passwd": true, "passwd_script": true, "snmp_community": true, "auth-token": true,
		"0_fence_plug": false, "0_fence_login": false, "0_fence_agent": false, "token_retransmits": false, "bypass": false,
	} {
		require.Equal(t, secret, SecretName(name), name)
	}
}

// Views may be read from many goroutines.
func TestConcurrentReading(t *testing.T) {
	c := readCIB(t, imlCIB)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			_, _ = c.Resource("MGS_32834e")
			_ = Diff(c, c)
		})
	}
	wg.Wait()
}

func FuzzParseCIB(f *testing.F) {
	for _, name := range []string{imlCIB, "pcs-0.9.152/rebuild-two-nodes.xml"} {
		data, err := os.ReadFile("testdata/" + name)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte("<?xml version='1.0'?><!-- c --><cib a=\"&#10;\"><configuration>t<![CDATA[x]]><?p i?></configuration></cib>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCIB(bytes.NewReader(data))
		if err != nil {
			var parseErr *ParseError
			require.ErrorAs(t, err, &parseErr)
			return
		}
		out, err := c.Query()
		require.NoError(t, err)
		require.Equal(t, data, out)
		require.Empty(t, Diff(c, c))
		c.SetProperty("a", "b")
		c.RemoveProperty("a")
		out, err = c.Query()
		require.NoError(t, err)
		again, err := ParseCIB(bytes.NewReader(out))
		require.NoError(t, err, "%q", out)
		require.Equal(t, infoset(c.Root()), infoset(again.Root()))
		require.Empty(t, Diff(c, again, ManagedIDs()))
	})
}

// grow is IML's CIB with many more targets.
func grow(t testing.TB, n int) []byte {
	t.Helper()
	c := readCIB(t, imlCIB)
	mgs, _ := c.Resource("MGS_32834e")
	for i := range n {
		r := Resource{ID: fmt.Sprintf("demo-OST%04x_%06x", i, i), Class: mgs.Class, Provider: mgs.Provider, Type: mgs.Type}
		r.Instance = AttributeSets{{Pairs: mgs.Instance.Effective()}}
		for _, o := range mgs.Operations {
			o.ID = ""
			r.Operations = append(r.Operations, o)
		}
		require.NoError(t, c.AddPrimitive(r))
		require.NoError(t, c.AddLocation(Location{ID: r.ID + "-primary", Resource: r.ID, Node: "ct6-mds1", Score: "20"}))
	}
	out, err := c.Query()
	require.NoError(t, err)
	return out
}
