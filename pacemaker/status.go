package pacemaker

import (
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// Status is what crm_mon says of a running cluster.
type Status struct {
	Request         string // the command that was asked, from Pacemaker 2.0.3 on
	Version         string // of crm_mon itself in 1.1, of the form of its answer later, such as 2.25
	Stack           string // corosync, classic openais (with plugin), cman
	Pacemakerd      string // the state of the daemon, such as running; from 2.1 on
	DC              DC
	LastUpdate      string // as written: "Tue Jun 12 22:00:01 2018"
	LastChange      string
	MaintenanceMode bool
	FencingEnabled  bool
	StopAll         bool   // stop-all-resources: nothing may run
	NoQuorumPolicy  string // stop, freeze, ignore …
	Configured      Configured
	Nodes           []NodeStatus
	Resources       []ResourceStatus // primitives at any depth
	Failures        []Failure
	Bans            []Ban
	Attributes      map[string][]NVPair // by node: permanent and transient attributes; String of a pair masks a secret
	Fencing         []FenceEvent        // what was fenced, the last first; only when crm_mon was asked for it
	Tickets         []TicketStatus
	History         []ResourceHistory // what each resource did on each node; only when crm_mon was asked for it
}

// Configured is how many of each there are.
type Configured struct {
	Nodes, Resources  int
	Disabled, Blocked int // resources
}

// DC is the node that decides, as crm_mon sees it.
type DC struct {
	Present bool
	Name    string
	ID      string
	Version string // of Pacemaker
	Quorum  bool
}

// NodeStatus is the state of one node.
type NodeStatus struct {
	Name, ID      string
	Type          string // member, remote, ping, guest
	Online        bool
	Standby       bool
	StandbyOnFail bool
	Maintenance   bool
	Pending       bool
	Unclean       bool // it will be fenced
	Shutdown      bool
	ExpectedUp    bool
	IsDC          bool
	Running       int    // resources
	Health        string // green, yellow, red; from 2.1 on
	FeatureSet    string // of this node, while versions are mixed; from 2.1 on
	Container     string // of a guest node: the resource that it is
}

// ResourceStatus is the state of one instance of a primitive.
type ResourceStatus struct {
	ID         string
	Agent      string // "ocf::chroma:Target" in 1.1, "ocf:chroma:Target" later
	Role       string // Started, Stopped, Starting, Stopping, Promoted, Master …
	TargetRole string
	Parents    []string // ids of the clones, groups and bundles around it, the outermost first
	Active     bool
	Orphaned   bool
	Blocked    bool
	Managed    bool
	Failed     bool
	Ignored    bool     // its failure is ignored
	Pending    string   // the operation under way, such as Starting
	LockedTo   string   // the node that shut down cleanly and gets it back
	Nodes      []string // where it runs; more than one for a failed or migrating resource
}

// Failure is a failed operation.
type Failure struct {
	Operation  string // op_key, such as MGS_start_0
	Node       string
	ExitStatus string
	ExitReason string
	ExitCode   int
	Status     string // Error, Timed Out …
	LastChange string
}

// Ban is a location constraint that forbids a node, as crm_mon lists it.
type Ban struct {
	ID, Resource, Node, Weight string
	PromotedOnly               bool // it may run there, but not be promoted
}

// StatusError is an answer in good form that holds no cluster: crm_mon could not connect, say. Where the cluster does
// not run, or is only starting, it is [ErrClusterDown].
type StatusError struct {
	Request string
	Code    int // crm_mon's exit code; 102 is "not connected"
	Message string
	Errors  []string
}

func (e *StatusError) Error() string {
	what := e.Request
	if what == "" {
		what = "crm_mon"
	}
	if e.Code == 0 {
		return fmt.Sprintf("the answer of %q does not say how the cluster is", what)
	}
	text := fmt.Sprintf("%q failed with code %d: %s", what, e.Code, e.Message)
	if len(e.Errors) > 0 {
		text += ": " + strings.Join(e.Errors, "; ")
	}
	return text
}

// Is makes errors.Is find what crm_mon's code means.
func (e *StatusError) Is(target error) bool {
	return target == ErrClusterDown && e.Code == notConnected
}

// Node finds a node by its name.
func (s *Status) Node(name string) (NodeStatus, bool) {
	for _, n := range s.Nodes {
		if n.Name == name {
			return n, true
		}
	}
	return NodeStatus{}, false
}

// Resource finds the first instance of a primitive.
func (s *Status) Resource(id string) (ResourceStatus, bool) {
	for _, r := range s.Resources {
		if r.ID == id {
			return r, true
		}
	}
	return ResourceStatus{}, false
}

// RunsOn are the nodes on which any instance of a primitive is active, sorted.
func (s *Status) RunsOn(id string) []string {
	var nodes []string
	for _, r := range s.Resources {
		if r.ID == id && r.Active {
			nodes = append(nodes, r.Nodes...)
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// ParseStatus reads the XML of `crm_mon --as-xml` (1.1, root crm_mon) or `crm_mon --output-as=xml` (2.x, 3.x, root
// pacemaker-result). Another root, or a value of an unknown form, is an error with its place; an answer without nodes and resources
// is a [*StatusError], never an empty list.
func ParseStatus(r io.Reader) (*Status, error) {
	name := srcerr.NameOf(r)
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	x := newXMLScanner(name, data)
	if err := x.scan(); err != nil {
		return nil, err
	}
	root := x.tree.doc.Root()
	if tag := root.FullTag(); tag != "crm_mon" && tag != "pacemaker-result" {
		return nil, x.errorOn(root, "the root element is neither <crm_mon> nor <pacemaker-result>")
	}
	p := statusReader{xml: x, status: &Status{Request: root.SelectAttrValue("request", "")}}
	// crm_resource and others answer under the same root, with other elements of the same names.
	if command := strings.Fields(p.status.Request); len(command) > 0 && path.Base(command[0]) != "crm_mon" {
		return nil, p.answer(root)
	}
	p.read(root)
	if err := p.errs.Err(); err != nil {
		return nil, err
	}
	if root.SelectElement("nodes") == nil && root.SelectElement("resources") == nil {
		return nil, p.answer(root)
	}
	return p.status, nil
}

// notConnected is crm_mon's exit code when there is no cluster to ask.
const notConnected = 102

type statusReader struct {
	xml    *xmlScanner
	status *Status
	errs   srcerr.List
}

func (p *statusReader) answer(root *etree.Element) error {
	e := &StatusError{Request: p.status.Request}
	if daemon := root.SelectElement("pacemakerd"); daemon != nil {
		// crm_mon --as-xml exits 0 while the cluster starts: it has asked pacemakerd, and found nobody to ask for the CIB yet (H19).
		e.Code, e.Message = notConnected, "not connected"
		e.Errors = append(e.Errors, "pacemakerd is "+firstAttr(daemon, "state", "sys_from"))
	}
	if off := root.SelectElement("crm-mon-disconnected"); off != nil {
		e.Code = notConnected
		e.Message = "not connected"
		for _, name := range []string{"description", "pacemakerd-state"} {
			if text := off.SelectAttrValue(name, ""); text != "" {
				e.Errors = append(e.Errors, text)
			}
		}
	}
	if status := root.SelectElement("status"); status != nil {
		e.Code = cmp.Or(p.number(status, "code"), e.Code)
		e.Message = cmp.Or(e.Message, status.SelectAttrValue("message", ""))
		if list := status.SelectElement("errors"); list != nil {
			for _, line := range list.SelectElements("error") {
				e.Errors = append(e.Errors, strings.TrimSpace(line.Text()))
			}
		}
	}
	return e
}

func (p *statusReader) read(root *etree.Element) {
	s := p.status
	s.Version = firstAttr(root, "api-version", "version")
	if daemon := root.SelectElement("pacemakerd"); daemon != nil {
		s.Pacemakerd = firstAttr(daemon, "state", "sys_from")
	}
	p.records(root)
	if summary := root.SelectElement("summary"); summary != nil {
		p.summary(summary)
	}
	if nodes := root.SelectElement("nodes"); nodes != nil {
		for _, e := range nodes.SelectElements("node") {
			s.Nodes = append(s.Nodes, p.node(e))
			p.resources(e, nil) // grouped by node (crm_mon -n) the resources stand here
		}
	}
	if list := root.SelectElement("resources"); list != nil {
		p.resources(list, nil)
	}
	if list := root.SelectElement("failures"); list != nil {
		for _, e := range list.SelectElements("failure") {
			s.Failures = append(s.Failures, Failure{
				Operation: firstAttr(e, "op_key", "id"), Node: e.SelectAttrValue("node", ""),
				ExitStatus: e.SelectAttrValue("exitstatus", ""), ExitReason: e.SelectAttrValue("exitreason", ""), ExitCode: p.number(e, "exitcode"),
				Status: e.SelectAttrValue("status", ""), LastChange: e.SelectAttrValue("last-rc-change", ""),
			})
		}
	}
	if list := root.SelectElement("bans"); list != nil {
		for _, e := range list.SelectElements("ban") {
			s.Bans = append(s.Bans, Ban{
				ID: e.SelectAttrValue("id", ""), Resource: e.SelectAttrValue("resource", ""),
				Node: e.SelectAttrValue("node", ""), Weight: e.SelectAttrValue("weight", ""),
				PromotedOnly: p.flag(e, false, "promoted-only", "master_only"),
			})
		}
	}
	if list := root.SelectElement("node_attributes"); list != nil {
		s.Attributes = make(map[string][]NVPair)
		for _, e := range list.SelectElements("node") {
			node := e.SelectAttrValue("name", "")
			for _, a := range e.SelectElements("attribute") {
				s.Attributes[node] = append(s.Attributes[node], NVPair{Name: a.SelectAttrValue("name", ""), Value: a.SelectAttrValue("value", "")})
			}
		}
	}
}

func (p *statusReader) summary(e *etree.Element) {
	s := p.status
	if stack := e.SelectElement("stack"); stack != nil {
		s.Stack = stack.SelectAttrValue("type", "")
		s.Pacemakerd = cmp.Or(stack.SelectAttrValue("pacemakerd-state", ""), s.Pacemakerd)
	}
	for tag, text := range map[string]*string{"last_update": &s.LastUpdate, "last_change": &s.LastChange} {
		if at := e.SelectElement(tag); at != nil {
			*text = at.SelectAttrValue("time", "")
		}
	}
	if n := e.SelectElement("nodes_configured"); n != nil {
		s.Configured.Nodes = p.number(n, "number")
	}
	if n := e.SelectElement("resources_configured"); n != nil {
		s.Configured.Resources, s.Configured.Disabled, s.Configured.Blocked = p.number(n, "number"), p.number(n, "disabled"),
			p.number(n, "blocked")
	}
	if dc := e.SelectElement("current_dc"); dc != nil {
		s.DC = DC{
			Present: p.flag(dc, false, "present"), Quorum: p.flag(dc, false, "with_quorum"),
			Name: dc.SelectAttrValue("name", ""), ID: dc.SelectAttrValue("id", ""), Version: dc.SelectAttrValue("version", ""),
		}
	}
	if options := e.SelectElement("cluster_options"); options != nil {
		s.MaintenanceMode = p.flag(options, false, "maintenance-mode")
		s.FencingEnabled = p.flag(options, false, "fencing-enabled", "stonith-enabled") // the first from Pacemaker 3.0 on
		s.StopAll = p.flag(options, false, "stop-all-resources")
		s.NoQuorumPolicy = options.SelectAttrValue("no-quorum-policy", "")
	}
}

func (p *statusReader) node(e *etree.Element) NodeStatus {
	p.require(e, "name", "online")
	return NodeStatus{
		Name: e.SelectAttrValue("name", ""), ID: e.SelectAttrValue("id", ""), Type: e.SelectAttrValue("type", ""),
		Online: p.flag(e, false, "online"), Standby: p.flag(e, false, "standby"), StandbyOnFail: p.flag(e, false, "standby_onfail"),
		Maintenance: p.flag(e, false, "maintenance"), Pending: p.flag(e, false, "pending"), Unclean: p.flag(e, false, "unclean"),
		Shutdown: p.flag(e, false, "shutdown"), ExpectedUp: p.flag(e, false, "expected_up"), IsDC: p.flag(e, false, "is_dc"),
		Running: p.number(e, "resources_running"), Health: e.SelectAttrValue("health", ""), FeatureSet: e.SelectAttrValue("feature_set", ""),
		Container: e.SelectAttrValue("container_id", ""),
	}
}

func (p *statusReader) resources(list *etree.Element, parents []string) {
	for _, e := range list.ChildElements() {
		switch e.Tag {
		case "resource":
			p.status.Resources = append(p.status.Resources, p.resource(e, parents))
		case "clone", "group", "bundle":
			p.resources(e, append(slices.Clone(parents), e.SelectAttrValue("id", "")))
		case "replica":
			p.resources(e, parents)
		}
	}
}

func (p *statusReader) resource(e *etree.Element, parents []string) ResourceStatus {
	p.require(e, "id", "role")
	role := e.SelectAttrValue("role", "")
	r := ResourceStatus{
		ID: e.SelectAttrValue("id", ""), Agent: e.SelectAttrValue("resource_agent", ""), Role: role,
		TargetRole: e.SelectAttrValue("target_role", ""),
		Parents:    parents, Pending: e.SelectAttrValue("pending", ""),
		Active: p.flag(e, role != "Stopped", "active"), Orphaned: p.flag(e, false, "removed", "orphaned"), Blocked: p.flag(e, false, "blocked"),
		Managed: p.flag(e, true, "managed"), Failed: p.flag(e, false, "failed"),
		Ignored: p.flag(e, false, "failure_ignored"), LockedTo: e.SelectAttrValue("locked_to", ""),
	}
	for _, n := range e.SelectElements("node") {
		r.Nodes = append(r.Nodes, n.SelectAttrValue("name", ""))
	}
	return r
}

func firstAttr(e *etree.Element, names ...string) string {
	for _, n := range names {
		if a := e.SelectAttr(n); a != nil {
			return a.Value
		}
	}
	return ""
}

func (p *statusReader) fail(e *etree.Element, format string, args ...any) {
	p.errs = append(p.errs, p.xml.errorOn(e, format, args...))
}

func (p *statusReader) require(e *etree.Element, names ...string) {
	for _, n := range names {
		if e.SelectAttrValue(n, "") == "" {
			p.fail(e, "the element has no %s", n)
		}
	}
}

// flag reads the first attribute of these names that is there.
func (p *statusReader) flag(e *etree.Element, absent bool, names ...string) bool {
	for _, name := range names {
		a := e.SelectAttr(name)
		if a == nil || a.Value == "" {
			continue
		}
		b, err := strconv.ParseBool(a.Value)
		if err != nil {
			p.fail(e, "%s=%q is neither true nor false", name, a.Value)
		}
		return b
	}
	return absent
}

func (p *statusReader) number(e *etree.Element, name string) int {
	value := e.SelectAttrValue(name, "0")
	n, err := strconv.Atoi(value)
	if err != nil {
		p.fail(e, "%s=%q is not a number", name, value)
	}
	return n
}
