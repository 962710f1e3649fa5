package placement

import (
	"fmt"
	"slices"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// spoiled marks a node that lost its preference to a dependent's dislike while scores were being added up; it is below every score.
const spoiled = -100 * pacemaker.Infinity

// applyState adds what the present state says to the scores: stickiness, and fail counts beyond migration-threshold.
func (p *placing) applyState() {
	counts := p.failCounts()
	for _, r := range p.primitives() {
		if r.managed && r.stickiness > 0 && len(r.running) == 1 && (p.options.symmetric || r.table.in[r.running[0]]) {
			r.table.add(r.running[0], r.stickiness)
		}
	}
	for _, r := range p.primitives() {
		if r.threshold == 0 {
			continue
		}
		for at, n := range p.nodes {
			count := counts[failKey{at, r.id}]
			if count <= 0 || count < r.threshold {
				continue
			}
			switch v := p.verdicts[failKey{at, r.id}]; {
			case r.expires():
				p.refuse(featureFailureExpiry, r.id, "fail count %s on %s", count, n.name)
			case v.unsure != "":
				p.refuse(featureFailureExpiry, r.id, "fail count %s on %s is cleared if the parameters have changed: %s", count, n.name, v.unsure)
			case v.cleared:
				continue
			}
			r.anonymousTop().deny(at, fmt.Sprintf("fail count %s reaches migration-threshold %s", count, r.threshold))
		}
	}
}

// everything is every resource of any kind.
func (p *placing) everything() []*placeRes {
	var all []*placeRes
	var visit func(rs []*placeRes)
	visit = func(rs []*placeRes) {
		for _, r := range rs {
			all = append(all, r)
			visit(r.parts)
		}
	}
	visit(p.tops)
	return all
}

// assign gives a resource its node, the resources that it depends on first. prefer is the node to take among equals, or nowhere.
func (p *placing) assign(r *placeRes, prefer int) {
	if r.placed || r.busy {
		return
	}
	switch r.kind {
	case pacemaker.Group:
		r.busy = true
		r.expandGroup()
		for _, m := range r.parts {
			p.assign(m, prefer)
		}
		r.busy, r.placed = false, true
	case pacemaker.Clone:
		p.assignClone(r)
	default:
		p.assignPrimitive(r, prefer)
	}
}

// expandGroup hands a group's colocations to its members: the group with others means its first member, others with the group mean
// its last.
func (r *placeRes) expandGroup() {
	if r.expanded {
		return
	}
	r.expanded = true
	first, last := r.parts[0], r.parts[len(r.parts)-1]
	first.rankWith(r.with)
	unmanaged := !first.managed
	for _, m := range r.parts[1:] {
		if unmanaged { // then the members do not pull each other along
			m.rankWith(slices.DeleteFunc(slices.Clone(r.with), func(c *placeColocation) bool { return c.score < pacemaker.Infinity }))
		}
		unmanaged = unmanaged || !m.managed
	}
	last.rankOthers(r.others)
	r.with, r.others = nil, nil
}

func (p *placing) assignPrimitive(r *placeRes, prefer int) {
	if r.parent != nil && !r.parent.busy {
		p.assign(r.parent, prefer)
	}
	if r.placed || r.busy {
		return
	}
	r.busy = true
	defer func() { r.busy = false }()
	for _, c := range r.with {
		p.followPrimary(r, c)
	}
	for _, c := range r.others {
		p.takeOver(c.dependent, &r.table, float32(c.score)/float32(pacemaker.Infinity), true, false)
	}
	if r.stopped {
		for n := range p.nodes {
			r.table.add(n, -pacemaker.Infinity)
		}
		r.why = "target-role is Stopped"
	}
	switch {
	case p.options.fencing && !p.options.canFence:
		r.managed = false
		r.why = "fencing is enabled and there is no fence device: Pacemaker starts nothing"
		p.stay(r)
	case !r.managed:
		if len(r.running) == 0 {
			r.why = "it is not managed"
		}
		p.stay(r)
	case p.options.stopAll:
		r.why = "stop-all-resources is set"
		p.put(r, nowhere)
	default:
		p.put(r, p.best(r, prefer))
	}
}

// stay leaves a resource where it is.
func (p *placing) stay(r *placeRes) {
	at := nowhere
	if len(r.running) > 0 {
		at = r.running[0]
	}
	if len(r.running) > 1 {
		p.refuse(featureMultipleActive, r.id, "and not managed")
	}
	p.put(r, at)
}

func (p *placing) put(r *placeRes, at int) {
	r.placed, r.assigned = true, at
	if at != nowhere {
		p.nodes[at].resources++
	}
}

// unput takes an assignment back.
func (p *placing) unput(r *placeRes) {
	for _, m := range r.primitives() {
		if m.assigned != nowhere {
			p.nodes[m.assigned].resources--
		}
		m.placed, m.assigned = false, nowhere
	}
	r.placed = false
}

// better says whether a resource that is active on the node active would rather have node a than node b: by score, then fewer
// resources, then where it is, then by name.
func (p *placing) better(t scoreTable, a, b, active int) bool {
	worth := func(n int) pacemaker.Score {
		if !p.nodes[n].available() {
			return -pacemaker.Infinity
		}
		return t.score[n]
	}
	switch wa, wb := worth(a), worth(b); {
	case wa != wb:
		return wa > wb
	case p.nodes[a].resources != p.nodes[b].resources:
		return p.nodes[a].resources < p.nodes[b].resources
	case a == active || b == active:
		return a == active
	}
	return a < b
}

// best is the node that a resource takes, or nowhere.
func (p *placing) best(r *placeRes, prefer int) int {
	active := nowhere
	if len(r.running) > 0 {
		active = r.running[0]
	}
	best := nowhere
	for n := range p.nodes {
		if r.table.in[n] && (best == nowhere || p.better(r.table, n, best, active)) {
			best = n
		}
	}
	if best == nowhere {
		return nowhere
	}
	chosen := best
	score := r.table.score[best]
	switch {
	case prefer != nowhere && r.table.in[prefer] && r.table.score[prefer] >= score && p.usable(r.table, prefer):
		chosen = prefer
	case score > 0 && p.nodes[best].available() && active != nowhere && p.nodes[active].available() &&
		r.table.in[active] && r.table.score[active] == score:
		chosen = active
	}
	if !p.usable(r.table, chosen) {
		return nowhere
	}
	return chosen
}

func (p *placing) usable(t scoreTable, n int) bool {
	return t.in[n] && t.score[n] >= 0 && p.nodes[n].available()
}

func (p *placing) anyUsable(t scoreTable) bool {
	for n := range p.nodes {
		if p.usable(t, n) {
			return true
		}
	}
	return false
}

// followPrimary places what a resource depends on, and lets that decide.
func (p *placing) followPrimary(r *placeRes, c *placeColocation) {
	var before scoreTable
	if c.score < 0 && c.score > -pacemaker.Infinity {
		before = r.table.clone()
	}
	p.assign(c.primary, nowhere)
	p.applyColocation(r, c.primary, c)
	if before.score != nil && !p.anyUsable(r.table) {
		r.table = before
	}
}

// applyColocation lets the place of a primary change the scores of a primitive that depends on it.
func (p *placing) applyColocation(r, primary *placeRes, c *placeColocation) {
	switch primary.kind {
	case pacemaker.Group:
		if !primary.placed {
			return
		}
		member := primary.parts[0]
		if c.score >= pacemaker.Infinity { // the whole group must be up
			member = primary.parts[len(primary.parts)-1]
		}
		p.applyColocation(r, member, c)
	case pacemaker.Clone:
		p.applyCloneColocation(r, primary, c)
	default:
		if primary.placed && !r.placed {
			p.applyPlace(r, primary, c)
		}
	}
}

// applyPlace does that for one primitive with another.
func (p *placing) applyPlace(r, primary *placeRes, c *placeColocation) {
	at := primary.assigned
	if at == nowhere && c.score < 0 {
		return
	}
	work := r.table.clone()
	for n := range p.nodes {
		if !work.in[n] {
			continue
		}
		switch {
		case at == nowhere:
			work.add(n, -c.score)
			r.blame(n, c, primary.id+" runs nowhere")
		case n == at && c.score < pacemaker.Infinity:
			work.add(n, c.score)
			if c.score < 0 {
				r.blame(n, c, primary.id+" runs there")
			}
		case n != at && c.score >= pacemaker.Infinity:
			work.add(n, -pacemaker.Infinity)
			r.blame(n, c, primary.id+" runs on "+p.nodes[at].name)
		}
	}
	if c.score >= pacemaker.Infinity || c.score <= -pacemaker.Infinity || p.anyUsable(work) {
		r.table = work
	}
}

func (r *placeRes) blame(node int, c *placeColocation, why string) {
	r.causes = append(r.causes, placeCause{node, fmt.Sprintf("colocation %s (%s): %s", c.id, c.score, why)})
}

// takeOver adds the wishes of a resource's dependents to scores, each in proportion to its colocation, and theirs in turn.
// Wishes that would leave no node at all are dropped. With onlyGood, as for clones, wishes may not rule a node out.
func (p *placing) takeOver(r *placeRes, scores *scoreTable, factor float32, dropping, onlyGood bool) {
	if r.merging {
		return
	}
	r.merging = true
	defer func() { r.merging = false }()
	work := scores.clone()
	dependents := r.others
	if r.kind == pacemaker.Group {
		p.takeOver(r.parts[0], &work, factor, dropping, onlyGood)
		dependents = r.parts[len(r.parts)-1].others
	} else {
		p.addWishes(work, r.table, factor, onlyGood)
	}
	switch {
	case p.anyUsable(work):
		sign := float32(1)
		if factor < 0 {
			sign = -1
		}
		for _, c := range dependents {
			p.takeOver(c.dependent, &work, sign*float32(c.score)/float32(pacemaker.Infinity), true, onlyGood)
		}
	case dropping:
		return
	}
	if onlyGood {
		for n, s := range work.score {
			if s == spoiled {
				work.score[n] = 1
			}
		}
	}
	*scores = work
}

// addWishes adds one resource's scores, scaled.
func (p *placing) addWishes(work, wishes scoreTable, factor float32, onlyGood bool) {
	for n := range p.nodes {
		if !work.in[n] {
			continue
		}
		score := -pacemaker.Infinity
		if wishes.in[n] && p.nodes[n].available() {
			score = max(wishes.score[n], -pacemaker.Infinity)
		}
		if factor < 0 && score < 0 || work.score[n] == spoiled {
			continue
		}
		sum := work.score[n].Add(scaled(score, factor))
		switch {
		case onlyGood && sum < 0 && work.score[n] > 0:
			work.score[n] = spoiled
		case onlyGood && sum < 0 && work.score[n] == 0:
		default:
			work.score[n] = sum
		}
	}
}

// scaled is a score times a factor, rounded, and never rounded away.
func scaled(s pacemaker.Score, factor float32) pacemaker.Score {
	product := factor * float32(s)
	half := 0.5
	if product < 0 {
		half = -0.5
	}
	result := pacemaker.Score(float64(product) + half)
	switch {
	case result != 0 || s == 0:
	case factor > 0:
		return 1
	case factor < 0:
		return -1
	}
	return result
}

// runningAnywhere says whether any primitive of a resource is active.
func (r *placeRes) runningAnywhere() bool {
	return slices.ContainsFunc(r.primitives(), func(m *placeRes) bool { return len(m.running) > 0 })
}
