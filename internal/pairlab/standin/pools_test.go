package standin

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// What ocf:heartbeat:ZFS asks of zpool: the pools of this node, an import that takes no notice of the other, an export
// that a mounted data set keeps from happening. The hardware is told of each, and so knows who has what.
func TestZpool(t *testing.T) {
	n := newNode(t, wire.OldRelease)
	n.refused(1, "no such pool", "zpool list -H lustre1")
	n.refused(1, "no such pool", "zpool export lustre1")
	n.refused(2, "status and get only", "zpool scrub lustre1")
	n.ok("rmmod zfs")
	n.refused(1, "modules are not loaded", "zpool import lustre1")
	n.ok("modprobe zfs")
	require.Contains(t, n.ok("zpool import"), "   pool: lustre1\n")
	n.ok("zpool import -f -d /dev/mapper -o cachefile=none lustre1")
	n.refused(1, "no pools available to import", "zpool import")
	n.refused(1, "already exists", "zpool import -f lustre1")
	require.Equal(t, "lustre1\n", n.ok("zpool list -H lustre1"))
	require.Equal(t, "ONLINE\n", n.ok("zpool list -H -o health lustre1"))
	require.Equal(t, "NAME\nlustre1\n", n.ok("zpool list -o name"))

	require.Contains(t, n.ok("zpool status lustre1"), " state: ONLINE\n")
	require.Contains(t, n.ok("zpool get all lustre1"), "lustre1 cachefile none")
	n.refused(2, "invalid property 'colour'", "zpool get colour lustre1")
	n.refused(1, "no such pool", "zpool status other")

	n.env["OCF_RESKEY_target"] = ost
	n.ok("Target start")
	n.refused(1, "pool is busy", "zpool export -f lustre1")
	n.ok("Target stop")
	n.refuse = "stop"
	n.refused(1, "made to fail", "zpool export -f lustre1")
	require.Equal(t, "lustre1\n", n.ok("zpool list -H"), "what could not be exported is imported still")
	n.refuse = ""
	n.ok("zpool export -f lustre1")
	require.Equal(t, "no pools available\n", n.ok("zpool list"))
	n.refuse = "start"
	n.refused(1, "made to fail", "zpool import lustre1")
	require.Empty(t, n.ok("zpool list -H"))
	require.Equal(t, wire.HardwareRequest{Op: "start", Target: "zpool:lustre1"}, n.orders()[0])
}
