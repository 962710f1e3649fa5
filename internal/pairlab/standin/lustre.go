package standin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// runLustre is ocf:lustre:Lustre, which mounts what its parameters say: a block device, or a data set of a pool that the
// node has imported. Like the real one it asks the mount table, and nothing else, whether the target is mounted (H27).
//
// https://github.com/lustre/lustre-release/blob/2.10.4/contrib/scripts/Lustre
func runLustre(c *call) int {
	if len(c.args) != 1 {
		return c.fail(ocfArgs, "usage: Lustre {start|stop|status|monitor|validate-all|meta-data}")
	}
	device, mount := c.getenv("OCF_RESKEY_target"), c.getenv("OCF_RESKEY_mountpoint")
	switch c.args[0] {
	case "meta-data":
		c.printf("%s", lustreMetadata)
		return ocfSuccess
	case "notify", "validate-all":
		return ocfSuccess
	case "start", "stop", "monitor", "status":
	default:
		return c.fail(ocfUnimplemented, "usage: Lustre {start|stop|status|monitor|validate-all|meta-data}")
	}
	if device == "" || mount == "" {
		return c.fail(ocfConfigured, "Lustre: the parameters target and mountpoint are needed")
	}
	here := slices.ContainsFunc(lustreMounts(c.read(mountsFile)),
		func(m []string) bool { return m[0] == escape(device) && m[1] == escape(mount) })
	switch {
	case c.args[0] == "start" && !here:
		return c.startLustre(device, mount)
	case c.args[0] == "stop" && here:
		if exit := c.exec(strings.NewReader(""), c.stdout, c.stderr, umountProgram, mount); exit != 0 {
			return c.fail(ocfGeneric, "Lustre: umount %s: exit status %d", mount, exit)
		}
	case !here && c.args[0] != "stop":
		return ocfNotRunning
	}
	return ocfSuccess
}

// startLustre is `mount -t lustre DEVICE DIR`.
func (c *call) startLustre(device, mount string) int {
	t, found := c.disk(func(t wire.Target) bool { return t.Device == device })
	var err error
	switch pool, _, _ := strings.Cut(device, "/"); {
	case !found:
		err = fmt.Errorf("mount.lustre: %s has not been formatted with mkfs.lustre or the backend filesystem type is not supported", device)
	case pool != "" && !slices.Contains(strings.Fields(c.read(poolsFile)), pool):
		err = fmt.Errorf("mount.lustre: %s: the pool %s is not imported", device, pool)
	case !c.moduleLoaded("lustre"):
		err = fmt.Errorf("mount.lustre: mount %s at %s failed: No such device. Are the lustre modules loaded?", device, mount)
	default:
		err = c.mount(t.UUID, record{Backfs: t.Backfs, Device: device, Mount: mount, Name: t.Label})
	}
	if err != nil {
		return c.fail(ocfGeneric, "Lustre: %v", err)
	}
	return ocfSuccess
}

var lustreMetadata = agentMetadata("Lustre", "target!", "mountpoint!", "mountoptions")

// agentMetadata is what an agent of Lustre says of itself.
func agentMetadata(name string, parameters ...string) string {
	return metadata(name, "ocf:lustre:"+name, parameters, "start 300", "stop 300", "validate-all 300", "meta-data 300", "monitor 300 20")
}
