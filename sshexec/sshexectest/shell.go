//go:build unix

package sshexectest

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
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
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		in, err := cmd.StdinPipe()
		if err != nil {
			return Exit{Code: 127}
		}
		rest, err := forward(cmd, req)
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
		exit := shellExit(cmd.Wait()) // of the command alone: what it has left behind may hold its output open
		exit.Rest = rest
		return exit
	}
}

// leftover is how long a command may outlive its session when nobody ends it: a server that is closed waits for it.
const leftover = time.Minute

// forward starts the command and passes its output on; the function that it returns does so until the last who holds it
// open is gone.
func forward(cmd *exec.Cmd, req Request) (func(left <-chan struct{}), error) {
	var (
		ours, theirs [2]*os.File
		copies       sync.WaitGroup
	)
	defer func() {
		for _, f := range theirs {
			_ = f.Close()
		}
	}()
	for i, to := range []io.Writer{req.Stdout, req.Stderr} {
		var err error
		if ours[i], theirs[i], err = os.Pipe(); err != nil {
			return nil, err
		}
		copies.Go(func() {
			_, _ = io.Copy(to, ours[i])
			_ = ours[i].Close()
		})
	}
	cmd.Stdout, cmd.Stderr = theirs[0], theirs[1]
	all := make(chan struct{})
	go func() {
		copies.Wait()
		close(all)
	}()
	return func(left <-chan struct{}) {
		select {
		case <-all:
			return
		case <-left:
		}
		for _, f := range ours {
			_ = f.Close()
		}
		<-all
	}, cmd.Start()
}

func shellExit(err error) Exit {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return Exit{}
	case !errors.As(err, &exit):
		return Exit{Code: 126}
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return Exit{Signal: strings.TrimPrefix(unix.SignalName(status.Signal()), "SIG")}
	}
	return Exit{Code: exit.ExitCode()}
}
