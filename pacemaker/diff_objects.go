package pacemaker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// dissection takes a CIB apart into objects. Everything in the configuration ends up in one of them: what has no form of its own is
// compared as a whole element.
type dissection struct {
	cib *CIB
	diffOptions
	objects []*object
}

func objectsOf(c *CIB, o diffOptions) []*object {
	d := &dissection{cib: c, diffOptions: o}
	d.header()
	for _, e := range c.Root().ChildElements() {
		switch e.Tag {
		case "configuration":
			d.configuration(e)
		case "status":
		default:
			d.whole(kindSection, "cib", e)
		}
	}
	for _, o := range d.objects {
		o.sort()
	}
	return d.objects
}

// volatile are the attributes of <cib> that are no configuration.
var volatile = map[string]bool{
	"admin_epoch": true, "epoch": true, "num_updates": true, "cib-last-written": true, "update-origin": true, "update-client": true,
	"update-user": true, "execution-date": true, "dc-uuid": true, "have-quorum": true, "no-quorum-panic": true,
	"crm_feature_set": true, "validate-with": true, "request-type": true, "request-time": true, "write-time": true, "ccm_transition": true,
}

func (d *dissection) header() {
	for _, a := range d.cib.Root().Attr {
		if !volatile[a.FullKey()] {
			d.tell(kindHeader, a.FullKey(), "", a.Value, maskedAttribute(a.Key, a.Value))
		}
	}
}

// add starts an object.
func (d *dissection) add(kind, subject, id string) *object {
	o := &object{kind: kind, subject: subject, id: id}
	d.objects = append(d.objects, o)
	return o
}

// tell adds an object that is nothing but one value.
func (d *dissection) tell(kind, subject, name, same, shown string) {
	o := d.add(kind, subject, "")
	o.told = true
	o.fields = append(o.fields, field{name, same, shown})
}

// whole adds an object that is one element.
func (d *dissection) whole(kind, section string, e *etree.Element) {
	d.tell(kind, section, e.FullTag(), d.canonical(e), d.shown(e))
}

func (d *dissection) configuration(conf *etree.Element) {
	seen := make(map[string]bool)
	for _, section := range conf.ChildElements() {
		d.attributesOf(section)
		if seen[section.Tag] { // Pacemaker reads the first only
			d.whole(kindSection, "configuration", section)
			continue
		}
		seen[section.Tag] = true
		switch section.Tag {
		case "crm_config":
			d.values(section, "cluster_property_set", kindProperty, kindPropertySet)
		case "rsc_defaults":
			d.values(section, "meta_attributes", kindResourceDefault, kindDefaultSet)
		case "op_defaults":
			d.values(section, "meta_attributes", kindOperationDefault, kindDefaultSet)
		case "constraints":
			d.constraints(section)
		default:
			for _, e := range section.ChildElements() {
				d.entry(section, e)
			}
		}
	}
	d.attributesOf(conf)
}

// attributesOf notes attributes on a section, which the schemas do not know.
func (d *dissection) attributesOf(section *etree.Element) {
	for _, a := range section.Attr {
		d.tell(kindSection, section.Tag, "XML attribute "+a.FullKey(), a.Value, maskedAttribute(a.Key, a.Value))
	}
}

// entry notes an element of a section.
func (d *dissection) entry(section, e *etree.Element) {
	get := func(k string) string { return e.SelectAttrValue(k, "") }
	switch {
	case section.Tag == "nodes" && e.Tag == "node":
		d.node(e)
	case section.Tag == "resources" && IsResource(e):
		d.resource(e, "")
	case e.Tag == "fencing-level":
		l := viewOf[FencingLevel](d.cib, e)
		l.Target = d.names.New(l.Target)
		except := []string{"id", "index"}
		switch {
		case l.TargetPattern != "":
			except = append(except, "target-pattern")
		case l.TargetAttribute != "":
			except = append(except, "target-attribute", "target-value")
		default:
			except = append(except, "target")
		}
		d.generic(d.add(kindFencingLevel, l.Index+" of "+l.Targets(), l.ID), e, except...)
	case e.Tag == "tag":
		d.generic(d.add(kindTag, get("id"), ""), e, "id")
	case section.Tag == "acls":
		d.generic(d.add(kindACL, e.Tag+" "+get("id"), ""), e, "id")
	case e.Tag == "alert":
		d.generic(d.add(kindAlert, get("id"), ""), e, "id")
	default:
		d.whole(kindSection, section.Tag, e)
	}
}

// generic notes everything of an element: each attribute but those that are told already, and each child as a whole.
func (d *dissection) generic(o *object, e *etree.Element, except ...string) {
	d.attrs(o, e, except...)
	for i, child := range e.ChildElements() {
		d.child(o, e, child, i)
	}
}

func (d *dissection) attrs(o *object, e *etree.Element, except ...string) {
	for _, a := range e.Attr {
		if !slices.Contains(except, a.FullKey()) {
			o.fields = append(o.fields, field{a.FullKey(), d.attrValue(e, a), maskedAttribute(a.Key, a.Value)})
		}
	}
}

func (d *dissection) child(o *object, e, child *etree.Element, place int) {
	same := d.canonical(child)
	if orderedChildren[e.Tag] {
		same = fmt.Sprintf("%d %s", place, same)
	}
	o.fields = append(o.fields, field{child.FullTag(), same, d.shown(child)})
}

// attrSetTags are the elements that hold pairs, and how their pairs are called.
var attrSetTags = map[string]string{"instance_attributes": "attribute", "meta_attributes": "meta attribute", "utilization": "utilization"}

// object notes a node or resource: its attributes, its sets, and each other child as handle says, or as a whole.
func (d *dissection) object(o *object, e *etree.Element, handle func(*etree.Element) bool, except ...string) {
	d.attrs(o, e, append(except, "id")...)
	for tag, what := range attrSetTags {
		d.sets(o, d.cib.SetsOf(e, tag), what)
	}
	for i, child := range e.ChildElements() {
		switch {
		case attrSetTags[child.Tag] != "" && d.plainSet(child):
		case handle != nil && handle(child):
		default:
			d.child(o, e, child, i)
		}
	}
}

// plainSet says whether a set holds nothing but what sets has told.
func (d *dissection) plainSet(e *etree.Element) bool {
	set := d.cib.Follow(e)
	if set == nil {
		return false
	}
	known := func(e *etree.Element, names ...string) bool {
		return !slices.ContainsFunc(e.Attr, func(a etree.Attr) bool { return !slices.Contains(names, a.FullKey()) })
	}
	rules := 0
	pairs := set.Child
	if wrapped := set.SelectElement("attributes"); wrapped != nil && len(set.ChildElements()) == 1 {
		pairs = wrapped.Child
	}
	for _, t := range pairs {
		child, ok := t.(*etree.Element)
		switch {
		case !ok:
		case child.Tag == "rule":
			rules++
		case child.Tag != "nvpair" || !known(child, "id", "id-ref", "name", "value") || len(child.ChildElements()) > 0:
			return false
		}
	}
	return rules <= 1 && known(e, "id", "id-ref", "score") && known(set, "id", "id-ref", "score")
}

// sets notes the effective pairs of sets, and the sets with a rule.
func (d *dissection) sets(o *object, sets AttributeSets, what string) {
	for _, p := range sets.Effective() {
		if what == "meta attribute" && p.Name == "target-role" && strings.EqualFold(p.Value, "Started") && !d.started {
			continue
		}
		same := p.Value
		if what != "attribute" && isTime(p.Name) { // an agent may read its own parameters otherwise
			same = SameTime(p.Value)
		}
		o.fields = append(o.fields, field{strings.TrimSpace(what + " " + p.Name), same, p.Masked()})
	}
	o.fields = append(o.fields, d.ruled(sets, strings.TrimSpace(what+" set with a rule"))...)
}

// ruled are the sets with a rule, each with its place among all sets: a rule may let its pairs win over the others, or not.
func (d *dissection) ruled(sets AttributeSets, name string) []field {
	if !slices.ContainsFunc(sets, func(s AttributeSet) bool { return s.Rule != "" }) {
		return nil
	}
	var fields []field
	behind := ""
	for _, set := range sets.precedence() {
		names := make([]string, len(set.Pairs))
		for i, p := range set.Pairs {
			names[i] = p.Name
		}
		slices.Sort(names)
		if set.Rule == "" {
			behind += fmt.Sprintf("%d%q", set.Score, names)
			continue
		}
		rule := set.Rule
		if doc, err := scanXML("", []byte(rule)); err == nil {
			rule = d.canonical(doc.Root())
		}
		var same, shown []string
		for _, p := range set.Pairs {
			if !p.Unset {
				same = append(same, fmt.Sprintf("%q=%q", p.Name, p.Value))
				shown = append(shown, p.String())
			}
		}
		slices.Sort(same)
		fields = append(fields, field{name, fmt.Sprintf("%s %s %s behind %s", set.Score, rule, strings.Join(same, " "), behind),
			fmt.Sprintf("(%s when %s)", strings.Join(shown, " "), set.Condition)})
		behind += fmt.Sprintf("%d%q", set.Score, names)
	}
	return fields
}

// values notes each effective pair of a section as an object of its own, and each set with a rule.
func (d *dissection) values(section *etree.Element, tag, kind, ruledKind string) {
	sets := d.cib.SetsOf(section, tag)
	if tag == "cluster_property_set" {
		sets = bootstrapFirst(sets)
	}
	o := &object{}
	d.sets(o, sets, "")
	for _, f := range o.fields {
		if f.name == "set with a rule" {
			d.tell(ruledKind, section.Tag, f.name, f.same, f.shown)
		} else {
			d.tell(kind, f.name, "", f.same, f.shown)
		}
	}
	for _, e := range section.ChildElements() {
		if e.Tag != tag || !d.plainSet(e) {
			d.whole(kindSection, section.Tag, e)
		}
	}
}

func (d *dissection) node(e *etree.Element) {
	o := d.add(kindNode, d.names.New(e.SelectAttrValue("uname", "")), e.SelectAttrValue("id", ""))
	except := []string{"uname"}
	if t := e.SelectAttrValue("type", ""); t == "" || t == "normal" || t == "member" {
		except = append(except, "type")
	}
	d.object(o, e, nil, except...)
}

// resource notes a resource and what it contains. Order counts inside of a resource only.
func (d *dissection) resource(e *etree.Element, container string) {
	id := e.SelectAttrValue("id", "")
	o := d.add(kindResource, id, "")
	o.fields = append(o.fields, field{"kind", e.Tag, e.Tag})
	if agent := (Resource{Class: e.SelectAttrValue("class", ""), Provider: e.SelectAttrValue("provider", ""),
		Type: e.SelectAttrValue("type", "")}).Agent(); agent != "" {
		o.fields = append(o.fields, field{"agent", agent, agent})
	}
	if container != "" {
		o.fields = append(o.fields, field{"container", container, container})
	}
	var members []string
	d.object(o, e, func(child *etree.Element) bool {
		switch {
		case IsResource(child):
			members = append(members, child.SelectAttrValue("id", ""))
			d.resource(child, id)
		case child.Tag == "operations":
			d.operations(o, child)
		default:
			return false
		}
		return true
	}, "class", "provider", "type")
	if len(members) > 0 {
		shown := "(" + strings.Join(members, " ") + ")"
		o.fields = append(o.fields, field{"members", shown, shown})
	}
}

func (d *dissection) operations(o *object, e *etree.Element) {
	ops := d.cib.Follow(e)
	if ops == nil {
		d.child(o, e, e, 0)
		return
	}
	for i, child := range ops.ChildElements() {
		if child.Tag == "op" {
			d.operation(o, child)
		} else {
			d.child(o, ops, child, i)
		}
	}
	for _, a := range e.Attr {
		if a.Key != "id" && a.Key != "id-ref" {
			o.fields = append(o.fields, field{"operations: " + a.FullKey(), a.Value, a.Value})
		}
	}
}

// operation notes an operation as one field: its name, interval and role tell which, everything else is what it says.
func (d *dissection) operation(o *object, e *etree.Element) {
	name := "operation " + e.SelectAttrValue("name", "")
	if interval := e.SelectAttrValue("interval", ""); interval != "" && SameTime(interval) != "0ms" {
		name += " every " + spokenTime(interval)
	}
	if role := e.SelectAttrValue("role", ""); role != "" {
		name += " as " + role
	}
	inner := &object{}
	d.object(inner, e, nil, "name", "interval", "role")
	inner.sort()
	var shown []string
	for _, f := range inner.fields {
		text := strings.TrimPrefix(strings.TrimPrefix(f.name, "meta "), "attribute ") + "=" + f.shown
		shown = append(shown, text)
	}
	slices.Sort(shown)
	o.fields = append(o.fields, field{name, inner.meaning(), "(" + strings.Join(shown, " ") + ")"})
}

// constraints sums the plain location constraints on the same resource and node, as Pacemaker does, and notes the others as they are.
func (d *dissection) constraints(section *etree.Element) {
	type place struct{ resource, node string }
	type sum struct {
		score Score
		ids   []string
	}
	sums := make(map[place]*sum)
	var order []place
	for _, e := range section.ChildElements() {
		if e.Tag == "rsc_location" {
			l := viewOf[Location](d.cib, e)
			if score, err := ParseScore(l.Score); err == nil && l.Plain() && len(e.ChildElements()) == 0 {
				p := place{l.Resource, d.names.New(l.Node)}
				if sums[p] == nil {
					sums[p] = &sum{}
					order = append(order, p)
				}
				sums[p].score = sums[p].score.Add(score)
				sums[p].ids = append(sums[p].ids, l.ID)
				continue
			}
		}
		d.constraint(e)
	}
	for _, p := range order {
		o := d.add(kindLocation, p.resource+" → "+p.node, "")
		o.told = true
		score := sums[p].score.String()
		o.fields = append(o.fields, field{"score", score, score})
		if d.ids {
			slices.Sort(sums[p].ids)
			ids := strings.Join(sums[p].ids, ", ")
			o.fields = append(o.fields, field{"id", ids, ids})
		}
	}
}

// constraintKinds says how each constraint is called and what it is about.
var constraintKinds = map[string]struct {
	kind    string
	subject []string // the attributes that say what it is about
	join    string
}{
	"rsc_location":   {kindLocation, []string{"rsc", "rsc-pattern", "node"}, " → "},
	"rsc_order":      {kindOrdering, []string{"first", "then"}, " → "},
	"rsc_colocation": {kindColocation, []string{"rsc", "with-rsc"}, " with "},
	"rsc_ticket":     {kindTicket, []string{"ticket", "rsc"}, " for "},
}

func (d *dissection) constraint(e *etree.Element) {
	id := e.SelectAttrValue("id", "")
	k, known := constraintKinds[e.Tag]
	if !known {
		k.kind, k.subject = kindConstraint, []string{"id"}
	}
	var about, form []string
	for _, attr := range k.subject {
		a := e.SelectAttr(attr)
		if a != nil {
			form = append(form, attr)
		}
		switch {
		case a == nil:
		case attr == "rsc-pattern":
			about = append(about, "resources like "+a.Value)
		default:
			about = append(about, d.attrValue(e, *a))
		}
	}
	for _, set := range viewOf[Order](d.cib, e).Sets {
		about = append(about, "{"+strings.Join(set.Resources, " ")+"}")
	}
	o := d.add(k.kind, strings.Join(about, k.join), id)
	o.fields = append(o.fields, field{"form", strings.Join(form, " "), "(" + strings.Join(form, " ") + ")"})
	except := append([]string{"id"}, k.subject...)
	if d.ids {
		except = except[1:]
	}
	d.generic(o, e, except...)
}

// givesRoles says whether a target role may hold for a resource that has none of its own.
func (c *CIB) givesRoles() bool {
	has := func(sets AttributeSets) bool {
		return slices.ContainsFunc(sets, func(s AttributeSet) bool { _, ok := s.Get("target-role"); return ok })
	}
	if has(c.ResourceDefaults()) {
		return true
	}
	var inside func([]*etree.Element) bool
	inside = func(list []*etree.Element) bool {
		return slices.ContainsFunc(list, func(e *etree.Element) bool {
			return IsResource(e) && e.Tag != string(Primitive) && (has(c.SetsOf(e, "meta_attributes")) || inside(e.ChildElements()))
		})
	}
	return inside(c.SectionChildren("resources"))
}
