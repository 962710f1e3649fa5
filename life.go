package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Life is a run, a resume or a rollback, one decision at a time: for an engine that keeps its own loop, its own retries
// and its own clock. Run, Resume and Rollback are nothing but this loop, with parallel steps at the same time:
//
//	life, err := evenkeel.BeginResume(ctx, rb, hosts, opts)
//	...
//	for list := life.Next(); list[0].Work(); list = life.Next() {
//		_ = life.Perform(ctx, list[0]) // the life keeps the error: Next and End say what follows from it
//	}
//	report, err := life.End()
//
// A life holds its leases and belongs to its process. Where that is lost, what was being performed has an unknown
// outcome; the next life (BeginResume) finds it in the journal and probes it. Do not begin a life
// for each decision: a new life reads the step's verification from its beginning, so such a run would never end.
type Life struct {
	e    *engine
	work context.Context //nolint:containedctx // a life outlives the call that begins it, and not its context
	deaf func()          // listens for no request to stop any more
	over bool            // there was nothing to do

	confirm sync.Once
	end     func() (*Report, error)

	mu    sync.Mutex
	busy  map[string]bool  // the steps of which a decision is being performed
	errs  map[string]error // how steps ended that did not come to a good end
	fatal error            // what ends the life outside of its steps
	ended bool             // nothing is performed any more
}

// ErrNotNext says that a decision is not what comes next, or that it is being performed already. Nothing was done.
var ErrNotNext = errors.New("this is not what the run does next")

// BeginRun begins the life of a new run, as Run does.
func BeginRun(ctx context.Context, rb *Runbook, hosts Hosts, opts Options) (*Life, error) {
	return startLife(ctx, newRun, rb, hosts, opts)
}

// BeginResume begins a life that takes a run up, as Resume does.
func BeginResume(ctx context.Context, rb *Runbook, hosts Hosts, opts Options) (*Life, error) {
	return startLife(ctx, newResume, rb, hosts, opts)
}

// BeginRollback begins the life of a rollback, or one that takes it up, as Rollback does.
func BeginRollback(ctx context.Context, rb *Runbook, hosts Hosts, opts Options) (*Life, error) {
	return startLife(ctx, newRollback, rb, hosts, opts)
}

// starter writes the first record of a life. It has a report where there is nothing to do, or why nothing can be done.
type starter func(ctx context.Context, rb *Runbook, hosts Hosts, opts Options) (*engine, *Report, error)

// begin is a whole life.
func begin(ctx context.Context, start starter, rb *Runbook, hosts Hosts, opts Options) (*Report, error) {
	e, report, err := start(ctx, rb, hosts, opts)
	if err != nil || report != nil {
		return report, err
	}
	l := e.live(ctx)
	defer l.close() // after a panic too
	return l.run()
}

func startLife(ctx context.Context, start starter, rb *Runbook, hosts Hosts, opts Options) (*Life, error) {
	e, report, err := start(ctx, rb, hosts, opts)
	switch {
	case err != nil:
		return nil, err
	case report != nil:
		return &Life{e: e, over: true, end: func() (*Report, error) { return report, nil }}, nil
	}
	l := e.live(ctx)
	if l.fatal != nil {
		_, err := l.End()
		return nil, err
	}
	return l, nil
}

// live takes the leases of a life. One that does not get them has failed already.
func (e *engine) live(ctx context.Context) *Life {
	l := &Life{e: e, busy: map[string]bool{}, errs: map[string]error{}}
	l.listen(ctx)
	if err := e.beginLife(l.work); err != nil {
		l.fatal = e.keptOut(l.work, err)
	}
	return l
}

// listen has the life listen to who asks it to stop.
func (l *Life) listen(ctx context.Context) {
	work, deaf := l.e.heed(ctx)
	l.work, l.deaf = work, sync.OnceFunc(func() { deaf(); l.e.teller.end() })
	l.end = sync.OnceValues(l.finish)
}

func (l *Life) close() {
	if l.deaf != nil { // nil where there was nothing to do
		l.deaf()
	}
}

// State is what the journal tells of the run by now.
func (l *Life) State() *State {
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	st := l.e.whole.clone()
	if st.Rollback != nil {
		st.Rollback = st.Rollback.clone()
	}
	return st
}

// next is Next for what this life runs.
func (e *engine) next() []Decision {
	e.mu.Lock()
	defer e.mu.Unlock()
	return next(e.rb, e.st)
}

// Next is what this life does next: Next of its journal, without what is being performed. After a step that failed,
// holds or was stopped only the steps beside it come to their ends. Where no decision is work the life is over: call
// End. It is empty while there is nothing to do beside what is being performed.
func (l *Life) Next() []Decision {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next()
}

// next is Next; the caller holds the lock.
func (l *Life) next() []Decision {
	if l.over {
		return []Decision{{Kind: DecideDone}}
	}
	if l.fatal != nil {
		return l.ending(l.fatal)
	}
	err := l.failure()
	if err == nil {
		return l.free(l.e.next())
	}
	list := l.free(l.e.beside(l.errs))
	switch {
	case len(list) > 0 || len(l.busy) > 0:
		return list
	case errors.Is(err, ErrStopped) && l.e.inOutage():
		// A step took the stop, and one beside it opened an outage after that: what the outage waits for is done, and
		// the stop waits for its close.
		for id := range l.errs {
			l.e.comeAgain(id)
		}
		clear(l.errs)
		return l.free(l.e.next())
	}
	return l.ending(err)
}

// ending is the decision of a life that came to an error.
func (l *Life) ending(err error) []Decision {
	var pause *Pause
	if errors.As(err, &pause) && !failed(err) {
		return []Decision{{Kind: DecidePause, Step: pause.Step, Reason: pause.Reason}}
	}
	return []Decision{{Kind: DecideFailed, Reason: l.e.shown(err.Error())}}
}

// free are the decisions that nobody performs; the first of them where steps run one after the other.
func (l *Life) free(list []Decision) []Decision {
	if l.e.opts.Serial && len(list) > 1 {
		list = list[:1]
	}
	return slices.DeleteFunc(list, func(d Decision) bool { return l.busy[d.Step] })
}

// beside is what comes next in the steps that have begun beside one that did not come to a good end.
func (e *engine) beside(ends map[string]error) []Decision {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []Decision
	for i := range e.rb.Steps {
		s := &e.rb.Steps[i]
		one := slices.ContainsFunc(e.rb.together(s.ID), func(s Step) bool { return ends[s.ID] != nil })
		if !one || ends[s.ID] != nil || !e.st.Step(s.ID).life.came {
			continue
		}
		if d, left := nextOf(e.st, s); left && d.Work() {
			list = append(list, d)
		}
	}
	return list
}

// failure is what the steps of this life came to that did not come to a good end.
func (l *Life) failure() error {
	if len(l.errs) == 0 {
		return nil
	}
	var errs []error // in the order of the steps
	for i := range l.e.rb.Steps {
		errs = append(errs, l.errs[l.e.rb.Steps[i].ID])
	}
	return gravest(errs)
}

// Perform carries out one decision, and journals what came of it. A failed step is undone where the runbook says so,
// and an outage that it opened while others run beside it is ended; an outage that is left is the matter of End.
// Several goroutines may perform decisions of different steps. The end of the context stops the life at once, wherever
// that is. See EventRunning for its signs of life.
func (l *Life) Perform(ctx context.Context, d Decision) error {
	if !l.take(d) {
		return fmt.Errorf("%w: %s", ErrNotNext, d)
	}
	defer l.release(d)
	stop := func() { l.e.halt(context.Cause(ctx)) }
	if ctx.Err() != nil { // nothing is sent any more
		stop()
	}
	unused := context.AfterFunc(ctx, stop)
	err := l.e.masked(l.perform(d))
	if !unused() {
		stop() // the context has ended: not later than now
	}
	return err
}

// take makes sure that a decision is what comes next, and that nobody else performs it.
func (l *Life) take(d Decision) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.busy[d.Step] || l.errs[d.Step] != nil {
		return false
	}
	if !d.Work() || !slices.Contains(l.next(), d) { // under the same lock: nobody performs it between
		return false
	}
	l.busy[d.Step] = true
	return true
}

func (l *Life) release(d Decision) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.busy, d.Step)
}

// End ends the life: an outage in which a step failed is ended as the runbook says, and the report says what the life
// came to. A life that has not come to its end is stopped (ErrStopped). Called again it says the same.
func (l *Life) End() (*Report, error) {
	l.mu.Lock()
	busy := slices.Sorted(maps.Keys(l.busy))
	l.ended = len(busy) == 0
	l.mu.Unlock()
	if len(busy) > 0 {
		what := strings.Join(busy, ", ")
		return nil, fmt.Errorf("%w: %s is being performed; wait for it, then end the life", ErrNotNext, what)
	}
	return l.end()
}

func (l *Life) finish() (*Report, error) {
	defer l.close()
	l.mu.Lock()
	err, failure := l.fatal, l.failure()
	l.mu.Unlock()
	if err == nil {
		err = l.e.endOutage(l.work, failure)
	}
	if err == nil && l.e.next()[0].Kind != DecideDone {
		err = ErrStopped
	}
	return l.e.report(), l.e.masked(l.e.leaves(err))
}

// run is the loop over Next and perform. Steps of a group run at the same time, each to its own end. When one fails the
// others come to their ends: stopping a half in the middle helps nobody. Only the outage that it opened is ended at
// once.
func (l *Life) run() (*Report, error) {
	for list := l.Next(); list[0].Work(); list = l.Next() {
		if len(list) == 1 {
			_ = l.perform(list[0]) // Next and End know
			continue
		}
		var wg sync.WaitGroup
		for _, d := range list {
			wg.Go(func() { l.toEnd(d) })
		}
		wg.Wait()
	}
	return l.End()
}

// toEnd performs a decision, and all that follow it in its step.
func (l *Life) toEnd(d Decision) {
	s := l.e.rb.step(d.Step)
	for left := true; left && l.perform(d) == nil; {
		l.e.mu.Lock()
		d, left = nextOf(l.e.st, s)
		l.e.mu.Unlock()
	}
}

// perform carries out one decision; the life keeps the error.
func (l *Life) perform(d Decision) (err error) {
	e, s := l.e, l.e.rb.step(d.Step)
	defer e.alive(s, s.action(d))()
	switch d.Kind {
	case DecideComplete:
		return l.fails(e.finishCompletion(l.work, s, d.Window))
	case DecideEnd:
		return l.fails(e.endRun(l.work))
	default:
	}
	l.confirm.Do(func() { _ = l.fails(e.confirmAhead(l.work)) })
	l.mu.Lock()
	err = l.fatal
	l.mu.Unlock()
	if err != nil {
		return err
	}
	if err = e.inStep(l.work, s, d); err != nil && !e.opts.Serial && len(e.rb.together(s.ID)) > 1 {
		err = e.endOwnOutage(l.work, s, err)
	}
	if err != nil {
		l.mu.Lock()
		l.errs[s.ID] = err
		l.mu.Unlock()
	}
	return err
}

// fails keeps an error that ends the life outside of its steps.
func (l *Life) fails(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.fatal = err
	}
	return err
}

// gravest is what the steps came to: their failures; else the first step that waits for the operator; else that it was
// stopped. A hold must not hide that the other terminal failed; what it asks for is in the journal.
func gravest(errs []error) error {
	var failures []error
	var hold *Pause
	var paused error
	for _, err := range errs {
		switch _, held := err.(*Pause); { //nolint:errorlint // a hold inside a failure is a failure
		case err == nil:
		case held && hold == nil:
			errors.As(err, &hold)
		case held:
		case errors.Is(err, ErrStopped):
			paused = err
		default:
			failures = append(failures, err)
		}
	}
	switch {
	case len(failures) == 1:
		return failures[0]
	case len(failures) > 1:
		return errors.Join(failures...)
	case hold != nil:
		return hold
	}
	return paused
}

// entry is how this life came to a step.
type entry struct {
	undone bool // its undo was brought to an end first
	told   bool // that it begins
}

// comeAgain makes that the life comes to a step once more, and reads again what it has read there.
func (e *engine) comeAgain(step string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.entered, step)
	e.st.at(step).newLife()
}

// enter comes to a step, before its first decision in this life.
func (e *engine) enter(ctx context.Context, s *Step, d Decision) error {
	e.mu.Lock()
	in := e.entered[s.ID]
	e.mu.Unlock()
	if in == nil {
		if e.stopHere(s, false) {
			return ErrStopped
		}
		// Without the lease nothing is touched, not even to take it back.
		if err := e.checkLeases(ctx, s); err != nil {
			return &StepError{Step: s.ID, Err: err}
		}
		in = &entry{}
		e.mu.Lock()
		e.entered[s.ID] = in
		e.mu.Unlock()
	}
	if d.Kind == DecideUndo {
		in.undone = true
		e.event(EventUndo, s, nil, "its undo is brought to an end")
		return nil
	}
	if !in.told {
		if in.undone && e.stopHere(s, false) {
			return ErrStopped
		}
		in.told = true
		e.event(EventStep, s, nil, "%s", s.Title)
	}
	return nil
}

// inStep performs a decision of a step. One that fails is undone at once where the step says so.
func (e *engine) inStep(ctx context.Context, s *Step, d Decision) error {
	if err := e.enter(ctx, s, d); err != nil {
		return err
	}
	err := e.do(ctx, s, d)
	if d.Kind != DecideUndo && s.UndoOnFailure && failed(err) && e.begun(s) {
		e.event(EventUndo, s, nil, "%v", err)
		if uerr := e.undo(ctx, s); uerr != nil {
			return errors.Join(err, uerr)
		}
	}
	return err
}

// do performs a decision of a step.
func (e *engine) do(ctx context.Context, s *Step, d Decision) error {
	switch a := s.action(d); {
	case d.Kind == DecideUndo:
		return e.undo(ctx, s)
	case d.Kind == DecideStepEnd:
		return e.endStep(ctx, s)
	case d.Kind == DecideProbe && a != nil:
		if err := e.mayGoOn(ctx, s, PhaseDo, a); err != nil {
			return err
		}
		done, err := e.rejoin(ctx, s, PhaseDo, a)
		if !done && err == nil {
			_, err = e.lookFirst(ctx, s, PhaseDo, a)
		}
		return err
	case d.Kind == DecideAct && a != nil:
		return e.runAction(ctx, s, a, d)
	}
	return fmt.Errorf("%w: %s", ErrNotNext, d)
}

// endStep brings a step of which every action is done to its end.
func (e *engine) endStep(ctx context.Context, s *Step) error {
	if err := e.begin(s); err != nil { // one that changes nothing
		return err
	}
	if err := e.watchEnd(ctx, s); err != nil {
		return err
	}
	end := s.ended()
	end.Returned = e.returned(ctx, s)
	open := e.openWindows()
	if err := e.note(end); err != nil {
		return err
	}
	for _, w := range open {
		if slices.Contains(s.Closes, w.ID) {
			e.windowEvent(EventClosed, s, w, "%s", w.ID)
		}
	}
	e.event(EventStepDone, s, nil, "%s", s.Title)
	return nil
}

// endRun ends a run, or a rollback, of which every step is done.
func (e *engine) endRun(ctx context.Context) error {
	if e.st != e.whole {
		return e.rolledBackEnd(ctx)
	}
	e.giveBack(ctx)
	return e.append(Record{Kind: KindDone})
}

// alive tells the observer from time to time that a decision is still being performed, until stop is called.
func (e *engine) alive(s *Step, a *Action) (stop func()) {
	if e.opts.Heartbeat <= 0 {
		return func() {}
	}
	if s.ID == "" {
		s = nil
	}
	over, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(e.opts.Heartbeat)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				text := ""
				if a != nil {
					text = a.Title
				}
				e.teller.pulse(e.newEvent(EventRunning, s, a, "", "%s", text))
			case <-over:
				return
			}
		}
	}()
	return func() { close(over); <-gone }
}
