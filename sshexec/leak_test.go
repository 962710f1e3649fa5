package sshexec_test

import (
	"context"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
)

// Ten thousand commands leave nothing behind: no goroutine, no file descriptor, no session that the host still counts.
func TestNothingIsLeft(t *testing.T) {
	commands := 10_000
	if testing.Short() {
		commands = 1000
	}
	m := newMachine(t, func(c *sshexectest.Config) {
		c.Handler = func(_ context.Context, req sshexectest.Request) sshexectest.Exit {
			_, err := req.Stdout.Write([]byte("out\n"))
			if err != nil {
				return sshexectest.Exit{Code: 1}
			}
			return sshexectest.Exit{}
		}
	})
	c := m.dial(t)
	run := func(times int) {
		var work sync.WaitGroup
		for range 8 {
			work.Go(func() {
				for range times / 8 {
					cmd := sshexec.Command(sshexec.ReadOnly, "true")
					cmd.Stdin = sshexec.Text("input")
					if res, err := c.Run(t.Context(), cmd); err != nil || res.Text() != "out" {
						t.Errorf("%v %q", err, res.Stdout)
					}
				}
			})
		}
		work.Wait()
	}
	run(80)
	goroutines, files := settled(runtime.NumGoroutine), settled(openFiles)
	run(commands)
	require.Len(t, m.Lines(), 80+commands)
	require.LessOrEqual(t, settled(runtime.NumGoroutine), goroutines)
	require.LessOrEqual(t, settled(openFiles), files)

	// With a connection for each command.
	once := sshexec.OnceRunner(m.cfg)
	for range commands / 100 {
		_, err := once.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
		require.NoError(t, err)
	}
	require.LessOrEqual(t, settled(runtime.NumGoroutine), goroutines)
	require.LessOrEqual(t, settled(openFiles), files)
}

// openFiles is how many file descriptors this process has; 0 where there is no /proc.
func openFiles() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}

// settled is a number that has stopped falling.
func settled(count func() int) int {
	n := count()
	for still := 0; still < 25; still++ {
		time.Sleep(20 * time.Millisecond)
		if now := count(); now < n {
			n, still = now, 0
		}
	}
	return n
}
