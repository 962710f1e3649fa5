package mongo

import "fmt"

// Settled tells whether a reconfiguration has taken effect, so that the next one may be sent: the status is of this set
// and shows a primary; a majority of the voters have the configuration; every member without a vote has copied its data; and no
// member is about to take over from the primary. Where it has not, why says what is awaited. The status should come from the primary.
func Settled(c Config, s Status) (ok bool, why string) {
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
		if m.Votes == 0 && !m.ArbiterOnly && (!known || !st.Healthy() || !st.State.HoldsData()) {
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
