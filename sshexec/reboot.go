package sshexec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// BootID is what Linux calls one boot of a machine; another boot has another.
type BootID string

// BootIDFile is where Linux keeps it (proc(5), since 2.6).
const BootIDFile = "/proc/sys/kernel/random/boot_id"

// ReadBootID asks the machine for its boot id.
func ReadBootID(ctx context.Context, r Runner) (BootID, error) {
	res, err := r.Run(ctx, Command(ReadOnly, "cat", BootIDFile))
	if err != nil {
		return "", fmt.Errorf("cannot read the boot id: %w", err)
	}
	id := BootID(res.Text())
	if id == "" || strings.ContainsAny(string(id), " \n") {
		return "", fmt.Errorf("cannot read the boot id: %s holds %q", BootIDFile, res.Text())
	}
	return id, nil
}

// Sleeper is the time that a wait goes by. The zero RebootOptions take the machine's own.
type Sleeper interface {
	Now() time.Time
	Sleep(ctx context.Context, d time.Duration) error // returns early with the context's error
}

// RebootOptions bound the wait for a reboot.
type RebootOptions struct {
	Down  time.Duration // how long the machine may go on answering with the old boot id; 5 min when zero
	Back  time.Duration // how long it may be out of reach, or without a login; 15 min when zero
	Every time.Duration // pause between two tries; 2 s when zero
	Try   time.Duration // bound on one try; 20 s when zero
	Clock Sleeper
}

// Why a wait for a reboot ended without one.
var (
	ErrDidNotReboot   = errors.New("the machine still runs since its last boot")
	ErrDidNotComeBack = errors.New("the machine did not come back")
	errBootIDNotKnown = errors.New("the boot id before the reboot is not known: without it a reboot cannot be told from none")
)

// WaitReboot waits until the machine is reachable again with another boot id than before, and returns that. That a
// connection was lost and another made proves nothing, a short interruption looks the same. The error is errors.Is
// ErrDidNotReboot when the machine goes on with the old boot id, ErrDidNotComeBack when it stays out of reach. A wrong
// host key ends the wait at once, since only the operator can put it right; a refused login does not, since a machine
// that boots refuses some (pam_nologin).
func WaitReboot(ctx context.Context, r Runner, before BootID, opt RebootOptions) (BootID, error) {
	after, err := waitReboot(ctx, r, before, opt)
	if err != nil {
		return "", fmt.Errorf("cannot wait for the reboot: %w", err)
	}
	return after, nil
}

func waitReboot(ctx context.Context, r Runner, before BootID, opt RebootOptions) (BootID, error) {
	if before == "" {
		return "", errBootIDNotKnown
	}
	opt.Down = cmp.Or(opt.Down, 5*time.Minute)
	opt.Back = cmp.Or(opt.Back, 15*time.Minute)
	opt.Every = cmp.Or(opt.Every, 2*time.Second)
	opt.Try = cmp.Or(opt.Try, 20*time.Second)
	if opt.Clock == nil {
		opt.Clock = wallClock{}
	}
	start := opt.Clock.Now()
	var away time.Time // since when the machine does not answer; zero while it does
	for {
		id, err := tryBootID(ctx, r, opt.Try)
		now := opt.Clock.Now()
		var key *HostKeyError
		switch {
		case ctx.Err() != nil:
			return "", contextCause(ctx)
		case errors.As(err, &key):
			return "", err
		case err == nil && id != before:
			return id, nil
		case err == nil:
			away = time.Time{}
			if now.Sub(start) >= opt.Down {
				return "", fmt.Errorf("%w (after %s)", ErrDidNotReboot, now.Sub(start).Round(time.Second))
			}
		case away.IsZero():
			away = now
		case now.Sub(away) >= opt.Back:
			return "", fmt.Errorf("%w within %s: %w", ErrDidNotComeBack, now.Sub(away).Round(time.Second), err)
		}
		if err := opt.Clock.Sleep(ctx, opt.Every); err != nil {
			return "", contextCause(ctx)
		}
	}
}

func tryBootID(ctx context.Context, r Runner, limit time.Duration) (BootID, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return ReadBootID(ctx, r)
}

// wallClock is the machine's own time.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
