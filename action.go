package evenkeel

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Action is one command, or one typed operation, as data: the smallest thing that is journalled. What the reviewer is shown is what runs; a command
// that no action declared is refused.
type Action struct {
	ID    string // unique in its step, stable between versions
	Title string // what it does, one line
	Host  string // where; the step's host when empty
	Ref   string // where the guide says so ("lustre:882"); the step's when empty
	Note  string // a caution for the reader

	// One of the three. Manual may stand with Cmd: then the command is the evidence, read-only, that a person has done it.
	Cmd    sshexec.Cmd
	Op     *Op
	Manual string

	Paper []Block // what a person types who follows the runbook by hand; the command as it is when empty

	Repeat Repeat // needed unless the action is read-only
	Expect Expect // what must be seen; exit status 0 when empty
	Makes  []Make // the facts it finds out
	Probe  *Probe // how to tell whether it was done; needed for ProbeFirst and Never

	// Within bounds how long an action may ask to be looked at again (by a Retry from its check), in total. DefaultWithin when zero.
	Within time.Duration

	// Guard marks a read-only action that must hold immediately before what follows it in its step: it is read again whenever the step is taken up anew and
	// something that follows it is left to change. What may have run in the life before is probed first.
	Guard bool

	// Severs says that the connection is expected to break under the command (a reboot, a shutdown): the probe tells how it ended even where the command was seen to
	// be killed, and not only where its outcome is unknown.
	Severs bool
}

// DefaultWithin is how long a check may be repeated where the action names no bound.
const DefaultWithin = 10 * time.Minute

// Op is a typed operation: more than one command, or none at all, but one thing to the reviewer.
type Op struct {
	Effect Effect
	Text   string // what it does, in words that a person could follow by hand
	// Cmds are the commands that are not read-only which Do may run, each on its host, as its user and to the last byte of its input; any other is refused.
	// Of an input that is a secret only that it is one is compared: what it is may be known only when it is needed. See Here and On.
	Cmds []OpCmd
	Do   func(ctx context.Context, at Site) (sshexec.Result, error)
}

// Site is where an operation or an invariant works: the machines, behind the gate, and what is known.
type Site struct {
	Host  string
	Facts Facts
	Now   time.Time
	run   func(ctx context.Context, host string, cmd sshexec.Cmd) (sshexec.Result, error)
}

// Run runs a command on a host. A command that is not read-only must be one that the action declared, for that host and user; a read-only one that has no
// time limit gets two minutes.
func (s Site) Run(ctx context.Context, host string, cmd sshexec.Cmd) (sshexec.Result, error) {
	return s.run(ctx, host, cmd)
}

// Runner is Run for one host, in the form that the other packages take.
func (s Site) Runner(host string) sshexec.Runner {
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) { return s.run(ctx, host, cmd) })
}

// Expect says what an action must show.
type Expect struct {
	Text  string               // in words, for the reader
	Check func(Observed) error // nil: the exit status is 0. With a Check, any exit status reaches it; a command that did not exit never does
	// Awaits: a machine that does not answer is "not yet", not a failure. For the wait after a reboot.
	Awaits bool
}

// Observed is what an action or a probe showed.
type Observed struct {
	sshexec.Result
	Host  string
	Facts Facts
	Now   time.Time
}

// Probe tells whether an action that may have run has run.
type Probe struct {
	Host string      // the action's when empty
	Cmd  sshexec.Cmd // read-only
	Text string      // what it looks for, for the reader
	Read func(Observed) (Trace, error)
	// Silent is what it means that the machine does not answer at all. With Undecided, the zero value, the probe looks again.
	Silent Trace
	// Settle is how long the effect may take to show after the command was sent: until then an Absent is not believed.
	Settle time.Duration
	// Paper is what a person types who follows the runbook by hand, and must show for a done; the command as it is when empty.
	Paper []Block
	// Makes are the facts that the action would have made, read from what it left behind.
	Makes []Make
}

// Trace is what a probe found of an action.
type Trace uint8

// The traces.
const (
	Undecided Trace = iota // the probe cannot tell: a person must
	Absent                 // as if the action had never run
	Partial                // it has begun and has not come to its end
	Done                   // it is done
)

func (t Trace) String() string {
	if names := [...]string{"undecided", "absent", "partial", "done"}; int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("trace %d", uint8(t))
}

// Retry from a check says: not yet, look again. It is obeyed only where looking again does no harm.
type Retry struct {
	After  time.Duration // DefaultRetry when zero
	Reason string
	// Key names what is waited for within the action. An observer need not tell the same wait twice, whatever differs in its reason. Empty where an action waits for one thing.
	Key string
}

// DefaultRetry is how long to wait where a Retry does not say.
const DefaultRetry = 5 * time.Second

func (r *Retry) Error() string { return "not yet: " + r.Reason }

// NotYet is a Retry.
func NotYet(after time.Duration, format string, args ...any) error {
	return &Retry{After: after, Reason: fmt.Sprintf(format, args...)}
}

// Hold says that a person is needed. The run ends there, keeps its place, and is taken up by Resume.
type Hold struct {
	Step, Action string // filled in by the run
	Reason       string // what to do, as an instruction

	hidden bool // no secret is left in the reason
}

func (h *Hold) Error() string { return "held for a person: " + h.Reason }

// NeedsPerson is a Hold.
func NeedsPerson(format string, args ...any) error {
	return &Hold{Reason: fmt.Sprintf(format, args...)}
}

// effect is what the action does.
func (a *Action) effect() Effect {
	if a.Op != nil {
		return a.Op.Effect
	}
	if a.attestation() {
		return ReadOnly // an attestation changes nothing
	}
	return a.Cmd.Effect
}

// attestation tells whether a person's word is all that there is.
func (a *Action) attestation() bool { return a.Manual != "" && len(a.Cmd.Argv) == 0 }

// host is where the action runs.
func (a *Action) host(s *Step) string {
	if a.Host != "" {
		return a.Host
	}
	return s.Host
}

// Describe is the action as a person would do it.
func (a *Action) Describe() string {
	switch {
	case a.Op != nil:
		return a.Op.Text
	case a.Manual != "":
		return a.Manual
	}
	return a.Cmd.String()
}

// changes tells whether the step does anything but look.
func (s *Step) changes() bool {
	return slices.ContainsFunc(s.Actions, func(a Action) bool { return a.effect() != ReadOnly })
}
