package pacemaker

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/op"
)

// NodeNames says what a node of the old cluster is called in the new one: the short names of EL6 become fully qualified (H12). A name
// that is no key stays as it is.
type NodeNames map[string]string

// New is the new name of a node.
func (n NodeNames) New(name string) string {
	if full, ok := n[name]; ok {
		return full
	}
	return name
}

// ShortNames maps the first label of each fully qualified name to the name; two names with the same first label are an error.
func ShortNames(fqdns ...string) (NodeNames, error) {
	names := make(NodeNames)
	for _, fqdn := range fqdns {
		short, _, _ := strings.Cut(fqdn, ".")
		if other, taken := names[short]; taken && other != fqdn {
			return nil, fmt.Errorf("the short name %s stands for both %s and %s", short, other, fqdn)
		}
		names[short] = fqdn
	}
	return names, nil
}

// RebuildOptions say how the cluster is made again. Zero values take what the guide says.
type RebuildOptions struct {
	Node1, Node2  string    // fully qualified names: node 1 is rebuilt first
	Names         NodeNames // from the names in the CIB to these
	ClusterName   string    // default lustre-ha-cluster
	Token         int       // ms; default 17000
	FailRecvConst int       // default 10
	Dialect       Dialect   // default PCS09
	// PlainConstraints makes location constraints by pcs, as the guide does. pcs gives them ids of its own, and IML, which looks for
	// R-primary and R-secondary, no longer finds them (H9); so by default they are made by cibadmin with the ids of the CIB.
	PlainConstraints bool
	StartOnAdd       bool // node 2 is added with --start
}

func (o RebuildOptions) withDefaults() RebuildOptions {
	if o.ClusterName == "" {
		o.ClusterName = "lustre-ha-cluster"
	}
	if o.Token == 0 {
		o.Token = 17000
	}
	if o.FailRecvConst == 0 {
		o.FailRecvConst = 10
	}
	if o.Dialect == nil {
		o.Dialect = PCS09
	}
	return o
}

func (o RebuildOptions) check() error {
	var errs []error
	for _, n := range []string{o.Node1, o.Node2} {
		if !strings.Contains(n, ".") || strings.ContainsAny(n, " \t=") || strings.HasPrefix(n, "-") {
			errs = append(errs, fmt.Errorf("node name %q is not fully qualified", n))
		}
	}
	if o.Node1 == o.Node2 {
		errs = append(errs, fmt.Errorf("node 1 and node 2 are both %q", o.Node1))
	}
	return errors.Join(errs...)
}

// RebuildPlan is the cluster as a list of operations, in the order of the guide (PCM-062). The sections up to Constraints run on
// node 1 while node 2 still serves.
type RebuildPlan struct {
	Setup       []Operation // auth, setup, start, enable
	Properties  []Operation
	Defaults    []Operation
	Maintenance []Operation
	Stonith     []Operation
	Resources   []Operation // every one disabled
	Constraints []Operation
	StopOther   []Operation // on node 2: the outage begins
	SwitchOver  []Operation // on node 1: the outage ends
	Join        []Operation // node 2 comes back
	Rebalance   []Operation
	Fencing     []Operation // last, so that nothing is fenced during the work (PCM-046)

	Dropped []Dropped // what the old configuration holds and the new one will not

	fencing []nodeAttributes
}

type nodeAttributes struct {
	node  string
	pairs []NVPair
}

// Dropped is something of the old configuration that is not carried over, and why.
type Dropped struct {
	What string
	Why  string
}

// String is "what: why".
func (d Dropped) String() string { return d.What + ": " + d.Why }

// PlanSection is a named part of a plan.
type PlanSection struct {
	Name       string
	Operations []Operation
}

// Sections are the parts of the plan in the order in which they run.
func (p *RebuildPlan) Sections() []PlanSection {
	return []PlanSection{
		{"setup", p.Setup},
		{"properties", p.Properties},
		{"defaults", p.Defaults},
		{"maintenance", p.Maintenance},
		{"stonith", p.Stonith},
		{"resources", p.Resources},
		{"constraints", p.Constraints},
		{"stop the other node", p.StopOther},
		{"switch over", p.SwitchOver},
		{"join", p.Join},
		{"rebalance", p.Rebalance},
		{"fencing", p.Fencing},
	}
}

// Operations are all operations in the order in which they run.
func (p *RebuildPlan) Operations() []Operation {
	var all []Operation
	for _, s := range p.Sections() {
		all = append(all, s.Operations...)
	}
	return all
}

// String is the plan for a reader: each command with the node it runs on, secrets masked, and what is dropped.
func (p *RebuildPlan) String() string {
	var b strings.Builder
	for _, s := range p.Sections() {
		fmt.Fprintf(&b, "# %s\n", s.Name)
		for _, o := range s.Operations {
			fmt.Fprintf(&b, "[%s] %s\n", o.Node, o)
		}
	}
	b.WriteString("# dropped\n")
	for _, d := range p.Dropped {
		fmt.Fprintf(&b, "%s\n", d)
	}
	return b.String()
}

// UnsupportedError lists what a rebuild cannot express. Nothing is left out silently.
type UnsupportedError struct {
	What []string
}

func (e *UnsupportedError) Error() string {
	return "the configuration cannot be rebuilt by commands: " + strings.Join(e.What, "; ")
}

// Is makes errors.Is(err, ErrUnsupported) true.
func (e *UnsupportedError) Is(target error) bool { return target == ErrUnsupported }

// Rebuild plans how the cluster of a backup is made again: on node 1 first, then taken over from node 2, then joined by it
// (lustre:861-1101, 1122-1166, 1599-1666, 1697-1760). It runs nothing. What it cannot express is an [*UnsupportedError].
func Rebuild(cib *CIB, conf *CorosyncConf, opts RebuildOptions) (*RebuildPlan, error) {
	opts = opts.withDefaults()
	if err := opts.check(); err != nil {
		return nil, err
	}
	b := &rebuilder{cib: cib, opts: opts, d: opts.Dialect, plan: &RebuildPlan{}}
	if err := b.setup(conf); err != nil {
		return nil, err
	}
	b.checkSections()
	b.properties()
	b.defaults()
	b.plan.Maintenance = b.on1(b.d.Maintenance(true))
	b.resources()
	b.constraints()
	b.move()
	b.fencing()
	if len(b.cannot) > 0 {
		return nil, &UnsupportedError{What: b.cannot}
	}
	return b.plan, nil
}

type rebuilder struct {
	cib    *CIB
	opts   RebuildOptions
	d      Dialect
	plan   *RebuildPlan
	cannot unsupported
	enable []string // resources to start at the switch-over
}

func on(node string, ops ...Operation) []Operation {
	for i := range ops {
		ops[i].Node = node
	}
	return ops
}

func (b *rebuilder) on1(ops ...Operation) []Operation { return on(b.opts.Node1, ops...) }

func (b *rebuilder) drop(what, why string) {
	b.plan.Dropped = append(b.plan.Dropped, Dropped{what, why})
}

// node is the new name of a node; one that belongs to neither half is unsupported.
func (b *rebuilder) node(old, where string) string {
	name := b.opts.Names.New(old)
	if name != b.opts.Node1 && name != b.opts.Node2 {
		b.cannot.add("%s names the node %s, which is neither %s nor %s", where, name, b.opts.Node1, b.opts.Node2)
	}
	return name
}

func (b *rebuilder) setup(conf *CorosyncConf) error {
	rings, err := conf.Rings()
	if err != nil {
		return err
	}
	totem, err := conf.Totem()
	if err != nil {
		return err
	}
	if t := totem.Transport; t != "" && t != "udp" {
		return &UnsupportedError{What: []string{"corosync.conf has the transport " + t + ", not multicast udp"}}
	}
	setup, err := b.d.Setup(ClusterSetup{
		Name: b.opts.ClusterName, Node: b.opts.Node1, RRPMode: "passive", Rings: rings,
		Token: b.opts.Token, FailRecvConst: b.opts.FailRecvConst,
	})
	if err != nil {
		return err
	}
	if totem.RRPMode != "" && totem.RRPMode != "passive" {
		b.drop("corosync.conf rrp_mode: "+totem.RRPMode, "the new cluster uses passive (lustre:884)")
	}
	if totem.Token != 0 && totem.Token != b.opts.Token {
		b.drop(fmt.Sprintf("corosync.conf token: %d", totem.Token), fmt.Sprintf("the new cluster uses %d ms (lustre:891)", b.opts.Token))
	}
	if totem.SecAuth == "on" {
		b.drop("corosync.conf secauth: on", "pcs 0.9 makes a cluster without encryption; the key is not in the backup")
	}
	if services, err := conf.Services(); err == nil && len(services) > 0 {
		b.drop("corosync.conf service section", "corosync 2 and later start no services")
	}
	b.plan.Setup = b.on1(b.d.Auth(b.opts.Node1), setup, b.d.ClusterStart(""), b.d.ClusterEnable(""))
	return nil
}

// checkSections names what stands in parts of the CIB for which there are no commands.
func (b *rebuilder) checkSections() {
	if b.cib.doc.Root().SelectElement("configuration") == nil {
		b.cannot.add("the CIB has no configuration")
	}
	known := map[string]bool{"crm_config": true, "nodes": true, "resources": true, "constraints": true, "rsc_defaults": true, "op_defaults": true}
	if conf := b.cib.doc.Root().SelectElement("configuration"); conf != nil {
		for _, e := range conf.ChildElements() {
			if !known[e.Tag] && len(e.ChildElements()) > 0 {
				b.cannot.add("the section %s is not empty", e.Tag)
			}
		}
	}
}

// plain is the one value of each name; several sets with rules have no command.
func (b *rebuilder) plain(sets AttributeSets, where string) []NVPair {
	for _, s := range sets {
		if s.Rule != "" {
			b.cannot.add("%s: the set %s has a rule", where, s.ID)
		}
	}
	return sets.Effective()
}

// clusterOwned are the properties that a cluster writes by itself or that the rebuild sets otherwise.
var clusterOwned = map[string]string{
	"cluster-infrastructure": "written by the cluster itself; openais and cman mean nothing to corosync 2 and later (H23)",
	"expected-quorum-votes":  "a key of the old corosync plugin; corosync 2 and later count the votes themselves (H23)",
	"dc-version":             "written by the cluster itself (H23)",
	"have-watchdog":          "written by the cluster itself",
	"last-lrm-refresh":       "a time stamp of the old cluster",
	"cluster-name":           "given by the cluster setup",
	"maintenance-mode":       "set by the rebuild, and ended at the switch-over",
}

// properties sets the guide's three first, then what else the old cluster had.
func (b *rebuilder) properties() {
	// Node 1 is alone at first: without "ignore" it would never have a quorum (PCM-007, lustre:929-934).
	noQuorum := "ignore"
	if len(b.cib.Nodes()) > 2 {
		noQuorum = "stop"
	}
	guide := []NVPair{{Name: "no-quorum-policy", Value: noQuorum}, {Name: "stonith-enabled", Value: "true"}, {Name: "symmetric-cluster", Value: "true"}}
	for _, p := range guide {
		if v, ok := b.cib.Property(p.Name); ok {
			p.Value = v
		}
		b.plan.Properties = append(b.plan.Properties, b.on1(b.d.SetProperty(p))...)
	}
	for _, set := range b.cib.PropertySets() {
		if set.Rule != "" {
			b.cannot.add("the property set %s has a rule", set.ID)
		}
		for _, p := range set.Pairs {
			switch why, owned := clusterOwned[p.Name]; {
			case owned:
				b.drop("property "+p.String(), why)
			case set.ID == "intel_manager_for_lustre_configuration":
				b.drop("property "+p.String(), "a mark of IML's own in a property set of its own, which pcs cannot make")
			case slices.ContainsFunc(guide, func(g NVPair) bool { return g.Name == p.Name }):
			default:
				if v, _ := b.cib.Property(p.Name); v == p.Value {
					b.plan.Properties = append(b.plan.Properties, b.on1(b.d.SetProperty(p))...)
				}
			}
		}
	}
}

// defaults sets the guide's three first where the old cluster had them, then the others.
func (b *rebuilder) defaults() {
	pairs := slices.Clone(b.plain(b.cib.ResourceDefaults(), "rsc_defaults"))
	guide := []string{"resource-stickiness", "failure-timeout", "migration-threshold"}
	rank := func(p NVPair) int {
		if i := slices.Index(guide, p.Name); i >= 0 {
			return i
		}
		return len(guide)
	}
	slices.SortStableFunc(pairs, func(a, b NVPair) int { return rank(a) - rank(b) })
	for _, p := range pairs {
		b.plan.Defaults = append(b.plan.Defaults, b.on1(b.d.SetResourceDefault(p))...)
	}
	for _, p := range b.plain(b.cib.OperationDefaults(), "op_defaults") {
		b.plan.Defaults = append(b.plan.Defaults, b.on1(b.d.SetOperationDefault(p))...)
	}
}

func (b *rebuilder) resources() {
	for _, r := range b.cib.Resources() {
		if !b.expressible(r) {
			continue
		}
		if r.Class == "stonith" {
			b.plan.Stonith = append(b.plan.Stonith, b.on1(b.d.CreateStonith(r))...)
			continue
		}
		b.plan.Resources = append(b.plan.Resources, b.on1(b.d.CreateResource(r, true))...)
		if role, _ := r.Meta.Get("target-role"); strings.EqualFold(role, "Stopped") {
			b.drop("enabling "+r.ID, "it was disabled in the old cluster (target-role=Stopped) and stays so")
		} else {
			b.enable = append(b.enable, r.ID)
		}
	}
}

// expressible says whether one command makes the resource, and notes why not.
func (b *rebuilder) expressible(r Resource) bool {
	before := len(b.cannot)
	where := fmt.Sprintf("%s %s", r.Kind, r.ID)
	if r.Kind != Primitive {
		b.cannot.add("%s is not a plain primitive", where)
		return false
	}
	if r.Template != "" {
		b.cannot.add("%s is made from the template %s", where, r.Template)
	}
	if len(r.Utilization) > 0 {
		b.cannot.add("%s has utilization attributes", where)
	}
	for _, sets := range []AttributeSets{r.Instance, r.Meta} {
		b.plain(sets, where)
	}
	for _, o := range r.Operations {
		b.plain(o.Instance, where)
		if len(o.Meta) > 0 {
			b.cannot.add("%s: the operation %s has meta attributes", where, o.Name)
		}
	}
	return len(b.cannot) == before
}

func (b *rebuilder) constraints() {
	byResource := make(map[string][]Location)
	for _, l := range b.cib.Locations() {
		switch {
		case strings.HasPrefix(l.ID, "cli-prefer-") || strings.HasPrefix(l.ID, "cli-ban-") || strings.HasPrefix(l.ID, "cli-standby-"):
			b.drop("location constraint "+l.ID, "left behind by moving "+l.Resource+" by hand; it would pin the target")
		case !l.Plain():
			b.cannot.add("location constraint %s is not of the plain form", l.ID)
		default:
			if _, err := ParseScore(l.Score); err != nil {
				b.cannot.add("location constraint %s: %v", l.ID, err)
				continue
			}
			l.Node = b.node(l.Node, "location constraint "+l.ID)
			byResource[l.Resource] = append(byResource[l.Resource], l)
		}
	}
	for _, r := range b.cib.Resources() {
		list := byResource[r.ID]
		delete(byResource, r.ID)
		// The primary, with the greater score, first (lustre:1056-1061).
		slices.SortStableFunc(list, func(a, b Location) int { return int(mustScore(b.Score) - mustScore(a.Score)) })
		for _, l := range list {
			b.plan.Constraints = append(b.plan.Constraints, b.on1(b.location(l))...)
		}
	}
	for _, id := range sortedKeys(byResource) {
		b.cannot.add("location constraint %s is about %s, which is no resource at the top level", byResource[id][0].ID, id)
	}
	for _, e := range b.cib.children("constraints") {
		if e.Tag != "rsc_location" {
			b.cannot.add("%s %s", e.Tag, e.SelectAttrValue("id", ""))
		}
	}
}

// mustScore is the score of a constraint that was checked before.
func mustScore(s string) Score {
	score, _ := ParseScore(s)
	return score
}

func (b *rebuilder) location(l Location) Operation {
	if b.opts.PlainConstraints {
		return b.d.PreferNode(l.Resource, l.Node, mustScore(l.Score))
	}
	e := etree.NewElement("rsc_location")
	setAttrs(e, "id", l.ID, "node", l.Node, "rsc", l.Resource, "score", l.Score)
	o := operation("constraint "+l.ID, "lustre:1040", op.Mutating, op.ProbeFirst, "cibadmin", "-o", "constraints", "-C", "-X", rawXML(e))
	o.Why = "IML finds the constraint by its id (H9)"
	return o
}

// move takes the targets over, brings node 2 back and spreads the targets again (PCM-038 to PCM-041).
func (b *rebuilder) move() {
	node1, node2 := b.opts.Node1, b.opts.Node2
	b.plan.StopOther = on(node2, StopEL6(b.d)...)
	b.plan.SwitchOver = b.on1(b.d.Maintenance(false))
	for _, id := range b.enable {
		b.plan.SwitchOver = append(b.plan.SwitchOver, b.on1(b.d.EnableResource(id))...)
	}
	auth := b.d.Auth(node1, node2)
	auth.Ref = "lustre:1599"
	b.plan.Join = b.on1(auth, b.d.NodeAdd(node2, b.opts.StartOnAdd))
	if !b.opts.StartOnAdd {
		start := b.d.ClusterStart("")
		start.Ref = "lustre:1624"
		b.plan.Join = append(b.plan.Join, on(node2, start)...)
	}
	enable := b.d.ClusterEnable("")
	enable.Ref = "lustre:1625"
	b.plan.Join = append(b.plan.Join, on(node2, enable)...)
	b.plan.Rebalance = b.on1(b.d.RelocateShow(), b.d.RelocateRun())
}

// StopEL6 takes an EL6 node out of its cluster, in the guide's order (lustre:1125-1128): standby, Pacemaker, Corosync, not at boot.
// The node is the local one.
func StopEL6(d Dialect) []Operation {
	standby, disable := d.Standby(""), d.ClusterDisable("")
	standby.Name, standby.Ref = "standby", "lustre:1125"
	disable.Ref = "lustre:1128"
	return []Operation{
		standby,
		operation("stop pacemaker", "lustre:1126", op.Disruptive, op.Safe, "service", "pacemaker", "stop"),
		operation("stop corosync", "lustre:1127", op.Disruptive, op.Safe, "service", "corosync", "stop"),
		disable,
	}
}

// nodeStates are attributes that say what a node did at the time of the backup, not how it is made (H11).
var nodeStates = map[string]string{
	"standby":     "the rebuilt node would stay in standby (H11)",
	"maintenance": "the rebuilt node would stay in maintenance (H11)",
	"terminate":   "the rebuilt node would be fenced (H11)",
}

// fencing sets the node attributes. Of each fence device the agent comes last, in a command of its own: fence_chroma takes a device
// as configured when it has an agent (H10), and pcs does not promise to keep the order inside one command.
func (b *rebuilder) fencing() {
	for _, n := range b.cib.Nodes() {
		node := b.node(n.Uname, "node "+n.ID)
		if len(n.Utilization) > 0 {
			b.cannot.add("node %s has utilization attributes", node)
		}
		var first, agents []NVPair
		for _, p := range b.plain(n.Attributes, "node "+node) {
			why, state := nodeStates[p.Name]
			switch {
			case state:
				b.drop(fmt.Sprintf("attribute %s of %s", p, node), why)
			case strings.HasSuffix(p.Name, "_fence_agent"):
				agents = append(agents, p)
			default:
				first = append(first, p)
			}
		}
		b.plan.fencing = append(b.plan.fencing, nodeAttributes{node, append(slices.Clone(first), agents...)})
		for _, pairs := range [][]NVPair{first, agents} {
			b.plan.Fencing = append(b.plan.Fencing, b.on1(b.d.SetNodeAttributes(node, pairs)...)...)
		}
	}
}

// FencingPush is Fencing as one atomic change of the CIB, with the secrets on standard input instead of in the arguments of a
// command, where every user of the node can read them. live is the CIB of the new cluster: it knows the ids of the nodes.
func (p *RebuildPlan) FencingPush(live *CIB) (Operation, error) {
	after := live.Clone()
	nodes := etree.NewElement("nodes")
	for _, n := range p.fencing {
		if len(n.pairs) == 0 {
			continue
		}
		for _, pair := range n.pairs {
			if err := after.SetNodeAttribute(n.node, pair.Name, pair.Value); err != nil {
				return Operation{}, fmt.Errorf("cannot set fencing attributes: %w", err)
			}
		}
		e := after.nodeElement(n.node).Copy()
		keepPairs(e, n.pairs)
		nodes.AddChild(e)
	}
	return Operation{
		Name: "fencing attributes", Argv: []string{"cibadmin", "--modify", "--allow-create", "--scope", "nodes", "--xml-pipe"},
		Stdin: rawXML(nodes), Hidden: true, Effect: op.Mutating, Repeat: op.Safe, Ref: "lustre:1697",
		Why: "one change: no agent is seen without its parameters (H10)",
	}, nil
}

// keepPairs leaves of a node only its plain attribute sets with the named pairs.
func keepPairs(node *etree.Element, pairs []NVPair) {
	for _, set := range node.ChildElements() {
		if set.Tag != "instance_attributes" || set.SelectElement("rule") != nil {
			removeWithSpace(set)
			continue
		}
		for _, e := range set.SelectElements("nvpair") {
			if !slices.ContainsFunc(pairs, func(p NVPair) bool { return p.Name == e.SelectAttrValue("name", "") }) {
				removeWithSpace(e)
			}
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
