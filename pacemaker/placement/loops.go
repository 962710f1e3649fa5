package placement

import "slices"

// arrow is one step from a resource to another, by a constraint.
type arrow struct {
	to *placeRes
	by string
}

// checkLoops refuses constraints that go in a circle: what comes of them depends on where Pacemaker happens to begin. A constraint on
// a part counts for the whole: members of a group are colocated and ordered anyway.
func (p *placing) checkLoops() {
	orders := make(map[*placeRes][]arrow)
	for _, o := range p.orders {
		addArrow(orders, o.first, o.then, o.id)
		if slices.Contains(p.optional, [2]string{o.first.id, o.then.id}) {
			p.refuse(featureOrderLoop, o.id, "an optional order of the same two weakens it in some releases")
		}
	}
	p.findLoop(orders, featureOrderLoop)
	colocations := make(map[*placeRes][]arrow)
	for _, r := range p.everything() {
		for _, c := range r.with {
			addArrow(colocations, c.dependent, c.primary, c.id)
		}
	}
	p.findLoop(colocations, featureColocationLoop)
}

func addArrow(arrows map[*placeRes][]arrow, from, to *placeRes, by string) {
	if a, b := from.topmost(), to.topmost(); a != b {
		arrows[a] = append(arrows[a], arrow{b, by})
	}
}

func (p *placing) findLoop(arrows map[*placeRes][]arrow, f string) {
	const visiting, done = 1, 2
	state := make(map[*placeRes]int)
	var visit func(r *placeRes)
	visit = func(r *placeRes) {
		state[r] = visiting
		for _, a := range arrows[r] {
			switch state[a.to] {
			case visiting:
				p.refuse(f, a.by, "")
			case 0:
				visit(a.to)
			}
		}
		state[r] = done
	}
	for _, r := range p.tops {
		visit(r)
	}
}
