//go:build linux

package image

import (
	"os/exec"
	"runtime"
)

func lockedRun(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run()
}
