package evenkeel

import (
	"context"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Effect says what an action does to the system. There is no default: an action without one is refused.
type Effect = op.Effect

// The effects.
const (
	ReadOnly   = op.ReadOnly
	Mutating   = op.Mutating
	Disruptive = op.Disruptive
)

// Repeat says what may be done when it is not known whether an action ran.
type Repeat = op.Repeat

// The ways to repeat.
const (
	Safe       = op.Safe       // twice is the same as once
	ProbeFirst = op.ProbeFirst // look first, every time; run unless the probe finds it done, or cannot tell what became of it
	Never      = op.Never      // run again only when the probe proves that it never took effect
)

// Outcome says what is known of an action after its call returned.
type Outcome = op.Outcome

// The outcomes.
const (
	NotStarted = op.NotStarted
	Exited     = op.Exited
	Signalled  = op.Signalled
	Unknown    = op.Unknown
)

// Hosts finds the way to a machine by the name that the runbook uses for it.
type Hosts interface {
	Runner(host string) (sshexec.Runner, error)
}

// HostMap is Hosts as a map.
type HostMap map[string]sshexec.Runner

// Runner returns the runner of a host.
func (m HostMap) Runner(host string) (sshexec.Runner, error) {
	if r := m[host]; r != nil {
		return r, nil
	}
	return nil, &UnknownHostError{Host: host}
}

// UnknownHostError says that a runbook names a machine to which the caller gave no way.
type UnknownHostError struct{ Host string }

func (e *UnknownHostError) Error() string { return "no way to reach host " + e.Host + " was given" }

// Clock is the time that a run lives by. WallClock is the real one; a simulated world brings its own. Several goroutines ask it at the same time.
type Clock interface {
	Now() time.Time
	Sleep(ctx context.Context, d time.Duration) error // returns early with the context's error
}

// WallClock is the machine's clock.
type WallClock struct{}

// Now is the current time.
func (WallClock) Now() time.Time { return time.Now() }

// Sleep waits for d or until the context ends.
func (WallClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
