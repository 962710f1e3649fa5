package sshexec_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// fanEvent is the start or the end of a command on a host, with the virtual time of it.
type fanEvent struct {
	host int
	at   time.Duration
}

// fanWorld is a set of hosts whose commands take a known time and end as told.
type fanWorld struct {
	takes []time.Duration
	fails []bool

	mu     sync.Mutex
	began  time.Time
	starts []fanEvent
	ends   []fanEvent
}

func (w *fanWorld) names() []string {
	names := make([]string, len(w.takes))
	for i := range names {
		names[i] = fmt.Sprintf("host%03d", i)
	}
	return names
}

func (w *fanWorld) runner(name string) (sshexec.Runner, error) {
	i := slices.Index(w.names(), name)
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		w.note(&w.starts, i)
		defer w.note(&w.ends, i)
		select {
		case <-time.After(w.takes[i]):
		case <-ctx.Done():
			return sshexec.Result{Outcome: sshexec.Unknown}, sshexec.Failure(name, cmd, sshexec.Result{Outcome: sshexec.Unknown}, ctx.Err())
		}
		res := sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(name)}
		if w.fails[i] {
			res.ExitCode = 1
		}
		return res, sshexec.Failure(name, cmd, res, nil)
	}), nil
}

func (w *fanWorld) note(list *[]fanEvent, host int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*list = append(*list, fanEvent{host, time.Since(w.began)})
}

// atOnce is the largest number of commands that ran at the same moment.
func (w *fanWorld) atOnce() int {
	type change struct {
		at time.Duration
		by int
	}
	var changes []change
	for _, e := range w.starts {
		changes = append(changes, change{e.at, 1})
	}
	for _, e := range w.ends {
		changes = append(changes, change{e.at, -1})
	}
	// An end makes room for a start at the same moment.
	slices.SortStableFunc(changes, func(a, b change) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return a.by - b.by
	})
	now, most := 0, 0
	for _, c := range changes {
		now += c.by
		most = max(most, now)
	}
	return most
}

// SSH-002, SSH-011: whatever the order in which hosts finish, results come in the order of the hosts; the limit holds
// and is used; every host has exactly one result; after the first failure nothing new starts, and what runs is let
// finish.
func TestEachProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(rt, "hosts")
		w := &fanWorld{takes: make([]time.Duration, n), fails: make([]bool, n)}
		for i := range n {
			// No two at the same moment: the order would be the scheduler's.
			w.takes[i] = time.Duration(rapid.IntRange(1, 50).Draw(rt, "ms"))*time.Millisecond + time.Duration(i)*time.Nanosecond
			w.fails[i] = rapid.Bool().Draw(rt, "fails") && rapid.Bool().Draw(rt, "really")
		}
		limit := rapid.IntRange(1, 5).Draw(rt, "limit")
		policy := rapid.SampledFrom([]sshexec.Policy{sshexec.StopOnFirst, sshexec.GoOn}).Draw(rt, "policy")
		hosts := w.names()
		var (
			came    []sshexec.HostResult
			results []sshexec.HostResult
			err     error
		)
		synctest.Test(t, func(t *testing.T) {
			w.began = time.Now()
			results, err = sshexec.Each(t.Context(), hosts, w.runner, sshexec.Command(sshexec.Mutating, "x"),
				sshexec.FanOptions{Limit: limit, Policy: policy, OnResult: func(r sshexec.HostResult) { came = append(came, r) }})
		})
		checkFan(rt, w, results, came, err, limit, policy)
	})
}

func checkFan(t *rapid.T, w *fanWorld, results, came []sshexec.HostResult, err error, limit int, policy sshexec.Policy) {
	hosts := w.names()
	require.Len(t, results, len(hosts))
	require.Len(t, came, len(hosts))
	var failedAt time.Duration = -1
	for _, e := range w.ends {
		if w.fails[e.host] {
			failedAt = e.at
			break
		}
	}
	ran := map[int]bool{}
	for _, e := range w.starts {
		require.False(t, ran[e.host], "host %d ran twice", e.host)
		ran[e.host] = true
		if policy == sshexec.StopOnFirst && failedAt >= 0 {
			require.LessOrEqual(t, e.at, failedAt, "host %d was started after a failure", e.host)
		}
	}
	require.Len(t, w.ends, len(w.starts))
	failed := 0
	for i, r := range results {
		require.Equal(t, hosts[i], r.Host)
		switch {
		case !ran[i]:
			require.ErrorIs(t, r.Err, sshexec.ErrNotReached)
			require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(r.Err))
		case w.fails[i]:
			failed++
			require.Equal(t, 1, r.Result.ExitCode)
			require.ErrorIs(t, err, r.Err)
		default:
			require.NoError(t, r.Err)
			require.Equal(t, hosts[i], r.Result.Text())
		}
		require.Contains(t, came, r)
	}
	for i, e := range w.ends {
		require.Equal(t, hosts[e.host], came[i].Host, "results come as commands end")
	}
	require.LessOrEqual(t, w.atOnce(), limit)
	if len(hosts) == 0 {
		require.ErrorIs(t, err, sshexec.ErrNoHosts, "nothing was done, and nobody is to take that for success")
		return
	}
	if failed == 0 {
		require.NoError(t, err)
		require.Equal(t, min(limit, len(hosts)), w.atOnce(), "the limit is used")
		return
	}
	var fe *sshexec.FanError
	require.ErrorAs(t, err, &fe)
	require.Len(t, fe.Failed, failed)
	require.Equal(t, len(hosts), fe.Total)
	require.Equal(t, len(hosts)-len(ran), fe.NotReached)
	if policy == sshexec.GoOn {
		require.Zero(t, fe.NotReached)
	}
	var ce *sshexec.CommandError
	require.ErrorAs(t, err, &ce)
}

func TestEachCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &fanWorld{takes: []time.Duration{time.Second, time.Hour, time.Hour, time.Hour}, fails: make([]bool, 4), began: time.Now()}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		results, err := sshexec.Each(ctx, w.names(), w.runner, sshexec.Command(sshexec.ReadOnly, "x"), sshexec.FanOptions{Limit: 2})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, results[0].Err)
		require.Equal(t, sshexec.Unknown, results[1].Result.Outcome)
		require.ErrorIs(t, results[3].Err, sshexec.ErrNotReached)
		require.ErrorIs(t, results[3].Err, context.DeadlineExceeded)
		require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(results[3].Err))
	})
}

// SSH-010: a command does not run twice because a host is named twice, and nothing runs when something is wrong with the whole.
func TestEachRefusals(t *testing.T) {
	untouched := func(string) (sshexec.Runner, error) {
		t.Error("a runner was asked for")
		return nil, errors.New("no")
	}
	stream := sshexec.Command(sshexec.Mutating, "x")
	stream.Stdin = sshexec.Stream(nil)
	writer := sshexec.Command(sshexec.Mutating, "x")
	writer.Stdout = writerFunc(nil)
	for _, c := range []struct {
		name  string
		hosts []string
		cmd   sshexec.Cmd
		want  error
	}{
		{"a host named twice", []string{"a", "b", "a"}, sshexec.Command(sshexec.Mutating, "x"), sshexec.ErrDuplicateHost},
		{"a stream", []string{"a", "b"}, stream, sshexec.ErrShared},
		{"a writer", []string{"a", "b"}, writer, sshexec.ErrShared},
		{"no effect", []string{"a", "b"}, sshexec.Cmd{Argv: []string{"x"}}, sshexec.ErrNoEffect},
	} {
		t.Run(c.name, func(t *testing.T) {
			results, err := sshexec.Each(t.Context(), c.hosts, untouched, c.cmd, sshexec.FanOptions{Policy: sshexec.GoOn})
			require.ErrorIs(t, err, c.want)
			require.Len(t, results, len(c.hosts))
			for i, r := range results {
				require.Equal(t, c.hosts[i], r.Host)
				require.ErrorIs(t, r.Err, sshexec.ErrNotReached)
			}
		})
	}
}

// Lines come with their host's name, one at a time, and a command's own observer sees its own.
func TestFanOutLines(t *testing.T) {
	var own, all []string
	cmd := sshexec.Command(sshexec.ReadOnly, "echo", "one")
	cmd.Lines = func(l sshexec.Line) { own = append(own, l.Text) }
	_, err := sshexec.Parallel(t.Context(), []sshexec.Job{
		{Host: "a", Runner: sshexec.Local{}, Cmd: cmd},
		{Host: "b", Runner: sshexec.Local{}, Cmd: sshexec.Script(sshexec.ReadOnly, `echo two; echo three >&2`)},
	}, sshexec.FanOptions{OnLine: func(host string, l sshexec.Line) { all = append(all, host+" "+l.Stream+" "+l.Text) }})
	require.NoError(t, err)
	require.Equal(t, []string{"one"}, own)
	require.ElementsMatch(t, []string{"a stdout one", "b stdout two", "b stderr three"}, all)
	_, err = sshexec.Each(t.Context(), []string{"a", "b"}, nil, cmd, sshexec.FanOptions{})
	require.ErrorIs(t, err, sshexec.ErrShared)
}

// A host that cannot be connected to is a result like another.
func TestEachWithoutRunner(t *testing.T) {
	down := errors.New("no route")
	results, err := sshexec.Each(t.Context(), []string{"a", "b"}, func(host string) (sshexec.Runner, error) {
		if host == "a" {
			return nil, down
		}
		return sshexec.Local{}, nil
	}, sshexec.Command(sshexec.ReadOnly, "true"), sshexec.FanOptions{Policy: sshexec.GoOn})
	require.ErrorIs(t, err, down)
	require.ErrorIs(t, results[0].Err, down)
	require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(results[0].Err))
	require.NoError(t, results[1].Err)
	require.EqualError(t, err, "1 of 2 commands failed; a: true: not started: no route")
}

// SSH-011: two terminals: one command waits for what another one, on the same host, does meanwhile.
func TestParallelOnOneHost(t *testing.T) {
	c := newMachine(t).dial(t)
	fifo := t.TempDir() + "/meet"
	_, err := c.Run(t.Context(), sshexec.Command(sshexec.Mutating, "mkfifo", fifo))
	require.NoError(t, err)
	results, err := sshexec.Parallel(t.Context(), []sshexec.Job{
		{Host: "node1", Runner: c, Cmd: sshexec.Command(sshexec.ReadOnly, "cat", fifo)},
		{Host: "node1", Runner: c, Cmd: sshexec.Script(sshexec.Mutating, `echo provisioned > "$1"`, fifo)},
	}, sshexec.FanOptions{})
	require.NoError(t, err)
	require.Equal(t, "provisioned", results[0].Result.Text())
}

// SSH-002: many real connections, and nothing left of them: TestMain looks for leaks.
func TestEachOverSSH(t *testing.T) {
	m := newMachine(t)
	hosts := make([]string, 20)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("vm%02d", i)
	}
	results, err := sshexec.Each(t.Context(), hosts, func(host string) (sshexec.Runner, error) {
		cfg := m.cfg
		cfg.Host = host
		return sshexec.OnceRunner(cfg), nil
	}, sshexec.Command(sshexec.ReadOnly, "echo", "here"), sshexec.FanOptions{Limit: 8})
	require.NoError(t, err)
	for i, r := range results {
		require.Equal(t, hosts[i], r.Host)
		require.Equal(t, "here", r.Result.Text())
	}
}
