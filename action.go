package evenkeel

import (
	"fmt"
	"slices"
)

// Action is a change, or a look, as the smallest thing that is journalled. What the reviewer is shown is what runs; a
// command that no action declared is refused. An action looks for no Needs and no Proof of its own: [Actions] makes of
// a Change with those a list of actions that does.
type Action struct {
	ID string // unique in its step, stable between versions
	Change

	// Manual is what the operator does, in place of a command. It may stand with Cmd: then the command is the evidence,
	// read-only, that it was done.
	Manual string

	Paper []Block // what is typed by who follows the runbook by hand; the command as it is when empty
	Makes []Make  // the facts it finds out

	// Precondition marks a read-only action that must hold immediately before what follows it in its step: it is read
	// again whenever the step is taken up anew and something that follows it is left to change. What may have run in the
	// life before is probed first. Through is the ID of the last action that relies on it, for one that later actions make
	// untrue: none that follows that one does. Empty: all that follow.
	Precondition bool
	Through      string

	// Detached runs the command as a job of its machine ([sshexec.Supervise]): neither a lost connection nor the end of
	// the tool ends it. The life that comes next waits for it, and takes its end for the end of the action: a job is never
	// started twice. Its files, with what it printed, stay beside the lease.
	Detached bool

	// Takes is how long it is expected to take, where the step does not say it of the whole: see [Runbook.Estimate].
	Takes Estimate
}

// Pause says that the operator is needed. The run ends there, keeps its place, and is taken up by Resume.
type Pause struct {
	Step, Action string // filled in by the run
	Reason       string // what to do, as an instruction

	hidden bool // no secret is left in the reason
}

func (h *Pause) Error() string { return "paused for the operator: " + h.Reason }

// NeedsOperator is a Pause.
func NeedsOperator(format string, args ...any) error {
	return &Pause{Reason: fmt.Sprintf(format, args...)}
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

// attestation tells whether the operator's word is all that there is.
func (a *Action) attestation() bool { return a.Manual != "" && len(a.Cmd.Argv) == 0 }

// host is where the action runs.
func (a *Action) host(s *Step) string {
	if a.Host != "" {
		return a.Host
	}
	return s.Host
}

// Describe is the action as the operator would do it.
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

// String is the action for a reader: its ID and what it does, secrets masked.
func (a Action) String() string { return a.ID + ": " + a.Describe() }

// GoString is String.
func (a Action) GoString() string { return a.String() }
