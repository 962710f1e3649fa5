package change_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

func proves(on *bool) change.Proof {
	return change.Proof{Host: "h", Cmd: sshexec.Command(sshexec.ReadOnly, "cat", "x"), Text: "x", Check: func(change.Observed) error {
		if !*on {
			return change.NotYet(0, "off")
		}
		return nil
	}}
}

func site(run sshexec.RunnerFunc, hosts *[]string) change.Site {
	return change.Over(func(h string) (sshexec.Runner, error) { *hosts = append(*hosts, h); return run, nil }, &lamp{})
}

func fine(context.Context, sshexec.Cmd) (sshexec.Result, error) {
	return sshexec.Result{Outcome: sshexec.Exited}, nil
}

// R1: an Op that succeeds returns Result{} (as every Op of this repository does): the engine takes that for exited.
func TestOpResult(t *testing.T) {
	var hosts []string
	on, asked := false, false
	c := change.Change{Title: "t", Host: "h", Limit: time.Minute, Proof: []change.Proof{proves(&on)},
		Expect: change.Expect{Check: func(change.Observed) error { asked = true; return nil }},
		Op: &change.Op{Effect: sshexec.Mutating, Text: "x",
			Do: func(context.Context, change.Site) (sshexec.Result, error) { on = true; return sshexec.Result{}, nil }}}
	got, err := change.Do(t.Context(), site(fine, &hosts), c)
	require.NoError(t, err)
	require.Equal(t, sshexec.Exited, got.Outcome)
	require.True(t, asked, "the change's own check is asked")

	on = false
	c.Op.Do = func(context.Context, change.Site) (sshexec.Result, error) { return sshexec.Result{}, nil }
	_, err = change.Do(t.Context(), site(fine, &hosts), c)
	require.NotErrorIs(t, err, change.ErrOutcomeUnknown, "it ended")
	require.NotContains(t, err.Error(), "%!w")
}

// R2: an Op runs on the change's host.
func TestOpHost(t *testing.T) {
	var hosts []string
	on := false
	c := change.Change{Title: "t", Host: "h", Limit: time.Minute, Proof: []change.Proof{proves(&on)},
		Op: &change.Op{Effect: sshexec.Mutating, Text: "x", Do: func(ctx context.Context, at change.Site) (sshexec.Result, error) {
			on = true
			return at.Run(ctx, at.Host, sshexec.Command(sshexec.Mutating, "x"))
		}}}
	_, err := change.Do(t.Context(), site(fine, &hosts), c)
	require.NoError(t, err)
	require.NotContains(t, hosts, "", "it ran on no host")
}

// R3: a proof without a host is about the change's host.
func TestProofHost(t *testing.T) {
	var hosts []string
	c := change.Change{Title: "t", Host: "h", Cmd: sshexec.Command(sshexec.Mutating, "x"),
		Proof: []change.Proof{change.ByExit("x", sshexec.Command(sshexec.ReadOnly, "test", "-e", "/x"))}}
	_, err := change.Do(t.Context(), site(fine, &hosts), c)
	require.NoError(t, err)
	require.NotContains(t, hosts, "")
	c.Proof[0].Host = "other"
	_, err = change.Do(t.Context(), site(fine, &hosts), c)
	require.NoError(t, err)
	require.Contains(t, hosts, "other")
}

// R4: two questions that differ in more than their words are two questions.
func TestQuestions(t *testing.T) {
	var hosts []string
	asked := 0
	ask := func(sql, want string) change.Proof {
		cmd := sshexec.Command(sshexec.ReadOnly, "psql", "-f", "-")
		cmd.Stdin = sshexec.Text(sql)
		return change.Proof{Host: "h", Cmd: cmd, Text: sql, Check: func(o change.Observed) error {
			if o.Text() != want {
				return errors.New("it says " + o.Text() + ", not " + want)
			}
			return nil
		}}
	}
	run := func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		asked++
		in, _ := cmd.Stdin.Open()
		raw, _ := io.ReadAll(in)
		return sshexec.Result{Outcome: sshexec.Exited, Stdout: raw}, nil
	}
	require.NoError(t, change.Await(t.Context(), site(run, &hosts), time.Second, ask("one", "one"), ask("two", "two")))
	require.Equal(t, 2, asked)
	env, dir, user := ask("", ""), ask("", ""), ask("", "")
	env.Cmd.Env, dir.Cmd.Dir, user.Cmd.Sudo = []string{"A=b"}, "/x", &sshexec.Sudo{User: "postgres"}
	asked = 0
	require.NoError(t, change.Await(t.Context(), site(run, &hosts), time.Second, ask("", ""), ask("", ""), env, dir, user))
	require.Equal(t, 4, asked)
}

// R5: a command that has a limit keeps it.
func TestLimit(t *testing.T) {
	l := &lamp{}
	c := switchOn()
	c.Limit, c.Cmd.Timeout, c.Proof[0].Limit = 0, 2*time.Hour, 7*time.Second
	_, err := change.Do(t.Context(), l.site(), c)
	require.NoError(t, err)
	require.Contains(t, l.limits, 2*time.Hour)
	require.Contains(t, l.limits, 7*time.Second, "and so does a look")
}

// R6: what waits says itself when it wants to be looked at again, and what for.
func TestLater(t *testing.T) {
	var again *change.Retry
	require.ErrorAs(t, change.Later(&change.Retry{After: 30 * time.Second, Key: "k", Reason: "r"}), &again)
	require.Equal(t, 30*time.Second, again.After)
	require.Equal(t, "k", again.Key)
	require.ErrorAs(t, change.Later(change.NotYet(0, "r")), &again)
	require.Equal(t, time.Second, again.After, "at once would be without a pause")
}

// A look that exited is judged by its proof, whatever its status; nothing is waited for that the answer excludes.
func TestALookThatExitedIsAnAnswer(t *testing.T) {
	var hosts []string
	run := func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res := sshexec.Result{Outcome: sshexec.Exited, ExitCode: 2, Stderr: []byte("no such user")}
		return res, sshexec.Failure("h", cmd, res, nil)
	}
	proof := change.ByExit("x", sshexec.Command(sshexec.ReadOnly, "test"))
	proof.Host = "h"
	err := change.Await(t.Context(), site(run, &hosts), time.Minute, proof)
	require.EqualError(t, err, "on h: exit status 2: no such user")
	require.Len(t, hosts, 1)
}

// Nothing runs with a hole in it, and no fact can hold a secret.
func TestFacts(t *testing.T) {
	facts := change.Facts{"a": []byte(`"x"`)}
	got, err := facts.ExpandCmd(sshexec.Command(sshexec.ReadOnly, "cat", change.RefOpen+"a"+change.RefClose))
	require.NoError(t, err)
	require.Equal(t, "x", got.Argv[1])
	for _, argv := range [][]string{{"cat", "⟪b⟫", "⟪a⟫"}, {"cat", "⟪a⟫", "⟪b⟫"}} {
		_, err = facts.ExpandCmd(sshexec.Command(sshexec.ReadOnly, argv...))
		require.EqualError(t, err, "fact b is not known yet")
	}
	require.Panics(t, func() { change.NewFact[map[sshexec.Secret]int]("a", "a key") })
	require.Panics(t, func() { change.NewFact[[]map[int]*sshexec.Secret]("a", "deep") })
	require.Panics(t, func() { change.NewFact[any]("a", "nobody knows what") })
	require.NotPanics(t, func() { change.NewFact[map[string][]int]("a", "none") })
}

// What an answer that was lost says of an action, and what an output that was cut off says.
func TestWhatSilenceMeans(t *testing.T) {
	p := change.Probe{Silent: change.Done, Read: func(change.Observed) (change.ProbeResult, error) { return change.Partial, nil }}
	var again *change.Retry
	fails := func(o sshexec.Outcome) error { return &sshexec.CommandError{Outcome: o} }
	for name, c := range map[string]struct {
		err   error
		want  change.ProbeResult
		again bool
	}{
		"it answers":             {nil, change.Partial, false},
		"with another status":    {fails(sshexec.Exited), change.Partial, false},
		"it does not answer":     {fails(sshexec.NotStarted), change.Done, false},
		"the answer is lost":     {fails(sshexec.Unknown), change.Inconclusive, true},
		"the question was wrong": {errors.New("x"), change.Inconclusive, false},
	} {
		got, err := p.Judge(change.Observed{}, c.err)
		require.Equal(t, c.want, got, name)
		require.Equal(t, c.again, errors.As(err, &again), name)
		require.Equal(t, c.want == change.Inconclusive, err != nil, name)
	}
	cut := change.Observed{Result: sshexec.Result{Outcome: sshexec.Exited, Truncated: true}}
	require.ErrorContains(t, cut.Succeeded(), "cut off")
}

// An operation that failed has no result to be judged, also where a command of it came to its end.
func TestAnOperationThatFailedIsNotJudged(t *testing.T) {
	refused := &sshexec.CommandError{Outcome: sshexec.Exited}
	judged := false
	p := change.Probe{Op: &change.Op{}, Silent: change.Done,
		Read: func(change.Observed) (change.ProbeResult, error) { judged = true; return change.NotRun, nil }}
	got, err := p.Judge(change.Observed{}, refused)
	require.Equal(t, change.Inconclusive, got)
	require.ErrorIs(t, err, refused)
	require.False(t, judged)

	var hosts []string
	on := false
	_, err = change.Do(t.Context(), site(fine, &hosts), change.Change{
		Title: "t", Host: "h", Limit: time.Minute, Proof: []change.Proof{proves(&on)},
		Expect: change.Expect{Check: func(change.Observed) error { judged = true; return nil }},
		Op: &change.Op{Effect: sshexec.Mutating, Text: "x",
			Do: func(context.Context, change.Site) (sshexec.Result, error) { return sshexec.Result{}, refused }}})
	require.ErrorIs(t, err, refused)
	require.False(t, judged)
}
