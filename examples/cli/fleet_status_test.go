package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// What a fleet noted that is not there any more says nothing of a pair that its own command carries out.
func TestStatusOfAPairAtWorkByItself(t *testing.T) {
	d := onDisk(t, "", "a")
	f, err := d.app.loadFleet(d.file("fleet.yaml"))
	require.NoError(t, err)
	fleet, err := evenkeel.OpenJournal(f.journal())
	require.NoError(t, err)
	for _, r := range []evenkeel.Record{{Kind: evenkeel.KindBegin, Run: f.info()}, {Kind: evenkeel.KindStart, Step: "all", Action: "a"},
		{Kind: evenkeel.KindPause, Step: "all", Action: "a", Error: "waits for b"}} {
		require.NoError(t, fleet.Append(stamped(r)))
	}
	own, err := evenkeel.OpenJournal(d.journal("a"))
	require.NoError(t, err)
	defer func() { _ = own.Close() }()
	life, err := evenkeel.BeginRun(t.Context(), titled("Test"), d.machine("a"), evenkeel.Options{Journal: own})
	require.NoError(t, err)
	require.NoError(t, life.Perform(t.Context(), life.Next()[0]))
	s, err := f.status(nil)
	require.NoError(t, err)
	require.Equal(t, stateWaiting, s.Pairs[0].State, "the fleet is at work")
	require.Equal(t, "waits for b", s.Pairs[0].Why)
	require.NoError(t, fleet.Close())
	s, err = f.status(nil)
	require.NoError(t, err)
	require.Equal(t, stateRunning, s.Pairs[0].State)
	require.Equal(t, stateStopped, s.State)
}

// A fleet is finished as long as its pairs are.
func TestStatusAfterARollback(t *testing.T) {
	d := onDisk(t, "", "a")
	d.run("a", "Test", -1, false)
	code, said := d.carryOut("run", "--finished")
	require.Equal(t, ExitDone, code, said)
	_, _ = d.carryOut("status")
	require.Contains(t, d.out.String(), "fleet.yaml: finished, 1 pair: 1 finished\n")
	d.rollback("a", "Test")
	code, said = d.carryOut("status")
	require.Equal(t, ExitDone, code, said)
	require.Contains(t, d.out.String(), "fleet.yaml: stopped, 1 pair: 1 rolled back\n")
}
