//go:build unix

package sshexec_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"al.essio.dev/pkg/shellescape"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest/conformance"
)

// through is a shellMachine whose lines go through another program, such as a login shell.
func through(t *testing.T, bash bool, argv ...string) *machine {
	t.Helper()
	if _, err := exec.LookPath(argv[0]); err != nil {
		t.Skipf("no %s here: %v", argv[0], err)
	}
	return newMachine(t, func(c *sshexectest.Config) {
		c.Bash = bash
		c.Handler = func(ctx context.Context, req sshexectest.Request) sshexectest.Exit {
			req.Line = "exec " + shellescape.QuoteCommand(append(argv[:len(argv):len(argv)], req.Line))
			return sshexectest.ShellHandler()(ctx, req)
		}
	})
}

func bashMachine(t *testing.T) *machine {
	t.Helper()
	return through(t, true, "bash", "-c")
}

const barePrefix = "export LC_ALL=C"

// knownBash is a client on a connection that knows of its machine's login shell.
func knownBash(t *testing.T, m *machine) *sshexec.Client {
	t.Helper()
	c := m.dial(t)
	require.Eventually(t, func() bool {
		_, err := c.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
		require.NoError(t, err)
		lines := m.Lines()
		return strings.HasPrefix(lines[len(lines)-1], barePrefix)
	}, time.Minute, time.Millisecond)
	return c
}

// A login shell that is bash runs plain commands without a second shell, and everything is as with one.
func TestBashConforms(t *testing.T) {
	conformance.Test(t, func(t *testing.T) sshexec.Runner { return knownBash(t, bashMachine(t)) },
		conformance.Options{Quick: testing.Short()})
}

func TestOnlyBashNeedsNoSecondShell(t *testing.T) {
	m := newMachine(t)
	c := m.dial(t)
	for range 50 {
		_, err := c.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
		require.NoError(t, err)
	}
	for _, line := range m.Lines() {
		require.True(t, strings.HasPrefix(line, "exec /bin/sh -c "), line)
	}
}

// A machine that does not answer what its shell is costs a session for EndTime, and nothing else.
func TestAShellThatDoesNotAnswer(t *testing.T) {
	var both sync.WaitGroup
	both.Add(2)
	m := newMachine(t, func(c *sshexectest.Config) {
		c.Handler = func(_ context.Context, req sshexectest.Request) sshexectest.Exit {
			if strings.Contains(req.Line, "both") {
				both.Done()
				both.Wait()
			}
			return sshexectest.Exit{}
		}
	})
	m.cfg.MaxSessions, m.cfg.EndTime = 2, 50*time.Millisecond
	c := m.dial(t)
	for range 7 {
		_, err := c.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
		require.NoError(t, err)
	}
	m.SetFaults(sshexectest.Faults{StallExec: true})
	eighth := sshexec.Command(sshexec.ReadOnly, "true")
	eighth.Timeout = 20 * time.Millisecond
	_, err := c.Run(t.Context(), eighth)
	require.ErrorIs(t, err, sshexec.ErrTimeout)
	m.SetFaults(sshexectest.Faults{})
	var work sync.WaitGroup
	for range 2 {
		work.Go(func() {
			_, err := c.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "both"))
			if err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
}

// countingConn counts the packets that a client sends: it sends each by a write of its own.
type countingConn struct {
	net.Conn
	sent *atomic.Int64
}

func (c countingConn) Write(p []byte) (int, error) {
	c.sent.Add(1)
	return c.Conn.Write(p)
}

// A command is four packets: open, exec, the end of the input, close. The first two wait for an answer. A fence adds none.
func TestRoundTripsOfACommand(t *testing.T) {
	m := shellMachine(t)
	var sent atomic.Int64
	m.cfg.KeepAlive = -1
	m.cfg.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, addr)
		return countingConn{conn, &sent}, err
	}
	fence, _ := leased(t)
	plain := sshexec.Command(sshexec.Mutating, "true")
	fenced := plain
	fenced.Fence = &fence
	const each, times = 4, 16
	for _, cmd := range []sshexec.Cmd{plain, fenced} {
		c := m.dial(t)
		before := sent.Load()
		for range times {
			_, err := c.Run(t.Context(), cmd)
			require.NoError(t, err)
		}
		// Fewer where the machine closed the channel before the end of the input was sent; a few more belong to the connection. One more for
		// each command would be too many.
		require.Less(t, sent.Load()-before, int64(each*times+times/2))
	}
}

// A fenced command costs one shell more than one without a fence at most: the one that holds the lock. flock is the only
// other program.
func TestProcessesOfAFencedCommand(t *testing.T) {
	out, err := exec.Command("strace", "-f", "-e", "trace=execve", "/bin/sh", "-c", "exec true").CombinedOutput()
	if err != nil {
		t.Skipf("no strace here that may trace: %v %s", err, out)
	}
	if _, err := exec.LookPath("flock"); err != nil {
		t.Skipf("no flock here: %v", err)
	}
	fence, _ := leased(t)
	programs := func(c *sshexec.Client, trace string, f *sshexec.Fence) map[string]int {
		require.NoError(t, os.RemoveAll(trace))
		require.NoError(t, os.Mkdir(trace, 0o700))
		cmd := sshexec.Command(sshexec.Mutating, "true")
		cmd.Fence = f
		_, err := c.Run(t.Context(), cmd)
		require.NoError(t, err)
		files, err := filepath.Glob(filepath.Join(trace, "*"))
		require.NoError(t, err)
		count := map[string]int{}
		for _, file := range files { // one for each process
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for line := range strings.Lines(string(text)) {
				if path, ok := strings.CutPrefix(line, `execve("`); ok && strings.HasSuffix(line, "= 0\n") {
					path, _, _ = strings.Cut(path, `"`)
					count[filepath.Base(path)]++
				}
			}
		}
		return count
	}
	for _, shell := range []string{"sh", "bash"} {
		t.Run(shell, func(t *testing.T) {
			trace := filepath.Join(t.TempDir(), "trace")
			m := through(t, shell == "bash",
				"strace", "-ff", "-q", "-e", "trace=execve", "-o", filepath.Join(trace, "of"), shell, "-c")
			require.NoError(t, os.Mkdir(trace, 0o700))
			c, second := m.dial(t), 1 // sh, for the quotes of the line
			if shell == "bash" {
				c, second = knownBash(t, m), 0
			}
			plain, fenced := programs(c, trace, nil), programs(c, trace, &fence)
			require.Equal(t, 1+second, plain["sh"]+plain["bash"], plain)
			require.Equal(t, 2, fenced["sh"]+fenced["bash"], fenced)
			require.Equal(t, []int{1, 0}, []int{plain["true"], plain["flock"]}, plain)
			require.Equal(t, []int{1, 1}, []int{fenced["true"], fenced["flock"]}, fenced)
			require.Len(t, fenced, len(plain)+1+(1-second), fenced)
		})
	}
}
