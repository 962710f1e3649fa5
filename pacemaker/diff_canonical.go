package pacemaker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// orderedChildren are the elements in which the order of the children means something: members of a set start one after the other,
// and of two permissions for the same thing the first one counts.
var orderedChildren = map[string]bool{
	"resource_set": true, "rsc_order": true, "rsc_colocation": true, "rsc_location": true, "rsc_ticket": true,
	"acl_role": true, "acl_target": true, "acl_group": true, "acl_user": true,
}

// isReference says whether the id of an element is that of something else.
func isReference(tag string) bool {
	switch tag {
	case "resource_ref", "obj_ref", "role", "role_ref":
		return true
	}
	return false
}

// hasOwnID says whether the id of an element is nothing but its name in the document. What the id of an unknown element means nobody knows.
func hasOwnID(tag string) bool {
	_, known := schema()[tag]
	return known && !isReference(tag)
}

// sameScore is one spelling for equal scores; what is no score stays as it is.
func sameScore(s string) string {
	if score, err := ParseScore(s); err == nil {
		return score.String()
	}
	return s
}

// canonical is an element in one spelling, without ids of its own, references followed and nodes renamed.
func (d *dissection) canonical(e *etree.Element) string {
	var b strings.Builder
	d.writeCanonical(&b, e, 0)
	return b.String()
}

func (d *dissection) writeCanonical(b *strings.Builder, e *etree.Element, depth int) {
	tag := e.FullTag()
	attrs := make([]string, 0, len(e.Attr))
	var passed []string
	if hasOwnID(e.Tag) {
		passed = append(passed, "id")
	}
	if target := d.cib.Follow(e); target != nil && target != e && depth < maxDepth {
		if e.Tag == "nvpair" { // it may have a name of its own beside the reference
			attrs = append(attrs, fmt.Sprintf("name=%q", viewOf[NVPair](d.cib, e).Name))
			passed = append(passed, "name")
		}
		e = target
	}
	for _, a := range e.Attr {
		if !slices.Contains(passed, a.Key) {
			attrs = append(attrs, fmt.Sprintf("%s=%q", a.FullKey(), d.attrValue(e, a)))
		}
	}
	slices.Sort(attrs)
	b.WriteString("<" + tag + " " + strings.Join(attrs, " ") + ">")
	if text := strings.TrimSpace(e.Text()); text != "" {
		fmt.Fprintf(b, "%q", text)
	}
	var children []string
	for _, child := range e.ChildElements() {
		var c strings.Builder
		d.writeCanonical(&c, child, depth+1)
		children = append(children, c.String())
	}
	if !orderedChildren[e.Tag] {
		slices.Sort(children)
	}
	for _, c := range children {
		b.WriteString(c)
	}
	b.WriteString("</>")
}

// attrValue is the value of an attribute as it is compared.
func (d *dissection) attrValue(e *etree.Element, a etree.Attr) string {
	switch {
	case a.Key == "score":
		return sameScore(a.Value)
	// A rule names a node in the value of an expression on #uname, a fencing level in target.
	case a.Key == "node" || a.Key == "target" || a.Key == "value" && e.SelectAttrValue("attribute", "") == "#uname":
		return d.names.New(a.Value)
	case e.Tag == "op" && (isTime(a.Key) || a.Key == "start-delay"):
		return SameTime(a.Value)
	}
	return a.Value
}

// shown is an element as it is told: what it says, without ids of its own and with secrets masked.
func (d *dissection) shown(e *etree.Element) string {
	var say func(*etree.Element) []string
	say = func(e *etree.Element) []string {
		fencing := ofFenceDevice(e)
		if target := d.cib.Follow(e); target != nil {
			e = target
		}
		if e.Tag == "rule" {
			r := viewOf[Rule](d.cib, e)
			text := r.String()
			if r.Score+r.ScoreBy != "" {
				text = "score=" + r.Score + r.ScoreBy + ": " + text
			}
			return []string{text}
		}
		var words []string
		if e.Tag == "nvpair" {
			p := NVPair{Name: e.SelectAttrValue("name", ""), Value: e.SelectAttrValue("value", ""), Fencing: fencing || ofFenceDevice(e)}
			return []string{p.String()}
		}
		for _, a := range e.Attr {
			if a.Key != "id" || !hasOwnID(e.Tag) {
				words = append(words, a.FullKey()+"="+maskedAttribute(a.Key, a.Value))
			}
		}
		for _, child := range e.ChildElements() {
			words = append(words, say(child)...)
		}
		return words
	}
	return "(" + strings.Join(say(e), " ") + ")"
}
