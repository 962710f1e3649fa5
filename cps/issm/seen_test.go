package issm_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
)

// What the journal tells of the replica sets is what really happened: each has the primary that it is said to have, and was without one for no
// less than is said.
func TestTheJournalTellsThePrimaries(t *testing.T) {
	w := deploy(t, cpstest.Options{})
	o := runOn(t, runbook(t, issm.Config{ArchiveDir: t.TempDir()}), w, "")
	require.NoError(t, o.err)
	st, err := evenkeel.ReadState(o.journal.Records())
	require.NoError(t, err)
	moved := 0
	for _, set := range w.Report().Replicas {
		i := slices.IndexFunc(st.Serving, func(s evenkeel.Seen) bool { return s.What == set.Set })
		require.GreaterOrEqual(t, i, 0, set.Set)
		seen, least := st.Serving[i], time.Duration(0)
		require.Contains(t, set.Primary, seen.Where)
		require.NotEmpty(t, seen.Where)
		for _, out := range seen.Outages {
			least += out.Least
		}
		require.LessOrEqual(t, least, set.WithoutPrimary, "%s: %+v", set.Set, seen)
		moved += len(seen.Outages)
	}
	require.Positive(t, moved)
	records := 0
	for _, r := range o.journal.Records() {
		if r.Kind == evenkeel.KindSaw {
			records++
		}
	}
	t.Logf("%d of %d records are of looks", records, len(o.journal.Records()))
	require.Less(t, records, len(o.journal.Records())/4)
}
