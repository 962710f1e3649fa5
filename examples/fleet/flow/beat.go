package flow

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// heed gives the server signs of life of what an activity does, with what was told last.
func (a *activities) heed(ctx context.Context, l *life, every time.Duration) (work context.Context, end func()) {
	token := activity.GetInfo(ctx).TaskToken
	return heed(ctx, every, func(ctx context.Context) error { return a.client.RecordActivityHeartbeat(ctx, token, l.last()) })
}

// heed is the context of what an activity does, and gives a sign of life again and again until end is called. The context ends
// when the server answers one with a word that ends the activity (an operator stops it at once, or the life was given up), when
// the time of the activity is over, and with its worker. A sign of life that is late or does not come through ends nothing, and
// the next one is heard as well. Those of the SDK (activity.RecordHeartbeat) end the activity's context where one takes too
// long: on a machine that is busy a step would fail of it.
func heed(ctx context.Context, every time.Duration, sign func(context.Context) error) (work context.Context, end func()) {
	work, cancel := context.WithCancelCause(ctx)
	signs, over := context.WithCancel(context.WithoutCancel(ctx)) // they go on while what was stopped comes to its end
	var gone sync.WaitGroup
	gone.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-signs.Done():
				return
			}
			one, done := context.WithTimeout(signs, signTime*every)
			err := sign(one)
			done()
			if ends(err) {
				cancel(err)
			}
		}
	})
	return work, func() { over(); gone.Wait(); cancel(nil) }
}

// signTime is how many times as long as to the next one a sign of life may take: as long as the server waits for it (Limits).
// The client waits for half of that, and there is time for another.
const signTime = 4

// ends tells whether the answer to a sign of life ends the activity.
func ends(err error) bool {
	var stopped *temporal.CanceledError
	var none *serviceerror.NotFound
	var away *serviceerror.NamespaceNotFound
	return errors.As(err, &stopped) || errors.As(err, &none) || errors.As(err, &away) ||
		errors.Is(err, activity.ErrActivityPaused) || errors.Is(err, activity.ErrActivityReset)
}
