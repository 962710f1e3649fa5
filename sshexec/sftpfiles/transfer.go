package sftpfiles

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Upload writes what src holds to a file of the machine, all of it or nothing: into a temporary file, which is synced
// where the server can (OpenSSH 6.5 and later), read back and compared, and which then gets the mode and takes the
// name. A file that had the name is replaced, a symbolic link is too. Copies that differ are sshexec.ErrDigest.
//
// The temporary file is remotePath.evenkeel-*/file, in a directory of its own: sftp has files made that others can
// open, for a moment.
func (s *Session) Upload(ctx context.Context, src io.Reader, remotePath string, mode fs.FileMode) error {
	return s.call(ctx, "upload to", remotePath, func() (err error) {
		dir := remotePath + ".evenkeel-" + strings.ToLower(rand.Text()[:10])
		if err := s.client.Mkdir(dir); err != nil {
			return err
		}
		tmp := dir + "/file"
		defer func() {
			if err != nil {
				_ = s.client.Remove(tmp) // not there when it was not made
			}
			if rmErr := s.client.RemoveDirectory(dir); rmErr != nil {
				err = errors.Join(err, fmt.Errorf("%s may be left behind: %w", dir, rmErr))
			}
		}()
		if err := s.client.Chmod(dir, 0o700); err != nil {
			return err
		}
		if err := s.write(ctx, src, tmp); err != nil {
			return err
		}
		if err := s.client.Chmod(tmp, mode); err != nil {
			return err
		}
		return s.client.PosixRename(tmp, remotePath)
	})
}

// write makes a file, and reads it back. It is opened anew for that: not every server opens a file for both.
func (s *Session) write(ctx context.Context, src io.Reader, name string) error {
	f, err := s.client.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	sent, there := sha256.New(), sha256.New()
	_, err = f.ReadFrom(io.TeeReader(contextReader{ctx, src}, sent))
	if _, ok := s.client.HasExtension("fsync@openssh.com"); ok && err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	f, err = s.client.Open(name)
	if err != nil {
		return err
	}
	_, err = f.WriteTo(there)
	if err = errors.Join(err, f.Close()); err == nil && string(sent.Sum(nil)) != string(there.Sum(nil)) {
		err = sshexec.ErrDigest
	}
	return err
}

// Download writes a file of the machine to dst. The protocol cannot compare sums; that the file has the same size and
// time afterwards, and that so many bytes came, is all that is checked. On an error dst has got a part of the file.
func (s *Session) Download(ctx context.Context, remotePath string, dst io.Writer) error {
	return s.call(ctx, "download", remotePath, func() error {
		f, err := s.client.Open(remotePath)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		before, err := f.Stat()
		if err != nil {
			return err
		}
		n, err := f.WriteTo(dst)
		if err != nil {
			return err
		}
		after, err := f.Stat()
		if err != nil {
			return err
		}
		if n != before.Size() || n != after.Size() || !before.ModTime().Equal(after.ModTime()) {
			return fmt.Errorf("%w: the file changed while it was read", sshexec.ErrDigest)
		}
		return nil
	})
}

// contextReader ends with its context: a source that never ends would else be read on after the session is closed.
type contextReader struct {
	ctx context.Context //nolint:containedctx // it lives no longer than one call
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
