package pairtest

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

const (
	passwd = "postgres:x:26:26:PostgreSQL:/var/lib/pgsql:/bin/bash\nhacluster:x:189:189:cluster user:/var/lib/pacemaker:/sbin/nologin\n"
	group  = "postgres:x:26:\nhaclient:x:189:\n"
)

// hostTable is what the nodes know of each other.
func (p *Site) hostTable() string {
	text := "127.0.0.1 localhost\n"
	for i, name := range []string{p.Node1, p.Node2} {
		short, _, _ := strings.Cut(name, ".")
		text += fmt.Sprintf("192.168.7.%d %s %s\n", i+1, name, short)
	}
	if p.Provisioning != "" {
		text += "192.168.7.9 " + p.Provisioning + "\n"
	}
	return text
}

// base is a host of a release.
func base(release system) simhost.OS {
	os := simhost.EL7()
	os.Release = release.title
	return os
}

// oldSystem is a node of the old cluster.
func (p *Site) oldSystem(node string) simhost.OS {
	os := base(p.from)
	maps.Copy(os.Packages, p.from.versions)
	maps.Copy(os.Services, map[string]simhost.Unit{"corosync": {Enabled: true}, "pacemaker": {Enabled: true}, "pcsd": {Enabled: true},
		"firewalld": {}})
	maps.Copy(os.Files, map[string]string{
		"/etc/hosts": p.hostTable(), "/etc/resolv.conf": "nameserver 192.168.7.9\n",
		"/etc/corosync/corosync.conf": p.Corosync, "/etc/corosync/authkey": "simulated key of the old cluster\n",
		"/etc/pacemaker/authkey": "simulated key of the old cluster\n", "/var/lib/pacemaker/cib/cib.xml": p.CIB,
		"/var/lib/pcsd/known-hosts": `{"format_version": 1, "data_version": 1, ` +
			`"known_hosts": {"` + p.Node1 + `": {"dest_list": [], "token": "old"}, "` +
			p.Node2 + `": {"dest_list": [], "token": "old"}}}`,
		"/root/.ssh/authorized_keys": "ssh-rsa AAAAsimulated admin@provision.example.com\n",
		"/usr/sbin/exportfs":         "#!/bin/sh\n", "/usr/bin/pg_ctl": "#!/bin/sh\n", "/var/lib/nfs/etab": "",
	})
	maps.Copy(os.Files, p.Files[node])
	p.prepare(&os)
	os.Files["/etc/passwd"] += passwd
	os.Files["/etc/group"] += group
	os.Files["/etc/shadow"] += "postgres:!!:19000::::::\nhacluster:!!:19000::::::\n"
	os.Owners = map[string]string{"/var/lib/pacemaker/cib/cib.xml": "hacluster:haclient", "/etc/pacemaker/authkey": "hacluster:haclient"}
	return os
}

// freshSystem is what the technician leaves: the system, the network and the names of the node.
func (p *Site) freshSystem(name string) simhost.OS {
	os := base(p.to)
	os.Files["/etc/hostname"] = name + "\n"
	p.prepare(&os)
	for _, repo := range p.repositories() {
		os.Files[repositoryFile(repo)] = repositoryText(repo, 0)
	}
	return os
}

// prepare gives a system what the resources find on it: units of systemd, programs in places of the site's own.
func (p *Site) prepare(os *simhost.OS) {
	for _, r := range p.primitives {
		if program := value(r, "pgctl"); r.Agent() == "ocf:heartbeat:pgsql" && path.IsAbs(program) && program != "/usr/bin/pg_ctl" {
			os.Files[program] = "#!/bin/sh\n"
		}
		if r.Class == "systemd" {
			os.Services[unitOf(r)] = simhost.Unit{}
		}
	}
}

// unitOf is the unit of systemd that a resource is.
func unitOf(r pacemaker.Resource) string { return strings.TrimSuffix(r.Type, ".service") }

// repositories are those that have the cluster's software.
func (p *Site) repositories() []string {
	if len(p.Repositories) > 0 {
		return p.Repositories
	}
	return []string{p.to.repository}
}

func repositoryFile(name string) string { return "/etc/yum.repos.d/" + name + ".repo" }

func repositoryText(name string, enabled int) string {
	return fmt.Sprintf("[%s]\nname=High Availability\nenabled=%d\n", name, enabled)
}

// attach shows a node the shared disks.
func (p *Site) attach(s *simhost.State, h *simhost.Host) {
	for _, d := range p.disks {
		h.MustWrite(s, d.kernel, "", 0o660)
		if d.file == d.kernel {
			continue
		}
		h.MakeDirs(s, path.Dir(d.file))
		if err := h.Put(s, d.file, simhost.File{Kind: simhost.Symlink, Mode: 0o777, Target: d.kernel}); err != nil {
			panic("pairtest: " + err.Error())
		}
	}
}

const mapper = "/dev/mapper/"

// runMounts is what pair.MountScript does.
func runMounts(c *simhost.Call) int {
	site := of(c.State).site
	c.Printf("22 1 253:0 / / rw,relatime shared:1 - xfs /dev/mapper/root rw\n")
	for i, m := range c.Host.Mounts() {
		c.Printf("%d 22 253:%d / %s %s shared:%d - %s %s rw\n", 40+i, site.number(m.Device), m.Dir, m.Options, 2+i, m.Type, m.Device)
	}
	c.Printf("directory %s\n", c.Args[1])
	if device := c.Args[2]; device == "" || !c.Host.Exists(device) {
		c.Printf("device -\n")
	} else {
		c.Printf("device fd:%x\n", site.number(device))
	}
	return 0
}

// packages are what the repositories hold.
func (p *Site) packages() []simhost.Package {
	hacluster := []simhost.User{{Name: "hacluster", Group: "haclient", ID: 189, Home: "/var/lib/pacemaker", Shell: "/sbin/nologin"}}
	its, version := p.repositories()[0], p.to.versions
	list := []simhost.Package{
		{Name: "pacemaker", Version: version["pacemaker"], Repo: its, Needs: []string{"corosync", "resource-agents"},
			Services: []string{"pacemaker"},
			Users:    hacluster, Files: map[string]string{"/var/lib/pacemaker/cib/.keep": ""},
			Programs: []string{"cibadmin", "crm_mon", "crm_node", "crm_attribute", "crm_standby", "crm_resource", "stonith_admin"}},
		{Name: "corosync", Version: version["corosync"], Repo: its, Services: []string{"corosync"},
			Programs: []string{"corosync-cfgtool"}},
		{Name: "pcs", Version: version["pcs"], Repo: its, Needs: []string{"pacemaker"}, Services: []string{"pcsd"},
			Programs: []string{"pcs"}},
		{Name: "resource-agents", Version: version["resource-agents"], Repo: its},
		{Name: "fence-agents-all", Version: version["fence-agents-all"], Repo: its},
		{Name: "nfs-utils", Version: version["nfs-utils"], Repo: "base", Files: map[string]string{"/usr/sbin/exportfs": "#!/bin/sh\n",
			"/var/lib/nfs/etab": ""}},
		{Name: "postgresql-server", Version: version["postgresql-server"], Repo: "base",
			Files: map[string]string{"/usr/bin/pg_ctl": "#!/bin/sh\n"},
			Users: []simhost.User{{Name: "postgres", ID: 26, Home: "/var/lib/pgsql", Shell: "/bin/bash"}}},
	}
	for _, name := range p.Packages {
		if !slices.ContainsFunc(list, func(have simhost.Package) bool { return have.Name == name }) {
			list = append(list, simhost.Package{Name: name, Version: "1.0-1." + p.to.name, Repo: "base"})
		}
	}
	return list
}

// registry is the software of the site.
func (p *Site) registry() *simhost.Registry {
	r := simhost.NewRegistry()
	r.Packages = p.packages()
	yum := r.Program("yum")
	r.Command("dnf", 0, func(c *simhost.Call) int {
		if len(c.Args) != 3 || c.Args[0] != "config-manager" || c.Args[1] != "--set-enabled" {
			return yum(c)
		}
		if !c.Host.Exists(repositoryFile(c.Args[2])) {
			return c.Fail(1, "Error: No matching repo to modify: %s.", c.Args[2])
		}
		c.Host.MustWrite(c.State, repositoryFile(c.Args[2]), repositoryText(c.Args[2], 1), 0o644)
		return 0
	})
	ps := r.Program("ps")
	r.Command("ps", 0, func(c *simhost.Call) int {
		if tree := pair.ProcessTree(); !slices.Equal(c.Args, tree[1:]) {
			return ps(c)
		}
		c.Printf("    1     0 /sbin/init\n    2     0 [kthreadd]\n")
		for i, args := range c.Host.Processes() {
			c.Printf("%5d     1 %s\n", 1000+i, args)
		}
		c.Printf(" 9999     1 %s\n", strings.Join(pair.ProcessTree(), " "))
		return 0
	})
	r.Command("ip", 0, runIP)
	r.Command("grep", 0, runGrep)
	r.Command(path.Base(cmp.Or(p.Reinstall, "reinstall")), 0, runReinstall)
	r.Mounted = func(s *simhost.State, _ *simhost.Host) {
		if f := of(s); f != nil {
			f.check(s)
		}
	}
	r.Script(pair.MountScript, 0, runMounts)
	r.Script(pair.PackagingScript, 0, runPackaging)
	r.Command("systemctl", 0, runSystemctl(r.Program("systemctl")))
	labels(r)
	p.database(r)
	r.Script(backup.SameTree("", "").Cmd.Argv[2], 0, simhost.SameTree)
	return r
}

// runReinstall is the site's own provisioning: it erases a host and gives it the new system, or updates one that stays on its release.
func runReinstall(c *simhost.Call) int {
	h := c.State.Host(c.Args[len(c.Args)-1])
	if f := of(c.State); h != nil && f.site.rolling() {
		if !h.Reachable() {
			return c.Fail(1, "update: %s does not answer", h.Name)
		}
		f.bring(c.State, h, f.site.to, "")
		return 0
	}
	if h == nil || h.Power != simhost.Off {
		return c.Fail(1, "reinstall: %s is not there, or not off", c.Args[len(c.Args)-1])
	}
	of(c.State).erase(c.State, h)
	return 0
}
