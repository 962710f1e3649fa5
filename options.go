package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Options say how to run a runbook; what it does is in the runbook alone.
type Options struct {
	Journal  Journal  // required
	Clock    Clock    // WallClock when nil
	Observer Observer // nobody when nil
	Operator Operator // who answers for manual actions; when nil the run holds at each whose evidence is not there
	// Stop, when closed, asks to stop: the run ends with ErrStopped at the next safe point. That is never between a
	// change and its proof, which is the verification of its step, nor inside an outage (StopAtClose). Only where a step
	// waits for the operator, who may take days, a stop is taken before the proof: the error is an *UnprovenError, and an
	// ErrStopped. EventStopping says what it waits for. The end of the context stops at once, wherever that is.
	Stop   <-chan struct{}
	Holder string // who runs, as others see it in the lease: user@host
	// Simulated: the machines are simulated. A new run journals it: its times are none of real machines.
	Simulated bool
	// RunID names the run; random when empty. Only a new run takes it.
	// It has no white space and does not begin with a dash: the lease on the machines begins with it.
	RunID string
	// TakeLease takes a lease over from another run, the one of that ID, which its operator has given up. A run's own
	// lease needs no such word. A run that began and was itself taken over needs ForceTakeover as well: that other run may
	// have changed things.
	TakeLease string
	// ApprovedDigest, when given, is the only digest that the runbook may have: that of the plan that was signed.
	ApprovedDigest string
	// LeasePath is where each machine keeps the lease: a path that survives a reboot, and that the login user (or sudo)
	// can write. Every operator of a machine has to use the same path. LeasePath when empty.
	LeasePath string
	// ForceTakeover begins although a machine cannot be reached to take the lease there, or its lease cannot be read, or
	// the run went on with another journal, or another run has taken a machine over since. Somebody else may be at work
	// then, or the journal may not be true any more: it is told loudly, and journalled.
	ForceTakeover bool
	forcible      []string // in a rehearsal: the only hosts of which it is said
	// TakeoverWait bounds how long a life waits for a command of the life before that still runs. Two minutes when zero.
	TakeoverWait time.Duration
	// ExtendWindow gives windows that a stop left open (StopBetweenSteps) more time, by their IDs. Only Resume takes it,
	// and journals it.
	ExtendWindow map[string]time.Duration
	// UndoTimeout bounds the undo of a failed step, and what ends an outage; neither a cancelled context nor Stop ends
	// the undo. 15 minutes when zero.
	UndoTimeout time.Duration
	// Heartbeat is how often the observer is told at least that something is still being done (EventRunning). 3 seconds when zero.
	Heartbeat time.Duration
	// Serial runs parallel steps one after the other, and has operations ask one server after the other (Site.Serial), for a rehearsal
	// that must be repeatable.
	Serial bool
}

// Operator is who runs the runbook, at the keyboard, or what speaks for them. Parallel steps may ask at the same time. The context
// ends when the run is asked to stop.
type Operator interface {
	// Prompt is called for a manual action. It returns when it is worth looking at the evidence again, or, for an attestation, with
	// the words to be journalled. A *Pause as the error pauses the run.
	Prompt(ctx context.Context, ask Prompt) (answer string, err error)
}

// Prompt is what the operator is asked to do.
type Prompt struct {
	Step        *Step
	Action      *Action
	Instruction string
	// Why says what of the evidence is missing. Empty when there can be no evidence and the operator must attest.
	Why string
}

// Report is what a run came to.
type Report struct {
	State   *State
	Checks  int // how often an invariant was observed to hold
	Unseen  int // how often one could not be observed
	Actions int // that this run did itself

	// Of a rollback:
	Barrier *CannotRollBackError // the step that it could not go back over; nil where it reaches the beginning
	Differs []string             // what still differs from the state before the run
}

// StepError says at which action a run stopped.
type StepError struct {
	Step, Action, Host string
	Err                error
}

func (e *StepError) Error() string {
	where := "step " + e.Step
	if e.Action != "" {
		where += ", action " + e.Action
	}
	if e.Host != "" {
		where += " on " + e.Host
	}
	return fmt.Sprintf("%s: %v", where, e.Err)
}

func (e *StepError) Unwrap() error { return e.Err }

// Errors that end a run before its end.
var (
	ErrStopped   = errors.New("stopped as asked; its place is kept")
	ErrNotInPlan = errors.New("a command that no action declared was refused")
	// ErrCannotExtend is for Options.ExtendWindow; nothing was touched.
	ErrCannotExtend = errors.New("cannot give a window more time")
	ErrOverdue      = errors.New("not within the time allowed")
)

func (o *Options) defaults() error {
	if o.Journal == nil {
		return errors.New("a run needs a journal")
	}
	if o.Clock == nil {
		o.Clock = WallClock{}
	}
	switch {
	case o.Observer == nil:
		o.Observer, o.Heartbeat = ObserverFunc(func(Event) {}), 0
	case o.Heartbeat <= 0:
		o.Heartbeat = 3 * time.Second
	}
	if o.UndoTimeout == 0 {
		o.UndoTimeout = 15 * time.Minute
	}
	if o.LeasePath == "" {
		o.LeasePath = LeasePath
	}
	if err := sshexec.CheckLeasePath(o.LeasePath); err != nil {
		return err
	}
	if o.TakeoverWait == 0 {
		o.TakeoverWait = 2 * time.Minute
	}
	if o.Holder == "" {
		o.Holder = "unnamed"
	}
	return nil
}
