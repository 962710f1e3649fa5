package sshexec

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/crypto/ssh"
)

// Subsystem starts a subsystem of the SSH server, such as sftp, and returns the two directions of its stream. It takes
// a session of the connection until it is closed; Close ends a Read that waits, too. What is said on the stream is not
// a command: dry run, gate and audit do not see it. A server without the subsystem is ErrSessionRefused.
func (c *Client) Subsystem(ctx context.Context, name string) (io.ReadWriteCloser, error) {
	s, err := c.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot start %s on %s: %w", name, c.cfg.Host, err)
	}
	type answer struct {
		ok  bool
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		ok, err := s.ch.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{name}))
		answered <- answer{ok, err}
	}()
	select {
	case a := <-answered:
		switch {
		case a.err != nil:
			err = fmt.Errorf("%w: %w", ErrDisconnected, a.err)
		case !a.ok:
			err = fmt.Errorf("%w: it has no such subsystem", ErrSessionRefused)
		}
	case <-ctx.Done():
		err = contextCause(ctx)
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("cannot start %s on %s: %w", name, c.cfg.Host, err)
	}
	return newSubsystem(s), nil
}

// subsystem is the stream of a subsystem. A channel's own Read would wait for the host to close it, so that a host that
// is gone would hold up who closes it.
type subsystem struct {
	*io.PipeReader
	session *session
}

func newSubsystem(s *session) *subsystem {
	r, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, s.ch)
		_ = w.CloseWithError(err)
	}()
	go func() { _, _ = io.Copy(io.Discard, s.ch.Stderr()) }()
	return &subsystem{PipeReader: r, session: s}
}

func (s *subsystem) Write(p []byte) (int, error) { return s.session.ch.Write(p) }

// Close ends the subsystem.
func (s *subsystem) Close() error {
	s.session.close()
	return s.PipeReader.Close()
}
