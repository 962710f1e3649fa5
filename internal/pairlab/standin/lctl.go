package standin

import "github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"

// runLctl is `lctl dl`: the devices of Lustre. That of a target's storage stays until the unmounting has ended,
// whatever the mount table says.
func runLctl(c *call) int {
	if len(c.args) != 1 || c.args[0] != "dl" {
		return c.fail(1, "lctl: only dl is known here")
	}
	if !c.moduleLoaded("lustre") {
		return c.fail(1, "opening /dev/obd failed: No such file or directory\nhint: the kernel modules may not be loaded")
	}
	reply, err := c.ask(wire.HardwareRequest{Op: "mounted"})
	if err != nil {
		return c.fail(1, "lctl: %v", err)
	}
	for i, uuid := range reply.Mounted {
		r, err := c.record(uuid)
		if err != nil {
			r.Name = uuid
		}
		osd := "ldiskfs"
		if r.Backfs != "" {
			osd = r.Backfs
		}
		c.printf("%3d UP osd-%s %s-osd %[3]s-osd_UUID 5\n", i, osd, r.Name)
	}
	return 0
}
