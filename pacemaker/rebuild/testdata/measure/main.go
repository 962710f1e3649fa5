// The program measure runs a command and writes its processor time in nanoseconds and its greatest resident set in KiB to standard error,
// as its last line. The kernel counts what a parent holds into the set of a new process, so a parent must be small: a test is not.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	cmd := exec.Command(os.Args[1], os.Args[2:]...) //nolint:gosec // running what it is told is what it is for
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, os.Args[1], err)
		os.Exit(1)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, usage.Utime.Nano()+usage.Stime.Nano(), usage.Maxrss)
}
