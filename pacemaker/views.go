package pacemaker

import (
	"iter"
	"slices"

	"github.com/beevik/etree"
)

// bootstrapSet is the property set that Pacemaker's own tools write and that beats all others.
const bootstrapSet = "cib-bootstrap-options"

// PropertySets are the cluster's property sets, as they stand (PCM-006).
func (c *CIB) PropertySets() AttributeSets {
	return c.attributeSets(c.section("crm_config"), "cluster_property_set")
}

// Properties are the effective cluster properties: cib-bootstrap-options before all others. Sets with a rule are passed over.
func (c *CIB) Properties() []NVPair {
	sets := c.PropertySets()
	for i := range sets {
		if sets[i].ID == bootstrapSet {
			sets[i].Score = Infinity + 1
		}
	}
	return sets.Effective()
}

// Property is the effective value of one cluster property.
func (c *CIB) Property(name string) (string, bool) {
	return AttributeSet{Pairs: c.Properties()}.Get(name)
}

// ResourceDefaults are the sets of rsc_defaults (PCM-008).
func (c *CIB) ResourceDefaults() AttributeSets {
	return c.attributeSets(c.section("rsc_defaults"), "meta_attributes")
}

// OperationDefaults are the sets of op_defaults.
func (c *CIB) OperationDefaults() AttributeSets {
	return c.attributeSets(c.section("op_defaults"), "meta_attributes")
}

// Node is a cluster node. On EL6 its ID is its short name; with corosync 2 and later a number.
type Node struct {
	ID          string
	Uname       string
	Type        string // normal, member, remote, ping; empty is the same as member
	Attributes  AttributeSets
	Utilization AttributeSets
}

// Nodes are the nodes with their permanent attributes (PCM-005).
func (c *CIB) Nodes() []Node {
	var nodes []Node
	for _, e := range c.children("nodes") {
		if e.Tag != "node" {
			continue
		}
		nodes = append(nodes, Node{
			ID: e.SelectAttrValue("id", ""), Uname: e.SelectAttrValue("uname", ""), Type: e.SelectAttrValue("type", ""),
			Attributes:  c.attributeSets(e, "instance_attributes"),
			Utilization: c.attributeSets(e, "utilization"),
		})
	}
	return nodes
}

// Node finds a node by its uname.
func (c *CIB) Node(uname string) (Node, bool) {
	for _, n := range c.Nodes() {
		if n.Uname == uname {
			return n, true
		}
	}
	return Node{}, false
}

// Kind is what sort of resource an element of <resources> is: its tag.
type Kind string

// The kinds of resources that Pacemaker's schemas allow.
const (
	Primitive Kind = "primitive"
	Group     Kind = "group"
	Clone     Kind = "clone"
	Master    Kind = "master"
	Bundle    Kind = "bundle"
	Template  Kind = "template"
)

// Resource is a resource of any kind, with what it contains.
type Resource struct {
	Kind     Kind
	ID       string
	Class    string // of a primitive or template: ocf, stonith, systemd, lsb, service
	Provider string // of an ocf agent, such as chroma
	Type     string // the agent, such as Target
	Template string // the template that a primitive is made from
	// The attribute sets of the resource itself; a template's are not merged in.
	Instance    AttributeSets
	Meta        AttributeSets
	Utilization AttributeSets
	Operations  []Op
	Members     []Resource // of a group, clone, master or bundle
}

// Agent is class:provider:type, as pcs and crm_mon write it; class:type for an agent without a provider.
func (r Resource) Agent() string {
	if r.Provider == "" {
		return r.Class + ":" + r.Type
	}
	return r.Class + ":" + r.Provider + ":" + r.Type
}

// Op is an operation of a resource. Interval and Timeout are as written: "5", "60s", "20m", "PT1M".
type Op struct {
	ID       string
	Name     string
	Interval string
	Timeout  string
	Other    []NVPair // its further XML attributes, such as on-fail or role; these have no ID
	Instance AttributeSets
	Meta     AttributeSets
}

// Resources are the resources at the top level, in the order of the document (PCM-002, PCM-003).
func (c *CIB) Resources() []Resource {
	var all []Resource
	for _, e := range c.children("resources") {
		if isResource(e) {
			all = append(all, c.resource(e))
		}
	}
	return all
}

// Primitives are all primitives, also those in groups, clones and bundles, in the order of the document. Templates are none.
func (c *CIB) Primitives() []Resource {
	var all []Resource
	for r := range walk(c.Resources()) {
		if r.Kind == Primitive {
			all = append(all, r)
		}
	}
	return all
}

// Resource finds a resource of any kind by its id.
func (c *CIB) Resource(id string) (Resource, bool) {
	e := c.resourceElement(id)
	if e == nil {
		return Resource{}, false
	}
	return c.resource(e), true
}

func (c *CIB) resourceElement(id string) *etree.Element {
	e := c.byID(id)
	if e == nil || !isResource(e) {
		return nil
	}
	return e
}

// walk visits resources depth first, the outer one before what it contains.
func walk(rs []Resource) iter.Seq[Resource] {
	return func(yield func(Resource) bool) {
		var visit func([]Resource) bool
		visit = func(rs []Resource) bool {
			for _, r := range rs {
				if !yield(r) || !visit(r.Members) {
					return false
				}
			}
			return true
		}
		visit(rs)
	}
}

func isResource(e *etree.Element) bool {
	return slices.Contains([]Kind{Primitive, Group, Clone, Master, Bundle, Template}, Kind(e.Tag))
}

func (c *CIB) resource(e *etree.Element) Resource {
	r := Resource{
		Kind: Kind(e.Tag), ID: e.SelectAttrValue("id", ""),
		Class: e.SelectAttrValue("class", ""), Provider: e.SelectAttrValue("provider", ""), Type: e.SelectAttrValue("type", ""),
		Template:    e.SelectAttrValue("template", ""),
		Instance:    c.attributeSets(e, "instance_attributes"),
		Meta:        c.attributeSets(e, "meta_attributes"),
		Utilization: c.attributeSets(e, "utilization"),
	}
	for _, child := range e.ChildElements() {
		switch {
		case child.Tag == "operations":
			if ops := c.follow(child); ops != nil {
				for _, op := range ops.SelectElements("op") {
					r.Operations = append(r.Operations, c.operation(op))
				}
			}
		case isResource(child):
			r.Members = append(r.Members, c.resource(child))
		}
	}
	return r
}

func (c *CIB) operation(e *etree.Element) Op {
	op := Op{Instance: c.attributeSets(e, "instance_attributes"), Meta: c.attributeSets(e, "meta_attributes")}
	for _, a := range e.Attr {
		switch a.FullKey() {
		case "id":
			op.ID = a.Value
		case "name":
			op.Name = a.Value
		case "interval":
			op.Interval = a.Value
		case "timeout":
			op.Timeout = a.Value
		default:
			op.Other = append(op.Other, NVPair{Name: a.FullKey(), Value: a.Value})
		}
	}
	return op
}

// Tag is a named list of resources or constraints.
type Tag struct {
	ID   string
	Refs []string
}

// Tags are the tags.
func (c *CIB) Tags() []Tag {
	var tags []Tag
	for _, e := range c.children("tags") {
		if e.Tag == "tag" {
			t := Tag{ID: e.SelectAttrValue("id", "")}
			for _, ref := range e.SelectElements("obj_ref") {
				t.Refs = append(t.Refs, ref.SelectAttrValue("id", ""))
			}
			tags = append(tags, t)
		}
	}
	return tags
}

// FencingLevel is one level of the fencing topology. Exactly one of Target, TargetPattern and TargetAttribute is set.
type FencingLevel struct {
	ID              string
	Target          string
	TargetPattern   string
	TargetAttribute string // name=value
	Index           string
	Devices         string // comma-separated ids, as written
}

// FencingLevels are the levels of the fencing topology.
func (c *CIB) FencingLevels() []FencingLevel {
	var levels []FencingLevel
	for _, e := range c.children("fencing-topology") {
		if e.Tag != "fencing-level" {
			continue
		}
		l := FencingLevel{
			ID: e.SelectAttrValue("id", ""), Target: e.SelectAttrValue("target", ""), TargetPattern: e.SelectAttrValue("target-pattern", ""),
			Index: e.SelectAttrValue("index", ""), Devices: e.SelectAttrValue("devices", ""),
		}
		if a := e.SelectAttrValue("target-attribute", ""); a != "" {
			l.TargetAttribute = a + "=" + e.SelectAttrValue("target-value", "")
		}
		levels = append(levels, l)
	}
	return levels
}

// Alert is a program that Pacemaker calls on events.
type Alert struct {
	ID         string
	Path       string
	Recipients []string
}

// Alerts are the alerts.
func (c *CIB) Alerts() []Alert {
	var alerts []Alert
	for _, e := range c.children("alerts") {
		if e.Tag == "alert" {
			a := Alert{ID: e.SelectAttrValue("id", ""), Path: e.SelectAttrValue("path", "")}
			for _, r := range e.SelectElements("recipient") {
				a.Recipients = append(a.Recipients, r.SelectAttrValue("value", ""))
			}
			alerts = append(alerts, a)
		}
	}
	return alerts
}

// ACL is an entry of the access control lists: a role, a user, a group or a target, with its permissions as XML.
type ACL struct {
	Kind string // acl_role, acl_target, acl_group, acl_user
	ID   string
	XML  string
}

// ACLs are the access control lists.
func (c *CIB) ACLs() []ACL {
	var acls []ACL
	for _, e := range c.children("acls") {
		acls = append(acls, ACL{Kind: e.Tag, ID: e.SelectAttrValue("id", ""), XML: rawXML(e)})
	}
	return acls
}
