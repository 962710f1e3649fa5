package sshexec

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Runner runs commands on one machine. Local, Client, the decorators of this package and every simulator implement it.
//
// Run returns a nil error only for a command that exited with status 0; every other end is a *CommandError, and the
// Result is filled as far as it is known. A Runner is safe for concurrent use. Package sshexectest/conformance holds
// the tests that every implementation passes.
type Runner interface {
	Run(ctx context.Context, cmd Cmd) (Result, error)
}

// RunnerFunc makes a Runner of a function.
type RunnerFunc func(ctx context.Context, cmd Cmd) (Result, error)

// Run calls the function.
func (f RunnerFunc) Run(ctx context.Context, cmd Cmd) (Result, error) { return f(ctx, cmd) }

// Result is what is known of a command after it ended.
type Result struct {
	Outcome   Outcome
	ExitCode  int           // meaningful when Outcome is Exited
	Signal    string        // the signal's name without SIG, when Outcome is Signalled
	Stdout    []byte        // captured output; the tail is cut off at CaptureLimit, and then Truncated says so
	Stderr    []byte        // captured errors; likewise
	Truncated bool          // the output is not whole: it was longer than what is kept, or the connection was lost under it
	Elapsed   time.Duration // from sending the command to its end
	Ending    Ending        // what became of the processes of a command that was cancelled
	HostKey   string        // the fingerprint of the host key of the connection that the command ran on; empty where there is none
}

// CaptureLimit is how many bytes of each output stream a Runner keeps in memory.
const CaptureLimit = 32 << 20

// Text is the standard output without trailing white space.
func (r Result) Text() string { return strings.TrimRight(string(r.Stdout), " \t\r\n") }

// CommandError says how a command ended when it did not end well. Branch on Outcome and ExitCode, and with errors.Is on
// Err; never on the text.
type CommandError struct {
	Host     string // the machine, as the caller named it
	Cmd      string // the command as String shows it: secrets masked
	Outcome  Outcome
	ExitCode int
	Signal   string
	// what was captured of it, secrets hidden; of a command that reads a secret the beginning only. The message shows its
	// last line
	Stderr string
	Err    error // the cause where there is one beside the exit status
}

func (e *CommandError) Error() string {
	var b strings.Builder
	if e.Host != "" {
		b.WriteString(e.Host + ": ")
	}
	b.WriteString(e.Cmd + ": ")
	switch e.Outcome {
	case NotStarted:
		b.WriteString("not started")
	case Exited:
		fmt.Fprintf(&b, "exit status %d", e.ExitCode)
	case Signalled:
		fmt.Fprintf(&b, "ended by signal %s", e.Signal)
	default:
		b.WriteString("outcome unknown: it may or may not have run")
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if line := lastLine(e.Stderr); line != "" {
		b.WriteString(": " + line)
	}
	return b.String()
}

func (e *CommandError) Unwrap() error { return e.Err }

// lastLine is the last line of text that says anything, cut to a length fit for a message.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		text = strings.TrimSpace(text[i+1:])
	}
	const limit = 200
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}

// Failure is the *CommandError of a finished command, nil when it exited with status 0. Runner implementations end with it.
func Failure(host string, cmd Cmd, res Result, cause error) error {
	if cause == nil && res.Outcome == Exited && res.ExitCode == 0 {
		return nil
	}
	return &CommandError{
		Host: host, Cmd: cmd.String(), Outcome: res.Outcome, ExitCode: res.ExitCode, Signal: res.Signal,
		Stderr: cmd.printed(res.Stderr), Err: cause,
	}
}

// OutcomeOf is the outcome behind an error that Run returned: Exited for nil, NotStarted for an error that no Runner
// made. Of several errors, joined or of a fan-out, the gravest counts: Unknown, then Signalled, then Exited. Errors of
// other packages take part when they have a method Outcome or CommandOutcome.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return Exited
	}
	outcome, _ := outcomeOf(err)
	return outcome
}

// KnowsOutcome tells whether anything in an error says what became of a command.
func KnowsOutcome(err error) bool {
	_, known := outcomeOf(err)
	return known
}

// outcomeOf looks into an error as far as the first ones that know: they speak for what caused them too.
func outcomeOf(err error) (gravest Outcome, known bool) {
	switch e := err.(type) { //nolint:errorlint // what is wrapped is looked at below, each branch of it
	case nil:
		return NotStarted, false
	case *CommandError:
		if e == nil {
			return Unknown, true // somebody returned a nil *CommandError as an error: nothing is known
		}
		return e.Outcome, true
	case interface{ Outcome() Outcome }:
		return e.Outcome(), true
	case interface{ CommandOutcome() Outcome }: // for types that have a field Outcome
		return e.CommandOutcome(), true
	case interface{ Unwrap() error }:
		return outcomeOf(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if outcome, ok := outcomeOf(part); ok {
				gravest, known = max(gravest, outcome), true
			}
		}
	}
	return gravest, known
}
