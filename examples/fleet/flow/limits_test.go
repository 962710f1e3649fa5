package flow

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A life that follows lost ones gets longer: a machine that is busy comes to its end all the same.
func TestLimitsGrow(t *testing.T) {
	for lost, times := range []time.Duration{1, 2, 4, 4, 4} {
		require.Equal(t, Limits{times * 20 * time.Second, times * 30 * time.Second}, Limits{}.after(lost))
		require.Equal(t, Limits{times * 6 * time.Second, times * time.Minute}, Limits{6 * time.Second, time.Minute}.after(lost))
	}
}
