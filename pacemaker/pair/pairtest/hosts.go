package pairtest

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

const (
	passwd = "postgres:x:26:26:PostgreSQL:/var/lib/pgsql:/bin/bash\nhacluster:x:189:189:cluster user:/var/lib/pacemaker:/sbin/nologin\n"
	group  = "postgres:x:26:\nhaclient:x:189:\n"
)

// hostTable is what the nodes know of each other.
const hostTable = "127.0.0.1 localhost\n192.168.7.1 nfs1.example.com nfs1\n192.168.7.2 nfs2.example.com nfs2\n192.168.7.9 " +
	"provision.example.com\n"

// system is a host of EL with a release.
func system(release string) simhost.OS {
	os := simhost.EL7()
	os.Release = release
	return os
}

// oldSystem is a node of the old cluster.
func oldSystem(cib string) simhost.OS {
	os := system("AlmaLinux release 8.10 (Cerulean Leopard)")
	maps.Copy(os.Packages, map[string]string{"corosync": "3.1.8-1.el8", "pacemaker": "2.1.7-5.el8", "pcs": "0.10.18-2.el8",
		"resource-agents": "4.9.0-54.el8", "fence-agents-all": "4.2.1-129.el8", "nfs-utils": "2.3.3-59.el8", "postgresql-server": "10.23-4.el8"})
	maps.Copy(os.Services, map[string]simhost.Unit{"corosync": {Enabled: true}, "pacemaker": {Enabled: true}, "pcsd": {Enabled: true},
		"firewalld": {}})
	maps.Copy(os.Files, map[string]string{
		"/etc/hosts": hostTable, "/etc/resolv.conf": "nameserver 192.168.7.9\n",
		"/etc/corosync/corosync.conf": File("corosync.conf"), "/etc/corosync/authkey": "simulated key of the old cluster\n",
		"/etc/pacemaker/authkey": "simulated key of the old cluster\n", "/var/lib/pacemaker/cib/cib.xml": cib,
		"/var/lib/pcsd/known-hosts": `{"format_version": 1, "data_version": 1, ` +
			`"known_hosts": {"` + Node1 + `": {"dest_list": [], "token": "old"}, "` +
			Node2 + `": {"dest_list": [], "token": "old"}}}`,
		"/root/.ssh/authorized_keys": "ssh-rsa AAAAsimulated admin@provision.example.com\n",
		"/etc/exports":               "# kept by the cluster\n", "/etc/fence/nfs1": "#!/bin/sh\necho simulated\n",
		"/etc/fence/nfs2":                    "#!/bin/sh\necho simulated\n",
		"/etc/systemd/system/backup.service": "[Service]\nExecStart=/usr/bin/true\n",
		"/usr/sbin/exportfs":                 "#!/bin/sh\n", "/usr/bin/pg_ctl": "#!/bin/sh\n",
		"/srv/nfs/.keep": "", "/srv/db/.keep": "", "/var/lib/nfs/etab": "",
	})
	os.Files["/etc/passwd"] += passwd
	os.Files["/etc/group"] += group
	os.Files["/etc/shadow"] += "postgres:!!:19000::::::\nhacluster:!!:19000::::::\n"
	os.Owners = map[string]string{"/var/lib/pacemaker/cib/cib.xml": "hacluster:haclient", "/etc/pacemaker/authkey": "hacluster:haclient"}
	return os
}

// freshSystem is what the technician leaves: the system, the network, the mount points and the names of the node.
func freshSystem(name string) simhost.OS {
	os := system("AlmaLinux release 9.4 (Seafoam Ocelot)")
	os.Files["/etc/hostname"] = name + "\n"
	os.Files["/srv/nfs/.keep"], os.Files["/srv/db/.keep"] = "", ""
	os.Files["/etc/yum.repos.d/ha.repo"] = "[highavailability]\nname=High Availability\nenabled=0\n"
	return os
}

// attach shows a node the shared disks.
func attach(s *simhost.State, h *simhost.Host) {
	h.MustWrite(s, "/dev/shared/.keep", "", 0o644)
	for _, disk := range disks {
		h.MustWrite(s, mapper+disk, "", 0o660)
		if err := h.Put(s, "/dev/shared/"+disk, simhost.File{Kind: simhost.Symlink, Mode: 0o777, Target: mapper + disk}); err != nil {
			panic("pairtest: " + err.Error())
		}
	}
}

// disks are what the nodes share. The cluster has other names for them than the kernel.
var disks = []string{"nfs", "db"}

const mapper = "/dev/mapper/"

// kernelName is what the kernel calls a disk.
func kernelName(device string) string { return mapper + path.Base(device) }

// number is the minor number of a disk.
func number(device string) int { return 16 + slices.Index(disks, path.Base(device)) }

// runMounts is what pair.MountScript does.
func runMounts(c *simhost.Call) int {
	c.Printf("22 1 253:0 / / rw,relatime shared:1 - xfs /dev/mapper/root rw\n")
	for i, m := range c.Host.Mounts() {
		c.Printf("%d 22 253:%d / %s %s shared:%d - %s %s rw\n", 40+i, number(m.Device), m.Dir, m.Options, 2+i, m.Type, m.Device)
	}
	c.Printf("directory %s\n", c.Args[1])
	if device := c.Args[2]; device == "" || !c.Host.Exists(device) {
		c.Printf("device -\n")
	} else {
		c.Printf("device fd:%x\n", number(device))
	}
	return 0
}

// registry is the software of the site.
func registry() *simhost.Registry {
	r := simhost.NewRegistry()
	hacluster := []simhost.User{{Name: "hacluster", Group: "haclient", ID: 189, Home: "/var/lib/pacemaker", Shell: "/sbin/nologin"}}
	r.Packages = []simhost.Package{
		{Name: "pacemaker", Version: "2.1.7-5.el9", Repo: "highavailability", Needs: []string{"corosync", "resource-agents"},
			Services: []string{"pacemaker"},
			Users:    hacluster, Files: map[string]string{"/var/lib/pacemaker/cib/.keep": ""},
			Programs: []string{"cibadmin", "crm_mon", "crm_node", "crm_attribute", "crm_standby", "crm_resource", "stonith_admin"}},
		{Name: "corosync", Version: "3.1.8-1.el9", Repo: "highavailability", Services: []string{"corosync"},
			Programs: []string{"corosync-cfgtool"}},
		{Name: "pcs", Version: "0.11.7-2.el9", Repo: "highavailability", Needs: []string{"pacemaker"}, Services: []string{"pcsd"},
			Programs: []string{"pcs"}},
		{Name: "resource-agents", Version: "4.10.0-52.el9", Repo: "highavailability"},
		{Name: "fence-agents-all", Version: "4.10.0-62.el9", Repo: "highavailability"},
		{Name: "nfs-utils", Version: "2.5.4-25.el9", Repo: "base", Files: map[string]string{"/usr/sbin/exportfs": "#!/bin/sh\n",
			"/var/lib/nfs/etab": ""}},
		{Name: "postgresql-server", Version: "13.14-1.el9", Repo: "base", Files: map[string]string{"/usr/bin/pg_ctl": "#!/bin/sh\n"},
			Users: []simhost.User{{Name: "postgres", ID: 26, Home: "/var/lib/pgsql", Shell: "/bin/bash"}}},
	}
	yum := r.Program("yum")
	r.Command("dnf", 0, func(c *simhost.Call) int {
		if len(c.Args) != 3 || c.Args[0] != "config-manager" || c.Args[1] != "--set-enabled" {
			return yum(c)
		}
		const file = "/etc/yum.repos.d/ha.repo"
		if text, err := c.Host.ReadFile(file); err != nil || !strings.Contains(text, "["+c.Args[2]+"]") {
			return c.Fail(1, "Error: No matching repo to modify: %s.", c.Args[2])
		}
		c.Host.MustWrite(c.State, file, "["+c.Args[2]+"]\nname=High Availability\nenabled=1\n", 0o644)
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
	r.Command("reinstall", 0, runReinstall)
	r.Mounted = func(s *simhost.State, _ *simhost.Host) {
		if f := of(s); f != nil {
			f.check(s)
		}
	}
	r.Script(pair.MountScript, 0, runMounts)
	r.Script(backup.SameTree("", "").Cmd.Argv[2], 0, simhost.SameTree)
	return r
}

// runReinstall is the site's own provisioning: it erases a host and gives it the new system.
func runReinstall(c *simhost.Call) int {
	h := c.State.Host(c.Args[0])
	if h == nil || h.Power != simhost.Off {
		return c.Fail(1, "reinstall: %s is not there, or not off", c.Args[0])
	}
	of(c.State).erase(c.State, h)
	return 0
}
