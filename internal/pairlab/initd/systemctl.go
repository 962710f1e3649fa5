//go:build linux

package initd

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// systemctl answers one call of systemctl: what it prints, and its exit status. The texts are those of systemd 219, which CentOS 7 has.
type systemctl struct {
	m              *manager
	stdout, stderr io.Writer
	signal         func(syscall.Signal) // to PID 1 itself

	now, quiet, value bool
	properties        []string
}

func (c *systemctl) print(format string, args ...any) {
	_, _ = fmt.Fprintf(c.stdout, format+"\n", args...)
}

func (c *systemctl) complain(format string, args ...any) {
	_, _ = fmt.Fprintf(c.stderr, format+"\n", args...)
}

func (c *systemctl) run(args []string) int {
	words, err := c.options(args)
	if err != nil {
		c.complain("systemctl: %v", err)
		return 1
	}
	if len(words) == 0 {
		words = []string{"list-units"}
	}
	verb, units := words[0], words[1:]
	switch verb {
	case "daemon-reload", "daemon-reexec", "reset-failed", "preset":
		return 0 // unit files are read at every question
	case "list-unit-files":
		return c.listUnitFiles()
	case "list-units":
		return c.listUnits()
	case "reboot":
		c.signal(syscall.SIGINT)
		return 0
	case "poweroff", "halt":
		c.signal(syscall.SIGTERM)
		return 0
	case "is-active", "is-failed", "is-enabled":
		return c.query(verb, units)
	}
	if len(units) == 0 {
		c.complain("Too few arguments.")
		return 1
	}
	exit := 0
	for _, u := range units {
		if code := c.one(verb, strings.TrimSuffix(u, suffix)); code != 0 {
			exit = code
		}
	}
	return exit
}

// options takes the options out. One that would change what a call does, and is not known, is refused.
func (c *systemctl) options(args []string) (words []string, err error) {
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == "--now":
			c.now = true
		case a == "-q" || a == "--quiet":
			c.quiet = true
		case a == "--value":
			c.value = true
		case a == "-p" && i+1 < len(args):
			i++
			c.properties = append(c.properties, strings.Split(args[i], ",")...)
		case strings.HasPrefix(a, "--property="):
			c.properties = append(c.properties, strings.Split(strings.TrimPrefix(a, "--property="), ",")...)
		case slices.Contains([]string{"--full", "-l", "--no-pager", "--no-legend", "--all", "-a", "--type=service",
			"--system", "--plain", "-f", "--force", "--no-ask-password"}, a):
		case strings.HasPrefix(a, "-"):
			return nil, fmt.Errorf("unrecognized option '%s'", a)
		default:
			words = append(words, a)
		}
	}
	return words, nil
}

func (c *systemctl) one(verb, name string) int {
	switch verb {
	case "start":
		return c.started(name, c.m.start(name))
	case "stop":
		return c.stopped(name, c.m.stop(name))
	case "restart", "reload-or-restart", "force-reload":
		if code := c.stopped(name, c.m.stop(name)); code != 0 {
			return code
		}
		return c.started(name, c.m.start(name))
	case "try-restart", "condrestart":
		if c.state(name) != active {
			return 0
		}
		return c.one("restart", name)
	case "reload":
		return c.reload(name)
	case "kill":
		return c.kill(name)
	case "enable", "disable", "reenable":
		return c.enable(verb, name)
	case "mask":
		return c.failed(name, c.m.dir.mask(name))
	case "unmask":
		return c.failed(name, c.m.dir.unmask(name))
	case "status":
		return c.status(name)
	case "show":
		return c.show(name)
	}
	c.complain("Unknown operation %s.", verb)
	return 1
}

func (c *systemctl) started(name string, err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errNoUnit):
		c.complain("Failed to start %s%s: Unit not found.", name, suffix)
		return 5
	case errors.Is(err, errMasked):
		c.complain("Failed to start %s%s: Unit is masked.", name, suffix)
		return 1
	}
	c.complain("Job for %s%s failed: %v", name, suffix, err)
	return 1
}

func (c *systemctl) stopped(name string, err error) int {
	if errors.Is(err, errNoUnit) {
		c.complain("Failed to stop %s%s: Unit %s%s not loaded.", name, suffix, name, suffix)
		return 5
	}
	return c.failed(name, err)
}

func (c *systemctl) failed(name string, err error) int {
	if err == nil {
		return 0
	}
	c.complain("%s%s: %v", name, suffix, err)
	return 1
}

// state is what a name's service is in now; aliases lead to it.
func (c *systemctl) state(name string) state {
	own, _, err := c.m.dir.find(name)
	if err != nil && !errors.Is(err, errMasked) {
		return "unknown"
	}
	s, _ := c.m.service(own).get()
	return s
}

// query answers for each unit on a line of its own; the exit status is 0 when it holds for at least one.
func (c *systemctl) query(verb string, units []string) int {
	exit := map[string]int{"is-active": 3, "is-failed": 1, "is-enabled": 1}[verb]
	for _, name := range units {
		answer, holds := "", false
		switch verb {
		case "is-active":
			answer = string(c.state(name))
			holds = answer == string(active)
		case "is-failed":
			answer = string(c.state(name))
			holds = answer == string(failed)
		case "is-enabled":
			state, err := c.m.dir.state(name)
			if err != nil {
				c.complain("Failed to get unit file state for %s%s: No such file or directory", strings.TrimSuffix(name, suffix), suffix)
				continue
			}
			answer, holds = state, state == "enabled" || state == "static"
		}
		if holds {
			exit = 0
		}
		if !c.quiet {
			c.print("%s", answer)
		}
	}
	return exit
}

func (c *systemctl) enable(verb, name string) int {
	if verb == "disable" {
		removed, err := c.m.dir.disable(name)
		for _, l := range removed {
			c.complain("Removed symlink /%s.", filepath.Join(adminUnits, l))
		}
		if err != nil {
			c.complain("Failed to execute operation: No such file or directory")
			return 1
		}
		if c.now {
			return c.stopped(name, c.m.stop(name))
		}
		return 0
	}
	made, err := c.m.dir.enable(name)
	for _, l := range made {
		c.complain("Created symlink from /%s.", filepath.Join(adminUnits, l))
	}
	if err != nil {
		c.complain("Failed to execute operation: No such file or directory")
		return 1
	}
	if c.now {
		return c.started(name, c.m.start(name))
	}
	return 0
}

func (c *systemctl) reload(name string) int {
	u, err := c.m.dir.load(name)
	if err != nil {
		return c.failed(name, err)
	}
	_, pid := c.m.service(u.Name).get()
	if pid == 0 {
		c.complain("%s%s is not active, cannot reload.", name, suffix)
		return 1
	}
	env, err := c.m.environment(u)
	if err != nil {
		return c.failed(name, err)
	}
	env["MAINPID"] = fmt.Sprint(pid)
	for _, r := range u.Reload {
		if err := c.m.control(u, r, env, u.TimeoutStart); err != nil {
			return c.failed(name, err)
		}
	}
	return 0
}

func (c *systemctl) kill(name string) int {
	own, _, err := c.m.dir.find(name)
	if err != nil {
		return c.failed(name, err)
	}
	if _, pid := c.m.service(own).get(); pid != 0 {
		killSession("/proc", pid, syscall.SIGTERM, syscall.Kill)
	}
	return 0
}

func (c *systemctl) listUnitFiles() int {
	names, err := c.m.dir.names()
	if err != nil {
		c.complain("%v", err)
		return 1
	}
	c.print("%-42s %-8s", "UNIT FILE", "STATE")
	for _, n := range names {
		state, err := c.m.dir.state(n)
		if err != nil {
			state = "bad"
		}
		c.print("%-42s %-8s", n+suffix, state)
	}
	c.print("\n%d unit files listed.", len(names))
	return 0
}

func (c *systemctl) listUnits() int {
	names := c.m.running()
	for _, n := range names {
		c.print("%s%s loaded %s", n, suffix, c.state(n))
	}
	c.print("\n%d loaded units listed.", len(names))
	return 0
}

func (c *systemctl) status(name string) int {
	u, err := c.m.dir.load(name)
	if err != nil {
		c.complain("Unit %s%s could not be found.", name, suffix)
		return 4
	}
	enabled, err := c.m.dir.state(u.Name)
	if err != nil {
		return c.failed(name, err)
	}
	st, pid := c.m.service(u.Name).get()
	c.print("● %s%s - %s\n   Loaded: loaded (%s)\n   Active: %s\n Main PID: %d", u.Name, suffix, u.Description, enabled, st, pid)
	if st != active {
		return 3
	}
	return 0
}

func (c *systemctl) show(name string) int {
	load := "loaded"
	enabled, err := c.m.dir.state(name)
	if err != nil {
		load = "not-found"
	}
	st, pid := c.state(name), 0
	if own, _, err := c.m.dir.find(name); err == nil {
		_, pid = c.m.service(own).get()
	}
	if st == "unknown" {
		st = inactive
	}
	sub := map[state]string{active: "running", inactive: "dead", failed: "failed"}[st]
	for _, p := range []struct{ name, value string }{
		{"Id", name + suffix}, {"LoadState", load}, {"ActiveState", string(st)}, {"SubState", sub},
		{"UnitFileState", enabled}, {"MainPID", fmt.Sprint(pid)},
	} {
		switch {
		case len(c.properties) > 0 && !slices.Contains(c.properties, p.name):
		case c.value:
			c.print("%s", p.value)
		default:
			c.print("%s=%s", p.name, p.value)
		}
	}
	return 0
}
