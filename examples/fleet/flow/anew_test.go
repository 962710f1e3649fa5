package flow

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"github.com/evenkeel-ha/evenkeel"
)

// A life of a workflow that was terminated and begun anew has the number of the new one's, and knows the same records:
// it is refused all the same.
func TestALifeOfAWorkflowThatWasBegunAnew(t *testing.T) {
	_, c := server(t)
	j, m := one(t, "s1[a] s2[b]")
	reached, goOn := m.holdBefore("b")
	old := started(t, c, j.in("p1")) // no worker yet
	require.NoError(t, c.TerminateWorkflow(t.Context(), "p1", old.GetRunID(), "a test"))
	run := started(t, c, j.in("p1"))
	work(t, c, j, "w1")
	defer close(goOn)
	<-reached
	now := workflow.Execution{ID: "p1", RunID: run.GetRunID()}
	zombie, err := openJournal(t.Context(), c, now, start{Life: 1, First: old.GetRunID()})
	require.NoError(t, err)
	require.NotEmpty(t, zombie.Records())
	before := len(records(t, c, "p1"))
	require.ErrorContains(t, zombie.Append(evenkeel.Record{Kind: evenkeel.KindPause, Step: "s2"}), "did not take a record")
	require.Len(t, records(t, c, "p1"), before)

	// Nor is a record taken that does not follow the journal.
	other, err := openJournal(t.Context(), c, now, start{Life: 1, First: run.GetRunID()})
	require.NoError(t, err)
	last := other.Records()[before-1]
	other.MemJournal = evenkeel.MemJournal{}
	for _, r := range zombie.Records()[:before-1] {
		require.NoError(t, other.MemJournal.Append(r))
	}
	last.Output = "something else"
	require.NoError(t, other.MemJournal.Append(last))
	require.ErrorContains(t, other.Append(evenkeel.Record{Kind: evenkeel.KindPause, Step: "s2"}), "does not follow the journal")
	list, err := History(t.Context(), c, "p1")
	require.NoError(t, err)
	require.Len(t, list, before, "the journal can be exported")
}
