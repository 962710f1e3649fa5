package mongo

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// SetView is what is known of one replica set: its configuration, and its status where somebody asked. Without a
// status every member is taken to be well.
type SetView struct {
	Config Config
	Status *Status
	MaxLag time.Duration // how far behind a copy may be and still be current; 0 for the constant [MaxLag]
}

// LossKind says what a set would lose.
type LossKind int

// The losses, from the gravest to the mildest.
const (
	LosesData     LossKind = iota // no current copy of the data is left: none, or one that lags more than SetView.MaxLag
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

// MaxLag is how far behind the freshest member a copy of the data may be and still counts as current: a healthy one is
// seconds behind, a minute is trouble.
const MaxLag = 60 * time.Second

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
	return fmt.Sprintf("cannot tell what would be lost: %s is a member of none of the sets (%s): name it as their configurations do",
		list(e.Hosts, ""), list(e.Sets, "no set was given"))
}

// CanLose tells what the sets would lose if the hosts were gone at once; nothing, when the answer is empty. A host is
// "host:port" for one process or a bare host for every process on it, named as the configurations name it. Members that
// are down already count as gone. Losses come in the order of the sets, the gravest first; [MovesPrimary], which is an
// interruption and no loss, only where there is no other and the status names the primary.
//
// It is an error where nothing can be said: no set is given, a host is in none of them (*[UnknownHostError]), or a view
// is no set, because its configuration is not one that a server takes, or its status is another set's.
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
	name := HostKey(host)
	return slices.ContainsFunc(hosts, func(h string) bool { return HostKey(h) == name || h == name[:strings.LastIndexByte(name, ':')] })
}

func (v SetView) lose(hosts []string) []Loss {
	c := v.Config.normal()
	var gone, down, kept []string
	votes, copies, electable, copiesNow := 0, 0, 0, 0
	for _, m := range c.Members {
		state, up := v.stateOf(m)
		holds := !m.ArbiterOnly && state.HoldsData()
		current := holds && v.lag(m) <= v.maxLag()
		if current {
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
		if current {
			copies++
		}
		if holds && m.Electable() { // also one that lags: it would be elected, and be rolled back to
			electable++
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
		add(LosesData, "none of its %d current copies of the data is left%s", copiesNow, v.stale(hosts))
	}
	switch {
	case votes < c.Majority():
		add(LosesMajority, "%d of %d votes are left (%s) and %d are needed for a primary", votes, c.Voters(), list(kept, "none"), c.Majority())
	case electable == 0:
		add(LosesPrimary, "no member is left that could be elected (%s)", list(kept, "none"))
	}
	if v.Status == nil || len(losses) > 0 && losses[len(losses)-1].What != LosesData {
		return losses
	}
	var primaries []string
	for _, m := range v.Status.Members {
		if m.Healthy() && m.State == StatePrimary {
			primaries = append(primaries, m.Name)
		}
	}
	switch {
	case len(primaries) == 0:
		add(LosesPrimary, "there is no primary, as there is none now")
	case len(primaries) > 1:
		add(LosesPrimary, "%s both say that they are the primary, as they do now: which one's data will stay nobody can say",
			strings.Join(primaries, " and "))
	case len(losses) == 0 && named(hosts, primaries[0]):
		add(MovesPrimary, "the primary %s is gone and another member has to be elected", primaries[0])
	}
	return losses
}

func (v SetView) maxLag() time.Duration { return cmp.Or(v.MaxLag, MaxLag) }

// lag is how far a member is behind the freshest one, as the status has it: by its optime, or by the date of it; and
// not less than its delay, by which it is behind whenever there is something to lose. A member of which it has
// neither is not known to lag where it tells of nobody; else it has no data.
func (v SetView) lag(m Member) time.Duration {
	delay := time.Duration(m.DelaySecs()) * time.Second
	if v.Status == nil {
		return delay
	}
	var own, head time.Time
	for _, st := range v.Status.Members {
		if !st.Healthy() || !st.State.HoldsData() {
			continue
		}
		at := st.OptimeDate
		if st.Optime.TS.T > 0 {
			at = time.Unix(int64(st.Optime.TS.T), 0)
		}
		if at.After(head) {
			head = at
		}
		if HostKey(st.Name) == HostKey(m.Host) {
			own = at
		}
	}
	return max(head.Sub(own), delay) // of one without data as long as there is: a difference of more than 292 years is cut off
}

// stale names the copies that are left where none of them is current, and how far they are behind.
func (v SetView) stale(hosts []string) string {
	var old []string
	for _, m := range v.Config.normal().Members {
		if state, _ := v.stateOf(m); !m.ArbiterOnly && state.HoldsData() && !named(hosts, m.Host) {
			if lag := v.lag(m); lag == math.MaxInt64 {
				old = append(old, m.Host+" has no data yet")
			} else {
				old = append(old, fmt.Sprintf("%s is %s behind", m.Host, printable.Duration(lag)))
			}
		}
	}
	if len(old) == 0 {
		return ""
	}
	return " (" + strings.Join(old, ", ") + ")"
}

// stateOf is the state of a member, as the status has it, or as a member that is well would be; an arbiter votes like any other.
func (v SetView) stateOf(m Member) (state MemberState, up bool) {
	if v.Status == nil {
		return StateSecondary, true
	}
	st, _ := v.Status.Member(m.Host) // one that the status does not have is not healthy
	if !st.Healthy() {
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
