package placement

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// failKey tells a resource on a node.
type failKey struct {
	node     int
	resource string
}

// failCounts are the fail counts in the nodes' attributes, summed over operations: fail-count-R#start_0 since Pacemaker 1.1.17
// (feature set 3.0.13), fail-count-R before. Each cluster counts its own form only.
func (p *placing) failCounts() map[failKey]pacemaker.Score {
	feature, _ := p.cib.Attribute("crm_feature_set")
	byOperation := compareVersions(feature, "3.0.13") >= 0
	counts := make(map[failKey]pacemaker.Score)
	for at, n := range p.nodes {
		for _, name := range slices.Sorted(maps.Keys(n.attributes)) {
			rest, ok := strings.CutPrefix(name, "fail-count-")
			if !ok {
				continue
			}
			resource, _, found := strings.Cut(rest, "#")
			if found != byOperation {
				continue
			}
			if p.named[resource] == nil {
				resource, _, _ = strings.Cut(resource, ":")
			}
			s, err := pacemaker.ParseScore(n.attributes[name])
			if err != nil {
				p.refuse(featureResourceState, name+" on "+n.name, "%s", n.attributes[name])
			}
			key := failKey{at, resource}
			counts[key] = counts[key].Add(s)
		}
	}
	return counts
}

// compareVersions compares dotted numbers; what is no number is 0, and so is what is missing.
func compareVersions(a, b string) int {
	numbers := func(v string) []int {
		var all []int
		for part := range strings.SplitSeq(v, ".") {
			n, err := strconv.Atoi(part)
			if err != nil {
				n = 0
			}
			all = append(all, n)
		}
		return all
	}
	return slices.Compare(numbers(a), numbers(b))
}

// settle finds out what of the assignment comes true: without quorum nothing may start, and what must start after something that
// does not start stays down, with all that depends on it.
func (p *placing) settle() {
	all := p.primitives()
	for _, r := range all {
		r.runs = r.assigned != nowhere
		if r.runs && p.nodes[r.assigned].unclean && p.options.fencing && p.options.canFence { // only what is not managed is left on such a node
			r.runs, r.why = false, p.nodes[r.assigned].name+" is fenced"
		}
	}
	p.settleQuorum(all)
	p.checkStuck(all)
	for changed := true; changed; {
		changed = false
		for _, o := range p.orders {
			changed = p.settleOrder(o) || changed
		}
		for _, r := range all {
			changed = p.settleColocations(r) || changed
		}
	}
	for _, r := range all {
		if !r.runs && r.why == "" {
			r.why = p.reason(r)
		}
	}
}

// checkStuck refuses what depends on a resource that has failed and is left alone: whether it counts as running differs by the kind of
// dependence.
func (p *placing) checkStuck(all []*placeRes) {
	for _, r := range all {
		if !r.failed || r.managed {
			continue
		}
		ordered := slices.ContainsFunc(p.orders, func(o placeOrder) bool { return o.first.topmost() == r.topmost() })
		if ordered || len(r.others) > 0 {
			p.refuse(featureFailure, r.id, "it failed, is left alone, and others depend on it")
		}
	}
}

func (p *placing) settleQuorum(all []*placeRes) {
	if p.options.quorum || p.options.noQuorum == "ignore" {
		return
	}
	for _, r := range all {
		switch {
		case strings.EqualFold(r.meta["requires"], "nothing") || !r.managed || !r.runs:
		case p.options.noQuorum == "freeze":
			p.refuse(featureQuorum, r.id, "no-quorum-policy=freeze without quorum")
		default:
			r.runs, r.why = false, "the cluster has no quorum"
		}
	}
}

// settleOrder takes down what must start after something that does not run; it says whether anything changed.
func (p *placing) settleOrder(o placeOrder) bool {
	changed := false
	for _, then := range o.then.units() {
		if !then.up() || o.first.readyFor(o, then) {
			continue
		}
		if (o.any || o.min > 0) && !o.first.up() { // then Pacemaker drops the order, or not, by the release
			p.refuse(featureOrderState, o.id, "no instance of %s runs", o.first.id)
		}
		if then.runningAnywhere() && (o.oneWay || o.any || o.min > 0 || !o.first.runningAnywhere() ||
			slices.ContainsFunc(then.primitives(), func(r *placeRes) bool { return !r.managed })) {
			p.refuse(featureOrderState, o.id, "%s runs although %s does not", then.id, o.first.id)
		}
		for _, r := range then.primitives() {
			if r.runs && r.managed {
				r.runs, r.why, changed = false, "order "+o.id+": "+o.first.id+" does not run", true
			}
		}
	}
	return changed
}

// units are what an order treats one by one: the instances of a clone, else the resource.
func (r *placeRes) units() []*placeRes {
	if r.kind == pacemaker.Clone {
		return r.parts
	}
	return []*placeRes{r}
}

// up says whether any primitive of a resource runs; whole whether all do.
func (r *placeRes) up() bool {
	return slices.ContainsFunc(r.primitives(), func(m *placeRes) bool { return m.runs })
}

func (r *placeRes) whole() bool {
	return !slices.ContainsFunc(r.primitives(), func(m *placeRes) bool { return !m.runs })
}

// readyFor says whether a resource has started as far as one that comes after it asks for. A clone has when clone-min
// instances have, or one; without clone-min, for an instance of an interleaved clone only the instance on the same node counts.
func (r *placeRes) readyFor(o placeOrder, unit *placeRes) bool {
	if r.kind != pacemaker.Clone {
		return r.whole()
	}
	ready := 0
	for _, part := range r.parts {
		if part.whole() && (o.any || o.then.kind != pacemaker.Clone || !o.then.interleave || o.min > 0 || part.place() == unit.place()) {
			ready++
		}
	}
	return ready >= max(o.min, 1)
}

// settleColocations takes down what must be with something that does not start after all, and the members of a group after one that
// does not run.
func (p *placing) settleColocations(r *placeRes) bool {
	if !r.runs || !r.managed {
		return false
	}
	for _, c := range r.with {
		if c.score < pacemaker.Infinity || c.primary.up() {
			continue
		}
		if len(r.running) > 0 && !c.primary.runningAnywhere() {
			p.refuse(featureOrderState, c.id, "%s runs although %s does not", r.id, c.primary.id)
		}
		r.runs, r.why = false, "colocation "+c.id+": "+c.primary.id+" does not run"
		return true
	}
	return false
}

// reason says why a resource has no node: what speaks against each.
func (p *placing) reason(r *placeRes) string {
	if len(p.nodes) == 0 {
		return "the cluster has no nodes"
	}
	texts := make([]string, 0, len(p.nodes))
	for at, n := range p.nodes {
		texts = append(texts, n.name+": "+p.against(r, at))
	}
	return strings.Join(texts, "; ")
}

// against is what speaks against a node.
func (p *placing) against(r *placeRes, at int) string {
	if why := p.nodes[at].why(); why != "" {
		return why
	}
	var causes []string
	for _, c := range r.causes {
		if c.node == at && !slices.Contains(causes, c.why) {
			causes = append(causes, c.why)
		}
	}
	switch {
	case len(causes) > 0:
		return strings.Join(causes, ", ")
	case !r.table.in[at]:
		return "no constraint allows it there"
	}
	return "score " + max(r.table.score[at], -pacemaker.Infinity).String()
}
