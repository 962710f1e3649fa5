package pacemaker

import (
	"os"
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
	const before = "\xef\xbb\xbf<?xml version='1.0'?>\r\n<!-- by hand -->\n<cib  epoch = '3'\tnum_updates='1' validate-with=\"pacemaker-3.0\" >\r\n" +
		"  <configuration><crm_config/>\n<nodes >\n\t<node id='1' uname='n&#49;'/>\n</nodes>" +
		"<resources><primitive id='p'  type='T' class='lsb' ><meta_attributes\n id='p-m'><nvpair value='a&apos;b&gt;' name='k' id='x' /></meta_attributes ></primitive>" +
		"</resources>\n<constraints></constraints></configuration>\n<status/> </cib >\n"
	for name, edit := range map[string]struct {
		do       func(*CIB)
		old, new string
	}{
		"attribute":     {func(c *CIB) { c.SetAttribute("epoch", "4") }, `epoch = '3'`, `epoch="4"`},
		"the same":      {func(c *CIB) { c.SetAttribute("epoch", "3") }, "", ""},
		"new attribute": {func(c *CIB) { c.SetAttribute("dc-uuid", "1") }, `"pacemaker-3.0"`, `"pacemaker-3.0" dc-uuid="1"`},
		"value":         {func(c *CIB) { require.NoError(t, c.SetMeta("p", "k", "a'c>")) }, "value='a&apos;b&gt;'", `value="a'c>"`},
		"pair":          {func(c *CIB) { require.NoError(t, c.SetMeta("p", "l", "1")) }, " />", ` /><nvpair id="p-m-l" name="l" value="1"/>`},
		"node":          {func(c *CIB) { require.NoError(t, c.AddNode("2", "m")) }, "\n</nodes>", "\n\t<node id=\"2\" uname=\"m\"/>\n</nodes>"},
		"empty element": {func(c *CIB) { c.SetProperty("a", "b") }, "<crm_config/>", `<crm_config><cluster_property_set id="cib-bootstrap-options"><nvpair id="cib-bootstrap-options-a" name="a" value="b"/></cluster_property_set></crm_config>`},
		"element in two": {func(c *CIB) {
			require.NoError(t, c.AddLocation(Location{ID: "l", Resource: "p", Node: "n1", Score: "1"}))
		}, "<constraints></", "<constraints>\n  <rsc_location id=\"l\" rsc=\"p\" node=\"n1\" score=\"1\"/>\n</"},
		"new section":     {func(c *CIB) { c.SetOperationDefault("a", "b") }, "</configuration>", "\n<op_defaults>\n  <meta_attributes id=\"op_defaults-options\">\n    <nvpair id=\"op_defaults-options-a\" name=\"a\" value=\"b\"/>\n  </meta_attributes>\n</op_defaults></configuration>"},
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
