package pacemaker

import (
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

// TestTreeIsMadeWhenNeeded shows that what only copies or prints a CIB makes no tree, and that a draft makes its own.
func TestTreeIsMadeWhenNeeded(t *testing.T) {
	c := readCIB(t, imlCIB)
	data, err := os.ReadFile("testdata/" + imlCIB)
	require.NoError(t, err)
	clone := c.Clone()
	out, err := c.Query()
	require.NoError(t, err)
	require.Equal(t, string(data), string(out))
	require.NoError(t, c.Draft().SetMeta("MGS_32834e", "target-role", "Stopped"))
	require.Nil(t, c.doc, "the CIB that the draft was made of")
	require.Nil(t, clone.doc)
	require.NotEmpty(t, c.Resources())
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
