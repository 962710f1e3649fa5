package flow

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
)

func where(t *testing.T, c client.Client, pair string) (s course.Standing) {
	t.Helper()
	answer, err := c.QueryWorkflow(t.Context(), pair, "", QueryStanding)
	if err == nil {
		err = answer.Get(&s)
	}
	require.NoError(t, err)
	return s
}

// comesTo waits until a pair stands somewhere.
func comesTo(t *testing.T, c client.Client, pair string, state course.State) course.Standing {
	t.Helper()
	var s course.Standing
	require.Eventually(t, func() bool { s = where(t, c, pair); return s.State == state }, time.Minute, 50*time.Millisecond,
		"%s does not come to %s", pair, state)
	return s
}

func ask(t *testing.T, c client.Client, pair string, a Ask) {
	t.Helper()
	a.Word = course.Word{By: "anna", At: time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC), Text: "I looked"}
	require.NoError(t, c.SignalWorkflow(t.Context(), pair, "", SignalAsk, a))
}

// What an operator confirms is journalled with who and when; the pair waits for it without a life.
func TestAConfirmation(t *testing.T) {
	_, c := server(t)
	j, m := one(t, "s1[a] s2[m.word b.never]")
	w := work(t, c, j, "w1")
	run := started(t, c, j.in("p1"))
	s := comesTo(t, c, "p1", course.Paused)
	require.Equal(t, "s2", s.Step)
	require.Contains(t, s.Why, "confirm s2/m")
	w.acts.mu.Lock()
	require.Empty(t, w.acts.lives, "nobody waits in a worker")
	w.acts.mu.Unlock()
	ask(t, c, "p1", Ask{What: AskConfirm, Name: "s2/m"})
	var out Out
	require.NoError(t, run.Get(t.Context(), &out))
	require.Equal(t, course.Finished, out.State)
	require.Equal(t, "a b", m.did())
	var said []string
	for _, r := range records(t, c, "p1") {
		if r.Output != "" {
			said = append(said, r.Output)
		}
	}
	require.Equal(t, []string{"confirmed by anna at 2026-03-01T02:00:00Z: I looked"}, said)
}

// A failed step waits for an operator, who mends it and resumes; or rolls back.
func TestAFailure(t *testing.T) {
	_, c := server(t)
	j, m := one(t, "s1[a undo:u] s2[b]")
	work(t, c, j, "w1")
	m.fail["b"] = true
	run := started(t, c, j.in("p1"))
	s := comesTo(t, c, "p1", course.Failed)
	require.Contains(t, s.Why, "exit status 1")
	_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "p1", TaskQueue: "test",
		WorkflowExecutionErrorWhenAlreadyStarted: true}, PairWorkflow, j.in("p1"))
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	require.ErrorAs(t, err, &already, "a second run of the pair is refused")
	ask(t, c, "p1", Ask{What: AskResume})
	require.Eventually(t, func() bool { return where(t, c, "p1").Lives == 2 }, time.Minute, 50*time.Millisecond)
	comesTo(t, c, "p1", course.Failed)
	ask(t, c, "p1", Ask{What: AskRollback})
	var out Out
	require.NoError(t, run.Get(t.Context(), &out))
	require.Equal(t, course.RolledBack, out.State)
	require.Equal(t, "a b! b! u", m.did())
	require.Len(t, out.Standing.Asked, 2)
}

// A stop is taken at a safe point, and the place is kept.
func TestAStop(t *testing.T) {
	_, c := server(t)
	j, m := one(t, "s1[a] s2[b] s3[c]")
	reached, goOn := m.holdBefore("b")
	work(t, c, j, "w1")
	run := started(t, c, j.in("p1"))
	<-reached
	ask(t, c, "p1", Ask{What: AskStop})
	require.Eventually(t, func() bool { return len(where(t, c, "p1").Asked) == 1 }, time.Minute, 20*time.Millisecond)
	time.Sleep(300 * time.Millisecond) // for the word to come to the life
	close(goOn)
	comesTo(t, c, "p1", course.Stopped)
	require.Eventually(t, func() bool { return m.did() == "a b" }, time.Minute, 20*time.Millisecond)
	ask(t, c, "p1", Ask{What: AskResume})
	require.NoError(t, run.Get(t.Context(), nil))
	require.Equal(t, "a b c", m.did())
}

// A worker that ends hands its pairs over at a safe point: no worker is lost, and nothing is asked twice.
func TestAHandover(t *testing.T) {
	_, c := server(t)
	j, m := one(t, "s1[a] s2[b.never] s3[c.never]")
	reached, goOn := m.holdBefore("b")
	first := work(t, c, j, "w1")
	run := started(t, c, j.in("p1"))
	<-reached
	work(t, c, j, "w2")
	gone := make(chan struct{})
	go func() { defer close(gone); first.Stop(context.Background()) }()
	require.Eventually(t, func() bool {
		first.acts.mu.Lock()
		defer first.acts.mu.Unlock()
		return first.acts.draining
	}, time.Minute, 10*time.Millisecond)
	time.Sleep(300 * time.Millisecond)
	close(goOn)
	<-gone
	var out Out
	require.NoError(t, run.Get(t.Context(), &out))
	require.Equal(t, "a b c", m.did())
	require.Zero(t, out.Standing.Lost)
	require.GreaterOrEqual(t, out.Standing.Lives, 2)
}

// A worker with another runbook does not go on with a run; one with the right one does.
func TestAnotherRunbookIsRefused(t *testing.T) {
	_, c := server(t)
	j, m := one(t, "s1[a]")
	other, n := one(t, "s1[a b]")
	bad := work(t, c, other, "w1")
	run := started(t, c, j.in("p1"))
	time.Sleep(time.Second)
	require.Empty(t, n.did())
	bad.Stop(t.Context())
	work(t, c, j, "w2")
	require.NoError(t, run.Get(t.Context(), nil))
	require.Equal(t, "a", m.did())
	require.Empty(t, n.did())
}

// The journal of another runbook is refused before anything is done.
func TestTheJournalOfAnotherRunbookIsRefused(t *testing.T) {
	_, c := server(t)
	j, m := one(t, "s1[a] s2[b]")
	other := book(t, "test", "s1[a] s2[c]")
	n := newMachine()
	n.fail["c"] = true
	journal := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), other, n.hosts(), evenkeel.Options{Journal: journal})
	require.Error(t, err)
	in := j.in("p1")
	in.Journal, err = Pack(journal.Records())
	require.NoError(t, err)
	work(t, c, j, "w1")
	require.ErrorContains(t, started(t, c, in).Get(t.Context(), nil), "belongs to another runbook")
	require.Empty(t, m.did())
}

// A long run goes on in a new history, with its life, its journal and what operators have said.
func TestALongRunGoesOnInANewHistory(t *testing.T) {
	_, c := server(t)
	var text []string
	for _, step := range strings.Fields("s1 s2 s3 s4 s5 s6") {
		text = append(text, step+"["+step+"a "+step+"b.never]")
	}
	j, m := one(t, strings.Join(text, " "))
	in := j.in("p1")
	in.Events = 120
	work(t, c, j, "w1")
	run := started(t, c, in)
	first := run.GetRunID()
	require.NoError(t, run.Get(t.Context(), nil))
	require.Equal(t, "s1a s1b s2a s2b s3a s3b s4a s4b s5a s5b s6a s6b", m.did())
	is, err := c.DescribeWorkflowExecution(t.Context(), "p1", "")
	require.NoError(t, err)
	require.NotEqual(t, first, is.GetWorkflowExecutionInfo().GetExecution().GetRunId(), "there was a second history")
	history, err := History(t.Context(), c, "p1")
	require.NoError(t, err)
	st, err := evenkeel.ReadState(history)
	require.NoError(t, err)
	require.True(t, st.Done)
	require.Zero(t, st.Resumed, "the life went on")
}
