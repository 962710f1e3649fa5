package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Reach is how changes get to the nodes.
type Reach struct {
	Runner   func(host string) (sshexec.Runner, error)
	Password sshexec.Secret // of hacluster, for what asks for it
	Clock    Clock          // the machine's when nil
	Every    time.Duration  // between two looks; half a second when zero
}

// Clock is what waiting needs of a clock; the one of a simulated world is virtual.
type Clock interface {
	Now() time.Time
	Sleep(ctx context.Context, d time.Duration) error
}

// Applied is how a change was carried out.
type Applied struct {
	Already bool          // it was done before, and nothing ran
	Outcome op.Outcome    // of the command; Unknown where only the proof tells that it ran
	Looks   int           // how often the cluster was asked
	Took    time.Duration // until all of the proof was seen
}

const (
	defaultEvery = 500 * time.Millisecond
	defaultLimit = 2 * time.Minute
	// lookLimit bounds one look whose tool has no limit of its own: all of them can hang (H19).
	lookLimit = 30 * time.Second
)

type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// applying is one Apply.
type applying struct {
	Reach
	change Change
	began  time.Time
	done   Applied
}

// Apply carries out a change: it looks whether it is done already; if not, sees that what it needs is there, runs the command once, and looks until
// all of the proof is seen or the limit is over. A command whose outcome is unknown (a lost connection, a tool that hung) is answered by looking,
// never by running it again. An error before the command ran leaves the cluster as it was.
func (c Change) Apply(ctx context.Context, r Reach) (Applied, error) {
	if c.Limit <= 0 {
		c.Limit = defaultLimit
	}
	a := r.applying(c)
	err := a.run(ctx)
	a.done.Took = a.Clock.Now().Sub(a.began)
	if err != nil {
		return a.done, fmt.Errorf("cannot carry out %q: %w", c.Do.Name, err)
	}
	return a.done, nil
}

// Await looks until all of the evidence is seen, or the limit is over; with none of that it looks once. No evidence at all is an error: nothing would be proven.
func Await(ctx context.Context, r Reach, limit time.Duration, evidence ...Evidence) error {
	if len(evidence) == 0 || r.Runner == nil {
		return errors.New("there is no evidence to look for, or no way to the nodes")
	}
	return r.applying(Change{Proof: evidence, Limit: limit}).await(ctx)
}

func (r Reach) applying(c Change) *applying {
	if r.Clock == nil {
		r.Clock = wallClock{}
	}
	if r.Every <= 0 {
		r.Every = defaultEvery
	}
	return &applying{Reach: r, change: c, began: r.Clock.Now()}
}

func (a *applying) run(ctx context.Context) error {
	if len(a.change.Proof) == 0 {
		return errors.New("the change has no proof")
	}
	var later *NotYet
	switch err := a.all(ctx, a.change.Proof); {
	case err == nil:
		a.done.Already = true
		return nil
	case !errors.As(err, &later):
		return err
	}
	if err := a.all(ctx, a.change.Needs); err != nil {
		if errors.As(err, &later) {
			return fmt.Errorf("what it needs is not there: %s", later.Reason)
		}
		return err
	}
	return a.command(ctx)
}

// command runs it, once, and sees what came of it.
func (a *applying) command(ctx context.Context) error {
	o := a.change.Do
	runner, err := a.Runner(o.Node)
	if err != nil {
		return err
	}
	cmd := o.Cmd(a.Password)
	cmd.Timeout = a.change.Limit
	a.began = a.Clock.Now()
	res, err := runner.Run(ctx, cmd)
	a.done.Outcome = res.Outcome
	if sshexec.OutcomeOf(err) == op.NotStarted {
		return err
	}
	if res.Outcome == op.Exited {
		masked := cmd
		masked.Mask = append(slices.Clone(cmd.Mask), a.Password)
		hide := masked.Redaction()
		meaning := o.Runs().Meaning()
		meaning.Command = cmp.Or(meaning.Command, cmd.Argv[0])
		if failed := meaning.Judge(res.ExitCode, hide.String(string(res.Stdout)+"\n"+string(res.Stderr))); failed != nil {
			// Only what stands on standard error: on the other one cibadmin prints the whole CIB that it refused, with the passwords in it.
			return fmt.Errorf("%w: %s", failed, complaint(hide.String(string(res.Stderr))))
		}
	}
	missing := a.await(ctx)
	switch {
	case missing == nil:
		return nil
	case res.Outcome != op.Exited:
		return fmt.Errorf("%w (%w): %w", ErrOutcomeUnknown, err, missing)
	}
	return missing
}

// await looks until all of the proof is seen. At least one look is taken, however long the command took.
func (a *applying) await(ctx context.Context) error {
	for {
		err := a.all(ctx, a.change.Proof)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !Passing(err):
			return err
		case a.Clock.Now().Sub(a.began) >= a.change.Limit:
			return fmt.Errorf("%w within %v (%s): %w", ErrNotSeen, a.change.Limit, a.meaning(), err)
		}
		if err := a.Clock.Sleep(ctx, a.Every); err != nil {
			return err
		}
	}
}

func (a *applying) meaning() string {
	words := make([]string, len(a.change.Proof))
	for i, e := range a.change.Proof {
		words[i] = e.Means
	}
	return strings.Join(words, "; ")
}

// Passing says of an error of [Evidence.Read], or of the look, whether looking again may show something else: what is not there yet, a cluster that is starting, a host that
// does not answer. It is for callers who wait by themselves.
func Passing(err error) bool {
	var later *NotYet
	var silent *sshexec.CommandError
	return errors.As(err, &later) || errors.As(err, &silent) || errors.Is(err, pacemaker.ErrClusterDown) || errors.Is(err, pacemaker.ErrNoQuorum)
}

// all looks for every piece of evidence, in order, up to the first that is missing. Questions that are the same are asked once.
func (a *applying) all(ctx context.Context, list []Evidence) error {
	asked := map[string]sshexec.Result{}
	for _, e := range list {
		key := e.Look.Node + "\x00" + strings.Join(e.Look.Argv, "\x00")
		answer, known := asked[key]
		if !known {
			var err error
			if answer, err = a.ask(ctx, e.Look); err != nil {
				return err
			}
			asked[key] = answer
		}
		if err := e.Read(answer); err != nil {
			return fmt.Errorf("on %s: %w", e.Look.Node, err)
		}
	}
	return nil
}

func (a *applying) ask(ctx context.Context, o pcs.Operation) (sshexec.Result, error) {
	runner, err := a.Runner(o.Node)
	if err != nil {
		return sshexec.Result{}, err
	}
	a.done.Looks++
	cmd := o.Cmd("")
	if cmd.Timeout = o.Meaning().Limit; cmd.Timeout == 0 {
		cmd.Timeout = lookLimit
	}
	res, err := runner.Run(ctx, cmd)
	if err != nil && res.Outcome != op.Exited {
		return sshexec.Result{}, err
	}
	return res, nil
}

// complaint is what a tool says is wrong: of pcs all that it calls an error, but for the line that says no more than that there were errors; else the
// last line.
func complaint(stderr string) string {
	var errs []string
	for line := range strings.Lines(printable.Plain(stderr)) {
		if what, is := strings.CutPrefix(strings.TrimSpace(line), "Error: "); is && !strings.HasPrefix(what, "Errors have occurred") {
			errs = append(errs, what)
		}
	}
	if len(errs) == 0 {
		return lastOf(stderr)
	}
	return strings.Join(errs, "; ")
}

// lastOf is the last line of an output that says anything.
func lastOf(output string) string {
	lines := strings.Split(strings.TrimSpace(printable.Plain(output)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
