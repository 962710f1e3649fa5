package sshexec_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest/conformance"
)

func TestGateAndRetryConform(t *testing.T) {
	for name, r := range map[string]sshexec.Runner{
		"gate":  sshexec.Gate("node1", sshexec.Local{}, func(context.Context, sshexec.Question) error { return nil }),
		"retry": sshexec.RetryReadOnly(sshexec.Local{}, sshexec.RetryOptions{}),
	} {
		t.Run(name, func(t *testing.T) {
			conformance.Test(t, func(*testing.T) sshexec.Runner { return r }, conformance.Options{Quick: true})
		})
	}
}

// SSH-010: what changes something runs after a yes only, and what was refused is known not to have run.
func TestGateProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		no := errors.New("not tonight")
		answer := rapid.SampledFrom([]error{nil, no}).Draw(t, "answer")
		cancelled := rapid.Bool().Draw(t, "cancelled")
		effect := sshexec.Effect(rapid.IntRange(0, 4).Draw(t, "effect"))
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		ran, asked := 0, 0
		r := sshexec.Gate("node1", sshexec.RunnerFunc(func(context.Context, sshexec.Cmd) (sshexec.Result, error) {
			ran++
			return sshexec.Result{Outcome: sshexec.Exited}, nil
		}), func(_ context.Context, q sshexec.Question) error {
			asked++
			require.Equal(t, sshexec.Question{Host: "node1", Cmd: "x", Effect: effect}, q)
			if cancelled {
				cancel()
			}
			return answer
		})
		_, err := r.Run(ctx, sshexec.Command(effect, "x"))
		switch {
		case effect == 0 || effect > sshexec.Disruptive:
			require.ErrorIs(t, err, sshexec.ErrNoEffect)
			require.Zero(t, ran+asked)
		case effect == sshexec.ReadOnly:
			require.NoError(t, err)
			require.Equal(t, []int{1, 0}, []int{ran, asked})
		case cancelled:
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, sshexec.ErrGate, "nobody said no")
			require.Equal(t, []int{0, 1}, []int{ran, asked})
		case answer != nil:
			require.ErrorIs(t, err, sshexec.ErrGate)
			require.ErrorIs(t, err, no)
			require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(err))
			require.Equal(t, []int{0, 1}, []int{ran, asked})
		default:
			require.NoError(t, err)
			require.Equal(t, []int{1, 1}, []int{ran, asked})
		}
	})
}

// attempt is one end of a command in TestRetryProperties.
type attempt struct {
	outcome sshexec.Outcome
	cause   error
	output  string
}

// transient are the causes after which a read-only command is tried again.
var transient = []error{sshexec.ErrUnreachable, sshexec.ErrDisconnected, sshexec.ErrSessionRefused}

// SSH-010: a command that changes something is never sent twice, whatever happened; one that reads is, but only where
// it is not known to have run, and only as often as agreed.
func TestRetryProperties(t *testing.T) {
	refusals := []error{sshexec.ErrAuth, sshexec.ErrHostKeyUnknown, sshexec.ErrHostKeyChanged, sshexec.ErrHostKeyRevoked,
		sshexec.ErrSudo, sshexec.ErrTimeout}
	lasting := append([]error{nil, sshexec.ErrClosed, sshexec.ErrGate}, refusals...)
	for _, err := range refusals {
		lasting = append(lasting, fmt.Errorf("%w: the jump host: %w", sshexec.ErrUnreachable, err))
	}
	rapid.Check(t, func(rt *rapid.T) {
		effect := sshexec.Effect(rapid.IntRange(0, 4).Draw(rt, "effect"))
		limit := rapid.IntRange(1, 5).Draw(rt, "attempts")
		var script []attempt
		for range limit + 1 {
			script = append(script, attempt{
				outcome: rapid.SampledFrom([]sshexec.Outcome{sshexec.NotStarted, sshexec.Unknown, sshexec.Exited,
					sshexec.Signalled}).Draw(rt, "outcome"),
				cause:  rapid.OneOf(rapid.SampledFrom(transient), rapid.SampledFrom(lasting)).Draw(rt, "cause"),
				output: rapid.SampledFrom([]string{"", "", "", "x"}).Draw(rt, "output"),
			})
		}
		streaming := rapid.Bool().Draw(rt, "streaming")
		again := func(a attempt) bool {
			known := a.outcome == sshexec.Exited || a.outcome == sshexec.Signalled
			passes := errors.Is(a.cause, transient[0]) || errors.Is(a.cause, transient[1]) || errors.Is(a.cause, transient[2])
			refused := slices.ContainsFunc(refusals, func(err error) bool { return errors.Is(a.cause, err) })
			return !known && passes && !refused && (!streaming || a.output == "")
		}
		want := 1
		if effect == sshexec.ReadOnly {
			for want < limit && again(script[want-1]) {
				want++
			}
		}
		ran, told := 0, 0
		cmd := sshexec.Command(effect, "x")
		if streaming {
			cmd.Stdout = io.Discard
		}
		synctest.Test(t, func(t *testing.T) {
			r := sshexec.RetryReadOnly(sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
				a := script[ran]
				ran++
				if cmd.Stdout != nil && a.output != "" {
					_, _ = io.WriteString(cmd.Stdout, a.output)
				}
				res := sshexec.Result{Outcome: a.outcome, ExitCode: 1}
				return res, sshexec.Failure("node1", cmd, res, a.cause)
			}), sshexec.RetryOptions{Attempts: limit, OnRetry: func(sshexec.Cmd, error) { told++ }})
			_, _ = r.Run(t.Context(), cmd)
		})
		require.Equal(rt, want, ran)
		require.Equal(rt, want-1, told)
	})
}

func TestRetryWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		began := time.Now()
		lost := sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
			at = append(at, time.Since(began))
			return sshexec.Result{}, sshexec.Failure("node1", cmd, sshexec.Result{}, sshexec.ErrUnreachable)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := sshexec.RetryReadOnly(lost, sshexec.RetryOptions{Attempts: 100, MaxWait: 5 * time.Second}).
			Run(ctx, sshexec.Command(sshexec.ReadOnly, "x"))
		require.ErrorIs(t, err, sshexec.ErrUnreachable)
		require.Equal(t, []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 12 * time.Second, 17 * time.Second}, at)
		// A stream is gone after the first attempt.
		at = nil
		cmd := sshexec.Command(sshexec.ReadOnly, "x")
		cmd.Stdin = sshexec.Stream(strings.NewReader("x"))
		_, err = sshexec.RetryReadOnly(lost, sshexec.RetryOptions{}).Run(t.Context(), cmd)
		require.ErrorIs(t, err, sshexec.ErrUnreachable)
		require.Len(t, at, 1)
	})
}

// A retry over a real connection: the machine refuses sessions for a while.
func TestRetryOverSSH(t *testing.T) {
	m := newMachine(t)
	c := m.dial(t)
	m.SetFaults(sshexectest.Faults{RefuseSessions: true})
	r := sshexec.RetryReadOnly(c, sshexec.RetryOptions{Wait: time.Millisecond, OnRetry: func(_ sshexec.Cmd, last error) {
		require.ErrorIs(t, last, sshexec.ErrSessionRefused)
		m.SetFaults(sshexectest.Faults{})
	}})
	_, err := r.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
	require.NoError(t, err)
}

// canaries are secrets that naive redaction lets through.
var canaries = []sshexec.Secret{"plain-canary", "can'ary", `can"ary\n`, "$can.*ary[", "canäry ", "can\tary",
	"%canary%s", "canary", "canary-and-more"}

// SSH-005: no secret in a log, a recording, a question, an error, a line or a fan-out's message, in none of the forms
// in which machines print them.
func TestNoSecretIsShown(t *testing.T) {
	var log, recording bytes.Buffer
	var shown []string
	audit := sshexec.NewAudit(&log, canaries...)
	leaky := sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		var text strings.Builder
		for _, s := range canaries {
			v := s.Reveal()
			for _, form := range []string{v, "'" + strings.ReplaceAll(v, "'", `'"'"'`) + "'", fmt.Sprintf("%q", v),
				base64.StdEncoding.EncodeToString([]byte(v))} {
				text.WriteString("wrong password " + form + "\n")
			}
		}
		res := sshexec.Result{Outcome: sshexec.Exited, ExitCode: 1, Stdout: []byte(text.String()), Stderr: []byte(text.String())}
		return res, sshexec.Failure("node1", cmd, res, nil)
	})
	r := audit.Runner("node1", sshexec.Record(leaky, &recording, canaries...))
	r = sshexec.Gate("node1", r, func(_ context.Context, q sshexec.Question) error {
		shown = append(shown, q.Cmd, fmt.Sprintf("%+v", q))
		return nil
	}, canaries...)
	r = sshexec.DryRun(r, nil)
	cmd := sshexec.Command(sshexec.ReadOnly, "passwd", "--stdin")
	cmd.Mask = canaries
	for _, s := range canaries {
		cmd.Stdin = sshexec.SecretText(s)
		results, err := sshexec.Each(t.Context(), []string{"a", "b"}, func(string) (sshexec.Runner, error) { return r, nil },
			cmd, sshexec.FanOptions{Policy: sshexec.GoOn})
		require.Error(t, err)
		shown = append(shown, err.Error(), fmt.Sprintf("%+v", err))
		for _, one := range results {
			var ce *sshexec.CommandError
			require.ErrorAs(t, one.Err, &ce)
			shown = append(shown, one.Err.Error(), fmt.Sprintf("%+v %#v", ce, ce), ce.Stderr)
		}
		shown = append(shown, fmt.Sprintf("%v %+v %#v", cmd, cmd, cmd), cmd.String())
	}
	shown = append(shown, log.String(), recording.String())
	for _, text := range shown {
		for _, trace := range []string{"canary", "can'ary", "ary\\n", "can.*", "canäry", "ary[", "Y2Fu", "cGxhaW4tY2Fu", "JGNhbi", "-and-more"} {
			require.NotContains(t, text, trace)
		}
	}
	require.Contains(t, recording.String(), "wrong password [redacted]")
}

// Of two secrets the one may be the beginning of the other: masked one after another, the end of the longer would stand.
func TestSecretsWithinSecrets(t *testing.T) {
	var log bytes.Buffer
	cmd := sshexec.Command(sshexec.Mutating, "echo", "hunter2-4-all")
	_, _ = sshexec.NewAudit(&log, "hunter2-4-all").Runner("n", sshexec.DryRun(sshexec.Local{}, nil)).Run(t.Context(), cmd)
	require.NotContains(t, log.String(), "hunter")
	log.Reset()
	cmd.Mask = []sshexec.Secret{"hunter2-4"}
	_, err := sshexec.NewAudit(&log, "hunter2-4-all").Runner("n", sshexec.Local{}).Run(t.Context(), cmd)
	require.ErrorIs(t, err, sshexec.ErrSecretArg)
	require.NotContains(t, log.String(), "hunter")
	require.NotContains(t, log.String(), "]-all")
}

// A recording tells with whose rights a command ran and what became of it when it was cancelled, and its replay shows the lines.
func TestRecordingOfSudoAndLines(t *testing.T) {
	var text bytes.Buffer
	cmd := sshexec.Command(sshexec.ReadOnly, "pcs", "status")
	cmd.Sudo = &sshexec.Sudo{User: "hacluster", Password: "geheim"}
	want := sshexec.Result{Outcome: sshexec.Unknown, Stdout: []byte("one\ntwo"), Stderr: []byte("geheim\n"), Ending: sshexec.GroupAlive}
	_, _ = sshexec.Record(sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		return want, sshexec.Failure("node1", cmd, want, fmt.Errorf("%w (%w)", sshexec.ErrTimeout, sshexec.ErrMayRun))
	}), &text).Run(t.Context(), cmd)
	require.Contains(t, text.String(), "sudo \"hacluster\"\n")
	require.Contains(t, text.String(), "ending alive\n")
	require.NotContains(t, text.String(), "geheim")
	r, err := sshexec.NewReplay("node1", &text)
	require.NoError(t, err)
	plain := cmd
	plain.Sudo = nil
	_, err = r.Run(t.Context(), plain)
	require.ErrorIs(t, err, sshexec.ErrUnscripted, "another user's command")
	var lines []sshexec.Line
	cmd.Lines = func(l sshexec.Line) { lines = append(lines, l) }
	got, err := r.Run(t.Context(), cmd)
	require.ErrorIs(t, err, sshexec.ErrTimeout)
	require.ErrorIs(t, err, sshexec.ErrMayRun)
	want.Stderr = []byte("[redacted]\n")
	require.Equal(t, want, got)
	require.Equal(t, []sshexec.Line{{Stream: "stdout", Text: "one"}, {Stream: "stdout", Text: "two"},
		{Stream: "stderr", Text: "[redacted]"}}, lines)
}
