package evenkeel_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Two hosts are one machine where all that is known of them is the same; the id and the name of an image do not make them one, in no life.
func TestWhatMakesTwoHostsOneMachine(t *testing.T) {
	type machine = sshexec.Machine
	for name, tc := range map[string]struct {
		a, b machine
		same bool
	}{
		"all is the same":                {machine{HostKey: "k", ID: "i", Name: "n"}, machine{HostKey: "k", ID: "i", Name: "n"}, true},
		"no key is known":                {machine{ID: "i", Name: "n"}, machine{ID: "i", Name: "n"}, true},
		"copies with the image's name":   {machine{HostKey: "k1", ID: "i", Name: "n"}, machine{HostKey: "k2", ID: "i", Name: "n"}, false},
		"copies with names of their own": {machine{HostKey: "k1", ID: "i", Name: "n1"}, machine{HostKey: "k2", ID: "i", Name: "n2"}, false},
	} {
		p := newPark("n1", "n2")
		p.machines["n1"].Machine, p.machines["n2"].Machine = tc.a, tc.b
		rb := book(1, "n1", "n2")
		if tc.same {
			_, err := evenkeel.Run(t.Context(), rb, p.as("A"), options(&evenkeel.MemJournal{}, "A"))
			require.ErrorAs(t, err, new(*evenkeel.SameMachineError), name)
			require.Empty(t, p.log)
			continue
		}
		_, err := evenkeel.Resume(t.Context(), rb, p.as("A"), options(p.begunIn(t, rb, "A"), "A"))
		require.NoError(t, err, name)
	}
}

// Where the machines tell nothing of themselves the lease on each says which host it is.
func TestTheLeaseTellsWhichHostAMachineIs(t *testing.T) {
	p := newPark("n1", "n2")
	rb := book(1, "n1", "n2")
	j := p.begunIn(t, rb, "A")
	// As if the leases had been swapped.
	p.machines["n1"].Machine, p.machines["n2"].Machine = p.machines["n2"].Machine, p.machines["n1"].Machine
	_, err := evenkeel.Resume(t.Context(), rb, p.as("A", "n1=n2", "n2=n1"), options(j, "A"))
	var wrong *evenkeel.IdentityError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "n2", wrong.Other)
	require.Len(t, p.log, 1)
}

// A machine that took the place of a host ahead of its step is not the one that is known as another host, has no lease, and
// comes once: what was passed over is in the journal.
func TestWhoMayReplaceAHostAheadOfItsStep(t *testing.T) {
	fresh := sshexec.Machine{HostKey: "new key", ID: "new id", Name: "n2"}
	for name, tc := range map[string]struct {
		by   func(p *park)
		late bool // its step is done
		goes bool
	}{
		"a new machine":                {func(p *park) { *p.machines["n2"] = sshexec.SimLease{Machine: fresh} }, false, true},
		"one with a copy of the lease": {func(p *park) { p.machines["n2"].Machine = fresh }, false, false},
		"another host, itself away": {func(p *park) {
			*p.machines["n2"] = sshexec.SimLease{Machine: p.machines["n1"].Machine}
			p.before = func(_, host string, _ sshexec.Cmd) error {
				if host == "n1" {
					return errFar
				}
				return nil
			}
		}, false, false},
		"a second new machine": {func(p *park) { *p.machines["n2"] = sshexec.SimLease{Machine: fresh} }, true, false},
	} {
		p := newPark("n1", "n2")
		rb := reinstallBook()
		if tc.late { // the first command is that on the new machine
			rb.Steps = []evenkeel.Step{rb.Steps[1], rb.Steps[2], rb.Steps[0]}
		}
		j := p.begunIn(t, rb, "A", func() {
			*p.machines["n2"] = sshexec.SimLease{Machine: sshexec.Machine{HostKey: "first new key", ID: "first new id", Name: "n2"}}
		})
		require.Equal(t, tc.late, stateOf(t, j).Step("reinstall").Progress == evenkeel.Did)
		tc.by(p)
		ran := len(p.log)
		opts := options(j, "A")
		opts.ForceTakeover = true
		opts.Operator = handFunc(func() error { return nil })
		_, err := evenkeel.Resume(t.Context(), rb, p.as("A"), opts)
		if tc.goes {
			require.NoError(t, err, name)
			require.Contains(t, stateOf(t, j).Life.Forced, "the address of n2 leads to a machine that this run does not know", name)
			continue
		}
		require.ErrorAs(t, err, new(*evenkeel.IdentityError), name)
		require.Len(t, p.log, ran, name)
		require.NotContains(t, p.machines["n2"].Lines[evenkeel.LeasePath], " 2 ", "%s: it was given a lease", name)
	}
}
