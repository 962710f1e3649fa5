package flow

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
)

// idle gives a worker a life that nobody does anything for, as if it had begun it and heard of nothing since.
func idle(t *testing.T, c client.Client, w *Worker, id string, run client.WorkflowRun, n int, first string) *journal {
	t.Helper()
	s := start{Pair: "p1", Life: n, First: first}
	j, err := openJournal(t.Context(), c, workflow.Execution{ID: id, RunID: run.GetRunID()}, s)
	require.NoError(t, err)
	l := newLife(s)
	l.writes = j
	require.True(t, w.acts.admit("p1", l))
	return j
}

// A life that its workflow gave up while its worker did nothing for it is found when that worker ends: its drain ends by
// itself. One whose records are taken is not cut off.
func TestADrainForgetsALifeThatWasGivenUp(t *testing.T) {
	ts, c := server(t)
	j, m := one(t, "s1[a] s2[b]")
	reached, goOn := m.holdBefore("b")
	work(t, c, j, "w1")
	old := started(t, c, j.in("p1"))
	require.NoError(t, c.TerminateWorkflow(t.Context(), "p1", old.GetRunID(), "a test"))
	run := started(t, c, j.in("p1"))
	<-reached
	second := NewWorker(c, j, WorkerOptions{Queue: "another", Name: "w2"})
	for name, tc := range map[string]struct {
		life  int
		first string
		want  bool
	}{
		"its records are taken":             {1, run.GetRunID(), false},
		"another life was begun":            {2, run.GetRunID(), true},
		"the workflow was begun anew since": {1, old.GetRunID(), true},
	} {
		is, err := idle(t, c, second, "p1", run, tc.life, tc.first).givenUp(t.Context())
		require.NoError(t, err, name)
		require.Equal(t, tc.want, is, name)
	}

	idle(t, c, second, "p1", run, 1, run.GetRunID())
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	second.acts.drain(ctx)
	cancel()
	require.NotEmpty(t, second.acts.lives, "a life whose records are taken is waited for")
	second.acts.draining = false
	zombie := idle(t, c, second, "p1", run, 1, old.GetRunID())
	second.acts.drain(t.Context()) // it ends
	require.Empty(t, second.acts.lives)

	close(goOn)
	var out Out
	require.NoError(t, run.Get(t.Context(), &out))
	require.Equal(t, course.Finished, out.State)
	second.acts.draining = false
	idle(t, c, second, "p1", run, 1, run.GetRunID())
	second.acts.drain(t.Context()) // its workflow has ended
	require.Empty(t, second.acts.lives)

	gone, err := client.Dial(client.Options{HostPort: ts.GetFrontendHostPort(), Namespace: ts.GetDefaultNamespace()})
	require.NoError(t, err)
	gone.Close()
	zombie.client = gone
	is, err := zombie.givenUp(t.Context())
	require.Error(t, err, "where the server does not tell, the life is kept")
	require.False(t, is)
}

// round is a server that answers when all pairs have been asked, but for one of which it tells nothing.
type round struct {
	client.Client
	all       sync.WaitGroup
	mu        sync.Mutex
	deadlines map[time.Time]bool
}

func (r *round) QueryWorkflowWithOptions(ctx context.Context, of *client.QueryWorkflowWithOptionsRequest) (*client.QueryWorkflowWithOptionsResponse,
	error) {
	r.mu.Lock()
	until, _ := ctx.Deadline()
	r.deadlines[until] = true
	r.mu.Unlock()
	r.all.Done()
	if of.WorkflowID == "silent" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	r.all.Wait()
	return nil, serviceerror.NewNotFound("it has ended")
}

// A workflow that does not answer holds up no other, and the round has one limit.
func TestKeptIsWhatDoesNotAnswer(t *testing.T) {
	a := &activities{lives: map[string]*life{}}
	r := &round{deadlines: map[time.Time]bool{}}
	for _, pair := range []string{"silent", "p1", "p2", "p3"} {
		r.all.Add(1)
		l := newLife(start{Pair: pair})
		l.writes = &journal{client: r, pair: pair}
		a.lives[pair] = l
	}
	begins := newLife(start{Pair: "p4"}) // it has no journal yet
	a.lives["p4"] = begins
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	over := make(chan struct{})
	go func() { defer close(over); a.askGivenUp(ctx) }()
	require.Eventually(t, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.lives) == 2
	}, timeLimit, time.Millisecond)
	cancel()
	<-over
	require.Contains(t, a.lives, "silent")
	require.NoError(t, a.lives["silent"].work.Err())
	require.Contains(t, a.lives, "p4")
	require.Len(t, r.deadlines, 1)
}
