package lustretest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// storePath is the target store of IML; a file's name is the target's UUID in base64url (H24).
const storePath = "/var/lib/chroma/targets"

// target is one shared disk and its history.
type target struct {
	device, mount, label string
	name                 string    // what the target store calls it; empty where that does not
	on                   []string  // hosts that have it mounted, in full
	since                time.Time // when it was last mounted
	down                 []Window
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
	works      []work
	pools      []pool // that are imported
	held       []pool // that stay imported, whoever exports them
}

// work is a mount or an unmount on its way. It comes to its end by itself, whatever becomes of the cluster that began
// it: its process is an orphan then.
type work struct {
	host  string
	mount simhost.Mount
	off   bool // it is an unmount
	due   time.Time
}

// args are what the process table shows of it.
func (w work) args() string {
	if w.off {
		return "umount " + w.mount.Dir
	}
	return "mount.lustre " + w.mount.Device + " " + w.mount.Dir
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
	c := &shelf{opts: f.opts, visits: slices.Clone(f.visits), rebuilding: slices.Clone(f.rebuilding), works: slices.Clone(f.works),
		pools: slices.Clone(f.pools), held: slices.Clone(f.held)}
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
		e.ToGo(f.recovered(t))
	}
	for _, v := range f.visits {
		e.Text(v.host)
		e.ToGo(v.due)
	}
	e.Texts(f.rebuilding)
	e.Int(len(f.held))
	for _, p := range slices.Concat(f.pools, f.held) {
		e.Texts([]string{p.host, p.name})
	}
	for _, w := range f.works {
		e.Texts([]string{w.host, w.args()})
		e.ToGo(w.due)
	}
}

// Next is when the technician is done with a host, or a mount or an unmount is.
func (f *shelf) Next(*simhost.State) (at time.Time, ok bool) {
	for _, w := range f.works {
		if !ok || w.due.Before(at) {
			at, ok = w.due, true
		}
	}
	for _, v := range f.visits {
		if !ok || v.due.Before(at) {
			at, ok = v.due, true
		}
	}
	return at, ok
}

// Tick ends the technician's work, and what mounts and unmounts.
func (f *shelf) Tick(s *simhost.State) {
	for _, w := range slices.Clone(f.works) {
		if !w.due.After(s.Now()) {
			f.end(s, w)
		}
	}
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
		f.works = slices.DeleteFunc(slices.Clone(f.works), func(w work) bool { return w.host == h.Name })
		f.pools = slices.DeleteFunc(slices.Clone(f.pools), func(p pool) bool { return p.host == h.Name })
		f.held = slices.DeleteFunc(slices.Clone(f.held), func(p pool) bool { return p.host == h.Name })
		f.mounted(s)
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
		if (!f.opts.Site.iml() || len(h.Glob(lustre.LNetDir+"/*.conf")) > 0 || imported(h) != nil) && s.CanLoad(h, "lustre") == nil {
			h.Load(s, "lustre")
		}
		if h.Package("zfs") != "" && (h.Major() == 6 || len(f.shared()) > 0 && s.CanLoad(h, "zfs") == nil) {
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
	has := map[[2]string]bool{} // by host and device
	for _, h := range s.Hosts() {
		for _, m := range h.Mounts() {
			has[[2]string{h.Name, m.Device}] = true
		}
	}
	for _, w := range f.works {
		if w.off { // it is being written to until it is off
			has[[2]string{w.host, w.mount.Device}] = true
		}
	}
	for _, t := range f.targets {
		var on []string
		for _, h := range s.Hosts() {
			if has[[2]string{h.Name, t.device}] {
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
		if len(on) > 0 && (len(t.on) == 0 || on[0] != t.on[0]) {
			t.since = s.Now()
		}
		t.on = on
	}
}

func storeName(uuid string) string {
	return storePath + "/" + base64.URLEncoding.EncodeToString([]byte(uuid))
}

// record is a target's file in the store.
type record struct {
	Backend string `json:"backfstype"`
	Device  string `json:"bdev"`
	Mount   string `json:"mntpt"`
	Name    string `json:"target_name"`
}

// recordOf reads a target's file: the device as it stands in the mount table, which of a file of IML 2.2 to 3.0 with a ZFS pool has the
// target's name as well.
func recordOf(text string) (record, error) {
	var rec record
	err := json.Unmarshal([]byte(text), &rec)
	if rec.Backend == "zfs" && rec.Name != "" && !strings.Contains(rec.Device, "/") {
		rec.Device += "/" + rec.Name
	}
	rec.Mount = path.Clean(rec.Mount)
	return rec, err
}

func readRecord(h *simhost.Host, r pacemaker.Resource) (record, error) {
	if r.Agent() == lustreAgent {
		return parametersOf(r), nil
	}
	uuid, _ := r.Instance.Get("target")
	text, err := h.ReadFile(storeName(uuid))
	if err != nil {
		return record{}, fmt.Errorf("no target %s in the store: %w", uuid, err)
	}
	return recordOf(text)
}

// begin sends a mount or an unmount on its way. The kernel takes a mount out of its table as soon as the unmounting
// begins, and the disk goes on being written (H27).
func (f *shelf) begin(s *simhost.State, h *simhost.Host, w work) {
	w.host = h.Name
	f.works = append(slices.Clip(f.works), w)
	h.Spawn(s, w.args())
	if w.off {
		h.Unmount(s, w.mount.Dir)
	}
}

// end ends a mount or an unmount.
func (f *shelf) end(s *simhost.State, w work) {
	h := s.Host(w.host)
	f.works = slices.DeleteFunc(slices.Clone(f.works), func(o work) bool { return o == w })
	h.End(s, w.args())
	if !w.off && !isMounted(h, w.mount.Dir) {
		h.Mount(s, w.mount)
	}
	f.mounted(s)
}

// underWay is the mount or the unmount of a directory of a host that is at work.
func (f *shelf) underWay(h *simhost.Host, dir string) (work, bool) {
	i := slices.IndexFunc(f.works, func(w work) bool { return w.host == h.Name && w.mount.Dir == dir })
	if i < 0 {
		return work{}, false
	}
	return f.works[i], true
}

// mountable is the mount that a target is on a host, or why it cannot be mounted there.
func mountable(s *simhost.State, h *simhost.Host, r pacemaker.Resource) (simhost.Mount, error) {
	rec, err := readRecord(h, r)
	own := r.Agent() == lustreAgent
	name, _, dataset := strings.Cut(rec.Device, "/")
	switch {
	case err != nil:
		return simhost.Mount{}, err
	case own && !h.Exists("/usr/lib/ocf/resource.d/lustre/Lustre"):
		return simhost.Mount{}, errors.New("the agent is not installed")
	case own && dataset && name != "" && !slices.Contains(of(s).pools, pool{h.Name, name}):
		return simhost.Mount{}, fmt.Errorf("mount.lustre: %s has not been formatted with mkfs.lustre, or its pool is not imported", rec.Device)
	case !own && h.Package("chroma-agent") == "":
		return simhost.Mount{}, errors.New("chroma-agent is not installed")
	case !h.Loaded("lustre"):
		return simhost.Mount{}, errors.New("the lustre module is not loaded")
	case !h.IsDir(rec.Mount):
		return simhost.Mount{}, fmt.Errorf("mount point %s does not exist", rec.Mount)
	}
	return simhost.Mount{Device: rec.Device, Dir: rec.Mount, Type: "lustre", Options: "ro"}, nil
}

// targetAgent is ocf:chroma:Target.
func targetAgent() pacemakertest.Agent {
	return pacemakertest.Agent{
		Begin: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource, task string, lasts time.Duration) {
			m, err := mountable(s, h, r)
			if task == "stop" {
				i := slices.IndexFunc(h.Mounts(), func(m simhost.Mount) bool { return m.Dir == mountOf(h, r) })
				if i < 0 {
					return
				}
				m, err = h.Mounts()[i], nil
			}
			if _, busy := of(s).underWay(h, m.Dir); err == nil && !busy {
				of(s).begin(s, h, work{mount: m, off: task == "stop", due: s.Now().Add(lasts)})
			}
		},
		Start: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
			m, err := mountable(s, h, r)
			if name := poolOf(h, r); err == nil && name != "" { // IML's agent imports it by force, and then mounts
				of(s).importPool(s, h, name)
			}
			if w, ok := of(s).underWay(h, mountOf(h, r)); ok && err == nil {
				of(s).end(s, w)
			}
			if err == nil && !isMounted(h, m.Dir) {
				h.Mount(s, m)
			}
			return err
		},
		Stop: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
			dir := mountOf(h, r)
			if w, ok := of(s).underWay(h, dir); ok && !w.due.After(s.Now()) {
				of(s).end(s, w)
			}
			h.Unmount(s, dir)
			name := poolOf(h, r)
			if name == "" || !slices.Contains(of(s).pools, pool{h.Name, name}) || of(s).sharedPool(h, name) {
				return nil
			}
			return of(s).exportPool(s, h, name)
		},
		Running: func(_ *simhost.State, h *simhost.Host, r pacemaker.Resource) bool {
			return isMounted(h, mountOf(h, r))
		},
	}
}

// poolOf is the pool that IML's agent imports for a target; none where a resource of its own does, and for a disk.
func poolOf(h *simhost.Host, r pacemaker.Resource) string {
	rec, err := readRecord(h, r)
	name, _, dataset := strings.Cut(rec.Device, "/")
	if err != nil || !dataset || r.Agent() == lustreAgent {
		return ""
	}
	return name
}

// sharedPool tells whether another target of a pool is mounted on a host.
func (*shelf) sharedPool(h *simhost.Host, name string) bool {
	return slices.ContainsFunc(h.Mounts(), func(m simhost.Mount) bool { return strings.HasPrefix(m.Device, name+"/") })
}

// mountOf is where a target is mounted on a host, by its store; nowhere where that does not know it.
func mountOf(h *simhost.Host, r pacemaker.Resource) string {
	rec, err := readRecord(h, r)
	if err != nil {
		return ""
	}
	return rec.Mount
}

func isMounted(h *simhost.Host, dir string) bool {
	return slices.ContainsFunc(h.Mounts(), func(m simhost.Mount) bool { return m.Dir == dir })
}
