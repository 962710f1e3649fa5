package pacemaker

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// structures are the checks that look at more than one attribute.
var structures map[string]func(*validator, *etree.Element)

func init() { // the checks use the tables, and the tables the checks
	structures = map[string]func(*validator, *etree.Element){
		"configuration": (*validator).sections, "primitive": (*validator).primitive, "template": (*validator).agent,
		"group": (*validator).group, "clone": (*validator).clone, "master": (*validator).clone, "bundle": (*validator).bundle,
		"operations": (*validator).operations, "rule": (*validator).rule,
		"rsc_location": (*validator).location, "rsc_order": (*validator).constraint, "rsc_colocation": (*validator).
				constraint, "rsc_ticket": (*validator).constraint,
		"resource_set": (*validator).resourceSet, "fencing-level": (*validator).fencingLevel,
		"instance_attributes": (*validator).set, "meta_attributes": (*validator).set, "utilization": (*validator).set,
		"cluster_property_set": (*validator).set,
		"crm_config":           (*validator).properties, "rsc_defaults": (*validator).metas,
		"op_defaults":     (*validator).operationMetas,
		"date_expression": (*validator).date, "nodes": (*validator).nodeNames, "tag": (*validator).tag,
	}
}

// sections looks for those that every schema wants.
func (v *validator) sections(e *etree.Element) {
	for _, name := range []string{"crm_config", "nodes", "resources", "constraints"} {
		switch n := len(e.SelectElements(name)); {
		case n == 0:
			v.find(v.strict(), "structure", e, "the section %s is missing", name)
		case n > 1:
			v.find(Warning, "structure", e, "the section %s stands %d times: Pacemaker reads the first only", name, n)
		}
	}
}

func has(e *etree.Element, names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return e.SelectAttr(n) != nil })
}

func (v *validator) primitive(e *etree.Element) {
	if !has(e, "template") {
		for _, name := range []string{"class", "type"} {
			if !has(e, name) {
				v.find(Fault, "missing-attribute", e, "the element has no %s", name)
			}
		}
	}
	v.agent(e)
	v.metas(e)
}

func (v *validator) agent(e *etree.Element) {
	if e.SelectAttrValue("class", "") == "ocf" && !has(e, "provider") {
		v.find(Fault, "missing-attribute", e, "an agent of the class ocf has a provider")
	}
	if e.Tag == string(Template) && !has(e, "class") {
		v.find(v.strict(), "missing-attribute", e, "the element has no class")
	}
	if class := e.SelectAttrValue("class", "ocf"); class != "ocf" && has(e, "provider") {
		v.find(v.strict(), "structure", e, "an agent of the class %s has no provider", class)
	}
	v.severalSets(e, "instance_attributes")
	v.severalSets(e, "meta_attributes")
}
func (v *validator) group(e *etree.Element) {
	if len(ResourceChildren(e)) == 0 {
		v.find(Fault, "structure", e, "a group without members")
	}
	v.metas(e)
}

func (v *validator) clone(e *etree.Element) {
	if n := len(ResourceChildren(e)); n != 1 {
		v.find(Fault, "structure", e, "a clone of %d resources: it must be one", n)
	}
	v.metas(e)
	for _, r := range e.FindElements(".//primitive[@class]") {
		if class := r.SelectAttrValue("class", ""); class != "ocf" && v.promotable(e) {
			v.find(Fault, "scheduler", r, "only agents of the class ocf can be promoted, and this is %s: Pacemaker ignores the clone", class)
		}
	}
	metas := v.cib.SetsOf(e, "meta_attributes")
	unique, own := metas.Get("globally-unique")
	switch most, _ := metas.Get("clone-node-max"); {
	case slices.ContainsFunc(metas, func(s AttributeSet) bool { return s.Rule != "" }), !own && v.byDefault("globally-unique"):
	case IsTrue(unique):
		v.anonymous(e)
	case wholeNumber.holds(most) && most != "0" && most != "1":
		v.find(Fault, "scheduler", e, "clone-node-max=%s needs globally-unique=true: Pacemaker takes 1", most)
	}
}

// byDefault says whether the defaults of the resources have a meta attribute.
func (v *validator) byDefault(name string) bool {
	for _, s := range v.cib.ResourceDefaults() {
		if _, ok := s.Get(name); ok {
			return true
		}
	}
	return false
}

// anonymous looks into a globally unique clone for what can only be cloned anonymously.
func (v *validator) anonymous(clone *etree.Element) {
	for _, e := range clone.FindElements(".//primitive") {
		agent := e
		if t := v.byID[e.SelectAttrValue("template", "")]; t != nil {
			agent = t
		}
		if class := agent.SelectAttrValue("class", ""); class != "" && class != "ocf" && class != "stonith" {
			v.find(Warning, "scheduler", e, "an agent of the class %s cannot be cloned with globally-unique=true: Pacemaker ignores that", class)
			return
		}
	}
}

func (v *validator) bundle(e *etree.Element) {
	if e.SelectElement("docker") == nil && e.SelectElement("podman") == nil && e.SelectElement("rkt") == nil {
		v.find(Fault, "structure", e, "a bundle without docker, podman or rkt")
	}
	if n := len(e.SelectElements("docker")) + len(e.SelectElements("podman")) + len(e.SelectElements("rkt")); n > 1 {
		v.find(v.strict(), "structure", e, "a bundle with docker, podman or rkt %d times: it takes one of them", n)
	}
	network := e.SelectElement("network")
	if e.SelectElement("primitive") != nil && (network == nil || !has(network, "ip-range-start", "control-port")) {
		v.find(Fault, "scheduler", e, "a bundle with a resource, and neither ip-range-start nor control-port: Pacemaker ignores the bundle")
	}
	v.metas(e)
}

// operations looks for two with the same name and interval: Pacemaker keeps one record for both, whatever their roles.
func (v *validator) operations(e *etree.Element) {
	type key struct {
		name     string
		interval int64
	}
	seen := make(map[key]*etree.Element)
	for _, op := range e.SelectElements("op") {
		v.operation(op)
		ms, _ := Milliseconds(op.SelectAttrValue("interval", "0"))
		k := key{op.SelectAttrValue("name", ""), ms}
		if first := seen[k]; first != nil {
			severity := Fault
			if ms == 0 { // start, stop and the like: Pacemaker takes the first
				severity = Warning
			}
			v.find(severity, "duplicate-operation", op, "operation %s every %s stands in %q as well: Pacemaker keeps one record for both",
				k.name, spokenTime(op.SelectAttrValue("interval", "0")), first.SelectAttrValue("id", ""))
		} else {
			seen[k] = op
		}
	}
}

// operation looks at what the scheduler refuses of an operation, and replaces by a default. It does so when it plans such an operation:
// a resource that stays stopped passes.
func (v *validator) operation(op *etree.Element) {
	name, onFail := op.SelectAttrValue("name", ""), op.SelectAttrValue("on-fail", "")
	v.operationMetas(op)
	ms, _ := Milliseconds(op.SelectAttrValue("interval", "0"))
	if ms > 0 && slices.Contains([]string{"start", "stop", "promote", "demote"}, name) {
		v.find(Warning, "scheduler", op, "%s cannot be recurring: Pacemaker ignores the operation", name)
	}
	switch {
	case name == "stop" && slices.Contains([]string{"stop", "standby", "demote"}, onFail):
		v.find(Warning, "scheduler", op, "on-fail=%s is not allowed for a stop: Pacemaker takes the default", onFail)
	case onFail == "demote" && name != "promote" &&
		(name != "monitor" || ms == 0 || !slices.Contains([]string{"Master", "Promoted"}, op.SelectAttrValue("role", ""))):
		v.find(Warning, "scheduler", op, "on-fail=demote is for promote and for the recurring monitor of the promoted role only")
	case onFail == "fence" && v.fencingOff():
		v.find(Warning, "scheduler", op, "on-fail=fence, and fencing is off: Pacemaker takes stop")
	}
}

// cloned is the clone around a resource, or nil.
func cloned(e *etree.Element) *etree.Element {
	for up := e.Parent(); up != nil; up = up.Parent() {
		if up.Tag == string(Clone) || up.Tag == string(Master) {
			return up
		}
	}
	return nil
}

// promotable says whether a resource is a promotable clone, or in one.
func (v *validator) promotable(e *etree.Element) bool {
	clone := cloned(e)
	if e.Tag == string(Clone) || e.Tag == string(Master) {
		clone = e
	}
	if clone == nil {
		return e.Parent() != nil && e.Parent().Tag == string(Bundle)
	}
	promotable, _ := v.cib.SetsOf(clone, "meta_attributes").Get("promotable")
	return clone.Tag == string(Master) || IsTrue(promotable)
}

func (v *validator) rule(e *etree.Element) {
	if !has(e, "id-ref") && len(e.ChildElements()) == 0 {
		v.find(v.strict(), "structure", e, "a rule without a condition")
	}
	if !has(e, "id-ref", "score", "score-attribute") && (v.schema.less(lastSchema) || e.Parent().Tag == "rsc_location") {
		v.find(v.strict(), "missing-attribute", e, "the element has neither score nor score-attribute")
	}
}

func (v *validator) date(e *etree.Element) {
	missing := func(what string) {
		v.find(v.strict(), "structure", e, "a date expression with this operation needs %s", what)
	}
	needless := map[string][]string{"gt": {"end"}, "lt": {"start"}, "date_spec": {"start", "end"}}
	for _, name := range needless[e.SelectAttrValue("operation", "")] {
		if has(e, name) {
			v.find(v.strict(), "structure", e, "a date expression with this operation takes no %s", name)
		}
	}
	switch e.SelectAttrValue("operation", "") {
	case "":
		v.find(v.strict(), "missing-attribute", e, "the element has no operation: it needs gt, lt, in_range or date_spec")
	case "gt":
		if !has(e, "start") {
			missing("start")
		}
	case "lt":
		if !has(e, "end") {
			missing("end")
		}
	case "in_range":
		if !has(e, "start", "end") {
			missing("start or end")
		}
	case "date_spec":
		if e.SelectElement("date_spec") == nil {
			missing("a date_spec")
		}
	}
}

func (v *validator) location(e *etree.Element) {
	sets, rules := e.SelectElement("resource_set") != nil, e.SelectElement("rule") != nil
	switch {
	case !sets && !has(e, "rsc", "rsc-pattern"):
		v.find(v.strict(), "structure", e, "a location constraint about no resource: it needs rsc, rsc-pattern or a resource_set")
	case has(e, "rsc") && has(e, "rsc-pattern"):
		v.find(v.strict(), "structure", e, "a location constraint with rsc and with rsc-pattern")
	}
	v.besideSets(e)
	switch {
	case rules && has(e, "node"):
		v.find(v.strict(), "structure", e, "a location constraint with a node and with a rule")
	case rules && has(e, "score"):
		v.find(v.strict(), "structure", e, "a location constraint with a score and with a rule: the rule has the score")
	case !rules && !has(e, "node"):
		v.find(v.strict(), "structure", e, "a location constraint without a node and without a rule")
	case !rules && !has(e, "score"):
		v.find(v.strict(), "missing-attribute", e, "the element has no score")
	}
	if pattern := e.SelectAttrValue("rsc-pattern", ""); noPattern(strings.TrimPrefix(pattern, "!")) {
		v.find(Fault, "scheduler", e, "rsc-pattern=%q is no regular expression: Pacemaker ignores the constraint", pattern)
	}
	if e.SelectElement("lifetime") != nil {
		v.find(Warning, "scheduler", e, "lifetime is deprecated: its rules belong into the constraint itself")
	}
}

// noPattern says whether regcomp refuses a regular expression, of what Go refuses too. An escape means other things to the two.
func noPattern(pattern string) bool {
	var bad *syntax.Error
	if _, err := regexp.CompilePOSIX(pattern); !errors.As(err, &bad) {
		return false
	}
	switch bad.Code {
	case syntax.ErrMissingParen, syntax.ErrMissingBracket, syntax.ErrInvalidCharRange:
		return !strings.Contains(pattern, `\`)
	case syntax.ErrTrailingBackslash:
		return !strings.Contains(pattern, "[")
	case syntax.ErrMissingRepeatArgument:
		return strings.ContainsAny(pattern[:1], "*+?")
	default:
		return false
	}
}

// constraint looks at the others, which are about two resources, or about sets.
func (v *validator) constraint(e *etree.Element) {
	k := constraintKinds[e.Tag]
	sets := e.SelectElement("resource_set") != nil
	for _, name := range k.subject {
		if name != "ticket" && !sets && !has(e, name) {
			v.find(v.strict(), "missing-attribute", e, "the element has no %s", name)
		}
	}
	v.besideSets(e)
	if e.SelectAttrValue("loss-policy", "") == "fence" && v.fencingOff() {
		v.find(Fault, "scheduler", e, "loss-policy=fence, and fencing is off: Pacemaker takes stop")
	}
	if e.SelectAttrValue("kind", "") == "Serialize" && IsTrue(e.SelectAttrValue("symmetrical", "")) {
		v.find(Warning, "scheduler", e, "symmetrical does not go with kind=Serialize: Pacemaker ignores it")
	}
	v.deprecatedOrder(e)
	if e.Tag == "rsc_order" && has(e, "first") && e.SelectAttrValue("first", "") == e.SelectAttrValue("then", "") &&
		!has(e, "first-action", "then-action") {
		v.find(Warning, "structure", e, "a resource that starts before itself")
	}
	v.orderedTwice(e)
}

// orderedTwice looks for a resource that one order names twice for the same action: Pacemaker's scheduler ends on it.
func (v *validator) orderedTwice(e *etree.Element) {
	if e.Tag != "rsc_order" {
		return
	}
	seen := make(map[[2]string]bool)
	for _, set := range e.SelectElements("resource_set") {
		for _, ref := range set.SelectElements("resource_ref") {
			at := [2]string{ref.SelectAttrValue("id", ""), set.SelectAttrValue("action", "start")}
			if seen[at] {
				v.find(Warning, "structure", ref, "a resource that starts before itself: the order names %s twice", at[0])
			}
			seen[at] = true
		}
	}
}

// deprecatedOrder looks for older ways to say how an order binds.
func (v *validator) deprecatedOrder(e *etree.Element) {
	if e.Tag != "rsc_order" {
		return
	}
	if has(e, "score") && !has(e, "kind") {
		v.find(Warning, "deprecated", e, "score says how the order binds: kind is what to use")
	}
	first := v.byID[e.SelectAttrValue("first", "")]
	if first == nil || first.Tag != string(Clone) && first.Tag != string(Master) || !has(e, "require-all") {
		return
	}
	if _, min := v.cib.SetsOf(first, "meta_attributes").Get("clone-min"); !min && !v.byDefault("clone-min") {
		v.find(Warning, "deprecated", e, "require-all after a clone: the meta attribute clone-min of %s is what to use",
			first.SelectAttrValue("id", ""))
	}
}

func (v *validator) resourceSet(e *etree.Element) {
	if has(e, "score") && e.Parent().Tag == "rsc_order" {
		v.find(Warning, "deprecated", e, "score says how the order of the set binds: kind is what to use")
	}
	if !has(e, "id-ref") && e.SelectElement("resource_ref") == nil {
		v.find(v.strict(), "structure", e, "a set without resources")
	}
}

func (v *validator) fencingLevel(e *etree.Element) {
	if !has(e, "target", "target-pattern", "target-attribute") {
		v.find(v.strict(), "structure", e, "a fencing level for no node: it needs target, target-pattern or target-attribute")
	}
	if n := len(slices.DeleteFunc([]string{"target", "target-pattern", "target-attribute"},
		func(name string) bool { return !has(e, name) })); n > 1 {
		v.find(v.strict(), "structure", e, "a fencing level with %d of target, target-pattern and target-attribute: it takes one", n)
	}
	if has(e, "target-attribute") != has(e, "target-value") {
		v.find(v.strict(), "structure", e, "target-attribute and target-value go together")
	}
	if devices := e.SelectAttr("devices"); devices != nil && !deviceList.MatchString(devices.Value) {
		v.find(v.strict(), "bad-value", e, "devices=%q is no list of devices: ids with commas between, without blanks", devices.Value)
	}
	for id := range strings.SplitSeq(e.SelectAttrValue("devices", ""), ",") {
		id = strings.Trim(id, xmlSpaces)
		if target := v.byID[id]; id != "" && (target == nil || !IsResource(target)) {
			v.find(Warning, "dangling-reference", e, "devices: there is no resource %q", id)
		}
	}
}

// set looks at the pairs of one set.
func (v *validator) set(e *etree.Element) {
	seen := make(map[string]bool)
	for _, p := range e.SelectElements("nvpair") {
		name := p.SelectAttrValue("name", "")
		if name != "" && seen[name] && !has(p, "id-ref") {
			v.find(Warning, "duplicate-name", p, "%s stands in this set twice: the first value counts", name)
		}
		seen[name] = true
		if value := p.SelectAttrValue("value", ""); e.Tag == "utilization" && !wholeNumber.holds(value) {
			v.find(Warning, "bad-option", p, "%s=%q is %s", name, value, wholeNumber.not)
		}
	}
}

// nodeNames looks for two nodes of one name.
func (v *validator) nodeNames(e *etree.Element) {
	seen := make(map[string]string)
	for _, n := range e.SelectElements("node") {
		name, id := n.SelectAttrValue("uname", ""), n.SelectAttrValue("id", "")
		if first, twice := seen[name]; twice && name != "" {
			v.find(Warning, "scheduler", n, "the node with the id %s is called %s as well", first, name)
		}
		seen[name] = id
		if name == "" && has(n, "uname") {
			v.find(Warning, "scheduler", n, "a node without a name: give uname the name that the node has")
		}
		if n.SelectAttrValue("type", "") == "ping" {
			v.find(Warning, "deprecated", n, "a node of the type ping: it runs nothing")
		}
	}
}

func (v *validator) tag(e *etree.Element) {
	if e.SelectElement("obj_ref") == nil {
		v.find(v.strict(), "structure", e, "a tag on nothing")
	}
}

// severalSets looks for values that hang on the order of two sets.
func (v *validator) severalSets(e *etree.Element, tag string) {
	type value struct {
		value string
		score Score
	}
	seen := make(map[string]value)
	sets := v.cib.SetsOf(e, tag)
	if len(sets) < 2 {
		return
	}
	for _, set := range sets {
		for _, p := range set.Pairs {
			before, twice := seen[p.Name]
			if twice && before.score == set.Score && before.value != p.Value && set.Rule == "" {
				v.find(Warning, "equal-scores", e,
					"%s stands in two sets of %s with the same score: which one wins depends on Pacemaker's version", p.Name, tag)
			}
			if set.Rule == "" {
				seen[p.Name] = value{p.Value, set.Score}
			}
		}
	}
}

// metas looks at the meta attributes of a resource.
func (v *validator) metas(e *etree.Element) {
	for _, set := range e.SelectElements("meta_attributes") {
		v.options(set, metaKinds)
		v.gone(set, e.Tag+"@")
		for _, p := range set.SelectElements("nvpair") {
			name, value := p.SelectAttrValue("name", ""), strings.ToLower(p.SelectAttrValue("value", ""))
			promoted := slices.Contains([]string{"slave", "master", "unpromoted", "promoted"}, value)
			switch {
			case name == "target-role" && promoted && IsResource(e) && e.Tag != string(Template) && !v.promotable(e):
				v.find(Fault, "scheduler", p, "target-role=%s makes sense for promotable clones only: Pacemaker ignores it", value)
			case name == "requires" && (value == "fencing" || value == "unfencing") && v.fencingOff():
				v.find(Warning, "scheduler", p, "requires=%s, and fencing is off: Pacemaker takes quorum", value)
			case (name == "ordered" || name == "collocated") && v.forGroup(e, name) && optionBoolean.holds(value) && !IsTrue(value):
				v.find(Warning, "deprecated", p, "%s=%s of a group: a constraint with a set of resources is what to use", name, value)
			case name == "container":
				v.container(e, p)
			case name == "restart-type" && value == "restart" && IsResource(e) && e.Tag != string(Template):
				v.find(Warning, "deprecated", p, "restart-type=restart")
			}
		}
	}
}

// operationMetas looks at what an operation may say in meta attributes as well, and at the defaults of all.
func (v *validator) operationMetas(e *etree.Element) {
	for _, set := range e.SelectElements("meta_attributes") {
		v.options(set, operationKinds)
		v.gone(set, e.Tag+"@")
	}
}

// forGroup says whether a meta attribute of a resource is one of a group: its own, or one that a clone hands down.
func (v *validator) forGroup(e *etree.Element, name string) bool {
	group := e.SelectElement("group")
	if e.Tag == string(Group) || group == nil {
		return e.Tag == string(Group)
	}
	_, own := v.cib.SetsOf(group, "meta_attributes").Get(name)
	return !own
}

// gone looks for pairs that the schemas from 3.0 on refuse: by ELEMENT@NAME, or ELEMENT@NAME=VALUE.
func (v *validator) gone(set *etree.Element, prefix string) {
	if !v.hasSchema || v.schema.less(schemaVersion{3, 0}) {
		return
	}
	for _, p := range set.SelectElements("nvpair") {
		name, value := p.SelectAttrValue("name", ""), p.SelectAttrValue("value", "")
		switch {
		case goneInThree[prefix+name]:
			v.find(Fault, "structure", p, "schema %s does not take %s here", v.schema, name)
		case goneInThree[prefix+name+"="+value]:
			v.find(Fault, "structure", p, "schema %s does not take %s=%s", v.schema, name, value)
		}
	}
}

func (v *validator) properties(e *etree.Element) {
	for _, set := range e.SelectElements("cluster_property_set") {
		v.options(set, propertyKinds)
		v.gone(set, e.Tag+"@")
		for _, p := range set.SelectElements("nvpair") {
			name, value := p.SelectAttrValue("name", ""), strings.ToLower(p.SelectAttrValue("value", ""))
			switch {
			case name == "no-quorum-policy" && (value == "suicide" || value == "fence") && v.fencingOff():
				v.find(Fault, "scheduler", p, "no-quorum-policy=%s, and fencing is off: Pacemaker takes stop", value)
			case name == "remove-after-stop" && IsTrue(value):
				v.find(Warning, "deprecated", p, "remove-after-stop=%s: take it out, or set it to false", value)
			case name == "stonith-action" && value == "poweroff":
				v.find(Warning, "deprecated", p, "stonith-action=poweroff: off is what to use")
			}
		}
	}
}

func (v *validator) options(set *etree.Element, kinds map[string]valueKind) {
	for _, p := range set.SelectElements("nvpair") {
		name, value := p.SelectAttrValue("name", ""), p.SelectAttr("value")
		kind, known := kinds[name]
		if known && value != nil && !kind.holds(value.Value) {
			v.find(Warning, "bad-option", p, "%s=%q is %s", name, value.Value, kind.not)
		}
	}
}
