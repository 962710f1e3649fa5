package mongo_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/evenkeel-ha/evenkeel/mongo"
)

// What internal/mutate found nobody to miss in what is computed of sets.

// The order in which samples of a lag are given does not matter.
func TestSamplesOfALagInAnyOrder(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	samples := []mongo.LagSample{{At: at, Lag: time.Minute}, {At: at.Add(time.Minute), Lag: 2 * time.Minute}, {At: at.Add(2 * time.Minute), Lag: 3 * time.Minute}}
	want := mongo.RollingOver(samples, time.Hour)
	require.Equal(t, mongo.FallingBehind, want.Trend)
	slices.Reverse(samples)
	require.Equal(t, want, mongo.RollingOver(samples, time.Hour))
}

// An oplog whose ends are the wrong way round reaches back not at all, and not for ever.
func TestAnOplogWhoseEndsAreTurnedRound(t *testing.T) {
	o := mongo.Oplog{Size: 1, First: primitive.Timestamp{T: 9}, Last: primitive.Timestamp{T: 4}}
	require.Zero(t, o.Window())
	require.Zero(t, o.Rate())
}

// A configuration of sharding that came to be since the step was planned is a change by somebody else, and no proof.
func TestAShardingConfigurationThatCameToBe(t *testing.T) {
	step := mongo.ShardingStep{Op: mongo.BumpConfigVersion, Before: mongo.ShardingState{Set: "s"}}
	done, err := step.Probe(mongo.ShardingState{Set: "s"})
	require.NoError(t, err)
	require.True(t, done)
	_, err = step.Probe(mongo.ShardingState{Set: "s", HasConfig: true, ConfigVersion: 1})
	require.ErrorIs(t, err, mongo.ErrShardingChanged)
}
