package sshexec

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/internal/execline"
)

// Sudo has a command run as another user. What sudo is asked to run is /bin/sh with the command, so a sudoers rule for
// the bare program does not do.
type Sudo struct {
	User     string // root when empty
	Password Secret // of the login user; when empty, sudo must not need one
}

// ErrSudo means that sudo did not run the command: the password is wrong or missing, the user may not do this, sudo is
// not there. The command's outcome is NotStarted. One password is tried once.
var ErrSudo = errors.New("sudo did not run the command")

var errSudoPassword = errors.New("the password for sudo holds a newline or a NUL byte")

// WithSudo is r with every command run through sudo that does not say itself how to.
func WithSudo(r Runner, sudo Sudo) Runner {
	return RunnerFunc(func(ctx context.Context, cmd Cmd) (Result, error) {
		if cmd.Sudo == nil {
			cmd.Sudo = &sudo
		}
		return r.Run(ctx, cmd)
	})
}

// sudoPatience is how long sudo may take to let the command begin: some ask a directory server that is slow.
const sudoPatience = time.Minute

// sudoDialogue sends the password when sudo asks for it and the command's own input when the command has begun, never
// one for the other: a sudo that asks for no password would hand it to the command. It reads along in the errors, and
// what sudo says in them before the command begins is shown only when it never does.
type sudoDialogue struct {
	sudo          Sudo
	prompt, start string // what sudo says when it asks, and the shell when it has the command

	prompted, begun, over chan struct{}
	end                   sync.Once
}

func newSudoDialogue(sudo Sudo) *sudoDialogue {
	return &sudoDialogue{
		sudo: sudo, prompt: "evenkeel-ask-" + rand.Text(), start: "evenkeel-begun-" + rand.Text() + "\n",
		prompted: make(chan struct{}), begun: make(chan struct{}), over: make(chan struct{}),
	}
}

// line is the call of sudo for a command. The mark is in both environments: sudo does not pass it on.
func (d *sudoDialogue) line(inner execline.Line) execline.Line {
	argv := []string{"sudo", "-S", "-k", "-p", d.prompt}
	if d.sudo.Password == "" {
		argv = []string{"sudo", "-n"}
	}
	if d.sudo.User != "" {
		argv = append(argv, "-u", d.sudo.User)
	}
	script := "echo " + strings.TrimSpace(d.start) + " >&2; " + execline.Script(inner)
	// The fence stands on both sides: sudo hands no lock on.
	return execline.Line{Argv: append(argv, "--", "/bin/sh", "-c", script), Mark: inner.Mark, Fence: inner.Fence, Bash: inner.Bash}
}

// watch ends the command when sudo keeps silent, until stop is called.
func (d *sudoDialogue) watch(cancel context.CancelCauseFunc) (stop func() bool) {
	timer := time.AfterFunc(sudoPatience, func() {
		if !d.hasBegun() {
			cancel(fmt.Errorf("%w: it has neither asked for a password nor begun within %s", ErrSudo, sudoPatience))
		}
	})
	return timer.Stop
}

func (d *sudoDialogue) hasBegun() bool { return isClosed(d.begun) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (d *sudoDialogue) finish() { d.end.Do(func() { close(d.over) }) }

// verdict corrects how a command ended whose sudo did not let it begin. Without sudo there is nothing to correct.
func (d *sudoDialogue) verdict(res Result, err error) (Result, error) {
	if d == nil || d.hasBegun() || res.Outcome != Exited {
		return res, err
	}
	res.Outcome, res.ExitCode = NotStarted, 0
	if err == nil {
		return res, ErrSudo
	}
	return res, fmt.Errorf("%w: %w", ErrSudo, err)
}

// stdin is the command's input with the password before it, where it is asked for.
func (d *sudoDialogue) stdin(in io.ReadCloser) io.ReadCloser { return &sudoStdin{d: d, in: in} }

type sudoStdin struct {
	d        *sudoDialogue
	in       io.ReadCloser
	password []byte // what is left to send
	answered bool
}

func (s *sudoStdin) Read(p []byte) (int, error) {
	if len(s.password) == 0 && !s.d.hasBegun() {
		asked := s.d.prompted
		if s.answered {
			asked = nil
		}
		select {
		case <-s.d.begun:
		case <-s.d.over:
			return 0, io.EOF
		case <-asked:
			s.answered, s.password = true, []byte(s.d.sudo.Password.Reveal()+"\n")
		}
	}
	if n := copy(p, s.password); n > 0 {
		s.password = s.password[n:]
		return n, nil
	}
	return s.in.Read(p)
}

func (s *sudoStdin) Close() error {
	s.d.finish()
	return s.in.Close()
}

// stderr is the command's errors without sudo's.
func (d *sudoDialogue) stderr(r io.Reader) io.Reader { return &sudoStderr{d: d, r: r} }

type sudoStderr struct {
	d    *sudoDialogue
	r    io.Reader
	held []byte // what sudo said and nobody has read yet
	err  error  // the end of r
}

// maxSudoTalk bounds what sudo can say before the command begins.
const maxSudoTalk = 1 << 20

func (s *sudoStderr) Read(p []byte) (int, error) {
	for s.err == nil && !s.d.hasBegun() && len(s.held) < maxSudoTalk {
		n, err := s.r.Read(p)
		s.held, s.err = append(s.held, p[:n]...), err
		s.look()
	}
	if s.err != nil {
		s.d.finish()
	}
	if n := copy(p, s.held); n > 0 {
		s.held = s.held[n:]
		return n, nil
	}
	if s.err != nil {
		return 0, s.err
	}
	return s.r.Read(p)
}

// look finds the words agreed on in what was held back. A second prompt means that the password is wrong; the end of
// the input then ends sudo.
func (s *sudoStderr) look() {
	if _, after, ok := bytes.Cut(s.held, []byte(s.d.start)); ok {
		s.held = after
		close(s.d.begun)
		return
	}
	for {
		before, after, ok := bytes.Cut(s.held, []byte(s.d.prompt))
		if !ok {
			return
		}
		s.held = append(before[:len(before):len(before)], after...)
		if isClosed(s.d.prompted) {
			s.d.finish()
			return
		}
		close(s.d.prompted)
	}
}
