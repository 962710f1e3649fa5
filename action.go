package evenkeel

import (
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

	// One of the three. Manual may stand with Cmd: then the command is the evidence, read-only, that the operator has done it.
	Cmd    sshexec.Cmd
	Op     *Op
	Manual string

	Paper []Block // what the operator types who follows the runbook by hand; the command as it is when empty

	Repeat Repeat // needed unless the action is read-only
	Expect Expect // what must be seen; exit status 0 when empty
	Makes  []Make // the facts it finds out
	Probe  *Probe // how to tell whether it was done; needed for ProbeFirst and Never

	// Within bounds how long an action may ask to be looked at again (by a Retry from its check), in total. DefaultWithin when zero.
	Within time.Duration

	// Precondition marks a read-only action that must hold immediately before what follows it in its step: it is read again whenever the step is taken up anew and
	// something that follows it is left to change. What may have run in the life before is probed first.
	Precondition bool

	// DropsConnection says that the connection is expected to break under the command (a reboot, a shutdown): the probe tells how it ended even where the command was seen to
	// be killed, and not only where its outcome is unknown.
	DropsConnection bool
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
