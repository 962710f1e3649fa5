package simhost

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Power is whether a host runs.
type Power uint8

// The power states.
const (
	Off Power = iota
	Booting
	On
)

func (p Power) String() string { return [...]string{"off", "booting", "on"}[min(p, On)] }

// BootTime is how long a host takes from power to a login.
const BootTime = 60 * time.Second

// OS is an operating system as its installer leaves it.
type OS struct {
	Release  string            // the text of /etc/redhat-release
	Kernel   string            // the kernel package's version and release
	Packages map[string]string // name to version, beside the kernel
	Services map[string]Unit   // services there from the first
	Files    map[string]string // mode 0644, but 0600 for /etc/shadow, /etc/gshadow and private keys
	Owners   map[string]string // who owns a file of Files, as user:group; its mode is then 0600. Others are root's
	FQDN     bool              // whether hostname prints the full name (EL7) or the short one (EL6)
	SELinux  string            // Enforcing, Permissive or Disabled
}

// Unit is a service's state.
type Unit struct{ Active, Enabled bool }

// Mount is one mounted file system.
type Mount struct{ Device, Dir, Type, Options string }

// Host is one machine.
type Host struct {
	Name     string // in full
	Power    Power
	ShutDown bool   // it is off because its own programs halted it
	Orderly  bool   // it goes down because its own programs restart it; only while its layers are told so
	Boots    int    // how often the kernel started; each gives another boot id
	Installs int    // how often an operating system was put on the disk
	Kernel   string // the running kernel's release
	SELinux  string
	HostID   uint32 // what hostid prints where /etc/hostid is missing
	// Lease is the tool's lease on the machine's disk, and what fences read: State.Hash leaves it out, since each life of
	// the tool writes another.
	Lease sshexec.SimLease

	jobs     jobs // State.Hash leaves them out, too: they are the tool's
	fqdn     bool
	bootAt   time.Time // when Booting
	upSince  time.Time
	disk     tree
	packages map[string]string
	dkms     map[string]string // package to the kernel its modules were built for; empty when they were not built
	services map[string]Unit
	modules  []string
	mounts   []Mount
	procs    []string // the arguments of each process that somebody else than the system runs
	firewall firewall
	hostKey  string // what sshd presents since it last started
}

func newHost(fqdn string) *Host {
	sum := sha256.Sum256([]byte(fqdn))
	return &Host{Name: fqdn, HostID: uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3])}
}

// Short is the host's name up to the first dot.
func (h *Host) Short() string {
	short, _, _ := strings.Cut(h.Name, ".")
	return short
}

// Hostname is what the program hostname prints.
func (h *Host) Hostname() string {
	if h.fqdn {
		return h.Name
	}
	return h.Short()
}

var releaseNumber = regexp.MustCompile(`release (\d+)`)

// Major is the operating system's major release, read from /etc/redhat-release; 0 when that says none.
func (h *Host) Major() int {
	text, _ := h.ReadFile("/etc/redhat-release")
	m := releaseNumber.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// install puts an operating system on an empty disk, with fresh SSH host keys. The host stays off.
func (h *Host) install(s *State, os OS) {
	h.Installs++
	h.disk, h.packages, h.dkms, h.services = newTree(), maps.Clone(os.Packages), map[string]string{}, maps.Clone(os.Services)
	h.modules, h.mounts, h.firewall = nil, nil, newFirewall()
	h.fqdn, h.SELinux = os.FQDN, os.SELinux
	h.Lease, h.jobs = sshexec.SimLease{}, nil
	if h.packages == nil {
		h.packages = map[string]string{}
	}
	if h.services == nil {
		h.services = map[string]Unit{}
	}
	h.packages["kernel"] = os.Kernel
	h.services["sshd"] = Unit{Enabled: true}
	for _, dir := range []string{"/root", "/tmp", "/mnt", "/var/lib", "/etc/ssh", "/etc/sysconfig", "/etc/yum.repos.d", "/etc/modprobe.d"} {
		h.MakeDirs(s, dir)
	}
	h.MustWrite(s, "/etc/redhat-release", os.Release+"\n", 0o644)
	for _, p := range slices.Sorted(maps.Keys(os.Files)) {
		h.MustWrite(s, p, os.Files[p], modeOf(p))
	}
	for _, p := range slices.Sorted(maps.Keys(os.Owners)) {
		user, group, _ := strings.Cut(os.Owners[p], ":")
		h.MustGive(s, p, os.Files[p], user, group)
	}
	for _, kind := range []string{"rsa", "ed25519"} {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", h.Name, kind, h.Installs))
		secret := base64.StdEncoding.EncodeToString(sum[:])
		h.MustWrite(s, "/etc/ssh/ssh_host_"+kind+"_key", "simulated private key "+secret+"\n", 0o600)
		h.MustWrite(s, "/etc/ssh/ssh_host_"+kind+"_key.pub", "ssh-"+kind+" "+base64.StdEncoding.EncodeToString(sum[:16])+" simulated\n", 0o644)
	}
	if !h.Exists("/etc/ssh/sshd_config") {
		h.MustWrite(s, "/etc/ssh/sshd_config", "PermitRootLogin yes\n", 0o600)
	}
}

func modeOf(p string) fs.FileMode {
	switch {
	case p == "/etc/shadow", p == "/etc/gshadow", strings.HasSuffix(p, ".pem"), strings.HasSuffix(p, "_key"),
		strings.HasPrefix(p, "/root/.ssh/"):
		return 0o600
	case p == "/etc/sudoers":
		return 0o440
	}
	return 0o644
}

// Install lets somebody stand at a machine that is off and put an operating system on it: the disk is wiped, then it boots.
func (h *Host) Install(s *State, os OS) {
	h.PowerOff(s)
	h.install(s, os)
	s.Note(h.Name, "installed %s", os.Release)
	s.tell(h, Installed)
	h.PowerOn(s)
}

// PowerOff takes the power away at once.
func (h *Host) PowerOff(s *State) {
	if h.Power == Off {
		return
	}
	h.goDown(s, "powered off")
}

// PowerOn gives power to a host that is off; it is up after BootTime.
func (h *Host) PowerOn(s *State) {
	if h.Power == Off {
		h.Power, h.bootAt = Booting, s.now.Add(BootTime)
	}
}

// Restart takes the power away and gives it back at once.
func (h *Host) Restart(s *State) {
	h.goDown(s, "restarted")
	h.PowerOn(s)
}

func (h *Host) goDown(s *State, how string) {
	h.Power, h.Lease.Running = Off, ""
	h.modules, h.mounts, h.procs = nil, nil, nil
	for name, u := range h.services {
		u.Active = false
		h.services[name] = u
	}
	s.Note(h.Name, "%s", how)
	s.mountsChanged(h)
	s.tell(h, WentDown)
}

// boot starts the kernel and the enabled services, in the order of their names.
func (h *Host) boot(s *State) {
	h.Power, h.ShutDown, h.bootAt, h.upSince = On, false, time.Time{}, s.now
	h.Boots++
	h.Kernel = h.packages["kernel"] + ".x86_64"
	h.firewall.boot()
	s.Note(h.Name, "booted")
	s.tell(h, CameUp)
	for _, name := range slices.Sorted(maps.Keys(h.services)) {
		if h.services[name].Enabled && h.Power == On {
			_ = h.StartService(s, name)
		}
	}
}

// Reachable tells whether a connection for commands can be made.
func (h *Host) Reachable() bool { return h.Power == On && h.services["sshd"].Active }

// HostKey is the fingerprint that sshd presents. It follows /etc/ssh/ssh_host_*_key.pub as they were when sshd last started.
func (h *Host) HostKey() string { return h.hostKey }

func (h *Host) loadHostKey() error {
	var b strings.Builder
	for _, p := range h.Glob("/etc/ssh/ssh_host_*_key.pub") {
		data, _ := h.ReadFile(p)
		b.WriteString(data)
	}
	if b.Len() == 0 {
		return errors.New("no host keys available")
	}
	sum := sha256.Sum256([]byte(b.String()))
	h.hostKey = "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
	return nil
}

// MachineID is what /etc/machine-id holds: another after each installation.
func (h *Host) MachineID() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s machine %d", h.Name, h.Installs))
	return fmt.Sprintf("%x", sum[:16])
}

// machine is who the host is, as a look at its lease tells. A host of EL6 has the id of D-Bus.
func (h *Host) machine() sshexec.Machine {
	from := "/etc/machine-id"
	if h.Major() == 6 {
		from = "/var/lib/dbus/machine-id"
	}
	return sshexec.Machine{HostKey: h.hostKey, ID: h.MachineID(), IDFrom: from, Name: h.Hostname()}
}

// BootID is what /proc/sys/kernel/random/boot_id holds: another at each boot.
func (h *Host) BootID() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s boot %d", h.Name, h.Boots))
	x := fmt.Sprintf("%x", sum)
	return x[:8] + "-" + x[8:12] + "-4" + x[12:15] + "-8" + x[15:18] + "-" + x[18:30]
}

// Package is the installed version of a package; empty when it is not installed.
func (h *Host) Package(name string) string { return h.packages[name] }

// SetPackage records a package as installed, without what an installation does; an empty version removes it.
func (h *Host) SetPackage(s *State, name, version string) {
	if version == "" {
		delete(h.packages, name)
		delete(h.dkms, name)
		s.Note(h.Name, "removed package %s", name)
		return
	}
	h.packages[name] = version
	s.Note(h.Name, "installed package %s-%s", name, version)
}

// Service is a service's state; ok is false when the host has no such service.
func (h *Host) Service(name string) (u Unit, ok bool) { u, ok = h.services[name]; return u, ok }

// Active tells whether a service runs.
func (h *Host) Active(name string) bool { return h.services[name].Active }

// AddService makes a service known.
func (h *Host) AddService(name string, u Unit) { h.services[name] = u }

// EnableService sets whether a service starts at boot.
func (h *Host) EnableService(s *State, name string, enabled bool) {
	u := h.services[name]
	if u.Enabled != enabled {
		u.Enabled = enabled
		h.services[name] = u
		s.Note(h.Name, "service %s enabled=%v", name, enabled)
	}
}

// StartService starts a service with all it does; nothing happens when it runs already.
func (h *Host) StartService(s *State, name string) error {
	u, ok := h.services[name]
	if !ok {
		return fmt.Errorf("Unit %s.service not found", name)
	}
	if u.Active {
		return nil
	}
	if name == "sshd" {
		if err := h.loadHostKey(); err != nil {
			return err
		}
	}
	h.MarkService(s, name, true)
	if start := s.Registry.Services[name].Start; start != nil {
		if err := start(s, h); err != nil {
			h.MarkService(s, name, false)
			return err
		}
	}
	return nil
}

// StopService stops a service with all it does; nothing happens when it does not run.
func (h *Host) StopService(s *State, name string) error {
	if !h.services[name].Active {
		return nil
	}
	if stop := s.Registry.Services[name].Stop; stop != nil {
		if err := stop(s, h); err != nil {
			return err
		}
	}
	if h.Power == On { // stopping may have taken the host down
		h.MarkService(s, name, false)
	}
	return nil
}

// MarkService sets a service's flag without doing anything else.
func (h *Host) MarkService(s *State, name string, active bool) {
	u := h.services[name]
	if u.Active != active {
		u.Active = active
		h.services[name] = u
		s.Note(h.Name, "service %s active=%v", name, active)
	}
}

// Loaded tells whether a kernel module is loaded.
func (h *Host) Loaded(module string) bool { return slices.Contains(h.modules, module) }

// Load loads a kernel module without asking whether it can be.
func (h *Host) Load(s *State, module string) {
	if !h.Loaded(module) {
		h.modules = append(slices.Clip(h.modules), module)
		s.Note(h.Name, "loaded module %s", module)
	}
}

// Unload unloads a kernel module.
func (h *Host) Unload(s *State, module string) {
	if i := slices.Index(h.modules, module); i >= 0 {
		h.modules = slices.Delete(slices.Clone(h.modules), i, i+1)
		s.Note(h.Name, "unloaded module %s", module)
	}
}

// Mounts are the mounted file systems, in the order of mounting.
func (h *Host) Mounts() []Mount { return slices.Clone(h.mounts) }

// Mount mounts a file system; whoever calls it has checked that it may be.
func (h *Host) Mount(s *State, m Mount) {
	h.mounts = append(slices.Clip(h.mounts), m)
	s.Note(h.Name, "mounted %s on %s", m.Device, m.Dir)
	s.mountsChanged(h)
}

// Unmount unmounts what is mounted on a directory.
func (h *Host) Unmount(s *State, dir string) {
	if i := slices.IndexFunc(h.mounts, func(m Mount) bool { return m.Dir == dir }); i >= 0 {
		s.Note(h.Name, "unmounted %s from %s", h.mounts[i].Device, dir)
		h.mounts = slices.Delete(slices.Clone(h.mounts), i, i+1)
		s.mountsChanged(h)
	}
}

// Spawn adds a process, which stays until End, or until the host goes down. The programs of this world themselves end
// as soon as they begin.
func (h *Host) Spawn(s *State, args string) {
	h.procs = append(slices.Clip(h.procs), args)
	s.Note(h.Name, "%s has begun", args)
}

// End ends a process with these arguments, if there is one.
func (h *Host) End(s *State, args string) {
	if i := slices.Index(h.procs, args); i >= 0 {
		h.procs = slices.Delete(slices.Clone(h.procs), i, i+1)
		s.Note(h.Name, "%s has ended", args)
	}
}

// Processes are the arguments of the processes that were spawned and have not ended.
func (h *Host) Processes() []string { return slices.Clone(h.procs) }

func (s *State) mountsChanged(h *Host) {
	if s.Registry.Mounted != nil {
		s.Registry.Mounted(s, h)
	}
}

func (h *Host) clone() *Host {
	c := *h
	c.disk = h.disk.clone()
	c.packages, c.dkms, c.services = maps.Clone(h.packages), maps.Clone(h.dkms), maps.Clone(h.services)
	c.modules, c.mounts, c.procs = slices.Clip(h.modules), slices.Clip(h.mounts), slices.Clip(h.procs)
	c.firewall = h.firewall.clone()
	c.Lease, c.jobs = h.Lease.Clone(), jobs(sshexec.SimJobs(h.jobs).Clone())
	return &c
}

func (h *Host) encode(e *Encoder) {
	e.Texts([]string{h.Name, h.Kernel, h.SELinux, h.hostKey})
	e.Int(int(h.Power))
	e.Bool(h.ShutDown)
	e.Int(h.Boots)
	e.Int(h.Installs)
	e.Int(int(h.HostID))
	e.Bool(h.fqdn)
	e.ToGo(h.bootAt)
	h.disk.encode(e)
	for _, m := range []map[string]string{h.packages, h.dkms} {
		e.Int(len(m))
		for _, k := range slices.Sorted(maps.Keys(m)) {
			e.Text(k)
			e.Text(m[k])
		}
	}
	e.Int(len(h.services))
	for _, k := range slices.Sorted(maps.Keys(h.services)) {
		e.Text(k)
		e.Bool(h.services[k].Active)
		e.Bool(h.services[k].Enabled)
	}
	e.Texts(h.modules)
	e.Int(len(h.mounts))
	for _, m := range h.mounts {
		e.Texts([]string{m.Device, m.Dir, m.Type, m.Options})
	}
	e.Texts(h.procs)
	h.firewall.encode(e)
}
