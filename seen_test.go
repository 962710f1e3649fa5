package evenkeel_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// What serves where is the journal's, whichever life saw it: the run, one that was killed at any record and taken up again, a rollback, and
// one that was killed.
func TestWhatServesIsTheJournals(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe undo:u.safe] s2[b.safe undo:v.safe]")
	where, m := "", (*machine)(nil)
	moves := func() {
		for _, what := range m.log {
			if is, known := map[string]string{"a": "", "b": "n2", "v": "", "u": "n1"}[what]; known {
				where = is
			}
		}
	}
	rb.Invariants = []evenkeel.Invariant{{ID: "served", Title: "It is told where it serves.", Absolute: true,
		Check: func(_ context.Context, at evenkeel.Site) error {
			moves()
			at.Saw(evenkeel.Serving{What: "x", Where: where})
			return nil
		}}}
	told := func(j evenkeel.Journal) (list []string) {
		st := stateOf(t, j)
		require.Len(t, st.Serving, 1)
		for _, o := range st.Serving[0].Outages {
			most, known := o.Most()
			require.True(t, known && most > o.Least, "%+v", o)
			require.False(t, o.Down.IsZero(), "%+v", o)
			list = append(list, o.From+">"+o.To)
		}
		return append(list, st.Serving[0].Where)
	}
	crashes := 0
	for at := 1; ; at++ {
		clock := &stepClock{}
		m, where = newMachine(fmt.Sprintf("CRASH@record:%d", at)), "n1"
		j := &evenkeel.MemJournal{}
		life := func(start func(context.Context, *evenkeel.Runbook, evenkeel.Hosts, evenkeel.Options) (*evenkeel.Report, error), faults string) (died bool) {
			moves()
			m.live(faults)
			end := m.life(t, func(ctx context.Context, rb *evenkeel.Runbook, hosts evenkeel.Hosts, opts evenkeel.Options) (*evenkeel.Report, error) {
				opts.Clock = clock // one for all lives
				return start(ctx, rb, hosts, opts)
			}, rb, j)
			require.Contains(t, []string{"=done", "=died"}, end, "crash at record %d", at)
			return end == "=died"
		}
		crash := fmt.Sprintf("CRASH@record:%d", at)
		forth := life(evenkeel.Run, crash)
		if forth {
			life(evenkeel.Resume, "-")
		}
		require.Equal(t, []string{"n1>n2", "n2"}, told(j), "crash at record %d", at)
		back := life(evenkeel.Rollback, crash)
		if back {
			life(evenkeel.Rollback, "-")
		}
		require.Equal(t, []string{"n1>n2", "n2>n1", "n1"}, told(j), "crash at record %d of the rollback", at)
		if !forth && !back {
			break
		}
		crashes++
	}
	require.Greater(t, crashes, 10)
}
