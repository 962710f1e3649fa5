package evenkeel

import (
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// Effect says what an action does to the system. There is no default: an action without one is refused.
type Effect = op.Effect

// The effects.
const (
	ReadOnly   = op.ReadOnly
	Mutating   = op.Mutating
	Disruptive = op.Disruptive
)

// Repeat says what may be done when it is not known whether an action ran.
type Repeat = op.Repeat

// The ways to repeat.
const (
	Idempotent = op.Idempotent // twice is the same as once
	ProbeFirst = op.ProbeFirst // look first, every time; run unless the probe finds it done, or cannot tell what became of it
	Never      = op.Never      // run again only when the probe proves that it never took effect
)

// Outcome says what is known of an action after its call returned.
type Outcome = op.Outcome

// The outcomes.
const (
	NotStarted = op.NotStarted
	Exited     = op.Exited
	Signalled  = op.Signalled
	Unknown    = op.Unknown
)

// The words of one change stand in package change, where the packages below the engine use them too.
type (
	// Change is one change, as data.
	Change = change.Change
	// Proof is a question to a machine, and what the answer must show.
	Proof = change.Proof
	// Observed is what a command showed.
	Observed = change.Observed
	// Expect is what must be seen.
	Expect = change.Expect
	// Probe is how to tell whether something ran.
	Probe = change.Probe
	// ProbeResult is what a probe found.
	ProbeResult = change.ProbeResult
	// Retry is a "not yet".
	Retry = change.Retry
	// Op is a typed operation.
	Op = change.Op
	// OpCmd is a command that an operation declares.
	OpCmd = change.OpCmd
	// Site is where an operation or an invariant works.
	Site = change.Site
	// Serving is what a look saw of one thing that users need.
	Serving = change.Serving
	// Block is what the operator types who follows the runbook by hand.
	Block = change.Block
	// Make says that an action finds out a fact.
	Make = change.Make
	// Facts are the values known so far, as journalled.
	Facts = change.Facts
	// FactKey is a fact of any type.
	FactKey = change.FactKey
	// Clock is the time that a run lives by; several goroutines ask it at the same time.
	Clock = change.Clock
	// WallClock is the machine's clock.
	WallClock = change.WallClock
	// A Fact is something that one step finds out and a later one needs.
	Fact[T any] = change.Fact[T]
)

// The results of a probe.
const (
	Inconclusive = change.Inconclusive // the probe cannot tell: the operator must
	NotRun       = change.NotRun       // as if the action had never run
	Partial      = change.Partial      // it has begun and has not come to its end
	Done         = change.Done         // it is done
)

// DefaultLimit is how long a check may be repeated where the action names no bound, DefaultRetry how long to wait where
// a Retry does not say.
const (
	DefaultLimit = change.DefaultLimit
	DefaultRetry = change.DefaultRetry
)

// OperatorHost is the Host of a block that is typed on the operator's own machine.
const OperatorHost = change.OperatorHost

// NewFact declares a fact; see [change.NewFact].
func NewFact[T any](name, doc string) Fact[T] { return change.NewFact[T](name, doc) }

// NotYet is a Retry: look again.
func NotYet(after time.Duration, format string, args ...any) error {
	return change.NotYet(after, format, args...)
}

// Here declares commands on the action's own host.
func Here(cmds ...sshexec.Cmd) []OpCmd { return change.Here(cmds...) }

// On declares commands on a host.
func On(host string, cmds ...sshexec.Cmd) []OpCmd { return change.On(host, cmds...) }

// Hosts finds the way to a machine by the name that the runbook uses for it.
type Hosts interface {
	Runner(host string) (sshexec.Runner, error)
}

// HostMap is Hosts as a map.
type HostMap map[string]sshexec.Runner

// Runner returns the runner of a host.
func (m HostMap) Runner(host string) (sshexec.Runner, error) {
	if r := m[host]; r != nil {
		return r, nil
	}
	return nil, &UnknownHostError{Host: host}
}

// UnknownHostError says that a runbook names a machine to which the caller gave no way.
type UnknownHostError struct{ Host string }

func (e *UnknownHostError) Error() string { return "no way to reach host " + e.Host + " was given" }
