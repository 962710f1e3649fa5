//go:build !unix

package sshexec

import (
	"os"
	"os/exec"
)

func ownGroup(*exec.Cmd) {}

func terminateGroup(c *exec.Cmd) { _ = c.Process.Kill() }

func killGroup(c *exec.Cmd) { _ = c.Process.Kill() }

// seesGroups: here nothing is known of a command's children.
const seesGroups = false

func groupAlive(*exec.Cmd) bool { return false }

func signalOf(*os.ProcessState) string { return "" }

func holds(*os.File) bool { return false }

func lockFile(*os.File) error { return nil }
