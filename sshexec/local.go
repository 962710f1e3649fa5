package sshexec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/internal/execline"
)

// Local runs commands on the machine that evenkeel runs on, as a shell behind SSH would: without a terminal, in a
// session of their own, with exit status 127 for a program that is not there and 126 for one that cannot be executed.
type Local struct{}

var _ Runner = Local{}

// Run runs the command. When ctx ends, the command's process group gets SIGTERM, then SIGKILL; Result.Ending says what came of it.
func (l Local) Run(ctx context.Context, cmd Cmd) (Result, error) {
	res, err := l.run(ctx, cmd)
	return res, Failure("", cmd, res, err)
}

func (l Local) run(parent context.Context, cmd Cmd) (Result, error) {
	if err := cmd.Validate(); err != nil {
		return Result{}, err
	}
	ctx, cancel := commandContext(parent, cmd)
	defer cancel(nil)
	if ctx.Err() != nil {
		return Result{}, contextCause(ctx)
	}
	if cmd.Dir != "" && cmd.Sudo == nil {
		if _, err := os.Stat(cmd.Dir); err != nil {
			return Result{}, fmt.Errorf("cannot enter the working directory: %w", err)
		}
	}
	in, err := cmd.Stdin.Open()
	if err != nil {
		return Result{}, fmt.Errorf("cannot open the command's input: %w", err)
	}
	fence := fenceOf(cmd)
	line := execline.Line{Dir: cmd.Dir, Env: cmd.Env, Argv: cmd.Argv, Fence: fence}
	var sudo *sudoDialogue
	endGroup := (*process).endGroup
	if cmd.Sudo != nil {
		sudo = newSudoDialogue(*cmd.Sudo)
		line.Mark = newMark()
		line, in = sudo.line(line), sudo.stdin(in)
		defer sudo.watch(cancel)()
		endGroup = func(p *process, out *outputs) Ending { return l.endSudo(parent, p, out, cmd, line.Mark) }
	}
	if fence != nil {
		line = execline.Line{Argv: []string{"/bin/sh", "-c", execline.Script(line)}}
	}
	start := time.Now()
	p, err := startProcess(line)
	if err != nil {
		_ = in.Close()
		return sudo.verdict(notStarted(err))
	}
	defer p.closePipes()
	go func() {
		defer func() { _ = p.stdin.Close() }()
		if err := feed(p.stdin, in); err != nil {
			cancel(err)
		}
	}()
	defer func() { _ = in.Close() }()
	stderr := io.Reader(p.stderr)
	if sudo != nil {
		stderr = sudo.stderr(stderr)
	}
	res, err := p.wait(ctx, collect(cmd, p.stdout, stderr, p.arrived), endGroup)
	if res, err, ok := fenced(fence, res); ok {
		return res, err
	}
	res, err = sudo.verdict(res, err)
	if res.Outcome != NotStarted {
		res.Elapsed = time.Since(start)
	}
	return res, err
}

// endSudo ends the group of a command that belongs to another user: as that user.
func (l Local) endSudo(parent context.Context, p *process, out *outputs, cmd Cmd, mark string) Ending {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), localEndTime)
	defer cancel()
	found, err := l.Run(ctx, endCommand(cmd, mark))
	return endingOf(found, err, out.waitAtMost(p.exited, killGrace))
}

// localEndTime bounds the end of a command that was run with sudo and cancelled.
const localEndTime = 30 * time.Second

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

func startProcess(l execline.Line) (*process, error) {
	//nolint:noctx // the context ends the whole process group, which exec.CommandContext would not
	p := &process{cmd: exec.Command(l.Argv[0], l.Argv[1:]...), exited: make(chan struct{})}
	p.cmd.Dir = l.Dir
	p.cmd.Env = append(append(os.Environ(), execline.Locale), l.Env...)
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

func (p *process) wait(ctx context.Context, out *outputs, endGroup func(*process, *outputs) Ending) (Result, error) {
	var (
		cause  error
		ending Ending
	)
	if !out.wait(p.exited, ctx.Done()) {
		ending = endGroup(p, out)
		cause = cancelled(contextCause(ctx), ending)
	}
	res := Result{Outcome: Unknown} // a process that even SIGKILL does not end waits for a device
	select {
	case <-p.exited:
		res = p.end
	default:
	}
	res.Ending = ending
	if err := out.finish(&res); cause == nil {
		cause = err
	}
	return res, cause
}

// arrived waits until what the command wrote is read: the pipes are empty.
func (p *process) arrived(stop <-chan struct{}) bool {
	for holds(p.stdout) || holds(p.stderr) {
		select {
		case <-stop:
			return false
		case <-time.After(pollTime):
		}
	}
	return true
}

// endGroup ends the process group of a command that belongs to this user.
func (p *process) endGroup(out *outputs) Ending {
	terminateGroup(p.cmd)
	out.waitAtMost(p.exited, termGrace)
	for tries := killGrace / pollTime; groupAlive(p.cmd); tries-- {
		if tries == 0 {
			return GroupAlive
		}
		killGroup(p.cmd)
		time.Sleep(pollTime)
	}
	<-p.exited
	if !seesGroups {
		return GroupUnknown
	}
	return GroupEnded
}

// pollTime is the pause between two looks at what has no signal of its own.
const pollTime = 50 * time.Millisecond

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
