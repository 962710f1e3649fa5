package placement

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// placing is one computation of a placement. It is filled from the configuration (placement_model.go, placement_constraints.go) and
// the status (placement_status.go); then resources get nodes one after the other (placement_assign.go, placement_clone.go), and what
// cannot start after all is taken out again (placement_runs.go).
type placing struct {
	cib              *pacemaker.CIB
	ignoreStickiness bool
	lost             string // a node that is taken to have left
	quorum           *bool  // what to take the quorum for, instead of what the CIB says

	nodes   []*placeNode // by name; scores are indexed like this
	tops    []*placeRes  // the resources at the top level, in the order of their assignment
	named   map[string]*placeRes
	parts   map[string]*placeRes // the clone, by the ids of what stands inside it
	options placeOptions
	orders  []placeOrder

	optional  [][2]string         // first and then of the orders that do not bind
	histories map[failKey]bool    // what each node recorded, by the id in the record
	verdicts  map[failKey]verdict // what the digests of last failures say of the fail counts

	templates   map[string]*etree.Element
	groupings   map[string][]string // the resources that tags and templates stand for in constraints
	defaults    map[string]string   // rsc_defaults
	unsupported []Unsupported
	refused     map[Unsupported]bool
}

// placeOptions are the cluster properties that decide placements.
type placeOptions struct {
	symmetric, fencing, startupFencing, stopOrphans, stopAll, maintenance bool
	canFence                                                              bool // a fence device or a watchdog is there
	quorum                                                                bool
	noQuorum                                                              string // stop, ignore, freeze, demote, suicide
}

// placeRes is a resource while it is being placed: a primitive, a group, a clone, or one instance of a clone.
type placeRes struct {
	id     string
	kind   pacemaker.Kind
	parent *placeRes
	parts  []*placeRes // members of a group, instances of a clone
	meta   map[string]string

	priority   pacemaker.Score
	stickiness pacemaker.Score
	threshold  pacemaker.Score // migration-threshold
	managed    bool
	stopped    bool // target-role is Stopped
	interleave bool
	max        int // clone-max
	min        int // clone-min
	instance   int // the number of a clone's instance
	fence      bool
	failed     bool

	table    scoreTable
	located  scoreTable // from location constraints alone
	causes   []placeCause
	with     []*placeColocation // this with others
	others   []*placeColocation // others with this
	expanded bool

	agent    [3]string // class, provider, type
	running  []int     // nodes, by index
	assigned int       // a node's index, nowhere when there is none
	placed   bool
	busy     bool // being placed: breaks circles
	merging  bool // its scores are being taken over: breaks circles
	runs     bool // it will really run on the assigned node
	why      string
}

const nowhere = -1

// placeCause is why a node's score went below zero.
type placeCause struct {
	node int
	why  string
}

// scoreTable holds a score for each node that a resource may be placed on. In an asymmetric cluster not all nodes are in it.
type scoreTable struct {
	score []pacemaker.Score
	in    []bool
}

func newScoreTable(nodes int) scoreTable {
	return scoreTable{score: make([]pacemaker.Score, nodes), in: make([]bool, nodes)}
}

func (t scoreTable) clone() scoreTable { return scoreTable{slices.Clone(t.score), slices.Clone(t.in)} }

// add adds to a node's score and lets the node in.
func (t scoreTable) add(node int, s pacemaker.Score) {
	if !t.in[node] {
		t.in[node] = true
		t.score[node] = 0
	}
	t.score[node] = t.score[node].Add(s)
}

// place computes; everything that is not computed comes back in one error.
func place(c *pacemaker.CIB, options []Option) (*placing, error) {
	if c.Root() == nil {
		return nil, pacemaker.ErrNoCIB
	}
	p := &placing{cib: c, named: make(map[string]*placeRes), parts: make(map[string]*placeRes), refused: make(map[Unsupported]bool),
		histories: make(map[failKey]bool), verdicts: make(map[failKey]verdict)}
	for _, o := range options {
		o(p)
	}
	p.readSchema()
	p.readOptions()
	p.readNodes()
	p.readResources()
	p.readStatus()
	p.readGroupings()
	p.readConstraints()
	p.rankColocations()
	p.checkLoops()
	if len(p.unsupported) > 0 {
		return nil, &Error{Reasons: p.unsupported}
	}
	p.applyState()
	for _, r := range p.tops {
		p.assign(r, nowhere)
	}
	p.settle()
	if len(p.unsupported) > 0 {
		return nil, &Error{Reasons: p.unsupported}
	}
	return p, nil
}

func (p *placing) readSchema() {
	schema, _ := p.cib.Attribute("validate-with")
	if schema == "transitional-0.6" || strings.HasPrefix(schema, "pacemaker-0.") {
		p.refuse(featureOldSchema, "cib", "validate-with=%s", schema)
	}
}

// yes reads a boolean as Pacemaker does.
func yes(value string, absent bool) bool {
	switch strings.ToLower(value) {
	case "":
		return absent
	case "true", "on", "yes", "y", "1":
		return true
	}
	return false
}

// plainPairs are the effective pairs of sets, refused when one depends on a rule.
func (p *placing) plainPairs(element string, sets pacemaker.AttributeSets) map[string]string {
	pairs := make(map[string]string)
	for _, s := range sets {
		if s.Rule != "" {
			p.refuse(featureRule, element, "attribute set %s", s.ID)
		}
	}
	for _, pair := range sets.Effective() {
		pairs[pair.Name] = pair.Value
	}
	return pairs
}

func (p *placing) readOptions() {
	for _, s := range p.cib.PropertySets() {
		if s.Rule != "" {
			p.refuse(featureRule, "crm_config", "property set %s", s.ID)
		}
	}
	properties := make(map[string]string)
	for _, pair := range p.cib.Properties() {
		properties[pair.Name] = pair.Value
	}
	if p.knowsNewNames(properties["dc-version"]) {
		for old, name := range map[string]string{"stonith-enabled": "fencing-enabled", "stop-orphan-resources": "stop-removed-resources"} {
			if value, ok := properties[name]; ok {
				properties[old] = value
			}
		}
	}
	p.checkProperties(properties)
	p.options = placeOptions{
		symmetric:      yes(properties["symmetric-cluster"], true),
		fencing:        yes(properties["stonith-enabled"], true),
		startupFencing: yes(properties["startup-fencing"], true),
		stopOrphans:    yes(properties["stop-orphan-resources"], true),
		stopAll:        yes(properties["stop-all-resources"], false),
		maintenance:    yes(properties["maintenance-mode"], false),
		canFence:       yes(properties["have-watchdog"], false),
		noQuorum:       strings.ToLower(cmp.Or(properties["no-quorum-policy"], "stop")),
	}
	quorum, _ := p.cib.Attribute("have-quorum")
	p.options.quorum = yes(quorum, false)
	if p.quorum != nil {
		p.options.quorum = *p.quorum
	}
	switch p.options.noQuorum {
	case "ignore", "freeze", "demote", "suicide", "fence":
	default:
		p.options.noQuorum = "stop"
	}
	if s := properties["placement-strategy"]; s != "" && !strings.EqualFold(s, "default") {
		p.refuse(featureUtilization, "crm_config", "placement-strategy=%s", s)
	}
	if s := properties["node-health-strategy"]; s != "" && !strings.EqualFold(s, "none") {
		p.refuse(featureNodeHealth, "crm_config", "node-health-strategy=%s", s)
	}
	if yes(properties["shutdown-lock"], false) {
		p.refuse(featureShutdownLock, "crm_config", "shutdown-lock=true")
	}
	p.defaults = p.plainPairs("rsc_defaults", p.cib.ResourceDefaults())
	// The old properties; Pacemaker 2 and later turns them into defaults.
	for property, meta := range map[string]string{"default-resource-stickiness": "resource-stickiness", "is-managed-default": "is-managed"} {
		if value, old := properties[property]; old && p.defaults[meta] == "" {
			p.defaults[meta] = value
		}
	}
}

// harmless are the properties that decide no placement. Those that readOptions reads are known beside them.
var harmless = strings.Fields("batch-limit cluster-delay cluster-infrastructure cluster-ipc-limit cluster-name cluster-recheck-interval " +
	"concurrent-fencing dc-deadtime dc-version election-timeout enable-acl expected-quorum-votes join-finalization-timeout " +
	"join-integration-timeout last-lrm-refresh load-threshold migration-limit no-quorum-panic node-action-limit node-health-base " +
	"node-health-green node-health-red node-health-yellow pe-error-series-max pe-input-series-max pe-warn-series-max " +
	"shutdown-escalation shutdown-lock-limit startup-fencing stonith-action fencing-action stonith-timeout fencing-timeout " +
	"stonith-max-attempts transition-delay")

var readProperties = strings.Fields("symmetric-cluster stonith-enabled fencing-enabled stop-orphan-resources stop-removed-resources " +
	"stop-all-resources maintenance-mode have-watchdog no-quorum-policy placement-strategy node-health-strategy shutdown-lock " +
	"default-resource-stickiness is-managed-default")

// checkProperties refuses every property that is not known to be harmless or read.
func (p *placing) checkProperties(properties map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		value := properties[name]
		switch {
		case slices.Contains(harmless, name), foreign(name, harmless, readProperties):
		case !slices.Contains(readProperties, name):
			p.refuse(featureOption, "crm_config", "property %s", name)
		case slices.Contains(readBooleans, name) && !isBoolean(value):
			p.refuse(featureOption, "crm_config", "%s=%q", name, value)
		case name == "is-managed-default" && !yes(value, true): // its meaning hangs on the schema
			p.refuse(featureOption, "crm_config", "%s=%q", name, value)
		}
	}
}

var readBooleans = strings.Fields("symmetric-cluster stonith-enabled fencing-enabled stop-orphan-resources stop-removed-resources " +
	"stop-all-resources maintenance-mode have-watchdog shutdown-lock is-managed-default " + // of meta attributes:
	"is-managed maintenance interleave notify ordered collocated promotable globally-unique critical allow-migrate allow-unhealthy-nodes")

// knownMetas are the meta attributes that are read, or decide no placement.
var knownMetas = strings.Fields("priority resource-stickiness migration-threshold failure-timeout target-role multiple-active requires " +
	"provides clone-max clone-node-max clone-min promoted-max promoted-node-max master-max master-node-max description " +
	"remote-node container") // the last two are refused by name

// checkMetas refuses every meta attribute that is not known, and values that another release may read otherwise.
func (p *placing) checkMetas(r *placeRes) {
	for _, name := range slices.Sorted(maps.Keys(r.meta)) {
		value := r.meta[name]
		switch boolean := slices.Contains(readBooleans, name); {
		case boolean && !isBoolean(value) && (name != "is-managed" || !strings.EqualFold(value, "default")):
			p.refuse(featureOption, r.id, "%s=%q", name, value)
		case !boolean && !slices.Contains(knownMetas, name) && !foreign(name, readBooleans, knownMetas):
			p.refuse(featureOption, r.id, "meta attribute %s", name)
		}
	}
	if v := strings.ToLower(r.meta["requires"]); v != "" && !slices.Contains([]string{"nothing", "quorum", "fencing", "unfencing"}, v) {
		p.refuse(featureOption, r.id, "requires=%q", v)
	}
}

// foreign says whether a name is none of Pacemaker's: those have small letters and hyphens, or were once written with _ in their place.
// Pacemaker passes over all others, such as IML's configured_by.
func foreign(name string, known ...[]string) bool {
	own := func(r rune) bool { return r == '-' || r >= 'a' && r <= 'z' }
	once := strings.ReplaceAll(name, "_", "-")
	return strings.ContainsFunc(name, func(r rune) bool { return !own(r) }) && !slices.Contains(slices.Concat(known...), once)
}

func isBoolean(value string) bool {
	return slices.Contains([]string{"true", "on", "yes", "y", "1", "false", "off", "no", "n", "0"}, strings.ToLower(value))
}

// knowsNewNames says whether the cluster is one of Pacemaker 3, which knows stonith-enabled as fencing-enabled too. For Pacemaker 2
// the new names are properties of somebody else's.
func (p *placing) knowsNewNames(dcVersion string) bool {
	schema, _ := p.cib.Attribute("validate-with")
	if dcVersion == "" {
		return schema == "pacemaker-4.0"
	}
	major, err := strconv.Atoi(dcVersion[:strings.IndexAny(dcVersion+".", ".-")])
	return err == nil && major >= 3
}

func (p *placing) readResources() {
	p.templates = make(map[string]*etree.Element)
	elements := p.cib.SectionChildren("resources")
	for _, e := range elements {
		if e.Tag == string(pacemaker.Template) {
			p.templates[e.SelectAttrValue("id", "")] = e
		}
	}
	for _, e := range elements {
		if !pacemaker.IsResource(e) || e.Tag == string(pacemaker.Template) {
			continue
		}
		if r := p.readResource(e, nil); r != nil {
			p.tops = append(p.tops, r)
		}
	}
	for _, top := range p.tops {
		for _, r := range top.primitives() {
			if r.managed != top.primitives()[0].managed || top.kind == pacemaker.Clone && r.managed != top.managed {
				p.refuse(featureManaged, top.id, "%s is managed, or not, otherwise than the rest", r.id)
			}
		}
	}
	slices.SortStableFunc(p.tops, func(a, b *placeRes) int { return cmp.Compare(b.priority, a.priority) })
}

// readResource reads a resource with its parts; what is not computed is refused and left out.
func (p *placing) readResource(e *etree.Element, parent *placeRes) *placeRes {
	r := &placeRes{id: e.SelectAttrValue("id", ""), kind: pacemaker.Kind(e.Tag), parent: parent, assigned: nowhere}
	sets := p.cib.SetsOf(e, "meta_attributes")
	agent := e
	if name := e.SelectAttrValue("template", ""); name != "" {
		t := p.templates[name]
		if t == nil {
			p.refuse(featureReference, r.id, "there is no template %s", name)
			return nil
		}
		sets = append(p.cib.SetsOf(t, "meta_attributes"), sets...)
		agent = t
	}
	for i, name := range []string{"class", "provider", "type"} {
		r.agent[i] = agent.SelectAttrValue(name, "")
	}
	r.meta = p.plainPairs(r.id, sets)
	p.inherit(r, parent)
	p.checkMetas(r)
	p.readMeta(r)
	r.table, r.located = newScoreTable(len(p.nodes)), newScoreTable(len(p.nodes))
	if p.options.symmetric {
		for n := range p.nodes {
			r.table.add(n, 0)
		}
	}
	switch r.kind {
	case pacemaker.Primitive:
		r.fence = r.agent[0] == "stonith"
		p.readPrimitive(r)
	case pacemaker.Group:
		for _, child := range e.ChildElements() {
			if child.Tag == string(pacemaker.Primitive) {
				if m := p.readResource(child, r); m != nil {
					r.parts = append(r.parts, m)
				}
			}
		}
		if !yes(r.meta["ordered"], true) || !yes(r.meta["collocated"], true) {
			p.refuse(featureGroupOption, r.id, "")
		}
		if len(r.parts) == 0 {
			return nil
		}
	case pacemaker.Clone, pacemaker.Master:
		if !p.readClone(r, e) {
			return nil
		}
	default:
		p.refuse(featureBundle, r.id, "")
		return nil
	}
	if r.topmost().kind != pacemaker.Clone || parent == nil {
		p.named[r.id] = r
	}
	return r
}

// inherit fills a resource's meta attributes: its own, those set on its parents, the defaults.
func (p *placing) inherit(r, parent *placeRes) {
	if parent != nil {
		for name, value := range parent.meta {
			if _, own := r.meta[name]; !own {
				r.meta[name] = value
			}
		}
		return // the parent has the defaults already
	}
	for name, value := range p.defaults {
		if _, own := r.meta[name]; !own {
			r.meta[name] = value
		}
	}
}

func (p *placing) readMeta(r *placeRes) {
	score := func(name string, absent pacemaker.Score) pacemaker.Score {
		value := r.meta[name]
		if value == "" || strings.EqualFold(value, "default") {
			return absent
		}
		whole, _, _ := strings.Cut(value, ".") // Pacemaker reads 1.0 as 1
		s, err := pacemaker.ParseScore(whole)
		if err != nil {
			p.refuse(featureResourceState, r.id, "%s=%s", name, value)
		}
		return s
	}
	r.priority = score("priority", 0)
	r.stickiness = score("resource-stickiness", 0)
	r.threshold = max(score("migration-threshold", pacemaker.Infinity), 0)
	if s, err := pacemaker.ParseScore(r.meta["migration-threshold"]); err == nil && s < 0 {
		r.threshold = 1 // as Pacemaker takes it
	}
	if p.ignoreStickiness {
		r.stickiness = 0
	}
	r.managed = yes(r.meta["is-managed"], true) && !yes(r.meta["maintenance"], false) && !p.options.maintenance
	if strings.EqualFold(r.meta["is-managed"], "default") {
		r.managed = !p.options.maintenance
	}
	if r.parent != nil && r.parent.kind == pacemaker.Group && !r.parent.managed {
		r.managed = false // a member that says otherwise does not move either: the group's own actions are missing
	}
	r.interleave = yes(r.meta["interleave"], false)
	switch role := strings.ToLower(r.meta["target-role"]); role {
	case "stopped":
		r.stopped = true
	case "", "started", "default", "slave", "unpromoted", "master", "promoted": // of a resource without roles the last four mean nothing
	default:
		p.refuse(featureResourceState, r.id, "target-role=%s", r.meta["target-role"])
	}
	if !yes(r.meta["critical"], true) {
		p.refuse(featureColocationAttr, r.id, "critical=false")
	}
	if _, guest := r.meta["remote-node"]; guest {
		p.refuse(featureRemoteNode, r.id, "")
	}
	if _, contained := r.meta["container"]; contained {
		p.refuse(featureRemoteNode, r.id, "container")
	}
}

func (p *placing) readPrimitive(r *placeRes) {
	switch class := r.agent[0]; {
	case class == "ocf" && r.agent[2] == "remote":
		p.refuse(featureRemoteNode, r.id, "")
	case class == "heartbeat":
		p.refuse(featureOldAgent, r.id, "class heartbeat")
	}
	if r.fence {
		p.options.canFence = true
		if r.meta["provides"] == "unfencing" {
			p.refuse(featureUnfencing, r.id, "")
		}
	}
	if strings.EqualFold(r.meta["requires"], "unfencing") {
		p.refuse(featureUnfencing, r.id, "")
	}
}

// readClone makes the instances of an anonymous clone.
func (p *placing) readClone(r *placeRes, e *etree.Element) bool {
	switch {
	case r.kind == pacemaker.Master || yes(r.meta["promotable"], false):
		p.refuse(featurePromotable, r.id, "")
		return false
	case yes(r.meta["globally-unique"], false):
		p.refuse(featureUniqueClone, r.id, "")
		return false
	}
	number := func(name string, absent int) int {
		n, err := strconv.Atoi(cmp.Or(r.meta[name], strconv.Itoa(absent)))
		if err != nil {
			p.refuse(featureResourceState, r.id, "%s=%s", name, r.meta[name])
		}
		return max(n, 0)
	}
	r.max = number("clone-max", max(1, len(p.nodes)))
	r.min = number("clone-min", 0)
	if number("clone-node-max", 1) == 0 {
		p.refuse(featureResourceState, r.id, "clone-node-max=0")
	}
	if _, own := r.meta["resource-stickiness"]; !own && !p.ignoreStickiness {
		r.stickiness = 1
		r.meta["resource-stickiness"] = "1"
	}
	var child *etree.Element
	for _, c := range e.ChildElements() {
		if c.Tag == string(pacemaker.Primitive) || c.Tag == string(pacemaker.Group) {
			child = c
			break
		}
	}
	if child == nil {
		return false
	}
	p.parts[child.SelectAttrValue("id", "")] = r
	for _, c := range pacemaker.ResourceChildren(child) {
		p.parts[c.SelectAttrValue("id", "")] = r
	}
	// One at least, which may be active although none is wanted; and no more than there are nodes, for there is one a node at most.
	for i := range max(min(r.max, len(p.nodes)), 1) {
		if part := p.readResource(child, r); part != nil {
			part.instance = i
			r.parts = append(r.parts, part)
		}
	}
	return len(r.parts) > 0
}

// topmost is the resource at the top level that holds this one.
func (r *placeRes) topmost() *placeRes {
	for r.parent != nil {
		r = r.parent
	}
	return r
}

// primitives are the primitives in a resource, of a clone those of each instance.
func (r *placeRes) primitives() []*placeRes {
	if r.kind == pacemaker.Primitive {
		return []*placeRes{r}
	}
	var all []*placeRes
	for _, part := range r.parts {
		all = append(all, part.primitives()...)
	}
	return all
}

// deny forbids a resource and its parts a node, and keeps the reason.
func (r *placeRes) deny(node int, why string) {
	r.addScore(node, -pacemaker.Infinity)
	for _, m := range r.primitives() {
		m.causes = append(m.causes, placeCause{node, why})
	}
}

// addScore adds a score of a node to a resource and all its parts.
func (r *placeRes) addScore(node int, s pacemaker.Score) {
	for _, part := range r.parts {
		part.addScore(node, s)
	}
	r.table.add(node, s)
}

// result is the computed placement in the words of the API.
func (p *placing) result() *Placement {
	out := &Placement{}
	for _, n := range p.nodes {
		out.Nodes = append(out.Nodes, Node{Name: n.name, Available: n.available(), Why: n.why()})
	}
	for _, top := range p.tops {
		for _, r := range top.primitives() {
			if top.kind == pacemaker.Clone && r.assigned == nowhere && len(r.running) == 0 && p.spare(r) {
				continue
			}
			out.Instances = append(out.Instances, p.instance(r))
		}
	}
	return out
}

// spare says whether an instance of a clone has no node because others have them all: that is nothing to report but for the first.
func (p *placing) spare(r *placeRes) bool {
	for r.parent.kind != pacemaker.Clone {
		r = r.parent
	}
	return r.parent.parts[0] != r
}

func (p *placing) instance(r *placeRes) Instance {
	i := Instance{Resource: r.id, Managed: r.managed, Why: r.why}
	for up := r.parent; up != nil; up = up.parent {
		i.Parents = append([]string{up.id}, i.Parents...)
	}
	for _, n := range r.running {
		i.Running = append(i.Running, p.nodes[n].name)
	}
	if r.runs {
		i.Node, i.Why = p.nodes[r.assigned].name, ""
	}
	for n := range p.nodes {
		if r.table.in[n] {
			i.Scores = append(i.Scores, NodeScore{p.nodes[n].name, max(r.table.score[n], -pacemaker.Infinity)})
		}
	}
	slices.SortStableFunc(i.Scores, func(a, b NodeScore) int { return cmp.Compare(b.Score, a.Score) })
	i.Preferred = p.preferred(r)
	return i
}

// preferred are the nodes that location constraints score highest. For a member of a group they are those of its group and of itself.
func (p *placing) preferred(r *placeRes) []string {
	sum := r.located.clone()
	for up := r.parent; up != nil; up = up.parent {
		for n := range p.nodes {
			sum.score[n] = sum.score[n].Add(up.located.score[n])
		}
	}
	var best []string
	var top pacemaker.Score
	for n, s := range sum.score {
		switch {
		case s <= 0 || s < top:
		case s > top:
			best, top = []string{p.nodes[n].name}, s
		default:
			best = append(best, p.nodes[n].name)
		}
	}
	return best
}
