package evenkeel

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// Run carries out a runbook from its beginning, with a new journal, or with that of a run that began and changed
// nothing: its records stay. It returns nil when every step is done; an error that is a *Pause when the operator is
// needed, and one that is ErrStopped when asked to stop; a *StepError where a step failed, several joined where
// parallel steps did; a *LeaseHeldError where another run holds a machine, a *LeaseLostError where another life of this
// run has taken over. Once the first record is written, the journal knows the place whatever Run returns, and Resume
// takes it up.
func Run(ctx context.Context, rb *Runbook, hosts Hosts, opts Options) (*Report, error) {
	return begin(ctx, newRun, rb, hosts, opts)
}

// newRun begins the journal of a run.
func newRun(_ context.Context, rb *Runbook, hosts Hosts, opts Options) (*engine, *Report, error) {
	if rb != nil && rb.origin != nil {
		return nil, nil, fmt.Errorf("%s is the plan of a rollback: Rollback runs it, in the journal of the run", rb.Name)
	}
	e, err := newEngine(rb, hosts, opts)
	if err != nil {
		return nil, nil, err
	}
	if _, dials := hosts.(change.Dialer); !dials && len(rb.servers()) > 0 {
		return nil, nil, fmt.Errorf("the runbook %s names servers that take documents: %w", rb.Name, change.ErrNoDialer)
	}
	before := e.opts.Journal.Records()
	id, err := beganBefore(before, opts.RunID)
	if err != nil {
		return nil, nil, err
	}
	if len(opts.ExtendWindow) > 0 {
		return nil, nil, errors.New("a new run has no open window that could be extended")
	}
	if strings.HasPrefix(id, "-") || strings.ContainsFunc(id, unicode.IsSpace) {
		return nil, nil, fmt.Errorf("%q is no name for a run: the lease on the machines begins with it", id)
	}
	if id == "" {
		var b [6]byte
		if _, err := rand.Read(b[:]); err != nil {
			return nil, nil, fmt.Errorf("cannot name the run: %w", err)
		}
		id = hex.EncodeToString(b[:])
	}
	first := Record{Kind: KindBegin, Run: rb.info(id), Facts: rb.Known, Process: e.process()}
	first.Run.Simulated = opts.Simulated
	if err := e.append(first); err != nil {
		return nil, nil, err
	}
	if len(before) > 0 { // what the run before knew of the machines holds for this one
		if e.whole, err = ReadState(e.opts.Journal.Records()); err != nil {
			return nil, nil, err
		}
		e.st = e.whole
	}
	return e, nil, nil
}

// Resume takes a run up where its journal ends, after a crash, a hold, a failure or a stop. An action that had begun and whose end is
// not in the journal is probed, never blindly repeated. The runbook must be the one that the journal was begun with.
func Resume(ctx context.Context, rb *Runbook, hosts Hosts, opts Options) (*Report, error) {
	return begin(ctx, newResume, rb, hosts, opts)
}

// newResume takes the journal of a run up. A run that is done has a report already.
func newResume(_ context.Context, rb *Runbook, hosts Hosts, opts Options) (*engine, *Report, error) {
	e, err := newEngine(rb, hosts, opts)
	if err != nil {
		return nil, nil, err
	}
	st, err := ReadState(e.opts.Journal.Records())
	if err != nil {
		return nil, nil, err
	}
	if err := rb.is(st); err != nil {
		return nil, nil, err
	}
	if err := st.rolledBack(); err != nil {
		return nil, nil, err
	}
	e.st, e.whole = st, st
	if st.Done {
		return e, e.report(), nil
	}
	if err := e.extendable(); err != nil {
		return nil, nil, err
	}
	if err := e.append(Record{Kind: KindResume, Process: e.process()}); err != nil {
		return nil, nil, err
	}
	if len(opts.ExtendWindow) > 0 {
		if err := e.append(Record{Kind: KindExtend, Extends: opts.ExtendWindow}); err != nil {
			return nil, nil, err
		}
	}
	return e, nil, nil
}

// beganBefore is the ID of a run in a journal with records: that of the run before, which must have changed nothing,
// unless another is asked for.
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
	switch {
	case st.Changed && st.Done:
		return "", fmt.Errorf("%w (%s, ended %s)", ErrJournalOver, st.Run.Title, st.Last.Format(time.RFC3339))
	case st.Changed:
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
	halt  func(error)  // ends it
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
	looked  map[string]time.Time // by invariant, the last look since the last record that saw what the journal tells
	watched bool                 // the invariants were checked since the last change

	entered map[string]*entry // the steps that this life has come to
	unused  map[string]string // by step/action, the names of jobs that were journalled and never started

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
		alarmed: map[string]bool{}, seen: map[string]bool{}, entered: map[string]*entry{}, unused: map[string]string{},
		teller: teller{observer: opts.Observer},
	}, nil
}

// process is this one, for whoever reads the journal while it runs.
func (e *engine) process() *Process { return &Process{Holder: e.opts.Holder, PID: os.Getpid()} }

// append journals a record and takes it into the state. Nothing goes on when it fails, in no parallel step either: a
// record that came after a lost one would tell another story than what happened.
func (e *engine) append(r Record) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.broken != nil {
		return e.broken
	}
	r.Time = e.opts.Clock.Now()
	r.Looked, e.looked = e.looked, nil
	if r.Kind == KindPause {
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
	e.teller.tell(e.newEvent(kind, s, a, key, format, args...))
}

func (e *engine) newEvent(kind EventKind, s *Step, a *Action, key, format string, args ...any) Event {
	ev := Event{Kind: kind, Key: key, Time: e.opts.Clock.Now(), Step: s, Action: a,
		Text: e.eventText(kind, fmt.Sprintf(format, args...)), Total: len(e.rb.Steps)}
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
	return ev
}

func (e *engine) report() *Report {
	e.mu.Lock()
	defer e.mu.Unlock()
	return &Report{State: e.whole, Differs: e.whole.Differs, Checks: e.checks, Unseen: e.unseen, Actions: e.actions, Barrier: e.rb.barrier}
}

// progress is how far an action has come.
func (e *engine) progress(s *Step, phase Phase, a *Action) Progress {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.st.Step(s.ID).Action(phase, a.ID)
}

// failed tells a failure from a pause: a run that holds, was asked to stop, cannot write its journal or left a job at work keeps its place,
// and undoes nothing.
func failed(err error) bool {
	var hold *Pause
	var runs *JobRunsError
	return err != nil && !errors.As(err, &hold) && !errors.As(err, &runs) && !keptOut(err) &&
		!errors.Is(err, ErrStopped) && !errors.Is(err, errJournal)
}

// undo takes back what a step did: under its own deadline, whatever became of the run's context, and whoever asks to
// stop. It is at its end when its verification holds, and what the step suspended is seen to hold again.
func (e *engine) undo(ctx context.Context, s *Step) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.opts.UndoTimeout)
	defer cancel()
	e.mu.Lock()
	e.st.at(s.ID).readAnew(PhaseUndo)
	_, _, err := e.st.nextUndo(s)
	e.mu.Unlock()
	if err != nil {
		return fmt.Errorf("cannot undo: %w", err)
	}
	if err := e.reopen(s); err != nil {
		return err
	}
	for {
		e.mu.Lock()
		d, left, err := e.st.nextUndo(s)
		e.mu.Unlock()
		if err == nil && left {
			err = e.runAction(ctx, s, s.action(d), d)
		}
		if err != nil {
			return fmt.Errorf("cannot undo: %w", err)
		}
		if !left {
			break
		}
	}
	if err := e.watchUndo(ctx, s); err != nil {
		return fmt.Errorf("cannot undo: %w", err)
	}
	open := e.openWindows()
	if err := e.note(Record{Kind: KindStepUndone, Step: s.ID}); err != nil {
		return err
	}
	for _, w := range open {
		if w.Step == s.ID {
			e.windowEvent(EventClosed, s, w, "%s", w.ID)
		}
	}
	return nil
}
