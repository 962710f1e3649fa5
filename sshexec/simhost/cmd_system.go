package simhost

import (
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

func addSystemPrograms(r *Registry) {
	r.Command("hostname", 0, runHostname)
	r.Command("uname", 0, runUname)
	r.Command("getenforce", 0, func(c *Call) int { c.Printf("%s\n", c.Host.SELinux); return 0 })
	r.Command("sync", 0, func(*Call) int { return 0 })
	r.Command("reboot", 0, runReboot)
	r.Command("poweroff", 0, runPoweroff)
	r.Command("halt", 0, runPoweroff)
	r.Command("shutdown", 0, runShutdown)
	r.Command("modprobe", 0, runModprobe)
	r.Command("rmmod", 0, runRmmod)
	r.Command("lsmod", 0, runLsmod)
	r.Command("df", 0, runDf)
	r.Command("mount", 0, runMount)
	r.Command("umount", 0, runUmount)
	r.Command("pgrep", 0, runPgrep)
	r.Command("ps", 0, runPs)
	r.Command("mountpoint", 0, runMountpoint)
	r.Command("genhostid", 0, runGenhostid)
	r.Command("hostid", 0, runHostid)
	r.Command("dkms", 0, runDkms)
	r.Command("ntpd", 10*time.Second, runNtpd)
}

func isVirtual(p string) bool { return strings.HasPrefix(p, "/proc/") || strings.HasPrefix(p, "/sys/") }

// virtual is what the kernel shows under /proc.
func (h *Host) virtual(p string) (string, bool) {
	var b strings.Builder
	switch p {
	case "/proc/sys/kernel/random/boot_id":
		return h.BootID() + "\n", true
	case "/proc/sys/kernel/hostname":
		return h.Hostname() + "\n", true
	case "/proc/mounts", "/proc/self/mounts", "/etc/mtab":
		fmt.Fprintf(&b, "rootfs / rootfs rw 0 0\nproc /proc proc rw,relatime 0 0\n/dev/vda1 / xfs rw,relatime 0 0\n")
		for _, m := range h.mounts {
			fmt.Fprintf(&b, "%s %s %s %s 0 0\n", m.Device, m.Dir, m.Type, m.Options)
		}
		return b.String(), true
	case "/proc/modules":
		for _, m := range h.modules {
			fmt.Fprintf(&b, "%s 1000000 0 - Live 0x0000000000000000\n", m)
		}
		return b.String(), true
	}
	return "", false
}

func runHostname(c *Call) int {
	f, err := parseFlags(c.Args, "fsd", "", "fqdn", "long", "short")
	switch {
	case err != nil || len(f.rest) > 0:
		return c.Fail(1, "hostname: setting the name is not simulated")
	case f.has("f", "fqdn") || f.has("", "long"):
		c.Printf("%s\n", c.Host.Name)
	case f.has("s", "short"):
		c.Printf("%s\n", c.Host.Short())
	default:
		c.Printf("%s\n", c.Host.Hostname())
	}
	return 0
}

func runUname(c *Call) int {
	if len(c.Args) == 1 {
		switch c.Args[0] {
		case "-r":
			c.Printf("%s\n", c.Host.Kernel)
			return 0
		case "-n":
			c.Printf("%s\n", c.Host.Hostname())
			return 0
		case "-m":
			c.Printf("x86_64\n")
			return 0
		}
	}
	c.Printf("Linux\n")
	return 0
}

// runPgrep is `pgrep -x PROGRAM`. The numbers are those of the order of the processes.
func runPgrep(c *Call) int {
	if len(c.Args) != 2 || c.Args[0] != "-x" {
		return c.Fail(2, "pgrep: only -x is simulated")
	}
	status := 1
	for i, args := range c.Host.procs {
		program, _, _ := strings.Cut(args, " ")
		if path.Base(program) == c.Args[1] {
			c.Printf("%d\n", firstProcess+i)
			status = 0
		}
	}
	return status
}

// firstProcess is the number of the first process that was spawned.
const firstProcess = 2001

// runPs is `ps -e -o stat= -o args=`: the system's own processes, those that were spawned, and ps.
func runPs(c *Call) int {
	if strings.Join(c.Args, " ") != "-e -o stat= -o args=" {
		return c.Fail(1, "ps: only -e -o stat= -o args= is simulated")
	}
	c.Printf("Ss   /sbin/init\nS    [kthreadd]\nSs   /usr/sbin/sshd\n")
	for _, args := range c.Host.procs {
		c.Printf("D    %s\n", args)
	}
	c.Printf("R+   ps %s\n", strings.Join(c.Args, " "))
	return 0
}

func runReboot(c *Call) int {
	c.stopAll()
	if c.Host.Power == On {
		c.Host.Orderly = true
		c.Host.Restart(c.State)
		c.Host.Orderly = false
	}
	return 0
}

func runPoweroff(c *Call) int {
	c.stopAll()
	c.Host.ShutDown = true
	c.Host.PowerOff(c.State)
	return 0
}

// stopAll stops the running services in order, the last started first, as an orderly shutdown does.
func (c *Call) stopAll() {
	var active []string
	for name, u := range c.Host.services {
		if u.Active && name != "sshd" {
			active = append(active, name)
		}
	}
	slices.Sort(active)
	slices.Reverse(active)
	for _, name := range active {
		if c.Host.Power == On {
			_ = c.Host.StopService(c.State, name)
		}
	}
}

func runShutdown(c *Call) int {
	f, err := parseFlags(c.Args, "hrPH", "")
	if err != nil || len(f.rest) == 0 {
		return c.Fail(1, "shutdown: time expected")
	}
	if f.rest[0] != "now" && f.rest[0] != "+0" {
		return c.Fail(1, "shutdown: only 'now' is simulated")
	}
	if f.has("r", "") {
		return runReboot(c)
	}
	return runPoweroff(c)
}

func runModprobe(c *Call) int {
	f, err := parseFlags(c.Args, "vqrn", "")
	if err != nil || len(f.rest) == 0 {
		return c.Fail(1, "modprobe: ERROR: missing parameters. See -h.")
	}
	module := f.rest[0]
	if f.has("r", "") {
		return c.unload(module)
	}
	if c.Host.Loaded(module) {
		return 0
	}
	if err := c.CanLoad(c.Host, module); err != nil {
		return c.Fail(1, "modprobe: %v", err)
	}
	if f.has("v", "") {
		c.Printf("insmod /lib/modules/%s/extra/%s.ko\n", c.Host.Kernel, module)
	}
	c.Host.Load(c.State, module)
	return 0
}

// CanLoad says why a module would not load: no package brings it, its package does not fit the running kernel, or it was not compiled.
func (s *State) CanLoad(h *Host, module string) error {
	missing := fmt.Errorf("FATAL: Module %s not found", module)
	for _, p := range s.Registry.Packages {
		if !slices.Contains(p.Modules, module) || h.packages[p.Name] == "" || p.Release != 0 && p.Release != h.Major() {
			continue
		}
		if !strings.Contains(h.Kernel, p.Kernel) || p.DKMS && h.dkms[p.Name] != h.Kernel {
			continue
		}
		if check := s.Registry.Modules[module]; check != nil {
			return check(s, h)
		}
		return nil
	}
	return missing
}

func (c *Call) unload(module string) int {
	if !c.Host.Loaded(module) {
		return c.Fail(1, "rmmod: ERROR: Module %s is not currently loaded", module)
	}
	for _, m := range c.Host.mounts {
		if m.Type == module {
			return c.Fail(1, "rmmod: ERROR: Module %s is in use", module)
		}
	}
	c.Host.Unload(c.State, module)
	return 0
}

func runRmmod(c *Call) int {
	if len(c.Args) != 1 {
		return c.Fail(1, "rmmod: ERROR: missing module name.")
	}
	return c.unload(c.Args[0])
}

func runLsmod(c *Call) int {
	c.Printf("Module                  Size  Used by\n")
	for _, m := range c.Host.modules {
		c.Printf("%-19s 1000000  0\n", m)
	}
	return 0
}

// runDf prints the table of mounted file systems of one type, with sizes of its own making.
func runDf(c *Call) int {
	f, err := parseFlags(c.Args, "hPkT", "t")
	if err != nil {
		return c.refuse(err)
	}
	rows := slices.DeleteFunc(c.Host.Mounts(), func(m Mount) bool { return f.value['t'] != "" && m.Type != f.value['t'] })
	if f.value['t'] == "" {
		rows = append([]Mount{{"/dev/vda1", "/", "xfs", "rw"}}, rows...)
	}
	if len(rows) == 0 {
		return c.Fail(1, "df: no file systems processed")
	}
	c.Printf("%-52s %5s %5s %5s %4s %s\n", "Filesystem", "Size", "Used", "Avail", "Use%", "Mounted on")
	for _, m := range rows {
		c.Printf("%-52s %5s %5s %5s %4s %s\n", m.Device, "9.8G", "1.2G", "8.0G", "13%", m.Dir)
	}
	return 0
}

func runMount(c *Call) int {
	if len(c.Args) > 0 {
		return c.Fail(32, "mount: mounting by hand is not simulated here")
	}
	for _, m := range c.Host.mounts {
		c.Printf("%s on %s type %s (%s)\n", m.Device, m.Dir, m.Type, m.Options)
	}
	return 0
}

func runUmount(c *Call) int {
	f, err := parseFlags(c.Args, "flv", "")
	if err != nil || len(f.rest) != 1 {
		return c.Fail(1, "umount: bad usage")
	}
	dir := c.Path(f.rest[0])
	if !slices.ContainsFunc(c.Host.mounts, func(m Mount) bool { return m.Dir == dir }) {
		return c.Fail(32, "umount: %s: not mounted", f.rest[0])
	}
	c.Host.Unmount(c.State, dir)
	return 0
}

func runMountpoint(c *Call) int {
	f, err := parseFlags(c.Args, "q", "")
	if err != nil || len(f.rest) != 1 {
		return c.Fail(1, "mountpoint: bad usage")
	}
	verdict, status := "is not a mountpoint", 1
	if slices.ContainsFunc(c.Host.mounts, func(m Mount) bool { return m.Dir == c.Path(f.rest[0]) }) {
		verdict, status = "is a mountpoint", 0
	}
	if !f.has("q", "") {
		c.Printf("%s %s\n", path.Clean(f.rest[0]), verdict)
	}
	return status
}

func runHostid(c *Call) int {
	id := c.Host.HostID
	if data, err := c.Host.ReadFile("/etc/hostid"); err == nil && len(data) == 4 {
		id = binary.LittleEndian.Uint32([]byte(data))
	}
	c.Printf("%08x\n", id)
	return 0
}

func runGenhostid(c *Call) int {
	id := binary.LittleEndian.AppendUint32(nil, c.Host.HostID^uint32(c.Host.Installs)<<16)
	if err := c.Host.WriteFile(c.State, "/etc/hostid", string(id)); err != nil {
		return c.Fail(1, "genhostid: %v", err)
	}
	return 0
}

// runDkms lists the packages whose modules are compiled on the host, in the order of the catalogue: `name, version,
// kernel, arch: installed`.
func runDkms(c *Call) int {
	if len(c.Args) == 0 || c.Args[0] != "status" {
		return c.Fail(1, "Error! Unknown action specified: \"%s\"", strings.Join(c.Args, " "))
	}
	var seen []string
	for _, p := range c.Registry.Packages {
		version := c.Host.packages[p.Name]
		if !p.DKMS || version == "" || slices.Contains(seen, p.Name) {
			continue
		}
		seen = append(seen, p.Name)
		name, upstream := strings.TrimSuffix(p.Name, "-dkms"), version
		if i := strings.LastIndexByte(version, '-'); i > 0 {
			upstream = version[:i]
		}
		if kernel := c.Host.dkms[p.Name]; kernel != "" {
			c.Printf("%s, %s, %s, x86_64: installed\n", name, upstream, kernel)
		} else {
			c.Printf("%s, %s: added\n", name, upstream)
		}
	}
	return 0
}

func runNtpd(c *Call) int {
	if c.Host.Package("ntp") == "" {
		return c.Fail(127, "sh: ntpd: command not found")
	}
	if !slices.Contains(c.Args, "-qg") && !slices.Contains(c.Args, "-q") {
		return c.Fail(1, "ntpd: only setting the clock once (-q) is simulated")
	}
	c.Printf("ntpd: time set +0.012345s\n")
	return 0
}
