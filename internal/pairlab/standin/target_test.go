package standin

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

func TestTargetStartsAndStops(t *testing.T) {
	n := newNode(t, wire.OldRelease)
	before := n.read(mountsFile)
	node := inode(t, filepath.Join(n.root, mountsFile))
	n.env["OCF_RESKEY_target"] = mgs
	n.refused(ocfNotRunning, "", "Target monitor")
	n.ok("Target stop")
	n.ok("Target start")
	n.ok("Target start")
	n.ok("Target monitor")
	require.Equal(t, before+"/dev/disk/by-id/scsi-mgs /mnt/MGS lustre ro 0 0\n", n.read(mountsFile))
	n.env["OCF_RESKEY_target"] = ost
	n.ok("Target start")
	require.Contains(t, n.read(mountsFile), "\nlustre1/demo-OST0000 /mnt/demo-OST0000 lustre ro 0 0\n")
	require.Contains(t, n.ok("df -ht lustre"), "lustre1/demo-OST0000")
	require.Equal(t, "lustre1\n", n.ok("zpool list -H -o name"))
	n.ok("Target stop")
	n.refused(ocfNotRunning, "", "Target status")
	n.env["OCF_RESKEY_target"] = mgs
	n.ok("Target stop")
	require.Equal(t, before, strings.TrimRight(n.read(mountsFile), "\n")+"\n")
	require.Equal(t, node, inode(t, filepath.Join(n.root, mountsFile)), "what is mounted over /proc/mounts is the file, not its name")
	require.Equal(t, []wire.HardwareRequest{{Op: "start", Target: mgs}, {Op: "start", Target: ost},
		{Op: "stop", Target: ost}, {Op: "stop", Target: mgs}}, n.orders())
	require.Equal(t, "no pools available\n", n.ok("zpool list"))
	n.refused(1, "no file systems", "df -t lustre -h")
}

// TestTargetNeeds are the reasons why no target starts (lustre:1064, lustre:1098, lustre:1112): the disks are not asked.
func TestTargetNeeds(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*node)
		exit  int
		says  string
	}{
		"module":      {func(n *node) { n.ok("modprobe -r lustre") }, ocfArgs, "lustre module is not loaded"},
		"mount point": {func(n *node) { n.remove("/mnt/MGS") }, ocfGeneric, "/mnt/MGS is not a directory"},
		"device":      {func(n *node) { n.remove("/dev/disk") }, ocfGeneric, "no such device"},
		"store":       {func(n *node) { n.remove("/var/lib/chroma/targets") }, ocfGeneric, "no target " + mgs},
		"bad file":    {func(n *node) { n.write(storeFile(mgs), "{}") }, ocfGeneric, "bdev or mntpt is missing"},
		"package":     {func(n *node) { n.write(packagesFile, "") }, ocfNotInstalled, "not found"},
		"parameter":   {func(n *node) { n.env["OCF_RESKEY_target"] = "" }, ocfConfigured, "parameter target"},
		"the disks":   {func(n *node) { n.refuse = "start" }, ocfGeneric, "made to fail"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, wire.OldRelease)
			n.env["OCF_RESKEY_target"] = mgs
			before := n.read(mountsFile)
			c.spoil(n)
			n.refused(c.exit, c.says, "Target start")
			require.Equal(t, before, n.read(mountsFile))
			require.Empty(t, n.mounted)
			if name != "the disks" {
				require.Empty(t, n.orders())
			}
		})
	}
}

func TestTargetWithoutStoreIsStopped(t *testing.T) {
	n := newNode(t, wire.OldRelease)
	n.env["OCF_RESKEY_target"] = "00000000-dead-4000-8000-000000000000"
	n.refused(ocfNotRunning, "", "Target monitor")
	n.ok("Target stop")
}

func TestTargetThatDoesNotStop(t *testing.T) {
	n := newNode(t, wire.OldRelease)
	n.env["OCF_RESKEY_target"] = mgs
	n.ok("Target start")
	n.refuse = "stop"
	n.refused(ocfGeneric, "made to fail", "Target stop")
	n.ok("Target monitor")
	require.Contains(t, n.read(mountsFile), " lustre ")
	n.refuse = "mounted"
	n.ok("Target monitor") // it asks the mount table
	n.refused(ocfGeneric, "made to fail", "Target stop")
}

// TestTargetAfterAKill is an agent that died between the disks and the mount table.
func TestTargetAfterAKill(t *testing.T) {
	n := newNode(t, wire.OldRelease)
	n.env["OCF_RESKEY_target"] = mgs
	n.mounted = []string{mgs}
	n.ok("Target start")
	require.Contains(t, n.read(mountsFile), "/mnt/MGS lustre")
	n.mounted = nil
	n.ok("Target stop")
	require.NotContains(t, n.read(mountsFile), "lustre")
}

// TestTheMountTableOfTheNewSystem tells the target's name, as a newer Lustre does.
func TestTheMountTableOfTheNewSystem(t *testing.T) {
	c := &call{root: newNode(t, wire.NewRelease).root}
	require.Equal(t, `/dev/a\040b /mnt/MGS lustre ro,svname=MGS,osd=osd-ldiskfs 0 0`,
		c.mountLine(record{Device: "/dev/a b", Mount: "/mnt/MGS", Name: "MGS"}))
	require.Contains(t, c.mountLine(record{Device: "p/x", Mount: "/m", Name: "x", Backfs: "zfs"}), "p/x /m lustre ro,svname=x,osd=osd-zfs ")
}

func TestTargetAsAnAgent(t *testing.T) {
	n := newNode(t, wire.OldRelease)
	var meta struct {
		Name       string `xml:"name,attr"`
		Parameters []struct {
			Name string `xml:"name,attr"`
		} `xml:"parameters>parameter"`
	}
	require.NoError(t, xml.Unmarshal([]byte(n.ok("Target meta-data")), &meta))
	require.Equal(t, "Target", meta.Name)
	require.Len(t, meta.Parameters, 1)
	require.Equal(t, "target", meta.Parameters[0].Name)
	n.ok("Target validate-all")
	n.refused(ocfUnimplemented, "usage", "Target promote")
	n.refused(ocfArgs, "usage", "Target start now")
}

// TestReadersSeeWholeLines looks at what someone sees who reads the mount table while it is changed: neither a line
// that is cut nor bytes that were cut off.
func TestReadersSeeWholeLines(t *testing.T) {
	n := newNode(t, wire.OldRelease)
	c := &call{root: n.root}
	path := filepath.Join(n.root, mountsFile)
	size := int64(0)
	for i := range 40 {
		r := record{Device: "/dev/" + strings.Repeat("x", i*7%40), Mount: "/mnt/x", Name: "x"}
		for _, mounted := range []bool{true, false} {
			require.NoError(t, c.list(r, mounted))
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.GreaterOrEqual(t, info.Size(), size)
			size = info.Size()
			text := n.read(mountsFile)
			require.Equal(t, mounted, strings.Contains(text, " lustre "))
			require.Len(t, lustreMounts(text), strings.Count(text, "lustre"))
			require.True(t, strings.HasPrefix(text, "overlay / overlay rw 0 0\nproc /proc proc rw 0 0\n"), text)
			require.True(t, strings.HasSuffix(text, "0 0"+strings.Repeat("\n", len(text)-len(strings.TrimRight(text, "\n")))))
		}
	}
}

func (n *node) remove(name string) {
	require.NoError(n.t, os.RemoveAll(filepath.Join(n.root, name)))
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	var st syscall.Stat_t
	require.NoError(t, syscall.Stat(path, &st))
	return st.Ino
}
