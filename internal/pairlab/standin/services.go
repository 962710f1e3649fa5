package standin

import (
	"io"
	"strings"
	"syscall"
)

// runService is the old way to systemctl. On the old release it speaks as the init scripts do: exit status 3 says that
// a service is stopped.
//
// https://refspecs.linuxbase.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/iniscrptact.html
func runService(c *call) int {
	if len(c.args) != 2 {
		return c.fail(1, "Usage: service < option > | --status-all | [ service_name [ command | --full-restart ] ]")
	}
	name, verb := strings.TrimSuffix(c.args[0], ".service"), c.args[1]
	if c.major() > 6 {
		_ = c.fail(0, "Redirecting to /bin/systemctl %s %s.service", verb, name)
		return c.systemctl(c.stdout, verb, name)
	}
	if !c.hasUnit(name) {
		return c.fail(1, "%s: unrecognized service", name)
	}
	switch verb {
	case "status":
		if c.systemctl(io.Discard, "is-active", name) == 0 {
			c.printf("%s is running...\n", name)
			return 0
		}
		c.printf("%s is stopped\n", name)
		return 3
	case "start", "stop", "restart":
		doing := map[string]string{"start": "Starting", "stop": "Stopping", "restart": "Restarting"}[verb]
		if status := c.systemctl(c.stdout, verb, name); status != 0 {
			c.printf("%s %s: [FAILED]\n", doing, name)
			return 1
		}
		c.printf("%s %s: [  OK  ]\n", doing, name)
		return 0
	}
	return c.fail(2, "Usage: %s {start|stop|restart|status}", name)
}

// runChkconfig says, or sets, whether a service starts at boot: "chkconfig NAME" exits 0 for on and 1 for off.
func runChkconfig(c *call) int {
	args, list := c.args, false
	if len(args) > 0 && args[0] == "--list" {
		args, list = args[1:], true
	}
	if len(args) == 0 || len(args) > 2 {
		return c.fail(1, "usage: chkconfig [--list] NAME [on|off]")
	}
	name := strings.TrimSuffix(args[0], ".service")
	if !c.hasUnit(name) {
		return c.fail(1, "error reading information on service %s: No such file or directory", name)
	}
	switch {
	case len(args) == 2 && args[1] == "on":
		return c.systemctl(io.Discard, "enable", name)
	case len(args) == 2 && args[1] == "off":
		return c.systemctl(io.Discard, "disable", name)
	case len(args) == 2:
		return c.fail(1, "usage: chkconfig [--list] NAME [on|off]")
	}
	on := c.systemctl(io.Discard, "is-enabled", name) == 0
	if list {
		w := map[bool]string{true: "on", false: "off"}[on]
		c.printf("%-15s\t0:off\t1:off\t2:%s\t3:%s\t4:%s\t5:%s\t6:off\n", name, w, w, w, w)
		return 0
	}
	if on {
		return 0
	}
	return 1
}

func (c *call) systemctl(out io.Writer, args ...string) int {
	return c.exec(strings.NewReader(""), out, c.stderr, append([]string{"systemctl"}, args...)...)
}

// hasUnit tells whether systemctl knows a service.
func (c *call) hasUnit(name string) bool {
	out, _ := c.output("systemctl", "list-unit-files", "--full")
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 0 && f[0] == name+".service" {
			return true
		}
	}
	return false
}

// What init does when it gets a signal.
const (
	orderlyOff    = syscall.SIGTERM
	orderlyReboot = syscall.SIGINT
)

func (c *call) init(sig syscall.Signal) int {
	if err := c.signal(1, sig); err != nil {
		return c.fail(1, "%s: %v", c.name, err)
	}
	return 0
}

func runReboot(c *call) int   { return c.init(orderlyReboot) }
func runPoweroff(c *call) int { return c.init(orderlyOff) }

func runShutdown(c *call) int {
	sig, when := orderlyOff, ""
	for _, a := range c.args {
		switch a {
		case "-r":
			sig = orderlyReboot
		case "-h", "-P", "-H":
		default:
			if strings.HasPrefix(a, "-") || when != "" {
				return c.fail(1, "shutdown: the stand-in has -h, -P, -H and -r only")
			}
			when = a
		}
	}
	if when != "now" && when != "+0" {
		return c.fail(1, "shutdown: time expected; the stand-in knows \"now\" only")
	}
	return c.init(sig)
}
