package sshexec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/evenkeel-ha/evenkeel/sshexec/internal/execline"
)

// Run runs the command in a session of its own. When ctx ends, the command's process group gets SIGTERM and then
// SIGKILL, from a second session that finds the group by a mark in its environment: OpenSSH before 7.9 passes no
// signals on, and today's passes none on to root's commands. Where the group is not found, the protocol's signals are
// tried. Result.Ending says what came of it.
func (c *Client) Run(ctx context.Context, cmd Cmd) (Result, error) {
	res, err := c.run(ctx, cmd)
	return res, Failure(c.cfg.Host, cmd, res, err)
}

func (c *Client) run(ctx context.Context, cmd Cmd) (Result, error) {
	if err := cmd.Validate(); err != nil {
		return Result{}, err
	}
	ctx, cancel := commandContext(ctx, cmd)
	defer cancel(nil)
	s, err := c.open(ctx)
	if err != nil {
		return Result{}, err
	}
	defer s.close()
	if s.conn.used.Add(1) == probeAfter {
		go c.probeShell(s.conn)
	}
	mark := newMark()
	return s.perform(ctx, cmd, mark, func() (Result, error) { return c.endGroup(ctx, s.conn, cmd, mark) })
}

// session is one command's channel on a connection.
type session struct {
	conn   *connection
	ch     ssh.Channel
	exited chan struct{} // closed when the end of the command is known, or can no longer become known
	closed chan struct{} // closed when the session is, by the host or with the connection
	status Result        // the end, to be read after exited
}

// newSession listens on a channel; release is called when it is closed by both sides.
func newSession(conn *connection, ch ssh.Channel, requests <-chan *ssh.Request, release func()) *session {
	s := &session{conn: conn, ch: ch, exited: make(chan struct{}), closed: make(chan struct{}), status: Result{Outcome: Unknown}}
	go s.listen(requests, release)
	return s
}

// perform runs a command in the session. endGroup ends its process group from elsewhere; where it is nil, a command
// that is cancelled is left to the protocol's signals.
func (s *session) perform(parent context.Context, cmd Cmd, mark string, endGroup func() (Result, error)) (Result, error) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	fence := fenceOf(cmd)
	line := execline.Line{Dir: cmd.Dir, Env: cmd.Env, Argv: cmd.Argv, Mark: mark, Fence: fence, Bash: s.conn.bash.Load()}
	stderr := io.Reader(s.ch.Stderr())
	in, err := cmd.Stdin.Open()
	if err != nil {
		return Result{}, fmt.Errorf("cannot open the command's input: %w", err)
	}
	var sudo *sudoDialogue
	if cmd.Sudo != nil {
		sudo = newSudoDialogue(*cmd.Sudo)
		line, in, stderr = sudo.line(line), sudo.stdin(in), sudo.stderr(stderr)
		defer sudo.watch(cancel)()
	}
	defer func() { _ = in.Close() }()
	text, err := execline.Build(line)
	if err != nil {
		return Result{}, err
	}

	start := time.Now()
	res, err := s.start(ctx, text, in, cancel)
	switch {
	case err == nil:
		res, err = s.wait(ctx, collect(cmd, s.ch, stderr, s.arrived), endGroup)
	case res.Outcome == Unknown && ctx.Err() != nil && endGroup != nil:
		found, lost := endGroup()
		res.Ending = endingOf(found, lost, false)
		err = cancelled(err, res.Ending)
	}
	res.HostKey = s.conn.hostKey
	if res, err, ok := fenced(fence, res); ok {
		return res, err
	}
	res, err = sudo.verdict(res, err)
	if res.Outcome != NotStarted {
		res.Elapsed = time.Since(start)
	}
	return res, err
}

// probeAfter is how many commands a connection has before it counts as one that many more follow on.
const probeAfter = 8

// probeShell finds out whether the login shell is bash, which spares every later command a second shell. It takes no session
// that a command waits for. Where it finds out nothing, commands run as before.
func (c *Client) probeShell(conn *connection) {
	select {
	case c.slots <- struct{}{}:
	default:
		conn.used.Store(0) // all are busy: later
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.EndTime)
	defer cancel()
	release := func() { <-c.slots }
	ch, requests, abandoned, err := openChannel(ctx, conn, release)
	switch {
	case abandoned:
		return
	case err != nil:
		release()
		return
	}
	s := newSession(conn, ch, requests, release)
	defer s.close()
	defer context.AfterFunc(ctx, s.close)()
	if ok, err := ch.SendRequest("exec", true, execRequest(execline.BashProbe)); err != nil || !ok {
		return
	}
	_ = ch.CloseWrite()
	said, _ := io.ReadAll(io.LimitReader(ch, 4096))
	conn.bash.Store(strings.HasSuffix("\n"+string(said), "\n"+execline.BashAnswer))
}

// open gets a session. Nothing has been sent that the host could run, so a connection that turns out dead is replaced, once.
func (c *Client) open(ctx context.Context) (*session, error) {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, contextCause(ctx)
	}
	release := func() { <-c.slots }
	again, pause := true, firstPause
	for {
		conn, err := c.connect(ctx)
		if err != nil {
			release()
			return nil, err
		}
		ch, requests, abandoned, err := openChannel(ctx, conn, release)
		var refused *ssh.OpenChannelError
		switch {
		case abandoned:
			return nil, err
		case err == nil:
			return newSession(conn, ch, requests, release), nil
		case ctx.Err() != nil:
			release()
			return nil, contextCause(ctx)
		case errors.As(err, &refused) && pause <= lastPause && refused.Reason != ssh.Prohibited:
			if (wallClock{}).Sleep(ctx, pause) != nil {
				release()
				return nil, contextCause(ctx)
			}
			pause *= 2
			continue
		case errors.As(err, &refused):
			release()
			return nil, fmt.Errorf("%w: %w", ErrSessionRefused, err)
		case !again:
			release()
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		again = false
		_ = conn.ssh.Close()
		<-conn.done
	}
}

// OpenSSH counts a session for a moment after both sides have closed it, and refuses the next one when it allows no
// more. Asking again has started nothing.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = 80 * time.Millisecond
)

// openChannel waits for the host's answer as long as the context lasts. The connection stays: other commands are on it.
// A request that is abandoned may still be granted, and releases its slot when it is closed again.
func openChannel(ctx context.Context, conn *connection, release func()) (_ ssh.Channel, _ <-chan *ssh.Request, abandoned bool, _ error) {
	type answer struct {
		ch       ssh.Channel
		requests <-chan *ssh.Request
		err      error
	}
	if !conn.line.ask() {
		return nil, nil, false, errEnded
	}
	answered := make(chan answer, 1)
	go func() {
		ch, requests, err := conn.ssh.OpenChannel("session", nil)
		conn.line.answered()
		answered <- answer{ch, requests, err}
	}()
	select {
	case a := <-answered:
		return a.ch, a.requests, false, a.err
	case <-conn.done:
		return nil, nil, false, errEnded
	case <-ctx.Done():
		go func() {
			if a := <-answered; a.err == nil {
				_ = a.ch.Close()
				ssh.DiscardRequests(a.requests)
			}
			release()
		}()
		return nil, nil, true, contextCause(ctx)
	}
}

// start sends the command line, and the input after it. From the moment of sending on, only a clear refusal proves that
// the command did not start.
func (s *session) start(ctx context.Context, line string, in io.Reader, cancel context.CancelCauseFunc) (Result, error) {
	if ctx.Err() != nil {
		return Result{}, contextCause(ctx)
	}
	type answer struct {
		ok  bool
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		ok, err := s.ch.SendRequest("exec", true, execRequest(line))
		answered <- answer{ok, err}
		if ok && err == nil && ctx.Err() == nil {
			s.feed(in, cancel)
		}
	}()
	select {
	case a := <-answered:
		switch {
		case a.err != nil:
			return Result{Outcome: Unknown}, fmt.Errorf("%w: %w", ErrDisconnected, a.err)
		case !a.ok:
			return Result{}, fmt.Errorf("%w: it does not run commands", ErrSessionRefused)
		}
		return Result{}, nil
	case <-ctx.Done():
		return Result{Outcome: Unknown}, contextCause(ctx)
	}
}

func execRequest(line string) []byte { return ssh.Marshal(struct{ Line string }{line}) }

// feed sends the input. A broken input ends the command: half of it must not pass for the whole.
func (s *session) feed(in io.Reader, cancel context.CancelCauseFunc) {
	if err := feed(s.ch, in); err != nil {
		cancel(err)
		return
	}
	_ = s.ch.CloseWrite()
}

// arrived waits for the answer to a question that the host gets after the command: what the host sent before has come by
// then. Any answer will do.
func (s *session) arrived(stop <-chan struct{}) bool {
	answered := make(chan error, 1)
	go func() {
		_, _, err := s.conn.ssh.SendRequest("keepalive@openssh.com", true, nil)
		answered <- err
	}()
	select {
	case err := <-answered:
		return err == nil
	case <-stop:
	case <-s.conn.done:
	}
	return false
}

// cut tells whether it was the loss of the connection that ended the session's output. x/crypto does not tell it from an
// end by the host; but it answers when the host closes a session, and lets nothing be sent on one that is closed.
func (s *session) cut() bool {
	select {
	case <-s.closed:
	case <-time.After(quietTime): // the host has not closed it yet
		return s.conn.line.ended.Load()
	}
	if s.conn.line.ended.Load() {
		return true
	}
	_, err := s.ch.SendRequest("keepalive@openssh.com", false, nil)
	return !errors.Is(err, io.EOF)
}

// wait waits for the end of the command, or makes an end of it.
func (s *session) wait(ctx context.Context, out *outputs, endGroup func() (Result, error)) (Result, error) {
	var (
		cause error
		found Result
		lost  error
	)
	if !out.wait(s.exited, ctx.Done()) {
		cause = contextCause(ctx)
		if endGroup != nil {
			found, lost = endGroup()
			out.waitAtMost(s.exited, killGrace)
		}
		if !isClosed(s.exited) {
			s.signal("TERM")
			if !out.waitAtMost(s.exited, termGrace) {
				s.signal("KILL")
				out.waitAtMost(s.exited, killGrace)
			}
		}
	}
	res := Result{Outcome: Unknown}
	select {
	case <-s.exited:
		res = s.status
		if res.Outcome == Unknown && cause == nil {
			cause = ErrDisconnected
		}
	default:
	}
	if cause != nil && endGroup != nil && !errors.Is(cause, ErrDisconnected) {
		res.Ending = endingOf(found, lost, res.Outcome != Unknown)
		cause = cancelled(cause, res.Ending)
	}
	if err := out.finish(&res); cause == nil {
		cause = err
	}
	if cause == nil && isClosed(out.done) && s.cut() {
		res.Truncated = true
		if out.toTheEnd { // nothing was changed, and what was asked for is not known
			res.Outcome, cause = Unknown, ErrDisconnected
		}
	}
	return res, cause
}

// listen takes the host's news of the command until the channel is closed by both sides.
func (s *session) listen(requests <-chan *ssh.Request, release func()) {
	known := false
	for r := range requests {
		if !known {
			if res, ok := exitOf(r); ok {
				known = true
				s.status = res
				close(s.exited)
			}
		}
		if r.WantReply {
			_ = r.Reply(false, nil)
		}
	}
	if !known {
		close(s.exited)
	}
	close(s.closed)
	release()
}

func exitOf(r *ssh.Request) (Result, bool) {
	switch r.Type {
	case "exit-status":
		var msg struct{ Status uint32 }
		if ssh.Unmarshal(r.Payload, &msg) == nil {
			return Result{Outcome: Exited, ExitCode: int(msg.Status)}, true
		}
	case "exit-signal":
		var msg struct {
			Signal     string
			CoreDumped bool
			Message    string
			Language   string
		}
		if ssh.Unmarshal(r.Payload, &msg) == nil {
			return Result{Outcome: Signalled, Signal: msg.Signal}, true
		}
	}
	return Result{}, false
}

// signal and close do not wait: the transport may be stuck, and the caller has waited enough.
func (s *session) signal(name string) {
	go func() { _, _ = s.ch.SendRequest("signal", false, ssh.Marshal(struct{ Name string }{name})) }()
}

func (s *session) close() { go func() { _ = s.ch.Close() }() }
