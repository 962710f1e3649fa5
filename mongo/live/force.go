package live

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/mongo"
)

// ForceReconfigMayLoseWrites makes one member install a configuration although it is no primary, and no majority
// agrees: writes that only the other members have are lost, and when those live on there may be two primaries. It is
// the recovery from a majority that is gone for good
// (https://www.mongodb.com/docs/manual/tutorial/reconfigure-replica-set-with-unavailable-members/), and nothing else.
// Nothing in this package calls it.
//
// The reason must say who has made sure that the missing members are down and stay down. It is told to Options.Watch,
// and nothing is sent without one, nor while the set has a primary. The configuration must be legal; its version is set
// by the server. It is sent once: with [CommandError]'s outcome Unknown, read the configuration back.
func (r *ReplicaSet) ForceReconfigMayLoseWrites(ctx context.Context, host string, c mongo.Config, reason string) error {
	if reason == "" {
		return errors.New("a forced reconfiguration needs a reason: who has made sure that the missing members are down and stay down?")
	}
	if err := mongo.Validate(c); err != nil {
		return fmt.Errorf("replica set %s: %w", r.name, err)
	}
	if c.ID != r.name {
		return fmt.Errorf("replica set %s: the configuration is of the set %q", r.name, c.ID)
	}
	if primary, err := r.Primary(ctx); err == nil {
		return fmt.Errorf("replica set %s has the primary %s: use Apply", r.name, primary)
	}
	r.tell("FORCED reconfiguration by %s, writes may be lost: %s", host, reason)
	return r.reconfig(ctx, host, c, bson.E{Key: "force", Value: true})
}
