package pacemaker

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// changed is what an edit took out of a text and put in at one place.
func changed(before, after string) (out, in string) {
	from := 0
	for from < len(before) && from < len(after) && before[from] == after[from] {
		from++
	}
	back := 0
	for back < len(before)-from && back < len(after)-from && before[len(before)-1-back] == after[len(after)-1-back] {
		back++
	}
	return before[from : len(before)-back], after[from : len(after)-back]
}

func textOf(t testing.TB, c *CIB) string {
	t.Helper()
	text, err := c.Query()
	require.NoError(t, err)
	return string(text)
}

// An edit changes the bytes that it is about, and no other: quotes, blanks, line ends, comments and references stay as they were written.
func TestEditsLeaveTheRestUntouched(t *testing.T) {
	const before = "\xef\xbb\xbf<?xml version='1.0'?>\r\n<!-- by hand -->\n<cib  epoch = '3'\tnum_updates='1' " +
		"validate-with=\"pacemaker-3.0\" >\r\n" +
		"  <configuration><crm_config/>\n<nodes >\n\t<node id='1' uname='n&#49;'/>\n</nodes>" +
		"<resources><primitive id='p'  type='T' class='lsb' ><meta_attributes\n id='p-m'><nvpair value='a&apos;b&gt;' " +
		"name='k' id='x' /></meta_attributes ></primitive>" +
		"</resources>\n<constraints></constraints></configuration>\n<status/> </cib >\n"
	for name, edit := range map[string]struct {
		do       func(*CIB)
		old, new string
	}{
		"attribute":     {func(c *CIB) { c.SetAttribute("epoch", "4") }, `epoch = '3'`, `epoch = '4'`},
		"the same":      {func(c *CIB) { c.SetAttribute("epoch", "3") }, "", ""},
		"new attribute": {func(c *CIB) { c.SetAttribute("dc-uuid", "1") }, `"pacemaker-3.0"`, `"pacemaker-3.0" dc-uuid="1"`},
		"value":         {func(c *CIB) { require.NoError(t, c.SetMeta("p", "k", "a'c>")) }, "value='a&apos;b&gt;'", `value='a&apos;c>'`},
		"pair":          {func(c *CIB) { require.NoError(t, c.SetMeta("p", "l", "1")) }, " />", ` /><nvpair id="p-m-l" name="l" value="1"/>`},
		"node":          {func(c *CIB) { require.NoError(t, c.AddNode("2", "m")) }, "\n</nodes>", "\n\t<node id=\"2\" uname=\"m\"/>\n</nodes>"},
		"empty element": {func(c *CIB) { c.SetProperty("a", "b") }, "<crm_config/>",
			`<crm_config><cluster_property_set id="cib-bootstrap-options"><nvpair id="cib-bootstrap-options-a" name="a" value="b"/></cluster_property_set></crm_config>`},
		"element in two": {func(c *CIB) {
			require.NoError(t, c.AddLocation(Location{ID: "l", Resource: "p", Node: "n1", Score: "1"}))
		}, "<constraints></", "<constraints>\n  <rsc_location id=\"l\" rsc=\"p\" node=\"n1\" score=\"1\"/>\n</"},
		"new section": {func(c *CIB) { c.SetOperationDefault("a", "b") }, "</configuration>",
			"\n<op_defaults>\n  <meta_attributes id=\"op_defaults-options\">\n    <nvpair id=\"op_defaults-options-a\" " +
				"name=\"a\" value=\"b\"/>\n  </meta_attributes>\n</op_defaults></configuration>"},
		"removed":         {func(c *CIB) { require.True(t, c.RemoveNode("n1")) }, "\n\t<node id='1' uname='n&#49;'/>", ""},
		"pair removed":    {func(c *CIB) { require.True(t, c.RemoveMeta("p", "k")) }, "<nvpair value='a&apos;b&gt;' name='k' id='x' />", ""},
		"twice":           {func(c *CIB) { c.SetAttribute("epoch", "4"); c.SetAttribute("epoch", "3") }, "", ""},
		"node and back":   {func(c *CIB) { require.NoError(t, c.AddNode("2", "m")); c.RemoveNode("m") }, "", ""},
		"primitive, back": {func(c *CIB) { require.NoError(t, c.AddPrimitive(Resource{ID: "q", Type: "T"})); c.RemoveResource("q") }, "", ""},
		"location, back": {func(c *CIB) {
			require.NoError(t, c.AddLocation(Location{ID: "l", Resource: "p", Node: "n", Score: "1"}))
			c.RemoveConstraint("l")
		}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, before, edit.old)
			c := parseCIB(t, before)
			edit.do(c)
			require.Equal(t, strings.Replace(before, edit.old, edit.new, 1), textOf(t, c))
			require.Equal(t, textOf(t, c), textOf(t, c.Clone()), "a copy prints the same")
		})
	}
}

// oddCIB is what people leave behind: attributes over several lines, single quotes, blanks around =, comments, tabs.
const oddCIB = `<?xml version='1.0' encoding='UTF-8'?>
<!-- kept by hand, see CHG-12 -->
<cib admin_epoch='0'
     epoch = '7'   num_updates="3"
     validate-with='pacemaker-3.0'   have-quorum='1'>
	<configuration>
		<!-- properties -->
		<crm_config>
			<cluster_property_set id='cib-bootstrap-options'>
				<nvpair	name='stonith-enabled'
					value='true'
					id='s-e' /> <!-- never off -->
				<nvpair value = "false" id="m-m" name="maintenance-mode"/> <!-- by the night shift -->
			</cluster_property_set>
		</crm_config>
		<nodes>
			<node uname='n1' id='1'>
				<instance_attributes id='n1-a'>
					<nvpair id="n1-s" value='off' name='standby'/><nvpair id="n1-r" value='a' name='rack'/>
				</instance_attributes>
			</node> <!-- the left one -->
			<node uname='n2' id='2'  />
		</nodes>
		<resources>
			<primitive type='Target' class='ocf'
				provider='chroma' id='ost0'>
				<instance_attributes id='ost0-i'><nvpair name='target' value='a "b" &amp; &#x27;c&#x27;' id='t'/></instance_attributes>
				<meta_attributes id='ost0-m'>
					<!-- off on purpose -->
					<nvpair name="target-role" id='t-r' value='Stopped'/>
				</meta_attributes>
			</primitive>
			<primitive id='ost1' class='ocf' provider='chroma' type='Target'/>
		</resources>
		<constraints>
			<rsc_location score='20'
				rsc='ost0' node='n1' id='ost0-primary'/>
			<rsc_location id='ost0-rule' rsc='ost0'><rule id='r' score='5'><expression id='e' attribute='rack' operation='eq' value='a'/></rule></rsc_location>
			<!-- the second node is slower -->
			<rsc_location id='ost0-secondary' rsc='ost0' node='n2' score = '10' /> <!-- was 15 -->
		</constraints>
		<rsc_defaults>
			<meta_attributes id='d'><nvpair id='d-s' name='resource-stickiness' value='0'/></meta_attributes>
		</rsc_defaults>
	</configuration>
	<status/>
</cib>
`

// oddEdits are all edits that a CIB offers: by the name of the method (and a variant), what it takes out of oddCIB and
// puts in at one place.
var oddEdits = map[string]struct {
	do       func(*CIB) error
	old, new string
}{
	"BumpEpoch": {nothingFails(func(c *CIB) { c.BumpEpoch() }), `epoch = '7'   num_updates="3"`, `epoch = '8'   num_updates="0"`},
	"SetAttribute": {nothingFails(func(c *CIB) { c.SetAttribute("validate-with", "pacemaker-3.9") }),
		`'pacemaker-3.0'`, `'pacemaker-3.9'`},
	"SetAttribute new": {nothingFails(func(c *CIB) { c.SetAttribute("dc-uuid", "1") }), `have-quorum='1'>`,
		`have-quorum='1' dc-uuid="1">`},
	"SetProperty": {nothingFails(func(c *CIB) { c.SetProperty("maintenance-mode", "true") }), `"false"`, `"true"`},
	"SetProperty new": {nothingFails(func(c *CIB) { c.SetProperty("x", "1") }), "<!-- by the night shift -->",
		"<!-- by the night shift -->\n\t\t\t\t<nvpair id=\"cib-bootstrap-options-x\" name=\"x\" value=\"1\"/>"},
	"RemoveProperty": {found(func(c *CIB) bool { return c.RemoveProperty("maintenance-mode") }),
		"\n\t\t\t\t<nvpair value = \"false\" id=\"m-m\" name=\"maintenance-mode\"/>", ""},
	"SetResourceDefault": {nothingFails(func(c *CIB) { c.SetResourceDefault("resource-stickiness", "100") }), `value='0'`, `value='100'`},
	"RemoveResourceDefault": {found(func(c *CIB) bool { return c.RemoveResourceDefault("resource-stickiness") }),
		"<nvpair id='d-s' name='resource-stickiness' value='0'/>", ""},
	"SetOperationDefault": {nothingFails(func(c *CIB) { c.SetOperationDefault("timeout", "60s") }), "</rsc_defaults>",
		"</rsc_defaults>\n\t\t<op_defaults>\n\t\t\t<meta_attributes id=\"op_defaults-options\">\n" +
			"\t\t\t\t<nvpair id=\"op_defaults-options-timeout\" name=\"timeout\" value=\"60s\"/>\n\t\t\t</meta_attributes>\n\t\t</op_defaults>"},
	"AddNode": {func(c *CIB) error { return c.AddNode("3", "n3") }, "id='2'  />",
		"id='2'  />\n\t\t\t<node id=\"3\" uname=\"n3\"/>"},
	"RemoveNode":       {found(func(c *CIB) bool { return c.RemoveNode("n2") }), "\n\t\t\t<node uname='n2' id='2'  />", ""},
	"SetNodeAttribute": {func(c *CIB) error { return c.SetNodeAttribute("n1", "standby", "on") }, `value='off'`, `value='on'`},
	"SetNodeAttribute beside": {func(c *CIB) error { return c.SetNodeAttribute("n1", "x", "1") }, "name='rack'/>",
		"name='rack'/><nvpair id=\"n1-a-x\" name=\"x\" value=\"1\"/>"},
	"SetNodeAttribute new": {func(c *CIB) error { return c.SetNodeAttribute("n2", "standby", "on") }, "id='2'  />",
		"id='2'>\n\t\t\t\t<instance_attributes id=\"nodes-2\">\n" +
			"\t\t\t\t\t<nvpair id=\"nodes-2-standby\" name=\"standby\" value=\"on\"/>\n\t\t\t\t</instance_attributes>\n\t\t\t</node>"},
	"RemoveNodeAttribute": {found(func(c *CIB) bool { return c.RemoveNodeAttribute("n1", "rack") }),
		"<nvpair id=\"n1-r\" value='a' name='rack'/>", ""},
	"AddPrimitive": {func(c *CIB) error { return c.AddPrimitive(Resource{ID: "p", Class: "lsb", Type: "T"}) },
		"type='Target'/>", "type='Target'/>\n\t\t\t<primitive id=\"p\" class=\"lsb\" type=\"T\"/>"},
	"AddResource": {func(c *CIB) error {
		return c.AddResource(Resource{Kind: Group, ID: "g", Members: []Resource{{Kind: Primitive, ID: "p", Class: "lsb", Type: "T"}}})
	}, "type='Target'/>", "type='Target'/>\n\t\t\t<group id=\"g\">\n\t\t\t\t<primitive id=\"p\" class=\"lsb\" type=\"T\"/>\n\t\t\t</group>"},
	"RemoveResource": {found(func(c *CIB) bool { return c.RemoveResource("ost1") }),
		"\n\t\t\t<primitive id='ost1' class='ocf' provider='chroma' type='Target'/>", ""},
	"SetMeta": {func(c *CIB) error { return c.SetMeta("ost0", "target-role", "Started") }, `value='Stopped'`, `value='Started'`},
	"SetMeta new": {func(c *CIB) error { return c.SetMeta("ost0", "x", "1") }, "value='Stopped'/>",
		"value='Stopped'/>\n\t\t\t\t\t<nvpair id=\"ost0-m-x\" name=\"x\" value=\"1\"/>"},
	"RemoveMeta": {found(func(c *CIB) bool { return c.RemoveMeta("ost0", "target-role") }),
		"\n\t\t\t\t\t<nvpair name=\"target-role\" id='t-r' value='Stopped'/>", ""},
	"SetInstanceAttribute": {func(c *CIB) error { return c.SetInstanceAttribute("ost0", "target", "\"d\" & 'e'\n<") },
		`value='a "b" &amp; &#x27;c&#x27;'`, `value='"d" &amp; &apos;e&apos;&#xA;&lt;'`},
	"AddLocation": {func(c *CIB) error {
		return c.AddLocation(Location{ID: "l", Resource: "ost1", Node: "n1",
			Score: "1"})
	}, "<!-- was 15 -->", "<!-- was 15 -->\n\t\t\t<rsc_location id=\"l\" rsc=\"ost1\" node=\"n1\" score=\"1\"/>"},
	"SetLocationScore":     {func(c *CIB) error { return c.SetLocationScore("ost0-primary", "-INFINITY") }, `score='20'`, `score='-INFINITY'`},
	"SetLocationScore two": {func(c *CIB) error { return c.SetLocationScore("ost0-secondary", "15") }, `score = '10'`, `score = '15'`},
	"AddOrder": {func(c *CIB) error { return c.AddOrder(Order{ID: "o", First: "ost0", Then: "ost1"}) },
		"<!-- was 15 -->", "<!-- was 15 -->\n\t\t\t<rsc_order id=\"o\" first=\"ost0\" then=\"ost1\"/>"},
	"AddColocation": {func(c *CIB) error {
		return c.AddColocation(Colocation{ID: "o", Resource: "ost0", With: "ost1", Score: "1"})
	}, "<!-- was 15 -->", "<!-- was 15 -->\n\t\t\t<rsc_colocation id=\"o\" rsc=\"ost0\" with-rsc=\"ost1\" score=\"1\"/>"},
	"AddTicket": {func(c *CIB) error { return c.AddTicket(Ticket{ID: "o", Resource: "ost0", Ticket: "t1"}) },
		"<!-- was 15 -->", "<!-- was 15 -->\n\t\t\t<rsc_ticket id=\"o\" ticket=\"t1\" rsc=\"ost0\"/>"},
	"RemoveConstraint": {found(func(c *CIB) bool { return c.RemoveConstraint("ost0-secondary") }),
		"\n\t\t\t<rsc_location id='ost0-secondary' rsc='ost0' node='n2' score = '10' />", ""},
	"EnsureSection": {nothingFails(func(c *CIB) { c.EnsureSection("tags") }), "</rsc_defaults>", "</rsc_defaults>\n\t\t<tags/>"},
	"Remove": {nothingFails(func(c *CIB) { c.Edit(); c.Remove(c.ResourceElement("ost1")) }),
		"\n\t\t\t<primitive id='ost1' class='ocf' provider='chroma' type='Target'/>", ""},
}

func nothingFails(do func(*CIB)) func(*CIB) error {
	return func(c *CIB) error { do(c); return nil }
}

func found(do func(*CIB) bool) func(*CIB) error {
	return func(c *CIB) error {
		if !do(c) {
			return ErrNotFound
		}
		return nil
	}
}

// Every edit changes its value where it stands, and what it adds looks like what stands around it, whatever the line ends are.
func TestEveryEditInPlace(t *testing.T) {
	for name, edit := range oddEdits {
		for _, end := range []string{"\n", "\r\n"} {
			t.Run(fmt.Sprintf("%s %q", name, end), func(t *testing.T) {
				lines := strings.NewReplacer("\n", end).Replace
				require.Equal(t, 1, strings.Count(oddCIB, edit.old), "one place")
				c := parseCIB(t, lines(oddCIB))
				require.NoError(t, edit.do(c))
				require.Equal(t, lines(strings.Replace(oddCIB, edit.old, edit.new, 1)), textOf(t, c))
			})
		}
	}
	methods := reflect.TypeFor[*CIB]()
	for i := range methods.NumMethod() {
		name := methods.Method(i).Name
		if regexp.MustCompile(`^(Set|Add|Remove|Bump|Ensure)`).MatchString(name) && name != "SetsOf" {
			require.Contains(t, oddEdits, name, "every edit has its case")
		}
	}
}

// Elements that all start their lines get company that does, too.
func TestEditsOfAFlatCIB(t *testing.T) {
	const flat = "<cib>\n<configuration>\n<crm_config/>\n<nodes>\n<!-- a --><node id='1' " +
		"uname='n'/>\n</nodes>\n<resources/>\n</configuration>\n</cib>"
	c := parseCIB(t, flat)
	c.SetProperty("a", "b")
	require.NoError(t, c.AddNode("2", "m"))
	require.Equal(t, strings.NewReplacer(
		"<crm_config/>", "<crm_config>\n<cluster_property_set id=\"cib-bootstrap-options\">\n<nvpair "+
			"id=\"cib-bootstrap-options-a\" name=\"a\" value=\"b\"/>\n</cluster_property_set>\n</crm_config>",
		"</nodes>", "<node id=\"2\" uname=\"m\"/>\n</nodes>").Replace(flat), textOf(t, c))
}

// What is set is what holds afterwards: in the set that wins, and in place of a reference, whose target others share.
func TestSetsWhatHolds(t *testing.T) {
	const text = `<cib><configuration><resources><primitive id="p" class="lsb" type="T">
<meta_attributes id="a" score="2"><nvpair id="a-k" name="k" value="1"/></meta_attributes>
<meta_attributes id="b" score="9"><nvpair id="b-k" name="k" value="2"/><nvpair id-ref="z"/></meta_attributes>
<meta_attributes id="c" score="9"><nvpair id="c-k" name="k" value="3"/></meta_attributes>
<meta_attributes id="d"><nvpair id="d-k" name="k" value="4"/></meta_attributes></primitive>
<primitive id="q" class="lsb" type="T"><meta_attributes id="e"><nvpair id="z" name="l" value="5"/></meta_attributes></primitive></resources></configuration></cib>`
	for name, want := range map[string][2]string{"k": {`value="3"`, `value="x"`},
		"l": {`<nvpair id-ref="z"/>`, `<nvpair id="b-l" name="l" value="x"/>`}} {
		c := parseCIB(t, text)
		require.NoError(t, c.SetMeta("p", name, "x"))
		r, _ := c.Resource("p")
		got, _ := r.Meta.Get(name)
		require.Equal(t, "x", got)
		require.Equal(t, strings.Replace(text, want[0], want[1], 1), textOf(t, c))
		require.Equal(t, textOf(t, c), textOf(t, c.Clone()))
	}
}

// A score is refused where it is none, where there is no such constraint, and where the rules have it.
func TestSetLocationScore(t *testing.T) {
	c := parseCIB(t, oddCIB)
	require.ErrorContains(t, c.SetLocationScore("ost0-primary", "much"), "not a score")
	require.ErrorIs(t, c.SetLocationScore("ost0", "1"), ErrNotFound)
	require.ErrorIs(t, c.SetLocationScore("ost0-rule", "1"), ErrUnsupported)
	require.Equal(t, oddCIB, textOf(t, c))
}

// A copy of an edited CIB is edited on its own.
func TestCloneOfAnEditedCIB(t *testing.T) {
	data, err := os.ReadFile("testdata/" + imlCIB)
	require.NoError(t, err)
	c := parseCIB(t, string(data))
	require.NoError(t, c.AddNode("3", "third"))
	one := textOf(t, c)
	clone := c.Clone()
	require.True(t, clone.RemoveNode("third"))
	require.NoError(t, clone.AddNode("4", "fourth"))
	require.Equal(t, one, textOf(t, c))
	require.True(t, clone.RemoveNode("fourth"))
	require.Equal(t, string(data), textOf(t, clone))
}

// In every CIB of the corpus an edit changes what it is about only, and taking it back gives the same bytes again.
func TestCorpusEdits(t *testing.T) {
	edited := 0
	for _, path := range golden.CorpusCIBs(t) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		c, err := ParseCIB(strings.NewReader(string(data)))
		if err != nil {
			continue
		}
		before := string(data)
		if epoch, ok := c.Attribute("epoch"); ok {
			c.SetAttribute("epoch", epoch+"0")
			out, in := changed(before, textOf(t, c))
			require.LessOrEqual(t, len(out)+len(in), 2*len(epoch)+5, "%s: %q became %q", path, out, in)
			c.SetAttribute("epoch", epoch)
			require.Equal(t, before, textOf(t, c), path)
		}
		if c.Section("nodes") != nil {
			require.NoError(t, c.AddNode("evenkeel-test", "evenkeel-test"), path)
			out, in := changed(before, textOf(t, c))
			require.LessOrEqual(t, len(out), 1, "%s: %q is gone", path, out) // the slash of <nodes/>
			require.Contains(t, in, "evenkeel-test")
			require.True(t, c.RemoveNode("evenkeel-test"))
			require.Equal(t, before, textOf(t, c), path)
		}
		edited++
	}
	t.Logf("%d CIBs edited and edited back", edited)
	require.Greater(t, edited, 1200)
}
