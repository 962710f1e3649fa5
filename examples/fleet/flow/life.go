package flow

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
)

// life is a life on this worker.
type life struct {
	n      int
	life   *evenkeel.Life  // nil while it begins
	writes *journal        // nil until it is opened
	work   context.Context //nolint:containedctx // a life outlives the call that begins it
	cancel context.CancelFunc
	stop   chan struct{}

	mu      sync.Mutex
	close   func() // its connections
	stopped bool
	done    bool
	words   map[string]course.Word
	event   string
	again   string // the decisions that End gave back last
}

func newLife(s start) *life {
	l := &life{n: s.Life, stop: make(chan struct{}), words: s.Confirmed}
	l.work, l.cancel = context.WithCancel(context.Background())
	return l
}

// opened notes how its connections are closed.
func (l *life) opened(closes func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		closes()
		return
	}
	l.close = closes
}

// Event keeps what happens, for the signs of life. No secret is in it (evenkeel.Observer).
func (l *life) Event(e evenkeel.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.event = fmt.Sprintf("%s %s", e.Kind, e.Text)
	if e.Step != nil {
		l.event = e.Step.ID + ": " + l.event
	}
}

func (l *life) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.event
}

// hear takes what an operator confirmed.
func (l *life) hear(name string, w course.Word) {
	l.mu.Lock()
	defer l.mu.Unlock()
	words := map[string]course.Word{name: w}
	for other, w := range l.words {
		if other != name {
			words[other] = w
		}
	}
	l.words = words
}

func (l *life) askStop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stopped {
		l.stopped = true
		close(l.stop)
	}
}

// cut ends what the life does at once, and its connections. It has ended, or was given up.
func (l *life) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return
	}
	l.done = true
	l.cancel()
	if l.close != nil {
		l.close()
	}
}

// spent tells whether the life gave the same decisions back before: then they do not help it on.
func (l *life) spent(list []evenkeel.Decision) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := fmt.Sprint(list)
	was := l.again
	l.again = text
	return was == text
}

// operator answers with what was confirmed, or else as the job's own does; nobody waits in a worker.
type operator struct {
	life *life
	own  evenkeel.Operator
}

// Prompt answers. Where there is evidence, it pauses until an operator says that it is worth another look.
func (o operator) Prompt(ctx context.Context, ask evenkeel.Prompt) (string, error) {
	name := ask.Step.ID + "/" + ask.Action.ID
	o.life.mu.Lock()
	word, ok := o.life.words[name]
	o.life.mu.Unlock()
	switch {
	case ok && ask.Why == "":
		return "confirmed by " + word.String(), nil
	case o.own != nil:
		return o.own.Prompt(ctx, ask)
	case ask.Why == "":
		return "", evenkeel.NeedsOperator("%s Then confirm it: confirm %s", ask.Instruction, name)
	}
	return "", evenkeel.NeedsOperator("%s (not there yet: %s) Then confirm it: confirm %s", ask.Instruction, ask.Why, name)
}

// ending is what an error says of a life. state is where the pair stands, where it says nothing else.
func ending(err error, state course.State) course.Ending {
	var pause *evenkeel.Pause
	var step *evenkeel.StepError
	switch {
	case errors.Is(err, evenkeel.ErrNotNext):
		return course.Ending{How: course.WasHeld}
	case errors.Is(err, evenkeel.ErrStopped):
		return course.Ending{How: course.WasAsked}
	case errors.As(err, &step):
		return course.Ending{How: course.WasHeld, Held: &course.Held{State: state, Step: step.Step, Action: step.Action, Why: err.Error()}}
	case errors.As(err, &pause):
		return course.Ending{How: course.WasHeld,
			Held: &course.Held{State: course.Paused, Step: pause.Step, Action: pause.Action, Why: pause.Reason}}
	}
	return course.Ending{How: course.WasHeld, Held: &course.Held{State: state, Why: err.Error()}}
}
