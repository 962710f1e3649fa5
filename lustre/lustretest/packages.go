package lustretest

import (
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// lustreKernel is the kernel of the Lustre repository, older than the one that a fresh system has (LUS-023).
const lustreKernel = "3.10.0-862.2.3.el7_lustre"

// newestKernel is that of the distribution's updates.
const newestKernel = "3.10.0-862.14.4.el7"

// development are the packages that the modules are compiled with (lustre:620-631), all in the distribution's repository.
const development = `asciidoc audit-libs-devel automake bc binutils-devel bison device-mapper-devel elfutils-devel elfutils-libelf-devel expect flex gcc gcc-c++ git
	glib2 glib2-devel hmaccalc keyutils-libs-devel krb5-devel ksh libattr-devel libblkid-devel libselinux-devel libtool libuuid-devel libyaml-devel lsscsi make ncurses-devel
	net-snmp-devel net-tools newt-devel numactl-devel parted patchutils pciutils-devel perl-ExtUtils-Embed pesign python-devel redhat-rpm-config rpm-build systemd-devel
	tcl tcl-devel tk tk-devel wget xmlto yum-utils zlib-devel`

// packages is what the repositories of the site hold for EL7, and what a server on EL6 has.
func (p *Site) packages() []simhost.Package {
	deps, dnf := "managerforlustre-manager-for-lustre", "ngompa-dnf-el7"
	if len(p.AgentRepos) == 0 {
		deps, dnf = "iml-agent", "iml-agent"
	}
	hacluster := []simhost.User{{Name: "hacluster", Group: "haclient", ID: 189, Home: "/home/hacluster", Shell: "/sbin/nologin"}}
	agentFiles := map[string]string{"/usr/lib/ocf/resource.d/chroma/Target": "#!/usr/bin/python\n",
		"/usr/sbin/fence_chroma": "#!/usr/bin/python\n"}
	list := []simhost.Package{
		// The distribution.
		{Name: "pacemaker", Version: "1.1.18-11.el7", Repo: "base", Needs: []string{"corosync", "resource-agents"},
			Services: []string{"pacemaker"}, Users: hacluster,
			Files:    map[string]string{"/var/lib/pacemaker/cib/.keep": ""}, // the directory
			Programs: []string{"cibadmin", "crm_mon", "crm_node", "crm_attribute", "crm_standby", "crm_resource", "stonith_admin"}},
		{Name: "corosync", Version: "2.4.3-2.el7", Repo: "base", Services: []string{"corosync"}, Programs: []string{"corosync-cfgtool"}},
		{Name: "pcs", Version: "0.9.162-5.el7.centos", Repo: "base", Needs: []string{"pacemaker"}, Services: []string{"pcsd"},
			Programs: []string{"pcs"}},
		{Name: "resource-agents", Version: "4.1.1-12.el7", Repo: "base", Files: map[string]string{zfsAgentFile: "#!/bin/sh\n"}},
		{Name: "fence-agents", Version: "4.0.11-86.el7", Repo: "base"},
		{Name: "ntp", Version: "4.2.6p5-28.el7.centos", Repo: "base", Services: []string{"ntpd"},
			Files: map[string]string{"/etc/ntp.conf": "server 0.centos.pool.ntp.org iburst\n"},
			Users: []simhost.User{{Name: "ntp", ID: 38, Home: "/etc/ntp", Shell: "/sbin/nologin"}}},
		{Name: "epel-release", Version: "7-11", Repo: "extras",
			Files: map[string]string{"/etc/yum.repos.d/epel.repo": "[epel]\nname=Extra Packages for Enterprise Linux 7\nenabled=1\n"}},
		// The agent and what it needs, each from another repository (lustre:520-568).
		{Name: "python2-iml-deps", Version: "1.0-1.el7", Repo: deps},
		{Name: "dnf", Version: "2.7.5-1.el7", Repo: dnf},
		{Name: "python-httplib2", Version: "0.9.2-1.el7", Repo: "epel"},
		{Name: "chroma-agent", Version: "4.0.7.0-1.el7", Repo: "iml-agent",
			Needs: []string{"python2-iml-deps", "dnf", "python-httplib2"}, Services: []string{"chroma-agent"}, Files: agentFiles},
		{Name: "chroma-agent-management", Version: "4.0.7.0-1.el7", Repo: "iml-agent", Needs: []string{"chroma-agent"}},
		{Name: "chroma-diagnostics", Version: "4.0.7.0-1.el7", Repo: "iml-agent"},
		// Lustre.
		{Name: "e2fsprogs", Version: "1.42.13.wc6-7.el7", Repo: "e2fsprogs-wc"},
		{Name: "e2fsprogs-devel", Version: "1.42.13.wc6-7.el7", Repo: "e2fsprogs-wc"},
		{Name: "spl-dkms", Version: "0.7.9-1.el7", Repo: "lustre-server", DKMS: true, Needs: []string{"gcc", "kernel-devel"},
			Modules: []string{"spl"}, Cost: 3 * time.Minute},
		{Name: "zfs-dkms", Version: "0.7.9-1.el7", Repo: "lustre-server", DKMS: true, Needs: []string{"spl-dkms"},
			Modules: []string{"zfs"}, Cost: 6 * time.Minute},
		{Name: "zfs", Version: "0.7.9-1.el7", Repo: "lustre-server", Needs: []string{"zfs-dkms"}, Programs: []string{"zpool"}},
		{Name: "lustre-dkms", Version: "2.10.4-1.el7", Repo: "lustre-server", DKMS: true,
			Needs: []string{"zfs-dkms", "libyaml-devel"}, Modules: []string{"lustre"}, Cost: 10 * time.Minute},
		{Name: "kmod-lustre", Version: "2.10.4-1.el7", Repo: "lustre-server", Kernel: "_lustre", Modules: []string{"lustre"}},
		{Name: "kmod-lustre-osd-ldiskfs", Version: "2.10.4-1.el7", Repo: "lustre-server", Needs: []string{"kmod-lustre"}},
		{Name: "lustre-osd-ldiskfs-mount", Version: "2.10.4-1.el7", Repo: "lustre-server"},
		{Name: "lustre-osd-zfs-mount", Version: "2.10.4-1.el7", Repo: "lustre-server"},
		{Name: "lustre", Version: "2.10.4-1.el7", Repo: "lustre-server", Programs: []string{"lctl"}, Services: []string{"lnet"}},
		{Name: "lustre-resource-agents", Version: "2.10.4-1.el7", Repo: "lustre-server", Files: lustreAgents},
		{Name: "lustre-ldiskfs-zfs", Version: "2.10.4-1.el7", Repo: "lustre-server",
			Needs: []string{"lustre-dkms", "lustre-osd-ldiskfs-mount", "lustre-osd-zfs-mount", "lustre", "lustre-resource-agents", "zfs"}},
		// A server on EL6 has its modules from a package of the same name.
		{Name: "kmod-lustre", Version: "2.5.42.8-2.6.32_504.30.3.el6_lustre", Repo: "iml-agent", Release: 6,
			Kernel: "el6_lustre", Modules: []string{"lustre"}},
	}
	for i := range list {
		if list[i].Release == 0 {
			list[i].Release = 7
		}
	}
	for _, name := range []string{"kernel", "kernel-devel", "kernel-headers", "kernel-tools", "kernel-tools-libs", "kernel-tools-libs-devel"} {
		cost := time.Duration(0)
		if name == "kernel" {
			cost = time.Minute
		}
		list = append(list, simhost.Package{Name: name, Version: lustreKernel, Repo: "lustre-server", Release: 7, Cost: cost},
			simhost.Package{Name: name, Version: newestKernel, Repo: "updates", Release: 7, Cost: cost})
		if p.Kernel != "" && p.Kernel != lustreKernel && p.Kernel != newestKernel {
			list = append(list, simhost.Package{Name: name, Version: p.Kernel, Repo: "updates", Release: 7, Cost: cost})
		}
	}
	for _, name := range strings.Fields(development) {
		list = append(list, simhost.Package{Name: name, Version: "1.0-1.el7", Repo: "base", Release: 7})
	}
	return list
}
