package sshexec_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
)

// phase is what a rebooting machine answers from a time on.
type phase struct {
	from time.Duration
	id   string
	err  error
}

func rebooting(phases ...phase) sshexec.Runner {
	start := time.Now()
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		var now phase
		for _, p := range phases {
			if time.Since(start) >= p.from {
				now = p
			}
		}
		if errors.Is(now.err, sshexec.ErrUnreachable) {
			<-ctx.Done() // a machine that is off does not even refuse
		}
		if now.err != nil {
			return sshexec.Result{}, sshexec.Failure("node1", cmd, sshexec.Result{}, now.err)
		}
		return sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(now.id + "\n")}, nil
	})
}

// SSH-007: a reboot is proven by another boot id, and every way to miss it has its name.
func TestWaitReboot(t *testing.T) {
	changed := &sshexec.HostKeyError{Name: "node1", Err: sshexec.ErrHostKeyChanged}
	for _, c := range []struct {
		name   string
		phases []phase
		want   sshexec.BootID
		is     error
		took   time.Duration // at least
	}{
		{name: "reboots", phases: []phase{{0, "a", nil}, {time.Minute, "", sshexec.ErrUnreachable},
			{5 * time.Minute, "b", nil}}, want: "b", took: 5 * time.Minute},
		{name: "between two tries", phases: []phase{{0, "a", nil}, {time.Second, "b", nil}}, want: "b"},
		{name: "a short interruption is none", is: sshexec.ErrDidNotReboot, took: 5 * time.Minute,
			phases: []phase{{0, "a", nil}, {time.Minute, "", sshexec.ErrUnreachable}, {2 * time.Minute, "a", nil}}},
		{name: "goes on", phases: []phase{{0, "a", nil}}, is: sshexec.ErrDidNotReboot, took: 5 * time.Minute},
		{name: "stays away", phases: []phase{{0, "a", nil}, {time.Minute, "", sshexec.ErrUnreachable}},
			is: sshexec.ErrDidNotComeBack, took: 16 * time.Minute},
		{name: "no logins while it boots", phases: []phase{{0, "", sshexec.ErrAuth}, {3 * time.Minute, "b", nil}}, want: "b",
			took: 3 * time.Minute},
		{name: "no logins ever", phases: []phase{{0, "", sshexec.ErrAuth}}, is: sshexec.ErrAuth, took: 15 * time.Minute},
		{name: "another host key", phases: []phase{{0, "a", nil}, {time.Minute, "", changed}}, is: sshexec.ErrHostKeyChanged, took: time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				got, err := sshexec.WaitReboot(t.Context(), rebooting(c.phases...), "a", sshexec.RebootOptions{})
				require.Equal(t, c.want, got)
				require.GreaterOrEqual(t, time.Since(start), c.took)
				if c.is == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, c.is)
				}
			})
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			_, err := sshexec.WaitReboot(ctx, rebooting(phase{0, "a", nil}), "a", sshexec.RebootOptions{})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, sshexec.ErrDidNotReboot)
		})
	})
	t.Run("without the id before", func(t *testing.T) {
		_, err := sshexec.WaitReboot(t.Context(), rebooting(phase{0, "a", nil}), "", sshexec.RebootOptions{})
		require.ErrorContains(t, err, "not known")
	})
}

// SSH-007: over a connection that is lost and made anew.
func TestWaitRebootReconnects(t *testing.T) {
	boots := make(chan string, 3)
	boots <- "a"
	m := newMachine(t, func(c *sshexectest.Config) {
		c.Handler = func(_ context.Context, req sshexectest.Request) sshexectest.Exit {
			_, _ = req.Stdout.Write([]byte(<-boots + "\n"))
			return sshexectest.Exit{}
		}
	})
	client := m.dial(t)
	before, err := sshexec.ReadBootID(t.Context(), client)
	require.NoError(t, err)
	boots <- "a"
	boots <- "b"
	m.Drop()
	after, err := sshexec.WaitReboot(t.Context(), client, before, sshexec.RebootOptions{Every: time.Millisecond})
	require.NoError(t, err)
	require.Equal(t, sshexec.BootID("b"), after)
	boots <- ""
	_, err = sshexec.ReadBootID(t.Context(), client)
	require.ErrorContains(t, err, "boot_id holds")
}
