package backup

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// Plan is a restore that is ready to be read, rehearsed and carried out.
type Plan struct {
	Archive string      // the archive's name
	Ops     []Operation // in the order in which they run
}

// PlanRestore makes the plan that restores an archive to a machine on which it lies extracted in the tree dir, for
// those who restore outside a runbook (lustre:47). It keeps what it replaces, so that Undo can take it back. restore is
// RestoreServer or RestoreManager. What the machine never had is left out; what must be there and is not, or is not
// whole, is an error that names it and the operation that needs it (errors.As to Missing).
func PlanRestore(a *Archive, m Manifest, restore func(string, RestoreOptions) []Operation, dir string, opts RestoreOptions) (*Plan, error) {
	if a == nil || restore == nil {
		return nil, errors.New("a restore is planned from an open archive, and from what it is to restore")
	}
	optional := map[string]bool{}
	for _, p := range m.Paths {
		optional[p.Path] = p.Optional
	}
	opts.KeepReplaced = true
	opts.Has = func(path string) bool { return !optional[path] || a.Fills(path) }
	p := &Plan{Archive: a.Name(), Ops: restore(dir, opts)}
	var errs []error
	for _, missing := range a.Covers(Requirements(p.Ops)) {
		errs = append(errs, missing)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("cannot plan the restore of %s: %w", a.Name(), err)
	}
	return p, nil
}

// String is the plan for people: every command as one would type it, with its undo.
func (p *Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Restore of %s\n", p.Archive)
	for i, o := range p.Ops {
		fmt.Fprintf(&b, "\n%d. %s (%s)\n   %s\n", i+1, o.Title, o.Ref, firstLine(o.Cmd.String()))
		if o.Note != "" {
			fmt.Fprintf(&b, "   note: %s\n", o.Note)
		}
		if o.Undo != nil {
			fmt.Fprintf(&b, "   undo: %s\n", firstLine(o.Undo.String()))
		} else {
			fmt.Fprintf(&b, "   undo: none: %s\n", o.NoUndo)
		}
	}
	return b.String()
}

// firstLine shortens the text of a script.
func firstLine(s string) string {
	if line, _, more := strings.Cut(s, "\n"); more {
		return line + " …"
	}
	return s
}

// StoppedError says how far a restore came.
type StoppedError struct {
	Done []Operation // what was carried out, or found done; Undo takes it back
	At   Operation   // what failed
	Err  error
}

func (e *StoppedError) Error() string {
	return fmt.Sprintf("the restore stopped after %d operations, at %q: %v", len(e.Done), e.At.Title, e.Err)
}

func (e *StoppedError) Unwrap() error { return e.Err }

// Carry carries operations out on the machine behind r, one after the other, and stops at the first that fails with a
// *StoppedError. Carrying them out again takes them up: what is not safe to repeat is probed first. When nobody knows
// whether a command ran, its probe decides; where it has none, or the machine does not answer, it stops there. With
// sshexec.DryRun nothing is changed. observe, which may be nil, is told of each operation before it begins.
func Carry(ctx context.Context, r sshexec.Runner, ops []Operation, observe func(Operation)) error {
	var done []Operation
	for _, o := range ops {
		if observe != nil {
			observe(o)
		}
		if err := o.carry(ctx, r); err != nil {
			return &StoppedError{Done: done, At: o, Err: err}
		}
		done = append(done, o)
	}
	return nil
}

func (o Operation) carry(ctx context.Context, r sshexec.Runner) error {
	if o.Repeat != op.Idempotent {
		if done, err := o.isDone(ctx, r); done || err != nil {
			return err
		}
	}
	_, err := r.Run(ctx, o.Cmd)
	if err == nil || sshexec.OutcomeOf(err) != sshexec.Unknown || len(o.Proof) == 0 {
		return err
	}
	done, probeErr := o.isDone(ctx, r)
	if done {
		return nil
	}
	return errors.Join(err, probeErr)
}

// isDone looks for the operation's proof, where it has one.
func (o Operation) isDone(ctx context.Context, r sshexec.Runner) (bool, error) {
	if len(o.Proof) == 0 {
		return false, nil
	}
	res, err := r.Run(ctx, o.Proof[0].Cmd)
	if res.Outcome != sshexec.Exited {
		return false, err
	}
	var notYet *change.Retry
	verdict := o.Proof[0].Read(res)
	switch {
	case res.ExitCode != 0 && errors.As(verdict, &notYet):
		return false, nil
	case err == nil:
		err = verdict
	}
	return err == nil, err
}
