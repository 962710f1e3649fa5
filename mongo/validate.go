package mongo

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/mongo/internal/document"
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
		if hosts[HostKey(m.Host)] {
			bad("%s is a member twice", m.Host)
		}
		ids[m.ID], hosts[HostKey(m.Host)] = m.Host, true
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
	if v, ok := c.Extra["protocolVersion"]; ok {
		if n, ok := document.Number(v); !ok || n != 0 && n != 1 { // 0 is gone in 4.0
			bad("protocolVersion %v is neither 1 nor 0", v)
		}
	}
	settings, _ := c.Extra["settings"].DocumentOK()
	for name, least := range leastSettings {
		if v, err := settings.LookupErr(name); err == nil {
			if n, ok := document.Number(v); !ok || !(n >= least && n <= math.MaxInt32) {
				bad("the setting %s must be a number from %v on, not %v", name, least, v)
			}
		}
	}
	return errors.Join(errs...)
}

// leastSettings are the numbers among the settings, each with its least value.
var leastSettings = map[string]float64{
	"heartbeatIntervalMillis": 1, "heartbeatTimeoutSecs": 1, "electionTimeoutMillis": 1,
	"catchUpTimeoutMillis": -1, "catchUpTakeoverDelayMillis": -1,
}

// MaxDelay is the longest delay of a member.
const MaxDelay = 366 * 24 * time.Hour

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
	host, port, portOK := splitHost(m.Host)
	tags, _ := m.Extra["tags"].DocumentOK()
	delay := time.Duration(m.DelaySecs()) * time.Second
	bad(host == "" || strings.ContainsAny(m.Host, " \t\n"), "member %d: %q is not a host", m.ID, m.Host)
	bad(!portOK, "%s: %q is no port from 1 to %d", m.Host, port, math.MaxUint16)
	bad(m.ArbiterOnly && len(tags) > document.Shortest, "%s: an arbiter must have no tags", m.Host)
	bad(delay < 0 || delay > MaxDelay, "%s: the delay %v is not in 0 to %v", m.Host, delay, MaxDelay)
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

// splitHost parts "host:port"; without a port it is the default one.
func splitHost(s string) (host, port string, ok bool) {
	s = HostKey(s)
	i := strings.LastIndexByte(s, ':')
	n, err := strconv.ParseUint(s[i+1:], 10, 16)
	return s[:i], s[i+1:], err == nil && n > 0
}

// isLocal tells what servers count as localhost: the whole network 127, too.
func isLocal(host string) bool {
	name, _, _ := splitHost(host)
	return name == "localhost" || name == "[::1]" || strings.HasPrefix(name, "127.")
}
