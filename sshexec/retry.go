package sshexec

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

// RetryOptions say how often a read-only command is tried.
type RetryOptions struct {
	Attempts int                       // how often in all; 3 when zero
	Wait     time.Duration             // pause before the second attempt, doubled before each further one; 1 s when zero
	MaxWait  time.Duration             // bound on the pause; 30 s when zero
	OnRetry  func(cmd Cmd, last error) // is told before each further attempt; may be nil
}

// The first pause between two tries to reach a machine, and the longest.
const retryPause, maxRetryPause = time.Second, 30 * time.Second

// RetryReadOnly is a Runner that tries a command again when it only reads, and when the connection failed: it could not
// be made, was lost, or gave no session (ErrUnreachable, ErrDisconnected, ErrSessionRefused), so that the outcome is
// NotStarted or Unknown. It never does so for a command that changes anything, and not where trying again would do harm
// or no good: a login or a host key that was refused, a command that ended or ran out of time, a Stream that is used
// up, output that Stdout or Lines has seen already.
func RetryReadOnly(r Runner, opt RetryOptions) Runner {
	attempts := cmp.Or(opt.Attempts, 3)
	most := cmp.Or(opt.MaxWait, maxRetryPause)
	return RunnerFunc(func(ctx context.Context, cmd Cmd) (Result, error) {
		if cmd.Effect != ReadOnly || cmd.Stdin.stream != nil {
			return r.Run(ctx, cmd)
		}
		var seen written
		if cmd.Stdout != nil {
			seen.to, cmd.Stdout = cmd.Stdout, &seen
		}
		if show := cmd.Lines; show != nil {
			cmd.Lines = func(l Line) {
				seen.any.Store(true)
				show(l)
			}
		}
		wait := min(cmp.Or(opt.Wait, retryPause), most)
		for try := 1; ; try++ {
			res, err := r.Run(ctx, cmd)
			if err == nil || try >= attempts || seen.any.Load() || !lostLink(err) || !pause(ctx, wait) {
				return res, err
			}
			if opt.OnRetry != nil {
				opt.OnRetry(cmd, err)
			}
			wait = min(2*wait, most)
		}
	})
}

// lostLink tells whether a command failed for a reason that may pass. A jump host's refusal comes wrapped in
// ErrUnreachable, and does not pass: repeated attempts may lock an account.
func lostLink(err error) bool {
	if o := OutcomeOf(err); o != NotStarted && o != Unknown {
		return false
	}
	for _, lasting := range []error{ErrAuth, ErrHostKeyUnknown, ErrHostKeyChanged, ErrHostKeyRevoked, ErrSudo, ErrTimeout} {
		if errors.Is(err, lasting) {
			return false
		}
	}
	return errors.Is(err, ErrUnreachable) || errors.Is(err, ErrDisconnected) || errors.Is(err, ErrSessionRefused)
}

// pause returns false when the context ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// written remembers whether anything was written.
type written struct {
	to  io.Writer
	any atomic.Bool
}

func (w *written) Write(p []byte) (int, error) {
	w.any.Store(true)
	return w.to.Write(p)
}
