package pacemaker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// kindOrder is the order in which differences are told.
var kindOrder = []string{
	kindProperty, kindPropertySet, kindNode, kindResource, kindLocation, kindOrdering, kindColocation, kindTicket, kindConstraint,
	kindResourceDefault, kindOperationDefault, kindDefaultSet, kindSection,
}

const (
	kindProperty         = "property"
	kindPropertySet      = "property set"
	kindNode             = "node"
	kindResource         = "resource"
	kindLocation         = "location constraint"
	kindOrdering         = "order constraint"
	kindColocation       = "colocation constraint"
	kindTicket           = "ticket constraint"
	kindConstraint       = "constraint"
	kindResourceDefault  = "resource default"
	kindOperationDefault = "operation default"
	kindDefaultSet       = "defaults set"
	kindSection          = "configuration"
)

// fact is one thing that a CIB says. Two CIBs with the same keys and values mean the same.
type fact struct {
	key                  string
	kind, subject, field string
	same                 string // the value as it is compared
	shown                string // the value as it is told, secrets masked
	owner                string // the key of the object it belongs to: when that is gone or new, only that is told
}

type facts struct {
	names  NodeNames
	list   []fact
	byKey  map[string]fact
	owners map[string]bool
}

// factsOf takes a CIB apart.
func factsOf(c *CIB, o diffOptions) *facts {
	f := &facts{names: o.names, byKey: make(map[string]fact), owners: make(map[string]bool)}
	f.pairs(kindProperty, c.Properties())
	f.ruled(kindPropertySet, "cluster_property_set", c.PropertySets())
	for _, n := range c.Nodes() {
		f.node(n)
	}
	for i, r := range c.Resources() {
		f.resource(r, "", i)
	}
	f.locations(c.Locations(), o.ids)
	for _, e := range c.children("constraints") {
		f.otherConstraint(e)
	}
	f.pairs(kindResourceDefault, c.ResourceDefaults().Effective())
	f.ruled(kindDefaultSet, "rsc_defaults", c.ResourceDefaults())
	f.pairs(kindOperationDefault, c.OperationDefaults().Effective())
	f.ruled(kindDefaultSet, "op_defaults", c.OperationDefaults())
	f.otherSections(c)
	f.seal()
	return f
}

func (f *facts) add(n fact) { f.list = append(f.list, n) }

// seal gives every fact its key. Facts about the same thing are told apart by their place among themselves, sorted by what they say,
// because the order in the document means nothing.
func (f *facts) seal() {
	groups := make(map[string][]*fact)
	for i := range f.list {
		n := &f.list[i]
		base := strings.Join([]string{n.kind, n.subject, n.field}, "\x00")
		groups[base] = append(groups[base], n)
	}
	for base, group := range groups {
		slices.SortStableFunc(group, func(a, b *fact) int { return strings.Compare(a.same, b.same) })
		for i, n := range group {
			n.key = fmt.Sprintf("%s\x00%d", base, i)
			f.byKey[n.key] = *n
		}
	}
}

// object notes a thing that has facts of its own.
func (f *facts) object(kind, subject string) string {
	f.add(fact{kind: kind, subject: subject})
	owner := kind + "\x00" + subject
	f.owners[owner] = true
	return owner
}

// value notes one value. A kind without an object of its own has the name as its subject.
func (f *facts) value(kind, subject, field, owner, name, value string) {
	same := value
	if isTime(name) {
		same = sameTime(value)
	}
	f.add(fact{kind: kind, subject: subject, field: field, owner: owner, same: same, shown: masked(name, value)})
}

func (f *facts) pairs(kind string, pairs []NVPair) {
	for _, p := range pairs {
		f.value(kind, p.Name, "", "", p.Name, p.Value)
	}
}

func (f *facts) attributes(kind, subject, owner, what string, sets AttributeSets) {
	for _, p := range sets.Effective() {
		if what == "meta attribute" && p.Name == "target-role" && strings.EqualFold(p.Value, "Started") {
			continue
		}
		f.value(kind, subject, what+" "+p.Name, owner, p.Name, p.Value)
	}
	for _, set := range sets {
		if set.Rule != "" {
			f.add(fact{kind: kind, subject: subject, field: what + " set with a rule", owner: owner, same: f.ruledSet(set), shown: "(" + set.ID + ")"})
		}
	}
}

func (f *facts) ruled(kind, section string, sets AttributeSets) {
	for _, set := range sets {
		if set.Rule != "" {
			f.add(fact{kind: kind, subject: section, field: "set with a rule", same: f.ruledSet(set), shown: "(" + set.ID + ")"})
		}
	}
}

// ruledSet is a set with a rule in one canonical spelling.
func (f *facts) ruledSet(set AttributeSet) string {
	pairs := make([]string, len(set.Pairs))
	for i, p := range set.Pairs {
		pairs[i] = fmt.Sprintf("%q=%q", p.Name, p.Value)
	}
	slices.Sort(pairs)
	return set.Score.String() + f.canonicalText(set.Rule) + strings.Join(pairs, " ")
}

func (f *facts) node(n Node) {
	name := f.names.New(n.Uname)
	owner := f.object(kindNode, name)
	if n.Type != "" && n.Type != "normal" && n.Type != "member" {
		f.value(kindNode, name, "type", owner, "type", n.Type)
	}
	f.attributes(kindNode, name, owner, "attribute", n.Attributes)
	f.attributes(kindNode, name, owner, "utilization", n.Utilization)
}

// resource notes a resource and its place: order counts inside a group only.
func (f *facts) resource(r Resource, container string, place int) {
	owner := f.object(kindResource, r.ID)
	note := func(field, value string) {
		if value != "" {
			f.value(kindResource, r.ID, field, owner, "", value)
		}
	}
	note("kind", string(r.Kind))
	if r.Class != "" || r.Type != "" {
		note("agent", r.Agent())
	}
	note("template", r.Template)
	if container != "" {
		note("container", fmt.Sprintf("%s, place %d", container, place+1))
	}
	f.attributes(kindResource, r.ID, owner, "attribute", r.Instance)
	f.attributes(kindResource, r.ID, owner, "meta attribute", r.Meta)
	f.attributes(kindResource, r.ID, owner, "utilization", r.Utilization)
	for _, o := range r.Operations {
		f.operation(r.ID, owner, o)
	}
	for i, m := range r.Members {
		f.resource(m, r.ID, i)
	}
}

// operation notes an operation as one fact: its name and interval tell which, everything else is what it says.
func (f *facts) operation(resource, owner string, o Op) {
	field := "operation " + o.Name + " every " + sameTime(o.Interval)
	if o.Interval == "" || sameTime(o.Interval) == "0ms" {
		field = "operation " + o.Name
	}
	var same, shown []string
	say := func(prefix, name, value string) {
		if value == "" {
			return
		}
		compared := value
		if isTime(name) {
			compared = sameTime(value)
		}
		same = append(same, fmt.Sprintf("%s%q=%q", prefix, name, compared))
		shown = append(shown, name+"="+masked(name, value))
	}
	for _, p := range o.Other {
		if p.Name == "role" {
			field += " as " + p.Value
			continue
		}
		say("", p.Name, p.Value)
	}
	say("", "timeout", o.Timeout)
	for _, p := range o.Instance.Effective() {
		say("instance ", p.Name, p.Value)
	}
	for _, p := range o.Meta.Effective() {
		say("meta ", p.Name, p.Value)
	}
	for _, set := range append(slices.Clone(o.Instance), o.Meta...) {
		if set.Rule != "" {
			same = append(same, f.ruledSet(set))
			shown = append(shown, "a set with a rule")
		}
	}
	slices.Sort(same)
	slices.Sort(shown)
	f.add(fact{
		kind: kindResource, subject: resource, field: field, owner: owner,
		same: strings.Join(same, " "), shown: "(" + strings.Join(shown, " ") + ")",
	})
}

// locations sums the plain constraints on the same resource and node, as Pacemaker does, and notes the others as they are.
func (f *facts) locations(all []Location, ids bool) {
	type place struct{ resource, node string }
	sums := make(map[place]Score)
	var order []place
	names := make(map[place][]string)
	for _, l := range all {
		score, err := ParseScore(l.Score)
		if !l.Plain() || err != nil {
			f.ruledLocation(l)
			continue
		}
		p := place{l.Resource, f.names.New(l.Node)}
		if _, seen := sums[p]; !seen {
			order = append(order, p)
		}
		sums[p] = sums[p].Add(score)
		names[p] = append(names[p], l.ID)
	}
	for _, p := range order {
		subject := p.resource + " → " + p.node
		f.value(kindLocation, subject, "score", "", "", sums[p].String())
		if ids {
			slices.Sort(names[p])
			f.value(kindLocation, subject, "id", "", "", strings.Join(names[p], ", "))
		}
	}
}

func (f *facts) ruledLocation(l Location) {
	subject := l.Resource + l.Pattern
	parts := []string{l.Resource, l.Pattern, f.names.New(l.Node), l.Score, l.Role, optionText(l.Other)}
	for _, r := range l.Rules {
		parts = append(parts, f.canonicalText(r))
	}
	for _, s := range l.Sets {
		subject += "{" + strings.Join(s.Resources, " ") + "}"
		parts = append(parts, strings.Join(s.Resources, ","), optionText(s.Options))
	}
	f.add(fact{kind: kindLocation, subject: subject, field: "conditions", same: strings.Join(parts, "\x01"), shown: "(" + l.ID + ")"})
}

func optionText(options []NVPair) string {
	texts := make([]string, len(options))
	for i, p := range options {
		texts[i] = fmt.Sprintf("%q=%q", p.Name, p.Value)
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}

func (f *facts) otherConstraint(e *etree.Element) {
	get := func(k string) string { return e.SelectAttrValue(k, "") }
	sets := ""
	for _, s := range resourceSets(e) {
		sets += "{" + strings.Join(s.Resources, " ") + "}"
	}
	kind, subject := kindConstraint, e.Tag+" "+get("id")
	switch e.Tag {
	case "rsc_location":
		return
	case "rsc_order":
		kind, subject = kindOrdering, get("first")+" → "+get("then")
	case "rsc_colocation":
		kind, subject = kindColocation, get("rsc")+" with "+get("with-rsc")
	case "rsc_ticket":
		kind, subject = kindTicket, get("ticket")+" for "+get("rsc")+sets
		sets = ""
	}
	if sets != "" {
		subject = sets
	}
	f.add(fact{kind: kind, subject: subject, same: f.canonical(e), shown: "(" + get("id") + ")"})
}

// otherSections notes each entry of the sections that have no view in Diff: fencing topology, tags, ACLs, alerts, and unknown ones.
func (f *facts) otherSections(c *CIB) {
	conf := c.doc.Root().SelectElement("configuration")
	if conf == nil {
		return
	}
	known := []string{"crm_config", "nodes", "resources", "constraints", "rsc_defaults", "op_defaults"}
	for _, section := range conf.ChildElements() {
		if slices.Contains(known, section.Tag) {
			continue
		}
		for _, e := range section.ChildElements() {
			id := e.SelectAttrValue("id", "")
			f.add(fact{kind: kindSection, subject: section.Tag, field: e.Tag + " " + id, same: f.canonical(e), shown: "(" + e.Tag + ")"})
		}
	}
}

// canonical is an element in one spelling, without ids of its own and with nodes renamed. References to other objects by id stay.
func (f *facts) canonical(e *etree.Element) string {
	var b strings.Builder
	f.writeCanonical(&b, e)
	return b.String()
}

func (f *facts) canonicalText(xml string) string {
	doc, err := scanXML("", []byte(xml))
	if err != nil { // it was printed from a tree
		return xml
	}
	return f.canonical(doc.Root())
}

func (f *facts) writeCanonical(b *strings.Builder, e *etree.Element) {
	attrs := make([]string, 0, len(e.Attr))
	for _, a := range e.Attr {
		if a.Key == "id" && !isReference(e.Tag) {
			continue
		}
		value := a.Value
		// A rule names a node in the value of an expression on #uname, a level in target.
		if a.Key == "node" || a.Key == "target" || a.Key == "value" && e.SelectAttrValue("attribute", "") == "#uname" {
			value = f.names.New(value)
		}
		attrs = append(attrs, fmt.Sprintf("%s=%q", a.FullKey(), value))
	}
	slices.Sort(attrs)
	b.WriteString("<" + e.FullTag() + " " + strings.Join(attrs, " ") + ">")
	if text := strings.TrimSpace(e.Text()); text != "" {
		fmt.Fprintf(b, "%q", text)
	}
	for _, child := range e.ChildElements() {
		f.writeCanonical(b, child)
	}
	b.WriteString("</>")
}

// isReference says whether the id of an element is that of something else.
func isReference(tag string) bool {
	switch tag {
	case "resource_ref", "obj_ref", "role", "role_ref", "tag", "acl_role", "acl_target", "acl_group", "acl_user":
		return true
	}
	return false
}
