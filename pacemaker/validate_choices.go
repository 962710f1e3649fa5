package pacemaker

import (
	"regexp"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// choice are attributes of which the schemas take one only.
type choice struct {
	attrs  []string
	needed bool // one must be there
}

// choices are the attributes that exclude each other, by element. Upstream: the RELAX NG schemas under xml/.
var choices = map[string][]choice{
	"storage-mapping": {{[]string{"source-dir", "source-dir-root"}, true}},
	"port-mapping":    {{[]string{"port", "range"}, true}, {[]string{"internal-port", "range"}, false}},
	"acl_permission": {{[]string{"xpath", "reference", "object-type"}, true},
		{[]string{"attribute", "xpath"}, false}, {[]string{"attribute", "reference"}, false}},
	"read": aclChoices, "write": aclChoices, "deny": aclChoices,
	"rsc_colocation": {{[]string{"score", "score-attribute", "score-attribute-mangle"}, false}},
	"rsc_order":      {{[]string{"kind", "score"}, false}},
	"resource_set":   {{[]string{"kind", "score"}, false}},
	"rule":           {{[]string{"score", "score-attribute"}, false}},
	"op":             {{[]string{"start-delay", "interval-origin"}, false}},
	"docker":         promotedChoice, "podman": promotedChoice, "rkt": promotedChoice,
	"primitive": {{[]string{"template", "class"}, false}, {[]string{"template", "type"}, false},
		{[]string{"template", "provider"}, false}},
}

var (
	aclChoices     = []choice{{[]string{"xpath", "tag"}, false}, {[]string{"xpath", "ref"}, false}}
	promotedChoice = []choice{{[]string{"masters", "promoted-max"}, false}}

	// onlyOnce are the elements that the schemas take once, by the element that they stand in.
	onlyOnce = map[string][]string{
		"configuration": {"fencing-topology", "op_defaults", "rsc_defaults", "tags", "acls", "alerts"},
		"primitive":     {"operations"}, "template": {"operations"},
		"bundle":              {"network", "storage", "primitive"},
		"instance_attributes": {"rule"}, "meta_attributes": {"rule"}, "cluster_property_set": {"rule"}, "utilization": {"rule"},
		"alert": {"select"}, "select": {"select_attributes", "select_fencing", "select_nodes", "select_resources"},
	}

	// withoutSets are the attributes of constraints that do not stand beside sets of resources.
	withoutSets = map[string][]string{
		"rsc_location":   {"rsc", "rsc-pattern", "role"},
		"rsc_colocation": {"rsc", "with-rsc", "rsc-role", "with-rsc-role", "node-attribute"},
		"rsc_order":      {"first", "then", "first-action", "then-action"},
		"rsc_ticket":     {"rsc", "rsc-role"},
	}

	// deviceList is what the schemas take for the devices of a fencing level.
	deviceList = regexp.MustCompile(`^[a-zA-Z0-9_.-]+(,[a-zA-Z0-9_.-]+)*$`)
)

// choose looks for attributes that exclude each other, and for elements that stand once too often.
func (v *validator) choose(e *etree.Element) {
	for _, c := range choices[e.Tag] {
		there := slices.DeleteFunc(slices.Clone(c.attrs), func(name string) bool { return !has(e, name) })
		switch {
		case len(there) > 1:
			v.find(v.strict(), "structure", e, "the element has %s: it takes one of them", strings.Join(there, " and "))
		case len(there) == 0 && c.needed:
			v.find(v.strict(), "missing-attribute", e, "the element needs one of %s", strings.Join(c.attrs, ", "))
		}
	}
	for _, name := range onlyOnce[e.Tag] {
		if n := len(e.SelectElements(name)); n > 1 {
			v.find(v.strict(), "structure", e, "<%s> stands %d times, and only one may", name, n)
		}
	}
}

// besideSets looks for attributes of a constraint that do not go with its sets.
func (v *validator) besideSets(e *etree.Element) {
	for _, name := range withoutSets[e.Tag] {
		if e.SelectElement("resource_set") != nil && has(e, name) {
			v.find(v.strict(), "structure", e, "a constraint with %s and with sets: take one of them out", name)
		}
	}
}

// container looks whether the container of a resource is there.
func (v *validator) container(e, p *etree.Element) {
	value := p.SelectAttrValue("value", "")
	target := v.byID[value]
	if target != nil && IsResource(target) && target.Tag != string(Template) || value == e.SelectAttrValue("id", "") {
		return
	}
	v.find(Warning, "dangling-reference", p, "container=%q: there is no resource of this id", value)
}
