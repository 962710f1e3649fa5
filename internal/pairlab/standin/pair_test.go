package standin

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// servicesNode is a node of a pair that serves no Lustre, with the mount and the umount of its own.
func servicesNode(t *testing.T, release wire.Release) *node {
	t.Helper()
	cfg := labConfig()
	cfg.Services, cfg.Targets = true, servicesTargets()
	n := nodeOf(t, release, cfg)
	n.write("/etc/redhat-release", map[wire.Release]string{wire.OldRelease: "AlmaLinux release 8.10 (Cerulean Leopard)\n",
		wire.NewRelease: "AlmaLinux release 9.4 (Seafoam Ocelot)\n"}[release])
	own := func(string, []string) (string, int) { return "", 0 }
	n.progs = map[string]func(string, []string) (string, int){"mount": own, "umount": own}
	return n
}

func servicesTargets() []wire.Target {
	return []wire.Target{{UUID: "web", Label: "web", Mount: "/srv/web", Device: "/dev/shared/web", Backfs: "ext4"}}
}

// A disk is mounted where it is said, and unmounted; the hardware knows of both, and of nothing else that is mounted.
func TestMountOfADisk(t *testing.T) {
	n := servicesNode(t, wire.OldRelease)
	n.refused(32, "mount point /srv/no is not there", "mount -t ext4 /dev/shared/web /srv/no")
	require.Empty(t, n.orders())
	n.ok("mount -t ext4 -o noatime /dev/shared/web /srv/web")
	require.Contains(t, n.read(mountsFile), "\n/dev/shared/web /srv/web ext4 rw 0 0\n")
	n.ok("mount --bind /a /b")
	n.ok("umount /b")
	require.Equal(t, []wire.HardwareRequest{{Op: "start", Target: "web"}}, n.orders())
	n.ok("umount -l /srv/web")
	require.NotContains(t, n.read(mountsFile), "/srv/web")
	require.Equal(t, []wire.HardwareRequest{{Op: "start", Target: "web"}, {Op: "stop", Target: "web"}}, n.orders())

	n.refuse = "start"
	n.refused(32, "made to fail", "mount /dev/shared/web /srv/web")
	require.NotContains(t, n.read(mountsFile), "/srv/web")
	n.refuse = ""
	n.ok("mount /dev/shared/web /srv/web")
	n.refuse = "stop"
	n.refused(32, "made to fail", "umount /srv/web")
	require.Contains(t, n.read(mountsFile), "/dev/shared/web /srv/web", "it is mounted still")
	n.refuse = ""
	n.progs["umount"] = func(string, []string) (string, int) { return "", 32 } // it is busy
	before := len(n.orders())
	n.refused(32, "", "umount /srv/web")
	require.Contains(t, n.read(mountsFile), "/dev/shared/web /srv/web")
	require.Len(t, n.orders(), before)
}

// The new system has the cluster's software when its add-on is enabled, and what the resources need when it is installed.
func TestDNF(t *testing.T) {
	n := servicesNode(t, wire.NewRelease)
	n.refused(1, "No package", "dnf -y install pacemaker")
	n.refused(1, "No matching repo", "dnf config-manager --set-enabled ha")
	n.refused(1, "config-manager", "dnf config-manager --set-enabled")
	n.refused(127, "not found", "pcs --version")
	n.refused(127, "not found", "pg_ctl status -D /srv/db")
	n.ok("dnf config-manager --set-enabled highavailability")
	n.ok("dnf -y install pcs pacemaker corosync resource-agents fence-agents-all nginx postgresql-server")
	require.Equal(t, "pcs-0.11.7-2.el9.x86_64\nnginx-1.20.1-14.el9.x86_64\n", n.ok("rpm -q pcs nginx"))
	require.Equal(t, "/var/lib/rpm/.rpm.lock\n", n.ok("rpm --eval %{_rpmlock_path}"))
	n.progs["pcs"] = func(string, []string) (string, int) { return "0.11.5\n", 0 }
	require.Equal(t, "0.11.5\n", n.ok("pcs --version"))
	n.refused(3, "no server running", "pg_ctl status -D /srv/db")
	old := servicesNode(t, wire.OldRelease)
	require.Equal(t, OldPCS+"\n", old.ok("pcs --version"))
	info, err := os.Stat(filepath.Join(old.root, "/etc/init.d/nginx"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755), info.Mode().Perm())
}

// The agent of PostgreSQL takes a server for running only while its own process runs here: the number that a node left behind that
// lost its power may be anybody's.
func TestPgsqlAgent(t *testing.T) {
	n := servicesNode(t, wire.OldRelease)
	n.env["OCF_RESKEY_pgdata"] = "/srv/db/data"
	n.refused(ocfNotRunning, "", "pgsql monitor")
	n.ok("pgsql stop")
	n.refused(ocfGeneric, `directory "/srv/db/data" does not exist`, "pgsql start")
	n.refused(ocfUnimplemented, "not implemented", "pgsql promote")
	n.refused(ocfArgs, "usage", "pgsql")
	require.Contains(t, n.ok("pgsql meta-data"), `<parameter name="pgdata"`)
	n.write("/srv/db/data/postmaster.pid", "42\n")
	n.refused(ocfNotRunning, "", "pgsql monitor")
	n.write("/proc/42/cmdline", "/usr/bin/postgres\x00-D\x00/srv/other\x00")
	n.refused(ocfNotRunning, "", "pgsql monitor")
	n.write("/proc/42/cmdline", "/usr/bin/postgres\x00-D\x00/srv/db/data\x00")
	n.ok("pgsql monitor")
	n.ok("pgsql start")
	require.Contains(t, n.ok("pg_ctl status -D /srv/db/data"), "PID: 42")
	require.Equal(t, "pg_ctl (PostgreSQL) 15.12\n", n.ok("pg_ctl --version"))
	n.refused(1, "unrecognized operation mode", "pg_ctl dance -D /srv/db/data")
}
