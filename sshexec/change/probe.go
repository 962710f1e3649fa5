package change

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Expect says what an action must show.
type Expect struct {
	Text  string               // in words, for the reader
	Check func(Observed) error // nil: the exit status is 0. With a Check, any exit status reaches it; a command that did not exit never does
	// Awaits: a machine that does not answer is "not yet", not a failure. For the wait after a reboot.
	Awaits bool
	// Tell is what the operator should know of what was seen, although the check is content: a line each. A runbook keeps
	// it in its journal, and tells it at the end.
	Tell func(Observed) []string
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
	Op   *Op         // in place of Cmd: a read-only operation, whose result Read judges
	Text string      // what it looks for, for the reader
	Read func(Observed) (ProbeResult, error)
	// Silent is what it means that the machine does not answer at all. With Inconclusive, the zero value, the probe looks again.
	Silent ProbeResult
	// Settle is how long the effect may take to show after the command was sent: until then a NotRun is not believed.
	Settle time.Duration
	// Paper is what the operator types who follows the runbook by hand, and must show for a done; the command as it is when empty.
	Paper []Block
	// Makes are the facts that the action would have made, read from what it left behind.
	Makes []Make
}

// ProbeResult is what a probe found of an action.
type ProbeResult uint8

// The results.
const (
	Inconclusive ProbeResult = iota // the probe cannot tell: the operator must
	NotRun                          // as if the action had never run
	Partial                         // it has begun and has not come to its end
	Done                            // it is done
)

func (t ProbeResult) String() string {
	if names := [...]string{"inconclusive", "not run", "partial", "done"}; int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("probe result %d", uint8(t))
}

// Retry from a check says: not yet, look again. It is obeyed only where looking again does no harm.
type Retry struct {
	After  time.Duration // DefaultRetry when zero
	Reason string
	// Key names what is waited for within the action. An observer need not tell the same wait twice, whatever differs in
	// its reason. Empty where an action waits for one thing.
	Key string
	// Else is what a wait comes to whose limit is over, such as that the operator is needed. When nil the reason is the
	// error.
	Else error
}

// DefaultRetry is how long to wait where a Retry does not say.
const DefaultRetry = 5 * time.Second

func (r *Retry) Error() string { return "not yet: " + r.Reason }

// NotYet is a Retry.
func NotYet(after time.Duration, format string, args ...any) error {
	return &Retry{After: after, Reason: fmt.Sprintf(format, args...)}
}

// Judge is what the probe makes of what it saw; a machine that does not answer is looked at again unless its silence
// says enough. A command that exited is judged whatever its status; an operation that failed has no result to judge.
func (p *Probe) Judge(obs Observed, err error) (ProbeResult, error) {
	exited := sshexec.OutcomeOf(err) == sshexec.Exited
	if err == nil || exited && p.Op == nil {
		return p.Read(obs)
	}
	switch {
	case !sshexec.KnowsOutcome(err), exited:
		return Inconclusive, err
	case p.Silent != Inconclusive && sshexec.OutcomeOf(err) == sshexec.NotStarted:
		return p.Silent, nil
	}
	return Inconclusive, NotYet(0, "%v", err)
}

// Succeeded refuses an output that came with another exit status than 0, and one that was cut off. A check that reads
// an output begins with it: to a check any exit status comes.
func (o Observed) Succeeded() error {
	switch {
	case o.ExitCode != 0:
		lines := strings.Split(strings.TrimSpace(string(o.Stderr)), "\n")
		last := lines[max(0, len(lines)-5):] // a script may have told its whole story
		return fmt.Errorf("exit status %d: %s", o.ExitCode, strings.Join(last, "\n"))
	case o.Truncated:
		return errors.New("its output is too long, and was cut off")
	}
	return nil
}
