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

// ErrNoSuccessor says that no other member could take the primary's place now, so that it is not asked to step down.
var ErrNoSuccessor = errors.New("no other member could become primary")

// StepDown makes the member at host give up being primary and not stand again for a time, and waits for another
// primary, whose host it gives. When host is not the primary it changes nothing. It is refused with [ErrNoSuccessor]
// while no electable member is in sight, and by the server while none has caught up within catchUp (code 262, or 50 up
// to 3.6); neither is ever forced. Both times go to the server in whole seconds, rounded up; a period of less than 1 s is refused.
// It is sent once; when the answer is lost, as always up to 4.0, where a step-down
// closes its own connection, looking for the new primary tells.
//
// Of the wait for a new primary the server's election timeout, 10 s unless configured, is a part up to 3.6. After the
// time, host takes over again if its priority is the highest: to move the primary for good use
// [ReplicaSet.SetPriorities]. See https://www.mongodb.com/docs/manual/reference/command/replSetStepDown/.
func (r *ReplicaSet) StepDown(ctx context.Context, host string, period, catchUp time.Duration) (primary string, err error) {
	if period < time.Second || catchUp < 0 { // told as they are given: rounded, half a second would be 1 s
		return "", fmt.Errorf("replica set %s: the primary is not asked to step down for %s, with %s for catching up: "+
			"the first is 1 s or more (a server takes 0 for 60 s), and the second is 0 or more", r.name, period, catchUp)
	}
	if period < catchUp {
		return "", fmt.Errorf("replica set %s: the time without standing (%s) must not be shorter than that for catching up (%s)",
			r.name, period, catchUp)
	}
	if primary, err = r.Primary(ctx); err != nil {
		return "", err
	}
	if mongo.HostKey(primary) != mongo.HostKey(host) {
		return primary, nil
	}
	if err := r.successor(ctx, host); err != nil {
		return "", err
	}
	// The server may wait for all of catchUp before it refuses.
	_, err = r.runWithin(ctx, catchUp+r.opt.CommandTimeout, host, "admin", bson.D{
		{Key: "replSetStepDown", Value: wholeSeconds(period)}, {Key: "secondaryCatchUpPeriodSecs", Value: wholeSeconds(catchUp)},
	})
	if err != nil && !primaryMoved(err) && !unanswered(err) {
		return "", err
	}
	lost := err
	still := 0
	err = r.until(ctx, func() (bool, string, error) {
		primary, err = r.Primary(ctx)
		switch {
		case err != nil && (errors.Is(err, ErrNoPrimary) || transient(err)):
			return false, "a new primary", nil
		case err != nil:
			return false, "", err
		case mongo.HostKey(primary) != mongo.HostKey(host):
			return true, "", nil
		case lost != nil:
			if still++; still >= r.opt.Attempts {
				return false, "", fmt.Errorf("%s is still, or again, the primary: %w", host, lost)
			}
		}
		return false, host + " to step down", nil
	})
	return primary, err
}

func unanswered(err error) bool {
	var e *CommandError
	return errors.As(err, &e) && e.Outcome == op.Unknown
}

// successor tells whether another member could be elected now.
func (r *ReplicaSet) successor(ctx context.Context, host string) error {
	c, _, err := r.ConfigFrom(ctx, host)
	if err != nil {
		return err
	}
	s, err := r.StatusFrom(ctx, host)
	if err != nil {
		return err
	}
	for _, m := range c.Members {
		st, _ := s.Member(m.Host) // one that the status does not have is not healthy
		if mongo.HostKey(m.Host) != mongo.HostKey(host) && m.Electable() && st.Healthy() && st.State == mongo.StateSecondary {
			return nil
		}
	}
	return fmt.Errorf("replica set %s: %w than %s", r.name, ErrNoSuccessor, host)
}

// Freeze keeps the secondary at host from standing for election for a time, rounded up to whole seconds; 0 ends that, and less is
// refused. A primary refuses (code 95): it steps down instead. See https://www.mongodb.com/docs/manual/reference/command/replSetFreeze/.
func (r *ReplicaSet) Freeze(ctx context.Context, host string, period time.Duration) error {
	if period < 0 { // rounded up it could be 0, which ends a freeze
		return fmt.Errorf("replica set %s: %s is not frozen for %s: it is 0 or more", r.name, host, period)
	}
	_, err := r.RunCommand(ctx, host, "admin", bson.D{{Key: "replSetFreeze", Value: wholeSeconds(period)}})
	return err
}

// wholeSeconds is a duration as the server takes it, never less.
func wholeSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
