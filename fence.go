package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// fence is what a machine checks before it runs a command of this life.
func (e *engine) fence(host string) *sshexec.Fence {
	return &sshexec.Fence{Path: e.opts.LeasePath, Run: e.st.Run.ID, Epoch: e.mine.Epoch, Life: e.mine.Name, Host: host}
}

// leave is that fence for a command that changes something: the machine keeps how far the journal was.
func (e *engine) leave(host string) *sshexec.Fence {
	f := e.fence(host)
	e.mu.Lock()
	defer e.mu.Unlock()
	f.At = e.whole.written
	return f
}

// MarkWide marks the commands that change more than their own machine, such as pcs: before each of them every host with a
// lease checks it (sshexec.Cmd.Wide).
func (rb *Runbook) MarkWide(wide func(sshexec.Cmd) bool) {
	rb.eachAction(func(a *Action) {
		cmds := []*sshexec.Cmd{&a.Cmd}
		if a.Op != nil {
			for k := range a.Op.Cmds {
				cmds = append(cmds, &a.Op.Cmds[k].Cmd)
			}
		}
		for _, cmd := range cmds {
			if len(cmd.Argv) > 0 && cmd.Effect != ReadOnly && wide(*cmd) {
				cmd.Wide = true
			}
		}
	})
}

// MarkDetached marks the actions whose command may take long, such as an installation: each runs as a job of its machine
// (Action.Detached).
func (rb *Runbook) MarkDetached(long func(sshexec.Cmd) bool) {
	rb.eachAction(func(a *Action) {
		if len(a.Cmd.Argv) > 0 && a.Cmd.Effect != ReadOnly && !a.DropsConnection && long(a.Cmd) {
			a.Detached = true
		}
	})
}

func (rb *Runbook) eachAction(f func(*Action)) {
	for i := range rb.Steps {
		for _, p := range rb.Steps[i].parts() {
			for j := range p.actions {
				f(&p.actions[j])
			}
		}
	}
}

func (e *engine) holds(host string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mine.held[host] != ""
}

// takes is how often this life took the lease of a host.
func (e *engine) takes(host string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mine.takes[host]
}

// change runs a command that changes something: the machine itself checks the lease together with it. A machine that
// came back from its reinstallation gets its lease first.
func (e *engine) change(ctx context.Context, host string, r sshexec.Runner, cmd sshexec.Cmd) (sshexec.Result, error) {
	cmd.Fence = e.leave(host)
	for again := true; ; again = false {
		if !e.holds(host) {
			if err := e.admit(ctx, host); err != nil {
				return sshexec.Result{}, err
			}
		}
		if cmd.Wide {
			if err := e.checkOthers(ctx, host); err != nil {
				return sshexec.Result{}, err
			}
		}
		takes := e.takes(host)
		res, err := r.Run(ctx, cmd)
		var refused *sshexec.FencedError
		switch {
		case !errors.As(err, &refused):
			return res, err
		case again && e.cameBack(host, refused, takes):
			continue
		}
		return res, e.lost(host, refused, err)
	}
}

// lost says why a machine refused a command of this life.
func (e *engine) lost(host string, refused *sshexec.FencedError, err error) error {
	if lease, perr := sshexec.ParseLease(refused.Lease); perr == nil && lease.Life == e.mine.Name && lease.Host != host {
		return &IdentityError{Host: host, Other: lease.Host, Err: err}
	}
	return &LeaseLostError{Host: host, Err: err}
}

// keptOut tells whether an error is that this life may change nothing on a machine, not even to undo what it did.
func keptOut(err error) bool {
	var lost *LeaseLostError
	var held *LeaseHeldError
	var wrong *IdentityError
	var same *SameMachineError
	return errors.As(err, &lost) || errors.As(err, &held) || errors.As(err, &wrong) || errors.As(err, &same)
}

// admit gives a machine its lease that had none when this life began. Only one that a step reinstalls may have none,
// and the others must still have theirs.
func (e *engine) admit(ctx context.Context, host string) error {
	if !slices.Contains(e.mine.Hosts, host) {
		return fmt.Errorf("%w: %s has no lease: name it in LeaseHosts", ErrNotInPlan, host)
	}
	turn := e.admission(host)
	turn.Lock()
	defer turn.Unlock()
	if e.holds(host) { // a parallel step was faster
		return nil
	}
	if err := e.checkOthers(ctx, host); err != nil {
		return err
	}
	l, err := e.lookAt(ctx, host)
	if err != nil {
		return err
	}
	if err := e.admissible(host, l); err != nil {
		return err
	}
	if err := e.identify(host, l.Machine); err != nil {
		return err
	}
	return e.take(ctx, host, l)
}

// checkOthers has every other machine that answers check its lease.
func (e *engine) checkOthers(ctx context.Context, host string) error {
	for _, other := range e.mine.Hosts {
		if other == host || !e.holds(other) {
			continue
		}
		if err := e.checkLease(ctx, other); err != nil {
			return err
		}
	}
	return nil
}

// uncheckedError says that a machine answers, and could not be had to check its lease. What needs the check was not started.
type uncheckedError struct {
	host string
	err  error
}

func (e *uncheckedError) Error() string {
	return fmt.Sprintf("%s could not check its lease, so nothing more is changed: %v", e.host, e.err)
}

func (e *uncheckedError) Unwrap() error            { return e.err }
func (e *uncheckedError) Outcome() sshexec.Outcome { return NotStarted }

// checkLease has a machine check its lease. One that does not answer, or is being reinstalled, says nothing. Any other that
// answers otherwise, with another host key or a login that it refuses, is not known to keep others out.
func (e *engine) checkLease(ctx context.Context, host string) error {
	_, err := e.leaseSays(ctx, host)
	return err
}

// leaseSays is checkLease, and tells whether the machine said that the lease is this life's.
func (e *engine) leaseSays(ctx context.Context, host string) (mine bool, err error) {
	r, err := e.hosts.Runner(host)
	if err != nil {
		return false, err
	}
	takes := e.takes(host)
	_, err = r.Run(ctx, sshexec.CheckLease(e.fence(host)))
	var refused *sshexec.FencedError
	switch {
	case errors.As(err, &refused) && !e.cameBack(host, refused, takes):
		return false, e.lost(host, refused, err)
	case err == nil, refused != nil, unreached(err), e.expected(host), ctx.Err() != nil:
		return err == nil, nil //nolint:nilerr // a machine that does not answer says nothing
	}
	return false, &uncheckedError{host, err}
}

// takenAway is an error where another tool has taken the run over: this one then asks nobody to do anything. One machine that says
// otherwise is enough, since a life takes the leases of all before it does anything. What does not answer, or not as it should, says
// nothing: it may be what the operator is asked to mend.
func (e *engine) takenAway(ctx context.Context) error {
	for _, host := range e.mine.Hosts {
		if !e.holds(host) {
			continue
		}
		mine, err := e.leaseSays(ctx, host)
		if keptOut(err) {
			return err
		}
		if mine {
			return nil
		}
	}
	return nil
}

// cameBack tells whether a machine refused because it is the one that a step brings: without a lease, or with an old
// one of this run. It gets its lease before its next change. Where a parallel step has given it one since the refused
// command was sent (takes), it has come back too.
func (e *engine) cameBack(host string, refused *sshexec.FencedError, takes int) bool {
	lease, err := sshexec.ParseLease(refused.Lease)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mine.takes[host] != takes {
		return true
	}
	ours := err == nil && lease.Epoch < e.mine.Epoch && lease.Run == e.st.Run.ID
	if !e.whole.reinstalled[host] || refused.Reason != sshexec.LeaseMissing && !(refused.Reason == sshexec.LeaseOther && ours) {
		return false
	}
	delete(e.mine.held, host)
	return true
}

// checkLeases checks, before a step begins, the lease of each machine that it changes.
func (e *engine) checkLeases(ctx context.Context, s *Step) error {
	checked := map[string]bool{}
	for _, a := range s.all() {
		for _, host := range a.changes(s) {
			if checked[host] || !e.holds(host) {
				continue
			}
			checked[host] = true
			if err := e.checkLease(ctx, host); err != nil {
				return err
			}
		}
	}
	return nil
}
