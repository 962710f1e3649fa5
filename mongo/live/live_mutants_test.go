package live_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// What internal/mutate found nobody to miss in running sets.

// The first member of a configuration is there like any other: adding it as it is changes nothing.
func TestTheFirstMemberIsNotAddedAgain(t *testing.T) {
	set, rs := running(t, balance(), mongotest.Options{}, nil)
	before := set.Truth().Config.Version
	c, err := rs.AddMember(t.Context(), balance().Members[0], nil)
	require.NoError(t, err)
	require.Equal(t, before, c.Version)
	require.Len(t, c.Members, 3)
}

// The limit of planned changes is that of each, and of the look for each.
func TestPlannedChangesHaveTheirLimit(t *testing.T) {
	w, _ := moving(t, mongotest.Wire44)
	now, err := live.NewReplicaSet("set02", []string{sm1}, w.set.Dial, live.Options{Sleep: w.Sleep}).Config(t.Context())
	require.NoError(t, err)
	changes, err := live.Changes{Limit: 77 * time.Minute}.SetPriorities(now, map[string]float64{sm1: 2, sm2: 3})
	require.NoError(t, err)
	for _, c := range changes {
		require.Equal(t, 77*time.Minute, c.Limit)
	}
}

// What is installed already is not sent again, though nobody looked before.
func TestAnInstalledConfigurationIsNotSentAgain(t *testing.T) {
	w, changes := moving(t, mongotest.Wire44)
	first := changes[0]
	first.Needs, first.Proof, first.Probe, first.Repeat = nil, nil, nil, op.Idempotent
	site := change.Over(w.Runner, w.Clock())
	site.Connect = w.Dial
	for range 2 {
		res, err := first.Op.Do(t.Context(), site)
		require.NoError(t, err)
		require.Equal(t, 1, w.reconfigurations())
		if len(res.Stdout) > 0 {
			require.Equal(t, "installed already", string(res.Stdout))
		}
	}
	_, err := evenkeel.Run(t.Context(), bookOf(first), w, options(w))
	require.NoError(t, err)
	require.Equal(t, 1, w.reconfigurations())
}

// A server that knows hello is not asked in the old way.
func TestHelloIsAskedOnce(t *testing.T) {
	set, err := mongotest.Start(balance(), mongotest.Options{Wire: mongotest.Wire70})
	require.NoError(t, err)
	var asked []string
	rs := live.NewReplicaSet("set02", []string{sm1}, answering(set.Dial, func(_ live.Conn, cmd bson.D) (bson.Raw, error) {
		asked = append(asked, cmd[0].Key)
		return nil, nil
	}), live.Options{Sleep: set.Sleep})
	_, err = rs.Hello(t.Context(), sm1)
	require.NoError(t, err)
	require.Equal(t, []string{"hello"}, asked)
}

// An oplog without a size is none: nothing can be told of how long it reaches.
func TestAnOplogWithoutASize(t *testing.T) {
	set, err := mongotest.Start(balance(), mongotest.Options{})
	require.NoError(t, err)
	rs := live.NewReplicaSet("set02", []string{sm1}, answering(set.Dial, func(_ live.Conn, cmd bson.D) (bson.Raw, error) {
		if cmd[0].Key != "collStats" {
			return nil, nil
		}
		return bson.Marshal(bson.D{{Key: "ok", Value: 1.0}, {Key: "maxSize", Value: int64(0)}, {Key: "size", Value: int64(1)}, {Key: "capped", Value: true}})
	}), live.Options{Sleep: set.Sleep})
	_, err = rs.Oplog(t.Context(), sm1)
	require.ErrorContains(t, err, "cannot read the size of the oplog")
}
