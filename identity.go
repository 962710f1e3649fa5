package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// IdentityError says that the address of a host leads to another machine than the one that the run began with.
type IdentityError struct {
	Host  string
	Other string // the host of this run that the machine is; empty when it is none
	Want  sshexec.Machine
	Got   sshexec.Machine
	Err   error // how the machine refused a command, where it was it that found out
}

func (e *IdentityError) Unwrap() error { return e.Err }

func (e *IdentityError) Error() string {
	is := "a machine that this run does not know"
	if e.Other != "" {
		is = "the machine that is " + e.Other
	}
	if e.Err != nil {
		return fmt.Sprintf("the address of %s leads to %s. Correct the address, then try again; nothing was changed there: %v", e.Host, is, e.Err)
	}
	was := ""
	if e.Want != (sshexec.Machine{}) {
		was = fmt.Sprintf("%s was %s, and ", e.Host, describeMachine(e.Want))
	}
	return fmt.Sprintf("the address of %s leads to %s: %sthis is %s. Correct the address, then try again; nothing was changed there",
		e.Host, is, was, describeMachine(e.Got))
}

// SameMachineError says that two hosts of a runbook are one machine.
type SameMachineError struct{ Host, Other string }

func (e *SameMachineError) Error() string {
	return fmt.Sprintf("%s and %s lead to the same machine. Correct the addresses, then try again; nothing was changed", e.Host, e.Other)
}

func describeMachine(m sshexec.Machine) string {
	text := fmt.Sprintf("%q", m.Name)
	if m.ID != "" {
		text += fmt.Sprintf(" with id %s (%s)", plain(m.ID), plain(m.IDFrom))
	}
	if m.HostKey != "" {
		text += ", host key " + plain(m.HostKey)
	}
	return text
}

// alike is how many of key, id and name two machines share.
func alike(a, b sshexec.Machine) (n int) {
	for _, same := range []bool{a.ID != "" && a.ID == b.ID, a.HostKey != "" && a.HostKey == b.HostKey, a.Name != "" && a.Name == b.Name} {
		if same {
			n++
		}
	}
	return n
}

// sameMachine tells whether two machines are one: by the id, or the key where no id is known.
func sameMachine(a, b sshexec.Machine) bool {
	if a.ID != "" && b.ID != "" {
		return a.ID == b.ID
	}
	return a.HostKey != "" && a.HostKey == b.HostKey || a.HostKey == "" && b.HostKey == "" && a.ID == b.ID && a.Name == b.Name
}

// copied tells whether two machines that share an id are a machine and its copy: neither the key nor the name is the same.
func copied(a, b sshexec.Machine) bool {
	known := a.HostKey != "" && b.HostKey != "" || a.Name != "" && b.Name != ""
	return known && a.ID == b.ID && alike(a, b) == 1
}

// identifyAll refuses machines that are not the hosts whose addresses lead to them. A machine that was copied has the
// id of the one that it was copied from: then its key and name count. A key or a name may change, since restoring a
// system brings its old ones back.
func (e *engine) identifyAll(seen map[string]seenHost) error {
	hosts := slices.Sorted(maps.Keys(seen))
	for i, host := range hosts {
		got := seen[host].Machine
		for _, other := range hosts[:i] {
			if b := seen[other].Machine; alike(got, b) == 3 || alike(got, b) == 2 && (got.HostKey == "" || got.ID == "") {
				return &SameMachineError{Host: other, Other: host}
			}
		}
		if err := e.identify(host, got); err != nil && !e.replacedAhead(host, seen[host], err) {
			return err
		}
	}
	return nil
}

// replacedAhead tells whether a machine without a lease may take the place of a host although no step expects it yet: a
// step that is not done reinstalls the host, and the operator, who did that by hand while the run was stopped, says so
// by force. A machine that is known as another host never may.
func (e *engine) replacedAhead(host string, seen seenHost, err error) bool {
	var wrong *IdentityError
	if !errors.As(err, &wrong) || wrong.Other != "" || seen.Line != "" || e.force(err) != nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	expected := slices.ContainsFunc(e.rb.Steps, func(s Step) bool {
		return slices.Contains(s.Reinstalls, host) && e.st.Step(s.ID).Progress != Did
	})
	if expected {
		e.whole.reinstalled[host] = true
	}
	return expected
}

// identify refuses a machine that is not the host.
func (e *engine) identify(host string, got sshexec.Machine) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	own := e.whole.Bound[host]
	best := 0
	for _, m := range own {
		best = max(best, alike(m, got))
	}
	wrong := &IdentityError{Host: host, Got: got}
	if len(own) > 0 {
		wrong.Want = own[len(own)-1]
	}
	for _, other := range slices.Sorted(maps.Keys(e.whole.Bound)) {
		for _, m := range e.whole.Bound[other] {
			if other != host && sameMachine(m, got) && alike(m, got) > best && !copied(m, got) {
				wrong.Other = other
				return wrong
			}
		}
	}
	if len(own) == 0 || e.whole.reinstalled[host] || slices.ContainsFunc(own, func(m sshexec.Machine) bool { return sameMachine(m, got) }) {
		return nil
	}
	return wrong
}

// returned are the hosts that an undone step had reinstalled and that are, at its end, the machines that have this life's
// lease: what comes in their place later is another machine.
func (e *engine) returned(ctx context.Context, s *Step) (hosts []string) {
	if s.undoes == "" {
		return nil
	}
	for _, host := range s.Reinstalls {
		e.mu.Lock()
		line := e.mine.held[host]
		e.mu.Unlock()
		if line == "" {
			continue
		}
		res, err := e.onLease(ctx, host, sshexec.LookLease(e.opts.LeasePath, LeasePath))
		if err != nil {
			continue // it is away: it may still get the other system
		}
		if look, err := sshexec.ReadLeaseLook(res); err == nil && look.Line == line {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// bind journals who a host is, where that is new. Its lease was taken before: a crash in between leaves a host that
// still may be reinstalled.
func (e *engine) bind(host string, seen seenHost) error {
	e.mu.Lock()
	own := e.whole.Bound[host]
	renewed := e.whole.reinstalled[host] && seen.Line == ""
	e.mu.Unlock()
	if !renewed && slices.Contains(own, seen.Machine) {
		return nil
	}
	rec := Record{Kind: KindIdentity, Host: host, Machine: &seen.Machine}
	if renewed {
		rec.Reinstalls = []string{host}
	}
	if len(own) > 0 {
		e.event(EventLease, nil, nil, "%s is now %s", host, describeMachine(seen.Machine))
	}
	return e.note(rec)
}
