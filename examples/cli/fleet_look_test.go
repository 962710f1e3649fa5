package cli

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// canary is a life of a fleet of two pairs: the first is finished, and its wave soaks. Its journal is on the disk.
func canary(t *testing.T) (*fleetRun, *diskFleet) {
	t.Helper()
	d := onDisk(t, "waves: [{name: canary, soak: 1h, confirm: true}, {name: rest}]", "a", "b, wave: rest")
	f, err := d.app.loadFleet(d.file("fleet.yaml"))
	require.NoError(t, err)
	d.run("a", "Test", -1, false)
	r := testFleet(t, 2)
	r.fleet, r.path = f, d.file("fleet.yaml")
	m, err := remember(nil)
	require.NoError(t, err)
	m.begun["a"], m.done["canary"] = true, time.Now()
	require.NoError(t, r.begin(m, false, false, false))
	return r, d
}

// A pair that its own rollback undoes while its wave soaks is a failure: nothing new begins.
func TestACanaryIsRolledBackWhileItSoaks(t *testing.T) {
	r, d := canary(t)
	next, over := r.decide(t.Context(), r.stop)
	require.False(t, over)
	require.Empty(t, next.Begin)
	d.rollback("a", "Test")
	r.now.Waves[0].Done = time.Now().Add(-time.Hour)
	next, over = r.decide(t.Context(), r.stop)
	require.Equal(t, stateRolledBack, r.now.Pairs[0].State)
	require.True(t, over)
	require.Empty(t, next.Begin)
}

// A pair that has not begun, and that its own command carries out elsewhere, is not begun here too; nor is it anew when it has failed here.
func TestAPairAtWorkElsewhereIsLeftAlone(t *testing.T) {
	r, d := canary(t)
	r.now.Waves[0] = waveNow{Done: time.Now().Add(-2 * time.Hour), Confirmed: true}
	journal, err := evenkeel.OpenJournal(d.journal("b"))
	require.NoError(t, err)
	life, err := evenkeel.BeginRun(t.Context(), titled("Test"), (&outageCount{}).machine(), evenkeel.Options{Journal: journal})
	require.NoError(t, err)
	require.NoError(t, life.Perform(t.Context(), life.Next()[0]))
	next, _ := r.decide(t.Context(), r.stop)
	require.Empty(t, next.Begin)
	require.Equal(t, stateStopped, r.now.Pairs[1].State)
	for list := life.Next(); len(list) > 0 && list[0].Work(); list = life.Next() {
		require.NoError(t, life.Perform(t.Context(), list[0]))
	}
	_, err = life.End()
	require.NoError(t, err)
	require.NoError(t, journal.Close())
	_, over := r.decide(t.Context(), r.stop)
	require.Equal(t, stateFinished, r.now.Pairs[1].State)
	require.True(t, over)

	r, d = canary(t)
	r.now.Waves[0] = waveNow{Done: time.Now().Add(-2 * time.Hour), Confirmed: true}
	r.now.Pairs[1].State = stateFailed
	_, over = r.decide(t.Context(), r.stop)
	require.Equal(t, stateFailed, r.now.Pairs[1].State, "its journal tells nothing")
	require.True(t, over)
	require.NoError(t, os.Remove(d.journal("a")))
	_, _ = r.decide(t.Context(), r.stop)
	require.Equal(t, stateFinished, r.now.Pairs[0].State, "a journal that is gone is not begun anew")
}
