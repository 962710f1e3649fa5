package flow

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// locked is a pair whose machine lets nobody take its lease while a command of a life before runs.
type locked struct {
	jobs
	mu   sync.Mutex
	runs string                          // that command; empty for none
	hang func(ctx context.Context) error // what a command waits for, once; nil for nothing
	wait time.Duration                   // evenkeel.Options.TakeoverWait
	open chan struct{}                   // is told of each life that begins
}

func (l *locked) Open(ctx context.Context, pair string) (*Open, error) {
	l.open <- struct{}{}
	open, err := l.jobs.Open(ctx, pair)
	m := l.machines[pair]
	open.Options.TakeoverWait = l.wait
	open.Hosts = evenkeel.HostMap{"h": sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res, err, handled, hang := l.lease(&m.lease, cmd)
		if handled {
			return res, err
		}
		if hang == nil {
			return m.run(ctx, cmd)
		}
		err = hang(ctx)
		l.set("")
		res.Outcome = sshexec.Unknown
		return res, sshexec.Failure("h", cmd, res, err)
	})}
	return open, err
}

// lease asks the lease, and tells what the command waits for.
func (l *locked) lease(lease *sshexec.SimLease, cmd sshexec.Cmd) (res sshexec.Result, err error, handled bool, hang func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lease.Running = l.runs
	if res, err, handled = lease.Do("h", cmd); !handled && cmd.Argv[0] == "do" && cmd.Argv[1] == "b" && l.hang != nil {
		hang, l.hang, l.runs = l.hang, nil, cmd.String()
	}
	return res, err, handled, hang
}

func (l *locked) set(runs string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs = runs
}

// A worker that lives and was given up hears of it, also after signs of life that did not come through: what it performs ends,
// and the next life takes the leases over.
func TestAWorkerThatWasGivenUpEnds(t *testing.T) {
	ts, c := server(t)
	j, m := one(t, "s1[a] s2[b.never] s3[c]")
	reached, ended := make(chan struct{}), make(chan error, 1)
	l := &locked{jobs: j, open: make(chan struct{}, 9), hang: func(ctx context.Context) error {
		close(reached)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return context.Cause(ctx)
	}}
	w := newWire(t, ts.GetFrontendHostPort())
	first := NewWorker(w.client(t, ts), l, WorkerOptions{Queue: "test", Name: "w1"})
	require.NoError(t, first.Start())
	t.Cleanup(func() { first.Stop(t.Context()) })
	run := started(t, c, j.in("p1"))
	<-reached
	<-l.open
	w.set(true, false)
	work(t, c, l, "w2")
	<-l.open // the first life was given up
	require.Empty(t, ended)
	w.set(false, false)
	select {
	case err := <-ended:
		var none *serviceerror.NotFound
		require.ErrorAs(t, err, &none)
	case <-time.After(timeLimit):
		t.Fatal("what it performs does not end")
	}
	var out Out
	require.NoError(t, run.Get(t.Context(), &out))
	require.Equal(t, course.Finished, out.State)
	require.Equal(t, "a b c", m.did())
	require.Positive(t, out.Standing.Lost)
	require.Empty(t, out.Standing.Asked, "no operator was needed")
	var beats []time.Duration
	for _, e := range historyOf(t, c, "p1").GetEvents() {
		if at := e.GetActivityTaskScheduledEventAttributes(); at.GetActivityType().GetName() == activityPerform {
			beats = append(beats, at.GetHeartbeatTimeout().AsDuration())
		}
	}
	require.Equal(t, quick.Heartbeat, beats[0])
	require.GreaterOrEqual(t, beats[len(beats)-1], 2*quick.Heartbeat, "the life that followed had more time")
}

// Where a command of an earlier life still runs, a life begins again by itself, until that has ended.
func TestALifeBeginsAgainWhereACommandStillRuns(t *testing.T) {
	_, c := server(t)
	j, m := one(t, "s1[a] s2[b]")
	l := &locked{jobs: j, open: make(chan struct{}, 99), runs: "do something", wait: time.Millisecond}
	work(t, c, l, "w1")
	run := started(t, c, j.in("p1"))
	require.Eventually(t, func() bool { return where(t, c, "p1").Lives > 2 }, timeLimit, pollTime)
	s := where(t, c, "p1")
	require.Equal(t, course.Running, s.State)
	require.Contains(t, s.Why, "begins again by itself: ")
	require.Contains(t, s.Why, "do something")

	ask(t, c, "p1", Ask{What: AskStop}) // an operator is heard between
	comesTo(t, c, "p1", course.Stopped)
	ask(t, c, "p1", Ask{What: AskResume})
	l.set("")
	var out Out
	require.NoError(t, run.Get(t.Context(), &out))
	require.Equal(t, course.Finished, out.State)
	require.Equal(t, "a b", m.did())
	require.Empty(t, out.Standing.Why)
	require.Zero(t, out.Standing.Lost)
}

// A command that does not end is an operator's matter in the end.
func TestKeptOutByACommand(t *testing.T) {
	j, _ := one(t, "s1[a]")
	p, err := (&Flows{Books: j}).newPair(j.in("p1"))
	require.NoError(t, err)
	busy := course.Ending{How: course.WasBusy, Held: &course.Held{State: course.KeptOut, Why: "h still runs mkfs"}}
	again := course.Ending{How: course.WasAsked}
	for range 2 {
		for n := range mostBusy - 1 {
			require.Equal(t, again, p.keptOut(busy), n)
			require.Contains(t, p.standing().Why, "h still runs mkfs")
		}
		require.Equal(t, course.Ending{How: course.WasHeld, Held: busy.Held}, p.keptOut(busy))
		require.Empty(t, p.standing().Why)
	}
	require.Equal(t, again, p.keptOut(busy))
	other := course.Ending{How: course.WasHeld, Held: &course.Held{State: course.KeptOut, Why: "leased to another run"}}
	require.Equal(t, other, p.keptOut(other), "nothing else begins again by itself")
	require.Zero(t, p.busy)
	require.Equal(t, again, p.keptOut(again))

	held := ending(&evenkeel.LeaseBusyError{Host: "h", Command: "mkfs"}, course.KeptOut)
	require.NotNil(t, held.Held)
	require.Equal(t, course.WasHeld, held.How, "in a life it is a failure")
	require.Equal(t, course.WasHeld, ending(errors.New("x"), course.KeptOut).How)
}
