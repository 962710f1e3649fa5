package standin

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// handNode is a node of a pair that people made.
func handNode(t *testing.T) *node {
	t.Helper()
	cfg := labConfig()
	cfg.ByHand = true
	return nodeOf(t, wire.OldRelease, cfg)
}

// Nothing of IML is on the servers of a pair that people made, and what it needs instead is.
func TestFurnishByHand(t *testing.T) {
	n := handNode(t)
	require.NoFileExists(t, n.root+lnetFile)
	require.NoDirExists(t, n.root+"/var/lib/chroma")
	require.NotContains(t, n.read(packagesFile), "chroma")
	n.refused(ocfNotInstalled, "not found", "Target start")
	require.Contains(t, n.read(modulesFile), "\nlustre ")
	require.Equal(t, "10.72.0.1@tcp\n", n.ok("lctl list_nids"))
}

// ocf:lustre:Lustre mounts what its parameters say, and asks the mount table (H27). A data set needs its pool first, and keeps it
// from being exported, until it is unmounted; the hardware knows.
func TestLustreAgent(t *testing.T) {
	n := handNode(t)
	n.refused(ocfConfigured, "target and mountpoint", "Lustre start")
	n.refused(ocfUnimplemented, "usage", "Lustre dance")
	n.env["OCF_RESKEY_target"], n.env["OCF_RESKEY_mountpoint"] = "lustre1/demo-OST0000", "/mnt/demo-OST0000"
	n.refused(ocfNotRunning, "", "Lustre monitor")
	n.ok("Lustre stop")
	n.refused(ocfGeneric, "lustre1 is not imported", "Lustre start")
	n.ok("zpool import lustre1")
	n.ok("Lustre start")
	n.ok("Lustre start")
	n.ok("Lustre monitor")
	n.env["OCF_RESKEY_mountpoint"] = "/mnt/other"
	n.refused(ocfNotRunning, "", "Lustre monitor")
	n.env["OCF_RESKEY_mountpoint"] = "/mnt/demo-OST0000"
	require.Contains(t, n.read(mountsFile), "lustre1/demo-OST0000 /mnt/demo-OST0000 lustre ")
	require.Contains(t, n.ok("lctl dl"), " UP osd-zfs demo-OST0000-osd ")
	require.NotContains(t, n.ok("lctl dl"), "zpool", "a pool is no device of Lustre")
	require.Contains(t, n.ok("lctl get_param *.*.recovery_status"), "obdfilter.demo-OST0000.recovery_status=")
	n.refused(1, "pool is busy", "zpool export -f lustre1")
	// The mount table forgets a target that is being unmounted; the pool does not.
	n.write(mountsFile, "overlay / overlay rw 0 0\n")
	n.refused(ocfNotRunning, "", "Lustre monitor")
	n.refused(1, "pool is busy", "zpool export -f lustre1")
	n.ok("umount /mnt/demo-OST0000")
	n.ok("zpool export -f lustre1")
	var told []string
	for _, order := range n.orders() {
		told = append(told, order.Op+" "+order.Target)
	}
	require.Equal(t, "start zpool:lustre1, start "+ost+", stop "+ost+", stop zpool:lustre1", strings.Join(told, ", "))

	n.env["OCF_RESKEY_target"], n.env["OCF_RESKEY_mountpoint"] = "/dev/disk/by-id/scsi-mgs", "/mnt/MGS"
	n.ok("Lustre start")
	n.refuse = "stop"
	n.refused(ocfGeneric, "exit status 32", "Lustre stop")
	n.refuse = ""
	n.ok("Lustre stop")
	n.ok("rmmod lustre")
	n.refused(ocfGeneric, "Are the lustre modules loaded?", "Lustre start")
	n.env["OCF_RESKEY_target"] = "/dev/other"
	n.refused(ocfGeneric, "has not been formatted", "Lustre start")
	require.Contains(t, n.ok("Lustre meta-data"), `<parameter name="target" required="1">`)
}

// The health agents keep an attribute of their node, which says 0 when Lustre is not loaded, and is gone when they stop.
func TestHealthAgents(t *testing.T) {
	n := handNode(t)
	var kept []string
	n.progs = map[string]func(string, []string) (string, int){"attrd_updater": func(_ string, args []string) (string, int) {
		kept = append(kept, strings.Join(args, " "))
		return "", 0
	}}
	n.env["OCF_RESKEY_host_list"], n.env["OCF_RESKEY_multiplier"] = "a@tcp b@tcp", "1001"
	n.refused(ocfNotRunning, "", "healthLNET monitor")
	n.ok("healthLNET start")
	n.ok("healthLUSTRE start")
	n.ok("rmmod lustre")
	n.ok("healthLNET monitor")
	n.ok("healthLUSTRE monitor")
	n.ok("healthLNET stop")
	n.ok("healthLNET stop")
	n.refused(ocfNotRunning, "", "healthLNET monitor")
	n.env["OCF_RESKEY_name"] = "other"
	n.ok("healthLUSTRE monitor")
	require.Equal(t, []string{"-n pingd -U 2002 -d 0", "-n lustred -U 1 -d 0", "-n pingd -U 0 -d 0", "-n lustred -U 0 -d 0",
		"-n pingd -D -d 0", "-n pingd -D -d 0", "-n other -U 0 -d 0"}, kept)
	n.progs["attrd_updater"] = func(string, []string) (string, int) { return "", 102 }
	n.refused(ocfGeneric, "attrd_updater: exit status 102", "healthLUSTRE monitor")
	require.Contains(t, n.ok("healthLNET meta-data"), `<parameter name="host_list" required="1">`)
}

// fence_ipmilan cuts the power of the node whose switch its address is, and of no other, with the right password.
func TestFenceIPMI(t *testing.T) {
	n := handNode(t)
	order := func(lines ...string) result { return n.run(strings.Join(lines, "\n")+"\n", "fence_ipmilan") }
	right := []string{"ipaddr=" + BMC(labConfig().Nodes[1]), "login=" + FenceLogin, "passwd=" + FencePassword, "port=ct6-mds2"}
	require.Equal(t, 0, order(append(right, "action=off")...).exit)
	require.Equal(t, 2, order(append(right, "action=status")...).exit)
	require.Equal(t, 0, order(append(right, "action=monitor")...).exit)
	require.Equal(t, wire.HardwareRequest{Op: "power", Node: "ct6-mds2", Action: "off"}, n.orders()[0])
	require.Equal(t, 1, order("ipaddr=10.0.0.1", right[1], right[2], "action=off").exit)
	require.Equal(t, 1, order(right[0], right[1], "passwd=wrong", "action=off").exit)
	require.Len(t, n.orders(), 3)
	require.Contains(t, n.ok("fence_ipmilan -o metadata"), "ipaddr")
	n.refuse = "power"
	require.Equal(t, 1, order(append(right, "action=off")...).exit)
}
