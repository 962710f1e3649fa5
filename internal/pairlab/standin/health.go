package standin

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// attrdUpdater is Pacemaker's own: it keeps an attribute of the node that it runs on.
const attrdUpdater = "/usr/sbin/attrd_updater"

// runHealthLNET is ocf:lustre:healthLNET: the attribute is the multiplier for every NID of the list, all of which answer
// in a lab as long as LNet is up; and 0 without it.
func runHealthLNET(c *call) int {
	hosts := strings.Fields(c.getenv("OCF_RESKEY_host_list"))
	each, err := strconv.Atoi(cmp.Or(c.getenv("OCF_RESKEY_multiplier"), "1"))
	if err != nil || c.nid() == "" {
		each = 0
	}
	return c.health("pingd", each*len(hosts), "name", "host_list!", "multiplier", "device", "lctl", "dampen", "timeout", "attempts")
}

// runHealthLUSTRE is ocf:lustre:healthLUSTRE: 1 as long as Lustre's health_check says healthy, which it does when it is loaded.
func runHealthLUSTRE(c *call) int {
	healthy := 0
	if c.moduleLoaded("lustre") {
		healthy = 1
	}
	return c.health("lustred", healthy, "name", "dampen")
}

// health starts, stops or looks at a health agent: it runs where its state file is, and each look keeps the attribute.
func (c *call) health(attribute string, value int, parameters ...string) int {
	if len(c.args) != 1 {
		return c.fail(ocfArgs, "usage: %s {start|stop|status|monitor|validate-all|meta-data}", c.name)
	}
	attribute = cmp.Or(c.getenv("OCF_RESKEY_name"), attribute)
	state := "/run/lab/" + c.name + ".state"
	keep := func(args ...string) int {
		args = append([]string{attrdUpdater, "-n", attribute}, args...)
		if exit := c.exec(strings.NewReader(""), c.stdout, c.stderr, args...); exit != 0 {
			return c.fail(ocfGeneric, "%s: attrd_updater: exit status %d", c.name, exit)
		}
		return ocfSuccess
	}
	update := func() int { return keep("-U", strconv.Itoa(value), "-d", "0") }
	switch c.args[0] {
	case "meta-data":
		c.printf("%s", agentMetadata(c.name, parameters...))
		return ocfSuccess
	case "validate-all":
		return ocfSuccess
	case "start":
		if err := c.write(state, ""); err != nil {
			return c.fail(ocfGeneric, "%s: %v", c.name, err)
		}
		return update()
	case "monitor", "status":
		if !c.exists(state) {
			return ocfNotRunning
		}
		return update()
	case "stop":
		if err := os.Remove(c.path(state)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return c.fail(ocfGeneric, "%s: %v", c.name, err)
		}
		return keep("-D", "-d", "0")
	}
	return c.fail(ocfUnimplemented, "%s: %s is unknown", c.name, c.args[0])
}
