package rebuild

import (
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// wordlessIn says what of a resource one pcs command cannot say, or would add by itself but for what
// [pacemaker.ExpectStonithByPCS] names; empty where the command makes exactly what the element says.
func wordlessIn(e *etree.Element, r pacemaker.Resource, d pcs.Dialect) string {
	switch {
	case r.Kind != pacemaker.Primitive:
		return "is not a plain primitive"
	case r.Template != "":
		return "is made from the template " + r.Template
	case !onlyAttrs(e, "id", "class", "provider", "type"):
		return "has XML attributes that pcs does not set"
	case !slices.Contains([]string{"ocf", "systemd", "lsb", "stonith"}, r.Class) || r.Type == "":
		return "is of the class " + r.Class + ", which pcs does not make"
	}
	seen := make(map[string]bool)
	for child := range e.ChildElementsSeq() {
		role, _ := r.Meta.Get("target-role")
		switch {
		case seen[child.Tag]:
			return "has several sets of " + child.Tag
		case child.Tag == "utilization":
			return "has utilization attributes"
		case child.Tag == "operations" && (!onlyAttrs(child, "id") || !plainOperations(child, d)):
			return "has operations that pcs does not make"
		case strings.HasSuffix(child.Tag, "_attributes") && !plainSet(child):
			return "has " + child.Tag + " with a rule, a reference or a pair that pcs does not set"
		case child.Tag == "meta_attributes" && role != "" && !strings.EqualFold(role, "Stopped") && !strings.EqualFold(role, "Started"):
			return "has the target-role " + role
		case !slices.Contains([]string{"instance_attributes", "meta_attributes", "operations"}, child.Tag):
			return "has <" + child.Tag + ">, which pcs does not make"
		}
		seen[child.Tag] = true
	}
	// pcs gives every resource a monitor. The guide makes fence devices all the same (H22).
	if r.Class != "stonith" && !slices.ContainsFunc(r.Operations, func(o pacemaker.Op) bool { return o.Name == "monitor" }) {
		return "has no monitor, and pcs would add one"
	}
	return ""
}

// onlyAttrs says whether an element has no other attributes than these.
func onlyAttrs(e *etree.Element, names ...string) bool {
	return !slices.ContainsFunc(e.Attr, func(a etree.Attr) bool { return !slices.Contains(names, a.FullKey()) })
}

// plainSet says whether a set is pairs with values, each name once, and nothing else.
func plainSet(set *etree.Element) bool {
	if !onlyAttrs(set, "id") {
		return false
	}
	seen := make(map[string]bool)
	for p := range set.ChildElementsSeq() {
		name := p.SelectAttrValue("name", "")
		if p.Tag != "nvpair" || !onlyAttrs(p, "id", "name", "value") || p.SelectAttrValue("value", "") == "" || name == "" ||
			seen[name] || strings.ContainsAny(name, "= ") {
			return false
		}
		seen[name] = true
	}
	return true
}

func plainOperations(ops *etree.Element, d pcs.Dialect) bool {
	seen := make(map[string]bool)
	for o := range ops.ChildElementsSeq() {
		key := o.SelectAttrValue("name", "") + " " + pacemaker.SameTime(o.SelectAttrValue("interval", ""))
		role := o.SelectAttrValue("role", "")
		switch {
		case o.Tag != "op" || !onlyAttrs(o, "id", "name", "interval", "timeout", "on-fail", "role", "enabled"):
			return false
		case o.SelectAttr("interval") == nil || seen[key]:
			return false
		case d.Modern() && (role == "Master" || role == "Slave"): // renamed in Pacemaker 2.1
			return false
		}
		seen[key] = true
		for child := range o.ChildElementsSeq() {
			pairs := child.ChildElements()
			if child.Tag != "instance_attributes" || !plainSet(child) || len(pairs) != 1 ||
				pairs[0].SelectAttrValue("name", "") != "OCF_CHECK_LEVEL" {
				return false
			}
		}
	}
	return true
}
