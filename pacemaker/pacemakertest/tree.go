package pacemakertest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// Groups and clones in the outputs of crm_mon and pcs.

// transient are the attributes of a node that it loses when it leaves, in the status section of the CIB.
func (*session) transient(state *etree.Element, n pacemaker.Node, m *node) {
	if m == nil || len(m.attrs) == 0 {
		return
	}
	e := element(state, "transient_attributes", "id", n.ID)
	set := element(e, "instance_attributes", "id", "status-"+n.ID)
	for _, a := range m.attrs {
		element(set, "nvpair", "id", "status-"+n.ID+"-"+a.Name, "name", a.Name, "value", a.Value)
	}
}

// container is where crm_mon lists a primitive: in the element of its group or clone, which the first of them makes.
func (*session) container(list *etree.Element, d *document, p primitive) *etree.Element {
	u := p.unit
	if u.kind == pacemaker.Primitive {
		return list
	}
	if p.id != u.ids[0] {
		all := list.ChildElements()
		return all[len(all)-1]
	}
	managed := strconv.FormatBool(p.managed && !d.flag("maintenance-mode", false))
	if u.kind == pacemaker.Group {
		return element(list, "group", "id", u.id, "number_resources", strconv.Itoa(len(u.ids)), "maintenance", "false", "managed", managed,
			"disabled", strconv.FormatBool(strings.EqualFold(p.role, "Stopped")))
	}
	return element(list, "clone", "id", u.id, "multi_state", "false", "unique", "false", "managed", managed, "failed", "false",
		"failure_ignored", "false")
}

// instances are how many there are of all resources: a clone has one on each node.
func (d *document) instances() int {
	n := 0
	for _, p := range d.primitives {
		if n++; p.unit.kind == pacemaker.Clone {
			n += len(d.nodes) - 1
		}
	}
	return n
}

// resourceRows are the lines of the resources that are shown, each group and clone under a heading. bullet stands before
// each line of Pacemaker 2, and nothing of 1.1; row is a primitive's own line.
func (s *session) resourceRows(d *document, bullet string, show func(primitive) bool, row func(primitive) string) []string {
	var out []string
	for _, p := range d.primitives {
		u := p.unit
		switch {
		case !show(p):
		case u.kind == pacemaker.Clone:
			out = append(out, s.cloneRows(d, bullet, p)...)
		case u.kind == pacemaker.Group:
			if p.id == u.ids[0] {
				heading := bullet + "Resource Group: " + u.id
				if bullet != "" {
					heading += ":"
				}
				out = append(out, heading)
			}
			indent := "    "
			if bullet != "" {
				indent = "  "
			}
			out = append(out, indent+row(p))
		default:
			out = append(out, row(p))
		}
	}
	return out
}

// cloneRows are the nodes on which a clone runs, and on which it does not.
func (s *session) cloneRows(d *document, bullet string, p primitive) []string {
	heading, indent := bullet+"Clone Set: "+p.unit.id+" ["+p.id+"]", "    "
	if bullet != "" {
		heading, indent = heading+":", "  "
	}
	out := []string{heading}
	var at, not []string
	_, on := s.running(p.id)
	for _, n := range d.nodes {
		if m := s.peer(n.Uname); m != nil && slices.Contains(on, m) {
			at = append(at, n.Uname)
		} else {
			not = append(not, n.Uname)
		}
	}
	for _, list := range []struct {
		word  string
		names []string
	}{{"Started", at}, {"Stopped", not}} {
		if len(list.names) > 0 {
			out = append(out, indent+bullet+list.word+": [ "+strings.Join(list.names, " ")+" ]")
		}
	}
	return out
}

// all shows every resource.
func all(primitive) bool { return true }

// rows are the lines of resources as a status of the host's Pacemaker has them.
func (s *session) rows(d *document, show func(primitive) bool) []string {
	indent, bullet, row := " ", "", func(r primitive) string { return s.row(d, r) }
	if s.software.modern() {
		indent, bullet, row = "  ", "* ", func(r primitive) string { return s.row2(d, r) }
	}
	out := s.resourceRows(d, bullet, show, row)
	for i := range out {
		out[i] = indent + out[i]
	}
	return out
}

// instance is one copy of a primitive, and the nodes that it is on.
type instance struct {
	role string
	on   []*node
}

// copies are the instances of a primitive: of a clone one for each node, and first those that run.
func (s *session) copies(d *document, p primitive) []instance {
	role, on := s.running(p.id)
	if p.unit.kind != pacemaker.Clone {
		return []instance{{role, on}}
	}
	var out []instance
	for _, n := range on {
		i := slices.IndexFunc(n.active, func(a active) bool { return a.primitive.id == p.id })
		out = append(out, instance{n.active[i].phase.String(), []*node{n}})
	}
	for len(out) < len(d.nodes) {
		out = append(out, instance{role: "Stopped"})
	}
	return out
}
