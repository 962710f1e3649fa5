package pacemaker

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// everyToken is a CIB with tokens of every kind, and more elements than one slab holds.
func everyToken() []byte {
	return []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- before --><cib a=\"&lt;&#10;'\" xmlns:x='u'><?p i?><configuration>" +
		"t&amp;u<![CDATA[<x>]]><x:e x:f=\"1\"/>" +
		strings.Repeat("<nodes>\n  <node id=\"1\" uname='a'/><!-- c --></nodes>", largestSlab) +
		"</configuration></cib>\n<!-- after -->\n")
}

// each visits the elements of a tree.
func each(e *etree.Element, visit func(*etree.Element)) {
	visit(e)
	for child := range e.ChildElementsSeq() {
		each(child, visit)
	}
}

func TestTreeIsWhatEtreeReads(t *testing.T) {
	iml, err := os.ReadFile("testdata/" + imlCIB)
	require.NoError(t, err)
	for name, data := range map[string][]byte{"IML's": iml, "every token": everyToken()} {
		t.Run(name, func(t *testing.T) {
			theirs := etree.NewDocument()
			require.NoError(t, theirs.ReadFromBytes(data))
			c := parseCIB(t, string(data))
			ours := c.tree()
			require.Equal(t, infoset(&theirs.Element), infoset(&ours.Element))
			each(&ours.Element, func(e *etree.Element) {
				for i, child := range e.Child {
					require.Same(t, e, child.Parent(), "the parent of a token in <%s>", e.FullTag())
					require.Equal(t, i, child.Index(), "the index of a token in <%s>", e.FullTag())
				}
			})
		})
	}
}

// TestOutlineIsTheView shows that the short view of a resource says what the whole one does.
func TestOutlineIsTheView(t *testing.T) {
	const text = `<cib><configuration><resources><clone id="c"><meta_attributes id="m"><nvpair id="n" name="target-role" value="Stopped"/></meta_attributes>` +
		`<group id="g"><primitive id="p" class="ocf" provider="heartbeat" type="Dummy"><meta_attributes id="q"><rule id="r" score="1"/></meta_attributes></primitive>` +
		`<primitive id="f" class="stonith" type="fence_x"/></group></clone></resources></configuration></cib>`
	c := parseCIB(t, text)
	type part struct {
		Kind  Kind
		ID    string
		Class string
		Meta  AttributeSets
	}
	parts := func(r Resource) []part {
		var all []part
		for r := range Walk([]Resource{r}) {
			all = append(all, part{r.Kind, r.ID, r.Class, r.Meta})
		}
		return all
	}
	whole, ok := c.Resource("c")
	require.True(t, ok)
	outline := parts(gist(c, c.ResourceElement("c")))
	require.Len(t, outline, 4)
	require.Equal(t, parts(whole), outline)
}

// TestNodesOfOneSlabDoNotMeet edits every element: what is added to one must not run over its neighbour in the slab.
func TestNodesOfOneSlabDoNotMeet(t *testing.T) {
	doc := parseCIB(t, string(everyToken())).tree()
	before := infoset(&doc.Element)
	added := 0
	each(doc.Root(), func(e *etree.Element) {
		e.CreateAttr("added", "yes")
		e.AddChild(etree.NewComment("added"))
		added++
	})
	each(doc.Root(), func(e *etree.Element) {
		require.NotNil(t, e.RemoveAttr("added"))
		last, ok := e.Child[len(e.Child)-1].(*etree.Comment)
		require.True(t, ok && last.Data == "added", "the last child of <%s> is another's", e.FullTag())
		e.RemoveChildAt(len(e.Child) - 1)
		added--
	})
	require.Zero(t, added)
	require.Equal(t, before, infoset(&doc.Element))
}

// TestTreeIsMadeWhenNeeded shows that what only copies or prints a CIB makes no tree, and that a rebuild makes one, not two.
func TestTreeIsMadeWhenNeeded(t *testing.T) {
	data := manyTargets(t, 3)
	c := parseCIB(t, string(data))
	clone := c.Clone()
	out, err := c.Query()
	require.NoError(t, err)
	require.Equal(t, string(data), string(out))
	plan, err := Rebuild(c, readConf(t), guideOptions(t))
	require.NoError(t, err)
	require.Len(t, plan.Resources, 5)
	require.Nil(t, c.doc, "the CIB that was rebuilt from")
	require.Nil(t, clone.doc)
	require.Len(t, c.Resources(), 6)
	require.NotNil(t, c.doc)
	require.Nil(t, clone.doc, "a clone has a tree of its own")
}

func TestClonesAreIndependent(t *testing.T) {
	c := readCIB(t, imlCIB)
	before, err := c.Query()
	require.NoError(t, err)
	clone := c.Clone()
	require.NoError(t, clone.SetMeta("MGS_32834e", "target-role", "Stopped"))
	after, err := c.Query()
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
	require.NotEmpty(t, Diff(c, clone))
	_, err = Rebuild(c, readConf(t), guideOptions(t))
	require.NoError(t, err)
	require.Empty(t, Diff(c, readCIB(t, imlCIB)), "a rebuild edits a copy")
}

func TestSectionsAreCountedByTheirLocalName(t *testing.T) {
	for text, want := range map[string]string{
		`<cib><status/><!-- <status/> --><a><status/></a></cib>`: "",
		`<cib><a/><b></b><status/><status></status></cib>`:       `f.xml:1:1: <status> stands more than once in <cib>: near "<cib"`,
		`<cib><configuration/><x:configuration/></cib>`:          `f.xml:1:1: <configuration> stands more than once in <cib>: near "<cib"`,
		`<nvpair id='a' name='b'/>`:                              `f.xml:1:1: the root element is not <cib>: near "<nvpair id=\"a\""`,
	} {
		_, err := ParseCIB(srcerr.Named("f.xml", strings.NewReader(text)))
		if want == "" {
			require.NoError(t, err, text)
			continue
		}
		require.EqualError(t, err, want, text)
	}
}

// errFull is what a writer without room says.
var errFull = errors.New("no room")

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errFull }

func TestPlanIsWrittenAsItPrints(t *testing.T) {
	plan, err := Rebuild(parseCIB(t, string(manyTargets(t, 100))), readConf(t), guideOptions(t))
	require.NoError(t, err)
	var out bytes.Buffer
	n, err := plan.WriteTo(&out)
	require.NoError(t, err)
	require.Equal(t, int64(out.Len()), n)
	require.Equal(t, plan.String(), out.String())
	require.Equal(t, 102, strings.Count(out.String(), "pcs resource create "))
	_, err = plan.WriteTo(fullWriter{})
	require.ErrorIs(t, err, errFull)
	_, err = plan.WriteTo(io.Discard)
	require.NoError(t, err)
}
