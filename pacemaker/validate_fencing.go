package pacemaker

import (
	"slices"

	"github.com/beevik/etree"
)

// fencingOff says whether fencing is off whatever the rules of the properties say.
func (v *validator) fencingOff() bool {
	off, certain := v.fencingState("stonith-enabled")
	return off && certain
}

// fencingState says whether a property turns fencing off, and whether that is certain: a set with a rule may say otherwise.
func (v *validator) fencingState(property string) (off, certain bool) {
	value, ok := v.cib.Property(property)
	off = ok && isFalse(value)
	certain = !slices.ContainsFunc(v.cib.PropertySets(), func(s AttributeSet) bool {
		other, says := s.Get(property)
		return says && s.Rule != "" && isFalse(other) != off
	})
	return off, certain
}

// fencing looks whether there is a device where one is needed: without one Pacemaker starts nothing, and crm_verify refuses the CIB,
// with resources or without. A device that is disabled counts, a template that nobody uses does not.
func (v *validator) fencing(root *etree.Element) {
	const remedy = "add a fence device, or set stonith-enabled to false"
	off, certain := v.fencingState("stonith-enabled")
	for _, s := range v.cib.PropertySets() {
		// A node with a watchdog fences itself. stonith_enabled is how heartbeat wrote it.
		watchdog, _ := s.Get("have-watchdog")
		old, _ := s.Get("stonith_enabled")
		if IsTrue(watchdog) || isFalse(old) {
			return
		}
	}
	if off && certain || v.fenceDevice() {
		return
	}
	if !certain {
		v.find(Warning, "no-fencing-device", root, "fencing is on or off by a rule, and there is no fence device: "+
			"while it is on Pacemaker starts no resource: %s", remedy)
		return
	}
	for _, p := range root.FindElements("configuration/crm_config/cluster_property_set/nvpair[@name='fencing-enabled']") {
		if isFalse(p.SelectAttrValue("value", "")) {
			v.find(Warning, "no-fencing-device", p, "fencing-enabled is new in Pacemaker 3.0.2: before it fencing is on, there is no fence "+
				"device, and Pacemaker starts no resource: %s", remedy)
			return
		}
	}
	v.find(Fault, "no-fencing-device", root, "fencing is on, and there is no fence device: Pacemaker starts no resource: %s", remedy)
}

// fenceDevice says whether a resource is a fence device, by itself or by its template.
func (v *validator) fenceDevice() bool {
	for _, e := range v.byID {
		agent := e
		if t := v.byID[e.SelectAttrValue("template", "")]; t != nil && e.Tag == string(Primitive) {
			agent = t
		}
		if IsResource(e) && e.Tag != string(Template) && agent.SelectAttrValue("class", "") == "stonith" {
			return true
		}
	}
	return false
}
