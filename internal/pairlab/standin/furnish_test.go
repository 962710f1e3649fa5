package standin

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/lustre"
)

// TestAServerHasWhatItsBackupTakes looks for every path of the server's manifest, but for those that every system or
// the cluster itself makes.
func TestAServerHasWhatItsBackupTakes(t *testing.T) {
	n := newNode(t, wire.OldRelease)
	others := []string{"/etc/hosts", "/etc/group", "/etc/gshadow", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/ssh",
		"/root/.ssh", "/etc/corosync/corosync.conf"}
	for _, p := range backup.ServerManifest().Paths {
		if slices.Contains(others, p.Path) {
			continue
		}
		found, err := filepath.Glob(filepath.Join(n.root, p.Path))
		require.NoError(t, err)
		require.NotEmpty(t, found, p.Path)
	}
	for _, name := range []string{"private.pem", "authority.crt", "self.crt"} {
		require.NotEmpty(t, n.read("/var/lib/chroma/"+name))
	}
	info, err := os.Stat(filepath.Join(n.root, "/var/lib/chroma/private.pem"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

// TestTheTargetStoreIsIMLs reads the store as an upgrade does (H24).
func TestTheTargetStoreIsIMLs(t *testing.T) {
	n := newNode(t, wire.OldRelease)
	files := map[string][]byte{}
	entries, err := os.ReadDir(filepath.Join(n.root, lustre.TargetStoreDir))
	require.NoError(t, err)
	for _, e := range entries {
		files[e.Name()] = []byte(n.read(lustre.TargetStoreDir + "/" + e.Name()))
	}
	store, err := lustre.ParseStore("", files)
	require.NoError(t, err)
	for _, want := range labConfig().Targets {
		got := store[want.UUID]
		require.NotNil(t, got, want.Label)
		require.Equal(t, want.Device, got.Source())
		require.Equal(t, want.Mount, got.MountPoint)
		require.Equal(t, want.Label, got.Label())
		require.Equal(t, lustre.Era22, got.Era())
		pool, _, _ := strings.Cut(want.Device, "/demo-")
		require.Equal(t, pool, got.Device, "of a ZFS target the pool alone")
		info, err := os.Stat(filepath.Join(n.root, want.Mount))
		require.NoError(t, err)
		require.True(t, info.IsDir())
	}
}

// TestTheMountTableIsLustres reads it as an upgrade does.
func TestTheMountTableIsLustres(t *testing.T) {
	n := newNode(t, wire.OldRelease)
	for _, target := range labConfig().Targets {
		n.env["OCF_RESKEY_target"] = target.UUID
		n.ok("Target start")
	}
	mounts, err := lustre.ParseMounts(srcerr.Named("/proc/mounts", strings.NewReader(n.read(mountsFile))))
	require.NoError(t, err)
	for _, target := range labConfig().Targets {
		m, ok := mounts.At(target.Mount)
		require.True(t, ok && m.IsTarget(), target.Label)
		require.Equal(t, target.Device, m.Device)
	}
}

func TestAFreshSystemHasNothingOfACluster(t *testing.T) {
	n := newNode(t, wire.NewRelease)
	for _, name := range []string{"/var/lib/chroma", "/etc/ntp.conf", lnetFile, "/mnt/MGS", "/etc/corosync/corosync.conf"} {
		_, err := os.Stat(filepath.Join(n.root, name))
		require.ErrorIs(t, err, fs.ErrNotExist, name)
	}
	require.Contains(t, n.read("/etc/shadow"), "\nhacluster:!!:")
	require.NotContains(t, n.read(modulesFile), "lustre")
	require.Contains(t, n.read("/etc/sysconfig/network-scripts/ifcfg-eth1"), "IPADDR=10.72.1.1\n")
}

func TestTheOldSystemIsAServer(t *testing.T) {
	n := newNode(t, wire.OldRelease)
	require.Contains(t, n.read(modulesFile), "\nlustre ", "loaded at boot")
	require.Contains(t, n.read("/etc/shadow"), "\nhacluster:"+haclusterHash+":19000:")
	require.Contains(t, n.read("/etc/shadow"), "root:*:", "nobody else's")
}

// TestThePasswordIsTheHash asks crypt(3), through openssl.
func TestThePasswordIsTheHash(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	cmd := exec.Command(openssl, "passwd", "-6", "-salt", strings.Split(haclusterHash, "$")[2], "-stdin")
	cmd.Stdin = strings.NewReader(HaclusterPassword)
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, haclusterHash, string(bytes.TrimSpace(out)))
}

func TestFurnishRefuses(t *testing.T) {
	bad := labConfig()
	bad.Targets[1].Device = "lustre1/other"
	root := t.TempDir()
	require.ErrorContains(t, Furnish(root, wire.OldRelease, bad, 0), "called after it")
	bad = labConfig()
	bad.Targets[0].Mount = "mnt"
	require.ErrorContains(t, Furnish(root, wire.OldRelease, bad, 0), "absolute mount point")
	require.ErrorContains(t, Furnish(root, 0, labConfig(), 0), "furniture")
	require.ErrorContains(t, Furnish(root, wire.OldRelease, labConfig(), 0), "with the image below it")
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc/shadow"), []byte("root:*::\n"), 0o600))
	require.ErrorContains(t, Furnish(root, wire.OldRelease, labConfig(), 0), "no account hacluster")
}

func TestNames(t *testing.T) {
	names := Names(labConfig())
	require.Contains(t, names, "/usr/lib/ocf/resource.d/chroma/Target")
	require.Contains(t, names, "/usr/sbin/fence_chroma")
	bases := map[string]bool{}
	for _, name := range names {
		require.True(t, filepath.IsAbs(name))
		require.False(t, bases[filepath.Base(name)], "%s is there twice", name)
		bases[filepath.Base(name)] = true
	}
	_, known := Main("/usr/bin/what", nil)
	require.False(t, known)
}
