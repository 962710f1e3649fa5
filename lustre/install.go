package lustre

import (
	"fmt"
	"slices"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Profile is the kind of storage that a server's targets are on; it decides what is installed (lustre:587, lustre:674, lustre:719).
type Profile int

// The profiles.
const (
	BothOSDs    Profile = iota // LDISKFS and ZFS: what IML installs on every managed server
	LDISKFSOnly                // LDISKFS only
	ZFSOnly                    // ZFS only
)

var profileNames = []string{"both", "ldiskfs", "zfs"}

// String is "both", "ldiskfs" or "zfs".
func (p Profile) String() string {
	if p >= 0 && int(p) < len(profileNames) {
		return profileNames[p]
	}
	return fmt.Sprintf("Profile(%d)", int(p))
}

// MarshalText writes the profile as its word.
func (p Profile) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the profile's word.
func (p *Profile) UnmarshalText(b []byte) error {
	i := slices.Index(profileNames, string(b))
	if i < 0 {
		return fmt.Errorf("%q is not an install profile: both, ldiskfs or zfs", b)
	}
	*p = Profile(i)
	return nil
}

// InstallCommand is one command of an installation, as data.
type InstallCommand struct {
	Title  string
	Argv   []string
	Effect op.Effect
	Repeat op.Repeat
	Ref    string // the place in the guide
	Note   string // what the operator should know
}

// Reboot tells whether the command restarts the machine: it is over when the machine is back with another boot id.
func (c InstallCommand) Reboot() bool { return c.Argv[0] == "reboot" }

// Cmd is the command for a Runner.
func (c InstallCommand) Cmd() sshexec.Cmd { return sshexec.Command(c.Effect, c.Argv...) }

// DevelopmentPackages are the 50 packages without which features of Lustre are silently left out when its modules are
// built (lustre:617-630).
func DevelopmentPackages() []string {
	return []string{
		"asciidoc", "audit-libs-devel", "automake", "bc",
		"binutils-devel", "bison", "device-mapper-devel", "elfutils-devel",
		"elfutils-libelf-devel", "expect", "flex", "gcc", "gcc-c++", "git",
		"glib2", "glib2-devel", "hmaccalc", "keyutils-libs-devel", "krb5-devel", "ksh",
		"libattr-devel", "libblkid-devel", "libselinux-devel", "libtool",
		"libuuid-devel", "libyaml-devel", "lsscsi", "make", "ncurses-devel",
		"net-snmp-devel", "net-tools", "newt-devel", "numactl-devel",
		"parted", "patchutils", "pciutils-devel", "perl-ExtUtils-Embed",
		"pesign", "python-devel", "redhat-rpm-config", "rpm-build", "systemd-devel",
		"tcl", "tcl-devel", "tk", "tk-devel", "wget", "xmlto", "yum-utils", "zlib-devel",
	}
}

// kernelPackages are the kernel and what must match it.
func kernelPackages(version string) []string {
	names := []string{"kernel", "kernel-devel", "kernel-headers", "kernel-tools", "kernel-tools-libs", "kernel-tools-libs-devel"}
	if version != "" {
		for i := range names {
			names[i] += "-" + version
		}
	}
	return names
}

// DKMSModules are the modules that "dkms status" must list as installed after the installation (lustre:658); none where
// prebuilt ones are used.
func (p Profile) DKMSModules() []string {
	if p == LDISKFSOnly {
		return nil
	}
	return []string{"lustre", "spl", "zfs"}
}

// The options with which yum takes packages from the right place (lustre:594, lustre:607).
const (
	noGPG       = "--nogpgcheck"
	noRepos     = "--disablerepo=*"
	onlyE2fs    = "--enablerepo=e2fsprogs-wc"
	noBaseRepos = "--disablerepo=base,extras,updates"
)

// hostIDScript is the guide's (lustre:636): it makes a persistent host id where there is none.
const hostIDScript = "hid=`[ -f /etc/hostid ] && od -An -tx /etc/hostid|sed 's/ //g'`\n" + `[ "$hid" = ` + "`hostid` ] || genhostid"

// installLines are the places in the guide of what a profile does; zero where the guide's section has no such command.
type installLines struct{ e2fs, erase, kernel, pinned, devel, hostid, reboot, lustre, dkms, zfs, modprobe int }

var guideLines = map[Profile][2]installLines{
	BothOSDs: {
		{e2fs: 594, erase: 601, kernel: 607, devel: 620, hostid: 636, reboot: 643, lustre: 649, dkms: 655, zfs: 670, modprobe: 671},
		{e2fs: 1315, erase: 1322, kernel: 1328, devel: 1341, hostid: 1356, reboot: 1363, lustre: 1369, dkms: 1375, zfs: 1390, modprobe: 1391},
	},
	LDISKFSOnly: {
		{e2fs: 679, erase: 601, kernel: 686, reboot: 699, lustre: 705, modprobe: 716},
		{e2fs: 1399, erase: 1322, kernel: 1406, reboot: 1419, lustre: 1425, modprobe: 1436},
	},
	ZFSOnly: {
		// The first node's section has no dkms status; the second's has, and the modules are built on both.
		{kernel: 724, pinned: 736, erase: 748, devel: 756, hostid: 772, reboot: 779, lustre: 785, dkms: 1516, zfs: 796, modprobe: 797},
		{kernel: 1444, pinned: 1456, erase: 1468, devel: 1476, hostid: 1492, reboot: 1499, lustre: 1505, dkms: 1516, zfs: 1531, modprobe: 1532},
	},
}

// Commands are the commands that install Lustre on a server with a fresh operating system, in the guide's order. second
// says which of the guide's two sections is referred to; the commands are the same. kernel pins the kernel of a
// ZFS-only server (lustre:733), the newest is taken when it is empty; with the other profiles the kernel is the one in
// the Lustre repository. yum gets "-y": the guide's commands ask the operator. There are none for an unknown profile.
func (p Profile) Commands(second bool, kernel string) []InstallCommand {
	lines, ok := p.lines(second)
	if !ok {
		return nil
	}
	b := installer{lines: lines}
	switch p {
	case BothOSDs:
		b.yum("Install the e2fsprogs of the Lustre project", lines.e2fs, noGPG, noRepos, onlyE2fs, "install", "e2fsprogs", "e2fsprogs-devel")
	case LDISKFSOnly:
		b.yum("Install the e2fsprogs of the Lustre project", lines.e2fs, noGPG, noRepos, onlyE2fs, "install", "e2fsprogs")
	case ZFSOnly: // needs none
	}
	if p != ZFSOnly || kernel != "" { // the kernel to come need not be the newest
		b.erase()
	}
	switch {
	case p != ZFSOnly:
		b.yum("Install the kernel that is patched for Lustre", lines.kernel,
			slices.Concat([]string{noGPG, noBaseRepos, "install"}, kernelPackages(""))...)
	case kernel != "":
		b.yum("Install the kernel that Lustre supports", lines.pinned, append([]string{"install"}, kernelPackages(kernel)...)...)
	default:
		b.yum("Install the kernel", lines.kernel, append([]string{"install"}, kernelPackages("")...)...)
	}
	if p != LDISKFSOnly {
		b.yum("Install what Lustre's modules are built with", lines.devel, append([]string{"install"}, DevelopmentPackages()...)...).Note =
			"a package that is missing here, such as krb5-devel or libselinux-devel, silently disables a feature of Lustre (lustre:617)"
		b.add("Make sure that there is a persistent host id", lines.hostid, sshexec.Script(sshexec.Mutating, hostIDScript), op.Idempotent).Note =
			"it keeps two servers from importing one ZFS pool at the same time"
	}
	b.add("Restart into the new kernel", lines.reboot, sshexec.Command(sshexec.Disruptive, "reboot"), op.Never)
	b.software(p)
	return b.commands
}

// EraseKernelTools is the command that takes kernel-tools away which may be of a higher revision than the kernel to come:
// yum would keep them, and they would not fit (lustre:598, lustre:745). It is one of Commands wherever the kernel to come
// need not be the newest. The guide's section for LDISKFS alone lacks it, and needs it as well.
func (p Profile) EraseKernelTools(second bool) InstallCommand {
	lines, _ := p.lines(second)
	b := installer{lines: lines}
	b.erase()
	return b.commands[0]
}

func (b *installer) erase() {
	b.yum("Erase the kernel tools: they may be newer than the kernel to come", b.lines.erase, "erase", "kernel-tools", "kernel-tools-libs").
		Note = "those of the kernel to come are installed with it"
}

// lines are the places of the profile's commands in the guide's section for the first or the second node.
func (p Profile) lines(second bool) (installLines, bool) {
	both, ok := guideLines[p]
	if second {
		return both[1], ok
	}
	return both[0], ok
}

// software installs Lustre itself and loads it.
func (b *installer) software(p Profile) {
	packages := map[Profile][]string{
		BothOSDs:    {"lustre-ldiskfs-zfs"},
		LDISKFSOnly: {"kmod-lustre", "kmod-lustre-osd-ldiskfs", "lustre-osd-ldiskfs-mount", "lustre", "lustre-resource-agents"},
		ZFSOnly:     {"lustre-dkms", "lustre-osd-zfs-mount", "lustre", "lustre-resource-agents", "zfs"},
	}[p]
	b.yum("Install Lustre", b.lines.lustre, append([]string{noGPG, "install"}, packages...)...)
	if p != LDISKFSOnly {
		b.add("Verify that the modules were built and installed", b.lines.dkms,
			sshexec.Command(sshexec.ReadOnly, "dkms", "status"), op.Idempotent).Note =
			"every line must say installed (lustre:658)"
		b.add("Load ZFS", b.lines.zfs, sshexec.Command(sshexec.Mutating, "modprobe", "-v", "zfs"), op.Idempotent)
	}
	b.add("Load Lustre", b.lines.modprobe, sshexec.Command(sshexec.Mutating, "modprobe", "-v", "lustre"), op.Idempotent)
}

type installer struct {
	lines    installLines
	commands []InstallCommand
}

// add appends a command, and gives it back for what few commands have.
func (b *installer) add(title string, line int, cmd sshexec.Cmd, repeat op.Repeat) *InstallCommand {
	b.commands = append(b.commands, InstallCommand{
		Title: title, Argv: cmd.Argv, Effect: cmd.Effect, Repeat: repeat, Ref: fmt.Sprintf("lustre:%d", line),
	})
	return &b.commands[len(b.commands)-1]
}

// yum does nothing for packages that are installed, or erased, already: it is safe to repeat.
func (b *installer) yum(title string, line int, args ...string) *InstallCommand {
	return b.add(title, line, sshexec.Command(sshexec.Mutating, append([]string{"yum", "-y"}, args...)...), op.Idempotent)
}
