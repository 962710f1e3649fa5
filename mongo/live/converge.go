package live

import (
	"context"
	"errors"
	"fmt"

	"github.com/evenkeel-ha/evenkeel/mongo"
)

// Step is one reconfiguration on a way: what it starts from, what it makes, and why in one sentence.
type Step struct {
	From, To mongo.Config
	Why      string
}

// Converge goes the whole way from what the set has to what is desired: it asks [mongo.Next], waits until the step before it
// is settled, shows the step to before (which may journal it, or stop everything by an error; nil for neither), and
// applies it. When somebody else changes the configuration meanwhile the way is planned anew, Options.Attempts times at
// most. It gives the configuration that it ended with. The wish is an order of priorities: a member that cannot take
// over, since it is frozen or behind, is not waited for longer than a takeover takes, and Options.Watch hears of it.
// After a crash, Converge to the same wish goes on from where it was.
func (r *ReplicaSet) Converge(ctx context.Context, desired mongo.Config, before func(Step) error) (mongo.Config, error) {
	return r.converge(ctx, func(mongo.Config) (mongo.Config, error) { return desired, nil }, before)
}

// converge is Converge to a wish that is made from what the set has.
func (r *ReplicaSet) converge(ctx context.Context, wish func(mongo.Config) (mongo.Config, error),
	before func(Step) error,
) (mongo.Config, error) {
	conflicts := 0
	for {
		current, err := r.configWithPrimary(ctx)
		if err != nil {
			return mongo.Config{}, err
		}
		desired, err := wish(current)
		if err != nil {
			return current, err
		}
		next, why, done, err := mongo.Next(current, desired)
		if err != nil {
			return current, err
		}
		if done {
			return current, r.awaitReady(ctx, current, current)
		}
		if err := r.awaitReady(ctx, current, next); err != nil {
			return current, err
		}
		if before != nil {
			if err := before(Step{From: current, To: next, Why: why}); err != nil {
				return current, err
			}
		}
		r.tell("version %d: %s", next.Version, why)
		err = r.Apply(ctx, current, next)
		if errors.Is(err, ErrConflict) {
			if conflicts++; conflicts < r.opt.Attempts {
				r.tell("planning anew: %v", err)
				continue
			}
		}
		if err != nil {
			return current, fmt.Errorf("%s: %w", why, err)
		}
	}
}

// configWithPrimary is the primary's configuration, waiting for a primary if need be.
func (r *ReplicaSet) configWithPrimary(ctx context.Context) (c mongo.Config, err error) {
	err = r.until(ctx, func() (bool, string, error) {
		c, err = r.Config(ctx)
		switch {
		case err == nil:
			return true, "", nil
		case errors.Is(err, ErrNoPrimary) || transient(err):
			return false, "a primary: " + err.Error(), nil
		}
		return false, "", err
	})
	return c, err
}

// awaitReady waits until the step may be sent.
func (r *ReplicaSet) awaitReady(ctx context.Context, from, to mongo.Config) error {
	past := r.patience()
	return r.until(ctx, func() (bool, string, error) {
		s, err := r.Status(ctx)
		switch {
		case err == nil:
			why, takeover := mongo.Ready(from, to, s)
			return why == "" || past(why, takeover), why, nil
		case errors.Is(err, ErrNoPrimary) || transient(err):
			return false, "a primary: " + err.Error(), nil
		}
		return false, "", err
	})
}

// SetPriorities gives members, named as the configuration names them, their priorities on the way that [mongo.Next] plans, and gives the
// configuration that came out (MON-035). Members that are not mentioned keep theirs.
func (r *ReplicaSet) SetPriorities(ctx context.Context, priorities map[string]float64, before func(Step) error) (mongo.Config, error) {
	return r.converge(ctx, func(c mongo.Config) (mongo.Config, error) {
		c = c.Clone()
		for host, p := range priorities {
			i := c.Index(host)
			if i < 0 {
				return c, r.noMember(host)
			}
			c.Members[i].Priority = p
		}
		return c, nil
	}, before)
}

// AddMember adds a member, or does nothing when it is there as wished. It joins without a vote and gets it, and its
// priority, when it has copied the data, which may take hours for a big set. To bring back a member that is stuck in
// RECOVERING, stop its process, remove it, empty its data directory, start it, and add it again (MON-024).
func (r *ReplicaSet) AddMember(ctx context.Context, m mongo.Member, before func(Step) error) (mongo.Config, error) {
	return r.converge(ctx, func(c mongo.Config) (mongo.Config, error) {
		c = c.Clone()
		if i := c.Index(m.Host); i >= 0 {
			c.Members[i] = m
		} else {
			c.Members = append(c.Members, m)
		}
		return c, nil
	}, before)
}

// RemoveMember removes the member at host, or does nothing when it is gone. A primary gives way first. Its process goes
// on running and has to be stopped apart.
func (r *ReplicaSet) RemoveMember(ctx context.Context, host string, before func(Step) error) (mongo.Config, error) {
	return r.converge(ctx, func(c mongo.Config) (mongo.Config, error) {
		c = c.Clone()
		if i := c.Index(host); i >= 0 {
			c.Members = append(c.Members[:i], c.Members[i+1:]...)
		}
		return c, nil
	}, before)
}

func (r *ReplicaSet) noMember(host string) error {
	return fmt.Errorf("replica set %s has no member %s", r.name, host)
}
