package cli

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// A rollback that leaves a window open says so, and is not called a return to the beginning.
func TestARollbackThatLeavesAWindowOpen(t *testing.T) {
	down := false
	lease := &sshexec.SimLease{Machine: sshexec.Machine{ID: "id", IDFrom: "/etc/machine-id", Name: "h"}}
	hosts := evenkeel.HostMap{"h": sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if res, err, handled := lease.Do("h", cmd); handled {
			return res, err
		}
		res := sshexec.Result{Outcome: sshexec.Exited}
		down = down || cmd.Argv[0] == "go"
		if cmd.Argv[0] == "fail" {
			res.ExitCode = 1
			return res, sshexec.Failure("h", cmd, res, errors.New("exit status 1"))
		}
		return res, nil
	})}
	rb := &evenkeel.Runbook{
		Name: "r", Title: "r",
		Invariants: []evenkeel.Invariant{{ID: "up", Title: "It is up.", Check: func(context.Context, evenkeel.Site) error {
			if down {
				return evenkeel.Violated("it is down")
			}
			return nil
		}}},
		Steps: []evenkeel.Step{{
			ID: "s", Title: "s", Host: "h", Harmless: "a test", Closes: []string{"w"},
			Opens:   []evenkeel.Window{{ID: "w", Invariant: "up", Reason: "it restarts", Limit: time.Hour, Stop: evenkeel.StopAtClose}},
			Actions: []evenkeel.Action{evenkeel.Disrupt("a", "a", "go"), evenkeel.Disrupt("b", "b", "fail")},
		}},
	}
	require.NoError(t, rb.Validate())
	opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &quick{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, Holder: "test"}
	_, err := evenkeel.Run(t.Context(), rb, hosts, opts)
	require.Error(t, err)
	report, err := evenkeel.Rollback(t.Context(), rb, hosts, opts)
	require.NoError(t, err)
	require.NotEmpty(t, openWindows(report.State))
	var out bytes.Buffer
	s := session{app: &App{Name: "tool", Stdout: &out}, rb: rb, config: "my conf.yaml", verb: "rollback"}
	s.rolledBack(report, false)
	require.NotContains(t, out.String(), "back at its beginning")
	require.Contains(t, out.String(), "It is NOT as before: the window w stays open")
	require.Contains(t, out.String(), "tool resume --config 'my conf.yaml'")
}

// quick is a clock on which nobody waits.
type quick struct{ now time.Time }

func (q *quick) Now() time.Time { return q.now }

func (q *quick) Sleep(_ context.Context, d time.Duration) error {
	q.now = q.now.Add(d)
	return nil
}
