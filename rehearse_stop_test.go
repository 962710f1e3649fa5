package evenkeel_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// A rehearsal that is stopped begins no further schedule, and says what the ones before came to: the one that was under way counts neither as sound nor as broken.
func TestRehearseStopped(t *testing.T) {
	rb, w := parseRunbook(t, "s1[r.read a.safe b.never] s2[c.probe verify:v.read]"), newToyWorld()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	begun := 0
	report, err := evenkeel.Rehearse(ctx, rb, w, evenkeel.RehearsalPlan{Reset: func() error {
		if begun++; begun == 4 { // the straight run, two schedules, and one that is under way
			stop()
		}
		return nil
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 4, begun)
	require.Equal(t, 2, report.Schedules)
	require.Empty(t, report.Failures)
}
