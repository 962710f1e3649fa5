package sshexec_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
)

// shellMachine runs its commands as sshd does.
func shellMachine(t *testing.T, env ...string) *machine {
	return newMachine(t, func(c *sshexectest.Config) { c.Handler = sshexectest.ShellHandler(env...) })
}

// alive tells whether a process is there and is no zombie.
func alive(t *testing.T, pid string) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
}

// tree is a command with a child that ignores SIGTERM; it prints both their numbers.
func tree() sshexec.Cmd {
	return sshexec.Script(sshexec.Mutating,
		`sh -c 'trap "" TERM; echo $$; while :; do sleep 0.1; done' & echo $$; trap "" TERM; wait; while :; do sleep 0.1; done`)
}

// cancelWhenPrinted runs cmd and cancels it after n lines of output, which it returns.
func cancelWhenPrinted(t *testing.T, r sshexec.Runner, cmd sshexec.Cmd, n int) ([]string, sshexec.Result, error) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var lines []string
	cmd.Lines = func(l sshexec.Line) {
		if lines = append(lines, l.Text); len(lines) == n {
			stop()
		}
	}
	res, err := r.Run(ctx, cmd)
	return lines, res, err
}

// SSH-007, SSH-008: a cancelled command leaves nothing behind, whether the host passes signals on or not, and says so.
func TestCancelEndsTheGroup(t *testing.T) {
	for name, open := range map[string]func(*testing.T) sshexec.Runner{
		"local":                      func(*testing.T) sshexec.Runner { return sshexec.Local{} },
		"ssh":                        func(t *testing.T) sshexec.Runner { return shellMachine(t).dial(t) },
		"a login shell that is bash": func(t *testing.T) sshexec.Runner { return knownBash(t, bashMachine(t)) },
		"a host that ignores signals": func(t *testing.T) sshexec.Runner {
			m := shellMachine(t)
			m.SetFaults(sshexectest.Faults{IgnoreSignals: true})
			return m.dial(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pids, res, err := cancelWhenPrinted(t, open(t), tree(), 2)
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, sshexec.ErrMayRun)
			require.Equal(t, sshexec.GroupEnded, res.Ending)
			require.Equal(t, sshexec.Signalled, res.Outcome)
			require.Len(t, pids, 2)
			for _, pid := range pids {
				require.False(t, alive(t, pid), "process %s is still there", pid)
			}
		})
	}
}

// SSH-007: a command that ends well on SIGTERM but leaves a child that does not.
func TestCancelEndsSurvivors(t *testing.T) {
	cmd := sshexec.Script(sshexec.Mutating, `sh -c 'trap "" TERM; echo $$; while :; do sleep 0.1; done' >&2 & wait`)
	pids, res, err := cancelWhenPrinted(t, shellMachine(t).dial(t), cmd, 1)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, sshexec.GroupEnded, res.Ending)
	require.False(t, alive(t, pids[0]))
}

// A daemon that a cancelled command has started is not its child any more, and a neighbour's processes are none of its business.
func TestCancelSparesOthers(t *testing.T) {
	m := shellMachine(t)
	m.SetFaults(sshexectest.Faults{IgnoreSignals: true})
	client := m.dial(t)
	_, err := client.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "sh", "-c", "command -v setsid"))
	if err != nil {
		t.Skip("setsid is not here")
	}
	cmd := sshexec.Script(sshexec.Mutating, `setsid sh -c 'echo $$; exec sleep 600' & sleep 600`)
	pids, res, err := cancelWhenPrinted(t, client, cmd, 1)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, sshexec.GroupEnded, res.Ending)
	require.True(t, alive(t, pids[0]))
	_, err = sshexec.Local{}.Run(t.Context(), sshexec.Command(sshexec.Disruptive, "kill", pids[0]))
	require.NoError(t, err)
}

// SSH-008: where nobody can look, the result says that nothing is known, and says it soon.
func TestCancelCannotLook(t *testing.T) {
	m := newMachine(t, func(c *sshexectest.Config) {
		c.Handler = func(ctx context.Context, req sshexectest.Request) sshexectest.Exit {
			if strings.Contains(req.Line, "reposync") {
				_, _ = req.Stdout.Write([]byte("started\n"))
			}
			<-ctx.Done()
			return sshexectest.Exit{}
		}
	})
	m.cfg.EndTime = 50 * time.Millisecond
	m.SetFaults(sshexectest.Faults{IgnoreSignals: true})
	_, res, err := cancelWhenPrinted(t, m.dial(t), sshexec.Command(sshexec.Mutating, "reposync"), 1)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, sshexec.ErrMayRun)
	require.ErrorContains(t, err, "may still be running")
	require.Equal(t, sshexec.Unknown, res.Outcome)
	require.Equal(t, sshexec.GroupUnknown, res.Ending)
}

// A host that allows one session only is reached by a second connection.
func TestCancelWithOneSession(t *testing.T) {
	var busy int
	m := newMachine(t, func(c *sshexectest.Config) {
		shell := sshexectest.ShellHandler()
		c.Handler = func(ctx context.Context, req sshexectest.Request) sshexectest.Exit {
			busy++
			return shell(ctx, req)
		}
	})
	client := m.dial(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cmd := tree()
	var pids []string
	cmd.Lines = func(l sshexec.Line) {
		if pids = append(pids, l.Text); len(pids) == 2 {
			m.SetFaults(sshexectest.Faults{IgnoreSignals: true, RefuseSessions: true, RefuseOnce: true})
			stop()
		}
	}
	res, err := client.Run(ctx, cmd)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, sshexec.GroupEnded, res.Ending)
	require.Equal(t, 2, busy)
}

func TestEndingSays(t *testing.T) {
	for e, want := range map[sshexec.Ending]string{
		sshexec.NotCancelled: "not cancelled", sshexec.GroupEnded: "its processes have ended",
		sshexec.GroupAlive: "its processes are still there", sshexec.GroupUnknown: "what became of its processes is unknown",
	} {
		require.Equal(t, want, e.String())
	}
}
