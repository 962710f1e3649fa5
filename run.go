package evenkeel

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Run carries out a runbook from its beginning, with a new journal, or with that of a run that began and changed nothing: its records stay. It returns nil when every step is done; an error that is a *Hold when a person is needed, and one that is
// ErrStopped when asked to stop; a *StepError where a step failed, several joined where parallel steps did; a *LeaseHeldError where another run holds a machine, a *LeaseLostError where another
// life of this run has taken over.
// Once the first record is written, the journal knows the place whatever Run returns, and Resume takes it up.
func Run(ctx context.Context, rb *Runbook, hosts Hosts, opts Options) (*Report, error) {
	if rb != nil && rb.origin != nil {
		return nil, fmt.Errorf("%s is the plan of a rollback: Rollback runs it, in the journal of the run", rb.Name)
	}
	e, err := newEngine(rb, hosts, opts)
	if err != nil {
		return nil, err
	}
	before := e.opts.Journal.Records()
	id, err := beganBefore(before, opts.RunID)
	if err != nil {
		return nil, err
	}
	if len(opts.ExtendWindow) > 0 {
		return nil, errors.New("a new run has no open window that could be extended")
	}
	if strings.HasPrefix(id, "-") || strings.ContainsFunc(id, unicode.IsSpace) {
		return nil, fmt.Errorf("%q is no name for a run: the lease on the machines begins with it", id)
	}
	if id == "" {
		var b [6]byte
		if _, err := rand.Read(b[:]); err != nil {
			return nil, fmt.Errorf("cannot name the run: %w", err)
		}
		id = hex.EncodeToString(b[:])
	}
	first := Record{Kind: KindBegin, Run: rb.info(id), Facts: rb.Known}
	if err := e.append(first); err != nil {
		return nil, err
	}
	if len(before) > 0 { // what the run before knew of the machines holds for this one
		if e.whole, err = ReadState(e.opts.Journal.Records()); err != nil {
			return nil, err
		}
		e.st = e.whole
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
	if err := rb.is(st); err != nil {
		return nil, err
	}
	if err := st.rolledBack(); err != nil {
		return nil, err
	}
	e.st, e.whole = st, st
	if st.Done {
		return e.report(), nil
	}
	if err := e.extendable(); err != nil {
		return nil, err
	}
	if err := e.append(Record{Kind: KindResume}); err != nil {
		return nil, err
	}
	if len(opts.ExtendWindow) > 0 {
		if err := e.append(Record{Kind: KindExtend, Extends: opts.ExtendWindow}); err != nil {
			return nil, err
		}
	}
	return e.run(ctx)
}

// beganBefore is the ID of a run in a journal with records: that of the run before, which must have changed nothing, unless another is asked for.
func beganBefore(records []Record, id string) (string, error) {
	if len(records) == 0 {
		return id, nil
	}
	st, err := ReadState(records)
	if err != nil {
		return "", err
	}
	if err := st.rolledBack(); err != nil {
		return "", err
	}
	if st.Changed {
		return "", ErrJournalExists
	}
	if id == "" {
		id = st.Run.ID // what it left on the machines is this run's
	}
	return id, nil
}

// engine is one life: of Run, Resume or Rollback.
type engine struct {
	rb    *Runbook
	hosts Hosts
	opts  Options
	spans [][]Window   // the windows that are open while each step runs
	ended func() error // why the caller's context has ended, which stops the run at once; nil while it has not
	life  time.Time    // when this life of the tool began

	redact sshexec.Redaction // hides every secret that a command of the runbook names
	mine   life              // what this life holds on the machines

	mu      sync.Mutex
	st      *State // of what this life runs
	whole   *State // of the journal: st itself, or the run that st rolls back
	broken  error  // a record could not be written: nothing may follow it
	checks  int
	unseen  int
	seen    map[string]bool // the invariants that this life saw hold
	actions int
	alarmed map[string]bool
	watched bool // the invariants were checked since the last change

	teller teller
}

func newEngine(rb *Runbook, hosts Hosts, opts Options) (*engine, error) {
	if err := opts.defaults(); err != nil {
		return nil, err
	}
	if rb == nil || hosts == nil {
		return nil, errors.New("a run needs a runbook and the way to its hosts")
	}
	if err := rb.Validate(); err != nil {
		return nil, fmt.Errorf("the runbook %s is not sound: %w", rb.Name, err)
	}
	if err := rb.approved(opts.ApprovedDigest); err != nil {
		return nil, err
	}
	return &engine{
		rb: rb, hosts: hosts, opts: opts, spans: rb.spans(), life: opts.Clock.Now(), ended: func() error { return nil }, redact: rb.redaction(),
		alarmed: map[string]bool{}, seen: map[string]bool{}, teller: teller{observer: opts.Observer},
	}, nil
}

// append journals a record and takes it into the state. Nothing goes on when it fails, in no parallel step either: a record that came after a lost one would
// tell another story than what happened.
func (e *engine) append(r Record) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.broken != nil {
		return e.broken
	}
	r.Time = e.opts.Clock.Now()
	if r.Kind == KindHold {
		r.Error = e.own(r.Error) // what it quotes is masked already: see reason
	} else {
		r.Error = e.shown(r.Error)
	}
	r.Output, r.Command = e.shown(r.Output), e.own(r.Command)
	if err := e.opts.Journal.Append(r); err != nil {
		e.broken = err
		return err
	}
	if r.Kind == KindBegin {
		st, err := ReadState([]Record{r})
		e.st, e.whole = st, st
		return err
	}
	e.whole.apply(r)
	return nil
}

func (e *engine) event(kind EventKind, s *Step, a *Action, format string, args ...any) {
	e.keyed(kind, s, a, "", format, args...)
}

func (e *engine) keyed(kind EventKind, s *Step, a *Action, key, format string, args ...any) {
	for i, arg := range args {
		if err, ok := arg.(error); ok {
			args[i] = e.errorText(err)
		}
	}
	ev := Event{Kind: kind, Key: key, Time: e.opts.Clock.Now(), Step: s, Action: a, Text: e.eventText(kind, fmt.Sprintf(format, args...)), Total: len(e.rb.Steps)}
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
	e.teller.tell(ev)
}

func (e *engine) report() *Report {
	e.mu.Lock()
	defer e.mu.Unlock()
	return &Report{State: e.whole, Differs: e.whole.Differs, Checks: e.checks, Unseen: e.unseen, Actions: e.actions}
}

func (e *engine) run(ctx context.Context) (*Report, error) {
	defer e.teller.end()
	ctx, end := e.heed(ctx)
	defer end()
	if err := e.beginLife(ctx); err != nil {
		return e.report(), e.masked(e.leaves(e.keptOut(ctx, err)))
	}
	err := e.finishCompletions(ctx)
	if err == nil {
		err = e.confirmAhead(ctx)
	}
	for i := 0; err == nil && i < len(e.rb.Steps); {
		n := e.rb.group(i)
		err = e.endOutage(ctx, e.runGroup(ctx, e.rb.Steps[i:i+n]))
		if errors.Is(err, ErrStopped) && e.inOutage() {
			// A step took the stop, and one beside it opened an outage after that: what the outage waits for is done, and the stop
			// waits for its close.
			err = nil
			continue
		}
		i += n
	}
	if err == nil && e.st != e.whole {
		err = e.rolledBackEnd(ctx)
	} else if err == nil {
		e.giveBack(ctx)
		err = e.append(Record{Kind: KindDone})
	}
	return e.report(), e.masked(e.leaves(err))
}

// runGroup runs steps at the same time. When one fails the others come to their ends: stopping a half in the middle helps nobody. Only
// the outage that it opened is ended at once.
func (e *engine) runGroup(ctx context.Context, steps []Step) error {
	errs := make([]error, len(steps))
	if e.opts.Serial || len(steps) == 1 {
		for i := range steps {
			if errs[i] = e.runStep(ctx, &steps[i]); errs[i] != nil {
				break
			}
		}
		return gravest(errs)
	}
	var wg sync.WaitGroup
	for i := range steps {
		wg.Go(func() { errs[i] = e.endOwnOutage(ctx, &steps[i], e.runStep(ctx, &steps[i])) })
	}
	wg.Wait()
	return gravest(errs)
}

// gravest is what a group came to: its failures; else the first step that waits for a person; else that it was stopped. A hold must not hide
// that the other terminal failed; what it asks for is in the journal.
func gravest(errs []error) error {
	var failures []error
	var hold *Hold
	var paused error
	for _, err := range errs {
		switch _, held := err.(*Hold); { //nolint:errorlint // a hold inside a failure is a failure
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
	if ss.Progress == Did && !ss.undoing {
		return nil
	}
	if e.stopHere(s, false) {
		return ErrStopped
	}
	// Without the lease nothing is touched, not even to take it back.
	if err := e.checkLeases(ctx, s); err != nil {
		return &StepError{Step: s.ID, Err: err}
	}
	if ss.undoing {
		// The crash came while the step was being undone: that is finished first, and the step begins anew.
		e.event(EventUndo, s, nil, "its undo is brought to an end")
		if err := e.undo(ctx, s); err != nil {
			return err
		}
		if e.stopHere(s, false) {
			return ErrStopped
		}
	}
	e.event(EventStep, s, nil, "%s", s.Title)
	err := e.doStep(ctx, s)
	if s.UndoOnFailure && failed(err) && e.begun(s) {
		e.event(EventUndo, s, nil, "%v", err)
		if uerr := e.undo(ctx, s); uerr != nil {
			return errors.Join(err, uerr)
		}
	}
	return err
}

// failed tells a failure from a pause: a run that holds, was asked to stop or cannot write its journal keeps its place, and undoes nothing.
func failed(err error) bool {
	var hold *Hold
	return err != nil && !errors.As(err, &hold) && !keptOut(err) && !errors.Is(err, ErrStopped) && !errors.Is(err, errJournal)
}

// doStep does what is left of a step.
func (e *engine) doStep(ctx context.Context, s *Step) error {
	if err := e.settle(ctx, s); err != nil {
		return err
	}
	begun := e.begun(s)
	for i := range s.Actions {
		// A step that has not begun looks anew: what it saw may be days old. Only a person's word is not asked for twice.
		a := &s.Actions[i]
		again := !begun && a.effect() == ReadOnly && !a.attestation()
		if err := e.runAction(ctx, s, PhaseDo, a, again || e.staleGuard(s, i)); err != nil {
			return err
		}
	}
	for i := range s.Verify {
		// All of it must hold at the same time: what was read in an earlier life is read again.
		if err := e.runAction(ctx, s, PhaseVerify, &s.Verify[i], !s.Verify[i].attestation()); err != nil {
			return err
		}
	}
	if err := e.begin(s); err != nil { // one that changes nothing
		return err
	}
	if err := e.watchEnd(ctx, s); err != nil {
		return err
	}
	if err := e.note(s.ended()); err != nil {
		return err
	}
	for _, id := range s.Closes {
		e.event(EventClosed, s, nil, "%s", id)
	}
	e.event(EventStepDone, s, nil, "%s", s.Title)
	return nil
}

// staleGuard tells whether an action is a guard that was read in an earlier life, and that something which is left to do relies on.
func (e *engine) staleGuard(s *Step, i int) bool {
	return s.Actions[i].Guard && slices.ContainsFunc(s.Actions[i+1:], func(a Action) bool {
		return a.effect() != ReadOnly && e.progress(s, PhaseDo, &a) != Did
	})
}

// settle asks the probe about an action that may have run before the guards are read again: one that did run may be why a guard does not hold any more.
func (e *engine) settle(ctx context.Context, s *Step) error {
	if !slices.ContainsFunc(s.Actions, func(a Action) bool { return a.Guard }) {
		return nil
	}
	for i := range s.Actions {
		a := &s.Actions[i]
		progress := e.progress(s, PhaseDo, a)
		if a.effect() == ReadOnly || progress != Doing && progress != Failed {
			continue
		}
		if err := e.mayGoOn(ctx, s, PhaseDo, a); err != nil {
			return err
		}
		if _, err := e.lookFirst(ctx, s, PhaseDo, a, progress); err != nil {
			return err
		}
	}
	return nil
}

// undo takes back what a step did: under its own deadline, whatever became of the run's context, and whoever asks to
// stop. It is at its end when its verification holds, and what the step suspended is seen to hold again.
func (e *engine) undo(ctx context.Context, s *Step) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.opts.UndoTimeout)
	defer cancel()
	e.mu.Lock()
	ss := e.st.Step(s.ID)
	undo, err := ss.undoable(s, e.st.Facts)
	verify := known(e.st.Facts, s.UndoVerify)
	e.mu.Unlock()
	if err != nil {
		return fmt.Errorf("cannot undo: %w", err)
	}
	if err := e.reopen(s); err != nil {
		return err
	}
	for i := range undo {
		if err := e.runAction(ctx, s, PhaseUndo, &undo[i], false); err != nil {
			return fmt.Errorf("cannot undo: %w", err)
		}
	}
	for i := range verify {
		if err := e.runAction(ctx, s, PhaseUndo, &verify[i], true); err != nil {
			return fmt.Errorf("cannot undo: %w", err)
		}
	}
	if err := e.watchUndo(ctx, s); err != nil {
		return fmt.Errorf("cannot undo: %w", err)
	}
	if err := e.note(Record{Kind: KindStepUndone, Step: s.ID}); err != nil {
		return err
	}
	for _, w := range s.Opens {
		e.event(EventClosed, s, nil, "%s", w.ID)
	}
	return nil
}
