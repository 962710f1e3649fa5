package mongo_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
)

// BenchmarkSwapInProcess moves a primary there and back, on a simulated set in simulated time.
func BenchmarkSwapInProcess(b *testing.B) {
	for b.Loop() {
		set, err := mongotest.Start(balance(), mongotest.Options{})
		require.NoError(b, err)
		rs := mongo.NewReplicaSet("set02", []string{sm1}, set.Dial, mongo.Options{Sleep: set.Sleep})
		_, err = rs.SetPriorities(b.Context(), map[string]float64{sm1: 2, sm2: 3}, nil)
		require.NoError(b, err)
	}
}
