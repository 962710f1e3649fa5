package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// LeasePath is where a run keeps its lease on each of its machines: a symbolic link whose target names the run. Making a link is atomic and fails
// where one is; its target cannot be half-written.
const LeasePath = "/var/lib/evenkeel.lease"

// LeaseHeldError says that another run works on a machine.
type LeaseHeldError struct {
	Host  string
	Owner string // "RUN HOLDER"
}

func (e *LeaseHeldError) Error() string {
	return fmt.Sprintf("%s is leased to another run (%s); if that run is over for good, take the lease over by its name or remove %s there", e.Host, e.Owner, LeasePath)
}

// token is what the lease of this run says.
func (e *engine) token() string { return e.st.Run.ID + " " + e.opts.Holder }

// takeLeases takes the lease on every machine that can be reached. A new run needs them all; one that is taken up again may find a machine being rebuilt. A run that
// is kept out before it began gives back what it took.
func (e *engine) takeLeases(ctx context.Context) error {
	for _, host := range e.rb.LeaseHosts {
		if err := e.takeLease(ctx, host, e.st.Resumed == 0); err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) takeLease(ctx context.Context, host string, required bool) error {
	owner, err := e.leaseOwner(ctx, host)
	if err != nil {
		if required {
			return fmt.Errorf("cannot read the lease on %s: %w", host, err)
		}
		return nil // a machine that is being rebuilt answers later, and is looked at before anything is done to it
	}
	run, _, _ := strings.Cut(owner, " ")
	switch {
	case run == e.st.Run.ID:
		return nil
	case run != "" && run == e.opts.TakeLease:
		if err := e.removeLease(ctx, host, run); err != nil {
			return fmt.Errorf("cannot take the lease on %s over: %w", host, err)
		}
	case run != "":
		return &LeaseHeldError{Host: host, Owner: owner}
	}
	if _, err := e.exec(ctx, host, sshexec.Command(sshexec.Mutating, "ln", "-s", "-T", e.token(), LeasePath)); err != nil {
		// Somebody may have been faster, or the answer was lost: who has it now decides.
		owner, lerr := e.leaseOwner(ctx, host)
		if run, _, _ := strings.Cut(owner, " "); lerr != nil || run != e.st.Run.ID {
			if lerr == nil && owner != "" {
				return &LeaseHeldError{Host: host, Owner: owner}
			}
			return fmt.Errorf("cannot take the lease on %s: %w", host, err)
		}
	}
	e.event(EventLease, nil, nil, "%s: lease taken", host)
	return nil
}

// removeLease takes the lease of a run away. It is moved aside first and looked at there: between the look and the removal somebody else may have taken it, and two
// who take it over at the same time must not both believe that they have it.
func (e *engine) removeLease(ctx context.Context, host, run string) error {
	aside := LeasePath + "." + e.st.Run.ID
	if _, err := e.exec(ctx, host, sshexec.Command(sshexec.Mutating, "mv", "-T", LeasePath, aside)); err != nil {
		if owner, lerr := e.leaseOwner(ctx, host); lerr == nil && owner == "" {
			return nil // somebody else removed it: who makes the next one decides
		}
		return err
	}
	owner, err := e.linkTarget(ctx, host, aside)
	if err != nil {
		return err
	}
	if found, _, _ := strings.Cut(owner, " "); found != run {
		_, err := e.exec(ctx, host, sshexec.Command(sshexec.Mutating, "mv", "-n", "-T", aside, LeasePath))
		return errors.Join(&LeaseHeldError{Host: host, Owner: owner}, err)
	}
	_, err = e.exec(ctx, host, sshexec.Command(sshexec.Mutating, "rm", "-f", aside))
	return err
}

// leaseOwner is the text of the lease on a machine; empty when there is none.
func (e *engine) leaseOwner(ctx context.Context, host string) (string, error) {
	return e.linkTarget(ctx, host, LeasePath)
}

func (e *engine) linkTarget(ctx context.Context, host, link string) (string, error) {
	cmd := sshexec.Command(sshexec.ReadOnly, "readlink", link)
	cmd.Timeout = lookTimeout
	res, err := e.exec(ctx, host, cmd)
	if err != nil && sshexec.OutcomeOf(err) == Exited && res.ExitCode == 1 {
		return "", nil
	}
	return res.Text(), err
}

// keepLeases makes sure, before a step changes a machine, that the lease there is still this run's.
func (e *engine) keepLeases(ctx context.Context, s *Step) error {
	leased := map[string]bool{}
	for _, h := range e.rb.LeaseHosts {
		leased[h] = true
	}
	actions := slices.Concat(s.Actions, s.Undo)
	for _, w := range s.Opens {
		actions = append(actions, w.Completion...)
	}
	for _, a := range actions {
		host := a.host(s)
		if a.effect() == ReadOnly || !leased[host] {
			continue
		}
		leased[host] = false // once a step
		if err := e.takeLease(ctx, host, false); err != nil {
			return err
		}
	}
	return nil
}

// dropLeases gives the leases back at the end. A lease that stays is reported; it harms nothing but the next run's patience.
func (e *engine) dropLeases(ctx context.Context) {
	for _, host := range e.rb.LeaseHosts {
		owner, err := e.leaseOwner(ctx, host)
		if err == nil && strings.HasPrefix(owner, e.st.Run.ID+" ") {
			_, err = e.exec(ctx, host, sshexec.Command(sshexec.Mutating, "rm", "-f", LeasePath))
		}
		if err != nil {
			e.event(EventLease, nil, nil, "%s: the lease could not be given back: %v", host, err)
		}
	}
}
