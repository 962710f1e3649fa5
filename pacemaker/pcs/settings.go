package pcs

import (
	"fmt"
	"slices"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// Settings are values that are set together, in one change of a running cluster: Pacemaker then computes one
// transition, where a command for each value makes one for each, and takes about a second to start (H25).
type Settings struct {
	Properties []pacemaker.NVPair // of the cluster
	Attributes []NodeSetting
	Roles      []RoleSetting
}

// NodeSetting is a permanent attribute of a node, such as standby=on.
type NodeSetting struct {
	Node string // its uname
	pacemaker.NVPair
}

// RoleSetting is the target-role of a resource: Started, Stopped, …
type RoleSetting struct{ Resource, Role string }

// Roles gives all of the resources the same target-role.
func Roles(role string, resources ...string) []RoleSetting {
	out := make([]RoleSetting, len(resources))
	for i, id := range resources {
		out[i] = RoleSetting{id, role}
	}
	return out
}

// Set is the command that puts the settings in force in a running cluster. Everything else is left as it is: cibadmin
// finds each value by its id, and that is why c must be the CIB of that cluster, or one with the same ids. A value that
// is not there yet is made.
func Set(c *pacemaker.CIB, s Settings) (Operation, error) { return setIn(c.Clone(), s) }

// SetEach is Set for several settings, each a command of its own; no two may be about the same value. The CIB is read
// once for all of them.
func SetEach(c *pacemaker.CIB, each ...Settings) ([]Operation, error) {
	after := c.Clone()
	ops := make([]Operation, len(each))
	for i, s := range each {
		var err error
		if ops[i], err = setIn(after, s); err != nil {
			return nil, err
		}
	}
	return ops, nil
}

// setIn makes the settings in a CIB, and the command of what has changed.
func setIn(after *pacemaker.CIB, s Settings) (Operation, error) {
	for _, p := range s.Properties {
		after.SetProperty(p.Name, p.Value)
	}
	for _, a := range s.Attributes {
		if err := after.SetNodeAttribute(a.Node, a.Name, a.Value); err != nil {
			return Operation{}, fmt.Errorf("cannot set %s: %w", a.Name, err)
		}
	}
	for _, r := range s.Roles {
		if err := after.SetMeta(r.Resource, "target-role", r.Role); err != nil {
			return Operation{}, fmt.Errorf("cannot make %s %s: %w", r.Resource, r.Role, err)
		}
	}
	// The sections in the order of the schema.
	conf := etree.NewElement("configuration")
	section := func(name string, parts []*etree.Element) {
		if len(parts) == 0 {
			return
		}
		e := conf.CreateElement(name)
		for _, p := range parts {
			e.AddChild(p)
		}
	}
	var config, nodes, resources []*etree.Element
	for _, set := range after.SectionChildren("crm_config") {
		if part := withOnly(set, namedPairs(set, s.Properties)); part != nil {
			config = append(config, part)
		}
	}
	for _, n := range after.Nodes() {
		var pairs []pacemaker.NVPair
		for _, a := range s.Attributes {
			if a.Node == n.Uname {
				pairs = append(pairs, a.NVPair)
			}
		}
		e := after.NodeElement(n.Uname)
		for _, set := range e.SelectElements("instance_attributes") {
			if part := withOnly(set, namedPairs(set, pairs)); part != nil {
				nodes = append(nodes, skeleton(e, part))
			}
		}
	}
	for _, r := range s.Roles {
		e := after.ResourceElement(r.Resource)
		for _, set := range e.SelectElements("meta_attributes") {
			if part := withOnly(set, namedPairs(set, []pacemaker.NVPair{{Name: "target-role"}})); part != nil {
				resources = append(resources, inPlace(e, part))
			}
		}
	}
	section("crm_config", config)
	section("nodes", nodes)
	section("resources", resources)
	o := NewOperation("set at once", "", op.Disruptive, op.Idempotent, "cibadmin", "--modify", "--allow-create", "--xml-pipe")
	o.Stdin, o.Hidden = pacemaker.CompactXML(conf), pacemaker.HasSecret(conf)
	return o, nil
}

// namedPairs are the pairs of a set that have one of the names. A set under a rule does not decide by itself, and is left alone.
func namedPairs(set *etree.Element, names []pacemaker.NVPair) []*etree.Element {
	if set.SelectElement("rule") != nil {
		return nil
	}
	var out []*etree.Element
	for _, p := range set.SelectElements("nvpair") {
		if slices.ContainsFunc(names, func(n pacemaker.NVPair) bool { return n.Name == p.SelectAttrValue("name", "") }) {
			out = append(out, p)
		}
	}
	return out
}

// inPlace is a resource's skeleton with one child, inside the skeletons of what it stands in: cibadmin finds each by its id.
func inPlace(e, child *etree.Element) *etree.Element {
	for ; e != nil && pacemaker.IsResource(e); e = e.Parent() {
		child = skeleton(e, child)
	}
	return child
}

// skeleton is an element's tag and id with one child.
func skeleton(e, child *etree.Element) *etree.Element {
	out := etree.NewElement(e.Tag)
	out.CreateAttr("id", e.SelectAttrValue("id", ""))
	out.AddChild(child)
	return out
}

// withOnly is a copy of a set with some of its pairs; nil without any.
func withOnly(set *etree.Element, pairs []*etree.Element) *etree.Element {
	if len(pairs) == 0 {
		return nil
	}
	out := etree.NewElement(set.Tag)
	out.Attr = slices.Clone(set.Attr)
	for _, p := range pairs {
		out.AddChild(p.Copy())
	}
	return out
}
