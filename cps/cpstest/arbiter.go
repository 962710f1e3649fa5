package cpstest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/replsim"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// ThirdSite is the arbiter of a GR system: a VM of its own at a third site, which is in no Hosts.csv, and what goes
// wrong with it (cps:1561-1662).
type ThirdSite struct {
	Name                 string // as mongoConfig.cfg calls it: site3-arbiter; there is none when empty
	SourceISO, TargetISO string // where its images lie on it: /root/cps-arbiter-RELEASE.iso

	CutsArchive bool   // "disable arbiter" says SUCCESS, and its archive lacks its end
	StaysDown   int    // port of the mongod that "enable arbiter" does not start, and says SUCCESS
	WrongSet    int    // port of the mongod that "enable arbiter" starts for another replica set, and says SUCCESS
	Zone        string // the time zone of a new VM: UTC
	OldImage    bool   // the technician deploys the old image again
	OldGone     bool   // the old VM was not kept: who brings it back deploys the old image
}

// arbiterSpare and arbiterPreserved are the names of the machine that is to become the arbiter, and of the one that was
// it.
const (
	arbiterSpare     = "arbiter-spare"
	arbiterPreserved = "arbiter-preserved"
	arbiterKind      = "arbiter"
)

// thirdState is the machine that is the arbiter now.
type thirdState struct {
	release  string
	zone     string
	replaced bool // the new one stands in its place
	wrong    int  // port of the mongod that runs for another replica set
	disabled int  // how often it had booted when "disable arbiter" stopped its processes; 0 where it has not
}

func (t thirdState) encode(e *simhost.Encoder) {
	e.Texts([]string{t.release, t.zone})
	e.Bool(t.replaced)
	e.Int(t.wrong)
	e.Int(t.disabled)
}

// arbiterISO is where the image of an arbiter lies on it, unless it is said otherwise (cps:1576).
func arbiterISO(release string) string { return "/root/cps-arbiter-" + release + ".iso" }

// arbiterText is the beginning of such an image.
func arbiterText(release string) string {
	return "CD001 CPS arbiter " + release + "\n" + strings.Repeat("simulated image of an arbiter\n", 64)
}

// arbiterRelease is the release of an arbiter's image; empty when it is none, or not all of it.
func (p *plan) arbiterRelease(data string) string {
	for _, release := range []string{p.opts.From, p.opts.To} {
		if data == arbiterText(release) {
			return release
		}
	}
	return ""
}

func (p *plan) isArbiter(host string) bool { return host != "" && host == p.opts.ThirdSite.Name }

// arbiterOS is the VM as it is deployed, with the image of the new release copied to it.
func (y *system) arbiterOS(release string) simhost.OS {
	os := simhost.EL7()
	os.Release, os.FQDN, os.SELinux = y.redhatRelease(release), false, "Disabled"
	os.Services = map[string]simhost.Unit{}
	for _, m := range y.mongodsOn(y.opts.ThirdSite.Name) {
		os.Services[mongoService(m.member.Port)] = simhost.Unit{}
	}
	os.Files[y.opts.ThirdSite.TargetISO] = arbiterText(y.opts.To)
	if release == y.opts.From {
		os.Files[y.opts.ThirdSite.SourceISO] = arbiterText(release)
	}
	os.Files["/var/tmp/.keep"] = ""
	return os
}

// buildArbiter makes the arbiter, on the old release.
func (y *system) buildArbiter(s *simhost.State) {
	third := y.opts.ThirdSite
	if third.Name == "" {
		return
	}
	os := y.arbiterOS(y.opts.From)
	for name := range os.Services {
		os.Services[name] = simhost.Unit{Active: true, Enabled: true}
	}
	h := s.AddHost(third.Name, os)
	for _, m := range y.mongodsOn(third.Name) {
		h.MustWrite(s, y.dataFile(m), "simulated data\n", 0o600)
	}
	h.MakeDirs(s, isoDir)
	h.Mount(s, simhost.Mount{Device: third.SourceISO, Dir: isoDir, Type: "iso9660", Options: "ro,relatime"})
	s.AddHost(arbiterSpare, y.arbiterOS(y.opts.From)).PowerOff(s)
	y.third = thirdState{release: y.opts.From, zone: "UTC"}
}

// arbiter is migrate.sh on the arbiter.
func (m *script) arbiter(args []string) int {
	data, _ := m.Host.ReadFile(imageMounted(m.Host))
	if release := m.y.arbiterRelease(data); release != m.y.opts.To {
		return m.refuse("the mounted image holds release %q, to which nothing can be migrated here", release)
	}
	switch {
	case slices.Equal(args, []string{"disable", "arbiter"}):
		return m.disableArbiter()
	case len(args) == 3 && args[0] == "enable" && args[1] == "arbiter":
		return m.enableArbiter(m.Path(args[2]))
	}
	return m.Fail(2, "usage: migrate.sh disable arbiter | enable arbiter ARCHIVE")
}

// disableArbiter stops the processes and saves what they need (cps:1579-1601).
func (m *script) disableArbiter() int {
	y := m.y
	if status, refused := m.outOfTurn(y.third.replaced, "this arbiter runs %s already", y.third.release); refused {
		return status
	}
	if y.manager.release != y.opts.To || y.stage[1] != migrated || y.stage[2] != migrated {
		m.Violate("the arbiter was disabled before the sites were migrated (cps:1563)")
	}
	made := m.Now()
	files := []packed{{label, labelText(arbiterKind, y.third.release)}}
	for _, p := range y.mongodsOn(m.Host.Name) {
		if text, err := m.Host.ReadFile(y.dataFile(p)); err == nil {
			files = append(files, packed{y.dataFile(p), text})
		}
		if !m.work(10 * time.Second) {
			return m.finish()
		}
		_ = m.Host.StopService(m.State, mongoService(p.member.Port)) // its stop does not fail
		m.info("command.execute", "Mongo port:%d stopped successfully", p.member.Port)
	}
	y.third.disabled = m.Host.Boots
	m.stage("ExtractInstallArtifacts", time.Second)
	m.info("extract_install_artifacts.extract_scripts", "Extracting CPS scripts")
	m.stage("PrepareWorkingDir", time.Second)
	if !m.stage("BackupArbiter", 42*time.Second) {
		return m.finish()
	}
	to := cps.ArchiveName{Kind: cps.ArchiveArbiter, Time: made}.Path()
	data := pack(files, made)
	if y.opts.ThirdSite.CutsArchive || !m.stage("Create backup Tar", 12*time.Second) {
		m.Host.MustWrite(m.State, to, data[:len(data)/2], 0o600)
		return m.finish()
	}
	m.Host.MustWrite(m.State, to, data, 0o600)
	y.archives = append(y.archives, Archive{Path: to, Kind: arbiterKind, machine: arbiterKind, sum: sumOf(data)})
	return m.finish()
}

// enableArbiter starts the processes from an archive (cps:1623-1637).
func (m *script) enableArbiter(from string) int {
	y := m.y
	files, err := readArchive(m.Host, from, arbiterKind)
	if err != nil {
		return m.refuse("%v", err)
	}
	for _, f := range files {
		if f.path != label {
			m.Host.MustWrite(m.State, "/"+f.path, f.data, 0o600)
		}
	}
	y.third.wrong, y.third.disabled = y.opts.ThirdSite.WrongSet, 0
	for _, p := range y.mongodsOn(m.Host.Name) {
		if !m.work(20 * time.Second) {
			return m.finish()
		}
		unit := mongoService(p.member.Port)
		m.info("command.execute", "child process started successfully, parent exiting")
		m.info("command.execute", "^[[60G^[^[[0;32m OK ^[[0;39m]")
		m.info("command.execute", "")
		switch p.member.Port {
		case y.opts.ThirdSite.StaysDown:
			continue
		case y.third.wrong:
			m.Host.MarkService(m.State, unit, true)
		default:
			_ = m.Host.StartService(m.State, unit) // it is in the image
		}
		m.Host.EnableService(m.State, unit, true)
	}
	return m.finish()
}

var (
	errNoThirdSite = errors.New("there is no third-site arbiter")
	errArbiterNew  = errors.New("the arbiter is already the new one")
	errArbiterOld  = errors.New("the arbiter is still the old one")
)

// DeployArbiter deploys the new arbiter in the place of the old one, which is kept, powered off (cps:1619).
func (d *Deployment) DeployArbiter() error { return d.deed((*system).deployArbiter) }

// RestoreArbiter brings the old arbiter back; the new one is kept, powered off. Where the old one is gone, its image is
// deployed again.
func (d *Deployment) RestoreArbiter() error { return d.deed((*system).restoreArbiter) }

func (y *system) deployArbiter(s *simhost.State) error {
	name := y.opts.ThirdSite.Name
	switch {
	case name == "":
		return errNoThirdSite
	case y.third.replaced:
		return errArbiterNew
	}
	y.judgeArbiter(s)
	old, fresh := s.Host(name), s.Host(arbiterSpare)
	old.PowerOff(s)
	old.Name, fresh.Name = arbiterPreserved, name
	release := y.opts.To
	if y.opts.ThirdSite.OldImage {
		release = y.opts.From
	}
	fresh.Install(s, y.arbiterOS(release))
	y.third = thirdState{release: release, zone: y.opts.ThirdSite.Zone, replaced: true}
	return nil
}

func (y *system) restoreArbiter(s *simhost.State) error {
	if !y.third.replaced {
		return errArbiterOld
	}
	name := y.opts.ThirdSite.Name
	fresh, old := s.Host(name), s.Host(arbiterPreserved)
	if y.opts.ThirdSite.OldGone {
		fresh.Install(s, y.arbiterOS(y.opts.From))
	} else {
		fresh.PowerOff(s)
		fresh.Name, old.Name = arbiterSpare, name
		old.PowerOn(s)
	}
	y.third = thirdState{release: y.opts.From, zone: "UTC"}
	return nil
}

// judgeArbiter checks what must be so before the arbiter's VM goes (cps:1603-1619). Processes that came up at a boot after it was
// disabled are no mistake: whoever stands at the hypervisor cannot stop them first, and an arbiter holds no data.
func (y *system) judgeArbiter(s *simhost.State) {
	whole := false
	for _, a := range y.archives {
		whole = whole || a.Kind == arbiterKind && a.OffMachine
	}
	if !whole {
		s.Violate("the arbiter was replaced before its archive was read off it")
	}
	h := s.Host(y.opts.ThirdSite.Name)
	if y.third.disabled > 0 && h.Boots > y.third.disabled {
		return
	}
	for _, m := range y.mongodsOn(h.Name) {
		if h.Active(mongoService(m.member.Port)) {
			s.Violate("the arbiter was replaced while its mongod on port %d ran: disable it first", m.member.Port)
		}
	}
}

// arbiterAbout is about.sh on the arbiter (cps:1641-1651).
func arbiterAbout(c *simhost.Call) int {
	c.Printf("Cisco Policy Suite - Copyright (c) 2015. All rights reserved.\n\nCPS Arbiter\n\nCPS Installer Version - "+
		"%s\n",
		systemOf(c.State).third.release)
	return 0
}

// inZone has date print the time zone of the arbiter.
func inZone(run simhost.Handler) simhost.Handler {
	return func(c *simhost.Call) int {
		status := run(c)
		y := systemOf(c.State)
		if c.Name == "date" && y != nil && y.isArbiter(c.Host.Name) {
			text := strings.Replace(c.Out.String(), " UTC ", " "+y.third.zone+" ", 1)
			c.Out.Reset()
			c.Out.WriteString(text)
		}
		return status
	}
}

// join adds the arbiter's process at an address to a replica set that does not expect it.
func (y *system) join(s *simhost.State, set, address string) error {
	for i := range y.sets {
		if y.sets[i].spec.Name == set {
			defer y.touched(s, i)
			return y.sets[i].Add(replsim.ArbiterAt(len(y.sets[i].Config().Members), address))
		}
	}
	return fmt.Errorf("there is no replica set %s", set)
}

// describe is the end state of the arbiter.
func (t thirdState) describe(s *simhost.State, y *system) string {
	h, text := s.Host(y.opts.ThirdSite.Name), ""
	for _, m := range y.mongodsOn(h.Name) {
		text += fmt.Sprintf(", %d %v", m.member.Port, h.Active(mongoService(m.member.Port)))
	}
	return fmt.Sprintf("%s: %s, %s, %s, image mounted: %q%s\n", h.Name, t.release, h.Power, t.zone, imageMounted(h), text)
}
