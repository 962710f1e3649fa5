package lustretest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Rehearsal is the pair as the world that evenkeel.Rehearse takes.
func (p *Pair) Rehearsal() evenkeel.World { return rehearsal{p} }

type rehearsal struct{ *Pair }

func (r rehearsal) Clock() evenkeel.Clock { return r.World }
func (r rehearsal) Clone() evenkeel.World { return rehearsal{r.Pair.Clone()} }

// Hash is the state in which the pair ends by itself: a cluster that was just started is no member yet.
func (r rehearsal) Hash() string {
	settled := r.Pair.Clone()
	settled.Advance(settleTime)
	return settled.EndState()
}

// Fingerprint makes a pair an evenkeel.Fingerprinter: all of its state is in its layers.
func (p *Pair) Fingerprint(without string) string { return p.HashWithout(without) }

// Faults makes a pair an evenkeel.Faulty world.
func (*Pair) Faults(cmd sshexec.Cmd) (honest, lies []string) { return simhost.Faults(cmd) }

// Attend is the operator in the machine room, at a host, whom an action asks by its ID: for "switch-on" the host gets power, and for
// "install" EL7 is put on one that is off, where no technician is on the way; one on which it was just put only gets power. Other actions
// ask for nothing there.
func (p *Pair) Attend(action, host string) (err error) {
	off, expected := false, false
	p.Do(func(s *simhost.State) {
		h := s.Host(host)
		if h == nil {
			err = fmt.Errorf("there is no host %s to attend to", host)
			return
		}
		fresh := h.Major() == 7 && !h.Exists(pacemakertest.ConfPath) // it was just installed
		if action == "switch-on" || action == "install" && fresh {
			h.PowerOn(s)
		}
		off = h.Power == simhost.Off
		expected = slices.ContainsFunc(of(s).visits, func(v visit) bool { return v.host == h.Name })
	})
	if action == "install" && off && !expected && err == nil {
		return p.InstallOS(host)
	}
	return err
}

// Mend is what the operator does about a fault: gives power back, starts the cluster where a restart left it down, and has moved back what
// failed over meanwhile.
func (p *Pair) Mend() {
	p.World.Mend()
	p.Do(func(s *simhost.State) {
		sh := func(h *simhost.Host, argv ...string) {
			_, _ = s.Run(h.Name, sshexec.Command(sshexec.Mutating, argv...)) // what came of it is seen below, and by the run
		}
		members, old := 0, false
		for _, h := range s.Hosts() {
			if !pacemakertest.Of(s).Member(h.Name) && h.Major() == 7 && h.Exists(pacemakertest.ConfPath) {
				sh(h, "pcs", "cluster", "start")
			}
		}
		s.Sleep(simhost.BootTime)
		for _, h := range s.Hosts() {
			old = old || h.Major() == 6
			if pacemakertest.Of(s).Member(h.Name) {
				members++
			}
		}
		if members == len(s.Hosts()) && !old {
			sh(s.Hosts()[0], strings.Fields("pcs resource relocate run")...)
		}
	})
}

// Fingerprint makes a manager's world an evenkeel.Fingerprinter.
func (w *ManagerWorld) Fingerprint(without string) string { return w.HashWithout(without) }

// Faults makes it an evenkeel.Faulty world.
func (*ManagerWorld) Faults(cmd sshexec.Cmd) (honest, lies []string) { return simhost.Faults(cmd) }
