package lustretest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/simhost"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
)

// storePath is the target store of IML; a file's name is the target's UUID in base64url (H24).
const storePath = "/var/lib/chroma/targets"

// target is one shared disk and its history.
type target struct {
	device, label string
	on            []string // hosts that have it mounted, in full
	down          []Window
}

// Window is a time in which a target was mounted nowhere.
type Window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"` // zero while it lasts
}

// Length is how long it lasted, or lasts so far.
func (w Window) Length(now time.Time) time.Duration {
	if w.To.IsZero() {
		return now.Sub(w.From)
	}
	return w.To.Sub(w.From)
}

// shelf is the layer "lustre": the shared disks, the technician, and what they have seen.
type shelf struct {
	opts       *Options
	targets    []*target
	visits     []visit
	rebuilding []string // hosts that were shut down and are not yet members of the new cluster
}

// visit is the technician's work on a host, over when due.
type visit struct {
	host string
	due  time.Time
}

var _ simhost.Layer = (*shelf)(nil)

func of(s *simhost.State) *shelf { return simhost.LayerOf[*shelf](s) }

// Name is "lustre".
func (*shelf) Name() string { return "lustre" }

// Clone is a deep copy.
func (f *shelf) Clone() simhost.Layer {
	c := &shelf{opts: f.opts, visits: slices.Clone(f.visits), rebuilding: slices.Clone(f.rebuilding)}
	for _, t := range f.targets {
		u := *t
		u.on, u.down = slices.Clone(t.on), slices.Clip(t.down)
		c.targets = append(c.targets, &u)
	}
	return c
}

// Encode writes what decides the future: not the outages of the past.
func (f *shelf) Encode(e *simhost.Encoder) {
	for _, t := range f.targets {
		e.Text(t.device)
		e.Texts(t.on)
	}
	for _, v := range f.visits {
		e.Text(v.host)
		e.ToGo(v.due)
	}
	e.Texts(f.rebuilding)
}

// Next is when the technician is done with a host.
func (f *shelf) Next(*simhost.State) (at time.Time, ok bool) {
	for _, v := range f.visits {
		if !ok || v.due.Before(at) {
			at, ok = v.due, true
		}
	}
	return at, ok
}

// Tick ends the technician's work.
func (f *shelf) Tick(s *simhost.State) {
	for i, v := range f.visits {
		if !v.due.After(s.Now()) {
			f.visits = slices.Delete(slices.Clone(f.visits), i, i+1)
			f.install(s, s.Host(v.host))
			return
		}
	}
}

// HostEvent follows shutdowns: they call the technician.
func (f *shelf) HostEvent(s *simhost.State, h *simhost.Host, e simhost.Event) {
	switch e {
	case simhost.WentDown:
		if !h.ShutDown {
			return
		}
		if !slices.Contains(f.rebuilding, h.Name) {
			f.rebuilding = append(slices.Clip(f.rebuilding), h.Name)
		}
		if f.opts.InstallTime >= 0 {
			f.visits = append(slices.Clip(f.visits), visit{h.Name, s.Now().Add(f.opts.InstallTime)})
		}
	case simhost.CameUp:
		// The modules come with the network's configuration at boot (lustre:1118).
		if h.Exists("/etc/modprobe.d/iml_lnet_module_parameters.conf") && s.CanLoad(h, "lustre") == nil {
			h.Load(s, "lustre")
		}
		if h.Major() == 6 && h.Package("zfs") != "" {
			h.Load(s, "zfs")
		}
	case simhost.Installed:
		f.attach(s, h)
	}
}

// attach shows a host the shared disks.
func (f *shelf) attach(s *simhost.State, h *simhost.Host) {
	for _, t := range f.targets {
		if strings.HasPrefix(t.device, "/dev/") {
			h.MustWrite(s, t.device, "", 0o660)
		}
	}
}

// install puts EL7 on a host that had EL6, and gives power back to one that has EL7 already.
func (f *shelf) install(s *simhost.State, h *simhost.Host) {
	if h.Major() == 7 {
		h.PowerOn(s)
		return
	}
	h.Install(s, f.opts.Site.freshEL7(h.Name))
}

// joined ends the rebuilding of a host that has become a member of the new cluster.
func (f *shelf) joined(h *simhost.Host) {
	if h.Major() == 7 {
		f.rebuilding = slices.DeleteFunc(slices.Clone(f.rebuilding), func(name string) bool { return name == h.Name })
	}
}

// fenced looks whom a power cycle hits. One that hits an installation makes the technician begin again.
func (f *shelf) fenced(s *simhost.State, by string, h *simhost.Host) {
	if !slices.Contains(f.rebuilding, h.Name) {
		return
	}
	s.Violate("%s was fenced by %s while it was being rebuilt", h.Name, by)
	for i := range f.visits {
		if f.visits[i].host == h.Name {
			f.visits = slices.Clone(f.visits)
			f.visits[i].due = s.Now().Add(f.opts.InstallTime)
		}
	}
}

// mounted compares the disks with the mounts of the hosts, after those of one host changed.
func (f *shelf) mounted(s *simhost.State) {
	for _, t := range f.targets {
		var on []string
		for _, h := range s.Hosts() {
			if slices.ContainsFunc(h.Mounts(), func(m simhost.Mount) bool { return m.Device == t.device }) {
				on = append(on, h.Name)
			}
		}
		switch {
		case len(on) > 1 && len(t.on) <= 1:
			s.Violate("target %s is mounted on two nodes: %s", t.label, strings.Join(on, " and "))
		case len(on) == 0 && len(t.on) > 0:
			t.down = append(t.down, Window{From: s.Now()})
		case len(on) > 0 && len(t.on) == 0 && len(t.down) > 0:
			t.down[len(t.down)-1].To = s.Now()
		}
		t.on = on
	}
}

// record is a target's file in the store.
type record struct {
	Device string `json:"bdev"`
	Mount  string `json:"mntpt"`
	Name   string `json:"target_name"`
}

func storeName(uuid string) string {
	return storePath + "/" + base64.URLEncoding.EncodeToString([]byte(uuid))
}

func readRecord(h *simhost.Host, r pacemaker.Resource) (record, error) {
	uuid, _ := r.Instance.Get("target")
	text, err := h.ReadFile(storeName(uuid))
	if err != nil {
		return record{}, fmt.Errorf("no target %s in the store: %w", uuid, err)
	}
	var rec record
	if err := json.Unmarshal([]byte(text), &rec); err != nil {
		return record{}, err
	}
	return rec, nil
}

// targetAgent is ocf:chroma:Target.
func targetAgent() pacemakertest.Agent {
	return pacemakertest.Agent{
		Start: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
			rec, err := readRecord(h, r)
			switch {
			case err != nil:
				return err
			case h.Package("chroma-agent") == "":
				return errors.New("chroma-agent is not installed")
			case !h.Loaded("lustre"):
				return errors.New("the lustre module is not loaded")
			case !h.IsDir(rec.Mount):
				return fmt.Errorf("mount point %s does not exist", rec.Mount)
			case isMounted(h, rec):
				return nil
			}
			h.Mount(s, simhost.Mount{Device: rec.Device, Dir: rec.Mount, Type: "lustre", Options: "ro"})
			return nil
		},
		Stop: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
			if rec, err := readRecord(h, r); err == nil {
				h.Unmount(s, rec.Mount)
			}
			return nil
		},
		Running: func(_ *simhost.State, h *simhost.Host, r pacemaker.Resource) bool {
			rec, err := readRecord(h, r)
			return err == nil && isMounted(h, rec)
		},
	}
}

func isMounted(h *simhost.Host, rec record) bool {
	return slices.ContainsFunc(h.Mounts(), func(m simhost.Mount) bool { return m.Dir == rec.Mount })
}
