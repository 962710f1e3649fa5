package standin

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// packagesFile has a line for each package that is installed: its name and its version.
const packagesFile = "/var/lib/rpm/installed"

// rpmLock is what every transaction of rpm locks.
const rpmLock = "/var/lib/rpm/.rpm.lock"

// rpm is a package of a repository.
type rpm struct {
	name, version, repo string
	needs               []string
	files               map[string]string // with their text; one that is there stays as it is
	modules             []string          // of the kernel, which DKMS builds when the package is installed
}

// The kernels of the two releases, as they come and as Lustre's repositories have them.
const (
	oldKernel    = "2.6.32-504.30.3.el6_lustre"
	plainKernel  = "3.10.0-514.el7"
	lustreKernel = "3.10.0-862.2.3.el7_lustre"
)

const (
	agentRepo = "iml-agent"
	dataRepo  = "lustre-server"
)

// web is what yum-config-manager and curl find: the repository definitions of the guide (lustre:535-541, lustre:554).
var web = map[string]string{
	LustreRepo: repo(dataRepo, dataRepo) + "\n" + repo("lustre-client", "lustre-client") + "\n" + repo("e2fsprogs-wc", "e2fsprogs-wc") + "\n" +
		repo("epel", "Extra Packages for Enterprise Linux 7"), // for dkms
	"https://copr.fedorainfracloud.org/coprs/managerforlustre/manager-for-lustre/repo/epel-7/managerforlustre-manager-for-lustre-epel-7.repo": repo(
		"managerforlustre-manager-for-lustre", "Copr repo for manager-for-lustre"),
	"https://copr.fedorainfracloud.org/coprs/ngompa/dnf-el7/repo/epel-7/ngompa-dnf-el7-epel-7.repo": repo("ngompa-dnf-el7",
		"Copr repo for dnf-el7"),
	"https://" + Manager + "/repo/Manager-for-Lustre.repo": repo(agentRepo, "Intel Manager for Lustre Agent") + "\n" +
		repo(dataRepo, dataRepo) + "\n" +
		repo("lustre-client", "lustre-client") + "\n" + repo("e2fsprogs-wc", "e2fsprogs-wc"),
}

// Manager is the machine of the site that IML runs on: a name only.
const Manager = "ct6-iml.lfs.intl"

func repo(id, name string) string {
	return "[" + id + "]\nname=" + name + "\nbaseurl=https://" + Manager + "/repo/" + id + "\nenabled=1\ngpgcheck=0\n"
}

// catalogue is what the repositories hold for the new release.
func catalogue() []rpm {
	list := []rpm{
		{name: "pacemaker", version: "1.1.18-11.el7", repo: "base", needs: []string{"corosync"}},
		{name: "corosync", version: "2.4.3-2.el7", repo: "base"},
		{name: "pcs", version: "0.9.162-5.el7.centos", repo: "base", needs: []string{"pacemaker"}},
		{name: "fence-agents", version: "4.0.11-86.el7", repo: "base"},
		{name: "ntp", version: "4.2.6p5-28.el7.centos", repo: "base",
			files: map[string]string{"/etc/ntp.conf": "server 0.centos.pool.ntp.org iburst\n"}},
		{name: "epel-release", version: "7-11", repo: "extras",
			files: map[string]string{"/etc/yum.repos.d/epel.repo": repo("epel", "Extra Packages for Enterprise Linux 7")}},
		{name: "python2-iml-deps", version: "1.0-1.el7", repo: "managerforlustre-manager-for-lustre"},
		{name: "dnf", version: "2.7.5-1.el7", repo: "ngompa-dnf-el7"},
		{name: "python-httplib2", version: "0.9.2-1.el7", repo: "epel"},
		{name: "dkms", version: "2.6.1-1.el7", repo: "epel"},
		{name: "chroma-agent", version: "4.0.7.0-1.el7", repo: agentRepo, needs: []string{"python2-iml-deps", "dnf", "python-httplib2"}},
		{name: "chroma-agent-management", version: "4.0.7.0-1.el7", repo: agentRepo, needs: []string{"chroma-agent"}},
		{name: "chroma-diagnostics", version: "4.0.7.0-1.el7", repo: agentRepo},
		{name: "e2fsprogs", version: "1.42.13.wc6-7.el7", repo: "e2fsprogs-wc"},
		{name: "e2fsprogs-devel", version: "1.42.13.wc6-7.el7", repo: "e2fsprogs-wc"},
		{name: "spl-dkms", version: "0.7.9-1.el7", repo: dataRepo, needs: []string{"dkms", "gcc", "kernel-devel"}, modules: []string{"spl"}},
		{name: "zfs-dkms", version: "0.7.9-1.el7", repo: dataRepo, needs: []string{"spl-dkms"}, modules: []string{"zfs"}},
		{name: "zfs", version: "0.7.9-1.el7", repo: dataRepo, needs: []string{"zfs-dkms"}},
		{name: "lustre-dkms", version: "2.10.4-1.el7", repo: dataRepo, needs: []string{"zfs-dkms", "libyaml-devel"}, modules: []string{"lustre"}},
		{name: "kmod-lustre", version: "2.10.4-1.el7", repo: dataRepo},
		{name: "kmod-lustre-osd-ldiskfs", version: "2.10.4-1.el7", repo: dataRepo, needs: []string{"kmod-lustre"}},
		{name: "lustre-osd-ldiskfs-mount", version: "2.10.4-1.el7", repo: dataRepo},
		{name: "lustre-osd-zfs-mount", version: "2.10.4-1.el7", repo: dataRepo},
		{name: "lustre", version: "2.10.4-1.el7", repo: dataRepo},
		{name: "lustre-resource-agents", version: "2.10.4-1.el7", repo: dataRepo},
		{name: "lustre-ldiskfs-zfs", version: "2.10.4-1.el7", repo: dataRepo, needs: []string{
			"lustre-dkms", "lustre-osd-ldiskfs-mount", "lustre-osd-zfs-mount", "lustre", "lustre-resource-agents", "zfs",
		}},
	}
	for _, name := range []string{"kernel", "kernel-devel", "kernel-headers", "kernel-tools", "kernel-tools-libs", "kernel-tools-libs-devel"} {
		list = append(list, rpm{name: name, version: lustreKernel, repo: dataRepo}, rpm{name: name, version: plainKernel, repo: "updates"})
	}
	for _, name := range strings.Fields(development) {
		list = append(list, rpm{name: name, version: "1.0-1.el7", repo: "base"})
	}
	return list
}

// development is what Lustre's modules are built with (lustre:620).
const development = `asciidoc audit-libs-devel automake bc binutils-devel bison device-mapper-devel elfutils-devel elfutils-libelf-devel expect flex gcc gcc-c++ git
	glib2 glib2-devel hmaccalc keyutils-libs-devel krb5-devel ksh libattr-devel libblkid-devel libselinux-devel libtool libuuid-devel libyaml-devel lsscsi make ncurses-devel
	net-snmp-devel net-tools newt-devel numactl-devel parted patchutils pciutils-devel perl-ExtUtils-Embed pesign python-devel redhat-rpm-config rpm-build systemd-devel
	tcl tcl-devel tk tk-devel wget xmlto zlib-devel yum-utils`

// come are the packages that a system has when it is new (7), or that IML left on it (6).
func come(major int) map[string]string {
	if major == 6 {
		return map[string]string{
			"kernel": oldKernel, "kernel-devel": oldKernel, "corosync": "1.4.7-5.el6", "pacemaker": "1.1.12-8.el6_7.2",
			"pcs": "0.9.148-7.el6_8.1", "lustre": "2.5.42.8-2.6.32_504.30.3.el6_lustre",
			"kmod-lustre": "2.5.42.8-2.6.32_504.30.3.el6_lustre", "chroma-agent": "2.4.2.7-1.el6",
			"chroma-diagnostics": "2.4.2.7-1.el6", "ntp": "4.2.6p5-10.el6", "yum-utils": "1.1.30-37.el6",
			"zfs": "0.6.4.2-1.el6", "dkms": "2.2.0.3-30.el6",
		}
	}
	return map[string]string{
		"kernel": plainKernel, "kernel-tools": plainKernel, "kernel-tools-libs": plainKernel, "firewalld": "0.4.3.2-8.el7",
		"yum-utils": "1.1.31-40.el7", "e2fsprogs": "1.42.9-9.el7",
		"openssh-server": "6.6.1p1-31.el7",
	}
}

// installed are the packages that the node has, with their versions.
func (c *call) installed() map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(c.read(packagesFile)) {
		if f := strings.Fields(line); len(f) == 2 {
			out[f[0]] = f[1]
		}
	}
	return out
}

func packageLines(packages map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		b.WriteString(name + " " + packages[name] + "\n")
	}
	return b.String()
}

// dkmsDir has a directory for each module that was built: MODULE/VERSION/KERNEL.
const dkmsDir = "/var/lib/dkms"

// loadable are the modules that would load into the kernel that runs: those that were built for it, and prebuilt ones that fit.
func (c *call) loadable() []string {
	have, kernel := c.installed(), c.kernel()
	var modules []string
	for _, p := range catalogue() {
		for _, m := range p.modules {
			if have[p.name] != "" && c.exists(path.Join(dkmsDir, m, upstream(have[p.name]), kernel)) {
				modules = append(modules, m)
			}
		}
	}
	if kmod := have["kmod-lustre"]; kmod != "" && strings.Contains(kernel, "_lustre") &&
		strings.Contains(kmod, "el6") == strings.Contains(kernel, "el6") {
		modules = append(modules, "lustre")
	}
	if c.major() == 6 && have["zfs"] != "" {
		modules = append(modules, "spl", "zfs")
	}
	return modules
}

// upstream is a package's version without its release.
func upstream(version string) string {
	v, _, _ := strings.Cut(version, "-")
	return v
}
