package evenkeel

import "slices"

// Absence is a part of the system that is away from the beginning of one step to the end of another, and then has to
// catch up with what it missed: the members of a replica set while their half is replaced. It is for the plan of a
// maintenance window alone, so that no digest holds it.
type Absence struct {
	What  string `json:"what"`          // "the members of set 1"
	From  string `json:"from"`          // the ID of the step with which it begins
	Until string `json:"until"`         // and of the one with which it ends
	Ref   string `json:"ref,omitempty"` // where the guide says so

	Stopped bool `json:"stopped,omitempty"` // it is stopped, and has nothing to catch up with: no oplog is compared with it
}

// absences checks that each absence begins and ends, in this order.
func (v *validator) absences() {
	at := func(id string) int { return slices.IndexFunc(v.rb.Steps, func(s Step) bool { return s.ID == id }) }
	for _, a := range v.rb.Absences {
		from, until := at(a.From), at(a.Until)
		switch {
		case a.What == "":
			v.add("absence from step %s to step %s: does not say what is away", a.From, a.Until)
		case from < 0 || until < 0:
			v.add("absence of %s: is from step %q to step %q, and the runbook does not have both", a.What, a.From, a.Until)
		case from > until:
			v.add("absence of %s: ends with step %s, before step %s begins it", a.What, a.Until, a.From)
		}
	}
}
