package pacemaker

import (
	"fmt"

	"github.com/beevik/etree"
)

// ErrorAt is a mistake of the element that has an id, with its place in the source: for what a caller finds wrong with a
// cluster that Pacemaker itself takes. An id that is not there has no place.
func (c *CIB) ErrorAt(id, format string, args ...any) *ParseError {
	if c.Empty() {
		return &ParseError{Err: fmt.Errorf(format, args...)}
	}
	e := c.byID(id)
	if e == nil {
		return &ParseError{File: c.file, Err: fmt.Errorf(format, args...)}
	}
	return c.ErrorsAt()(e, format, args...)
}

// ErrorsAt is ErrorAt for many elements of a CIB that is not empty: the source is gone through once.
func (c *CIB) ErrorsAt() func(e *etree.Element, format string, args ...any) *ParseError {
	v := &validator{cib: c, spans: c.edited}
	if v.spans == nil {
		v.spans = c.spans(c.tree())
	}
	return func(e *etree.Element, format string, args ...any) *ParseError {
		v.find(Fault, "", e, format, args...)
		return v.found[len(v.found)-1].At
	}
}

// TransientAttributes are those that a node has until it leaves its cluster, such as what ocf:pacemaker:ping and the
// health agents keep, by the status section of a live CIB.
func (c *CIB) TransientAttributes(node string) []NVPair {
	status := c.Root().SelectElement("status")
	if status == nil {
		return nil
	}
	for _, state := range status.SelectElements("node_state") {
		if state.SelectAttrValue("uname", "") != node {
			continue
		}
		if e := state.SelectElement("transient_attributes"); e != nil {
			return c.SetsOf(e, "instance_attributes").Effective()
		}
	}
	return nil
}
