package standin

// runLctl is `lctl dl`, the devices of Lustre: that of a target's storage stays until the unmounting has ended, whatever
// the mount table says. And it is `lctl get_param`.
func runLctl(c *call) int {
	get := len(c.args) > 0 && c.args[0] == "get_param"
	if !get && (len(c.args) != 1 || c.args[0] != "dl") {
		return c.fail(1, "lctl: only dl and get_param are known here")
	}
	if !get && !c.moduleLoaded("lustre") {
		return c.fail(1, "opening /dev/obd failed: No such file or directory\nhint: the kernel modules may not be loaded")
	}
	holds, err := c.holds()
	if err != nil {
		return c.fail(1, "lctl: %v", err)
	}
	if get {
		return c.runGetParam(c.args[1:], holds)
	}
	for i, uuid := range holds {
		r, err := c.target(uuid)
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
