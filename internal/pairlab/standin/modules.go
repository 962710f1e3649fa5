package standin

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

func (c *call) moduleLoaded(module string) bool {
	return slices.ContainsFunc(strings.Split(c.read(modulesFile), "\n"), func(l string) bool { return strings.HasPrefix(l, module+" ") })
}

// kernel is the kernel that the node was booted with. The lab's machine has another one, which "uname -r" prints.
func (c *call) kernel() string { return strings.TrimSpace(c.read(kernelFile)) }

func runModprobe(c *call) int {
	verbose, remove := false, false
	var names []string
	for _, a := range c.args {
		switch a {
		case "-v", "--verbose":
			verbose = true
		case "-r", "--remove":
			remove = true
		case "-q", "-a", "--quiet", "--all":
		default:
			names = append(names, a)
		}
	}
	if len(names) == 0 {
		return c.fail(1, "modprobe: ERROR: missing parameters. See -h.")
	}
	for _, module := range names {
		if remove {
			if status := c.unload(module); status != 0 {
				return status
			}
			continue
		}
		if c.moduleLoaded(module) {
			continue
		}
		if err := c.load(module); err != nil {
			return c.fail(1, "modprobe: %v", err)
		}
		if verbose {
			c.printf("insmod /lib/modules/%s/extra/%s.ko\n", c.kernel(), module)
		}
	}
	return 0
}

// load loads a module that an installed package brings for the kernel that runs.
func (c *call) load(module string) error {
	if !slices.Contains(c.loadable(), module) {
		return fmt.Errorf("FATAL: Module %s not found in directory /lib/modules/%s", module, c.kernel())
	}
	return c.edit(modulesFile, addLine(module+" ", module+" 758679 0 - Live 0xffffffffa0a3f000 (OE)"))
}

func (c *call) unload(module string) int {
	switch {
	case !c.moduleLoaded(module):
		return c.fail(1, "rmmod: ERROR: Module %s is not currently loaded", module)
	case module == "lustre" && len(lustreMounts(c.read(mountsFile))) > 0:
		return c.fail(1, "rmmod: ERROR: Module %s is in use", module)
	}
	if err := c.edit(modulesFile, dropLines(module+" ")); err != nil {
		return c.fail(1, "rmmod: %v", err)
	}
	return 0
}

func runRmmod(c *call) int {
	if len(c.args) != 1 {
		return c.fail(1, "rmmod: ERROR: missing module name.")
	}
	return c.unload(c.args[0])
}

func runLsmod(c *call) int {
	c.printf("Module                  Size  Used by\n")
	for line := range strings.Lines(c.read(modulesFile)) {
		if f := strings.Fields(line); len(f) > 2 {
			c.printf("%-19s %8s  %s\n", f[0], f[1], f[2])
		}
	}
	return 0
}

// lustreMounts are the lines of a mount table with a Lustre target: its fields.
func lustreMounts(table string) (mounts [][]string) {
	for line := range strings.Lines(table) {
		if f := strings.Fields(line); len(f) == 6 && f[2] == "lustre" {
			mounts = append(mounts, f)
		}
	}
	return mounts
}

// runUname is "uname -r", which tells of the kernel that the node was booted with; everything else is for the uname
// that the node has.
func runUname(c *call) int {
	if len(c.args) == 1 && c.args[0] == "-r" {
		c.printf("%s\n", c.kernel())
		return 0
	}
	return c.exec(c.stdin, c.stdout, c.stderr, append([]string{"/usr/bin/uname"}, c.args...)...)
}

// Boot is what a node does when it comes up and before its services start, beside what the lab does for it: it takes
// the kernel that was installed last, puts the firewall's kept rules in force, and loads ZFS where it is installed and
// Lustre's modules where the network for them is configured (lustre:1118). root is the node's root as seen by who calls; below it
// /run/lab/modules
// is in place.
func Boot(root string) error {
	c := &call{name: "boot", root: root, stdout: os.Stdout, stderr: os.Stderr}
	if err := c.write(kernelFile, c.installed()["kernel"]+".x86_64\n"); err != nil {
		return err
	}
	if err := c.setRules(currentRules, c.rules(keptRules)); err != nil {
		return err
	}
	if slices.Contains(c.loadable(), "zfs") {
		if err := c.load("zfs"); err != nil {
			return err
		}
	}
	if c.lnet() != "" && slices.Contains(c.loadable(), "lustre") {
		return c.load("lustre")
	}
	return nil
}
