package simhost

import (
	"maps"
	"slices"
	"strings"
)

func addServicePrograms(r *Registry) {
	r.Command("systemctl", 0, runSystemctl)
	r.Command("service", 0, runService)
	r.Command("chkconfig", 0, runChkconfig)
}

func runSystemctl(c *Call) int {
	if c.Host.Major() == 6 {
		return c.Fail(127, "sh: systemctl: command not found")
	}
	f, err := parseFlags(c.Args, "qn", "", "now", "quiet", "no-pager", "no-legend", "force", "type", "state")
	if err != nil || len(f.rest) == 0 {
		return c.Fail(1, "systemctl: bad usage")
	}
	verb, units := f.rest[0], f.rest[1:]
	switch verb {
	case "reboot":
		return runReboot(c)
	case "poweroff", "halt":
		return runPoweroff(c)
	case "daemon-reload":
		return 0
	case "list-unit-files":
		for _, name := range slices.Sorted(maps.Keys(c.Host.services)) {
			c.Printf("%s.service %s\n", name, enabledWord(c.Host.services[name]))
		}
		return 0
	}
	status := 0
	for _, unit := range units {
		status = max(status, c.systemctl(verb, strings.TrimSuffix(unit, ".service"), f.has("", "now")))
	}
	if strings.HasPrefix(verb, "is-") && f.has("q", "quiet") {
		c.Out.Reset()
	}
	return status
}

func enabledWord(u Unit) string {
	if u.Enabled {
		return "enabled"
	}
	return "disabled"
}

func activeWord(u Unit) string {
	if u.Active {
		return "active"
	}
	return "inactive"
}

func (c *Call) systemctl(verb, name string, now bool) int {
	h := c.Host
	u, known := h.Service(name)
	switch verb {
	case "is-active":
		c.Printf("%s\n", activeWord(u))
		return statusIf(!u.Active, 3)
	case "is-enabled":
		if !known {
			return c.Fail(1, "Failed to get unit file state for %s.service: No such file or directory", name)
		}
		c.Printf("%s\n", enabledWord(u))
		return statusIf(!u.Enabled, 1)
	case "status":
		if !known {
			return c.Fail(4, "Unit %s.service could not be found.", name)
		}
		sub := map[bool]string{true: "active (running)", false: "inactive (dead)"}[u.Active]
		c.Printf("* %s.service\n   Loaded: loaded (/usr/lib/systemd/system/%s.service; %s; vendor preset: disabled)\n   Active: %s\n",
			name, name, enabledWord(u), sub)
		return statusIf(!u.Active, 3)
	}
	if !known {
		if verb == "enable" || verb == "disable" {
			return c.Fail(1, "Failed to execute operation: No such file or directory")
		}
		return c.Fail(5, "Failed to %s %s.service: Unit %s.service not found.", verb, name, name)
	}
	var err error
	switch verb {
	case "start":
		err = h.StartService(c.State, name)
	case "stop":
		err = h.StopService(c.State, name)
	case "restart", "reload", "try-restart":
		if verb == "restart" || u.Active {
			if err = h.StopService(c.State, name); err == nil {
				err = h.StartService(c.State, name)
			}
		}
	case "enable", "disable":
		h.EnableService(c.State, name, verb == "enable")
		if now && verb == "enable" {
			err = h.StartService(c.State, name)
		} else if now {
			err = h.StopService(c.State, name)
		}
	case "mask", "unmask":
	default:
		return c.Fail(1, "Unknown operation '%s'.", verb)
	}
	if err != nil {
		return c.Fail(1, "Job for %s.service failed because the control process exited with error code: %v", name, err)
	}
	return 0
}

func statusIf(bad bool, status int) int {
	if bad {
		return status
	}
	return 0
}

func runService(c *Call) int {
	if len(c.Args) != 2 {
		return c.Fail(1, "Usage: service < option > | --status-all | [ service_name [ command | --full-restart ] ]")
	}
	name, verb := strings.TrimSuffix(c.Args[0], ".service"), c.Args[1]
	u, known := c.Host.Service(name)
	if c.Host.Major() != 6 {
		c.Fail(0, "Redirecting to /bin/systemctl %s %s.service", verb, name)
		return c.systemctl(verb, name, false)
	}
	if !known {
		return c.Fail(1, "%s: unrecognized service", name)
	}
	var err error
	switch verb {
	case "start":
		err = c.Host.StartService(c.State, name)
	case "stop":
		err = c.Host.StopService(c.State, name)
	case "restart":
		if err = c.Host.StopService(c.State, name); err == nil {
			err = c.Host.StartService(c.State, name)
		}
	case "status":
		if u.Active {
			c.Printf("%s (pid  1234) is running...\n", name)
			return 0
		}
		c.Printf("%s is stopped\n", name)
		return 3
	default:
		return c.Fail(2, "Usage: %s {start|stop|restart|status}", name)
	}
	if err != nil {
		return c.Fail(1, "%s of %s: [FAILED] %v", verb, name, err)
	}
	c.Printf("%s of %s: [  OK  ]\n", verb, name)
	return 0
}

func runChkconfig(c *Call) int {
	f, err := parseFlags(c.Args, "", "", "list")
	if err != nil {
		return c.refuse(err)
	}
	row := func(name string) {
		w := map[bool]string{true: "on", false: "off"}[c.Host.services[name].Enabled]
		c.Printf("%-15s\t0:off\t1:off\t2:%s\t3:%s\t4:%s\t5:%s\t6:off\n", name, w, w, w, w)
	}
	if len(f.rest) == 0 {
		for _, name := range slices.Sorted(maps.Keys(c.Host.services)) {
			row(name)
		}
		return 0
	}
	name := f.rest[0]
	u, known := c.Host.Service(name)
	switch {
	case !known:
		return c.Fail(1, "error reading information on service %s: No such file or directory", name)
	case f.has("", "list"):
		row(name)
	case len(f.rest) == 1:
		return statusIf(!u.Enabled, 1)
	case f.rest[1] == "on", f.rest[1] == "off":
		c.Host.EnableService(c.State, name, f.rest[1] == "on")
	default:
		return c.Fail(1, "chkconfig: bad usage")
	}
	return 0
}
