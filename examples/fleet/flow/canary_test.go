package flow

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/proto"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

const canary = "canary-vN3xQ81kPz"

// secretive is a pair whose machine prints the secret that it is given wherever it can, and whose tool crashes with it.
type secretive struct {
	jobs
	crash *bool
}

func (s secretive) Open(ctx context.Context, pair string) (*Open, error) {
	open, err := s.jobs.Open(ctx, pair)
	m := s.machines[pair]
	m.hold = nil
	tells := sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if cmd.Argv[0] == "passwd" {
			if *s.crash {
				panic("the tool crashes with " + canary)
			}
			res := sshexec.Result{Outcome: sshexec.Exited, ExitCode: 1, Stdout: []byte("got " + canary), Stderr: []byte("bad: " + canary + "\n")}
			return res, sshexec.Failure("h", cmd, res, fmt.Errorf("it said %s", canary))
		}
		return m.run(ctx, cmd)
	})
	open.Hosts = evenkeel.HostMap{"h": sshexec.WithSimLease("h", &m.lease, tells)}
	return open, err
}

// No secret is in a history: not in an input, a record, an error or a crash.
func TestNoSecretIsInAHistory(t *testing.T) {
	_, c := server(t)
	rb := book(t, "test", "s1[a] s2[b]")
	set := evenkeel.Do("set", "Set the password", "passwd", "--stdin")
	set.Cmd.Stdin = sshexec.SecretText(canary)
	rb.Steps[1].Actions[0] = set
	require.NoError(t, rb.Validate())
	crash := false
	s := secretive{jobs{map[string]*evenkeel.Runbook{"p1": rb}, map[string]*machine{"p1": newMachine()}}, &crash}
	var mu sync.Mutex
	var told bytes.Buffer
	w := NewWorker(c, s, WorkerOptions{Queue: "test", Name: "w1", Crashed: func(kind string, stack []byte) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintf(&told, "%s %s", kind, stack)
	}})
	require.NoError(t, w.Start())
	t.Cleanup(func() { w.Stop(t.Context()) })
	started(t, c, s.in("p1"))
	failed := comesTo(t, c, "p1", course.Failed)
	require.Contains(t, failed.Why, "exit status 1")
	secretless(t, c, "p1")

	crash = true
	ask(t, c, "p1", Ask{What: AskResume})
	require.Eventually(t, func() bool { return where(t, c, "p1").Lost > 0 }, timeLimit, pollTime, "the crash is a lost life")
	ask(t, c, "p1", Ask{What: AskStop})
	comesTo(t, c, "p1", course.Stopped)
	secretless(t, c, "p1")
	mu.Lock()
	defer mu.Unlock()
	require.Contains(t, told.String(), "string ")
	require.Contains(t, told.String(), "canary_test.go", "the log of the worker has where it was")
	require.NotContains(t, told.String(), canary)
}

// secretless looks for the secret in all that the server has of a pair, as it is and as it may have been packed.
func secretless(t *testing.T, c client.Client, pair string) {
	t.Helper()
	var all bytes.Buffer
	for it := c.GetWorkflowHistory(t.Context(), pair, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
		event, err := it.Next()
		require.NoError(t, err)
		raw, err := proto.Marshal(event)
		require.NoError(t, err)
		all.Write(raw)
	}
	is, err := c.DescribeWorkflowExecution(t.Context(), pair, "")
	require.NoError(t, err)
	raw, err := proto.Marshal(is)
	require.NoError(t, err)
	all.Write(raw)
	list, err := History(t.Context(), c, pair)
	require.NoError(t, err)
	require.NoError(t, evenkeel.WriteJournal(&all, list))
	require.Contains(t, all.String(), "passwd", "it looks in the right place")
	for _, text := range []string{canary, base64.StdEncoding.EncodeToString([]byte(canary))} {
		require.NotContains(t, all.String(), text)
	}
}
