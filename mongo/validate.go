package mongo

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The limits of every server version.
const (
	MaxMembers  = 50
	MaxVoters   = 7
	MaxPriority = 1000
)

// Validate applies the servers' rules for a single configuration and gives every breach at once, nil when it is legal.
// An arbiter's priority of 1, as servers before 3.6 printed it, is taken for 0 (MON-008).
func Validate(c Config) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.ID == "" {
		bad("the set has no name")
	}
	if n := len(c.Members); n == 0 || n > MaxMembers {
		bad("a set has 1 to %d members, not %d", MaxMembers, n)
	}
	ids, hosts := map[int]string{}, map[string]bool{}
	electable, local := 0, 0
	for _, m := range c.Members {
		m = m.normal()
		if other, ok := ids[m.ID]; ok {
			bad("%s and %s have the same _id %d", other, m.Host, m.ID)
		}
		if hosts[hostKey(m.Host)] {
			bad("%s is a member twice", m.Host)
		}
		ids[m.ID], hosts[hostKey(m.Host)] = m.Host, true
		errs = append(errs, m.validate()...)
		if m.Electable() {
			electable++
		}
		if isLocal(m.Host) {
			local++
		}
	}
	if n := c.Voters(); n > MaxVoters {
		bad("%d members vote, at most %d may", n, MaxVoters)
	}
	if electable == 0 {
		bad("no member can be elected: every one is an arbiter, has priority 0 or no vote")
	}
	if local > 0 && local < len(c.Members) {
		bad("either all hosts are localhost or none is")
	}
	for _, m := range c.Members {
		if m.horizons() != c.Members[0].horizons() {
			bad("%s names other horizons (%s) than %s (%s)", m.Host, m.horizons(), c.Members[0].Host, c.Members[0].horizons())
		}
	}
	return errors.Join(errs...)
}

// horizons are the names of the member's horizons, in order.
func (m Member) horizons() string {
	d, _ := m.Extra[horizons].DocumentOK()
	elements, err := d.Elements()
	if err != nil {
		return "none"
	}
	names := []string{}
	for _, e := range elements {
		names = append(names, e.Key())
	}
	slices.Sort(names)
	return list(names, "none")
}

func (m Member) validate() []error {
	var errs []error
	bad := func(when bool, format string, args ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(m.Host == "" || strings.ContainsAny(m.Host, " \t\n"), "member %d: %q is not a host", m.ID, m.Host)
	bad(m.ID < 0 || m.ID > 255, "%s: _id %d is not in 0 to 255", m.Host, m.ID)
	bad(m.Votes != 0 && m.Votes != 1, "%s: votes must be 0 or 1, not %d", m.Host, m.Votes)
	bad(!(m.Priority >= 0 && m.Priority <= MaxPriority), "%s: priority %v is not in 0 to %d", m.Host, m.Priority, MaxPriority)
	bad(m.ArbiterOnly && m.Priority != 0, "%s: an arbiter must have priority 0", m.Host)
	bad(m.ArbiterOnly && m.Votes == 0, "%s: an arbiter must vote", m.Host)
	bad(!m.ArbiterOnly && m.Votes == 0 && m.Priority > 0, "%s: without a vote the priority must be 0", m.Host)
	bad(m.Hidden && m.Priority > 0, "%s: a hidden member must have priority 0", m.Host)
	bad(m.DelaySecs() > 0 && m.Priority > 0, "%s: a delayed member must have priority 0", m.Host)
	bad(!m.buildsIndexes() && m.Priority > 0, "%s: a member that builds no indexes must have priority 0", m.Host)
	return errs
}

func isLocal(host string) bool {
	name, _, _ := strings.Cut(host, ":")
	return name == "localhost" || name == "127.0.0.1" || strings.HasPrefix(host, "[::1]") || host == "::1"
}
