package pacemakertest

import (
	"cmp"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// schedule lets every cluster do what its configuration asks for now.
func (st *Stack) schedule(s *simhost.State) {
	st.meet(s)
	var done []*node
	for _, n := range st.nodes {
		if !n.ready || slices.Contains(done, n) {
			continue
		}
		members := st.members(s, n)
		done = append(done, members...)
		if slices.ContainsFunc(members, func(m *node) bool { return m.pause.After(s.Now()) }) {
			continue
		}
		st.act(s, members)
	}
}

// act is one look of a cluster's DC at the world.
func (st *Stack) act(s *simhost.State, members []*node) {
	st.stamp(s, members[0])
	doc := members[0].doc
	for _, n := range members {
		st.probe(s, n)
	}
	mayAct := st.quorate(s, members[0]) || doc.property("no-quorum-policy") == "ignore"
	blocked := st.fenceUnclean(s, members, mayAct) || !mayAct
	if doc.flag("maintenance-mode", false) {
		return
	}
	for _, n := range members { // what is no longer configured is stopped
		for i := range n.active {
			if _, known := doc.primitive(n.active[i].primitive.id); !known {
				st.stop(s, n, i)
			}
		}
	}
	for _, p := range doc.primitives {
		switch {
		case !p.managed:
		case p.unit.kind == pacemaker.Clone:
			st.spread(s, members, p, blocked)
		default:
			st.settle(s, members, p, blocked)
		}
	}
}

// settle moves one resource towards where it should be, one operation at a time: a start waits until it is stopped everywhere else.
func (st *Stack) settle(s *simhost.State, members []*node, p primitive, blocked bool) {
	want := st.place(s, members, p, true)
	running := 0
	for _, n := range members {
		if n.runs(p.id) {
			running++
		}
	}
	elsewhere, there := false, false
	for _, n := range members {
		for i := range n.active {
			switch {
			case n.active[i].primitive.id != p.id:
			case n == want && running == 1:
				there = true
			default: // what runs twice is stopped everywhere first (multiple-active=stop_start)
				elsewhere = true
				st.stop(s, n, i)
			}
		}
	}
	if want == nil || elsewhere || there || blocked || want.busy() || !want.follows(p) {
		return
	}
	st.start(s, want, p)
}

// start begins to start a resource on a node.
func (st *Stack) start(s *simhost.State, want *node, p primitive) {
	start, _ := st.times(p)
	want.active = append(slices.Clip(want.active), active{primitive: p, phase: starting, due: s.Now().Add(start)})
	st.begin(s, want, p, "start", start)
}

// begin tells the agent of an operation, and records it.
func (st *Stack) begin(s *simhost.State, n *node, p primitive, task string, lasts time.Duration) {
	n.record(s, Record{Resource: p.id, Operation: task, Code: pendingCode, Status: -1})
	if f := st.opts.Agents[p.agent].Begin; f != nil {
		f(s, s.Host(n.host), p.definition, task, lasts)
	}
}

// runs tells whether a resource is not stopped on a node.
func (n *node) runs(resource string) bool {
	return slices.ContainsFunc(n.active, func(a active) bool { return a.primitive.id == resource })
}

// probe looks whether the resources that the cluster knows nothing of yet run on a node already. It does so in maintenance as well.
func (st *Stack) probe(s *simhost.State, n *node) {
	for _, p := range n.doc.primitives {
		if slices.Contains(n.probed, p.id) {
			continue
		}
		n.probed = append(slices.Clip(n.probed), p.id)
		found := Record{Resource: p.id, Operation: "monitor", Code: 7}
		if a := st.opts.Agents[p.agent]; a.Running != nil && !n.runs(p.id) && a.Running(s, s.Host(n.host), p.definition) {
			n.active = append(slices.Clip(n.active), active{primitive: p, phase: started})
			s.Note(n.host, "resource %s runs already", p.id)
		}
		if n.runs(p.id) {
			found.Code = 0
		}
		n.record(s, found)
	}
	n.probed = slices.DeleteFunc(slices.Clone(n.probed), func(id string) bool { _, known := n.doc.primitive(id); return !known })
}

// times is how long the operations of a resource take.
func (st *Stack) times(p primitive) (start, stop time.Duration) {
	if f := st.opts.Agents[p.agent].Times; f != nil {
		start, stop = f(p.definition)
	}
	return cmp.Or(start, StartTime), cmp.Or(stop, StopTime)
}

// place is the node where a resource belongs; nil where it must not run or cannot. sticky says whether what runs prefers
// to stay where it is.
func (st *Stack) place(s *simhost.State, members []*node, p primitive, sticky bool) *node {
	doc := members[0].doc
	if doc.barred(p) {
		return nil
	}
	var (
		best  *node
		score pacemaker.Score
	)
	for _, n := range members {
		v, takes := st.takes(s, n, p)
		for _, m := range doc.members(p.unit) {
			if sticky && n.runs(m.id) {
				v = v.Add(m.stickiness)
			}
		}
		if takes && v > -pacemaker.Infinity && (best == nil || v > score) {
			best, score = n, v
		}
	}
	return best
}

// stop begins to stop a resource that is started; one that is starting ends that first.
func (st *Stack) stop(s *simhost.State, n *node, i int) {
	if a := &n.active[i]; a.phase == started && !n.busy() && n.last(a.primitive) {
		_, stop := st.times(a.primitive)
		a.phase, a.due = stopping, s.Now().Add(stop)
		st.begin(s, n, a.primitive, "stop", stop)
	}
}

// cores is the size of every simulated host.
const cores = 2

// finish ends an operation; it tells whether the entry is gone.
func (st *Stack) finish(s *simhost.State, n *node, i int) (gone bool) {
	a, h := &n.active[i], s.Host(n.host)
	agent := st.opts.Agents[a.primitive.agent]
	a.due = time.Time{}
	id, r := a.primitive.id, a.primitive.definition
	switch a.phase {
	case starting:
		if agent.Start != nil {
			if err := agent.Start(s, h, r); err != nil {
				s.Note(n.host, "resource %s failed to start: %v", id, err)
				n.failed = append(slices.Clip(n.failed), failure{id, s.Now()})
				n.active = slices.Delete(n.active, i, i+1)
				n.record(s, Record{Resource: id, Operation: "start", Code: 1, Status: 4})
				return true
			}
		}
		a.phase = started
		n.record(s, Record{Resource: id, Operation: "start"})
		s.Note(n.host, "resource %s started", id)
	case stopping:
		if agent.Stop != nil {
			if err := agent.Stop(s, h, r); err != nil {
				s.Note(n.host, "resource %s failed to stop: %v", id, err)
				n.record(s, Record{Resource: id, Operation: "stop", Code: 1, Status: 4})
				a.phase = started
				return false
			}
		}
		n.active = slices.Delete(n.active, i, i+1)
		n.record(s, Record{Resource: id, Operation: "stop"})
		s.Note(n.host, "resource %s stopped", id)
		return true
	case started:
	}
	return false
}

// settled tells whether a cluster has nothing under way.
func (st *Stack) settled(s *simhost.State, n *node) bool {
	for _, m := range st.members(s, n) {
		if m.pause.After(s.Now()) || slices.ContainsFunc(m.active, func(a active) bool { return a.phase != started }) {
			return false
		}
		if slices.ContainsFunc(st.orders, func(o fenceOrder) bool { return o.by == m.host }) {
			return false
		}
	}
	return true
}
