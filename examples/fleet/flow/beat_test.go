package flow

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// A sign of life that did not come through ends nothing; a word of the server does.
func TestWhatEndsAnActivity(t *testing.T) {
	for answer, want := range map[error]bool{
		serviceerror.NewDeadlineExceeded("context deadline exceeded"): false,
		serviceerror.NewUnavailable("the server is away"):             false,
		serviceerror.NewCanceled("the call was ended"):                false,
		serviceerror.NewResourceExhausted(0, "too many"):              false,
		context.DeadlineExceeded:                                      false, // of the call, and not of the activity
		context.Canceled:                                              false,
		errors.New("anything else"):                                   false,
		temporal.NewCanceledError():                                   true,
		serviceerror.NewNotFound("given up"):                          true,
		serviceerror.NewNamespaceNotFound("none"):                     true,
		activity.ErrActivityPaused:                                    true,
		activity.ErrActivityReset:                                     true,
	} {
		require.Equal(t, want, ends(answer), "%T %v", answer, answer)
	}
	require.False(t, ends(nil))
}

// signs are signs of life to which a test answers, one after the other.
type signs struct{ answers chan error }

func (s signs) sign(ctx context.Context) error {
	select {
	case err := <-s.answers:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// late answers two signs of life as if they had been late on their way: the second was sent after the first.
func (s signs) late() {
	for range 2 {
		s.answers <- serviceerror.NewDeadlineExceeded("context deadline exceeded")
	}
}

// After signs of life that were late an activity hears all that ends it: each word of the server, the end of its time, and
// that of its worker.
func TestWhatEndsAnActivityAfterALateSignOfLife(t *testing.T) {
	for name, word := range map[string]error{
		"an operator stops it at once": temporal.NewCanceledError(),
		"the life was given up":        serviceerror.NewNotFound("given up"),
	} {
		s := signs{make(chan error)}
		work, end := heed(t.Context(), time.Millisecond, s.sign)
		s.late()
		require.NoError(t, work.Err(), name)
		s.answers <- word
		<-work.Done()
		require.ErrorIs(t, context.Cause(work), word, name)
		s.answers <- nil // what was stopped comes to its end, and gives signs of life meanwhile
		end()
	}

	s := signs{make(chan error)}
	worker, ended := context.WithCancelCause(t.Context())
	work, end := heed(worker, time.Millisecond, s.sign)
	defer end()
	s.late()
	ended(temporal.NewCanceledError())
	<-work.Done()
	s.answers <- nil

	timed, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	work, end = heed(timed, time.Millisecond, signs{make(chan error)}.sign) // none comes through
	defer end()
	<-work.Done()
	require.ErrorIs(t, context.Cause(work), context.DeadlineExceeded)
}

// The end of an activity waits for no sign of life, and none is given after it.
func TestWhatEndsTheSignsOfLife(t *testing.T) {
	sent := make(chan struct{}, 1)
	work, end := heed(t.Context(), time.Millisecond, func(ctx context.Context) error {
		sent <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	<-sent
	end()
	require.Error(t, work.Err())
	require.Empty(t, sent)
}
