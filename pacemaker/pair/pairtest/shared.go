package pairtest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// shared is the layer of what both nodes reach, and of the technician.
type shared struct {
	site       *Site
	agents     map[string]pacemakertest.Agent
	install    time.Duration
	addresses  []address // that nodes have for services
	visits     []visit
	rebuilding []string // hosts that were shut down and are not yet members of the new cluster
	broken     []string // rules that are broken now: each is told once
	services   []*service

	transactions []transaction
}

type address struct{ host, ip string }

type visit struct {
	host string
	due  time.Time
}

func of(s *simhost.State) *shared { return simhost.LayerOf[*shared](s) }

// Name is "shared".
func (*shared) Name() string { return "shared" }

// Clone is a deep copy.
func (f *shared) Clone() simhost.Layer {
	c := &shared{f.site, f.agents, f.install, slices.Clone(f.addresses), slices.Clone(f.visits), slices.Clone(f.rebuilding),
		slices.Clone(f.broken), nil, slices.Clone(f.transactions)}
	for _, v := range f.services {
		also := *v
		c.services = append(c.services, &also)
	}
	return c
}

// Encode writes what decides the future: not the outages of the past.
func (f *shared) Encode(e *simhost.Encoder) {
	for _, a := range f.addresses {
		e.Texts([]string{a.host, a.ip})
	}
	for _, v := range f.visits {
		e.Text(v.host)
		e.ToGo(v.due)
	}
	e.Texts(f.rebuilding)
	for _, t := range f.transactions {
		e.Texts([]string{t.host, t.process})
		e.ToGo(t.locked)
		e.ToGo(t.due)
	}
}

// Next is when the technician is done with a host, or a transaction with its packages.
func (f *shared) Next(*simhost.State) (at time.Time, ok bool) {
	for _, v := range f.visits {
		if !ok || v.due.Before(at) {
			at, ok = v.due, true
		}
	}
	for _, t := range f.transactions {
		if !ok || t.due.Before(at) {
			at, ok = t.due, true
		}
	}
	return at, ok
}

// Tick ends the technician's work, and transactions.
func (f *shared) Tick(s *simhost.State) {
	f.ended(s)
	for _, v := range slices.Clone(f.visits) {
		if !v.due.After(s.Now()) {
			f.erase(s, s.Host(v.host))
		}
	}
}

func (f *shared) expected(host string) bool {
	return slices.ContainsFunc(f.visits, func(v visit) bool { return v.host == host })
}

// erase puts the new system on a host, and gives power back to one that has it already.
func (f *shared) erase(s *simhost.State, h *simhost.Host) {
	f.visits = slices.DeleteFunc(slices.Clone(f.visits), func(v visit) bool { return v.host == h.Name })
	if f.rebuilt(h) {
		h.PowerOn(s)
		return
	}
	h.Install(s, f.site.freshSystem(h.Name))
}

// rebuilt tells whether a host has the new system, or on the way rolling the new software.
func (f *shared) rebuilt(h *simhost.Host) bool {
	if f.site.rolling() {
		return h.Package("pacemaker") == f.site.to.versions["pacemaker"]
	}
	return h.Major() == f.site.to.major
}

// HostEvent follows a host that goes down or is installed. What ran there is gone; a shutdown calls the technician.
func (f *shared) HostEvent(s *simhost.State, h *simhost.Host, e simhost.Event) {
	switch e {
	case simhost.WentDown:
		f.addresses = slices.DeleteFunc(slices.Clone(f.addresses), func(a address) bool { return a.host == h.Name })
		if h.Exists(etab) {
			h.MustWrite(s, etab, "", 0o644)
		}
		for _, p := range h.Processes() {
			h.End(s, p)
		}
		f.transactions = slices.DeleteFunc(slices.Clone(f.transactions), func(t transaction) bool { return t.host == h.Name })
		f.check(s)
		if !h.ShutDown || h.Name == f.site.Provisioning || f.site.rolling() {
			return
		}
		if !slices.Contains(f.rebuilding, h.Name) {
			f.rebuilding = append(slices.Clip(f.rebuilding), h.Name)
		}
		if f.install > 0 {
			f.visits = append(slices.Clip(f.visits), visit{h.Name, s.Now().Add(f.install)})
		}
	case simhost.Installed:
		if h.Name != f.site.Provisioning {
			f.site.attach(s, h)
		}
	case simhost.CameUp:
	}
}

func joined(s *simhost.State, h *simhost.Host) {
	if f := of(s); f != nil && f.installing(h.Name) {
		s.Violate("%s joined the cluster while its packages were being installed", h.Name)
	}
	if f := of(s); f != nil && f.rebuilt(h) {
		f.rebuilding = slices.DeleteFunc(slices.Clone(f.rebuilding), func(name string) bool { return name == h.Name })
	}
}

func fenced(s *simhost.State, by string, h *simhost.Host) {
	if slices.Contains(of(s).rebuilding, h.Name) {
		s.Violate("%s was fenced by %s while it was being rebuilt", h.Name, by)
	}
}

// check compares what the hosts have, in truth: nothing twice.
func (f *shared) check(s *simhost.State) {
	f.note(s)
	on := map[string][]string{}
	for _, h := range s.Hosts() {
		for _, m := range h.Mounts() {
			on["the disk "+m.Device] = append(on["the disk "+m.Device], h.Name)
		}
		for _, p := range h.Processes() {
			if strings.HasPrefix(p, postgres) || strings.HasPrefix(p, "/opt/acme/") {
				on["a server: "+p] = append(on["a server: "+p], h.Name)
			}
		}
	}
	for _, v := range f.services {
		if v.resource.Class == "systemd" {
			on["the service "+v.what] = v.on
		}
	}
	for _, a := range f.addresses {
		on["the address "+a.ip] = append(on["the address "+a.ip], a.host)
	}
	var now []string
	for what, hosts := range on {
		if len(hosts) > 1 {
			slices.Sort(hosts)
			now = append(now, fmt.Sprintf("%s is on %s", what, strings.Join(hosts, " and ")))
		}
	}
	slices.Sort(now)
	for _, text := range now {
		if !slices.Contains(f.broken, text) {
			s.Violate("%s", text)
		}
	}
	f.broken = now
}

const (
	postgres = "/usr/bin/postgres -D "
	etab     = "/var/lib/nfs/etab"
	nfsd     = "[nfsd]"
)

func value(r pacemaker.Resource, name string) string {
	v, _ := r.Instance.Get(name)
	return v
}

// needed is what an agent misses where it is to start.
func needed(h *simhost.Host, paths ...string) error {
	for _, p := range paths {
		if !h.Exists(p) {
			return fmt.Errorf("there is no %s", p)
		}
	}
	return nil
}

// runningAgents are the resource agents of the site: those of the services, and of what no profile knows, which is a process.
func (p *Site) runningAgents() map[string]pacemakertest.Agent {
	runs := func(what func(r pacemaker.Resource) string) pacemakertest.Agent {
		running := func(_ *simhost.State, h *simhost.Host, r pacemaker.Resource) bool {
			return slices.Contains(h.Processes(), what(r))
		}
		return pacemakertest.Agent{
			Running: running,
			Start: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
				if !running(s, h, r) {
					h.Spawn(s, what(r))
				}
				return nil
			},
			Stop: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
				h.End(s, what(r))
				return nil
			},
		}
	}
	database := runs(func(r pacemaker.Resource) string { return postgres + value(r, "pgdata") })
	begin := database.Start
	database.Start = func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
		if !slices.ContainsFunc(h.Mounts(), func(m simhost.Mount) bool { return strings.HasPrefix(value(r, "pgdata"), m.Dir+"/") }) {
			return errors.New("its data directory is not mounted")
		}
		if err := needed(h, "/usr/bin/pg_ctl"); err != nil {
			return err
		}
		return begin(s, h, r)
	}
	all := map[string]pacemakertest.Agent{
		"ocf:heartbeat:Filesystem": filesystem(), "ocf:heartbeat:IPaddr2": ipaddr(), "ocf:heartbeat:IPaddr": ipaddr(),
		"ocf:heartbeat:exportfs": export(), "ocf:heartbeat:pgsql": database,
		"ocf:heartbeat:nfsserver": runs(func(pacemaker.Resource) string { return nfsd }),
	}
	profiles := pair.Builtin()
	for _, r := range p.primitives {
		_, known := profiles.For(r.Agent())
		switch _, has := all[r.Agent()]; {
		case has:
		case r.Class == "systemd":
			all[r.Agent()] = unit()
		case !known && p.alone[r.ID]:
			all[r.Agent()] = runs(func(r pacemaker.Resource) string { return "/opt/acme/" + r.Type + " " + r.ID })
		}
	}
	for name, a := range all {
		all[name] = noted(a)
	}
	return all
}

// noted has the layer look where everything is after each start and stop.
func noted(a pacemakertest.Agent) pacemakertest.Agent {
	type operation = func(*simhost.State, *simhost.Host, pacemaker.Resource) error
	after := func(do operation) operation {
		return func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
			err := do(s, h, r)
			of(s).check(s)
			return err
		}
	}
	a.Start, a.Stop = after(a.Start), after(a.Stop)
	return a
}

// unit is a unit of systemd.
func unit() pacemakertest.Agent {
	return pacemakertest.Agent{
		Running: func(_ *simhost.State, h *simhost.Host, r pacemaker.Resource) bool { return h.Active(unitOf(r)) },
		Start: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
			return h.StartService(s, unitOf(r))
		},
		Stop: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
			return h.StopService(s, unitOf(r))
		},
	}
}

// lying makes the agents of resources say on node 2 of the old cluster that they stopped, and do nothing.
// Those of the stuck cannot stop them there, and say so.
func (p *Site) lying(liars, stuck []string) map[string]pacemakertest.Agent {
	agents, old2 := p.runningAgents(), func(h *simhost.Host) bool { return h.Name == p.Node2 && h.Major() == p.from.major }
	for name, a := range agents {
		honest := a.Stop
		a.Stop = func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
			if old2(h) && slices.Contains(liars, r.ID) {
				return nil
			}
			if old2(h) && slices.Contains(stuck, r.ID) {
				return errors.New("it does not stop")
			}
			return honest(s, h, r)
		}
		agents[name] = a
	}
	return agents
}

func filesystem() pacemakertest.Agent {
	mounted := func(_ *simhost.State, h *simhost.Host, r pacemaker.Resource) bool {
		return slices.ContainsFunc(h.Mounts(), func(m simhost.Mount) bool { return m.Dir == value(r, "directory") })
	}
	return pacemakertest.Agent{
		Running: mounted,
		Start: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
			var wants []string
			if file, err := pair.DeviceFile(value(r, "device")); err == nil && strings.HasPrefix(file, "/") {
				wants = append(wants, file)
			}
			h.MakeDirs(s, value(r, "directory"))
			if err := needed(h, wants...); err != nil || mounted(s, h, r) {
				return err
			}
			device := of(s).site.kernelName(value(r, "device"))
			h.Mount(s, simhost.Mount{Device: device, Dir: value(r, "directory"), Type: value(r, "fstype"), Options: "rw"})
			return nil
		},
		Stop: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
			h.Unmount(s, value(r, "directory"))
			return nil
		},
	}
}

func ipaddr() pacemakertest.Agent {
	return pacemakertest.Agent{
		Running: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) bool {
			return slices.Contains(of(s).addresses, address{h.Name, value(r, "ip")})
		},
		Start: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
			if f, a := of(s), (address{h.Name, value(r, "ip")}); !slices.Contains(f.addresses, a) {
				f.addresses = append(slices.Clip(f.addresses), a)
			}
			return nil
		},
		Stop: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
			f := of(s)
			f.addresses = slices.DeleteFunc(slices.Clone(f.addresses), func(a address) bool { return a == address{h.Name, value(r, "ip")} })
			return nil
		},
	}
}

func export() pacemakertest.Agent {
	line := func(r pacemaker.Resource) string {
		return value(r, "directory") + "\t" + value(r, "clientspec") + "(rw)\n"
	}
	table := func(h *simhost.Host) string {
		text, _ := h.ReadFile(etab)
		return text
	}
	return pacemakertest.Agent{
		Running: func(_ *simhost.State, h *simhost.Host, r pacemaker.Resource) bool {
			return strings.Contains(table(h), line(r))
		},
		Start: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
			if err := needed(h, "/usr/sbin/exportfs"); err != nil {
				return err
			}
			h.MustWrite(s, etab, strings.ReplaceAll(table(h), line(r), "")+line(r), 0o644)
			return nil
		},
		Stop: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
			h.MustWrite(s, etab, strings.ReplaceAll(table(h), line(r), ""), 0o644)
			return nil
		},
	}
}

// runIP is `ip -o addr show`.
func runIP(c *simhost.Call) int {
	if strings.Join(c.Args, " ") != "-o addr show" {
		return c.Fail(255, "ip: only -o addr show is simulated")
	}
	c.Printf("1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n")
	f := of(c.State)
	list := f.site.own(c.Host.Name)
	for _, a := range f.addresses {
		if a.host == c.Host.Name {
			list = append(list, f.site.face(a.ip))
		}
	}
	for i, at := range list {
		kind := "inet"
		if at.prefix.Addr().Is6() {
			kind = "inet6"
		}
		c.Printf("%d: %s    %s %s scope global %s\\       valid_lft forever preferred_lft forever\n", 2+i, at.nic, kind, at.prefix, at.nic)
	}
	return 0
}

// runGrep is `grep -cE PATTERN FILE`.
func runGrep(c *simhost.Call) int {
	if len(c.Args) != 3 || c.Args[0] != "-cE" {
		return c.Fail(2, "grep: only -cE PATTERN FILE is simulated")
	}
	re, err := regexp.CompilePOSIX(c.Args[1])
	if err != nil {
		return c.Fail(2, "grep: %v", err)
	}
	text, err := c.Host.ReadFile(c.Args[2])
	if err != nil {
		return c.Fail(2, "grep: %s: No such file or directory", c.Args[2])
	}
	count := 0
	for line := range strings.Lines(text) {
		if re.MatchString(strings.TrimSuffix(line, "\n")) {
			count++
		}
	}
	c.Printf("%d\n", count)
	if count == 0 {
		return 1
	}
	return 0
}
