package evenkeel_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// A rollback that the system rules out is refused before it begins: nothing is undone, nothing is journalled, and the run can be resumed. One
// that has begun goes on to its end.
func TestARollbackThatMayNotBegin(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[a.safe undo:u.safe]")
	asked, refusal := 0, error(nil)
	rb.MayRollBack = func(context.Context, evenkeel.Site) error {
		asked++
		return refusal
	}
	j, hosts := &evenkeel.MemJournal{}, evenkeel.HostMap{"h": m}
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	n := len(j.Records())
	for _, refusal = range []error{errors.New("nobody answers"), &evenkeel.CannotRollBackError{Step: "s1", Reason: "it has risen"}} {
		report, err := evenkeel.Rollback(t.Context(), rb, hosts, evenkeel.Options{Journal: j, Clock: &stepClock{}})
		require.ErrorIs(t, err, refusal)
		require.Equal(t, errors.As(refusal, new(*evenkeel.CannotRollBackError)), report.Barrier != nil)
		require.Len(t, j.Records(), n)
		_, err = evenkeel.Resume(t.Context(), rb, hosts, evenkeel.Options{Journal: j, Clock: &stepClock{}})
		require.NoError(t, err)
		n = len(j.Records())
	}
	refusal = nil
	require.Equal(t, "=done", m.life(t, evenkeel.Rollback, rb, j))
	require.Equal(t, 3, asked)
}
