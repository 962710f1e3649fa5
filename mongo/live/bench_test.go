package live_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
)

// BenchmarkSwapInProcess moves a primary there and back, on a simulated set in simulated time.
func BenchmarkSwapInProcess(b *testing.B) {
	for b.Loop() {
		set, err := mongotest.Start(balance(), mongotest.Options{})
		require.NoError(b, err)
		rs := live.NewReplicaSet("set02", []string{sm1}, set.Dial, live.Options{Sleep: set.Sleep})
		_, err = rs.SetPriorities(b.Context(), map[string]float64{sm1: 2, sm2: 3}, nil)
		require.NoError(b, err)
	}
}
