package evenkeel

import "slices"

// windows checks the windows that a step opens.
func (v *validator) windows(s *Step) {
	for _, w := range s.Opens {
		inv := v.invariants[w.Invariant]
		switch {
		case inv == nil:
			v.add("step %s: window %s suspends invariant %q, which does not exist", s.ID, w.ID, w.Invariant)
		case inv.Absolute:
			v.add("step %s: window %s suspends invariant %s, which may never be suspended", s.ID, w.ID, w.Invariant)
		}
		if w.ID == "" || w.Reason == "" || w.Limit <= 0 {
			v.add("step %s: window %q needs an ID, a reason and a limit", s.ID, w.ID)
		}
		switch w.Stop {
		case StopAtClose:
		case StopBetweenSteps:
			if len(w.Completion) > 0 {
				v.add("step %s: window %s has a completion, and is no outage: a stop leaves it open", s.ID, w.ID)
			}
		default:
			v.add("step %s: window %s does not say when a stop is taken: %s (an outage) or %s (reduced redundancy)", s.ID, w.ID,
				StopAtClose, StopBetweenSteps)
		}
		if _, twice := v.open[w.ID]; twice {
			v.add("step %s: window %s is open already", s.ID, w.ID)
		}
		v.open[w.ID] = s.ID
		v.outages[w.ID] = w.holdsStop()
	}
}

// persons finds manual actions inside an outage, in steps that run at the same time: nobody is waited for while
// something is down. What comes before the first action that changes something is not inside the outage that its step
// opens.
func (v *validator) persons(steps []Step) {
	outage := func(s *Step) string {
		for id := range v.open {
			if v.outages[id] {
				return id
			}
		}
		for i := range steps {
			for _, w := range steps[i].Opens {
				if steps[i].ID != s.ID && w.holdsStop() {
					return w.ID
				}
			}
		}
		return ""
	}
	for i := range steps {
		s := &steps[i]
		id, begun := outage(s), false
		for _, part := range s.parts() {
			for j := range part.actions {
				a := &part.actions[j]
				begun = begun || part.phase != "do" || a.effect() != ReadOnly
				if within := id; a.Manual != "" {
					if k := slices.IndexFunc(s.Opens, Window.holdsStop); within == "" && begun && k >= 0 {
						within = s.Opens[k].ID
					}
					if within != "" {
						v.add("step %s, action %s: waits for the operator inside window %s, an outage: nobody is waited for while something is down",
							s.ID, a.ID, within)
					}
				}
			}
		}
	}
}
