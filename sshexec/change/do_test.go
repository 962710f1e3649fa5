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
}

// R4: two questions that differ in their input are two questions.
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
}

// R5: a command that has a limit keeps it.
func TestLimit(t *testing.T) {
	l := &lamp{}
	c := switchOn()
	c.Limit, c.Cmd.Timeout = 0, 2*time.Hour
	_, err := change.Do(t.Context(), l.site(), c)
	require.NoError(t, err)
	require.Contains(t, l.limits, 2*time.Hour)
}

// R6: what waits says itself when it wants to be looked at again, and what for.
func TestLater(t *testing.T) {
	var again *change.Retry
	require.ErrorAs(t, change.Later(&change.Retry{After: 30 * time.Second, Key: "k", Reason: "r"}), &again)
	require.Equal(t, 30*time.Second, again.After)
	require.Equal(t, "k", again.Key)
}
