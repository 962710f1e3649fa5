package pacemaker

import (
	"strings"

	"github.com/beevik/etree"
)

// The document below the views: for packages that make one CIB of another.

// Root is the document's element, for what the views do not show; nil where there is no CIB. Change it by the edits of CIB alone.
func (c *CIB) Root() *etree.Element {
	if c.Empty() {
		return nil
	}
	return c.tree().Root()
}

// Section is a part of <configuration>, nil when there is none.
func (c *CIB) Section(name string) *etree.Element {
	conf := c.Root().SelectElement("configuration")
	if conf == nil {
		return nil
	}
	return conf.SelectElement(name)
}

// SectionChildren are the element children of a part of <configuration>.
func (c *CIB) SectionChildren(section string) []*etree.Element {
	e := c.Section(section)
	if e == nil {
		return nil
	}
	return e.ChildElements()
}

// SectionNames are the parts of <configuration> in the order in which the schemas want them.
var SectionNames = []string{"crm_config", "nodes", "resources", "constraints", "rsc_defaults", "op_defaults",
	"fencing-topology", "tags", "acls", "alerts"}

// Draft is an independent copy to edit that is never printed: what stands in the source need not be found again.
func (c *CIB) Draft() *CIB {
	draft := c.Clone()
	draft.byID("") // build the index before the tree changes
	draft.edited = make(map[etree.Token]span)
	return draft
}

// Edit makes the tree what is printed from now on. What stands in the source is noted before the tree changes.
func (c *CIB) Edit() {
	c.byID("") // build the index before the tree changes
	if c.edited == nil {
		c.edited = c.spans(c.tree())
	}
}

// NodeElement is the element of a node, by its uname; nil when there is none.
func (c *CIB) NodeElement(uname string) *etree.Element {
	for _, e := range c.SectionChildren("nodes") {
		if e.Tag == "node" && e.SelectAttrValue("uname", "") == uname {
			return e
		}
	}
	return nil
}

// Remove takes an element out of the document, with the white space before it. Call Edit first.
func (c *CIB) Remove(e *etree.Element) {
	c.unindex(e)
	c.removeWithSpace(e)
}

// ResourceAt shows a resource.
func (c *CIB) ResourceAt(e *etree.Element) Resource { return viewOf[Resource](c, e) }

// LocationAt shows a location constraint.
func (c *CIB) LocationAt(e *etree.Element) Location { return viewOf[Location](c, e) }

// RawXML prints an element by itself, as it stands.
func RawXML(e *etree.Element) string {
	var b strings.Builder
	e.WriteTo(&b, &etree.WriteSettings{CanonicalAttrVal: true, CanonicalText: true})
	return b.String()
}

// CompactXML prints an element by itself, without the white space between elements.
func CompactXML(e *etree.Element) string {
	e = e.Copy()
	dropSpace(e)
	return RawXML(e)
}

func dropSpace(e *etree.Element) {
	for i := len(e.Child) - 1; i >= 0; i-- {
		switch t := e.Child[i].(type) {
		case *etree.CharData:
			if strings.Trim(t.Data, xmlSpaces) == "" {
				e.RemoveChildAt(i)
			}
		case *etree.Comment:
			e.RemoveChildAt(i)
		case *etree.Element:
			dropSpace(t)
		}
	}
}

// RemoveElement takes an element out of a tree that belongs to no document, with the white space before it.
func RemoveElement(e *etree.Element) { (&CIB{}).removeWithSpace(e) }
