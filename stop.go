package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// heed listens for both requests to stop: the first is told what it waits for, the second what it leaves down, before
// the work's context ends.
func (e *engine) heed(ctx context.Context) (work context.Context, end func()) {
	ctx, halt := context.WithCancelCause(ctx)
	e.ended, e.halt = func() error { return context.Cause(ctx) }, halt
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	over, deaf := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(deaf)
		for stop := e.opts.Stop; ; {
			select {
			case <-stop:
				stop = nil
				e.tellStopping(e.waitsFor)
			case <-ctx.Done():
				e.tellStopping(e.leavesNow)
				cancel(context.Cause(ctx))
				return
			case <-over:
				return
			}
		}
	}()
	return work, func() {
		close(over)
		<-deaf
		cancel(nil)
		halt(nil)
	}
}

// tellStopping does not wait for its own message for long: neither an observer nor a journal that is stuck may keep the run
// from stopping.
func (e *engine) tellStopping(text func() string) {
	told := make(chan struct{})
	go func() {
		defer close(told)
		e.event(EventStopping, nil, nil, "%s", text())
	}()
	select {
	case <-told:
	case <-time.After(tellingTime):
	}
}

// stopRequested tells whether the run was asked to stop.
func (e *engine) stopRequested() bool {
	select {
	case <-e.opts.Stop:
		return true
	default:
		return false
	}
}

// safe tells whether a stop may be taken in a step: outside every outage, and where nothing that the step changed waits
// for its proof, which is the step's own verification. Where the operator is waited for, which may take days, the run
// may stop all the same: it says then what is not verified yet (UnprovenError).
func (e *engine) safe(s *Step, person bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	ss := e.st.Step(s.ID)
	return !e.isDown() && !ss.undoing && (person || !ss.Touched())
}

// inOutage tells whether a window is open that a stop has to wait for.
func (st *State) inOutage() bool {
	for _, w := range st.Windows {
		if w.holdsStop() {
			return true
		}
	}
	return false
}

func (e *engine) inOutage() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.isDown()
}

// isDown tells whether a stop has to wait: for a window of its own, or, in a rollback, for one that the run left to it and that it closes
// again. The caller holds the lock.
func (e *engine) isDown() bool {
	return e.st.inOutage() || e.whole.RollingBack() && slices.ContainsFunc(e.whole.openWindows(), func(w OpenWindow) bool {
		return w.holdsStop() && slices.ContainsFunc(e.rb.Steps, func(s Step) bool { return slices.Contains(s.Closes, undoPrefix+w.ID) })
	})
}

// atRest tells whether a stop may be taken in every step: nothing is down, is being undone, or was changed and is not proven.
func (e *engine) atRest() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.rb.Steps {
		if ss := e.st.Step(e.rb.Steps[i].ID); ss.undoing || ss.Touched() && ss.Progress != Did {
			return false
		}
	}
	return !e.isDown()
}

// stopHere tells whether the run was asked to stop and this is a safe point.
func (e *engine) stopHere(s *Step, person bool) bool {
	return e.stopRequested() && e.safe(s, person)
}

// untilStop does something that waits. At a safe point a request to stop ends it.
func (e *engine) untilStop(ctx context.Context, s *Step, person bool, wait func(context.Context) error) error {
	if !e.safe(s, person) {
		return wait(ctx)
	}
	return e.unlessStopped(ctx, wait)
}

// unlessStopped does something that waits, at a safe point: a request to stop ends it.
func (e *engine) unlessStopped(ctx context.Context, wait func(context.Context) error) error {
	if e.stopRequested() {
		return ErrStopped
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-e.opts.Stop:
			cancel()
		case <-inner.Done():
		}
	}()
	err := wait(inner)
	cancel()
	<-done
	if errors.Is(err, context.Canceled) && ctx.Err() == nil && e.stopRequested() {
		return ErrStopped
	}
	return err
}

// sleep waits on the run's clock.
func (e *engine) sleep(ctx context.Context, s *Step, d time.Duration) error {
	return e.untilStop(ctx, s, false, func(ctx context.Context) error { return e.opts.Clock.Sleep(ctx, d) })
}

// begun tells whether a step has begun.
func (e *engine) begun(s *Step) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.st.Step(s.ID).Touched()
}

const secondRequest = "Asking once more stops at once"

// waitsFor says what a stop waits for, and about how long.
func (e *engine) waitsFor() string {
	now := e.opts.Clock.Now()
	var waits []string
	for _, w := range e.openWindows() {
		if !w.holdsStop() {
			continue
		}
		left := "longer than its limit already"
		if rest := e.due(w).Sub(now); rest > 0 {
			left = "at most " + inWords(rest) + " more"
		}
		waits = append(waits, fmt.Sprintf("until %s closes: %s", w, left))
	}
	if len(waits) > 0 {
		return "asked to stop: it waits " + strings.Join(waits, "; ") + ". " + secondRequest + " and leaves that down"
	}
	for i := range e.rb.Steps {
		s := &e.rb.Steps[i]
		if ss := e.stepState(s); ss.Touched() && (ss.Progress != Did || ss.undoing) {
			waits = append(waits, fmt.Sprintf("for the end of step %s (%s)%s%s", s.ID, s.Title, e.atMost(s), e.asksFor(s)))
		}
	}
	if len(waits) > 0 {
		return "asked to stop: it waits " + strings.Join(waits, "; ") + ". " + secondRequest + ", and what was changed last stays unproven"
	}
	return "asked to stop: it stops before the next change"
}

// UnprovenError says that a stop was taken in the middle of steps that have changed something, where they wait for the operator. Err is
// the stop.
type UnprovenError struct {
	Err   error
	Steps []string // whose changes are not verified yet: ID and title
}

func (e *UnprovenError) Error() string {
	return e.Err.Error() + "\nnot verified yet: what was changed in step " + strings.Join(e.Steps, "; in step ")
}

func (e *UnprovenError) Unwrap() error { return e.Err }

// unproven are the steps that have changed something and are not at their end.
func (e *engine) unproven() (steps []string) {
	for i := range e.rb.Steps {
		s := &e.rb.Steps[i]
		if ss := e.stepState(s); ss.Touched() && (ss.Progress != Did || ss.undoing) {
			steps = append(steps, fmt.Sprintf("%s (%s)", s.ID, s.Title))
		}
	}
	return steps
}

// asksFor says that what is left of a step waits for the operator, where a stop is taken.
func (e *engine) asksFor(s *Step) string {
	for phase, actions := range map[Phase][]Action{PhaseDo: s.Actions, PhaseVerify: s.Verify} {
		for i := range actions {
			if actions[i].Manual != "" && e.progress(s, phase, &actions[i]) != Did {
				return " or until the operator is needed in it, and then what it changed stays unproven"
			}
		}
	}
	return ""
}

func (e *engine) stepState(s *Step) StepState {
	e.mu.Lock()
	defer e.mu.Unlock()
	return *e.st.Step(s.ID)
}

// atMost says how long what is left of a step may take by its time limits; nothing where a command has none.
func (e *engine) atMost(s *Step) string {
	var sum time.Duration
	for phase, actions := range map[Phase][]Action{PhaseDo: s.Actions, PhaseVerify: s.Verify} {
		for i := range actions {
			a := &actions[i]
			if phase == PhaseDo && e.progress(s, phase, a) == Did {
				continue
			}
			switch {
			case a.Op != nil, a.effect() == ReadOnly:
				sum += within(a)
			case a.Cmd.Timeout == 0:
				return ""
			default:
				sum += a.Cmd.Timeout
			}
		}
	}
	if sum == 0 {
		return "" // nothing is left but a look at what must hold
	}
	return ", by its time limits at most " + inWords(sum)
}

// leavesNow says what a stop at once leaves down.
func (e *engine) leavesNow() string {
	if open := e.openWindows(); len(open) > 0 {
		return "stopping at once (" + e.ended().Error() + "). Left open: " + describeWindows(open)
	}
	return "stopping at once (" + e.ended().Error() + "). No window is open"
}
