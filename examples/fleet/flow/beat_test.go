package flow

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"
)

// A sign of life that did not come through ends nothing; a word of the server does, and the end of the time.
func TestWhatEndsAnActivity(t *testing.T) {
	for cause, ends := range map[error]bool{
		serviceerror.NewDeadlineExceeded("context deadline exceeded"): false,
		serviceerror.NewUnavailable("the server is away"):             false,
		context.DeadlineExceeded:                                      false, // of the call, and not of the activity
		temporal.NewCanceledError():                                   true,
		serviceerror.NewNotFound("given up"):                          true,
		serviceerror.NewNamespaceNotFound("none"):                     true,
		context.Canceled:                                              true, // the worker has ended
		errors.New("anything else"):                                   true,
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		work, end := heed(ctx)
		require.NoError(t, work.Err())
		cancel(cause)
		if ends {
			<-work.Done()
			require.ErrorIs(t, context.Cause(work), cause)
		}
		require.Equal(t, !ends, late(ctx), "%T %v", cause, cause)
		end()
		require.Error(t, work.Err())
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	work, end := heed(ctx)
	defer end()
	<-work.Done()
	require.ErrorIs(t, context.Cause(work), context.DeadlineExceeded)
}
