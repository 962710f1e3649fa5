package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// An engine of one's own gets from a configuration all that a run needs but its journal: it goes through the simulated
// world that another part of the program serves, which can be held at a command.
func TestAnEngineOfOnesOwn(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a whole run")
	}
	sim, err := app().Serve(t.Context(), filepath.Join(t.TempDir(), "w"))
	require.NoError(t, err)
	defer sim.Close()
	book, err := app().Book(sim.Config())
	require.NoError(t, err)
	ready, err := app().Ready(t.Context(), sim.Config())
	require.NoError(t, err)
	defer ready.Close()
	require.Equal(t, book.Digest(), ready.Runbook.Digest())
	require.True(t, ready.Options.Simulated)

	held := sim.Hold("after", "shutdown")
	go func() {
		<-held
		sim.Release() // nobody hears of its effect: it is probed
	}()
	opts := ready.Options
	journal := &evenkeel.MemJournal{}
	opts.Journal = journal
	life, err := evenkeel.BeginRun(t.Context(), ready.Runbook, ready.Hosts, opts)
	require.NoError(t, err)
	for list := life.Next(); list[0].Work(); list = life.Next() {
		require.NoError(t, life.Perform(t.Context(), list[0]))
	}
	report, err := life.End()
	require.NoError(t, err)
	require.True(t, report.State.Done)
	require.NoError(t, sim.Do(func(w cli.SimWorld) error {
		require.Empty(t, w.Report().Violations)
		return nil
	}))
	require.Positive(t, sim.Commands())
}
