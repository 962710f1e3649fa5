package sshexec_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// knows is an error of a user's own package.
type knows struct{ outcome sshexec.Outcome }

func (k knows) Error() string            { return "own: " + k.outcome.String() }
func (k knows) Outcome() sshexec.Outcome { return k.outcome }

// TestOutcomeOfFindsTheGravest: whatever an error is wrapped in or joined with, an outcome that is not known is never
// taken for one that is.
func TestOutcomeOfFindsTheGravest(t *testing.T) {
	ran := &sshexec.CommandError{Outcome: sshexec.Exited, ExitCode: 1}
	refused := &sshexec.CommandError{Outcome: sshexec.NotStarted}
	killed := &sshexec.CommandError{Outcome: sshexec.Signalled}
	lost := &live.CommandError{Host: "a:1", Outcome: sshexec.Unknown}
	plain := errors.New("no runner made this")
	for name, tc := range map[string]struct {
		err   error
		want  sshexec.Outcome
		known bool
	}{
		"nil":                       {nil, sshexec.Exited, false},
		"no runner made it":         {plain, sshexec.NotStarted, false},
		"cancelled":                 {context.Canceled, sshexec.NotStarted, false},
		"a server's silence":        {lost, sshexec.Unknown, true},
		"wrapped":                   {fmt.Errorf("gave up: %w", lost), sshexec.Unknown, true},
		"joined, the gravest last":  {errors.Join(refused, ran, lost), sshexec.Unknown, true},
		"joined, the gravest first": {errors.Join(lost, ran), sshexec.Unknown, true},
		"several verbs":             {fmt.Errorf("%w and %w", ran, killed), sshexec.Signalled, true},
		"with one that knows none":  {errors.Join(plain, ran), sshexec.Exited, true},
		"a fan-out": {&sshexec.FanError{Failed: []sshexec.HostResult{{Err: ran},
			{Err: fmt.Errorf("x: %w", lost)}}}, sshexec.Unknown, true},
		"somebody's own type":     {errors.Join(refused, fmt.Errorf("x: %w", knows{sshexec.Unknown})), sshexec.Unknown, true},
		"a nil one":               {(*sshexec.CommandError)(nil), sshexec.Unknown, true},
		"a nil one of mongo":      {(*live.CommandError)(nil), sshexec.Unknown, true},
		"it speaks for its cause": {&sshexec.CommandError{Outcome: sshexec.NotStarted, Err: ran}, sshexec.NotStarted, true},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, sshexec.OutcomeOf(tc.err))
			require.Equal(t, tc.known, sshexec.KnowsOutcome(tc.err))
		})
	}
}

// TestOutcomeOfAnyTree: the gravest of all that were put in, however the errors are nested.
func TestOutcomeOfAnyTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		worst := sshexec.NotStarted
		var build func(depth int) error
		build = func(depth int) error {
			kind := rapid.IntRange(0, 4).Draw(t, "kind")
			if depth == 0 {
				kind = min(kind, 1)
			}
			switch kind {
			case 0, 1:
				o := sshexec.Outcome(rapid.IntRange(0, int(sshexec.Unknown)).Draw(t, "outcome"))
				worst = max(worst, o)
				if kind == 0 {
					return &live.CommandError{Outcome: o}
				}
				return &sshexec.CommandError{Outcome: o}
			case 2:
				return fmt.Errorf("around: %w", build(depth-1))
			case 3:
				return errors.Join(build(depth-1), errors.New("beside"), build(depth-1))
			}
			return &sshexec.FanError{Failed: []sshexec.HostResult{{Err: build(depth - 1)}, {Err: build(depth - 1)}}}
		}
		err := build(3)
		require.Equal(t, worst, sshexec.OutcomeOf(err), "%v", err)
	})
}

// TestFanOutOverNothing: a fan-out that reached nobody is no success.
func TestFanOutOverNothing(t *testing.T) {
	ctx, cmd := context.Background(), sshexec.Command(sshexec.ReadOnly, "true")
	_, err := sshexec.Each(ctx, nil, func(string) (sshexec.Runner, error) { return sshexec.Local{}, nil }, cmd, sshexec.FanOptions{})
	require.ErrorIs(t, err, sshexec.ErrNoHosts)
	_, err = sshexec.Each(ctx, []string{"a"}, nil, cmd, sshexec.FanOptions{})
	require.ErrorIs(t, err, sshexec.ErrNoHosts)
	_, err = sshexec.Each(ctx, []string{"a"}, func(string) (sshexec.Runner, error) { return nil, nil }, cmd, sshexec.FanOptions{})
	require.ErrorIs(t, err, sshexec.ErrNoHosts)
	_, err = sshexec.Parallel(ctx, nil, sshexec.FanOptions{})
	require.ErrorIs(t, err, sshexec.ErrNoHosts)
	_, err = sshexec.Parallel(ctx, []sshexec.Job{{Host: "a", Cmd: cmd}}, sshexec.FanOptions{})
	require.ErrorIs(t, err, sshexec.ErrNoHosts)
}
