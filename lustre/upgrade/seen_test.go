package upgrade_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// What the journal tells of what served where is what really happened, as far as looks can see: each target is where it is said to be, and
// it was down for no less and no more than is said. What no look saw lasted no longer than the longest time between two.
func TestTheJournalTellsWhatServed(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	for _, stop := range []int{0, 120, 200} { // 0: never
		p := s.play(t)
		first := p.w.Report().Commands
		p.stop = make(chan struct{})
		p.w.BeforeEffect = func(string, sshexec.Cmd) {
			if p.stop != nil && stop > 0 && p.w.Report().Commands == first+stop-1 {
				close(p.stop)
			}
		}
		if err := p.run(); stop > 0 {
			require.ErrorIs(t, err, evenkeel.ErrStopped)
			requireTold(t, p)
			p.w.Advance(time.Hour)
			p.stop = nil
			if stop == 120 {
				require.NoError(t, p.rollBack())
			} else {
				require.NoError(t, p.resume())
			}
		} else {
			require.NoError(t, err)
		}
		requireTold(t, p)
	}
}

func requireTold(t *testing.T, p *play) {
	t.Helper()
	st, err := evenkeel.ReadState(p.journal.Records())
	require.NoError(t, err)
	require.Len(t, st.Serving, len(p.w.Report().Targets))
	for _, seen := range st.Serving {
		truth := p.w.Report().Target(seen.What)
		require.Equal(t, []string{seen.Where}, truth.On, seen.What)
		require.Equal(t, len(truth.Windows) > 0, len(seen.Outages) > 0, seen.What)
		least := time.Duration(0)
		for _, o := range seen.Outages {
			least += o.Least
			_, known := o.Most()
			require.True(t, known, "%s: %+v", seen.What, o)
		}
		require.LessOrEqual(t, least, truth.Down, seen.What)
		for _, w := range truth.Windows {
			within := slices.ContainsFunc(seen.Outages, func(o evenkeel.Outage) bool { return !w.From.Before(o.Served) && !w.To.After(o.Again) })
			require.True(t, within || w.Length(w.To) <= seen.Gap, "%s was down from %s to %s: %+v", seen.What, w.From, w.To, seen)
		}
		t.Logf("%s: down for %s, told: at least %s, %d times", seen.What, truth.Down, least, len(seen.Outages))
	}
}
