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
	return c.SetsOf(c.Section("crm_config"), "cluster_property_set")
}

// Properties are the effective cluster properties: cib-bootstrap-options before all others. Sets with a rule are passed over.
func (c *CIB) Properties() []NVPair { return bootstrapFirst(c.PropertySets()).Effective() }

// bootstrapFirst gives the set that beats all others a score that says so.
func bootstrapFirst(sets AttributeSets) AttributeSets {
	for i := range sets {
		if sets[i].ID == bootstrapSet {
			sets[i].Score = Infinity + 1
		}
	}
	return sets
}

// Property is the effective value of one cluster property.
func (c *CIB) Property(name string) (string, bool) {
	return AttributeSet{Pairs: c.Properties()}.Get(name)
}

// ResourceDefaults are the sets of rsc_defaults (PCM-008).
func (c *CIB) ResourceDefaults() AttributeSets {
	return c.SetsOf(c.Section("rsc_defaults"), "meta_attributes")
}

// OperationDefaults are the sets of op_defaults.
func (c *CIB) OperationDefaults() AttributeSets {
	return c.SetsOf(c.Section("op_defaults"), "meta_attributes")
}

// Header is what the <cib> element itself says.
type Header struct {
	AdminEpoch      string   `cib:"admin_epoch"` // with epoch and num_updates the place in the order of changes; see [CIB.Version]
	Epoch           string   `cib:"epoch"`
	NumUpdates      string   `cib:"num_updates"`
	ValidateWith    string   `cib:"validate-with"` // the schema, such as pacemaker-3.9
	FeatureSet      string   `cib:"crm_feature_set"`
	RemoteTLSPort   string   `cib:"remote-tls-port"`
	RemoteClearPort string   `cib:"remote-clear-port"`
	HaveQuorum      string   `cib:"have-quorum"`
	NoQuorumPanic   string   `cib:"no-quorum-panic"`
	DC              string   `cib:"dc-uuid"` // the id of the node that decides
	LastWritten     string   `cib:"cib-last-written"`
	UpdateOrigin    string   `cib:"update-origin"`
	UpdateClient    string   `cib:"update-client"`
	UpdateUser      string   `cib:"update-user"`
	ExecutionDate   string   `cib:"execution-date"` // for simulations: what the scheduler takes as now
	Other           []NVPair `cib:"*"`
}

// Header shows the attributes of the <cib> element.
func (c *CIB) Header() Header { return viewOf[Header](c, c.Root()) }

// Node is a cluster node. On EL6 its ID is its short name; with corosync 2 and later a number.
type Node struct {
	ID          string        `cib:"id"`
	Uname       string        `cib:"uname"`
	Type        string        `cib:"type"` // normal, member, remote, ping; empty is the same as member
	Description string        `cib:"description"`
	Score       string        `cib:"score"`
	Attributes  AttributeSets `cib:"<instance_attributes"`
	Utilization AttributeSets `cib:"<utilization"`
	Other       []NVPair      `cib:"*"`
}

// Nodes are the nodes with their permanent attributes (PCM-005).
func (c *CIB) Nodes() []Node { return viewsIn[Node](c, "nodes", "node") }

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
	Kind        Kind   `cib:"."`
	ID          string `cib:"id"`
	Class       string `cib:"class"`    // of a primitive or template: ocf, stonith, systemd, lsb, service
	Provider    string `cib:"provider"` // of an ocf agent, such as chroma
	Type        string `cib:"type"`     // the agent, such as Target
	Template    string `cib:"template"` // the template that a primitive is made from
	Description string `cib:"description"`
	// Of a bundle: the containers, their network and what they mount.
	Container *Container       `cib:"<docker <podman <rkt"`
	Network   *BundleNetwork   `cib:"<network"`
	Storage   []StorageMapping `cib:"<storage<storage-mapping"`
	// The attribute sets of the resource itself; a template's are not merged in.
	Instance    AttributeSets `cib:"<instance_attributes"`
	Meta        AttributeSets `cib:"<meta_attributes"`
	Utilization AttributeSets `cib:"<utilization"`
	Operations  []Op          `cib:"<operations<op"`
	Members     []Resource    `cib:"<primitive <group <clone <master <bundle"` // of a group, clone, master or bundle
	Other       []NVPair      `cib:"*"`                                        // XML attributes that no schema names
}

// readFrom notes which parameters are those of a fence device.
func (r *Resource) readFrom(_ *CIB, e *etree.Element) {
	if !aFenceDevice(e) {
		return
	}
	r.Instance = r.Instance.OfFenceDevice()
	for i := range r.Operations {
		r.Operations[i].Instance = r.Operations[i].Instance.OfFenceDevice()
	}
}

// Container is how the containers of a bundle are made.
type Container struct {
	Technology      string   `cib:"."` // docker, podman, rkt
	Image           string   `cib:"image"`
	Replicas        string   `cib:"replicas"`
	ReplicasPerHost string   `cib:"replicas-per-host"`
	PromotedMax     string   `cib:"promoted-max"`
	Masters         string   `cib:"masters"` // the older name of promoted-max
	RunCommand      string   `cib:"run-command"`
	Network         string   `cib:"network"`
	Options         string   `cib:"options"`
	Other           []NVPair `cib:"*"`
}

// BundleNetwork is how the containers of a bundle are reached.
type BundleNetwork struct {
	IPRangeStart  string        `cib:"ip-range-start"`
	ControlPort   string        `cib:"control-port"`
	HostInterface string        `cib:"host-interface"`
	HostNetmask   string        `cib:"host-netmask"`
	AddHost       string        `cib:"add-host"`
	Ports         []PortMapping `cib:"<port-mapping"`
	Other         []NVPair      `cib:"*"`
}

// PortMapping is a port of a host that leads into a container.
type PortMapping struct {
	ID           string   `cib:"id"`
	Port         string   `cib:"port"`
	InternalPort string   `cib:"internal-port"`
	Range        string   `cib:"range"`
	Other        []NVPair `cib:"*"`
}

// StorageMapping is a directory of a host that is mounted in a container.
type StorageMapping struct {
	ID            string   `cib:"id"`
	SourceDir     string   `cib:"source-dir"`
	SourceDirRoot string   `cib:"source-dir-root"`
	TargetDir     string   `cib:"target-dir"`
	Options       string   `cib:"options"`
	Other         []NVPair `cib:"*"`
}

// Agent is class:provider:type, as pcs and crm_mon write it; class:type for an agent without a provider. A group or a clone has none.
func (r Resource) Agent() string {
	if r.Class == "" && r.Provider == "" && r.Type == "" {
		return ""
	}
	if r.Provider == "" {
		return r.Class + ":" + r.Type
	}
	return r.Class + ":" + r.Provider + ":" + r.Type
}

// Op is an operation of a resource. Interval and Timeout are as written: "5", "60s", "20m", "PT1M".
type Op struct {
	ID       string        `cib:"id"`
	Name     string        `cib:"name"`
	Interval string        `cib:"interval"`
	Timeout  string        `cib:"timeout"`
	Other    []NVPair      `cib:"* description enabled interval-origin on-fail record-pending requires role start-delay"` // these have no ID
	Instance AttributeSets `cib:"<instance_attributes"`
	Meta     AttributeSets `cib:"<meta_attributes"`
}

// resourceTags are the names of the elements that are resources.
var resourceTags = []string{string(Primitive), string(Group), string(Clone), string(Master), string(Bundle), string(Template)}

// Resources are the resources at the top level, in the order of the document (PCM-002, PCM-003).
func (c *CIB) Resources() []Resource { return viewsIn[Resource](c, "resources", resourceTags...) }

// Primitives are all primitives, also those in groups, clones and bundles, in the order of the document. Templates are none.
func (c *CIB) Primitives() []Resource {
	var all []Resource
	for r := range Walk(c.Resources()) {
		if r.Kind == Primitive {
			all = append(all, r)
		}
	}
	return all
}

// Resource finds a resource of any kind by its id.
func (c *CIB) Resource(id string) (Resource, bool) {
	e := c.ResourceElement(id)
	if e == nil {
		return Resource{}, false
	}
	return viewOf[Resource](c, e), true
}

// ResourceElement is the element of a resource; nil when there is none of this id. A remote node has the id of its
// resource.
func (c *CIB) ResourceElement(id string) *etree.Element {
	e := c.byID(id)
	if e == nil || IsResource(e) {
		return e
	}
	if resources := c.Section("resources"); resources != nil {
		for _, r := range resources.FindElements(".//*[@id]") {
			if IsResource(r) && r.SelectAttrValue("id", "") == id {
				return r
			}
		}
	}
	return nil
}

// Walk visits resources depth first, the outer one before what it contains.
func Walk(rs []Resource) iter.Seq[Resource] {
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

// IsResource tells the element of a resource: a primitive, group, clone, master, bundle or template.
func IsResource(e *etree.Element) bool { return slices.Contains(resourceTags, e.Tag) }

// Tag is a named list of resources or constraints.
type Tag struct {
	ID    string   `cib:"id"`
	Refs  []string `cib:"<obj_ref@id"`
	Other []NVPair `cib:"*"`
}

// Tags are the tags.
func (c *CIB) Tags() []Tag { return viewsIn[Tag](c, "tags", "tag") }

// FencingLevel is one level of the fencing topology. Exactly one of Target, TargetPattern and TargetAttribute is set.
type FencingLevel struct {
	ID              string   `cib:"id"`
	Target          string   `cib:"target"`           // a node
	TargetPattern   string   `cib:"target-pattern"`   // a regular expression over nodes
	TargetAttribute string   `cib:"target-attribute"` // nodes whose attribute of this name is TargetValue
	TargetValue     string   `cib:"target-value"`
	Index           string   `cib:"index"`
	Devices         string   `cib:"devices"` // comma-separated ids, as written
	Other           []NVPair `cib:"*"`
}

// Targets says in words which nodes the level is for.
func (l FencingLevel) Targets() string {
	switch {
	case l.TargetPattern != "":
		return "nodes like " + l.TargetPattern
	case l.TargetAttribute != "":
		return "nodes with " + l.TargetAttribute + "=" + l.TargetValue
	}
	return l.Target
}

// FencingLevels are the levels of the fencing topology.
func (c *CIB) FencingLevels() []FencingLevel {
	return viewsIn[FencingLevel](c, "fencing-topology", "fencing-level")
}

// Alert is a program that Pacemaker calls on events.
type Alert struct {
	ID          string        `cib:"id"`
	Path        string        `cib:"path"`
	Description string        `cib:"description"`
	Instance    AttributeSets `cib:"<instance_attributes"`
	Meta        AttributeSets `cib:"<meta_attributes"`
	Select      *AlertSelect  `cib:"<select"` // nil: events of every kind but attribute changes
	Recipients  []Recipient   `cib:"<recipient"`
	Other       []NVPair      `cib:"*"`
}

// AlertSelect is which events an alert is called for.
type AlertSelect struct {
	Nodes      bool     `cib:"<select_nodes"`
	Fencing    bool     `cib:"<select_fencing"`
	Resources  bool     `cib:"<select_resources"`
	Attributes bool     `cib:"<select_attributes"`
	Names      []string `cib:"<select_attributes<attribute@name"` // of node attributes; none is all
}

// Recipient is where an alert goes to.
type Recipient struct {
	ID          string        `cib:"id"`
	Value       string        `cib:"value"`
	Description string        `cib:"description"`
	Instance    AttributeSets `cib:"<instance_attributes"`
	Meta        AttributeSets `cib:"<meta_attributes"`
	Other       []NVPair      `cib:"*"`
}

// Alerts are the alerts.
func (c *CIB) Alerts() []Alert { return viewsIn[Alert](c, "alerts", "alert") }

// ACL is an entry of the access control lists: a role with its permissions, or who has which roles.
type ACL struct {
	Kind        string       `cib:"."` // acl_role, acl_target, acl_group, acl_user
	ID          string       `cib:"id"`
	Name        string       `cib:"name"` // of the user or group, when it is not the id
	Description string       `cib:"description"`
	Permissions []Permission `cib:"<acl_permission <read <write <deny"`
	Roles       []string     `cib:"<role@id <role_ref@id"`
	Other       []NVPair     `cib:"*"`
	XML         string       // the entry as it stands
}

func (a *ACL) readFrom(_ *CIB, e *etree.Element) { a.XML = RawXML(e) }

// Permission is one permission of a role, or of a user of the schemas before 2.0.
type Permission struct {
	Form       string   `cib:"."` // acl_permission, or read, write, deny in the schemas before 2.0
	ID         string   `cib:"id"`
	Kind       string   `cib:"kind"` // read, write, deny
	XPath      string   `cib:"xpath"`
	Reference  string   `cib:"reference"` // the id of an element
	Ref        string   `cib:"ref"`       // the same in the schemas before 2.0
	ObjectType string   `cib:"object-type"`
	Tag        string   `cib:"tag"` // the same in the schemas before 2.0
	Attribute  string   `cib:"attribute"`
	About      string   `cib:"description"`
	Other      []NVPair `cib:"*"`
}

// ACLs are the access control lists.
func (c *CIB) ACLs() []ACL {
	return viewsIn[ACL](c, "acls", "acl_role", "acl_target", "acl_group", "acl_user")
}
