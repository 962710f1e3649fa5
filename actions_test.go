package evenkeel_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// R10: Perform of one decision by two goroutines runs the command once. (The race is between Next and the lock in take:
// run with -count=20.)
func TestPerformTwice(t *testing.T) {
	for range 6000 {
		m := newMachine("-")
		var mu sync.Mutex
		ran := 0
		hosts := evenkeel.HostMap{"h": m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			if cmd.Argv[1] == "a" {
				ran++
			}
			return m.Run(ctx, cmd)
		})}
		life, err := evenkeel.BeginRun(t.Context(), parseRunbook(t, "s1[a.safe b.safe]"), hosts,
			evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
		require.NoError(t, err)
		d := life.Next()[0]
		var wg sync.WaitGroup
		for range 48 {
			wg.Go(func() { _ = life.Perform(t.Context(), d) })
		}
		wg.Wait()
		_, _ = life.End()
		if !assert.Equal(t, 1, ran, "the command ran twice") {
			return
		}
	}
}

// R11: the proof of a change on another host than its step's looks there.
func TestActionsHost(t *testing.T) {
	c := evenkeel.Change{Title: "t", Host: "n2", Cmd: sshexec.Command(sshexec.Mutating, "x"), Repeat: evenkeel.Idempotent,
		Proof: []evenkeel.Proof{change.ByExit("x", sshexec.Command(sshexec.ReadOnly, "test", "-e", "/x"))}}
	for _, a := range evenkeel.Actions("x", c) {
		assert.Equal(t, "n2", a.Host, a.ID)
	}
}

// R12: the command of a change is bounded in a runbook as it is by Do.
func TestActionsLimit(t *testing.T) {
	c := evenkeel.Change{Title: "t", Host: "n2", Cmd: sshexec.Command(sshexec.Mutating, "x"), Repeat: evenkeel.Idempotent, Limit: time.Minute}
	assert.Equal(t, time.Minute, evenkeel.Actions("x", c)[0].Cmd.Timeout)
}

// R13: two changes in one step, of which the first makes false what it needed: a failure in the second is taken up.
func TestActionsResume(t *testing.T) {
	m := newMachine("-")
	files, up := false, false
	fails := true
	run := func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res := sshexec.Result{Outcome: sshexec.Exited}
		switch cmd.Argv[0] {
		case "setup":
			files = true
		case "start":
			if fails {
				fails = false
				res.ExitCode = 1
				return res, sshexec.Failure("h", cmd, res, nil)
			}
			up = true
		case "files":
			res.Stdout = []byte(map[bool]string{true: "there", false: "none"}[files])
		case "up":
			res.Stdout = []byte(map[bool]string{true: "there", false: "none"}[up])
		}
		return res, nil
	}
	shows := func(what, want string, otherwise error) evenkeel.Proof {
		return evenkeel.Proof{Host: "h", Cmd: sshexec.Command(sshexec.ReadOnly, what, "-"), Text: what + " " + want,
			Check: func(o evenkeel.Observed) error {
				if o.Text() != want {
					return otherwise
				}
				return nil
			}}
	}
	setup := evenkeel.Change{Title: "Set up", Host: "h", Cmd: sshexec.Command(sshexec.Mutating, "setup", "-"),
		Repeat: evenkeel.Never, Limit: time.Minute,
		Needs: []evenkeel.Proof{shows("files", "none", errors.New("files of another cluster: pcs cluster destroy"))},
		Proof: []evenkeel.Proof{shows("files", "there", evenkeel.NotYet(0, "no file"))}}
	start := evenkeel.Change{Title: "Start", Host: "h", Cmd: sshexec.Command(sshexec.Mutating, "start", "-"),
		Repeat: evenkeel.Idempotent, Limit: time.Minute, Proof: []evenkeel.Proof{shows("up", "there", evenkeel.NotYet(0, "down"))}}
	rb := &evenkeel.Runbook{Name: "x", Version: "1",
		Steps: []evenkeel.Step{{ID: "s", Title: "S", Host: "h", Harmless: "h",
			Actions: append(evenkeel.Actions("setup", setup), evenkeel.Actions("start", start)...)}}}
	require.NoError(t, rb.Validate())
	hosts := evenkeel.HostMap{"h": m.under(run)}
	j := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, hosts, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.Error(t, err)
	_, err = evenkeel.Resume(t.Context(), rb, hosts, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	assert.NoError(t, err, "%s", strings.Join(nil, ""))
}

// R14: a Never whose connection is lost: what is not seen yet is not "it never ran".
func TestActionsSettle(t *testing.T) {
	c := evenkeel.Change{Title: "t", Host: "h", Cmd: sshexec.Command(sshexec.Mutating, "x"), Repeat: evenkeel.Never, Limit: 3 * time.Minute,
		Proof: []evenkeel.Proof{change.ByExit("x", sshexec.Command(sshexec.ReadOnly, "test", "-e", "/x"))}}
	assert.Positive(t, evenkeel.Actions("x", c)[0].Probe.Settle)
}

// R15: a context that has ended before Perform sends nothing.
func TestPerformEnded(t *testing.T) {
	for range 300 {
		m := newMachine("-")
		life, err := evenkeel.BeginRun(t.Context(), parseRunbook(t, "s1[a.safe b.safe]"), evenkeel.HostMap{"h": m},
			evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = life.Perform(ctx, life.Next()[0])
		_, _ = life.End()
		if !assert.Empty(t, m.log) {
			return
		}
	}
}

// R17: on paper and in logs an action is more than its command.
func TestActionString(t *testing.T) {
	a := evenkeel.ByHand("plug", "Plug it in", "Plug the cable in.")
	assert.NotEmpty(t, a.String())
}
