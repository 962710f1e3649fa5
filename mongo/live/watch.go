package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/mongo"
)

// Lag is how far the members with data are behind the primary.
func (r *ReplicaSet) Lag(ctx context.Context) ([]mongo.MemberLag, error) {
	s, err := r.Status(ctx)
	if err != nil {
		return nil, err
	}
	return s.Lags(), nil
}

// Recovering are the members in RECOVERING: after an upgrade under live traffic, those that the oplog may have rolled
// over (cps:1386), or that somebody has put into maintenance. [ReplicaSet.AddMember] says how to bring one back.
// Without a primary any member is asked.
func (r *ReplicaSet) Recovering(ctx context.Context) ([]mongo.MemberStatus, error) {
	s, err := r.anyStatus(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(s.Members), func(m mongo.MemberStatus) bool { return m.State != mongo.StateRecovering }), nil
}

// WaitState waits until the primary sees the member at host in one of the states. Without a primary any member's view counts.
func (r *ReplicaSet) WaitState(ctx context.Context, host string, states ...mongo.MemberState) error {
	return r.until(ctx, func() (bool, string, error) {
		s, err := r.anyStatus(ctx)
		switch {
		case err != nil && (errors.Is(err, ErrNoPrimary) || transient(err)):
			return false, err.Error(), nil
		case err != nil:
			return false, "", err
		}
		m, ok := s.Member(host)
		if !ok {
			return false, "", r.noMember(host)
		}
		if m.Healthy() && slices.Contains(states, m.State) || !m.Healthy() && slices.Contains(states, mongo.StateDown) {
			return true, "", nil
		}
		return false, fmt.Sprintf("%s is %s, not %s", host, m.State, joinStates(states)), nil
	})
}

func joinStates(states []mongo.MemberState) string {
	texts := make([]string, len(states))
	for i, s := range states {
		texts[i] = s.String()
	}
	return strings.Join(texts, " or ")
}

// steady is how many looks in a row a member must be caught up.
const steady = 2

// WaitCaughtUp waits until the members at the hosts, or all members with data when none is named, are PRIMARY or
// SECONDARY and at most maxLag behind, in two looks in a row. Optimes count whole seconds and an idle primary writes
// every ten: a maxLag under 10 s may never be seen. A delayed member may be its delay further behind.
func (r *ReplicaSet) WaitCaughtUp(ctx context.Context, maxLag time.Duration, hosts ...string) error {
	c, err := r.configWithPrimary(ctx)
	if err != nil {
		return err
	}
	seen := 0
	return r.until(ctx, func() (bool, string, error) {
		s, err := r.Status(ctx)
		switch {
		case err != nil && (errors.Is(err, ErrNoPrimary) || transient(err)):
			seen = 0
			return false, err.Error(), nil
		case err != nil:
			return false, "", err
		}
		why, err := r.behind(c, s, maxLag, hosts)
		if why != "" || err != nil {
			seen = 0
			return false, why, err
		}
		seen++
		return seen >= steady, "a second look", nil
	})
}

// behind names the first member that is not caught up.
func (r *ReplicaSet) behind(c mongo.Config, s mongo.Status, maxLag time.Duration, hosts []string) (why string, err error) {
	for _, h := range hosts {
		if _, ok := s.Member(h); !ok {
			return "", r.noMember(h)
		}
	}
	for _, l := range s.Lags() {
		m, _ := c.Member(l.Host)
		maxLag := maxLag + time.Duration(m.DelaySecs())*time.Second
		named := slices.ContainsFunc(hosts, func(h string) bool { return mongo.HostKey(h) == mongo.HostKey(l.Host) })
		switch {
		case len(hosts) > 0 && !named:
		case !l.Known || !l.State.HoldsData():
			return fmt.Sprintf("%s is %s", l.Host, l.State), nil
		case l.Lag > maxLag:
			return fmt.Sprintf("%s is %s behind, and %s is allowed", l.Host, printable.Duration(l.Lag), printable.Duration(maxLag)), nil
		}
	}
	return "", nil
}

// Sighting is the state of a member in the eyes of another.
type Sighting struct {
	By      string // who was asked
	State   mongo.MemberState
	Message string // of the last heartbeat
	Err     error  // why By could not be asked
}

// SeenBy asks every member with data, the one at host among them, in which state it sees the member at host. CPS shows
// UNKNOWN when one member cannot reach another, mostly an arbiter, and the guide then has the operator log in and read
// the true state (cps:1880-1882, MON-033): a member that one sees healthy and another does not is up, and the way
// between the two is cut.
func (r *ReplicaSet) SeenBy(ctx context.Context, host string) ([]Sighting, error) {
	var seen []Sighting
	answered := false
	for _, by := range r.candidates() {
		s, err := r.StatusFrom(ctx, by)
		if err != nil {
			seen = append(seen, Sighting{By: by, State: mongo.StateUnknown, Err: err})
			continue
		}
		answered = true
		m, ok := s.Member(host)
		if !ok {
			return nil, r.noMember(host)
		}
		if !m.Healthy() {
			m.State = mongo.StateDown
		}
		seen = append(seen, Sighting{By: by, State: m.State, Message: m.Message})
	}
	if !answered {
		errs := make(allOf, len(seen))
		for i, s := range seen {
			errs[i] = s.Err
		}
		return nil, fmt.Errorf("replica set %s: no member answers: %w", r.name, errs)
	}
	return seen, nil
}
