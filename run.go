package evenkeel

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Run carries out a runbook from its beginning, with a new journal. It returns nil when every step is done; a *Hold when a person is needed; ErrStopped
// when asked to stop; and a *StepError otherwise. Whatever it returns, the journal knows the place, and Resume takes it up.
func Run(ctx context.Context, rb *Runbook, hosts Hosts, opts Options) (*Report, error) {
	e, err := newEngine(rb, hosts, opts)
	if err != nil {
		return nil, err
	}
	if len(e.opts.Journal.Records()) > 0 {
		return nil, ErrJournalExists
	}
	id := opts.RunID
	if id == "" {
		var b [6]byte
		if _, err := rand.Read(b[:]); err != nil {
			return nil, fmt.Errorf("cannot name the run: %w", err)
		}
		id = hex.EncodeToString(b[:])
	}
	info := RunInfo{ID: id, Runbook: rb.Name, Title: rb.Title, Digest: rb.Digest(), Version: rb.Version, Inputs: rb.Inputs}
	for i := range rb.Steps {
		info.Steps = append(info.Steps, rb.Steps[i].ID)
	}
	first := Record{Kind: KindBegin, Run: &info, Facts: rb.Known}
	if err := e.append(first); err != nil {
		return nil, err
	}
	return e.run(ctx)
}

// Resume takes a run up where its journal ends, after a crash, a hold, a failure or a stop. An action that had begun and whose end is
// not in the journal is probed, never blindly repeated. The runbook must be the one that the journal was begun with.
func Resume(ctx context.Context, rb *Runbook, hosts Hosts, opts Options) (*Report, error) {
	e, err := newEngine(rb, hosts, opts)
	if err != nil {
		return nil, err
	}
	st, err := ReadState(e.opts.Journal.Records())
	if err != nil {
		return nil, err
	}
	if st.Run.Runbook != rb.Name || st.Run.Digest != rb.Digest() {
		return nil, fmt.Errorf("%w: it was begun as %s %s with %s", ErrJournalOther, st.Run.Runbook, st.Run.Version, describeInputs(st.Run.Inputs))
	}
	e.st = st
	if st.Done {
		return e.report(), nil
	}
	if err := e.append(Record{Kind: KindResume}); err != nil {
		return nil, err
	}
	return e.run(ctx)
}

func describeInputs(inputs []Input) string {
	if len(inputs) == 0 {
		return "no inputs"
	}
	text := ""
	for i, in := range inputs {
		if i > 0 {
			text += ", "
		}
		text += in.Name + " (sha256 " + in.SHA256[:min(12, len(in.SHA256))] + "…)"
	}
	return text
}

// engine is one Run or Resume.
type engine struct {
	rb    *Runbook
	hosts Hosts
	opts  Options

	mu      sync.Mutex
	st      *State
	checks  int
	unseen  int
	actions int
	alarmed map[string]bool
	watched bool // the invariants were checked since the last change
}

func newEngine(rb *Runbook, hosts Hosts, opts Options) (*engine, error) {
	if err := opts.defaults(); err != nil {
		return nil, err
	}
	if err := rb.Validate(); err != nil {
		return nil, fmt.Errorf("the runbook %s is not sound: %w", rb.Name, err)
	}
	return &engine{rb: rb, hosts: hosts, opts: opts, alarmed: map[string]bool{}}, nil
}

// append journals a record and takes it into the state. Nothing goes on when it fails.
func (e *engine) append(r Record) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.Time = e.opts.Clock.Now()
	if err := e.opts.Journal.Append(r); err != nil {
		return err
	}
	if r.Kind == KindBegin {
		st, err := ReadState([]Record{r})
		e.st = st
		return err
	}
	e.st.apply(r)
	return nil
}

func (e *engine) event(kind EventKind, s *Step, a *Action, format string, args ...any) {
	ev := Event{Kind: kind, Time: e.opts.Clock.Now(), Step: s, Action: a, Text: fmt.Sprintf(format, args...), Total: len(e.rb.Steps)}
	e.mu.Lock()
	if e.st != nil {
		ev.Elapsed = ev.Time.Sub(e.st.Begun)
	}
	e.mu.Unlock()
	if s != nil {
		ev.Host = s.Host
		for i := range e.rb.Steps {
			if e.rb.Steps[i].ID == s.ID {
				ev.Number = i + 1
			}
		}
		if a != nil {
			ev.Host = a.host(s)
		}
	}
	e.opts.Observer.Event(ev)
}

func (e *engine) report() *Report {
	e.mu.Lock()
	defer e.mu.Unlock()
	return &Report{State: e.st, Checks: e.checks, Unseen: e.unseen, Actions: e.actions}
}

func (e *engine) run(ctx context.Context) (*Report, error) {
	err := e.takeLeases(ctx)
	for i := 0; err == nil && i < len(e.rb.Steps); {
		n := e.group(i)
		err = e.runGroup(ctx, e.rb.Steps[i:i+n])
		i += n
	}
	if err == nil {
		e.dropLeases(ctx)
		err = e.append(Record{Kind: KindDone})
	}
	var hold *Hold
	if errors.As(err, &hold) {
		err = hold
	}
	return e.report(), err
}

// group is how many steps from i on run together.
func (e *engine) group(i int) int {
	n := 1
	name := e.rb.Steps[i].Parallel
	for name != "" && i+n < len(e.rb.Steps) && e.rb.Steps[i+n].Parallel == name {
		n++
	}
	return n
}

// runGroup runs steps at the same time. When one fails the others finish what they are at: stopping a half in the middle helps nobody.
func (e *engine) runGroup(ctx context.Context, steps []Step) error {
	errs := make([]error, len(steps))
	if e.opts.Serial || len(steps) == 1 {
		for i := range steps {
			if errs[i] = e.runStep(ctx, &steps[i]); errs[i] != nil {
				break
			}
		}
		return errors.Join(errs...)
	}
	var wg sync.WaitGroup
	for i := range steps {
		wg.Go(func() { errs[i] = e.runStep(ctx, &steps[i]) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// progress is how far an action has come.
func (e *engine) progress(s *Step, phase Phase, a *Action) Progress {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.st.Step(s.ID).Action(phase, a.ID)
}

func (e *engine) runStep(ctx context.Context, s *Step) error {
	e.mu.Lock()
	ss := *e.st.Step(s.ID)
	e.mu.Unlock()
	if ss.Progress == Did {
		return nil
	}
	if ss.undoing && ss.Progress != Undone {
		// The crash came while the step was being undone: that is finished first, and the step begins anew.
		if err := e.undo(ctx, s); err != nil {
			return err
		}
		ss.Progress = Undone
	}
	e.event(EventStep, s, nil, "%s", s.Title)
	if ss.Progress == Pending || ss.Progress == Undone {
		if err := e.note(Record{Kind: KindStep, Step: s.ID, Opens: s.Opens}); err != nil {
			return err
		}
		for _, w := range s.Opens {
			e.event(EventWindow, s, nil, "%s: %s (at most %s)", w.ID, w.Reason, w.Limit)
		}
	}
	err := e.doStep(ctx, s)
	var hold *Hold
	if err != nil && s.UndoOnFailure && !errors.As(err, &hold) && !errors.Is(err, errJournal) {
		e.event(EventUndo, s, nil, "%v", err)
		if uerr := e.undo(ctx, s); uerr != nil {
			return errors.Join(err, uerr)
		}
	}
	return err
}

// doStep does what is left of a step.
func (e *engine) doStep(ctx context.Context, s *Step) error {
	if err := e.keepLeases(ctx, s); err != nil {
		return &StepError{Step: s.ID, Err: err}
	}
	if err := e.reguard(ctx, s); err != nil {
		return err
	}
	for i := range s.Actions {
		if err := e.runAction(ctx, s, PhaseDo, &s.Actions[i]); err != nil {
			return err
		}
	}
	for i := range s.Verify {
		if err := e.runAction(ctx, s, PhaseVerify, &s.Verify[i]); err != nil {
			return err
		}
	}
	if err := e.note(Record{Kind: KindStepDone, Step: s.ID, Closes: s.Closes}); err != nil {
		return err
	}
	for _, id := range s.Closes {
		e.event(EventClosed, s, nil, "%s", id)
	}
	e.event(EventStepDone, s, nil, "%s", s.Title)
	return nil
}

// reguard reads the guards again that stand before the place where a step is taken up: what they found may be old. A step with nothing left to change
// needs none.
func (e *engine) reguard(ctx context.Context, s *Step) error {
	left := slices.IndexFunc(s.Actions, func(a Action) bool { return e.progress(s, PhaseDo, &a) != Did })
	if left <= 0 || !slices.ContainsFunc(s.Actions[left:], func(a Action) bool { return a.effect() != ReadOnly }) {
		return nil
	}
	for i := range s.Actions[:left] {
		if g := &s.Actions[i]; g.Guard {
			if err := e.perform(ctx, s, PhaseDo, g); err != nil {
				return err
			}
		}
	}
	return nil
}

// undo takes back what a step did: under its own deadline, whatever became of the run's context.
func (e *engine) undo(ctx context.Context, s *Step) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.opts.UndoTimeout)
	defer cancel()
	for i := range s.Undo {
		if err := e.runAction(ctx, s, PhaseUndo, &s.Undo[i]); err != nil {
			return fmt.Errorf("cannot undo: %w", err)
		}
	}
	return e.note(Record{Kind: KindStepUndone, Step: s.ID})
}

// stopped tells whether the caller asked to stop.
func (e *engine) stopped() bool {
	select {
	case <-e.opts.Stop:
		return e.opts.Stop != nil
	default:
		return false
	}
}

// sleep waits on the run's clock, and ends early when asked to stop.
func (e *engine) sleep(ctx context.Context, d time.Duration) error {
	if e.stopped() {
		return ErrStopped
	}
	return e.opts.Clock.Sleep(ctx, d)
}
