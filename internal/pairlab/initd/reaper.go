//go:build linux

package initd

import (
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// reaper starts processes and is the only one that waits: for them, and for the orphans that the kernel gives to PID 1.
// Package os/exec is not used here, for two that wait would take each other's children.
type reaper struct {
	mu      sync.Mutex
	waiting map[int]chan syscall.WaitStatus
}

func newReaper() *reaper {
	r := &reaper{waiting: map[int]chan syscall.WaitStatus{}}
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	go func() {
		for range children {
			r.reap()
		}
	}()
	return r
}

func (r *reaper) reap() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil || pid <= 0:
			return
		}
		if ended, ok := r.waiting[pid]; ok {
			delete(r.waiting, pid)
			ended <- status
		}
	}
}

// process is a child that somebody waits for.
type process struct {
	pid   int
	ended <-chan syscall.WaitStatus
}

// start runs a program in a session of its own, with files as its descriptors 0, 1 and 2.
func (r *reaper) start(argv, env []string, dir string, files [3]uintptr) (process, error) {
	r.mu.Lock() // so that it cannot be reaped before it is known
	defer r.mu.Unlock()
	attr := &syscall.ProcAttr{Dir: dir, Env: env, Files: files[:], Sys: &syscall.SysProcAttr{Setsid: true}}
	pid, err := syscall.ForkExec(argv[0], argv, attr) //nolint:gosec // a unit's program, or what somebody runs at the console
	if err != nil {
		return process{}, &os.PathError{Op: "exec", Path: argv[0], Err: err}
	}
	ended := make(chan syscall.WaitStatus, 1)
	r.waiting[pid] = ended
	return process{pid, ended}, nil
}

// exitStatus is a wait status as a shell gives it: 128+N when signal N ended the process.
func exitStatus(s syscall.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}
