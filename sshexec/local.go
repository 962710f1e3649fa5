package sshexec

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/internal/execline"
)

// Local runs commands on the machine that evenkeel runs on, as a shell behind SSH would: without a terminal, in a session of their own, with exit status 127
// for a program that is not there and 126 for one that cannot be executed.
type Local struct{}

var _ Runner = Local{}

// Run runs the command. When ctx ends, the command and its children get SIGTERM, then SIGKILL.
func (l Local) Run(ctx context.Context, cmd Cmd) (Result, error) {
	res, err := l.run(ctx, cmd)
	return res, Failure("", cmd, res, err)
}

func (Local) run(ctx context.Context, cmd Cmd) (Result, error) {
	if err := cmd.Validate(); err != nil {
		return Result{}, err
	}
	ctx, cancel := commandContext(ctx, cmd)
	defer cancel(nil)
	if ctx.Err() != nil {
		return Result{}, contextCause(ctx)
	}
	if cmd.Dir != "" {
		if _, err := os.Stat(cmd.Dir); err != nil {
			return Result{}, fmt.Errorf("cannot enter the working directory: %w", err)
		}
	}
	in, err := cmd.Stdin.Open()
	if err != nil {
		return Result{}, fmt.Errorf("cannot open the command's input: %w", err)
	}
	start := time.Now()
	p, err := startProcess(cmd)
	if err != nil {
		_ = in.Close()
		return notStarted(err)
	}
	defer p.closePipes()
	go func() {
		defer func() {
			_ = in.Close()
			_ = p.stdin.Close()
		}()
		if err := feed(p.stdin, in); err != nil {
			cancel(err)
		}
	}()
	res, err := p.wait(ctx, cmd)
	res.Elapsed = time.Since(start)
	return res, err
}

// notStarted gives a program that cannot be started the exit status that a shell gives it.
func notStarted(err error) (Result, error) {
	var code int
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		code = 127
	case errors.Is(err, fs.ErrPermission):
		code = 126
	default:
		return Result{}, err
	}
	return Result{Outcome: Exited, ExitCode: code, Stderr: []byte(err.Error() + "\n")}, nil
}

// process is a running command with our ends of its pipes.
type process struct {
	cmd                   *exec.Cmd
	stdin, stdout, stderr *os.File
	exited                chan struct{}
	end                   Result // to be read after exited
}

func startProcess(cmd Cmd) (*process, error) {
	//nolint:noctx // the context ends the whole process group, which exec.CommandContext would not
	p := &process{cmd: exec.Command(cmd.Argv[0], cmd.Argv[1:]...), exited: make(chan struct{})}
	p.cmd.Dir = cmd.Dir
	p.cmd.Env = append(append(os.Environ(), execline.Locale), cmd.Env...)
	ownGroup(p.cmd)
	var theirs []*os.File
	defer func() {
		for _, f := range theirs {
			_ = f.Close()
		}
	}()
	pipe := func(ours **os.File, write bool) (*os.File, error) {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		if write {
			r, w = w, r
		}
		*ours = w
		theirs = append(theirs, r)
		return r, nil
	}
	var err error
	if p.cmd.Stdin, err = pipe(&p.stdin, false); err == nil {
		if p.cmd.Stdout, err = pipe(&p.stdout, true); err == nil {
			p.cmd.Stderr, err = pipe(&p.stderr, true)
		}
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		p.closePipes()
		return nil, err
	}
	go func() {
		// The streams are files, so Wait waits for the process alone.
		p.end = endOf(p.cmd.Wait())
		close(p.exited)
	}()
	return p, nil
}

func (p *process) closePipes() {
	for _, f := range []*os.File{p.stdin, p.stdout, p.stderr} {
		if f != nil {
			_ = f.Close()
		}
	}
}

func (p *process) wait(ctx context.Context, cmd Cmd) (Result, error) {
	out := collect(cmd, p.stdout, p.stderr)
	var cause error
	if !out.wait(p.exited, ctx.Done()) {
		cause = contextCause(ctx)
		terminateGroup(p.cmd)
		if !out.waitAtMost(p.exited, termGrace) {
			killGroup(p.cmd)
			out.waitAtMost(p.exited, killGrace)
		}
	}
	res := Result{Outcome: Unknown} // a process that even SIGKILL does not end waits for a device
	select {
	case <-p.exited:
		res = p.end
	default:
	}
	if err := out.finish(&res); cause == nil {
		cause = err
	}
	return res, cause
}

// endOf reads how a process ended out of what Wait returned.
func endOf(err error) Result {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return Result{Outcome: Exited}
	case !errors.As(err, &exit):
		return Result{Outcome: Unknown}
	}
	if name := signalOf(exit.ProcessState); name != "" {
		return Result{Outcome: Signalled, Signal: name}
	}
	return Result{Outcome: Exited, ExitCode: exit.ExitCode()}
}
