package cli

import (
	"bufio"
	"context"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// asker is an operator at a terminal that a test types at, and what it has asked, a question each.
func asker(t *testing.T) (at operator, types io.Writer, asked <-chan string) {
	r, w := io.Pipe()
	t.Cleanup(func() { _ = w.Close() })
	questions := make(chan string, 8)
	return operator{cfg: &Config{}, in: &terminal{in: bufio.NewReader(r)}, out: writerFunc(func(p string) {
		if strings.Contains(p, "Who confirms it") {
			questions <- p
		}
	})}, w, questions
}

type writerFunc func(string)

func (f writerFunc) Write(p []byte) (int, error) {
	f(string(p))
	return len(p), nil
}

func question(id string) evenkeel.Prompt {
	return evenkeel.Prompt{Step: &evenkeel.Step{ID: "s"}, Action: &evenkeel.Action{ID: id}, Instruction: "Confirm " + id}
}

// A question ends when the run is asked to stop, be it asked ahead or at its turn; nobody has to press Enter. A line that was typed
// for it does not answer the question that comes next.
func TestAQuestionEndsWithItsContext(t *testing.T) {
	at, types, asked := asker(t)
	for _, ask := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := at.Prompt(ctx, question("a")); return err },
		func(ctx context.Context) error {
			_, err := at.Confirm(ctx, []evenkeel.Prompt{question("a")})
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- ask(ctx) }()
		<-asked
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.ErrorIs(t, ask(ctx), context.Canceled, "and none is asked after that")
		require.Empty(t, asked)
	}
	under := at.in.read
	_, err := types.Write([]byte("too late\n"))
	require.NoError(t, err)
	for len(under) == 0 { // until it was read
		continue
	}
	go func() {
		<-asked
		_, _ = types.Write([]byte(" alice, today \n"))
	}()
	answer, err := at.Prompt(t.Context(), question("b"))
	require.NoError(t, err)
	require.Equal(t, "confirmed at the terminal: alice, today", answer)
}

// Parallel steps may ask at the same time: each question has its own answer.
func TestQuestionsAreAskedOneByOne(t *testing.T) {
	at, types, asked := asker(t)
	var steps sync.WaitGroup
	for _, id := range []string{"a", "b", "c"} {
		steps.Go(func() {
			answer, err := at.Prompt(t.Context(), question(id))
			if err != nil || answer != "confirmed at the terminal: "+id {
				t.Errorf("%s: %q, %v", id, answer, err)
			}
		})
	}
	for range 3 {
		id := strings.TrimPrefix(strings.SplitN(<-asked, ":", 2)[0], "s/")
		_, err := types.Write([]byte(id + "\n"))
		require.NoError(t, err)
	}
	steps.Wait()
}
