package placement

import (
	"cmp"
	"slices"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// assignClone spreads the instances of a clone: first those that are active stay where they are as far as that keeps them spread
// evenly, then the others get the best nodes that are left.
func (p *placing) assignClone(clone *placeRes) {
	clone.busy = true
	if clone.parts[0].kind == pacemaker.Group && clone.failedAnywhere() {
		p.refuse(featureCloneInstance, clone.id, "a member of a cloned group has failed")
	}
	for _, c := range clone.with {
		p.assign(c.primary, nowhere)
	}
	for _, c := range clone.others {
		p.takeOver(c.dependent, &clone.table, float32(c.score)/float32(pacemaker.Infinity), true, true)
	}
	usable := 0
	for _, n := range p.nodes {
		if n.available() {
			usable++
		}
	}
	perNode := max(1, clone.max/max(1, usable))
	s := cloneSpread{p: p, clone: clone, count: make([]int, len(p.nodes)), all: clone.max < usable}
	slices.SortStableFunc(clone.parts, func(a, b *placeRes) int { return p.instanceOrder(clone, a, b) })
	done := 0
	for _, part := range clone.parts {
		at := part.current()
		if done >= clone.max || at == nowhere || part.placed || part.failedAnywhere() || !p.nodes[at].available() {
			continue
		}
		if clone.table.in[at] && s.count[at] >= perNode {
			continue
		}
		if s.place(part, at) {
			done++
		}
	}
	for _, part := range clone.parts {
		switch {
		case part.placed:
		case done >= clone.max:
			for n := range p.nodes {
				part.addScore(n, -pacemaker.Infinity)
			}
			for _, m := range part.primitives() {
				m.why = "clone-max has been reached"
			}
			p.assign(part, nowhere)
		case s.place(part, nowhere):
			done++
		}
	}
	clone.busy, clone.placed = false, true
}

// cloneSpread is the state of spreading one clone.
type cloneSpread struct {
	p     *placing
	clone *placeRes
	count []int // instances by node
	all   bool  // not every node gets an instance: then finite wishes of others count
}

// place gives an instance a node: prefer, or any when that is nowhere. It says whether it has one.
func (s *cloneSpread) place(part *placeRes, prefer int) bool {
	p := s.p
	s.inheritColocations(part)
	if prefer != nowhere && (!part.table.in[prefer] || part.table.score[prefer] < 0) {
		return false
	}
	for n := range p.nodes {
		switch {
		case !part.table.in[n]:
		case !p.nodes[n].available(), !s.clone.table.in[n], s.clone.table.score[n] < 0, s.count[n] > 0: // one instance a node
			part.addScore(n, -pacemaker.Infinity)
		}
	}
	before := make(map[*placeRes]scoreTable)
	for _, r := range append(part.primitives(), part) {
		before[r] = r.table.clone()
	}
	p.assign(part, prefer)
	at := part.place()
	if at != nowhere && prefer != nowhere && at != prefer {
		if part.kind == pacemaker.Group { // releases of Pacemaker differ in what they do then
			p.refuse(featureCloneInstance, s.clone.id, "an instance of the cloned group would leave %s", p.nodes[prefer].name)
		}
		for r, t := range before {
			r.table = t
		}
		p.unput(part)
		return false
	}
	if at == nowhere {
		return false
	}
	s.count[at]++
	return true
}

// inheritColocations hands the clone's colocations to an instance. Finite wishes of dependents count only when some nodes get none.
func (s *cloneSpread) inheritColocations(part *placeRes) {
	if part.expanded && part.kind == pacemaker.Primitive || part.kind == pacemaker.Group && len(part.with)+len(part.others) > 0 {
		return
	}
	part.expanded = part.kind == pacemaker.Primitive
	part.rankWith(slices.DeleteFunc(slices.Clone(s.clone.with), func(c *placeColocation) bool {
		return !s.all && c.score > 0 && c.score < pacemaker.Infinity
	}))
	part.rankOthers(slices.DeleteFunc(slices.Clone(s.clone.others), func(c *placeColocation) bool { return !s.all && c.score > 0 }))
}

// current is the node where an instance is active, nowhere when it is not. Of a group it is that of the first active member.
func (r *placeRes) current() int {
	for _, m := range r.primitives() {
		if len(m.running) > 0 {
			return m.running[0]
		}
	}
	return nowhere
}

// place is the node that an instance got.
func (r *placeRes) place() int {
	for _, m := range r.primitives() {
		if m.assigned != nowhere {
			return m.assigned
		}
	}
	return nowhere
}

func (r *placeRes) failedAnywhere() bool {
	return slices.ContainsFunc(r.primitives(), func(m *placeRes) bool { return m.failed })
}

// instanceOrder is the order in which instances are placed: those on a node that is no longer allowed last, active ones first, then
// those that the clone's colocations like best where they are.
func (p *placing) instanceOrder(clone, a, b *placeRes) int {
	flag := func(is bool) int {
		if is {
			return 0
		}
		return 1
	}
	na, nb := a.current(), b.current()
	allowed := func(r *placeRes, n int) bool { return n == nowhere || r.table.in[n] && r.table.score[n] >= 0 }
	allowedA, allowedB := allowed(a, na), allowed(b, nb)
	if c := cmp.Compare(flag(allowedA), flag(allowedB)); c != 0 {
		return c
	}
	if !allowedA {
		return 0
	}
	if c := cmp.Compare(b.priority, a.priority); c != 0 || na == nowhere || nb == nowhere {
		return cmp.Or(c, cmp.Compare(flag(na != nowhere), flag(nb != nowhere)))
	}
	return cmp.Or(
		cmp.Compare(flag(p.nodes[na].available()), flag(p.nodes[nb].available())),
		cmp.Compare(flag(clone.table.in[na]), flag(clone.table.in[nb])),
		cmp.Compare(flag(a.failedAnywhere()), flag(b.failedAnywhere())),
		cmp.Compare(p.likedAt(clone, nb), p.likedAt(clone, na)),
		cmp.Compare(a.instance, b.instance),
	)
}

// likedAt is how much the clone's colocations like an instance on a node.
func (p *placing) likedAt(clone *placeRes, n int) pacemaker.Score {
	t := newScoreTable(len(p.nodes))
	t.add(n, 0)
	for _, c := range clone.with {
		p.takeOver(c.primary, &t, float32(c.score)/float32(pacemaker.Infinity), false, false)
	}
	for _, c := range clone.others {
		p.takeOver(c.dependent, &t, float32(c.score)/float32(pacemaker.Infinity), false, true)
	}
	return t.score[n]
}

// applyCloneColocation lets the instances of a clone decide where a primitive goes that depends on it.
func (p *placing) applyCloneColocation(r, clone *placeRes, c *placeColocation) {
	if !clone.placed || r.placed {
		return
	}
	if c.dependent.kind == pacemaker.Clone && c.dependent.interleave {
		if part := p.pair(r, clone); part != nil {
			p.applyColocation(r, part, c)
		} else if c.score >= pacemaker.Infinity {
			r.why = "no instance of " + clone.id + " is where it could go"
			p.put(r, nowhere)
		}
		return
	}
	if c.score < pacemaker.Infinity {
		for _, part := range clone.parts {
			p.applyColocation(r, part, c)
		}
		return
	}
	for n := range p.nodes {
		if !r.table.in[n] || slices.ContainsFunc(clone.parts, func(part *placeRes) bool { return part.place() == n }) {
			continue
		}
		r.table.add(n, -pacemaker.Infinity)
		r.blame(n, c, clone.id+" has no instance there")
	}
}

// pair finds the instance of another clone on the node that an instance likes best.
func (p *placing) pair(r, clone *placeRes) *placeRes {
	var nodes []int
	for n := range p.nodes {
		if r.table.in[n] {
			nodes = append(nodes, n)
		}
	}
	slices.SortStableFunc(nodes, func(a, b int) int {
		if p.better(r.table, a, b, nowhere) {
			return -1
		}
		return 1
	})
	for _, n := range nodes {
		for _, part := range clone.parts {
			if part.place() == n {
				return part
			}
		}
	}
	return nil
}
