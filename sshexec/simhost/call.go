package simhost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Errors behind a command that did not end with an exit status.
var (
	ErrUnreachable    = errors.New("no route to host, or connection refused")
	ErrConnectionLost = errors.New("the connection was lost")
)

// Handler is a program: it acts on the state and returns its exit status.
type Handler func(c *Call) int

// Call is one run of a program.
type Call struct {
	*State
	Host  *Host
	Name  string   // the program, without its directory
	Args  []string // its arguments
	Stdin string
	Env   []string
	Dir   string // the working directory
	Out   bytes.Buffer
	Err   bytes.Buffer
}

// Printf writes to the standard output.
func (c *Call) Printf(format string, args ...any) { fmt.Fprintf(&c.Out, format, args...) }

// Fail writes one line to the standard error and returns the status.
func (c *Call) Fail(status int, format string, args ...any) int {
	fmt.Fprintf(&c.Err, format+"\n", args...)
	return status
}

// Changed notes what the program changed on its host; see State.Note.
func (c *Call) Changed(format string, args ...any) { c.Note(c.Host.Name, format, args...) }

// Path makes a path of an argument absolute, keeping nothing of a trailing slash or dot.
func (c *Call) Path(arg string) string {
	if strings.HasPrefix(arg, "/") {
		return path.Clean(arg)
	}
	return path.Join(c.Dir, arg)
}

// leaseCost is the virtual time of a command on a lease.
const leaseCost = 100 * time.Millisecond

// slowness is how much longer a command takes on a slow host.
const slowness = 20 * time.Second

// defaultTimeLimit bounds a hanging command without a limit of its own.
const defaultTimeLimit = time.Hour

// Run runs one command on a host. The error is the cause where the command did not end with an exit status.
func (s *State) Run(host string, cmd sshexec.Cmd) (sshexec.Result, error) {
	s.seq++
	started := s.now
	h := s.Host(host)
	s.acted = false
	job, isJob := sshexec.SimJobStart(cmd)
	if isJob {
		cmd = job.Cmd
	}
	argv := maskArgv(cmd.Argv)
	s.changes, s.current = nil, h.Name+": "+strings.Join(argv, " ")
	key := h.Name + "\x00" + strings.Join(cmd.Argv, "\x00")
	fault := s.faultNow()
	res, cause := s.perform(h, cmd, job, fault)
	if cmd.Effect == sshexec.ReadOnly && res.Outcome == sshexec.Exited {
		res = s.remembered(key, res, fault)
	}
	res.Elapsed = s.now.Sub(started)
	if res.Outcome == sshexec.Exited && !isJob && cmd.Timeout > 0 && res.Elapsed > cmd.Timeout {
		res.Outcome, res.ExitCode, cause = sshexec.Unknown, 0, context.DeadlineExceeded
	}
	s.log = append(s.log, Entry{
		Seq: s.seq, Time: started, Host: h.Name, Argv: argv,
		Outcome: res.Outcome, Exit: res.ExitCode, Changed: s.changes,
	})
	s.changes, s.current = nil, ""
	if cmd.Stdout != nil && len(res.Stdout) > 0 {
		if _, err := cmd.Stdout.Write(res.Stdout); err != nil {
			res.Outcome, res.ExitCode, cause = sshexec.Unknown, 0, err
		}
		res.Stdout = nil
	}
	return res, cause
}

// byItself logs what f changes as an entry of its own, without a command.
func (s *State) byItself(f func()) {
	s.changes = nil
	started := s.now
	f()
	if len(s.changes) > 0 {
		s.log = append(s.log, Entry{Seq: s.seq, Time: started, Changed: s.changes})
	}
	s.changes = nil
}

// perform runs a command, or starts a job, which runs to its end at once.
func (s *State) perform(h *Host, cmd sshexec.Cmd, job sshexec.SimJob, fault FaultKind) (sshexec.Result, error) {
	if job.Dir != "" && fault == CutMiddle {
		fault = CutBefore // what was cut off is not started
	}
	if fault == Refused || !h.Reachable() {
		return sshexec.Result{Outcome: sshexec.NotStarted}, ErrUnreachable
	}
	stdin, err := readInput(cmd.Stdin)
	if err != nil {
		return sshexec.Result{Outcome: sshexec.NotStarted}, err
	}
	lost := func(cause error) (sshexec.Result, error) { return sshexec.Result{Outcome: sshexec.Unknown}, cause }
	switch fault {
	case CutBefore:
		return lost(ErrConnectionLost)
	case Hangs:
		limit := cmd.Timeout
		if limit == 0 {
			limit = defaultTimeLimit
		}
		s.Sleep(limit)
		return lost(context.DeadlineExceeded)
	case PowerBefore:
		h.PowerOff(s)
		return lost(ErrConnectionLost)
	case Fails:
		return h.ends(job, sshexec.Result{Outcome: sshexec.Exited, ExitCode: 1, Stderr: []byte("simulated failure\n")}), nil
	case SucceedsIdly:
		return h.ends(job, sshexec.Result{Outcome: sshexec.Exited}), nil
	case CutMiddle:
		stdin = stdin[:len(stdin)/2]
	case Fenced:
		h.Restart(s)
		return lost(ErrConnectionLost)
	case Slow:
		s.Sleep(slowness)
	default: // before and after this
	}
	h.Lease.Machine = h.machine()
	res, err, handled := h.Lease.Do(h.Name, cmd)
	if !handled {
		var text string
		if text, handled = h.jobs.answer(cmd, job); handled {
			res = sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(text)}
		}
	}
	if handled {
		s.Sleep(leaseCost)
		if fault == PowerAfter {
			h.PowerOff(s)
		}
		if fault == PowerAfter || fault == CutAfter || fault == CutMiddle {
			return lost(ErrConnectionLost)
		}
		var ce *sshexec.CommandError
		if errors.As(err, &ce) {
			err = ce.Err
		}
		return fault.garbled(res), err
	}
	boots := h.Boots
	handler, cost := s.Registry.find(h, cmd.Argv)
	s.Sleep(cost)
	if h.Power != On || h.Boots != boots {
		return lost(ErrConnectionLost)
	}
	if job.Dir != "" {
		stdin, _ = job.Input(stdin)
	}
	c := &Call{
		State: s, Host: h, Name: path.Base(cmd.Argv[0]), Args: slices.Clone(cmd.Argv[1:]), Stdin: stdin,
		Env: cmd.Env, Dir: path.Join("/root", cmd.Dir),
	}
	if strings.HasPrefix(cmd.Dir, "/") {
		c.Dir = path.Clean(cmd.Dir)
	}
	status := handler(c)
	res = sshexec.Result{Outcome: sshexec.Exited, ExitCode: status, Stdout: c.Out.Bytes(), Stderr: c.Err.Bytes(), HostKey: h.hostKey}
	job.Lost = h.Power != On || h.Boots != boots
	res = h.ends(job, res)
	switch {
	case fault == PowerAfter:
		h.PowerOff(s)
		return lost(ErrConnectionLost)
	case fault == CutAfter, fault == CutMiddle, h.Power != On, h.Boots != boots:
		return lost(ErrConnectionLost)
	}
	if cmd.Effect == sshexec.ReadOnly && s.acted {
		s.Violate("a command declared read-only changed something: %s", strings.Join(s.changes, "; "))
	}
	return fault.garbled(res), nil
}

func readInput(in sshexec.Input) (string, error) {
	if in.IsZero() {
		return "", nil
	}
	r, err := in.Open()
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(r)
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	return string(data), err
}
