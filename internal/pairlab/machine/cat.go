//go:build linux

package machine

import (
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
)

// kernelModules is where the kernel lists its modules; one that is built without modules has no such file.
const kernelModules = "/proc/modules"

// catLink is where a node has a cat of the lab's own when its kernel has no /proc/modules: nothing can be mounted over
// a file that is not there, and the guide looks for Lustre's modules with cat. The directory is the first of root's
// search path.
const catLink = "/usr/local/sbin/cat"

func hasModules() bool {
	_, err := os.Stat(kernelModules)
	return err == nil
}

// Cat is cat(1) on such a node: the real one but for /proc/modules.
func Cat(args []string) int {
	if !slices.Contains(args, kernelModules) {
		err := syscall.Exec("/usr/bin/cat", append([]string{"cat"}, args...), os.Environ()) //nolint:gosec // the real one, as it was called
		_, _ = fmt.Fprintln(os.Stderr, "cat:", err)
		return 126
	}
	exit := 0
	for _, name := range args {
		if name == kernelModules {
			name = "/run/lab/modules"
		}
		if err := printFile(name); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "cat:", err)
			exit = 1
		}
	}
	return exit
}

func printFile(name string) error {
	f, err := os.Open(name) //nolint:gosec // what cat was asked for
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = io.Copy(os.Stdout, f)
	return err
}
