package flow

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
)

// activities keep the lives of a worker.
type activities struct {
	jobs    Jobs
	client  client.Client
	options WorkerOptions

	mu       sync.Mutex
	lives    map[string]*life // by pair
	draining bool
}

// queue is this worker's own.
func (a *activities) queue() string { return a.options.Queue + "@" + a.options.Name }

// errNoLife says that this worker does not have the life that is meant. The workflow gives that one up.
var errNoLife = errors.New("this worker does not have that life")

// begin begins a life. One of the same pair that is still here was given up: it is cut off first.
func (a *activities) begin(ctx context.Context, s start) (b began, err error) {
	defer a.crashed(&err)
	l := newLife(s)
	b = began{Queue: a.queue(), Worker: a.options.Name}
	if !a.admit(s.Pair, l) {
		b.Ending.How = course.WasAsked
		return b, nil
	}
	ctx, over := a.heed(ctx, l, s.Beat)
	defer over()
	if err := a.open(ctx, s, l); err != nil {
		a.forget(s.Pair, l)
		if errors.Is(err, errAgain) {
			return b, temporal.NewNonRetryableApplicationError(err.Error(), "Worker", nil)
		}
		b.Ending = ending(err, course.KeptOut)
		var busy *evenkeel.LeaseBusyError
		if errors.As(err, &busy) {
			b.Ending.How = course.WasBusy
		}
		return b, nil
	}
	b.Over = l.life.Next()[0].Kind == evenkeel.DecideDone
	return b, nil
}

// errAgain marks what another worker may not run into.
var errAgain = errors.New("this worker cannot begin it")

// open opens the pair and begins the life, whose extent is its own and not that of this call.
func (a *activities) open(ctx context.Context, s start, l *life) error {
	book, err := a.jobs.Book(s.Pair)
	if err != nil {
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	if is := book.Digest(); is != s.Digest {
		return fmt.Errorf("%w: its runbook for %s has the digest %s, and the run has %s", errAgain, s.Pair, is, s.Digest)
	}
	open, err := a.jobs.Open(ctx, s.Pair)
	if err != nil {
		return err
	}
	l.opened(open.Close)
	j, err := openJournal(ctx, a.client, activity.GetInfo(ctx).WorkflowExecution, s)
	if err != nil {
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	j.over = func() { go a.forget(s.Pair, l) } // it can do nothing more: no drain waits for it, and no later call finds it
	a.mu.Lock()
	l.writes = j
	a.mu.Unlock()
	opts := open.Options
	opts.Journal, opts.Stop, opts.Observer, opts.Heartbeat = j, l.stop, l, s.Beat
	opts.Operator = operator{l, open.Options.Operator}
	defer context.AfterFunc(ctx, l.cancel)() // while it begins the server can end it
	verbs := map[course.Verb]func(context.Context, *evenkeel.Runbook, evenkeel.Hosts, evenkeel.Options) (*evenkeel.Life, error){
		course.Run: evenkeel.BeginRun, course.Resume: evenkeel.BeginResume, course.Rollback: evenkeel.BeginRollback,
	}
	is, err := verbs[s.Verb](l.work, book, open.Hosts, opts)
	a.mu.Lock()
	l.life = is
	a.mu.Unlock()
	return err
}

// perform performs a decision. That the life does not come to a good end in its step is a result, not an error: the
// activity did what it was for.
func (a *activities) perform(ctx context.Context, t task) (e course.Ending, err error) {
	defer a.crashed(&err)
	l, err := a.have(t)
	if err != nil {
		return e, err
	}
	if t.Word != nil {
		l.hear(t.Decision.Step+"/"+t.Decision.Action, *t.Word)
	}
	work, over := a.heed(ctx, l, t.Beat)
	defer over()
	if err := l.life.Perform(work, t.Decision); err != nil {
		return ending(err, course.Failed), nil
	}
	return e, nil
}

// end ends the life, unless decisions are left to it.
func (a *activities) end(ctx context.Context, t task) (e course.Ending, err error) {
	defer a.crashed(&err)
	l, err := a.have(t)
	if err != nil {
		return e, err
	}
	work, over := a.heed(ctx, l, t.Beat)
	defer over()
	defer context.AfterFunc(work, l.cancel)()
	if list := l.life.Next(); len(list) > 0 && list[0].Work() && !l.spent(list) {
		return course.Ending{Again: list}, nil
	}
	_, err = l.life.End()
	a.forget(t.Pair, l)
	if err != nil {
		return ending(err, course.Failed), nil
	}
	return e, nil
}

// stop asks the life to stop at its next safe point.
func (a *activities) stop(_ context.Context, t task) error {
	l, err := a.have(t)
	if err != nil {
		return err
	}
	l.askStop()
	return nil
}

// admit gives a life its place. A worker that ends begins none.
func (a *activities) admit(pair string, l *life) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.draining {
		return false
	}
	if old := a.lives[pair]; old != nil {
		old.cut()
	}
	a.lives[pair] = l
	return true
}

// have is the life of a task.
func (a *activities) have(t task) (*life, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.lives[t.Pair]
	if l == nil || l.n != t.Life || l.life == nil {
		return nil, temporal.NewNonRetryableApplicationError(fmt.Sprintf("%v: %s, life %d", errNoLife, t.Pair, t.Life), "Worker", nil)
	}
	return l, nil
}

// forget forgets a life that has ended.
func (a *activities) forget(pair string, l *life) {
	a.mu.Lock()
	if a.lives[pair] == l {
		delete(a.lives, pair)
	}
	a.mu.Unlock()
	l.cut()
}

// drain waits until no life is left.
func (a *activities) drain(ctx context.Context) {
	ctx, over := context.WithCancel(ctx)
	defer over()
	go a.forgetGivenUp(ctx)
	a.mu.Lock()
	a.draining = true
	a.mu.Unlock()
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		a.mu.Lock()
		for _, l := range a.lives {
			l.askStop()
		}
		left := len(a.lives)
		a.mu.Unlock()
		if left == 0 {
			tick.Stop()
			return
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}

// forgetGivenUp forgets the lives that their workflows gave up while this worker did nothing for them: nobody ends those.
func (a *activities) forgetGivenUp(ctx context.Context) {
	for tick := time.NewTicker(time.Second); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		a.askGivenUp(ctx)
	}
}

// askGivenUp asks all workflows at once, so that one which does not answer holds up no other. Those are asked again.
func (a *activities) askGivenUp(ctx context.Context) {
	ctx, end := context.WithTimeout(ctx, 20*time.Second)
	defer end()
	var round sync.WaitGroup
	defer round.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	for pair, l := range a.lives {
		j := l.writes
		if j == nil {
			continue
		}
		round.Go(func() {
			if is, err := j.givenUp(ctx); err == nil && is {
				a.forget(pair, l)
			}
		})
	}
}

// crashed turns a panic into an error that says nothing: what it would say may hold a secret.
func (a *activities) crashed(err *error) {
	if what := recover(); what != nil {
		a.options.Crashed(fmt.Sprintf("%T", what), debug.Stack())
		*err = temporal.NewNonRetryableApplicationError("the tool crashed: the log of worker "+a.options.Name+" has where", "Crash", nil)
	}
}
