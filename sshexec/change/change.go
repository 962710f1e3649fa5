package change

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Change is one change of a machine or of a cluster, as data: what runs, what must be so before, and what shows that it
// is done. Packages that know a system make Changes; [Do] carries one out, and a runbook makes actions of it. The exit
// status of a command alone proves little: pcs exits 0 where it started nothing.
type Change struct {
	Title string // what it does, one line
	Host  string // where; in a runbook the step's host when empty
	Ref   string // where the guide says so ("lustre:882"); in a runbook the step's when empty
	Note  string // a caution for the reader

	// One of the two.
	Cmd sshexec.Cmd
	Op  *Op

	Repeat op.Repeat // whether it may run again when nobody knows if it ran; needed unless it only looks
	Expect Expect    // what the command itself must show; exit status 0 when empty
	Probe  *Probe    // how to tell whether it ran; needed unless Repeat is Idempotent or the first Proof tells

	Needs []Proof // what must be so immediately before
	// Proof is what shows that it is done, in the order in which it comes to be seen: the first says that the command was
	// obeyed, and is what to look for when nobody knows whether it ran; the later ones, that the system has followed.
	Proof []Proof

	// Limit bounds the change from sending the command until all of Proof is seen, and how long a check may ask to be
	// looked at again. DefaultLimit when zero.
	Limit time.Duration

	// DropsConnection says that the connection is expected to break under the command (a reboot, a shutdown): the probe
	// tells how it ended even where the command was seen to be killed, and not only where its outcome is unknown.
	DropsConnection bool
}

// DefaultLimit is how long a change may take that does not say.
const DefaultLimit = 10 * time.Minute

// String is the command for a reader, secrets masked.
func (c Change) String() string {
	if c.Op != nil {
		return c.Op.Text
	}
	return c.Cmd.String()
}

// GoString is String.
func (c Change) GoString() string { return c.String() }

// Proof is a question to a machine, and what the answer must show.
type Proof struct {
	Host  string
	Cmd   sshexec.Cmd   // read-only
	Op    *Op           // in place of Cmd: a read-only operation, whose result Check judges
	Text  string        // what is to be seen, in words
	Limit time.Duration // after which the tool hangs rather than works; [Do] takes 30 s when zero, a runbook its own
	// nil: it is seen; a [*Retry]: it is not, or not yet; any other error: it cannot be, or the answer does not tell
	Check func(Observed) error
}

// ByExit is a proof by a command that only looks and tells by its exit status: 0 that it is done, 1 that it is not.
func ByExit(text string, cmd sshexec.Cmd) Proof {
	return Proof{Cmd: cmd, Text: text, Check: func(o Observed) error {
		switch o.ExitCode {
		case 0:
			return nil
		case 1:
			return NotYet(0, "not so: %s", text)
		}
		return o.Succeeded()
	}}
}

// Read judges how the question ended; it must have exited, with any status.
func (p Proof) Read(res sshexec.Result) error { return p.Check(Observed{Result: res, Host: p.Host}) }

// Probe is the proof as a probe: seen is done, and not yet seen is as if nothing had run.
func (p Proof) Probe() Probe {
	return Probe{Host: p.Host, Cmd: p.Cmd, Op: p.Op, Text: p.Text, Read: func(o Observed) (ProbeResult, error) {
		err := p.Check(o)
		var later *Retry
		switch {
		case err == nil:
			return Done, nil
		case errors.As(err, &later):
			return NotRun, nil
		}
		return Inconclusive, Later(err)
	}}
}

// AtOnce is the proof where nothing is waited for: what is not there is an error.
func (p Proof) AtOnce() Expect {
	return Expect{Text: p.Text, Check: func(o Observed) error {
		err := p.Check(o)
		var later *Retry
		if errors.As(err, &later) {
			return errors.New(later.Reason)
		}
		return err
	}}
}

// InTime is the proof where it is waited for what is not there yet.
func (p Proof) InTime() Expect {
	return Expect{Text: p.Text, Check: func(o Observed) error { return Later(p.Check(o)) }}
}

// Later makes a [Retry] of an error that is [Passing], and leaves any other as it is.
func Later(err error) error {
	var later *Retry
	switch {
	case errors.As(err, &later):
		again := *later
		again.After = cmp.Or(again.After, time.Second)
		return &again
	case Passing(err):
		return NotYet(time.Second, "%v", err)
	}
	return err
}

// Passing says of an error of a [Proof] whether looking again may show something else: what is not there yet, a system
// that is starting, a host that does not answer. An error of another package says so by a method Passing. It is for
// callers who wait by themselves.
func Passing(err error) bool {
	var later *Retry
	var starting interface{ Passing() bool }
	var silent *sshexec.CommandError
	return errors.As(err, &later) || errors.As(err, &starting) && starting.Passing() || errors.As(err, &silent)
}

// ErrNotSeen says that a command ended, and what it should have done did not show in time.
var ErrNotSeen = errors.New("what the command should have done is not to be seen")

// ErrOutcomeUnknown says that nobody knows whether a command ran, and that what it should have done did not show in
// time. It must not be repeated before the operator has looked.
var ErrOutcomeUnknown = errors.New("it is not known whether the command ran")

// Applied is how a change was carried out.
type Applied struct {
	Already bool            // it was done before, and nothing ran
	Outcome sshexec.Outcome // of the command; Unknown where only the proof tells that it ran
	Looks   int             // how often it was looked
	Took    time.Duration   // until all of the proof was seen
}

// lookEvery is the time between two looks, lookLimit what one look may take whose command says nothing: all of them can hang.
const (
	lookEvery = 500 * time.Millisecond
	lookLimit = 30 * time.Second
)

// doing is one Do.
type doing struct {
	at     Site
	change Change
	began  time.Time
	done   Applied
}

// Do carries out a change: it looks whether it is done already; if not, sees that what it needs is there, runs the
// command once, and looks until all of the proof is seen or the limit is over. A command whose outcome is unknown (a
// lost connection, a tool that hung) is answered by looking, never by running it again. An error before the command ran
// leaves the system as it was.
func Do(ctx context.Context, at Site, c Change) (Applied, error) {
	if c.Limit <= 0 {
		c.Limit = DefaultLimit
	}
	d := &doing{at: at, change: c, began: at.Clock.Now()}
	err := d.run(ctx)
	d.done.Took = at.Clock.Now().Sub(d.began)
	if err != nil {
		return d.done, fmt.Errorf("cannot carry out %q: %w", c.Title, err)
	}
	return d.done, nil
}

// Await looks until all of the proof is seen, or the limit is over; with none of that it looks once. No proof at all is
// an error: nothing would be proven.
func Await(ctx context.Context, at Site, limit time.Duration, proof ...Proof) error {
	if len(proof) == 0 || at.Exec == nil {
		return errors.New("there is no proof to look for, or no way to the machines")
	}
	return (&doing{at: at, change: Change{Proof: proof, Limit: limit}, began: at.Clock.Now()}).await(ctx)
}

func (d *doing) run(ctx context.Context) error {
	if len(d.change.Proof) == 0 {
		return errors.New("the change has no proof")
	}
	var later *Retry
	switch err := d.all(ctx, d.change.Proof); {
	case err == nil:
		d.done.Already = true
		return nil
	case !errors.As(err, &later):
		return err
	}
	if err := d.all(ctx, d.change.Needs); err != nil {
		if errors.As(err, &later) {
			return fmt.Errorf("what it needs is not there: %s", later.Reason)
		}
		return err
	}
	return d.command(ctx)
}

// command runs it, once, and sees what came of it.
func (d *doing) command(ctx context.Context) error {
	d.began = d.at.Clock.Now()
	res, err := d.send(ctx)
	d.done.Outcome = res.Outcome
	if err != nil && res.Outcome == sshexec.NotStarted {
		return err
	}
	if res.Outcome == sshexec.Exited {
		if failed := d.verdict(res, err); failed != nil {
			return failed
		}
	}
	missing := d.await(ctx)
	switch {
	case missing == nil:
		return nil
	case res.Outcome != sshexec.Exited:
		return fmt.Errorf("%w (%w): %w", ErrOutcomeUnknown, err, missing)
	}
	return missing
}

// send runs the command, or the operation, within the limit. An operation that came to its end has exited; of one that
// failed without saying so nobody knows how far it came.
func (d *doing) send(ctx context.Context) (sshexec.Result, error) {
	if d.change.Op != nil {
		ctx, cancel := context.WithTimeout(ctx, d.change.Limit)
		defer cancel()
		res, err := d.change.Op.Do(ctx, d.on(d.change.Host))
		switch {
		case err == nil:
			res.Outcome = sshexec.Exited
		case !sshexec.KnowsOutcome(err):
			res.Outcome = sshexec.Unknown
		default:
			res.Outcome = sshexec.OutcomeOf(err)
		}
		return res, err
	}
	cmd, err := d.at.Facts.ExpandCmd(d.change.Cmd)
	if err != nil {
		return sshexec.Result{}, err
	}
	cmd.Timeout = cmp.Or(cmd.Timeout, d.change.Limit)
	return d.at.Run(ctx, d.change.Host, cmd)
}

// on is the site as an operation on a host has it.
func (d *doing) on(host string) Site {
	at := d.at
	at.Host, at.Now = host, d.at.Clock.Now()
	return at
}

// verdict is what the command itself showed. An operation that failed has no result to be judged.
func (d *doing) verdict(res sshexec.Result, err error) error {
	if d.change.Expect.Check == nil || d.change.Op != nil && err != nil {
		return err
	}
	return d.change.Expect.Check(Observed{Result: res, Host: d.change.Host, Facts: d.at.Facts, Now: d.at.Clock.Now()})
}

// await looks until all of the proof is seen. At least one look is taken, however long the command took.
func (d *doing) await(ctx context.Context) error {
	for {
		err := d.all(ctx, d.change.Proof)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !Passing(err):
			return err
		case d.at.Clock.Now().Sub(d.began) >= d.change.Limit:
			return fmt.Errorf("%w within %v (%s): %w", ErrNotSeen, d.change.Limit, d.meaning(), err)
		}
		if err := d.at.Sleep(ctx, lookEvery); err != nil {
			return err
		}
	}
}

func (d *doing) meaning() string {
	words := make([]string, len(d.change.Proof))
	for i, p := range d.change.Proof {
		words[i] = p.Text
	}
	return strings.Join(words, "; ")
}

// all looks for every proof, in order, up to the first that is missing. Questions that are the same are asked once.
func (d *doing) all(ctx context.Context, list []Proof) error {
	asked := map[string]sshexec.Result{}
	for _, p := range list {
		p.Host = cmp.Or(p.Host, d.change.Host)
		key, plain := question(p)
		answer, known := asked[key]
		if !known || !plain {
			var err error
			if answer, err = d.ask(ctx, p); err != nil {
				return err
			}
			asked[key] = answer
		}
		if err := p.Check(Observed{Result: answer, Host: p.Host, Facts: d.at.Facts, Now: d.at.Clock.Now()}); err != nil {
			return fmt.Errorf("on %s: %w", p.Host, err)
		}
	}
	return nil
}

// question names what a proof asks; plain says that nothing but host and arguments makes it.
func question(p Proof) (key string, plain bool) {
	plain = p.Op == nil && p.Cmd.Stdin == sshexec.Input{} && len(p.Cmd.Env) == 0 && p.Cmd.Dir == "" && p.Cmd.Sudo == nil
	return p.Host + "\x00" + strings.Join(p.Cmd.Argv, "\x00"), plain
}

func (d *doing) ask(ctx context.Context, p Proof) (sshexec.Result, error) {
	d.done.Looks++
	if p.Op != nil {
		ctx, cancel := context.WithTimeout(ctx, cmp.Or(p.Limit, lookLimit))
		defer cancel()
		return p.Op.Do(ctx, d.on(p.Host))
	}
	cmd, err := d.at.Facts.ExpandCmd(p.Cmd)
	if err != nil {
		return sshexec.Result{}, err
	}
	cmd.Timeout = cmp.Or(cmd.Timeout, p.Limit, lookLimit)
	res, err := d.at.Run(ctx, p.Host, cmd)
	if err != nil && res.Outcome != sshexec.Exited {
		return sshexec.Result{}, err
	}
	return res, nil
}
