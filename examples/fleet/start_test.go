package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/flow"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// journalFile is the journal of a small run, in a file.
func journalFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "journal.jsonl")
	rb := &evenkeel.Runbook{Name: "test", Title: "Test", Steps: []evenkeel.Step{
		{ID: "s1", Title: "One", Host: "h", Harmless: "a test", Actions: []evenkeel.Action{evenkeel.Do("a", "Do a", "do", "a")}}}}
	j, err := evenkeel.OpenJournal(file)
	require.NoError(t, err)
	defer func() { require.NoError(t, j.Close()) }()
	does := sshexec.RunnerFunc(func(context.Context, sshexec.Cmd) (sshexec.Result, error) {
		return sshexec.Result{Outcome: sshexec.Exited}, nil
	})
	hosts := evenkeel.HostMap{"h": sshexec.WithSimLease("h", &sshexec.SimLease{}, does)}
	_, err = evenkeel.Run(t.Context(), rb, hosts, evenkeel.Options{Journal: j})
	require.NoError(t, err)
	return file
}

// A rollback without a run to roll back is refused: it would end as rolled back, with nothing touched.
func TestARollbackWantsAJournal(t *testing.T) {
	var in flow.In
	require.ErrorContains(t, goesOn(&in, "", true), "--rollback wants --journal")
	empty := filepath.Join(t.TempDir(), "empty.jsonl")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	require.ErrorIs(t, goesOn(&in, empty, true), evenkeel.ErrJournalEmpty)
	require.Equal(t, flow.In{}, in)
	require.NoError(t, goesOn(&in, "", false))
	require.Equal(t, flow.In{}, in)

	file := journalFile(t)
	require.NoError(t, goesOn(&in, file, false))
	require.Nil(t, in.Back)
	require.NoError(t, goesOn(&in, file, true))
	records, err := flow.Unpack(in.Journal)
	require.NoError(t, err)
	require.Equal(t, len(records), *in.Back)
}

// A journal that a process still writes is refused: the run would be carried out twice.
func TestAJournalInUseIsRefused(t *testing.T) {
	file := journalFile(t)
	j, err := evenkeel.OpenJournal(file)
	require.NoError(t, err)
	var in flow.In
	require.ErrorIs(t, goesOn(&in, file, false), evenkeel.ErrJournalInUse)
	require.Equal(t, flow.In{}, in)
	require.NoError(t, j.Close())
	require.NoError(t, goesOn(&in, file, false))
}

// Only of a pair that is known to rest no record follows.
func TestWhatRests(t *testing.T) {
	for _, state := range []course.State{course.Stopped, course.Paused, course.Failed, course.KeptOut, course.Finished, course.RolledBack} {
		require.NoError(t, restsAt(course.Standing{Pair: "p", State: state}), state)
	}
	require.ErrorContains(t, restsAt(course.Standing{Pair: "p", State: course.Running, Step: "s1"}), `under way at step "s1"`)
	for _, state := range []course.State{"", "unknown", "another"} {
		require.ErrorContains(t, restsAt(course.Standing{Pair: "p", State: state}), "not known whether p rests")
	}
}
