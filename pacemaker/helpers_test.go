package pacemaker

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"
)

const imlCIB = "constructed-iml-2.4-el6-short-nodenames.xml"

func readCIB(t testing.TB, name string) *CIB {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	require.NoError(t, err)
	defer f.Close()
	cib, err := ParseCIB(f)
	require.NoError(t, err)
	return cib
}

func parseCIB(t testing.TB, text string) *CIB {
	t.Helper()
	cib, err := ParseCIB(strings.NewReader(text))
	require.NoError(t, err)
	return cib
}

func sentences(ds []Difference) []string {
	var all []string
	for _, d := range ds {
		all = append(all, d.String())
	}
	return all
}

// infoset is what XML says of an element: names, attributes in any order, children in order, text with its white space.
func infoset(e *etree.Element) []string {
	out := []string{"<" + e.FullTag()}
	var attrs []string
	for _, a := range e.Attr {
		attrs = append(attrs, "@"+a.FullKey()+"="+a.Value)
	}
	slices.Sort(attrs)
	out = append(out, attrs...)
	text := ""
	flush := func() {
		if text != "" {
			out = append(out, "text "+text)
		}
		text = ""
	}
	for _, child := range e.Child {
		switch t := child.(type) {
		case *etree.CharData:
			text += t.Data
		case *etree.Comment:
			flush()
			out = append(out, "comment "+t.Data)
		case *etree.ProcInst:
			flush()
			out = append(out, "instruction "+t.Target+" "+t.Inst)
		case *etree.Element:
			flush()
			out = append(out, infoset(t)...)
		}
	}
	flush()
	return append(out, ">")
}

// standardInfoset is the same list as encoding/xml sees the document: an independent reader.
func standardInfoset(t testing.TB, data []byte) []string {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(data))
	var out []string
	text, depth := "", 0
	flush := func() {
		if text != "" && depth > 0 {
			out = append(out, "text "+text)
		}
		text = ""
	}
	full := func(n xml.Name) string {
		if n.Space != "" {
			return n.Space + ":" + n.Local
		}
		return n.Local
	}
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return blankAttributes(out)
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.CharData:
			text += string(e)
		case xml.StartElement:
			flush()
			depth++
			out = append(out, "<"+full(e.Name))
			var attrs []string
			for _, a := range e.Attr {
				attrs = append(attrs, "@"+full(a.Name)+"="+a.Value)
			}
			slices.Sort(attrs)
			out = append(out, attrs...)
		case xml.EndElement:
			flush()
			depth--
			out = append(out, ">")
		case xml.Comment:
			flush()
			if depth > 0 {
				out = append(out, "comment "+string(e))
			}
		case xml.ProcInst:
			flush()
			if depth > 0 {
				out = append(out, "instruction "+e.Target+" "+string(e.Inst))
			}
		}
	}
}

// blankAttributes makes white space in attribute values blanks: encoding/xml does not normalise it, as XML says to.
func blankAttributes(list []string) []string {
	for i, s := range list {
		if strings.HasPrefix(s, "@") {
			list[i] = strings.NewReplacer("\n", " ", "\t", " ", "\r", " ").Replace(s)
		}
	}
	return list
}
