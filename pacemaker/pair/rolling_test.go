package pair_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair/pairtest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

// rollingScene is a pair of EL 9 that gets the latest minor release.
func rollingScene(t testing.TB, o pairtest.Options, mend func(*pair.Config)) *scene {
	t.Helper()
	o.Release = "el9"
	return newScene(t, o, func(c *pair.Config) {
		c.Way, c.From, c.To, c.Password, c.Versions = readiness.Rolling, "el9", "el9", "", pairtest.Versions("el9")
		if mend != nil {
			mend(c)
		}
	})
}

// Straight through: each unit is down in its windows alone, and everything is where it belongs, with the new software on both nodes.
func TestThePairIsUpdated(t *testing.T) {
	s := rollingScene(t, pairtest.Options{}, nil)
	opts := options(s.world, &evenkeel.MemJournal{})
	opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) { t.Log(e.Elapsed.Round(time.Second), e.Kind, e.Host, e.Text) })
	report, err := evenkeel.Run(t.Context(), s.book, s.world, opts)
	require.NoError(t, err)
	require.True(t, report.State.Done)
	require.NoError(t, s.world.Check())
	t.Log(s.world.EndState())
	for _, v := range s.world.Report().Services {
		t.Log(v)
	}
	for _, w := range report.State.Closed {
		require.Less(t, w.Lasted(), w.Limit, w.ID)
	}
}
