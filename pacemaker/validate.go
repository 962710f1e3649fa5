package pacemaker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/secretname"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// Severity is how bad a problem is.
type Severity int

const (
	// Warning is what Pacemaker takes, but probably not as it was meant.
	Warning Severity = iota
	// Fault is what Pacemaker refuses, ignores or replaces by a default.
	Fault
)

// String is the severity in a word.
func (s Severity) String() string {
	if s == Fault {
		return "fault"
	}
	return "warning"
}

// Problem is one thing that is wrong with a CIB.
type Problem struct {
	Severity Severity
	Check    string      // which check found it, such as duplicate-id; see [Checks]
	At       *ParseError // what is wrong, and its place in the source; an element that an edit made has none
}

// Error is the place and what is wrong, as "file:line:col: text".
func (p Problem) Error() string { return p.At.Error() }

// Unwrap is the positioned error.
func (p Problem) Unwrap() error { return p.At }

// MarshalJSON is for reports.
func (p Problem) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Severity string `json:"severity"`
		Check    string `json:"check"`
		File     string `json:"file,omitempty"`
		Line     int    `json:"line,omitempty"`
		Col      int    `json:"col,omitempty"`
		Near     string `json:"near,omitempty"`
		What     string `json:"what"`
	}{p.Severity.String(), p.Check, p.At.File, p.At.Line, p.At.Col, p.At.Near, p.At.Err.Error()})
}

// Check is one thing that [CIB.Validate] looks at.
type Check struct {
	Name string
	What string
}

// Checks is everything that [CIB.Validate] looks at. It does what crm_verify does for a configuration, and more: crm_verify knows the
// schemas to the letter and asks the scheduler, this tells the place, and also what is legal but was hardly meant. It does not look
// into resource agents.
func Checks() []Check {
	return []Check{
		{"duplicate-id", "an id that stands twice"},
		{"missing-attribute", "an element without an attribute that it needs"},
		{"unknown-name", "an element or attribute that the schema of the CIB does not know, at this place or at all"},
		{"bad-value", "a value that is no score, number, boolean, time, or none of the words that it may be"},
		{"dangling-reference", "a reference to something that is not there, or is something else"},
		{"unknown-node", "the name of a node that is not in the cluster"},
		{"structure", "a group without members, a clone of two things, a constraint about nothing, a rule without a condition"},
		{"duplicate-operation", "two operations with the same name and interval"},
		{"duplicate-name", "a name that a set gives twice: the first counts"},
		{"equal-scores", "two sets with the same score that give different values: which one wins depends on Pacemaker's version"},
		{"bad-option", "a cluster property or meta attribute with a value that Pacemaker does not take"},
		{"scheduler", "what Pacemaker's scheduler refuses although the schema takes it: it ignores it, or takes a default"},
		{"deprecated", "what Pacemaker takes still, and crm_verify 2.1 refuses: a later release may not take it"},
		{"no-fencing-device", "fencing is on, and there is no device"},
	}
}

// Validate tells everything that is wrong with the configuration, in the order of the source. It runs in time proportional to the size
// of the CIB. No value that may be a secret is in a problem.
func (c *CIB) Validate() []Problem {
	if c.Empty() {
		return []Problem{{Severity: Fault, Check: "empty", At: &ParseError{Err: ErrNoCIB}}}
	}
	v := &validator{cib: c, byID: make(map[string]*etree.Element), spans: c.edited}
	if v.spans == nil {
		v.spans = c.spans(c.tree())
	}
	v.schema, v.hasSchema = parseSchemaVersion(c.Header().ValidateWith)
	root := c.Root()
	v.header(root)
	conf := root.SelectElement("configuration")
	if conf == nil {
		return v.sorted()
	}
	v.collect(conf)
	v.element(root, nil)
	v.visit(conf, root)
	v.fencing(root)
	return v.sorted()
}

type validator struct {
	cib       *CIB
	spans     map[etree.Token]span
	lines     []int // where each line of the source starts
	byID      map[string]*etree.Element
	nodes     map[string]bool // every name that a node may have
	schema    schemaVersion
	hasSchema bool
	found     []Problem
	places    []int // of each problem, as an offset
}

func (v *validator) sorted() []Problem {
	order := make([]int, len(v.found))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(v.places[a], v.places[b]) })
	all := make([]Problem, len(v.found))
	for i, from := range order {
		all[i] = v.found[from]
	}
	return all
}

// find notes a problem of an element, at its start tag.
func (v *validator) find(severity Severity, check string, e *etree.Element, format string, args ...any) {
	sp, old := v.spans[e]
	offset := len(v.cib.text) // what an edit made comes last
	at := srcerr.Errorf(v.cib.file, 0, 0, "<"+label(e), format, args...)
	if old {
		offset = sp.start
		at.Line, at.Col = v.position(offset)
	}
	v.found = append(v.found, Problem{severity, check, at})
	v.places = append(v.places, offset)
}

// position is the line and column of an offset; the lines are counted once, not for every problem.
func (v *validator) position(offset int) (line, col int) {
	if v.lines == nil {
		v.lines = []int{0}
		for i := range len(v.cib.text) {
			if v.cib.text[i] == '\n' {
				v.lines = append(v.lines, i+1)
			}
		}
	}
	line, found := slices.BinarySearch(v.lines, offset)
	if found {
		line++
	}
	return line, offset - v.lines[line-1] + 1
}

func (v *validator) header(root *etree.Element) {
	h := v.cib.Header()
	switch {
	case h.ValidateWith == "":
		v.find(Warning, "missing-attribute", root, "the CIB does not say which schema it follows (validate-with)")
	case h.ValidateWith == "none":
		v.find(Warning, "bad-value", root, "validate-with=none: no tool checks this CIB")
	case !v.hasSchema && h.ValidateWith != "pacemaker-next":
		v.find(Fault, "bad-value", root, "validate-with=%q is no schema of Pacemaker's", h.ValidateWith)
	case v.hasSchema && !v.schema.released():
		v.find(Warning, "bad-value", root, "validate-with=%q is no schema that is known here: the names are taken to be those of the nearest one",
			h.ValidateWith)
	}
}

// collect notes every id and every name of a node before anything is looked at.
func (v *validator) collect(conf *etree.Element) {
	v.nodes = make(map[string]bool)
	var walk func(*etree.Element)
	walk = func(e *etree.Element) {
		if id := e.SelectAttrValue("id", ""); id != "" && !isReference(e.Tag) && !freeIDs[e.Tag] {
			if first := v.byID[id]; first != nil {
				sp := v.spans[first]
				line, _ := v.position(sp.start)
				v.find(Fault, "duplicate-id", e, "id %q stands in <%s> in line %d as well", id, first.Tag, line)
			} else {
				v.byID[id] = e
			}
		}
		switch e.Tag {
		case "node":
			v.nodes[e.SelectAttrValue("uname", "")] = true
		case "primitive":
			if e.SelectAttrValue("provider", "") == "pacemaker" && e.SelectAttrValue("type", "") == "remote" {
				v.nodes[e.SelectAttrValue("id", "")] = true
			}
		case "nvpair":
			if e.SelectAttrValue("name", "") == "remote-node" {
				v.nodes[e.SelectAttrValue("value", "")] = true
			}
		}
		for _, t := range e.Child {
			if child, ok := t.(*etree.Element); ok {
				walk(child)
			}
		}
	}
	walk(conf)
	if status := v.cib.Root().SelectElement("status"); status != nil {
		for _, state := range status.SelectElements("node_state") {
			v.nodes[state.SelectAttrValue("uname", "")] = true
		}
	}
}

// freeIDs are the elements whose id is a name of something else: it need not be unique in the document.
var freeIDs = map[string]bool{"node": true, "acl_target": true, "acl_group": true}

func (v *validator) visit(e, parent *etree.Element) {
	v.element(e, parent)
	for _, t := range e.Child {
		switch child := t.(type) {
		case *etree.Element:
			v.visit(child, e)
		case *etree.CharData:
			if !isSpace(child) {
				v.find(v.strict(), "structure", e, "text inside the element, where no schema has any")
			}
		}
	}
}

func (v *validator) element(e, parent *etree.Element) {
	v.names(e, parent)
	v.attributes(e)
	v.references(e)
	v.choose(e)
	if check := structures[e.Tag]; check != nil {
		check(v, e)
	}
}

// names looks an element and its attributes up in the schemas.
func (v *validator) names(e, parent *etree.Element) {
	known, ok := schema()[e.Tag]
	if !ok {
		v.find(v.strict(), "unknown-name", e, "no schema knows this element")
		return
	}
	if parent != nil {
		if span, in := known.parents[parent.Tag]; !in {
			v.find(v.strict(), "unknown-name", e, "no schema has this element in <%s>", parent.Tag)
		} else if v.hasSchema && !span.holds(v.schema) {
			v.find(v.strict(), "unknown-name", e, "schema %s does not have this element in <%s>, only %s do", v.schema, parent.Tag, span)
		}
	}
	for _, a := range e.Attr {
		key := a.FullKey()
		span, has := known.attrs[key]
		switch {
		case has && (!v.hasSchema || span.holds(v.schema)):
		case has:
			v.find(v.strict(), "unknown-name", e, "schema %s does not have the attribute %s, only %s do", v.schema, key, span)
		case e.Tag == "cib" || strings.HasPrefix(key, "xmlns") || a.Space != "":
		default:
			v.find(v.strict(), "unknown-name", e, "no schema has the attribute %s on this element", key)
		}
	}
}

// strict is how bad it is not to follow a schema: without one nothing checks.
func (v *validator) strict() Severity {
	if v.hasSchema {
		return Fault
	}
	return Warning
}

// attributes looks at what must be there, and at the values.
func (v *validator) attributes(e *etree.Element) {
	known := schema()[e.Tag]
	if e.SelectAttr("id-ref") == nil {
		for _, name := range schemaAttrs(e.Tag) {
			form, _ := known.form(name, v.schema, v.hasSchema)
			// Of a pair that refers to another, the name may be missing: so the schemas do not need it as such.
			if (form.needed || e.Tag == "nvpair" && name == "name") && e.SelectAttr(name) == nil {
				v.find(v.strict(), "missing-attribute", e, "the element has no %s", name)
			}
		}
	}
	for _, a := range e.Attr {
		form, ok := known.form(a.FullKey(), v.schema, v.hasSchema)
		want, checked := valueKinds[e.Tag+"@"+a.Key]
		if !checked {
			want, checked = valueKinds["@"+a.Key]
		}
		limited := ok && len(form.values) > 0
		limited = limited && a.Key != "validate-with" // of which newer ones are known than the list has
		bad := limited && !form.takes(a.Value) || !limited && checked && !want.holds(a.Value)
		switch value := secretname.Masked(a.Key, a.Value); {
		case !bad && limited && !slices.Contains(form.values, a.Value) && slices.Contains(form.values, strings.TrimSpace(a.Value)):
			v.find(Warning, "bad-value", e, "%s=%q has blanks around the word: the schema takes it, Pacemaker does not: take them out",
				a.Key, value)
		case !bad:
		case !limited: // Pacemaker takes a default
			v.find(Warning, "bad-value", e, "%s=%q is %s", a.Key, value, want.not)
		case checked && !want.holds(a.Value):
			v.find(v.strict(), "bad-value", e, "%s=%q is %s", a.Key, value, want.not)
		case v.hasSchema:
			v.find(Fault, "bad-value", e, "%s=%q is not what schema %s takes: %s", a.Key, value, v.schema, form.words())
		default:
			v.find(Warning, "bad-value", e, "%s=%q is not what the schemas take: %s", a.Key, value, form.words())
		}
	}
}

func (v *validator) references(e *etree.Element) {
	if ref := e.SelectAttr("id-ref"); ref != nil {
		switch target := v.byID[ref.Value]; {
		case target == nil:
			v.find(v.strict(), "dangling-reference", e, "id-ref=%q refers to nothing", ref.Value)
		case target.Tag != e.Tag:
			v.find(v.strict(), "dangling-reference", e, "id-ref=%q refers to <%s>, which is no <%s>", ref.Value, target.Tag, e.Tag)
		}
	}
	for _, r := range referenceTable[e.Tag] {
		value := e.SelectAttrValue(r.attr, "")
		if value == "" {
			continue
		}
		target := v.byID[value]
		switch {
		case target == nil && (len(r.tags) == 0 || r.what == "role"): // of these Pacemaker checks none
			v.find(Warning, "dangling-reference", e, "%s=%q: there is no %s of this id", r.attr, value, r.what)
		case target == nil:
			v.find(Fault, "dangling-reference", e, "%s=%q: there is no %s of this id", r.attr, value, r.what)
		case len(r.tags) > 0 && !slices.Contains(r.tags, target.Tag):
			v.find(Fault, "dangling-reference", e, "%s=%q is <%s>, which is no %s", r.attr, value, target.Tag, r.what)
		case IsResource(target) && cloned(target) != nil && r.attr != "template":
			v.find(Fault, "scheduler", e, "%s=%q is part of the clone %s: Pacemaker takes the clone's id only", r.attr, value,
				cloned(target).SelectAttrValue("id", ""))
		}
	}
	for _, attr := range nodeNames[e.Tag] {
		name := e.SelectAttrValue(attr, "")
		if e.Tag == "expression" && (e.SelectAttrValue("attribute", "") != "#uname" || e.SelectAttrValue("operation", "") != "eq") {
			continue
		}
		if name != "" && !v.nodes[name] && len(v.nodes) > 0 && !v.bundleNode(name) {
			v.find(Warning, "unknown-node", e, "%s=%q: the cluster has no node of this name%s", attr, name, v.similar(name))
		}
	}
}

// bundleNode says whether a name is that of a replica of a bundle, which is a node as well: BUNDLE-0.
func (v *validator) bundleNode(name string) bool {
	i := strings.LastIndexByte(name, '-')
	return i > 0 && v.byID[name[:i]] != nil && v.byID[name[:i]].Tag == string(Bundle)
}

// similar offers the node that was probably meant: the same name with or without its domain, or in another case (H12).
func (v *validator) similar(name string) string {
	short := func(s string) string { s, _, _ = strings.Cut(s, "."); return strings.ToLower(s) }
	for node := range v.nodes {
		if node != "" && short(node) == short(name) {
			return fmt.Sprintf(" (it has %s)", node)
		}
	}
	return ""
}
