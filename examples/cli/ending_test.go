package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// A failure ends with what failed where and why, what is served now, and what to type next; it is said once.
func TestAFailureSaysWhatToTypeNext(t *testing.T) {
	var out, errs strings.Builder
	s := session{app: testApp(&out, &errs), verb: "run", config: "c.yaml", rb: &evenkeel.Runbook{Name: "r", Steps: []evenkeel.Step{
		{ID: "a", Title: "Begin"}, {ID: "join", Title: "Join the new cluster"}}}}
	err := &evenkeel.StepError{Step: "join", Action: "start", Host: "mds1", Err: errors.New("unable to start corosync")}
	said := s.failure(err, nil, "MGS on mds2 (seen at 22:05:03)")
	require.Equal(t, `
FAILED at step 2 of 2, "Join the new cluster", on mds1
  step join, action start on mds1: unable to start corosync
  Served now: MGS on mds2 (seen at 22:05:03).
  No window is open. Nothing is repeated by itself.
  Look:     tool status --config c.yaml; ssh mds1
  Go on:    tool resume --config c.yaml   (when the cause is mended)
`, errs.String())
	require.ErrorAs(t, said, &saidError{})
	require.ErrorIs(t, said, err)
	require.Equal(t, ExitFailed, exitCode(said))

	errs.Reset()
	open := &evenkeel.OpenWindowsError{Err: err, Windows: []evenkeel.OpenWindow{{Window: evenkeel.Window{ID: "w", Reason: "it moves"}}}}
	_ = s.failure(open, nil, "")
	require.Contains(t, errs.String(), "left open: window w (it moves)")
	require.Contains(t, errs.String(), "1 window is open: see above.")
	require.NotContains(t, errs.String(), "Served now")

	errs.Reset()
	_ = s.failure(&evenkeel.StepError{Step: "join", Host: "mds1", Err: fmt.Errorf("cmp: not started: %w", context.Canceled)}, nil, "")
	require.Contains(t, errs.String(), `STOPPED AT ONCE at step 2 of 2, "Join the new cluster", on mds1`)
	require.NotContains(t, errs.String(), "context canceled", "a word of Go")
	require.NotContains(t, errs.String(), "mended", "it was asked for")

	stop := fmt.Errorf("cmp: %w", fmt.Errorf("%w (%w)", context.Canceled, sshexec.ErrMayRun))
	disk := errors.New("the disk is full")
	for want, list := range map[string][]error{
		"STOPPED AT ONCE": {stop, errors.Join(stop, context.Canceled), &sshexec.FanError{Cause: context.Canceled}},
		"FAILED": {disk, errors.Join(stop, disk), fmt.Errorf("it ends: %w", errors.Join(disk, context.Canceled)),
			fmt.Errorf("%w: %w", evenkeel.ErrOverdue, errors.Join(stop, disk)), context.DeadlineExceeded,
			&sshexec.FanError{Cause: context.Canceled, Failed: []sshexec.HostResult{{Err: disk}}}},
	} {
		for _, err := range list {
			errs.Reset()
			_ = s.failure(&evenkeel.StepError{Step: "join", Err: err}, nil, "")
			require.Contains(t, errs.String(), want+" at step 2", "%v", err)
		}
	}

	errs.Reset()
	for _, other := range []error{nil, errors.New("no step"), evenkeel.ErrStopped, &evenkeel.Pause{}, &evenkeel.CannotRollBackError{}} {
		require.Equal(t, other, s.failure(other, nil, ""))
	}
	require.Empty(t, errs.String())
}
