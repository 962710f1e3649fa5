package pacemaker

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// A second, plain reading of what a CIB means, for judging Diff: it is read with encoding/xml, shares no code with Diff, and does not
// know of positions, views, sentences or speed. It tells apart only documents that differ in one place, so it need not know that 60 and
// 60s are the same.

// xnode is an element.
type xnode struct {
	tag   string
	attrs []xml.Attr
	kids  []*xnode
}

func readX(data []byte) (*xnode, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	var stack []*xnode
	var root *xnode
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if t.Name.Space != "" {
				return nil, errors.New("name spaces are not judged")
			}
			n := &xnode{tag: t.Name.Local}
			for _, a := range t.Attr {
				if a.Name.Space != "" {
					return nil, errors.New("name spaces are not judged")
				}
				n.attrs = append(n.attrs, xml.Attr{Name: a.Name, Value: strings.NewReplacer("\n", " ", "\t", " ", "\r", " ").Replace(a.Value)})
			}
			if len(stack) > 0 {
				stack[len(stack)-1].kids = append(stack[len(stack)-1].kids, n)
			} else {
				root = n
			}
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		}
	}
}

func (n *xnode) print(b *strings.Builder) {
	b.WriteString("<" + n.tag)
	for _, a := range n.attrs {
		fmt.Fprintf(b, " %s=\"", a.Name.Local)
		_ = xml.EscapeText(b, []byte(a.Value))
		b.WriteString("\"")
	}
	b.WriteString(">")
	for _, k := range n.kids {
		k.print(b)
	}
	b.WriteString("</" + n.tag + ">")
}

func (n *xnode) get(name string) (string, bool) {
	for _, a := range n.attrs {
		if a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

func (n *xnode) is(name string) string { v, _ := n.get(name); return v }

func (n *xnode) child(tag string) *xnode {
	for _, k := range n.kids {
		if k.tag == tag {
			return k
		}
	}
	return nil
}

// oracle says what a document means, as a sorted list of lines.
type oracle struct {
	root  *xnode
	byID  map[string]*xnode
	role  bool // something gives a target role to others
	lines []string
}

func meaningOf(root *xnode) string {
	o := &oracle{root: root, byID: make(map[string]*xnode)}
	o.index(root)
	o.role = o.roles(root, "")
	for _, a := range root.attrs {
		switch a.Name.Local {
		case "admin_epoch", "epoch", "num_updates", "cib-last-written", "update-origin", "update-client", "update-user",
			"execution-date", "dc-uuid",
			"have-quorum", "no-quorum-panic", "crm_feature_set", "validate-with", "request-type", "request-time", "write-time", "ccm_transition":
		default:
			o.say("cib %s=%q", a.Name.Local, a.Value)
		}
	}
	for _, k := range root.kids {
		if k.tag != "status" && k.tag != "configuration" {
			o.say("cib %s", o.whole(k))
		}
	}
	if conf := root.child("configuration"); conf != nil {
		for _, a := range conf.attrs {
			o.say("configuration %s=%q", a.Name.Local, a.Value)
		}
		seen := make(map[string]bool)
		for _, section := range conf.kids {
			if seen[section.tag] {
				o.say("again %s", o.whole(section))
				continue
			}
			seen[section.tag] = true
			o.section(section)
		}
	}
	sort.Strings(o.lines)
	return strings.Join(o.lines, "\n")
}

func (o *oracle) say(format string, args ...any) {
	o.lines = append(o.lines, fmt.Sprintf(format, args...))
}

func (o *oracle) index(n *xnode) {
	if n.tag == "status" && n == o.root.child("status") {
		return
	}
	if id, ok := n.get("id"); ok && id != "" && o.byID[id] == nil {
		o.byID[id] = n
	}
	for _, k := range n.kids {
		o.index(k)
	}
}

func (o *oracle) roles(n *xnode, owner string) bool {
	switch n.tag {
	case "primitive", "rsc_defaults", "group", "clone", "master", "bundle", "template", "op_defaults", "alerts", "nodes", "crm_config":
		owner = n.tag
	case "op":
		owner = "op"
	case "nvpair":
		return n.is("name") == "target-role" && slices.Contains([]string{"rsc_defaults", "group", "clone", "master", "bundle", "template"}, owner)
	}
	found := false
	for _, k := range n.kids {
		found = o.roles(k, owner) || found
	}
	return found
}

func (o *oracle) target(n *xnode) *xnode {
	for range 8 {
		if n == nil {
			return nil
		}
		ref, ok := n.get("id-ref")
		if !ok {
			return n
		}
		n = o.byID[ref]
	}
	return nil
}

// whole is an element in one spelling.
func (o *oracle) whole(n *xnode) string {
	own := n
	if t := o.target(n); t != nil {
		n = t
	}
	var attrs []string
	_, known := schema()[n.tag]
	for _, a := range n.attrs {
		if a.Name.Local != "id" || !known || slices.Contains([]string{"resource_ref", "obj_ref", "role", "role_ref"}, n.tag) {
			attrs = append(attrs, fmt.Sprintf("%s=%q", a.Name.Local, a.Value))
		}
	}
	if name, ok := own.get("name"); ok && own != n && own.tag == "nvpair" {
		attrs = append(attrs, "own "+name)
	}
	sort.Strings(attrs)
	var kids []string
	for _, k := range n.kids {
		kids = append(kids, o.whole(k))
	}
	switch n.tag {
	case "resource_set", "rsc_order", "rsc_colocation", "rsc_location", "rsc_ticket", "acl_role", "acl_target", "acl_group", "acl_user":
	default:
		sort.Strings(kids)
	}
	return own.tag + "(" + strings.Join(attrs, " ") + " " + strings.Join(kids, " ") + ")"
}

func (o *oracle) section(s *xnode) {
	for _, a := range s.attrs {
		o.say("section %s %s=%q", s.tag, a.Name.Local, a.Value)
	}
	switch s.tag {
	case "crm_config":
		o.sets(s, "cluster_property_set", "crm_config")
	case "rsc_defaults", "op_defaults":
		o.sets(s, "meta_attributes", s.tag)
	}
	sums := make(map[string][]int)
	for _, k := range s.kids {
		switch {
		case s.tag == "crm_config" && k.tag == "cluster_property_set", strings.HasSuffix(s.tag, "_defaults") && k.tag == "meta_attributes":
		case s.tag == "nodes" && k.tag == "node":
			o.object("node "+k.is("uname"), k)
		case s.tag == "resources" && slices.Contains([]string{"primitive", "group", "clone", "master", "bundle", "template"}, k.tag):
			o.resource(k, "")
		case s.tag == "constraints" && k.tag == "rsc_location" && o.plain(k):
			key := k.is("rsc") + " on " + k.is("node")
			sums[key] = append(sums[key], scoreOf(k.is("score")))
		case s.tag == "tags" || s.tag == "acls" || s.tag == "alerts":
			o.say("%s %s %s", s.tag, k.is("id"), o.whole(k))
		default:
			o.say("%s %s", s.tag, o.whole(k))
		}
	}
	for key, scores := range sums {
		total := 0
		for _, score := range scores {
			switch {
			case total <= -1_000_000 || score <= -1_000_000:
				total = -1_000_000
			case total >= 1_000_000 || score >= 1_000_000:
				total = 1_000_000
			default:
				total = max(min(total+score, 1_000_000), -1_000_000)
			}
		}
		o.say("location %s: %d", key, total)
	}
}

const noScore = 1 << 40

func scoreOf(s string) int {
	switch strings.ToLower(s) {
	case "infinity", "+infinity":
		return 1_000_000
	case "-infinity":
		return -1_000_000
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return noScore
	}
	return n
}

func (o *oracle) plain(n *xnode) bool {
	for _, a := range n.attrs {
		if !slices.Contains([]string{"id", "rsc", "node", "score"}, a.Name.Local) {
			return false
		}
	}
	return len(n.kids) == 0 && n.is("rsc") != "" && n.is("node") != "" && scoreOf(n.is("score")) != noScore
}

// object says the attributes, the sets and the other children of a node, resource or operation.
func (o *oracle) object(name string, n *xnode) {
	o.say("%s is there", name)
	for _, a := range n.attrs {
		switch {
		case a.Name.Local == "id", n.tag == "op" && a.Name.Local == "interval" && strings.Trim(a.Value, "0s") == "",
			n.tag == "node" && a.Name.Local == "type" && (a.Value == "" || a.Value == "normal" || a.Value == "member"):
		default:
			o.say("%s %s=%q", name, a.Name.Local, a.Value)
		}
	}
	for _, tag := range []string{"instance_attributes", "meta_attributes", "utilization"} {
		o.sets(n, tag, name+" "+tag)
	}
	for _, k := range n.kids {
		switch {
		case k.tag == "instance_attributes" || k.tag == "meta_attributes" || k.tag == "utilization" || k.tag == "operations":
		case n.tag != "node" && slices.Contains([]string{"primitive", "group", "clone", "master", "bundle"}, k.tag):
		default:
			o.say("%s has %s", name, o.whole(k))
		}
	}
}

func (o *oracle) resource(n *xnode, within string) {
	name := "resource " + n.is("id")
	o.say("%s is a %s in %q", name, n.tag, within)
	o.object(name, n)
	var members []string
	for _, k := range n.kids {
		switch k.tag {
		case "primitive", "group", "clone", "master", "bundle", "template":
			members = append(members, k.is("id"))
			o.resource(k, n.is("id"))
		case "operations":
			ops := o.target(k)
			if ops == nil {
				o.say("%s %s", name, o.whole(k))
				continue
			}
			for _, op := range ops.kids {
				inner := &oracle{root: o.root, byID: o.byID, role: o.role}
				inner.object("op", op)
				sort.Strings(inner.lines)
				o.say("%s op %q", name, inner.lines)
			}
		}
	}
	o.say("%s members %q", name, members)
}

// sets says which value each name has, read as Pacemaker reads it: set by set, and the first value of a name stays.
func (o *oracle) sets(parent *xnode, tag, name string) {
	type set struct {
		n     *xnode
		score int
		place int
	}
	var sets []set
	for i, k := range parent.kids {
		if k.tag != tag {
			continue
		}
		n := o.target(k)
		if n == nil {
			o.say("%s dangling %s", name, o.whole(k))
			continue
		}
		for _, a := range k.attrs {
			if !slices.Contains([]string{"id", "id-ref", "score"}, a.Name.Local) {
				o.say("%s odd %s", name, o.whole(k))
			}
		}
		score := scoreOf(n.is("score"))
		if score == noScore {
			score = 0
		}
		if n.is("id") == "cib-bootstrap-options" && tag == "cluster_property_set" {
			score = 1 << 30
		}
		sets = append(sets, set{n, max(score, -1_000_000), i})
		for _, inner := range n.kids {
			if inner.tag != "rule" && inner.tag != "nvpair" && inner.tag != "attributes" {
				o.say("%s odd %s", name, o.whole(k))
			}
		}
	}
	sort.SliceStable(sets, func(i, j int) bool {
		return sets[i].score > sets[j].score || sets[i].score == sets[j].score && sets[i].place > sets[j].place
	})
	values := make(map[string]string)
	order := ""
	for _, s := range sets {
		pairs := s.n.kids
		if s.n.child("attributes") != nil && len(s.n.kids) == 1 {
			pairs = s.n.child("attributes").kids
		}
		var own, rules, names []string
		for _, p := range pairs {
			if p.tag == "rule" {
				rules = append(rules, o.whole(p))
			}
			if p.tag != "nvpair" {
				continue
			}
			for _, a := range p.attrs {
				if !slices.Contains([]string{"id", "id-ref", "name", "value"}, a.Name.Local) {
					o.say("%s odd pair %s", name, o.whole(s.n))
				}
			}
			t := o.target(p)
			if t == nil {
				continue
			}
			key, ok := p.get("name")
			if !ok || key == "" {
				key = t.is("name")
			}
			names = append(names, key)
			value, ok := t.get("value")
			if !ok {
				continue
			}
			own = append(own, fmt.Sprintf("%q=%q", key, value))
			if s.n.child("rule") == nil {
				if strings.EqualFold(value, "#default") {
					delete(values, key)
				} else if _, seen := values[key]; !seen {
					values[key] = value
				}
			}
		}
		sort.Strings(own)
		sort.Strings(names)
		if len(rules) > 0 {
			o.say("%s when %q: %q score %d behind %s", name, rules, own, s.score, order)
		}
		order += fmt.Sprintf("[%d %q]", s.score, names)
	}
	for key, value := range values {
		if tag == "meta_attributes" && key == "target-role" && strings.EqualFold(value, "Started") && !o.role &&
			!strings.HasSuffix(name, "_defaults") {
			continue
		}
		o.say("%s %q=%q", name, key, value)
	}
}
