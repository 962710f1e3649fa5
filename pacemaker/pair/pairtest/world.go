package pairtest

import (
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
	if o.InstallTime == 0 {
		o.InstallTime = 30 * time.Minute
	}
	reg := registry()
	pacemakertest.Install(reg)
	s := simhost.NewState(reg, time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC).Add(-settleTime))
	s.AddLayer(pacemakertest.New(pacemakertest.Options{
		Agents: lying(agents(), o.Liars, o.Stuck), Fenced: fenced, Joined: joined,
		PCS: func(h *simhost.Host) pcs.Dialect {
			if h.Major() == 8 {
				return pcs.V010
			}
			return pcs.V011
		},
	}))
	s.AddLayer(&shared{install: o.InstallTime})
	for _, name := range []string{Node1, Node2} {
		attach(s, s.AddHost(name, oldSystem(o.CIB)))
	}
	s.AddHost(Provisioning, simhost.EL7())
	s.Sleep(settleTime)
	s.Forget()
	return &World{simhost.NewWorld(s)}
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
			fmt.Fprintf(&b, "%s: %s, %s, member %v, key %s\n", h.Name, h.Power, strings.TrimSpace(release), st.Member(h.Name), h.HostKey())
			for _, unit := range []string{"pcsd", "corosync", "pacemaker", "firewalld"} {
				u, _ := h.Service(unit)
				fmt.Fprintf(&b, "  %s: %v\n", unit, u)
			}
			for _, dir := range []string{"/root", "/etc/ssh", "/etc/fence", "/etc/yum.repos.d"} {
				names, _ := h.List(dir)
				fmt.Fprintf(&b, "  %s: %s\n", dir, strings.Join(names, " "))
			}
			for _, name := range append([]string{"/etc/hosts"}, Restore()...) {
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

// Attend is the operator in the machine room: for "switch-on" the host gets power, for "install" it gets the new system.
func (w *World) Attend(action, host string) {
	w.Do(func(s *simhost.State) {
		h := s.Host(host)
		if h == nil {
			return
		}
		fresh := h.Major() == 9 && !h.Exists(pacemakertest.ConfPath)
		switch f := of(s); {
		case action == "switch-on" || action == "install" && fresh:
			h.PowerOn(s)
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
		nodes := []*simhost.Host{s.Host(Node1), s.Host(Node2)}
		member := func(h *simhost.Host) bool { return pacemakertest.Of(s).Member(h.Name) && h.Major() == 9 }
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
