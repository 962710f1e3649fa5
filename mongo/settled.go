package mongo

import (
	"fmt"
	"time"
)

// Settled tells whether a reconfiguration has taken effect, so that the next one may be sent: the status is of this set
// and shows a primary; a majority of the voters have the configuration; every member without a vote has copied its data; and no
// member is about to take over from the primary. Where it has not, why says what is awaited. The status should come from the primary.
func Settled(c Config, s Status) (ok bool, why string) {
	why, _ = settled(c, c, s, func(m Member) bool { return m.Votes == 0 })
	return why == "", why
}

// SettledStep is Settled for one step: of the members without a vote only those have to hold their data that the step has added.
// Another one that has been down for long is not this step's affair.
// Takeover is how long a takeover takes at most, where only that is awaited.
func SettledStep(from, to Config, s Status) (why string, takeover time.Duration) {
	return settled(to, to, s, func(m Member) bool {
		_, was := from.Member(m.Host)
		return m.Votes == 0 && !was
	})
}

// Ready tells whether the step from one configuration to the next may be sent: what came before it is settled, and whoever gets a
// vote by it holds the data. A takeover that the step itself calls off is not awaited. Why is empty when it may be sent.
func Ready(from, to Config, s Status) (why string, takeover time.Duration) {
	if ok, why := Quorum(to, s); !ok {
		return why, 0
	}
	why, takeover = settled(from, to, s, func(m Member) bool {
		next, _ := to.Member(m.Host)
		return m.Votes == 0 && next.Votes > 0
	})
	primary, _ := s.Primary()
	if m, _ := to.Member(primary.Name); !m.Electable() { // a server refuses that on its primary: another one must have taken over
		takeover = 0
	}
	return why, takeover
}

// settled says what is awaited, "" for nothing, with those members named that have to hold their data. A member is
// about to take over when it outranks the primary, and does so in a second configuration as well. When only a
// takeover is awaited, it says how long one takes at most; a member that is frozen, or behind, does not come.
func settled(c, after Config, s Status, copied func(Member) bool) (why string, takeover time.Duration) {
	if s.Set != c.ID {
		return fmt.Sprintf("the status is of the set %q, not of %q", s.Set, c.ID), 0
	}
	primary, ok := s.Primary()
	if !ok {
		return "there is no primary", 0
	}
	have, top := 0, primary
	now, ok := c.Member(primary.Name)
	if !ok {
		return fmt.Sprintf("the primary %s is no member of version %d", primary.Name, c.Version), 0
	}
	lead, _ := after.Member(primary.Name)
	priority := lead.Priority
	for _, m := range c.Members {
		st, _ := s.Member(m.Host) // one that the status does not have is not healthy
		if st.Healthy() && st.ConfigVersion >= c.Version {
			have += m.Votes
		}
		if copied(m) && !m.ArbiterOnly && (!st.Healthy() || !st.State.HoldsData()) {
			return fmt.Sprintf("%s is not SECONDARY yet", m.Host), 0
		}
		n, _ := after.Member(m.Host)
		if st.Healthy() && st.State == StateSecondary && m.Priority > now.Priority && n.Priority > priority {
			top, priority = st, n.Priority
		}
	}
	if have < c.Majority() {
		return fmt.Sprintf("version %d is on members with %d votes, and %d are needed", c.Version, have, c.Majority()), 0
	}
	if top.Name == primary.Name {
		return "", 0
	}
	rank := 2 // election timeouts: one for itself, one for chance and catching up, and one for each that comes before it
	for _, m := range after.Members {
		if m.Priority > priority {
			rank++
		}
	}
	return fmt.Sprintf("%s has a higher priority than the primary %s and is about to take over", top.Name, primary.Name),
		time.Duration(rank) * after.electionTimeout()
}

// Quorum tells whether the members that are up are a majority of the next configuration: without it the primary would
// step down. Servers ask their members too, and refuse (code 74). Of a new member nothing is known here.
func Quorum(to Config, s Status) (ok bool, why string) {
	up := to.Voters()
	for _, m := range to.Members {
		if st, known := s.Member(m.Host); known && !st.Healthy() {
			up -= m.Votes
		}
	}
	if up < to.Majority() {
		return false, fmt.Sprintf("members with %d votes of version %d are up, and it needs %d for a primary",
			up, to.Version, to.Majority())
	}
	return true, ""
}
