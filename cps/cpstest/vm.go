package cpstest

import (
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// vm is one virtual machine of Hosts.csv. Whether it is up and what runs on it is its host's to say.
type vm struct {
	alias       string
	class       string // pcrfclient, lb, sessionmgr, qns
	address     string // on the internal network
	release     string // of its image; empty while it does not exist
	exists      bool
	rescue      bool      // the next boot is the first one, into rescue mode (cps:878)
	provisioned bool      // deploy_all.py --provision made its new disk
	keptDisk    bool      // --useprovision kept the old one; --cleanupbackup deletes it
	routes      []string  // the static routes in force, as "ip route show" begins them; never changed in place
	built       time.Time // from when nova says ACTIVE of it
	pairs       []string  // what its ports allow, "ADDRESS allows VIP"; never changed in place
	onTime      time.Time // from when its clock agrees with the others: NTP takes a while to converge on a new VM (cps:385)
}

func (v *vm) encode(e *simhost.Encoder) {
	e.Texts([]string{v.alias, v.release})
	for _, b := range []bool{v.exists, v.rescue, v.provisioned, v.keptDisk} {
		e.Bool(b)
	}
	e.Texts(v.routes)
	e.Texts(v.pairs)
	e.ToGo(v.built)
	e.ToGo(v.onTime)
}

// convergence is how long NTP takes on a new VM.
const convergence = 10 * time.Minute

// vm finds a machine by its alias; nil when there is none.
func (y *system) vm(alias string) *vm {
	if i, ok := y.rows[alias]; ok && i < len(y.vms) { // while the machines are being built it may be missing
		return &y.vms[i]
	}
	return nil
}

// setOf is the upgrade set of a VM, 0 for none.
func (y *system) setOf(alias string) int {
	for n := 1; n <= 2; n++ {
		if slices.Contains(y.halves[n], alias) {
			return n
		}
	}
	return 0
}

// running tells a VM that exists and has booted.
func (y *system) running(s *simhost.State, alias string) bool {
	v, h := y.vm(alias), s.Host(alias)
	return v != nil && v.exists && h != nil && h.Power == simhost.On
}

// serving tells a VM whose CPS processes run.
func (y *system) serving(s *simhost.State, alias string) bool {
	return y.running(s, alias) && s.Host(alias).Active("qns")
}

// image is a VM's operating system, as the release's base image has it.
func (y *system) image(v *vm, release string) simhost.OS {
	os := simhost.EL7()
	os.Release, os.FQDN, os.SELinux = y.redhatRelease(release), false, "Disabled"
	if release == y.opts.To {
		os.Kernel = "4.18.0-147.el8"
	}
	os.Services = map[string]simhost.Unit{
		"monit": {Enabled: !slices.Contains(y.opts.MonitDown, v.alias)},
		"qns":   {},
		network: {Active: true, Enabled: true},
	}
	if v.class == "pcrfclient" {
		os.Services["corosync"] = simhost.Unit{Enabled: true}
	}
	if v.class == "lb" && y.opts.Geo > 0 {
		os.Services[heartbeat] = simhost.Unit{Enabled: true}
	}
	for _, m := range y.mongodsOn(v.alias) {
		os.Services[mongoService(m.member.Port)] = simhost.Unit{}
	}
	os.Files[networkScripts+"/ifcfg-eth0"] = "DEVICE=eth0\nONBOOT=yes\nIPADDR=" + v.address + "\n"
	os.Files["/etc/hosts"] = fmt.Sprintf("127.0.0.1 localhost\n%s %s\n", v.address, v.alias)
	return os
}

// htpasswd is a line of Grafana's user file; its hash is of no password.
const htpasswd = "grafana:$apr1$simulated$xxxxxxxxxxxxxxxxxxxxxx\n"

// people are users that adduser.sh made on the pcrfclients, and that no migration takes along (cps:894-905).
const people = "mongoreadonly:x:1001:1001::/home/mongoreadonly:/bin/bash\nadmin:x:1002:1002::/home/admin:/bin/bash\n"

// furnish puts what a VM in service has beyond its image onto its disk.
func (y *system) furnish(s *simhost.State, v *vm) {
	h := s.Host(v.alias)
	h.MustWrite(s, "/etc/broadhop/logback.xml", logback(v.release), 0o644)
	for _, m := range y.mongodsOn(v.alias) {
		h.MustWrite(s, y.dataFile(m), "simulated data\n", 0o600)
	}
	if v.class != "pcrfclient" {
		return
	}
	text := htpasswd
	if y.opts.HtpasswdDiffers && v.alias != y.opts.ArbiterVIPOn {
		text += "second:$apr1$simulated$yyyyyyyyyyyyyyyyyyyyyy\n"
	}
	h.MustWrite(s, "/var/broadhop/.htpasswd", text, 0o644)
	users, _ := h.ReadFile("/etc/passwd")
	h.MustWrite(s, "/etc/passwd", users+people, 0o644)
}

func logback(release string) string {
	return "<configuration>\n  <!-- CPS " + release + " -->\n  <logger name=\"com.broadhop\" level=\"warn\"/>\n</configuration>\n"
}

// startCPS starts the CPS processes of a VM and lets them start at boot.
func (y *system) startCPS(s *simhost.State, v *vm) {
	h := s.Host(v.alias)
	for _, name := range y.cpsServices(v) {
		h.EnableService(s, name, true)
		_ = h.StartService(s, name) // they are in the image, and their start does not fail
	}
}

// stopCPS stops them and keeps them from starting at boot.
func (y *system) stopCPS(s *simhost.State, v *vm) {
	h := s.Host(v.alias)
	services := y.cpsServices(v)
	if v.class == "pcrfclient" {
		services = append(services, "corosync")
	}
	for _, name := range services {
		h.EnableService(s, name, false)
		_ = h.StopService(s, name)
	}
}

func (y *system) cpsServices(v *vm) []string {
	services := []string{"qns"}
	for _, m := range y.mongodsOn(v.alias) {
		services = append(services, mongoService(m.member.Port))
	}
	return services
}

// cameUp is the rest of a boot: a new VM goes through rescue mode first.
func (y *system) cameUp(s *simhost.State, h *simhost.Host) {
	v := y.vm(h.Name)
	if v == nil || !v.rescue {
		return
	}
	v.rescue = false
	v.onTime = s.Now().Add(simhost.BootTime + convergence)
	h.Restart(s)
}

// deploy makes a VM anew from the image of a release.
func (y *system) deploy(s *simhost.State, v *vm, release string) {
	v.exists, v.release, v.rescue, v.provisioned = true, release, true, false
	s.Host(v.alias).Install(s, y.image(v, release))
	y.buildListsOf(s, v.alias)
}

// destroy removes a VM. What it alone held is lost.
func (y *system) destroy(s *simhost.State, v *vm) {
	if !v.exists {
		return
	}
	n := y.setOf(v.alias)
	switch {
	case n == 0 || y.stage[n].up():
		s.Violate("VM %s was deleted while it was in service", v.alias)
	case y.stage[n] == disabling || !y.archived(n):
		s.Violate("VM %s was deleted before the archive of set %d was complete", v.alias, n)
	}
	s.Host(v.alias).PowerOff(s)
	v.exists, v.release, v.rescue, v.keptDisk = false, "", false, false
	s.Note(v.alias, "VM deleted")
}
