package cpstest

import (
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// programs are those of CPS, besides what every Linux host has.
func (p *plan) programs() *simhost.Registry {
	r := simhost.NewRegistry()
	r.Around = func(c *simhost.Call, run simhost.Handler) int { return lie(c, inZone(ofSite(run))) }
	r.Mounted = func(s *simhost.State, h *simhost.Host) {
		if y := systemOf(s); y != nil && h.Name == manager && h.Power == simhost.On {
			y.manager.image = imageMounted(h)
		}
	}
	r.Command("migrate.sh", 0, migrate)
	r.Command("deploy_all.py", 0, deployAll)
	r.Command("deploy.sh", 0, deployOne)
	r.Command("create-cluster-sets.sh", 5*time.Second, createClusterSets)
	r.Command("restartall.sh", 0, restartAll)
	r.Command("diagnostics.sh", 20*time.Second, diagnostics)
	r.Command("about.sh", 10*time.Second, about)
	r.Command("grafana_sync.sh", 30*time.Second, grafanaSync)
	r.Command("clear_wsp_files.sh", 30*time.Second, clearWhisper)
	r.Command("monit", 2*time.Second, monit)
	r.Command("mount", 0, mount)
	r.Command("umount", 0, umount)
	r.Command("df", 0, df)
	r.Command("du", 5*time.Second, du)
	r.Command("curl", 0, curl)
	r.Command("ip", 0, ip)
	r.Command("ps", 0, ps)
	r.Command("mongo", 0, mongoShell)
	if p.opts.DBUser != nil {
		r.Command(loginShell, 0, mongoShell)
	}
	r.Script(OSGiScript, 3*time.Second, osgiConsole)
	r.Services["corosync"] = corosyncService()
	addPatchPrograms(r, &p.opts)
	addKeyPrograms(r, p)
	addCloudPrograms(r, &p.opts)
	qns := judgedService()
	qns.Start = func(s *simhost.State, h *simhost.Host) error { simhost.LayerOf[*patching](s).started(h); return nil }
	r.Services["qns"] = qns
	r.Services["monit"] = judgedService()
	r.Services[heartbeat] = simhost.Service{}
	r.Services[network] = networkService()
	for name, service := range p.mongodServices() {
		r.Services[name] = service
	}
	return r
}

// judgedService is a service whose stop may take the last half out of traffic.
func judgedService() simhost.Service {
	return simhost.Service{
		Stop: func(s *simhost.State, h *simhost.Host) error {
			y := systemOf(s)
			if y == nil || y.lb(h.Name) == nil {
				return nil
			}
			h.MarkService(s, "qns", false)
			y.judge(s)
			return nil
		},
	}
}

func onManager(c *simhost.Call) bool { return c.Host.Name == manager }

func notThere(c *simhost.Call, program string) int {
	return c.Fail(127, "%s: No such file or directory", program)
}

const isoDir = "/mnt/iso"

// imageMounted is the path of the image on /mnt/iso; empty when there is none.
func imageMounted(h *simhost.Host) string {
	for _, m := range h.Mounts() {
		if m.Dir == isoDir {
			return m.Device
		}
	}
	return ""
}

func isMounted(h *simhost.Host) bool { return imageMounted(h) != "" }

// mount is "mount -o loop IMAGE /mnt/iso" (cps:418), and the list without arguments.
func mount(c *simhost.Call) int {
	if len(c.Args) == 0 {
		for _, m := range c.Host.Mounts() {
			c.Printf("%s on %s type %s (%s)\n", m.Device, m.Dir, m.Type, m.Options)
		}
		return 0
	}
	args := slices.DeleteFunc(slices.Clone(c.Args),
		func(a string) bool { return a == "-o" || a == "loop" || a == "loop,ro" || a == "ro,loop" })
	if len(args) != 2 || len(args) == len(c.Args) {
		return c.Fail(32, "mount: only loop mounts of an ISO image are simulated")
	}
	image, dir := c.Path(args[0]), c.Path(args[1])
	data, err := c.Host.ReadFile(image)
	switch {
	case err != nil:
		return c.Fail(32, "mount: %s: failed to setup loop device: %v", args[0], err)
	case systemOf(c.State).isoRelease(data)+systemOf(c.State).arbiterRelease(data) == "":
		return c.Fail(32, "mount: %s: wrong fs type, bad option, bad superblock on /dev/loop0", dir)
	case slices.ContainsFunc(c.Host.Mounts(), func(m simhost.Mount) bool { return m.Dir == dir }):
		return c.Fail(32, "mount: %s is already mounted or %s busy", args[0], dir)
	}
	if dir != isoDir && !c.Host.IsDir(dir) {
		return c.Fail(32, "mount: mount point %s does not exist", dir)
	}
	c.Host.Mount(c.State, simhost.Mount{Device: image, Dir: dir, Type: "iso9660", Options: "ro,relatime"})
	return 0
}

func umount(c *simhost.Call) int {
	if len(c.Args) != 1 {
		return c.Fail(1, "umount: bad usage")
	}
	dir := c.Path(c.Args[0])
	switch {
	case !slices.ContainsFunc(c.Host.Mounts(), func(m simhost.Mount) bool { return m.Dir == dir }):
		return c.Fail(32, "umount: %s: not mounted", c.Args[0])
	case c.Dir == dir:
		return c.Fail(32, "umount: %s: target is busy.", c.Args[0])
	}
	c.Host.Unmount(c.State, dir)
	return 0
}

// df is "df -Pk PATH".
func df(c *simhost.Call) int {
	const size = 100 << 20
	free := systemOf(c.State).opts.FreeKB
	c.Printf("Filesystem     1024-blocks      Used Available Capacity Mounted on\n")
	c.Printf("%-14s %11d %9d %9d %7d%% %s\n", "/dev/vda1", size, size-free, free, (size-free)*100/size, "/")
	return 0
}

// du is "du -sk /var/lib/carbon/whisper" on a pcrfclient (cps:558).
func du(c *simhost.Call) int {
	y := systemOf(c.State)
	if len(c.Args) != 2 || c.Args[0] != "-sk" {
		return c.Fail(1, "du: only -sk PATH is simulated")
	}
	if c.Args[1] != cps.CarbonPath || y.class(c.Host.Name) != "pcrfclient" {
		return c.Fail(1, "du: cannot access '%s': No such file or directory", c.Args[1])
	}
	c.Printf("%d\t%s\n", y.opts.WhisperKB, c.Args[1])
	return 0
}

// curl asks the status API of the Cluster Manager (cps:462-469).
func curl(c *simhost.Call) int {
	y := systemOf(c.State)
	url := c.Args[max(0, len(c.Args)-1):]
	for _, a := range c.Args {
		if strings.HasPrefix(a, "http") {
			url = []string{a}
		}
	}
	if len(url) == 0 || !strings.HasSuffix(url[0], ":8458/api/system/status/cluman") {
		return c.Fail(22, "curl: (22) The requested URL returned error: 404 Not Found")
	}
	h := c.State.Host(manager)
	if h.Power != simhost.On {
		return c.Fail(7, "curl: (7) Failed to connect to port 8458: No route to host")
	}
	status := "ready"
	if c.Now().Before(y.manager.ready) {
		status = "installing"
	}
	c.Printf("{\n  \"status\": %q\n}\n", status)
	return 0
}

// createClusterSets writes the two cluster-upgrade-set files from Hosts.csv (cps:578-628).
func createClusterSets(c *simhost.Call) int {
	y := systemOf(c.State)
	if !onManager(c) || !y.manager.restored {
		return notThere(c, "/var/qps/install/current/scripts/create-cluster-sets.sh")
	}
	hosts, err := hostsFile(c)
	if err != nil {
		return c.Fail(1, "ERROR: %v", err)
	}
	set1, set2, err := cps.SplitClusterSets(hosts)
	if err != nil {
		return c.Fail(1, "ERROR: %v", err)
	}
	for i, set := range []cps.ClusterSet{set1, set2} {
		file := cps.ClusterSetPath(i + 1)
		c.Host.MustWrite(c.State, file, set.String(), 0o644)
		c.Printf("Created %s\n", file)
	}
	return 0
}

// restartAll restarts every VM's processes, one VM after the other; messages are dropped meanwhile (cps:1350-1354).
func restartAll(c *simhost.Call) int {
	y := systemOf(c.State)
	if !onManager(c) || !y.manager.restored {
		return notThere(c, "/var/qps/bin/control/restartall.sh")
	}
	for i := range y.vms {
		v := &y.vms[i]
		if !y.serving(c.State, v.alias) {
			c.Printf("%s: qns is not running\n", v.alias)
			continue
		}
		h := c.State.Host(v.alias)
		_ = h.StopService(c.State, "qns") // its stop does not fail
		c.Sleep(30 * time.Second)
		y.sync(c.State)
		if h.Power == simhost.On {
			_ = h.StartService(c.State, "qns")
		}
		c.Printf("%s: restarted\n", v.alias)
	}
	return 0
}

// grafanaSync copies Grafana's users and dashboards from pcrfclient01 to pcrfclient02 (cps:240,285).
func grafanaSync(c *simhost.Call) int {
	y := systemOf(c.State)
	if y.class(c.Host.Name) != "pcrfclient" {
		return notThere(c, "/var/qps/bin/support/grafana_sync.sh")
	}
	for i := range y.vms {
		v := &y.vms[i]
		if v.class != "pcrfclient" || v.alias == c.Host.Name {
			continue
		}
		if !y.running(c.State, v.alias) {
			return c.Fail(1, "ssh: connect to host %s port 22: No route to host", v.alias)
		}
		c.Printf("Grafana information is synchronized to %s\n", v.alias)
	}
	return 0
}

func clearWhisper(c *simhost.Call) int {
	if systemOf(c.State).class(c.Host.Name) != "pcrfclient" {
		return notThere(c, "clear_wsp_files.sh")
	}
	c.Printf("No WSP file is older than 90 days\n")
	return 0
}

// monit is "monit stop|start|restart|status SERVICE" (cps:665,1791).
func monit(c *simhost.Call) int {
	if onManager(c) || len(c.Args) == 0 {
		return c.Fail(1, "monit: usage: monit start|stop|restart|status [SERVICE]")
	}
	if !c.Host.Active("monit") {
		return c.Fail(1, "monit: no status available -- the monit daemon is not running")
	}
	name := ""
	if len(c.Args) > 1 {
		name = c.Args[1]
	}
	if strings.HasPrefix(name, "qns-") {
		return restartEndpoint(c, name)
	}
	unit, known := c.Host.Service(name)
	switch {
	case c.Args[0] == "status" || c.Args[0] == "summary":
		return monitStatus(c, name)
	case !known:
		return c.Fail(1, "monit: There is no service named \"%s\"", name)
	}
	var err error
	switch c.Args[0] {
	case "stop":
		c.Host.EnableService(c.State, name, false) // monit does not start again what it was told to stop
		err = c.Host.StopService(c.State, name)
	case "start", "restart":
		if unit.Active && c.Args[0] == "restart" {
			err = c.Host.StopService(c.State, name)
		}
		if err == nil {
			c.Host.EnableService(c.State, name, true)
			err = c.Host.StartService(c.State, name)
		}
	default:
		return c.Fail(1, "monit: invalid argument -- %s", c.Args[0])
	}
	if err != nil {
		return c.Fail(1, "monit: %v", err)
	}
	return 0
}

func monitStatus(c *simhost.Call, only string) int {
	for _, name := range []string{"corosync", "qns"} {
		unit, known := c.Host.Service(name)
		if !known || only != "" && only != name {
			continue
		}
		word := "Not monitored"
		if unit.Active {
			word = "Running"
		}
		c.Printf("Process '%s'\n  status                       %s\n", name, word)
	}
	return 0
}

// ipAddr is "ip -o addr show": the addresses of Hosts.csv, network by network, and arbitervip where it is.
func ipAddr(c *simhost.Call) int {
	c.Printf("1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n")
	y := systemOf(c.State)
	row, _ := y.hosts.ByAlias(c.Host.Name)
	show := func(card int, address string) {
		family, bits := "inet", 24
		if strings.Contains(address, ":") {
			family, bits = "inet6", 64
		}
		c.Printf("%d: eth%d    %s %s/%d scope global \\       valid_lft forever preferred_lft forever\n", card+2, card, family, address, bits)
	}
	for i, network := range y.hosts.Networks {
		if addr, ok := row.Address(network); ok {
			show(i, addr.String())
		}
	}
	if c.Host.Name == y.vip.owner || c.Host.Name == y.vip.second {
		show(0, y.opts.ArbiterVIP)
	}
	return 0
}

// ps lists the mongods of a host (cps:1876).
func ps(c *simhost.Call) int {
	c.Printf("UID        PID  PPID  C STIME TTY          TIME CMD\n")
	c.Printf("root         1     0  0 00:00 ?        00:00:02 /usr/lib/systemd/systemd\n")
	y := systemOf(c.State)
	for i, m := range y.mongodsOn(c.Host.Name) {
		if c.Host.Active(mongoService(m.member.Port)) {
			set := y.sets[m.set].spec.Name
			if y.isArbiter(c.Host.Name) && m.member.Port == y.third.wrong {
				set = "another"
			}
			c.Printf("root      %4d     1  2 00:00 ?        00:10:00 /usr/bin/mongod --port %d --replSet %s\n", 2000+i,
				m.member.Port, set)
		}
	}
	if c.Host.Active(heartbeat) {
		c.Printf("root      1900     1  0 00:00 ?        00:01:00 /usr/bin/qns_hb\n")
	}
	c.Printf("root      9999     1  0 00:00 ?        00:00:00 ps -ef\n")
	return 0
}
