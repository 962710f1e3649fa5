package upgrade

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// plainMount is a mount point that stands for itself in a command, in a mount table and in the checks by hand.
var plainMount = regexp.MustCompile(`^/[A-Za-z0-9._/:@+-]+$`)

// What is mounted over one of these hides the system below it; below the first ones there is nothing but the system's own.
var (
	systemTrees = []string{"/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/tmp", "/usr"}
	systemDirs  = []string{
		"/", "/home", "/mnt", "/media", "/opt", "/root", "/srv", "/var", "/var/lib", "/var/log", "/var/run", "/var/spool", "/var/tmp",
	}
)

// wrongMount says why a mount point of a target cannot be one; empty where it can.
func wrongMount(mount string) string {
	switch {
	case slices.Contains(systemDirs, mount),
		slices.ContainsFunc(systemTrees, func(dir string) bool { return mount == dir || below(mount, dir) }):
		return fmt.Sprintf("the mount point %q is one of the system's own directories, which "+
			"a target would hide: mount it on a directory of its "+
			"own, such as /mnt/TARGET", mount)
	case slices.Contains(strings.Split(mount, "/"), ".."):
		return fmt.Sprintf("the mount point %q leads upwards (..)", mount)
	}
	return ""
}

// nested says of a target that is mounted inside another one: that could be unmounted only after it, and hides it when it comes later.
func nested(t Target, all []Target) string {
	for _, other := range all {
		if other.Mount != "" && below(t.Mount, other.Mount) {
			return fmt.Sprintf("the mount point %s is inside that of %s, %s: one could not move without the other. Mount them side by side",
				t.Mount, other.Resource, other.Mount)
		}
	}
	return ""
}

// below tells whether a path is inside a directory.
func below(path, dir string) bool {
	return strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/") && path != dir
}
