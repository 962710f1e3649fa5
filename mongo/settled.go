package mongo

import "fmt"

// Settled tells whether a reconfiguration has taken effect, so that the next one may be sent: the status is of this set
// and shows a primary; a majority of the voters have the configuration; every member without a vote has copied its data; and no
// member is about to take over from the primary. Where it has not, why says what is awaited. The status should come from the primary.
func Settled(c Config, s Status) (ok bool, why string) {
	return settled(c, s, func(m Member) bool { return m.Votes == 0 })
}

// settledStep is Settled for one step: of the members without a vote only those have to hold their data that the step has added.
// Another one that has been down for long is not this step's affair.
func settledStep(from, to Config, s Status) (ok bool, why string) {
	return settled(to, s, func(m Member) bool {
		_, was := from.Member(m.Host)
		return m.Votes == 0 && !was
	})
}

// ready tells whether the step from one configuration to the next may be sent: what came before it is settled, and whoever gets a
// vote by it holds the data.
func ready(from, to Config, s Status) (ok bool, why string) {
	if ok, why := quorum(to, s); !ok {
		return false, why
	}
	return settled(from, s, func(m Member) bool {
		next, stays := to.Member(m.Host)
		return stays && m.Votes == 0 && next.Votes > 0
	})
}

// settled is Settled with those members named that have to hold their data.
func settled(c Config, s Status, copied func(Member) bool) (ok bool, why string) {
	if s.Set != c.ID {
		return false, fmt.Sprintf("the status is of the set %q, not of %q", s.Set, c.ID)
	}
	primary, ok := s.Primary()
	if !ok {
		return false, "there is no primary"
	}
	have, top := 0, primary
	lead, ok := c.Member(primary.Name)
	if !ok {
		return false, fmt.Sprintf("the primary %s is no member of version %d", primary.Name, c.Version)
	}
	priority := lead.Priority
	for _, m := range c.Members {
		st, known := s.Member(m.Host)
		if known && st.Healthy() && st.ConfigVersion >= c.Version {
			have += m.Votes
		}
		if copied(m) && !m.ArbiterOnly && (!known || !st.Healthy() || !st.State.HoldsData()) {
			return false, fmt.Sprintf("%s is not SECONDARY yet", m.Host)
		}
		if known && st.Healthy() && st.State == StateSecondary && m.Priority > priority {
			top, priority = st, m.Priority
		}
	}
	if have < c.Majority() {
		return false, fmt.Sprintf("version %d is on members with %d votes, and %d are needed", c.Version, have, c.Majority())
	}
	if top.Name != primary.Name {
		return false, fmt.Sprintf("%s has a higher priority than the primary %s and is about to take over", top.Name, primary.Name)
	}
	return true, ""
}

// quorum tells whether the members that are up are a majority of the next configuration: without it the primary would
// step down. Servers ask their members too, and refuse (code 74). Of a new member nothing is known here.
func quorum(to Config, s Status) (ok bool, why string) {
	up := to.Voters()
	for _, m := range to.Members {
		if st, known := s.Member(m.Host); known && !st.Healthy() {
			up -= m.Votes
		}
	}
	if up < to.Majority() {
		return false, fmt.Sprintf("members with %d votes of version %d are up, and it needs %d for a primary", up, to.Version, to.Majority())
	}
	return true, ""
}
