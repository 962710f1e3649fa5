package pacemaker

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"testing"

	"github.com/beevik/etree"
)

// BenchmarkParse compares reading a CIB with 5,000 resources: as ParseCIB does, the tree alone (what its etree nodes cost), the same
// bytes by etree's own reader, and by encoding/xml without a tree.
func BenchmarkParse(b *testing.B) {
	data := grow(b, 5000)
	run := func(name string, parse func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := parse(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("ParseCIB", func() error { _, err := ParseCIB(bytes.NewReader(data)); return err })
	doc := parseCIB(b, string(data)).tree()
	run("its etree nodes", func() error { copyTree(doc); return nil })
	run("etree's reader", func() error { return etree.NewDocument().ReadFromBytes(data) })
	run("encoding xml", func() error {
		d := xml.NewDecoder(bytes.NewReader(data))
		for {
			if _, err := d.RawToken(); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
		}
	})
}

// copyTree makes the same nodes again with etree's own functions, from texts that are there already.
func copyTree(doc *etree.Document) *etree.Document {
	again := etree.NewDocument()
	var fill func(to *etree.Element, from []etree.Token)
	fill = func(to *etree.Element, from []etree.Token) {
		for _, t := range from {
			switch t := t.(type) {
			case *etree.Element:
				e := to.CreateElement(t.Tag)
				e.Attr = make([]etree.Attr, 0, len(t.Attr))
				e.Attr = append(e.Attr, t.Attr...)
				fill(e, t.Child)
			case *etree.CharData:
				to.CreateText(t.Data)
			case *etree.Comment:
				to.CreateComment(t.Data)
			}
		}
	}
	fill(&again.Element, doc.Child)
	return again
}

// BenchmarkDiffBySize shows that Diff takes time in proportion to the size.
func BenchmarkDiffBySize(b *testing.B) {
	for _, n := range []int{1250, 2500, 5000, 10000} {
		old := parseCIB(b, string(grow(b, n)))
		changed := old.Clone()
		changed.RemoveResource("MGS_32834e")
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				if len(Diff(old, changed)) == 0 {
					b.Fatal("no difference")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/resource")
		})
	}
}

// BenchmarkValidate looks at a CIB with 5,000 resources.
func BenchmarkValidate(b *testing.B) {
	c := parseCIB(b, string(grow(b, 5000)))
	b.ReportAllocs()
	for b.Loop() {
		if p := c.Validate(); len(p) > 0 {
			b.Fatal(p[0])
		}
	}
}

// BenchmarkEdit changes one attribute of a CIB with 5,000 resources and prints it.
func BenchmarkEdit(b *testing.B) {
	c := parseCIB(b, string(grow(b, 5000)))
	for b.Loop() {
		if err := c.SetMeta("MGS_32834e", "target-role", "Stopped"); err != nil {
			b.Fatal(err)
		}
		if _, err := c.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkViews shows all resources of 5,000.
func BenchmarkViews(b *testing.B) {
	c := parseCIB(b, string(grow(b, 5000)))
	for b.Loop() {
		if len(c.Resources()) < 5000 {
			b.Fatal("resources are missing")
		}
	}
}
