package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// Changes makes changes of a running set out of configurations, as data for a runbook (evenkeel.Actions) or for
// [change.Do]. Each is one reconfiguration, sent once, whose whole document is declared: the reviewer reads it, and no
// other is sent. It is a compare-and-set. The primary must have the version and the content that the change was planned
// from, and the term where that is known; else nothing is sent, and the way is to be planned anew. The probe is
// [ReplicaSet.Probe], and the proof that a majority has the configuration and nobody is about to take over.
type Changes struct {
	// Machine names the machine that a member is on: a run keeps its lease there. nil: what stands before the port.
	Machine func(address string) string
	Limit   time.Duration // of each change, with its proof; change.DefaultLimit when zero
}

// commandTime is what one command of a change may take, but for a reconfiguration.
const commandTime = 10 * time.Second

// SetPriorities are the reconfigurations on the way that [mongo.Next] plans from what the set has now; none where the
// members have these priorities. Each is planned from what the one before makes, so they are carried out in order.
func (c Changes) SetPriorities(now mongo.Config, priorities map[string]float64) ([]change.Change, error) {
	wish := now.Clone()
	named := map[int]bool{}
	for host, p := range priorities {
		i := wish.Index(host)
		switch {
		case i < 0:
			return nil, fmt.Errorf("replica set %s has no member %s", now.ID, host)
		case named[i]:
			return nil, fmt.Errorf("replica set %s: two priorities are given for the member %s", now.ID, wish.Members[i].Host)
		}
		named[i] = true
		wish.Members[i].Priority = p
	}
	return c.Converge(now, wish)
}

// Converge are the reconfigurations on the way from what the set has now to what is wished.
func (c Changes) Converge(now, wish mongo.Config) ([]change.Change, error) {
	var list []change.Change
	for {
		next, why, done, err := mongo.Next(now, wish)
		if err != nil || done {
			return list, err
		}
		// The term is the server's to set, and a takeover on the way changes it.
		next = next.Clone()
		delete(next.Extra, "term")
		one, err := c.Reconfigure(now, next, why)
		if err != nil {
			return nil, err
		}
		list, now = append(list, one), next
	}
}

// Reconfigure is one reconfiguration. An unsafe step is refused ([mongo.CheckStep]).
func (c Changes) Reconfigure(from, to mongo.Config, why string) (change.Change, error) {
	if err := mongo.CheckStep(from, to); err != nil {
		return change.Change{}, err
	}
	s := step{Changes: c, from: from, to: to, limit: reconfigLimit(to, commandTime)}
	doc, err := docOf("admin", s.command())
	if err != nil {
		return change.Change{}, fmt.Errorf("replica set %s, version %d: %w", to.ID, to.Version, err)
	}
	hand, err := jsDocument(s.command())
	if err != nil {
		return change.Change{}, fmt.Errorf("replica set %s, version %d: %w", to.ID, to.Version, err)
	}
	for _, m := range from.Members {
		if !m.ArbiterOnly { // a new member is never the primary before it is one
			s.members = append(s.members, change.Endpoint{Host: machine(c.Machine, m.Host), Address: m.Host})
		}
	}
	if len(s.members) == 0 {
		return change.Change{}, fmt.Errorf("replica set %s, version %d: %w: no member can be primary", to.ID, to.Version,
			mongo.ErrUnsafeStep)
	}
	installed := s.proof(fmt.Sprintf("the primary has version %d", to.Version), func(p Progress) bool { return p >= Installed })
	probe := installed.Probe()
	probe.Settle = s.limit // the server may still be at it
	return change.Change{
		Title: fmt.Sprintf("Reconfigure %s to version %d: %s", to.ID, to.Version, why), Host: s.members[0].Host,
		Op: &change.Op{
			Effect: doc.Effect, Text: fmt.Sprintf("Send version %d of the configuration to the primary of %s, whichever it is: %s.",
				to.Version, to.ID, why),
			Docs: []change.OpDoc{{Doc: doc, To: s.members, Hand: `db.getSiblingDB("admin").runCommand(` + hand + ")"}},
			Do:   s.do,
		},
		Repeat: op.ProbeFirst, Probe: &probe, Limit: c.Limit,
		Needs: []change.Proof{s.proof(fmt.Sprintf("the primary has version %d, as planned, and it has settled", from.Version),
			func(p Progress) bool { return p == NotSent })},
		Proof: []change.Proof{installed, s.proof(fmt.Sprintf("a majority has version %d, and nobody is about to take over", to.Version),
			func(p Progress) bool { return p == Committed })},
	}, nil
}

// step is one reconfiguration as an operation.
type step struct {
	Changes
	from, to mongo.Config
	limit    time.Duration
	members  []change.Endpoint // that may be primary when it is sent
}

func (s step) command() bson.D { return reconfigCommand(s.to, s.limit) }

// set is the set as the operation reaches it. It never waits.
func (s step) set(at change.Site) *ReplicaSet {
	seeds := make([]string, len(s.members))
	for i, m := range s.members {
		seeds[i] = m.Address
	}
	return NewReplicaSet(s.to.ID, seeds, Over(at, s.Machine), Options{CommandTimeout: commandTime, Sleep: at.Sleep, Serial: at.Serial})
}

// ErrNotReady says that a reconfiguration was not sent, as the one before has not settled yet.
var ErrNotReady = errors.New("the set is not ready for the next reconfiguration")

// do sends the document, once, where it is not installed already.
func (s step) do(ctx context.Context, at change.Site) (sshexec.Result, error) {
	rs := s.set(at)
	defer rs.hangUp(ctx)
	p, why, err := s.look(ctx, rs)
	switch {
	case err != nil:
		return sshexec.Result{}, unsent{err}
	case p == Overtaken:
		return sshexec.Result{}, unsent{fmt.Errorf("replica set %s: %w: it was planned from %s, and %s",
			s.to.ID, ErrConflict, versionText(s.from), why)}
	case p != NotSent:
		return sshexec.Result{Stdout: []byte("installed already")}, nil
	case why != "":
		return sshexec.Result{}, unsent{fmt.Errorf("replica set %s: %w: %s", s.to.ID, ErrNotReady, why)}
	}
	host, err := rs.installer(ctx, s.to)
	if err != nil {
		return sshexec.Result{}, unsent{err}
	}
	_, err = rs.runWithin(ctx, s.limit+commandTime, host, "admin", s.command())
	return sshexec.Result{Outcome: sshexec.OutcomeOf(err)}, err
}

// unsent is why a document was not sent, whatever became of the questions before.
type unsent struct{ error }

func (e unsent) Unwrap() error                   { return e.error }
func (e unsent) CommandOutcome() sshexec.Outcome { return sshexec.NotStarted }

// look is how far the step has come; why says, of one that was not sent, what it waits for.
func (s step) look(ctx context.Context, rs *ReplicaSet) (p Progress, why string, err error) {
	if p, why, err = rs.Probe(ctx, s.from, s.to); err != nil || p != NotSent || why != "" {
		return p, why, err
	}
	status, err := rs.Status(ctx)
	if err != nil {
		return p, "", err
	}
	why, _ = mongo.Ready(s.from, s.to, status)
	return p, why, nil
}

// proof is that the step has come so far. Without a primary, or an answer, it is not yet to be seen.
func (s step) proof(text string, enough func(Progress) bool) change.Proof {
	return change.Proof{
		Host: s.members[0].Host, Text: text, Limit: s.limit,
		Op: &change.Op{
			Effect: op.ReadOnly, Reads: s.members, Text: fmt.Sprintf("Ask the primary of %s for rs.conf() and rs.status().", s.to.ID),
			Do: func(ctx context.Context, at change.Site) (sshexec.Result, error) {
				rs := s.set(at)
				defer rs.hangUp(ctx)
				p, why, err := s.look(ctx, rs)
				if err != nil && (errors.Is(err, ErrNoPrimary) || transient(err)) {
					err = change.NotYet(0, "a primary: %v", err)
				}
				return sshexec.Result{Stdout: []byte(p.String() + ": " + why)}, err
			},
		},
		Check: func(o change.Observed) error {
			word, why, _ := strings.Cut(string(o.Stdout), ": ")
			for p := NotSent; p <= Overtaken; p++ {
				if word != p.String() {
					continue
				}
				ready := p != NotSent || why == ""
				switch {
				case enough(p) && p != Overtaken && ready:
					return nil
				case p == Overtaken:
					return fmt.Errorf("replica set %s: %w: it was planned from %s, and %s", s.to.ID, ErrConflict, versionText(s.from), why)
				}
				return change.NotYet(time.Second, "version %d is %s: %s", s.to.Version, p, cmp.Or(why, "it was not sent"))
			}
			return fmt.Errorf("%q does not say how far version %d has come", o.Stdout, s.to.Version)
		},
	}
}
