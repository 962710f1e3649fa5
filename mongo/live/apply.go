package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/mongo"
)

// Progress says how far a reconfiguration has come.
type Progress int

// What [ReplicaSet.Probe] finds.
const (
	NotSent   Progress = iota // the primary has what the step starts from: it may be sent, unless why says what is awaited
	Installed                 // the primary has it; whether a majority has, is not known or not so yet
	Committed                 // a majority of the voters has it, a primary stands and none is about to take over
	Overtaken                 // the primary has something else: somebody was faster, or it was rolled back; plan anew
)

func (p Progress) String() string {
	names := [...]string{"not sent", "installed", "committed", "overtaken"}
	if p >= 0 && int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("Progress(%d)", int(p))
}

// ErrConflict says that the set's configuration is neither the one that a step starts from nor the one it makes. Ask
// [mongo.Next] again, with what the set has now.
var ErrConflict = errors.New("the configuration was changed by somebody else")

// Probe tells how far the step has come, and why not further. It changes nothing, and can be asked after a crash as well:
// the two configurations are all that has to be journalled.
func (r *ReplicaSet) Probe(ctx context.Context, from, to mongo.Config) (p Progress, why string, err error) {
	p, why, _, err = r.probe(ctx, from, to)
	return p, why, err
}

// probe is Probe, and tells how long a takeover takes at most where only that is awaited.
func (r *ReplicaSet) probe(ctx context.Context, from, to mongo.Config) (p Progress, why string, takeover time.Duration, err error) {
	host, err := r.Primary(ctx)
	if err != nil {
		return NotSent, "", 0, err
	}
	now, committed, err := r.ConfigFrom(ctx, host)
	if err != nil {
		return NotSent, "", 0, err
	}
	switch {
	case sameVersion(now, to, false) && now.Includes(to):
	case sameVersion(now, from, true) && now.Equal(from) && committed != nil && !*committed:
		return NotSent, "a majority to have the present configuration, which the server wants before the next one", 0, nil
	case sameVersion(now, from, true) && now.Equal(from):
		return NotSent, "", 0, nil
	default:
		return Overtaken, fmt.Sprintf("%s has %s", host, found(from, now)), 0, nil
	}
	if committed != nil && !*committed {
		return Installed, "the server says that no majority has the configuration yet", 0, nil
	}
	s, err := r.StatusFrom(ctx, host)
	if err != nil {
		return Installed, "", 0, err
	}
	if why, takeover = mongo.SettledStep(from, to, s); why != "" {
		return Installed, why, takeover, nil
	}
	return Committed, "", 0, nil
}

// sameVersion compares versions, and for the start of a step terms where both have one: a new term means an election since the step was
// planned. The step's own term is the server's to set.
func sameVersion(a, b mongo.Config, term bool) bool {
	ta, aok := a.Term()
	tb, bok := b.Term()
	return a.Version == b.Version && (!term || !aok || !bok || ta == tb)
}

func versionText(c mongo.Config) string {
	if t, ok := c.Term(); ok {
		return fmt.Sprintf("version %d of term %d", c.Version, t)
	}
	return fmt.Sprintf("version %d", c.Version)
}

// Apply makes one reconfiguration, as [mongo.Next] plans it, and waits until it is [Committed]; for a member that is to
// take over, no longer than that takes: one that is frozen or behind does not come, and Options.Watch hears of it. It
// is a compare-and-set: the set must have exactly from, with its version and term, else the error wraps
// [ErrConflict]; an unsafe step ([mongo.CheckStep]) is refused before anything is sent, and so is one whose voters that are
// up would be no majority ([mongo.ErrUnsafeStep]).
//
// Doing it again is safe, and so Apply itself does, Options.Attempts times at most, when the primary moved or the connection was lost: it
// probes first, and what it sends bears the version after from's, which a server takes once at most. While the server
// is busy with another reconfiguration (code 109; it may be ours, whose answer was lost), or has none yet that a
// majority has (308), Apply asks what became of it until the context ends. Any other refusal ends it, also code 103,
// by which a server refuses a document that it does not like, unless the version is there. A server that asks a
// silent member waits 30 s for it, and Apply with it.
//
// It is never forced; see [ReplicaSet.ForceReconfigMayLoseWrites] and, for the server's side,
// https://www.mongodb.com/docs/manual/reference/command/replSetReconfig/.
func (r *ReplicaSet) Apply(ctx context.Context, from, to mongo.Config) error {
	if err := mongo.CheckStep(from, to); err != nil {
		return err
	}
	var last error
	for lost := 0; ; {
		p, why, err := r.probeWithPrimary(ctx, from, to)
		switch {
		case err != nil:
			return errors.Join(err, last)
		case p == Overtaken:
			return r.conflict(ctx, from, last)
		case p != NotSent:
			return r.await(ctx, from, to)
		case HasCode(last, CodeConfigIncompatible):
			return last
		case why != "": // from 4.4 on, also for a heartbeat after each election
			if err := r.pause(ctx, why); err != nil {
				return err
			}
			continue
		case lost == r.opt.Attempts:
			return fmt.Errorf("replica set %s: gave up after %d attempts: %w", r.name, r.opt.Attempts, last)
		}
		last = r.send(ctx, to)
		switch {
		case last == nil:
			return r.await(ctx, from, to)
		case HasCode(last, CodeConfigurationInProgress, CodeConfigNotCommitted): // nothing of this one was taken
		case transient(last) || HasCode(last, CodeConfigIncompatible): // the probe tells
			lost++
		default:
			return last
		}
		if err := r.pause(ctx, "the answer to the reconfiguration: "+last.Error()); err != nil {
			return err
		}
	}
}

func (r *ReplicaSet) conflict(ctx context.Context, from mongo.Config, last error) error {
	has := "something else"
	if c, err := r.Config(ctx); err == nil {
		has = found(from, c)
	}
	return errors.Join(fmt.Errorf("replica set %s: %w: it was planned from %s and has %s", r.name, ErrConflict,
		versionText(from), has), last)
}

// found says what a set has that a step was not planned from.
func found(from, now mongo.Config) string {
	if now.Version == from.Version {
		return versionText(now) + " with another content or from another term"
	}
	return versionText(now)
}

// probeWithPrimary probes, and waits for a primary as long as the context lets it.
func (r *ReplicaSet) probeWithPrimary(ctx context.Context, from, to mongo.Config) (p Progress, why string, err error) {
	err = r.until(ctx, func() (bool, string, error) {
		p, why, err = r.Probe(ctx, from, to)
		switch {
		case err == nil:
			return true, "", nil
		case errors.Is(err, ErrNoPrimary) || transient(err):
			return false, "a primary: " + err.Error(), nil
		}
		return false, why, err
	})
	return p, why, err
}

// send installs a configuration on the primary. There is no way here to force it.
func (r *ReplicaSet) send(ctx context.Context, c mongo.Config) error {
	host, err := r.installer(ctx, c)
	if err != nil {
		return err
	}
	return r.reconfig(ctx, host, c)
}

// installer is the primary, where a majority of the next configuration is up.
func (r *ReplicaSet) installer(ctx context.Context, c mongo.Config) (host string, err error) {
	if host, err = r.Primary(ctx); err != nil {
		return "", &CommandError{Host: r.name, Command: "replSetReconfig", Outcome: op.NotStarted, Err: err}
	}
	s, err := r.StatusFrom(ctx, host)
	if err != nil {
		return "", err
	}
	if ok, why := mongo.Quorum(c, s); !ok {
		return "", fmt.Errorf("replica set %s, version %d: %w: %s", r.name, c.Version, mongo.ErrUnsafeStep, why)
	}
	return host, nil
}

// silentWait is how long a server waits for a member that takes a connection and does not answer, or from which nothing
// comes back: before it installs a configuration it asks every host of it whether that is itself.
const silentWait = 30 * time.Second

// reconfig sends a configuration to a member, with what else the command takes. The server may take as long as all
// others are silent; the context may end it sooner.
func (r *ReplicaSet) reconfig(ctx context.Context, host string, c mongo.Config, options ...bson.E) error {
	limit := reconfigLimit(c, r.opt.CommandTimeout)
	if end, ok := ctx.Deadline(); ok {
		limit = max(min(limit, time.Until(end)), time.Millisecond)
	}
	_, err := r.runWithin(ctx, limit+r.opt.CommandTimeout, host, "admin", append(reconfigCommand(c, limit), options...))
	return err
}

// reconfigLimit is how long a server may be at a reconfiguration: as long as all other members are silent.
func reconfigLimit(c mongo.Config, timeout time.Duration) time.Duration {
	return silentWait*time.Duration(len(c.Members)-1) + timeout
}

func reconfigCommand(c mongo.Config, limit time.Duration) bson.D {
	return bson.D{{Key: "replSetReconfig", Value: c}, {Key: "maxTimeMS", Value: limit.Milliseconds()}}
}

// transient tells whether an error is one of the moment: no answer, the primary moved, time was up.
func transient(err error) bool {
	var e *CommandError
	return errors.As(err, &e) && !hopeless(err) &&
		(e.Outcome != op.Exited || primaryMoved(err) || HasCode(err, CodeMaxTimeMSExpired, CodeExceededTimeLimit))
}

// await waits until the step is committed.
func (r *ReplicaSet) await(ctx context.Context, from, to mongo.Config) error {
	past := r.patience()
	return r.until(ctx, func() (bool, string, error) {
		p, why, takeover, err := r.probe(ctx, from, to)
		switch {
		case err != nil && (errors.Is(err, ErrNoPrimary) || transient(err)):
			return false, err.Error(), nil
		case err != nil:
			return false, "", err
		case p == NotSent, p == Overtaken:
			// Installed before and gone now: the primary that took it lost it with its office, or somebody went on from it.
			return false, "", fmt.Errorf("replica set %s: %w: version %d did not stay (%s)", r.name, ErrConflict, to.Version, why)
		}
		return p == Committed || past(why, takeover), why, nil
	})
}

// patience tells, once for each look, whether a takeover has been awaited for longer than one takes. Then the member is
// frozen or behind, which may last: the wish is an order of priorities, and what is left of it goes on.
func (r *ReplicaSet) patience() func(why string, takeover time.Duration) bool {
	var waited time.Duration
	return func(why string, takeover time.Duration) bool {
		if takeover == 0 {
			waited = 0
			return false
		}
		if waited += r.opt.Poll; waited <= takeover {
			return false
		}
		r.tell("not waiting any more: %s, and has not done so in %v: it is frozen or behind", why, takeover)
		return true
	}
}

// until looks again and again until it is so, and tells the watcher what is awaited whenever that changes.
func (r *ReplicaSet) until(ctx context.Context, look func() (done bool, why string, err error)) error {
	told := ""
	for {
		done, why, err := look()
		if done || err != nil {
			return err
		}
		if why != told {
			told = why
			r.tell("waiting: %s", why)
		}
		if err := r.opt.Sleep(ctx, r.opt.Poll); err != nil {
			return fmt.Errorf("replica set %s: gave up waiting: %s: %w", r.name, why, err)
		}
	}
}

func (r *ReplicaSet) pause(ctx context.Context, why string) error {
	r.tell("waiting: %s", why)
	if err := r.opt.Sleep(ctx, r.opt.Poll); err != nil {
		return fmt.Errorf("replica set %s: gave up waiting: %s: %w", r.name, why, err)
	}
	return nil
}

func (r *ReplicaSet) tell(format string, args ...any) {
	if r.opt.Watch != nil {
		r.opt.Watch(Event{Set: r.name, Text: fmt.Sprintf(format, args...)})
	}
}
