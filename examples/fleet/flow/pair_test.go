package flow

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
)

// work starts a worker, and stops it at the end of the test.
func work(t *testing.T, c client.Client, j Jobs, name string) *Worker {
	t.Helper()
	w := NewWorker(c, j, WorkerOptions{Queue: "test", Name: name, Crashed: func(kind string, stack []byte) {
		_, _ = fmt.Fprintf(os.Stderr, "%s\n%s\n", kind, stack)
	}})
	require.NoError(t, w.Start())
	t.Cleanup(func() { w.Stop(t.Context()) })
	return w
}

// A pair goes through its workflow and its activities to its end, and its journal is the one that Run writes.
func TestOnePair(t *testing.T) {
	_, c := server(t)
	j, m := one(t, "s1[a b.never] s2[c.probe]")
	work(t, c, j, "w1")
	run := started(t, c, j.in("p1"))
	var out Out
	require.NoError(t, run.Get(t.Context(), &out))
	require.Equal(t, course.Finished, out.State)
	require.Equal(t, "a b c", m.did())

	plain := newMachine()
	journal := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), j.books["p1"], plain.hosts(), evenkeel.Options{Journal: journal, Holder: "test@here"})
	require.NoError(t, err)
	require.Equal(t, kinds(journal.Records()), kinds(records(t, c, "p1")))
	require.Equal(t, plain.did(), m.did())
}

// records are those of a pair's journal, as its workflow has them.
func records(t *testing.T, c client.Client, pair string) []evenkeel.Record {
	t.Helper()
	answer, err := c.QueryWorkflow(t.Context(), pair, "", QueryJournal)
	require.NoError(t, err)
	var packed []byte
	require.NoError(t, answer.Get(&packed))
	list, err := Unpack(packed)
	require.NoError(t, err)
	return list
}
