package mongo

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// SetView is what is known of one replica set: its configuration, and its status where somebody asked. Without a
// status every member is taken to be well.
type SetView struct {
	Config Config
	Status *Status
}

// LossKind says what a set would lose.
type LossKind int

// The losses, from the gravest to the mildest.
const (
	LosesData     LossKind = iota // no current copy of the data is left
	LosesMajority                 // no primary can be elected or stay for want of votes: nobody can write
	LosesPrimary                  // votes are left, but no member that could be elected: nobody can write
	MovesPrimary                  // another member becomes primary: no writes during the election
)

func (k LossKind) String() string {
	names := [...]string{"all data", "majority", "primary", "primary moves"}
	if k >= 0 && int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("LossKind(%d)", int(k))
}

// Loss is one thing that one set would lose.
type Loss struct {
	Set  string
	What LossKind
	Why  string // one sentence
}

func (l Loss) String() string { return fmt.Sprintf("%s: %s: %s", l.Set, l.What, l.Why) }

// UnknownHostError says that a host is in none of the sets that were asked about: a mistyped name would lose nothing.
type UnknownHostError struct {
	Hosts []string
	Sets  []string
}

func (e *UnknownHostError) Error() string {
	return fmt.Sprintf("cannot tell what would be lost: %s is a member of none of the sets (%s): name it as their configurations do", list(e.Hosts, ""), list(e.Sets, "no set was given"))
}

// CanLose tells what the sets would lose if the hosts were gone at once; nothing, when the answer is empty. A host is
// "host:port" for one process or a bare host for every process on it, named as the configurations name it. Members that
// are down already count as gone. Losses come in the order of the sets, the gravest first; [MovesPrimary], which is an
// interruption and no loss, only where there is no other and the status names the primary.
//
// It is an error where nothing can be said: no set is given, a host is in none of them (*[UnknownHostError]), or a view is no set, because its configuration is not
// one that a server takes, or its status is another set's.
func CanLose(hosts []string, sets ...SetView) ([]Loss, error) {
	unknown := &UnknownHostError{}
	for _, v := range sets {
		c := v.Config.normal()
		if err := Validate(c); err != nil {
			return nil, fmt.Errorf("cannot tell what set %q would lose: %w", c.ID, err)
		}
		if v.Status != nil && v.Status.Set != "" && v.Status.Set != c.ID {
			return nil, fmt.Errorf("cannot tell what set %s would lose: the status is that of set %s", c.ID, v.Status.Set)
		}
		unknown.Sets = append(unknown.Sets, c.ID)
	}
	for _, h := range hosts {
		if !slices.ContainsFunc(sets, func(v SetView) bool {
			return slices.ContainsFunc(v.Config.Members, func(m Member) bool { return named([]string{h}, m.Host) })
		}) {
			unknown.Hosts = append(unknown.Hosts, h)
		}
	}
	switch {
	case len(sets) == 0:
		return nil, errors.New("cannot tell what would be lost: no replica set was given")
	case len(unknown.Hosts) > 0:
		return nil, unknown
	}
	var losses []Loss
	for _, v := range sets {
		losses = append(losses, v.lose(hosts)...)
	}
	return losses, nil
}

func named(hosts []string, host string) bool {
	name := hostKey(host)
	return slices.ContainsFunc(hosts, func(h string) bool { return hostKey(h) == name || h == name[:strings.LastIndexByte(name, ':')] })
}

func (v SetView) lose(hosts []string) []Loss {
	c := v.Config.normal()
	var gone, down, kept []string
	votes, copies, electable, copiesNow := 0, 0, 0, 0
	for _, m := range c.Members {
		state, up := v.stateOf(m)
		holds := up && !m.ArbiterOnly && state.HoldsData()
		if holds {
			copiesNow++
		}
		switch {
		case named(hosts, m.Host):
			gone = append(gone, m.Host)
			continue
		case !up:
			down = append(down, m.Host)
			continue
		}
		kept = append(kept, m.Host)
		if state.Votes() {
			votes += m.Votes
		}
		if holds {
			copies++
			if m.Electable() {
				electable++
			}
		}
	}
	without := "without " + list(gone, "any further host")
	if len(down) > 0 {
		without += " and with " + list(down, "") + " down"
	}
	var losses []Loss
	add := func(k LossKind, format string, args ...any) {
		losses = append(losses, Loss{Set: c.ID, What: k, Why: without + " " + fmt.Sprintf(format, args...) + "."})
	}
	if copies == 0 {
		add(LosesData, "none of its %d current copies of the data is left", copiesNow)
	}
	switch {
	case votes < c.Majority():
		add(LosesMajority, "%d of %d votes are left (%s) and %d are needed for a primary", votes, c.Voters(), list(kept, "none"), c.Majority())
	case electable == 0:
		add(LosesPrimary, "no member is left that could be elected (%s)", list(kept, "none"))
	}
	if len(losses) == 0 && v.Status != nil {
		if p, ok := v.Status.Primary(); ok && named(hosts, p.Name) {
			add(MovesPrimary, "the primary %s is gone and another member has to be elected", p.Name)
		}
	}
	return losses
}

// stateOf is the state of a member, as the status has it, or as a member that is well would be.
func (v SetView) stateOf(m Member) (state MemberState, up bool) {
	if v.Status == nil {
		if m.ArbiterOnly {
			return StateArbiter, true
		}
		return StateSecondary, true
	}
	st, ok := v.Status.Member(m.Host)
	if !ok || !st.Healthy() {
		return StateDown, false
	}
	return st.State, true
}

func list(hosts []string, none string) string {
	if len(hosts) == 0 {
		return none
	}
	return strings.Join(hosts, ", ")
}
