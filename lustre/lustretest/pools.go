package lustretest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// pool is a ZFS pool that a host has imported. ZFS itself does not know what another host has: two that import one pool
// destroy it.
type pool struct{ host, name string }

// importPool imports a pool on a host, as "zpool import -f" does.
func (f *shelf) importPool(s *simhost.State, h *simhost.Host, name string) {
	if slices.Contains(f.pools, pool{h.Name, name}) {
		return
	}
	for _, p := range f.pools {
		if p.name == name {
			s.Violate("pool %s is imported on two nodes: %s and %s", name, p.host, h.Name)
		}
	}
	f.pools = append(slices.Clip(f.pools), pool{h.Name, name})
	s.Note(h.Name, "pool %s is imported", name)
}

// exportPool exports one, unless something of it is in use.
func (f *shelf) exportPool(s *simhost.State, h *simhost.Host, name string) error {
	if f.busyPool(h, name) {
		return fmt.Errorf("cannot export '%s': pool is busy", name)
	}
	f.pools = slices.DeleteFunc(slices.Clone(f.pools), func(p pool) bool { return p == pool{h.Name, name} })
	s.Note(h.Name, "pool %s is exported", name)
	return nil
}

// busyPool tells whether a dataset of a pool is mounted, or being unmounted; or whether somebody holds the pool.
func (f *shelf) busyPool(h *simhost.Host, name string) bool {
	of := func(m simhost.Mount) bool { return strings.HasPrefix(m.Device, name+"/") }
	return slices.Contains(f.held, pool{h.Name, name}) || slices.ContainsFunc(h.Mounts(), of) ||
		slices.ContainsFunc(f.works, func(w work) bool { return w.host == h.Name && of(w.mount) })
}

// HoldPool keeps a ZFS pool from being exported on a host, or lets go of it: something there has it open.
func (p *Pair) HoldPool(host, name string, hold bool) {
	p.Do(func(s *simhost.State) {
		f, held := of(s), pool{s.Host(host).Name, name}
		f.held = slices.DeleteFunc(slices.Clone(f.held), func(p pool) bool { return p == held })
		if hold {
			f.held = append(f.held, held)
		}
	})
}

// shared are the pools on the shared disks.
func (f *shelf) shared() []string {
	var out []string
	for _, t := range f.targets {
		if name, _, dataset := strings.Cut(t.device, "/"); dataset && name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// poolAgent is ocf:heartbeat:ZFS, which forces the import.
func poolAgent() pacemakertest.Agent {
	name := func(r pacemaker.Resource) string {
		n, _ := r.Instance.Get("pool")
		return n
	}
	return pacemakertest.Agent{
		Start: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
			switch {
			case !h.Exists(zfsAgentFile):
				return errors.New("the agent is not installed")
			case !h.Loaded("zfs"):
				return errors.New("the ZFS modules are not loaded")
			case !slices.Contains(of(s).shared(), name(r)):
				return fmt.Errorf("cannot import '%s': no such pool available", name(r))
			}
			of(s).importPool(s, h, name(r))
			return nil
		},
		Stop: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
			if !slices.Contains(of(s).pools, pool{h.Name, name(r)}) {
				return nil
			}
			return of(s).exportPool(s, h, name(r))
		},
		Running: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) bool {
			return slices.Contains(of(s).pools, pool{h.Name, name(r)})
		},
	}
}

// runZpool is zpool where a pool is imported by a resource of its own: list, import with and without a pool, export.
func runZpool(c *simhost.Call) int {
	f := of(c.State)
	if !c.Host.Loaded("zfs") {
		return c.Fail(1, "The ZFS modules are not loaded.\nTry running '/sbin/modprobe zfs' as root to load them.")
	}
	var here []string
	for _, p := range f.pools {
		if p.host == c.Host.Name {
			here = append(here, p.name)
		}
	}
	slices.Sort(here)
	words := append([]string{""}, c.Args...)
	last := words[len(words)-1]
	switch {
	case len(c.Args) == 0:
		return c.Fail(2, "missing command")
	case c.Args[0] == "list":
		bare := slices.ContainsFunc(c.Args[1:], func(a string) bool { return strings.HasPrefix(a, "-") && strings.Contains(a, "H") })
		switch {
		case !bare && len(here) == 0:
			c.Printf("no pools available\n")
		case !bare:
			c.Printf("NAME\n")
		}
		for _, name := range here {
			c.Printf("%s\n", name)
		}
	case c.Args[0] == "import" && !slices.Contains(f.shared(), last):
		for _, name := range f.shared() {
			if !slices.Contains(here, name) {
				c.Printf("   pool: %s\n     id: 1\n  state: ONLINE\n action: The pool can be imported using its name or numeric identifier.\n", name)
			}
		}
		if len(c.Out.String()) == 0 {
			return c.Fail(1, "no pools available to import")
		}
	case c.Args[0] == "import":
		f.importPool(c.State, c.Host, last)
	case c.Args[0] == "export":
		if !slices.Contains(here, last) {
			return c.Fail(1, "cannot open '%s': no such pool", last)
		}
		if err := f.exportPool(c.State, c.Host, last); err != nil {
			return c.Fail(1, "%v", err)
		}
	default:
		return c.Fail(2, "zpool: %s is not simulated", c.Args[0])
	}
	return 0
}
