package pairtest

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

//go:embed testdata/cib.xml testdata/corosync.conf
var files embed.FS

// File is a file of the old cluster: cib.xml or corosync.conf.
func File(name string) string {
	data, err := files.ReadFile("testdata/" + name)
	if err != nil {
		panic("pairtest: " + err.Error())
	}
	return string(data)
}

// The names of the simulated site.
const (
	Node1        = "nfs1.example.com"
	Node2        = "nfs2.example.com"
	Provisioning = "provision.example.com"
)

// Restore are the site's own files that a node needs.
func Restore() []string {
	return []string{"/etc/exports", "/etc/fence", "/etc/systemd/system/backup.service"}
}

// Packages are those that the resources need.
func Packages() []string { return []string{"nfs-utils", "postgresql-server"} }

// Options choose a pair; the zero value is the one of the package's documentation.
type Options struct {
	Site        *Site         // another site than the package's own: see NewSite
	Release     string        // stay on this one, and get its latest minor release: the way rolling
	CIB         string        // in the place of the site's own
	InstallTime time.Duration // how long the technician takes: 30 minutes when zero; nobody comes when negative
	// Liars are resources whose agents say on node 2 of the old cluster that they stopped, and have done nothing.
	Liars []string
	Stuck []string // whose agents cannot stop them there
}

// World is the pair, and what happened to it. It is a world to rehearse in.
type World struct {
	*simhost.World
}

const settleTime = time.Minute

// New is a pair that runs and serves. It panics when its own files are broken.
func New(o Options) *World {
	if o.CIB == "" {
		o.CIB = File("cib.xml")
	}
	if o.Site == nil {
		o.Site = builtin(o.CIB)
		if o.Release != "" {
			o.Site.From, o.Site.To = o.Release, o.Release
		}
	}
	s, err := start(o)
	if err != nil {
		panic("pairtest: " + err.Error())
	}
	s.Forget()
	return &World{simhost.NewWorld(s)}
}

// NewSite is the pair of a site, running and serving. What is not simulated is an error, and so is a cluster that does not run
// what it should.
func NewSite(site *Site) (*World, error) {
	s, err := start(Options{Site: site})
	if err := errors.Join(append(site.lacks, err)...); err != nil {
		return nil, err
	}
	for _, name := range []string{site.Node1, site.Node2} {
		if err := s.Host(name).StartService(s, "pacemaker"); err != nil { // what keeps it from running
			return nil, fmt.Errorf("the simulated cluster does not start on %s: %w", name, err)
		}
	}
	where := pacemakertest.Of(s).Where()
	cib := pacemakertest.Of(s).CIB(site.Node1)
	if cib == nil || !pacemakertest.Of(s).Member(site.Node1) || !pacemakertest.Of(s).Member(site.Node2) {
		return nil, errors.New("the simulated cluster does not come up with both nodes")
	}
	for _, r := range cib.Wanted() {
		if r.Disabled == "" && len(where[r.ID]) == 0 {
			return nil, fmt.Errorf("the simulated cluster does not run %s", r.ID)
		}
	}
	s.Forget()
	return &World{simhost.NewWorld(s)}, nil
}

// start is a pair that has come up.
func start(o Options) (*simhost.State, error) {
	site := o.Site
	if err := site.understand(); err != nil {
		return nil, err
	}
	reg := site.registry()
	pacemakertest.Install(reg)
	s := simhost.NewState(reg, time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC).Add(-settleTime))
	agents := site.lying(o.Liars, o.Stuck)
	stack := pacemakertest.Options{
		Agents: agents, Fenced: fenced, Joined: joined,
		PCS: func(h *simhost.Host) pcs.Dialect {
			return map[int]pcs.Dialect{7: pcs.V09, 8: pcs.V010, 9: pcs.V011, 10: pcs.V012}[h.Major()]
		},
	}
	if site.rolling() {
		stack.FeatureSet = site.feature
	}
	s.AddLayer(pacemakertest.New(stack))
	s.AddLayer(&shared{site: site, agents: agents, install: cmp.Or(o.InstallTime, 30*time.Minute), services: served(site)})
	for _, name := range []string{site.Node1, site.Node2} {
		site.attach(s, s.AddHost(name, site.oldSystem(name)))
	}
	if site.Provisioning != "" {
		s.AddHost(site.Provisioning, simhost.EL7())
	}
	s.Sleep(settleTime)
	return s, nil
}

// Clock is the world's own.
func (w *World) Clock() evenkeel.Clock { return w.World }

// Clone is a deep copy.
func (w *World) Clone() evenkeel.World { return &World{w.World.Clone()} }

// Fingerprint makes it an evenkeel.Fingerprinter.
func (w *World) Fingerprint(without string) string { return w.HashWithout(without) }

// Faults makes it an evenkeel.Faulty world.
func (*World) Faults(cmd sshexec.Cmd) (honest, lies []string) { return simhost.Faults(cmd) }

// Check says which rules were broken so far.
func (w *World) Check() error {
	var errs []error
	for _, v := range w.Violations() {
		errs = append(errs, errors.New(v.String()))
	}
	return errors.Join(errs...)
}

// Hash is the state in which the pair ends by itself.
func (w *World) Hash() string {
	settled := &World{w.World.Clone()}
	settled.Advance(settleTime)
	return settled.EndState()
}

// EndState says what matters in the end, a line each.
func (w *World) EndState() string {
	var b strings.Builder
	w.Do(func(s *simhost.State) {
		st := pacemakertest.Of(s)
		for _, h := range s.Hosts() {
			release, _ := h.ReadFile("/etc/redhat-release")
			if of(s).site.rolling() {
				fmt.Fprintf(&b, "%s: pacemaker %s\n", h.Name, h.Package("pacemaker"))
			}
			fmt.Fprintf(&b, "%s: %s, %s, member %v, key %s\n", h.Name, h.Power, strings.TrimSpace(release), st.Member(h.Name), h.HostKey())
			for _, unit := range []string{"pcsd", "corosync", "pacemaker", "firewalld"} {
				u, _ := h.Service(unit)
				fmt.Fprintf(&b, "  %s: %v\n", unit, u)
			}
			for _, dir := range []string{"/root", "/etc/ssh", "/etc/fence", "/etc/yum.repos.d"} {
				names, _ := h.List(dir)
				fmt.Fprintf(&b, "  %s: %s\n", dir, strings.Join(names, " "))
			}
			for _, name := range append([]string{"/etc/hosts"}, of(s).site.Restore...) {
				text, _ := h.ReadFile(name)
				fmt.Fprintf(&b, "  %s: %q\n", name, text)
			}
			if cib := st.CIB(h.Name); cib != nil {
				for _, u := range cib.Wanted() {
					fmt.Fprintf(&b, "  %s: %q\n", u.ID, u.Disabled)
				}
				fencing, _ := cib.Property("stonith-enabled")
				fmt.Fprintf(&b, "  stonith-enabled %q\n", fencing)
			}
		}
		where := st.Where()
		for _, id := range slices.Sorted(maps.Keys(where)) {
			if !strings.HasPrefix(id, "fence-") {
				fmt.Fprintf(&b, "%s on %s\n", id, strings.Join(where[id], " "))
			}
		}
	})
	return b.String()
}

// Attend is the operator in the machine room: for "switch-on" the host gets power, for "install" it gets the new system, for "update" its
// software, and for "downgrade" that from before.
func (w *World) Attend(action, host string) {
	w.Do(func(s *simhost.State) {
		h := s.Host(host)
		if h == nil {
			return
		}
		f := of(s)
		fresh := f.rebuilt(h) && !h.Exists(pacemakertest.ConfPath)
		switch {
		case action == "switch-on" || action == "install" && fresh:
			h.PowerOn(s)
		case action == "update":
			f.bring(s, h, f.site.to, typed)
		case action == "downgrade":
			f.bring(s, h, f.site.from, typed)
		case action == "install" && h.Power == simhost.Off && !f.expected(host):
			f.erase(s, h)
		}
	})
}

// Mend is what the operator does about a fault: gives power back, starts the cluster where it should have started by
// itself, and moves back what failed over meanwhile.
func (w *World) Mend() {
	w.World.Mend()
	w.Do(func(s *simhost.State) {
		sh := func(h *simhost.Host, argv ...string) {
			_, _ = s.Run(h.Name, sshexec.Command(sshexec.Mutating, argv...)) // the run sees what came of it
		}
		f := of(s)
		nodes := []*simhost.Host{s.Host(f.site.Node1), s.Host(f.site.Node2)}
		member := func(h *simhost.Host) bool { return pacemakertest.Of(s).Member(h.Name) && f.rebuilt(h) }
		for _, h := range nodes {
			if u, _ := h.Service("pacemaker"); u.Enabled && !pacemakertest.Of(s).Member(h.Name) && h.Exists(pacemakertest.ConfPath) {
				sh(h, "systemctl", "start", "pacemaker")
			}
		}
		s.Sleep(simhost.BootTime)
		if member(nodes[0]) && member(nodes[1]) {
			sh(nodes[0], "pcs", "resource", "relocate", "run")
		}
	})
}
