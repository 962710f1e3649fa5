//go:build linux

package initd

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// proc is one process as /proc shows it.
type proc struct {
	pid, session int
	names        []string // by which the operator would call it: its comm, its program, and the script that an interpreter runs
}

// processes are all but PID 1 and the kernel's. One that ends meanwhile is left out.
func processes(root string) ([]proc, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var all []proc
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == 1 {
			continue
		}
		if p, ok := readProc(filepath.Join(root, e.Name())); ok {
			p.pid = pid
			all = append(all, p)
		}
	}
	return all, nil
}

func readProc(dir string) (proc, bool) {
	stat, err := os.ReadFile(filepath.Join(dir, "stat")) //nolint:gosec // below /proc
	if err != nil {
		return proc{}, false
	}
	p, ok := parseStat(string(stat))
	if !ok {
		return proc{}, false
	}
	args, err := os.ReadFile(filepath.Join(dir, "cmdline")) //nolint:gosec // below /proc
	if err != nil {
		return proc{}, false
	}
	for i, arg := range strings.Split(strings.TrimRight(string(args), "\x00"), "\x00") {
		if i < 3 && arg != "" && !strings.HasPrefix(arg, "-") { // "/usr/bin/python3 -Es /usr/sbin/pcsd"
			p.names = append(p.names, filepath.Base(arg))
		}
	}
	return p, true
}

// parseStat reads comm and session of proc_pid_stat(5); comm may hold blanks and parentheses. A process that has ended
// already does not count.
func parseStat(stat string) (proc, bool) {
	open, shut := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 0 || shut < open {
		return proc{}, false
	}
	rest := strings.Fields(stat[shut+1:]) // state ppid pgrp session …
	if len(rest) < 4 || rest[0] == "Z" || rest[0] == "X" {
		return proc{}, false
	}
	session, err := strconv.Atoi(rest[3])
	return proc{session: session, names: []string{stat[open+1 : shut]}}, err == nil
}

// commLimit is what the kernel keeps of a name: "pacemaker-controld" is "pacemaker-contr".
const commLimit = 15

func (p proc) called(name string) bool {
	return slices.Contains(p.names, name) || len(name) > commLimit && p.names[0] == name[:commLimit]
}

// killNamed kills, at once, whatever bears one of the names. A name that nothing bears is an error: nothing is killed then.
func killNamed(root string, names []string, kill func(pid int, sig syscall.Signal) error) error {
	all, err := processes(root)
	if err != nil {
		return err
	}
	var victims []int
	for _, name := range names {
		before := len(victims)
		for _, p := range all {
			if p.called(name) {
				victims = append(victims, p.pid)
			}
		}
		if len(victims) == before {
			return fmt.Errorf("no process called %s runs", name)
		}
	}
	for _, pid := range victims {
		_ = kill(pid, syscall.SIGKILL) // it may have ended by itself
	}
	return nil
}

// killSession sends a signal to what is left of a session.
func killSession(root string, session int, sig syscall.Signal, kill func(pid int, sig syscall.Signal) error) {
	all, err := processes(root)
	if err != nil {
		return
	}
	for _, p := range all {
		if p.session == session {
			_ = kill(p.pid, sig)
		}
	}
}
