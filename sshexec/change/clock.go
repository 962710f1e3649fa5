package change

import (
	"context"
	"time"
)

// Clock is the time that a run lives by. WallClock is the real one; a simulated world brings its own. Several
// goroutines ask it at the same time.
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
