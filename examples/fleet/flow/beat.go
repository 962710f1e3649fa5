package flow

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
)

// heed is the context of what an activity does. It ends when the server says so (an operator stops it at once, or the life
// was given up) and when the time of the activity is over. The SDK ends the activity's own context also where a sign of
// life took too long on its way. That is no word of the server: on a machine that is busy a step would fail of it. The work
// goes on; where the server gives the life up all the same, it takes no record of it any more.
func heed(ctx context.Context) (work context.Context, end func()) {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	deaf := context.AfterFunc(ctx, func() {
		if !late(ctx) {
			cancel(context.Cause(ctx))
		}
	})
	return work, func() { deaf(); cancel(nil) }
}

// late tells whether a context has ended because a sign of life did not come through.
func late(ctx context.Context) bool {
	if at, ok := ctx.Deadline(); ok && !time.Now().Before(at) {
		return false
	}
	cause := context.Cause(ctx)
	var said serviceerror.ServiceError
	var none *serviceerror.NotFound
	var away *serviceerror.NamespaceNotFound
	if errors.As(cause, &none) || errors.As(cause, &away) {
		return false
	}
	return errors.As(cause, &said) || errors.Is(cause, context.DeadlineExceeded)
}

// beat gives the server signs of life, with what was told last, until stop is called; also after one that was late.
func beat(ctx context.Context, l *life, every time.Duration) (stop func()) {
	ctx = context.WithoutCancel(ctx)
	over, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			activity.RecordHeartbeat(ctx, l.last())
			select {
			case <-tick.C:
			case <-over:
				return
			}
		}
	}()
	return func() { close(over); <-gone }
}
