package simhost_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

func TestZpoolListFollowsTheMounts(t *testing.T) {
	b := newBench(t)
	require.Contains(t, b.fails("b", "zpool list -H -o name", 1), "The ZFS modules are not loaded")
	b.w.Do(func(s *simhost.State) { s.Host("b").Load(s, "zfs") })
	require.Empty(t, b.ok("b", "zpool list -H -o name"))
	require.Equal(t, "no pools available\n", b.ok("b", "zpool list"))
	b.w.Do(func(s *simhost.State) {
		h := s.Host("b")
		h.Mount(s, simhost.Mount{Device: "ost/ost0", Dir: "/mnt/a", Type: "lustre"})
		h.Mount(s, simhost.Mount{Device: "ost/ost1", Dir: "/mnt/b", Type: "lustre"})
		h.Mount(s, simhost.Mount{Device: "mgs", Dir: "/mnt/c", Type: "lustre"}) // the pool alone, as IML had it up to 3.0 (H24)
		h.Mount(s, simhost.Mount{Device: "/dev/sdb", Dir: "/mnt/d", Type: "lustre"})
		h.Mount(s, simhost.Mount{Device: "tmpfs", Dir: "/mnt/e", Type: "tmpfs"})
		h.Mount(s, simhost.Mount{Device: "a:/export/home", Dir: "/mnt/f", Type: "nfs"})
	})
	require.Equal(t, "mgs\nost\n", b.ok("b", "zpool list -H -o name"))
	require.Equal(t, "NAME  HEALTH\nost\tONLINE\n", b.ok("b", "zpool list ost"))
	require.Contains(t, b.fails("b", "zpool list nothing", 1), "no such pool")
	b.ok("b", "umount /mnt/a")
	require.Equal(t, "mgs\nost\n", b.ok("b", "zpool list -H -o name"), "another data set of the pool is mounted")
	b.ok("b", "umount /mnt/b")
	require.Equal(t, "mgs\n", b.ok("b", "zpool list -H -o name"))
	b.fails("b", "zpool destroy mgs", 2)
	b.fails("b", "zpool list -o nonsense", 2)
}

// install is how a CIB is put in place before the first start (H5): the file has its owner and its mode from the first moment.
func TestInstall(t *testing.T) {
	b := newBench(t)
	b.ok("b", "yum -y install pacemaker")
	const seed = "install -o hacluster -g haclient -m 0600 /dev/stdin "
	res, err := b.run("b", seed+"/tmp/cib.xml", "<cib/>\n")
	require.NoError(t, err, "%s", res.Stderr)
	require.Equal(t, "<cib/>\n", b.ok("b", "cat /tmp/cib.xml"))
	require.Equal(t, "600 hacluster haclient\n", b.ok("b", "stat -c '%a %U %G' /tmp/cib.xml"))
	res, err = b.run("b", seed+"/nowhere/cib.xml", "x")
	require.Error(t, err)
	require.Contains(t, string(res.Stderr), "No such file or directory")
	_, err = b.run("b", "install -D -m 0644 /tmp/cib.xml /nowhere/deep/cib.xml", "")
	require.NoError(t, err)
	require.Equal(t, "644 root root\n", b.ok("b", "stat -c '%a %U %G' /nowhere/deep/cib.xml"))
	b.ok("b", "install -d -m 0750 -o hacluster -g haclient /var/lib/pacemaker/cib")
	require.Equal(t, "750 hacluster haclient\n", b.ok("b", "stat -c '%a %U %G' /var/lib/pacemaker/cib"))
	b.ok("b", "install /tmp/cib.xml /tmp")
	require.Contains(t, b.fails("b", "install -o nobody-here /tmp/cib.xml /tmp/x", 1), "invalid user")
	require.Contains(t, b.fails("b", "install -m 9 /tmp/cib.xml /tmp/x", 1), "invalid mode")
	b.fails("b", "install /tmp/none /tmp/x", 1)
	b.fails("b", "install /tmp/none", 1)
}
