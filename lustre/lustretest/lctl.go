package lustretest

import (
	"path"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// runLctl is `lctl dl`, the devices of Lustre on a host: a target that is being unmounted has its own until the end. And
// it is `lctl get_param`.
func runLctl(c *simhost.Call) int {
	if len(c.Args) > 0 && c.Args[0] == "get_param" {
		return runGetParam(c, c.Args[1:])
	}
	if len(c.Args) != 1 || c.Args[0] != "dl" {
		return c.Fail(1, "lctl: only dl and get_param are simulated")
	}
	i := 0
	list := func(device, state string) {
		for _, t := range of(c.State).targets {
			if t.device == device {
				c.Printf("%3d %s osd-ldiskfs %s-osd %[3]s-osd_UUID 5\n", i, state, t.label)
				i++
			}
		}
	}
	for _, m := range c.Host.Mounts() {
		list(m.Device, "UP")
	}
	for _, w := range of(c.State).works {
		if w.host == c.Host.Name {
			list(w.mount.Device, map[bool]string{true: "ST", false: "AT"}[w.off])
		}
	}
	return 0
}

// runGetParam is lctl get_param: what matches each pattern, by its name unless that is left out. A pattern that nothing
// matches is an error, which older releases say in other words; the other patterns are answered all the same.
func runGetParam(c *simhost.Call, args []string) int {
	named, status := true, 0
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if args[0] != "-n" {
			return c.Fail(1, "lctl: get_param: only -n is simulated")
		}
		named, args = false, args[1:]
	}
	if len(args) == 0 {
		return c.Fail(1, "usage: get_param [-n] PATTERN ...")
	}
	all := of(c.State).parameters(c.State, c.Host)
	for _, pattern := range args {
		as := strings.ReplaceAll(pattern, ".", "/")
		var found []string
		for name := range all {
			if ok, err := path.Match(as, strings.ReplaceAll(name, ".", "/")); ok && err == nil {
				found = append(found, name)
			}
		}
		slices.Sort(found)
		if len(found) == 0 {
			text := "error: get_param: param_path '" + as + "': No such file or directory"
			if c.Host.Major() == 6 {
				text = "error: get_param: " + as + ": Found no match"
			}
			status = c.Fail(2, "%s", text)
		}
		for _, name := range found {
			value := all[name]
			switch {
			case named && strings.Count(value, "\n") > 1:
				c.Printf("%s=\n", name)
			case named:
				c.Printf("%s=", name)
			}
			c.Printf("%s", value)
		}
	}
	return status
}
