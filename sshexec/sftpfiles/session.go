package sftpfiles

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pkg/sftp"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// ErrClosed is the error of a call on a session that is over.
var ErrClosed = errors.New("the sftp session has ended")

// Session is an sftp session on one machine. It is safe for concurrent use.
type Session struct {
	host   string
	client *sftp.Client
}

// Open starts an sftp session on the connection of c, of which it takes one of the sessions. A server without the
// subsystem is sshexec.ErrSessionRefused.
func Open(ctx context.Context, c *sshexec.Client) (*Session, error) {
	stream, err := c.Subsystem(ctx, "sftp")
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
	client, err := begin(stream)
	if !stop() && err == nil {
		_ = client.Close()
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = stream.Close()
		return nil, fmt.Errorf("cannot start sftp on %s: %w", c.Host(), err)
	}
	return &Session{host: c.Host(), client: client}, nil
}

func begin(stream io.ReadWriteCloser) (*sftp.Client, error) {
	// Writes may overtake each other only in a temporary file, which is read back before it gets its name.
	return sftp.NewClientPipe(stream, ending{stream}, sftp.UseConcurrentWrites(true))
}

// ending says of a request that cannot be sent that the session is over. Without it the sftp client tells a lost
// connection from the reading side only, and a writer that comes first gets whatever the stream said.
type ending struct{ io.WriteCloser }

func (e ending) Write(p []byte) (int, error) {
	n, err := e.WriteCloser.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return n, err
}

// Close ends the session.
func (s *Session) Close() error { return s.client.Close() }

// call runs one call of the sftp client, which knows no context: its end closes the session.
func (s *Session) call(ctx context.Context, what, name string, do func() error) error {
	err := checkPath(name)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		stop := context.AfterFunc(ctx, func() { _ = s.client.Close() })
		err = do()
		stop()
		switch {
		case err == nil:
		case ctx.Err() != nil:
			err = ctx.Err()
		case errors.Is(err, sftp.ErrSSHFxConnectionLost):
			err = fmt.Errorf("%w: %w", ErrClosed, err)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot %s %q on %s: %w", what, name, s.host, err)
	}
	return nil
}

// checkPath refuses paths that may mean something else than they say.
func checkPath(name string) error {
	switch {
	case !path.IsAbs(name) || path.Clean(name) != name:
		return sshexec.ErrNotClean
	case strings.Contains(name, "\x00"):
		return sshexec.ErrNUL
	}
	return nil
}

// Stat tells what a file is, at the end of symbolic links. A file that is not there is fs.ErrNotExist.
func (s *Session) Stat(ctx context.Context, name string) (info sshexec.FileInfo, err error) {
	err = s.call(ctx, "stat", name, func() error {
		found, err := s.client.Stat(name)
		if err == nil {
			info = describe(name, found)
		}
		return err
	})
	return info, err
}

// List tells what is in a directory, sorted by name. Links and their targets are not told: the protocol leaves them out.
func (s *Session) List(ctx context.Context, dir string) (list []sshexec.FileInfo, err error) {
	err = s.call(ctx, "list", dir, func() error {
		found, err := s.client.ReadDirContext(ctx, dir)
		if err != nil {
			return err
		}
		for _, f := range found {
			list = append(list, describe(f.Name(), f))
		}
		slices.SortFunc(list, func(a, b sshexec.FileInfo) int { return strings.Compare(a.Name, b.Name) })
		return nil
	})
	return list, err
}

func describe(name string, f fs.FileInfo) sshexec.FileInfo {
	info := sshexec.FileInfo{Name: name, Mode: f.Mode(), Size: f.Size(), ModTime: time.Unix(f.ModTime().Unix(), 0)}
	if more, ok := f.Sys().(*sftp.FileStat); ok {
		info.UID, info.GID = more.UID, more.GID
	}
	return info
}

// Mkdir makes a directory; one that is there is an error, of which the protocol does not say what it is. The mode is set after it was made.
func (s *Session) Mkdir(ctx context.Context, name string, mode fs.FileMode) error {
	return s.call(ctx, "make", name, func() error {
		if err := s.client.Mkdir(name); err != nil {
			return err
		}
		return s.client.Chmod(name, mode)
	})
}

// Remove removes a file, a symbolic link or an empty directory. What is not there is fs.ErrNotExist.
func (s *Session) Remove(ctx context.Context, name string) error {
	return s.call(ctx, "remove", name, func() error { return s.client.Remove(name) })
}
