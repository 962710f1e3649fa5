//go:build unix

package sshexectest

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ShellHandler runs command lines on this machine with /bin/sh, as sshd does with a login shell: in a session of their
// own, with their input as it comes, and with the process group signalled when the client sends a signal. env is added
// to the environment.
func ShellHandler(env ...string) Handler {
	return func(ctx context.Context, req Request) Exit {
		cmd := exec.Command("/bin/sh", "-c", req.Line)
		cmd.Env = append(os.Environ(), env...)
		cmd.Stdout, cmd.Stderr = req.Stdout, req.Stderr
		cmd.WaitDelay = outputDelay
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			return Exit{Code: 127}
		}
		go func() {
			_, _ = io.Copy(in, req.Stdin) // ends with the session
			_ = in.Close()
		}()
		ended := make(chan struct{})
		defer close(ended)
		stop := context.AfterFunc(ctx, func() {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
			select {
			case <-ended:
			case <-time.After(leftover):
				_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			}
		})
		defer stop()
		return shellExit(cmd.Wait())
	}
}

// leftover is how long a command may outlive its session when nobody ends it: a server that is closed waits for it.
const leftover = time.Minute

// outputDelay is how long what a command has left behind may hold its output open.
const outputDelay = 100 * time.Millisecond

func shellExit(err error) Exit {
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return Exit{}
	case !errors.As(err, &exit):
		return Exit{Code: 126}
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return Exit{Signal: strings.TrimPrefix(unix.SignalName(status.Signal()), "SIG")}
	}
	return Exit{Code: exit.ExitCode()}
}
