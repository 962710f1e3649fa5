package standin

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// TestInstallLustre goes the guide's way from a fresh system to loaded modules (lustre:520-671), and off it: each thing
// that is left out is missed where it is on a real server.
func TestInstallLustre(t *testing.T) {
	n := newNode(t, wire.NewRelease)
	n.refused(127, "dkms: command not found", "dkms status")
	n.refused(127, "ntpd: command not found", "ntpd -qg")
	n.refused(127, "zpool: command not found", "zpool list")
	n.refused(ocfNotInstalled, "not found", "Target monitor")
	n.refused(1, "Module lustre not found", "modprobe lustre")

	n.refused(1, "Is this ok", "yum install ntp")
	n.ok("yum -y install ntp")
	require.Contains(t, n.read("/etc/ntp.conf"), "server ")
	n.ok("ntpd -qg")

	require.Contains(t, n.run("", "yum -y install chroma-*").out, "No package chroma-* available")
	n.ok("yum -y install epel-release")
	for _, url := range []string{
		"https://copr.fedorainfracloud.org/coprs/managerforlustre/manager-for-lustre/repo/epel-7/managerforlustre-manager-for-lustre-epel-7.repo",
		"https://copr.fedorainfracloud.org/coprs/ngompa/dnf-el7/repo/epel-7/ngompa-dnf-el7-epel-7.repo",
	} {
		n.ok("yum-config-manager --add-repo " + url)
	}
	n.refused(1, "404", "yum-config-manager --add-repo https://example.org/x.repo")
	fetch := "curl --fail -o /etc/yum.repos.d/Manager-for-Lustre.repo --cacert /var/lib/chroma/authority.crt --cert " +
		"/var/lib/chroma/self.crt --key /var/lib/chroma/private.pem https://" + Manager + "/repo/Manager-for-Lustre.repo"
	n.refused(77, "could not load /var/lib/chroma/authority.crt", fetch)
	n.write("/var/lib/chroma/authority.crt", "x")
	n.write("/var/lib/chroma/self.crt", "x")
	n.refused(58, "private.pem", fetch)
	n.write("/var/lib/chroma/private.pem", "x")
	n.refused(22, "403", "curl -o /tmp/x https://"+Manager+"/repo/Manager-for-Lustre.repo")
	n.refused(6, "resolve", "curl -o /tmp/x https://example.org/")
	n.ok(fetch)
	n.ok("yum -y install chroma-*")
	require.Equal(t, "chroma-agent-4.0.7.0-1.el7.x86_64\n", n.ok("rpm -q chroma-agent"))
	n.refused(ocfConfigured, "", "Target monitor")

	n.ok("yum -y --nogpgcheck --disablerepo=* --enablerepo=e2fsprogs-wc install e2fsprogs e2fsprogs-devel")
	require.Contains(t, n.ok("rpm -q e2fsprogs"), "wc6")
	require.Equal(t, "e2fsprogs.x86_64 1.42.13.wc6-7.el7 installed\n", n.ok("yum -q --disablerepo=* --enablerepo=e2fsprogs-wc list e2fsprogs"))
	require.Equal(t, "kernel-tools="+plainKernel+"\n", n.ok(`rpm -q --qf %{NAME}=%{VERSION}-%{RELEASE}\n kernel-tools`))
	n.refused(1, "No matching Packages", "yum -q list pcs-of-nobody")
	require.Contains(t, n.ok("yum -q list pcs pacemaker corosync"), "pacemaker.x86_64 ")
	n.refused(1, "Nothing to do", "yum -y --disablerepo=* install gcc")
	n.ok("yum -y --nogpgcheck --disablerepo=base,extras,updates install kernel kernel-devel kernel-headers kernel-tools " +
		"kernel-tools-libs kernel-tools-libs-devel")
	n.ok("yum -y install " + strings.Join(strings.Fields(development), " "))

	// Without the reboot, the modules are not built for the kernel that runs.
	n.ok("yum -y --nogpgcheck install spl-dkms")
	require.Equal(t, "spl, 0.7.9: added\n", n.ok("dkms status"))
	n.ok("yum -y erase spl-dkms")
	n.remove(dkmsDir)

	n.boot()
	n.ok("yum -y --nogpgcheck install lustre-ldiskfs-zfs")
	require.Equal(t, "lustre, 2.10.4, "+lustreKernel+".x86_64, x86_64: installed\nspl, 0.7.9, "+lustreKernel+
		".x86_64, x86_64: installed\nzfs, 0.7.9, "+lustreKernel+".x86_64, x86_64: installed\n", n.ok("dkms status"))
	require.Equal(t, "insmod /lib/modules/"+lustreKernel+".x86_64/extra/zfs.ko\n", n.ok("modprobe -v zfs"))
	require.Contains(t, n.ok("modprobe -v lustre"), "lustre.ko")
	require.Empty(t, n.ok("modprobe -v lustre"))
	require.Regexp(t, `(?m)^lustre \d+ 0 - Live `, n.read(modulesFile))
	require.Contains(t, n.ok("lsmod"), "lustre ")
	require.Empty(t, n.ok("lctl dl"), "nothing is mounted")
	require.Equal(t, lustreKernel+".x86_64\n", n.ok("uname -r"))

	n.boot()
	require.NotContains(t, n.read(modulesFile), "lustre", "the network is not configured")
	n.refused(1, "may not be loaded", "lctl dl")
	n.write(lnetFile, "options lnet networks=tcp0(eth0)\n")
	n.boot()
	require.Contains(t, n.read(modulesFile), "\nlustre ")
	n.write(mountsFile, "d /m lustre ro 0 0\n")
	n.refused(1, "in use", "rmmod lustre")
	n.write(mountsFile, "d /m ext4 ro 0 0\n")
	n.ok("rmmod lustre")
	n.refused(1, "not currently loaded", "modprobe -r lustre")
	n.ok("rmmod zfs")
	require.Equal(t, "ext4 1 0 - Live 0x0", strings.TrimRight(n.read(modulesFile), "\n"))
}

func TestYumSaysWhatItCannot(t *testing.T) {
	n := newNode(t, wire.NewRelease)
	n.refused(1, "no such option", "yum --what install ntp")
	n.refused(1, "some command", "yum -y")
	n.refused(1, "No such command", "yum -y explode")
	n.refused(1, "Nothing to do", "yum -y install nothing")
	n.ok("yum -y install pcs pacemaker corosync fence-agents")
	require.Contains(t, n.ok("yum -y install pcs"), "Nothing to do")
	require.Contains(t, n.ok("rpm -qa"), "corosync-2.4.3")
	require.Contains(t, n.ok("yum -y erase pcs what"), "No Match for argument: what")
	require.Contains(t, n.ok("yum -y erase pcs"), "No Packages marked")
	n.refused(1, "package pcs is not installed", "rpm -q pcs")
	require.Equal(t, "base\nextras\nupdates\n", n.ok("yum repolist"))
	n.write("/etc/yum.repos.d/Manager.repo", repo(agentRepo, "x"))
	n.refused(1, "requires python2-iml-deps", "yum -y install chroma-agent")
	n.refused(1, "404", "yum-config-manager --add-repo=https://example.org/")
	n.refused(1, "--add-repo only", "yum-config-manager")
	n.ok("yum -y install epel-release")
	n.ok("yum -y install dkms")
	n.refused(1, "Unknown action", "dkms build")
	require.Empty(t, n.ok("dkms status"))
	old := newNode(t, wire.OldRelease)
	old.refused(1, "Nothing to do", "yum -y install pcs-new")
}

func TestHostID(t *testing.T) {
	n := newNode(t, wire.NewRelease)
	n.ok("genhostid")
	first := n.read("/etc/hostid")
	require.Len(t, first, 4)
	require.NotZero(t, binary.LittleEndian.Uint32([]byte(first)))
	n.ok("genhostid")
	require.NotEqual(t, first, n.read("/etc/hostid"))
}
