package sshexec

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// SimLease is the lease file of a simulated machine, and who the machine is: what Cmd.Fence, LookLease and SwapLease
// mean to a machine that is none. The zero value is a machine that never had a lease. A Runner of a simulated machine
// asks Do first. All of it is data, so that a world can copy and store it.
type SimLease struct {
	Lines   map[string]string // what the lease files say, by path
	At      map[string]string // what stands behind it: the mark of Fence.At
	Machine                   // its ID and name are made from the host's name where they are empty
	Fault   string            // why no lease file can be written: "Read-only file system"
	NoFlock bool              // the machine has no flock(1)
	Running string            // a command of a life before that still runs, and holds the lock
}

// Clone is a copy that shares nothing.
func (s *SimLease) Clone() SimLease {
	c := *s
	c.Lines, c.At = maps.Clone(s.Lines), maps.Clone(s.At)
	return c
}

// Do answers a command on a lease, and refuses a command that its fence keeps out. Where it does neither, handled is
// false, and the command is to be run.
func (s *SimLease) Do(host string, cmd Cmd) (res Result, err error, handled bool) {
	res.Outcome = Exited
	switch script, args := scriptOf(cmd); script {
	case leaseLook:
		res.Stdout, res.HostKey = []byte(s.look(host, args[0], args[1])), s.HostKey
		return res, nil, true
	case leaseSwap:
		text, status := s.swap(args[0], args[1], args[2], args[4])
		res.Stdout, res.ExitCode, res.HostKey = []byte(text), status, s.HostKey
		return res, Failure(host, cmd, res, nil), true
	}
	if why := s.refuses(cmd.Fence); why != nil {
		res.Outcome = NotStarted
		return res, Failure(host, cmd, res, why), true
	}
	if cmd.Fence != nil && cmd.Fence.At > 0 {
		s.leaveAt(cmd.Fence)
	}
	if cmd.Fence != nil && len(cmd.Argv) == 1 && cmd.Argv[0] == checkProgram {
		return res, nil, true
	}
	return Result{}, nil, false
}

// scriptOf is the text of a script that Script made, and its arguments.
func scriptOf(cmd Cmd) (text string, args []string) {
	if len(cmd.Argv) > 4 && cmd.Argv[0] == "/bin/sh" && cmd.Argv[1] == "-c" {
		return cmd.Argv[2], cmd.Argv[4:]
	}
	return "", nil
}

// leaveAt does what the wrapper of a fenced command does with its mark.
func (s *SimLease) leaveAt(f *Fence) {
	if s.Fault != "" || parseAt(s.At[f.Path], Lease{Life: f.Life}) >= f.At {
		return
	}
	if s.At == nil {
		s.At = map[string]string{}
	}
	s.At[f.Path] = strings.TrimSpace(atLine(f.Life, f.At))
}

func (s *SimLease) look(host, path, standard string) string {
	flock := "yes"
	if s.NoFlock {
		flock = "no"
	}
	id, from, name := s.ID, s.IDFrom, s.Name
	if id == "" {
		id = "machine-of-" + host
	}
	if from == "" {
		from = "/etc/machine-id"
	}
	if name == "" {
		name = host
	}
	other := ""
	if standard != "" {
		other = s.Lines[standard]
	}
	return fmt.Sprintf("lease %s\nat %s\nother %s\nflock %s\nfault %s\nid %s %s\nname %s\n", s.Lines[path], s.At[path],
		other, flock, s.Fault, from, id, name)
}

func (s *SimLease) swap(path, seen, lease, mark string) (text string, status int) {
	switch line := s.Lines[path]; {
	case s.Fault != "":
		return "", 1
	case s.Running != "":
		return "busy " + s.Running + "\n", 0
	case line != seen && line != lease:
		return "changed " + line + "\n", 0
	}
	if s.Lines == nil {
		s.Lines = map[string]string{}
	}
	if s.At == nil {
		s.At = map[string]string{}
	}
	s.Lines[path] = lease
	if !strings.HasPrefix(s.At[path], strings.TrimSuffix(mark, "0")) {
		s.At[path] = mark
	}
	return "taken\n", 0
}

// refuses is why the machine does not run a command with this fence; nil when it does.
func (s *SimLease) refuses(f *Fence) error {
	switch {
	case f == nil:
		return nil
	case s.NoFlock:
		return &FencedError{Path: f.Path, Reason: LeaseNoLock}
	case s.Lines[f.Path] == "":
		return &FencedError{Path: f.Path, Reason: LeaseMissing}
	case !strings.HasPrefix(s.Lines[f.Path]+" ", f.words()+" "):
		return &FencedError{Path: f.Path, Reason: LeaseOther, Lease: s.Lines[f.Path]}
	}
	return nil
}

// IsLeaseCmd tells whether a command looks at or takes a lease. A test that counts a run's commands may leave them out.
func IsLeaseCmd(cmd Cmd) bool {
	if cmd.Fence != nil && len(cmd.Argv) == 1 && cmd.Argv[0] == checkProgram {
		return true
	}
	text, _ := scriptOf(cmd)
	return slices.Contains([]string{leaseLook, leaseSwap}, text)
}

// WithSimLease is r with the lease file of a simulated machine before it.
func WithSimLease(host string, s *SimLease, r Runner) Runner {
	var turn sync.Mutex
	return RunnerFunc(func(ctx context.Context, cmd Cmd) (Result, error) {
		turn.Lock()
		res, err, handled := s.Do(host, cmd)
		turn.Unlock()
		if handled {
			return res, err
		}
		return r.Run(ctx, cmd)
	})
}
