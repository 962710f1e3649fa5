package cpstest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Deployment is a simulated CPS cluster. All its methods are safe for concurrent use; commands are run one at a time.
type Deployment struct {
	plan  *plan
	world *simhost.World
}

// New deploys a cluster on the old release, in service and healthy. The error says what is wrong with the texts in the options.
func New(opts Options) (*Deployment, error) {
	p, err := newPlan(opts)
	if err != nil {
		return nil, err
	}
	y := &system{plan: p, dieAfter: -1, at: p.opts.Start, rings: ringState{built: true}}
	for i := range p.mongo.Sets {
		set, err := p.newReplicaSet(i)
		if err != nil {
			return nil, err
		}
		set.look(p.opts.Start)
		set.changed = p.opts.Start.Add(-settling)
		y.sets = append(y.sets, set)
	}
	s := simhost.NewState(p.programs(), p.opts.Start)
	y.build(s)
	y.buildKeys(s)
	s.AddLayer(y)
	s.AddLayer(newPatching(s, p))
	return &Deployment{plan: p, world: simhost.NewWorld(s)}, nil
}

// build makes the machines.
func (y *system) build(s *simhost.State) {
	release, stage := y.opts.From, inService
	if y.opts.Migrated {
		release, stage = y.opts.To, migrated
	}
	for _, row := range y.hosts.Rows {
		v := vm{alias: row.Alias, class: row.Class(), address: internalAddress(row).String(), release: release,
			exists: true}
		y.vms = append(y.vms, v)
		os := y.image(&v, release)
		for name := range os.Services {
			os.Services[name] = simhost.Unit{Active: true, Enabled: true}
		}
		s.AddHost(v.alias, os)
		y.furnish(s, &v)
		if v.class == "lb" {
			y.lbs = append(y.lbs, balancer{alias: v.alias, ends: make([]endpoint, y.opts.EndpointsPerLB)})
		}
	}
	y.buildManager(s.AddHost(manager, y.managerOS(release)), s)
	y.buildArbiter(s)
	y.buildMonitoring(s)
	if y.opts.Cloud != "" {
		client := s.AddHost(y.opts.Cloud, simhost.EL7())
		for i := range y.vms {
			client.MustWrite(s, "/root/"+y.vms[i].alias+"-cloud.cfg", "#cloud-config\n", 0o600)
		}
	}
	if y.opts.Peer != "" {
		peer := y.image(&vm{alias: y.opts.Peer, class: "pcrfclient"}, release)
		for name := range peer.Services {
			peer.Services[name] = simhost.Unit{Active: true, Enabled: true}
		}
		s.AddHost(y.opts.Peer, peer)
	}
	y.buildSite(s)
	s.AddHost(spare, y.managerOS(y.opts.From)).PowerOff(s)
	for n := 1; n <= 2; n++ {
		y.halves[n], y.serves[n], y.stage[n] = y.sides[n], true, stage
	}
	y.manager = managerState{release: release, ready: y.opts.Start, restored: true, replaced: y.opts.Migrated, image: y.opts.SourceISO}
	if y.usesVIP() {
		y.vip = vip{owner: y.opts.ArbiterVIPOn, release: release}
	}
}

// buildManager puts onto the old Cluster Manager what it has gathered in its years of service.
func (y *system) buildManager(h *simhost.Host, s *simhost.State) {
	h.MustWrite(s, hostsCSV, y.opts.HostsCSV, 0o644)
	h.MustWrite(s, configurationCSV, y.opts.Configuration, 0o600)
	h.MustWrite(s, mongoConfigCfg, y.opts.MongoConfig, 0o644)
	h.MustWrite(s, "/etc/broadhop/repositories", "file:///var/qps/.tmp/plugin1\n", 0o644)
	for _, name := range []string{"65-cps-ifrename.rules", "70-persistent-net.rules"} { // of the machine it was cloned from (cps:366)
		h.MustWrite(s, "/etc/udev/rules.d/"+name, "# simulated\n", 0o644)
	}
	h.MustWrite(s, installCfg, "INSTALL_TYPE=mobile\n", 0o644)
	for _, p := range logbackFiles {
		h.MustWrite(s, p, logback(y.opts.From), 0o644)
	}
	h.MustWrite(s, y.opts.SourceISO, isoText(y.opts.From), 0o644)
	h.MakeDirs(s, isoDir)
	h.Mount(s, simhost.Mount{Device: y.opts.SourceISO, Dir: isoDir, Type: "iso9660", Options: "ro,relatime"})
}

// internalAddress is a VM's address on the internal network, or on its first one where no network is called so.
func internalAddress(row cps.Host) netip.Addr {
	if a, ok := row.Addresses["Internal"]; ok {
		return a
	}
	var first netip.Addr
	for _, a := range row.Addresses {
		if !first.IsValid() || a.Less(first) {
			first = a
		}
	}
	return first
}

func splitAddress(address string) (host string, port int) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return address, 0
	}
	port, _ = strconv.Atoi(text)
	return host, port
}

func itoa(n int) string { return strconv.Itoa(n) }

// Runner runs commands on a host: "cluman", an alias of Hosts.csv, or "world", whose commands tell and steer the simulation itself.
func (d *Deployment) Runner(host string) (sshexec.Runner, error) {
	if host == "world" {
		return sshexec.RunnerFunc(d.runOnWorld), nil
	}
	inner, err := d.world.Runner(host)
	if err != nil {
		return nil, err
	}
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		counted := &counter{to: cmd.Stdout}
		if cmd.Stdout != nil {
			cmd.Stdout = counted
		}
		res, err := inner.Run(ctx, cmd)
		if err == nil {
			d.noteReading(host, cmd, counted.n+len(res.Stdout))
		}
		return res, err
	}), nil
}

// counter counts what goes through it.
type counter struct {
	to io.Writer
	n  int
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += n
	return n, err
}

// noteReading follows which archives leave their machine: a command that reads a file and gave out at least as much.
func (d *Deployment) noteReading(host string, cmd sshexec.Cmd, given int) {
	if name := path.Base(cmd.Argv[0]); name != "cat" && name != "dd" {
		return
	}
	d.world.Do(func(s *simhost.State) {
		for _, arg := range cmd.Argv[1:] {
			data, err := s.Host(host).ReadFile(strings.TrimPrefix(arg, "if="))
			if err == nil && data != "" && given >= len(data) {
				systemOf(s).readOff(s, data)
			}
		}
	})
}

// Now is the virtual time.
func (d *Deployment) Now() time.Time { return d.world.Now() }

// Sleep lets virtual time pass. With Now it makes the deployment a clock to run by.
func (d *Deployment) Sleep(ctx context.Context, t time.Duration) error { return d.world.Sleep(ctx, t) }

// Advance lets virtual time pass.
func (d *Deployment) Advance(t time.Duration) { d.world.Advance(t) }

// Clone is a deep copy, without the hooks.
func (d *Deployment) Clone() *Deployment { return &Deployment{plan: d.plan, world: d.world.Clone()} }

// Hash names all that decides what happens next, but not the clock and the log.
func (d *Deployment) Hash() string { return d.world.Hash() }

// Fingerprint makes a deployment an evenkeel.Fingerprinter: all of its state is in its layers.
func (d *Deployment) Fingerprint(without string) string {
	d.catchUp()
	return d.world.HashWithout(without)
}

// Hooks are called around every command, outside its turn: they may hold it back or do something to the deployment. Set them before the
// first command.
func (d *Deployment) Hooks(before func(host string, c sshexec.Cmd), after func(host string, c sshexec.Cmd, res sshexec.Result)) {
	d.world.BeforeEffect, d.world.AfterEffect = before, after
}

// Up tells whether a machine answers.
func (d *Deployment) Up(host string) (up bool) {
	d.world.Do(func(s *simhost.State) {
		h := s.Host(host)
		up = h != nil && h.Reachable()
	})
	return up
}

// HostKeyID is the fingerprint of the SSH host key that a machine presents; a redeployed machine has another. It is empty for a machine
// that there is not.
func (d *Deployment) HostKeyID(host string) (id string) {
	d.world.Do(func(s *simhost.State) {
		if h := s.Host(host); h != nil {
			id = h.HostKey()
		}
	})
	return id
}

// Fault breaks one command.
type Fault = simhost.Fault

// FaultKind is a way in which a command goes wrong.
type FaultKind = simhost.FaultKind

// The kinds of fault.
const (
	Fails        = simhost.Fails        // exits 1 without having done anything
	Refused      = simhost.Refused      // the connection is refused: NotStarted
	CutBefore    = simhost.CutBefore    // the connection is lost before the command acts: Unknown
	CutMiddle    = simhost.CutMiddle    // the connection is lost halfway through the command's input: Unknown
	CutAfter     = simhost.CutAfter     // the command acts, but its answer is lost: Unknown
	Hangs        = simhost.Hangs        // it never answers
	PowerBefore  = simhost.PowerBefore  // the machine loses power before the command acts
	PowerAfter   = simhost.PowerAfter   // the machine loses power after the command acted
	SucceedsIdly = simhost.SucceedsIdly // exits 0 without having done anything
)

// Faults makes a deployment an evenkeel.Faulty world.
func (*Deployment) Faults(cmd sshexec.Cmd) (honest, lies []string) { return simhost.Faults(cmd) }

// Strike has the next command meet a fault.
func (d *Deployment) Strike(name string) { d.world.Strike(name) }

// Mend is what people do about a fault: give power back, wait until the machines are up, and mount the image again that was mounted on the
// Cluster Manager when that went down.
func (d *Deployment) Mend() {
	d.world.Mend()
	d.world.Do(func(s *simhost.State) { systemOf(s).mountImage(s) })
}

// Inject plants a fault at a command, counted from 1 over all hosts.
func (d *Deployment) Inject(f Fault) { d.world.Do(func(s *simhost.State) { s.Inject(f) }) }

// Commands is how many commands were sent so far.
func (d *Deployment) Commands() (n int) {
	d.world.Do(func(s *simhost.State) { n = s.Seq() })
	return n
}

// KillMigrate lets the next run of migrate.sh be killed after that many of its stages: it ends with status 143 and without SUCCESS, and
// what it has done stays done.
func (d *Deployment) KillMigrate(stages int) {
	d.world.Do(func(s *simhost.State) { systemOf(s).dieAfter = stages })
}

// SetApplyRate changes how fast the members of a replica set apply the oplog: what heavy or light traffic does
// (cps:1386). The error says that there is no such set.
func (d *Deployment) SetApplyRate(set string, rate float64) error {
	return d.deed(func(y *system, s *simhost.State) error {
		for i := range y.sets {
			if y.sets[i].spec.Name == set {
				y.sets[i].SetApplyRate(rate)
				y.touched(s, i)
				return nil
			}
		}
		return fmt.Errorf("there is no replica set %s", set)
	})
}

// DeleteVMs is the person at vCenter who deletes the VMs of an upgrade set (cps:772).
func (d *Deployment) DeleteVMs(set int) error {
	return d.deed(func(y *system, s *simhost.State) error { return y.deleteSet(s, set, func(*vm) bool { return true }) })
}

// DeployManager deploys the new Cluster Manager in the place of the old one (cps:449-453).
func (d *Deployment) DeployManager() error {
	return d.deed(func(y *system, s *simhost.State) error { return y.deployManager(s) })
}

// RestoreManager brings the old Cluster Manager back (cps:1917).
func (d *Deployment) RestoreManager() error {
	return d.deed(func(y *system, s *simhost.State) error { return y.restoreManager(s) })
}

// Power gives a machine power or takes it away.
func (d *Deployment) Power(host string, on bool) error {
	return d.deed(func(y *system, s *simhost.State) error { return y.power(s, host, on) })
}

func (y *system) power(s *simhost.State, host string, on bool) error {
	h := s.Host(host)
	switch {
	case h == nil || y.vm(host) != nil && !y.vm(host).exists:
		return fmt.Errorf("there is no machine %s", host)
	case on:
		h.PowerOn(s)
	default:
		h.PowerOff(s)
	}
	return nil
}

func (d *Deployment) deed(do func(*system, *simhost.State) error) (err error) {
	d.world.Do(func(s *simhost.State) {
		y := systemOf(s)
		y.sync(s)
		err = do(y, s)
	})
	return err
}
