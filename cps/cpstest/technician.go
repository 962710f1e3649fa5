package cpstest

import (
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// event is a deed of the technician that is due.
type event struct {
	at   time.Time
	kind eventKind
	set  int
}

type eventKind uint8

const (
	deleteVMs eventKind = iota + 1
	deployManager
	restoreManager
	deployArbiter
	mountImage
)

// mountTime is how long it takes until somebody sees that the Cluster Manager has lost its power or was fenced. When it is up, they mount
// the image again that was mounted.
const mountTime = 10 * time.Minute

// deployTime is how long a new Cluster Manager takes from its power-on until its status API says ready; it answers to SSH before.
const deployTime = 25 * time.Minute

func (y *system) schedule(s *simhost.State, after time.Duration, kind eventKind, set int) {
	if !y.opts.Technician.Manual {
		y.events = append(y.events, event{at: s.Now().Add(after), kind: kind, set: set})
	}
}

func (y *system) happen(s *simhost.State, ev event) {
	// The technician asks nobody: what cannot be done any more is left.
	switch ev.kind {
	case deleteVMs:
		if y.stage[ev.set] == disabled || y.stage[ev.set] == rolledBack {
			_ = y.deleteSet(s, ev.set, func(v *vm) bool { return !v.provisioned && v.release != y.manager.release })
		}
	case deployManager:
		_ = y.deployManager(s)
	case restoreManager:
		_ = y.restoreManager(s)
	case deployArbiter:
		_ = y.deployArbiter(s)
	case mountImage:
		if y.mountImage(s); y.manager.image != "" && !s.Host(manager).Reachable() {
			y.schedule(s, mountTime, mountImage, 0)
		}
	}
}

// mountImage mounts the image again that was mounted on the Cluster Manager before it restarted.
func (y *system) mountImage(s *simhost.State) {
	h := s.Host(manager)
	if image := y.manager.image; image != "" && imageMounted(h) == "" && h.Exists(image) && h.Reachable() {
		h.Mount(s, simhost.Mount{Device: image, Dir: isoDir, Type: "iso9660", Options: "ro,relatime"})
	}
}

// technicianSees is called when an archive is off its machine: then the machine may go.
func (y *system) technicianSees(s *simhost.State, a Archive) {
	switch {
	case a.Kind == arbiterKind && !y.third.replaced:
		y.schedule(s, y.opts.Technician.DeployAfter, deployArbiter, 0)
	case a.Kind == "cluman" && !y.manager.replaced:
		y.schedule(s, y.opts.Technician.DeployAfter, deployManager, 0)
	case a.Kind == "set-1" && y.stage[1] == rolledBack && y.manager.replaced:
		y.schedule(s, y.opts.Technician.DeployAfter, restoreManager, 0)
	}
}

// CallOff makes a deployment an evenkeel.Staffed world: the technician leaves what is still to be done for a run that is rolled back.
func (d *Deployment) CallOff() {
	_ = d.deed(func(y *system, _ *simhost.State) error { // it does not fail
		y.events = nil
		return nil
	})
}

// Errors of the technician.
var (
	errNoSuchSet   = errors.New("there are upgrade sets 1 and 2 only")
	errNoVMs       = errors.New("the set has no VMs to delete")
	errReplaced    = errors.New("the Cluster Manager is already the new one")
	errNotReplaced = errors.New("the Cluster Manager is still the old one")
)

// deleteSet deletes the VMs of a set (cps:772) that match. Unasked, the technician leaves alone what is provisioned or redeployed.
func (y *system) deleteSet(s *simhost.State, n int, match func(*vm) bool) error {
	if n != 1 && n != 2 {
		return errNoSuchSet
	}
	found := false
	for _, alias := range y.halves[n] {
		v := y.vm(alias)
		if v == nil || !v.exists || !match(v) {
			continue
		}
		found = true
		y.destroy(s, v)
	}
	if !found {
		return fmt.Errorf("set %d: %w", n, errNoVMs)
	}
	y.judge(s)
	return nil
}

// deployManager puts the new Cluster Manager in the place of the old one, which is kept, powered off (cps:453).
func (y *system) deployManager(s *simhost.State) error {
	if y.manager.replaced {
		return errReplaced
	}
	y.destroyMachine(s)
	old, fresh := s.Host(manager), s.Host(spare)
	old.PowerOff(s)
	old.Name, fresh.Name = preserved, manager
	fresh.Install(s, y.managerOS(y.opts.To))
	y.manager = managerState{release: y.opts.To, ready: s.Now().Add(deployTime), backedUp: y.manager.backedUp, replaced: true}
	return nil
}

// restoreManager brings the old Cluster Manager back (cps:1917); the new one is kept, powered off.
func (y *system) restoreManager(s *simhost.State) error {
	if !y.manager.replaced {
		return errNotReplaced
	}
	y.destroyMachine(s)
	fresh, old := s.Host(manager), s.Host(preserved)
	fresh.PowerOff(s)
	fresh.Name, old.Name = spare, manager
	old.PowerOn(s)
	y.manager = managerState{release: y.opts.From, ready: s.Now().Add(simhost.BootTime), restored: true, backedUp: y.manager.backedUp}
	if y.stage[1] == rolledBack {
		y.schedule(s, y.opts.Technician.DeleteAfter, deleteVMs, 1)
	}
	return nil
}

// managerOS is a Cluster Manager as it is deployed: the ISO image has been copied to it, and nothing else.
func (y *system) managerOS(release string) simhost.OS {
	os := simhost.EL7()
	os.Release, os.FQDN, os.SELinux = y.redhatRelease(release), false, "Disabled"
	os.Services = map[string]simhost.Unit{"monit": {Enabled: true}, "httpd": {Enabled: true}}
	os.Files[y.opts.TargetISO] = isoText(y.opts.To)
	os.Files["/etc/broadhop/logback.xml"] = logback(release)
	os.Files["/var/tmp/.keep"] = ""
	os.Files["/var/lib/.keep"] = ""
	return os
}
