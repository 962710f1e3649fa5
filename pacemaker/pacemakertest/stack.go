package pacemakertest

import (
	"maps"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// How long things take, in virtual time, near to what was measured on a real pair.
const (
	StartTime    = 3 * time.Second  // of a resource
	StopTime     = 2 * time.Second  // of a resource
	DeadTime     = 20 * time.Second // until a lone first node decides alone (dc-deadtime, H5)
	ElectionTime = 2 * time.Second  // which no dc-deadtime makes shorter
	JoinTime     = 3 * time.Second  // until a node is a member of a running cluster
	DetectTime   = 5 * time.Second  // until a lost node is missed
	FenceTime    = 3 * time.Second  // of a power cycle
	ShutdownTime = 20 * time.Minute // Pacemaker's own limit on leaving
)

// Agent is a resource agent. It acts on the host; an error fails the operation. None may let time pass: how long its
// operations take is told by Times.
type Agent struct {
	// Times is how long a start and a stop of a resource take; StartTime and StopTime when nil, or where it says 0.
	Times func(r pacemaker.Resource) (start, stop time.Duration)
	// Begin is called when a start or a stop begins that is to last so long: a stop may be at work when nothing else shows
	// the resource any more (H27). It may be nil.
	Begin   func(s *simhost.State, h *simhost.Host, r pacemaker.Resource, task string, lasts time.Duration)
	Start   func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error
	Stop    func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error
	Running func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) bool
}

// Options are what a world decides once.
type Options struct {
	// by name, such as ocf:chroma:Target; others start and stop without effect
	Agents map[string]Agent
	Fenced func(s *simhost.State, by string, target *simhost.Host) // called just before a host is power-cycled
	Joined func(s *simhost.State, h *simhost.Host)                 // called when a host has become a member of a cluster
	// whether nodes in standby are fenced all the same, against IML's rule for fence_chroma
	FenceStandby  bool
	HollowFencing bool // the fence agent answers "ok" without cutting the power (H2)
	NoInit        bool // pcs recognises no init system: it starts nothing and exits 0 (H4)
	// PCS is the release of pcs on a host, with the Pacemaker and corosync that go with it; [pcs.V09] everywhere when nil.
	// It is asked again and again, and must always say the same of the same operating system.
	PCS func(h *simhost.Host) pcs.Dialect
	// FeatureSet is the CRM feature set of a host's Pacemaker, such as 3.19.0. Where it is nil no host's differs from another's; else the
	// oldest node decides, and none joins a cluster whose feature set is newer.
	FeatureSet func(h *simhost.Host) string
	Load       float64 // the load average of every host, by which Pacemaker throttles itself (H26); the hosts have two cores
}

// Fence is one power cycle that a cluster ordered.
type Fence struct {
	Time       time.Time `json:"time"`
	Target, By string
	OK         bool
}

// Stack is what the cluster daemons of all hosts know: the layer "pacemaker" of a world.
type Stack struct {
	opts   *Options
	nodes  []*node // in the order of the hosts' names
	orders []fenceOrder
	faulty []ring
	fences []Fence
}

// ring is one corosync ring at one host.
type ring struct {
	host   string
	number int
}

type fenceOrder struct {
	target, by string // names of hosts
	due        time.Time
}

// node is what the daemons of one host know and do.
type node struct {
	host string    // in full
	conf *identity // what corosync runs with; nil when it does not run
	// corosync has had every node of its list in sight since it started, which two_node wants before it gives quorum
	// (wait_for_all)
	met     bool
	up      bool      // pacemaker runs
	broken  bool      // pacemaker was started, but may not use its CIB
	leaving bool      // it is shutting down
	ready   bool      // it is a member of its cluster
	readyAt time.Time // when it will be
	cibAt   time.Time // when its CIB manager can be asked
	pause   time.Time // until when the cluster does not act, because it has just missed a node
	doc     *document
	left    []string // nodes known to be safely down since this node's cluster came up
	active  []active
	probed  []string  // resources of which the cluster knows whether they run here
	failed  []failure // what went wrong here
	records []Record  // what the CIB's status says was done here last, with each resource
	told    throttle  // what the DC knows of its limits
	tellAt  time.Time // when it will know more
	lost    []ghost   // what ran on nodes that were lost and are not fenced yet
	history []Fence
	attrs   []pacemaker.NVPair // transient attributes, by name
	lookAt  time.Time          // when the cluster looks at one that has changed
}

// failure is a resource that did not start on a node: it is not tried there again until it is cleaned up.
type failure struct {
	resource string
	at       time.Time
}

// ghost is what ran on a node when it was lost.
type ghost struct {
	uname     string
	resources []string
}

// hasFailed tells whether a resource failed on a node.
func (n *node) hasFailed(resource string) bool {
	return slices.ContainsFunc(n.failed, func(f failure) bool { return f.resource == resource })
}

// phase is where an operation stands.
type phase uint8

const (
	starting phase = iota + 1
	started
	stopping
)

func (p phase) String() string { return [...]string{"", "Starting", "Started", "Stopping"}[p] }

// active is a resource that is not stopped on a node.
type active struct {
	primitive primitive
	phase     phase
	due       time.Time
}

var _ simhost.Layer = (*Stack)(nil)

// New makes the layer. Add it to a state whose registry went through Install.
func New(opts Options) *Stack { return &Stack{opts: &opts} }

// Of is the layer of a state.
func Of(s *simhost.State) *Stack { return simhost.LayerOf[*Stack](s) }

// Name is "pacemaker".
func (*Stack) Name() string { return "pacemaker" }

// Clone is a deep copy; documents, which never change, are shared.
func (st *Stack) Clone() simhost.Layer {
	c := &Stack{opts: st.opts, orders: slices.Clone(st.orders), faulty: slices.Clone(st.faulty), fences: slices.Clip(st.fences)}
	for _, n := range st.nodes {
		m := *n
		m.left, m.active, m.failed, m.history = slices.Clone(n.left), slices.Clone(n.active), slices.Clone(n.failed), slices.Clip(n.history)
		m.probed, m.lost, m.records = slices.Clone(n.probed), slices.Clone(n.lost), slices.Clone(n.records)
		c.nodes = append(c.nodes, &m)
	}
	return c
}

// Encode writes the state for a hash.
func (st *Stack) Encode(e *simhost.Encoder) {
	e.Int(len(st.nodes))
	for _, n := range st.nodes {
		e.Text(n.host)
		if n.conf != nil {
			e.Text(n.conf.text)
		}
		for _, b := range []bool{n.conf != nil, n.met, n.broken, n.up, n.leaving, n.ready, n.doc != nil} {
			e.Bool(b)
		}
		e.ToGo(n.readyAt)
		e.ToGo(n.cibAt)
		e.ToGo(n.pause)
		if n.doc != nil {
			e.Text(string(n.doc.sum[:]))
		}
		e.Texts(n.left)
		e.Int(int(n.told.load))
		e.Int(n.told.max)
		e.ToGo(n.tellAt)
		e.ToGo(n.lookAt)
		e.Texts(n.probed)
		e.Int(len(n.records))
		for _, r := range n.records {
			e.Texts([]string{r.Resource, r.Agent, r.Operation})
			e.Int(r.Code)
			e.Int(r.Status)
		}
		e.Int(len(n.lost))
		for _, g := range n.lost {
			e.Text(g.uname)
			e.Texts(g.resources)
		}
		e.Int(len(n.failed))
		for _, f := range n.failed {
			e.Text(f.resource)
		}
		e.Int(len(n.active))
		for _, a := range n.active {
			e.Text(a.primitive.id)
			e.Int(int(a.phase))
			e.ToGo(a.due)
		}
		e.Int(len(n.history))
		for _, a := range n.attrs {
			e.Texts([]string{a.Name, a.Value})
		}
	}
	e.Int(len(st.orders))
	for _, o := range st.orders {
		e.Text(o.target)
		e.Text(o.by)
		e.ToGo(o.due)
	}
	e.Int(len(st.faulty))
	for _, r := range st.faulty {
		e.Text(r.host)
		e.Int(r.number)
	}
	e.Int(len(st.fences))
}

// Next is when an operation, a join or a fence is due.
func (st *Stack) Next(*simhost.State) (at time.Time, ok bool) {
	consider := func(t time.Time) {
		if !t.IsZero() && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	for _, n := range st.nodes {
		consider(n.readyAt)
		consider(n.pause)
		consider(n.tellAt)
		consider(n.lookAt)
		for _, a := range n.active {
			consider(a.due)
		}
	}
	for _, o := range st.orders {
		consider(o.due)
	}
	return at, ok
}

// Tick does what is due: operations end, nodes join, fences strike; then the scheduler looks at the result.
func (st *Stack) Tick(s *simhost.State) {
	now := s.Now()
	due := func(t time.Time) bool { return !t.IsZero() && !t.After(now) }
	for _, n := range st.nodes {
		n.looked(now)
		if due(n.pause) {
			n.pause = time.Time{}
		}
		if due(n.tellAt) {
			n.told, n.tellAt = st.throttle(n.doc), time.Time{}
		}
		for i := 0; i < len(n.active); i++ {
			if due(n.active[i].due) && st.finish(s, n, i) {
				i--
			}
		}
		if due(n.readyAt) {
			st.join(s, n)
		}
	}
	for i := 0; i < len(st.orders); i++ {
		if o := st.orders[i]; due(o.due) {
			st.orders = slices.Delete(slices.Clone(st.orders), i, i+1)
			i--
			st.strike(s, o)
		}
	}
	st.schedule(s)
}

// HostEvent follows a host that goes down or is installed.
func (st *Stack) HostEvent(s *simhost.State, h *simhost.Host, e simhost.Event) {
	n := st.node(h.Name)
	switch e {
	case simhost.WentDown:
		st.vanish(s, n)
		n.conf, n.history = nil, nil
	case simhost.Installed:
		*n = node{host: h.Name}
	case simhost.CameUp:
	}
}

// node finds the entry of a host, making it at the first use.
func (st *Stack) node(host string) *node {
	for _, n := range st.nodes {
		if n.host == host {
			return n
		}
	}
	n := &node{host: host}
	st.nodes = append(st.nodes, n)
	slices.SortFunc(st.nodes, func(a, b *node) int {
		if a.host < b.host {
			return -1
		}
		return 1
	})
	return n
}

// Fences are the power cycles ordered so far, by any cluster.
func (st *Stack) Fences() []Fence { return slices.Clone(st.fences) }

// Where are the nodes on which each resource is active in any cluster, hosts in full. Truth for tests; a program sees its own cluster only.
func (st *Stack) Where() map[string][]string {
	out := map[string][]string{}
	for _, n := range st.nodes {
		for _, a := range n.active {
			out[a.primitive.id] = append(out[a.primitive.id], n.host)
		}
	}
	for _, hosts := range out {
		slices.Sort(hosts)
	}
	return maps.Clone(out)
}

// Member tells whether a host is a member of a running cluster.
func (st *Stack) Member(host string) bool { return st.node(host).ready }

// CIB is what the cluster of a host holds; nil when Pacemaker does not run there. It must not be edited.
func (st *Stack) CIB(host string) *pacemaker.CIB {
	if n := st.node(host); n.doc != nil && n.up {
		return n.doc.cib
	}
	return nil
}

// Kill is `kill -9` of a daemon: of corosync or pacemaker-execd it costs the node its place in the cluster, while what
// it runs goes on, until the peer fences it; of pacemakerd or pacemaker-attrd nothing comes (H3).
func (st *Stack) Kill(s *simhost.State, host, daemon string) {
	h := s.Host(host)
	n := st.node(h.Name)
	s.Note(h.Name, "killed %s", daemon)
	if !n.up || daemon != "corosync" && daemon != "pacemaker-execd" {
		return
	}
	st.vanish(s, n)
	h.MarkService(s, "pacemaker", false)
	if daemon == "corosync" {
		n.conf = nil
		h.MarkService(s, "corosync", false)
	}
	st.schedule(s)
}

// CutRing breaks a ring at a host, or mends it. A host without a whole ring is cut off (H18).
func (st *Stack) CutRing(s *simhost.State, host string, number int, cut bool) {
	r := ring{host, number}
	i := slices.Index(st.faulty, r)
	before := st.membership(s)
	switch {
	case cut && i < 0:
		st.faulty = append(slices.Clone(st.faulty), r)
	case !cut && i >= 0:
		st.faulty = slices.Delete(slices.Clone(st.faulty), i, i+1)
	default:
		return
	}
	s.Note(host, "ring %d cut=%v", number, cut)
	st.missed(s, before)
	st.schedule(s)
}
