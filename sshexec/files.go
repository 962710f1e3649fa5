package sshexec

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cleanupTime bounds the removal of a temporary file after a failure.
const cleanupTime = 10 * time.Second

// Upload writes what src holds to a file of the machine, all of it or nothing: into a temporary file beside it (mode
// 0600, synced), whose sha256 is checked, which then gets the mode and takes the name. A file that had the name is
// replaced, a symbolic link is too; a directory is an error. The directory of remotePath must exist. The commands are
// install, dd, sha256sum, chmod and mv with plain arguments, as old as EL6's; from 16 MB on the sum is taken by openssl
// where there is one, and the file synced meanwhile. They are mutating, so a dry run reports them and sends nothing.
//
// An error whose outcome is Unknown leaves either the old file or the new one, and perhaps a file
// remotePath.evenkeel-*; uploading again is safe.
func Upload(ctx context.Context, r Runner, src io.Reader, remotePath string, mode fs.FileMode) error {
	if err := checkRemotePath(remotePath); err != nil {
		return fmt.Errorf("cannot upload to %q: %w", remotePath, err)
	}
	tmp := remotePath + ".evenkeel-" + strings.ToLower(rand.Text()[:10])
	if err := upload(ctx, r, src, tmp, remotePath, mode); err != nil {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
		defer cancel()
		_, rmErr := r.Run(clean, Command(Mutating, "rm", "-f", "--", tmp))
		if rmErr != nil {
			err = fmt.Errorf("%w (and %s may be left behind)", err, tmp)
		}
		return fmt.Errorf("cannot upload to %s: %w", remotePath, err)
	}
	return nil
}

func upload(ctx context.Context, r Runner, src io.Reader, tmp, remotePath string, mode fs.FileMode) error {
	sum := newRunningSum()
	defer sum.end()
	counted := &countingReader{r: io.TeeReader(src, sum)}
	size := sizeOf(src)
	write := writeCommand(tmp, size)
	write.Stdin = Stream(counted)
	if _, err := r.Run(ctx, Command(Mutating, "install", "-m", "0600", "--", "/dev/null", tmp)); err != nil {
		return err
	}
	if _, err := r.Run(ctx, write); err != nil {
		return err
	}
	if err := checkSum(ctx, r, tmp, sum.end(), max(size, counted.n)); err != nil {
		return err
	}
	for _, cmd := range []Cmd{
		Command(Mutating, "chmod", octalMode(mode), "--", tmp),
		Command(Mutating, "mv", "-f", "-T", "--", tmp, remotePath),
	} {
		if _, err := r.Run(ctx, cmd); err != nil {
			return err
		}
	}
	return nil
}

// writeCommand writes its input to a file. It syncs a small one; a big one is synced while its sum is taken.
func writeCommand(name string, size int64, conv ...string) Cmd {
	cmd := Command(Mutating, "dd", "of="+name, "bs="+strconv.Itoa(transferBlock))
	if size < bigFile {
		conv = append(conv, "fsync")
	}
	if len(conv) > 0 {
		cmd.Argv = append(cmd.Argv, "conv="+strings.Join(conv, ","))
	}
	return cmd
}

// sizeOf is the size of what is read, 0 where it cannot be known.
func sizeOf(src io.Reader) int64 {
	if f, ok := src.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return info.Size()
		}
	}
	return 0
}

// KeepMode as the mode of a copy stands for the mode of the original: permissions, set-user-id, set-group-id and sticky bit.
const KeepMode = ^fs.FileMode(0)

// UploadFile uploads a file of this machine.
func UploadFile(ctx context.Context, r Runner, localPath, remotePath string, mode fs.FileMode) error {
	f, err := os.Open(localPath) // #nosec G304 -- the caller's own file
	if err != nil {
		return fmt.Errorf("cannot upload to %s: %w", remotePath, err)
	}
	defer func() { _ = f.Close() }()
	if mode == KeepMode {
		info, err := f.Stat()
		if err != nil {
			return fmt.Errorf("cannot upload to %s: %w", remotePath, err)
		}
		mode = info.Mode()
	}
	return Upload(ctx, r, f, remotePath, mode)
}

// Download writes a file of the machine to dst and checks its sha256 afterwards. On an error dst has got a part of the
// file, or a file that changed while it was read; DownloadFile spares its caller that.
func Download(ctx context.Context, r Runner, remotePath string, dst io.Writer) error {
	if err := download(ctx, r, remotePath, dst); err != nil {
		return fmt.Errorf("cannot download %s: %w", remotePath, err)
	}
	return nil
}

func download(ctx context.Context, r Runner, remotePath string, dst io.Writer) error {
	if err := checkRemotePath(remotePath); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sum := newRunningSum()
	defer sum.end()
	theirs := &sumBeside{take: func(size int64) (string, error) { return remoteSum(ctx, r, remotePath, size) }}
	defer theirs.end()
	read := Command(ReadOnly, "cat", "--", remotePath)
	read.Stdout = io.MultiWriter(dst, sum, theirs)
	if _, err := r.Run(ctx, read); err != nil {
		cancel()
		return err
	}
	digest, err := theirs.sum()
	if err != nil {
		return err
	}
	if ours := sum.end(); digest != ours {
		return fmt.Errorf("%w: it is %s there and %s here; the file may have changed meanwhile", ErrDigest, digest, ours)
	}
	return nil
}

// DownloadFile downloads to a file of this machine, all of it or nothing: through a synced temporary file that takes
// the name when it is complete and checked.
func DownloadFile(ctx context.Context, r Runner, remotePath, localPath string, mode fs.FileMode) error {
	if mode == KeepMode {
		info, err := stat(ctx, r, remotePath, "-L")
		if err != nil {
			return fmt.Errorf("cannot download %s: %w", remotePath, err)
		}
		mode = info.Mode
	}
	dir := filepath.Dir(localPath)
	f, err := os.CreateTemp(dir, filepath.Base(localPath)+".evenkeel-*")
	if err != nil {
		return fmt.Errorf("cannot download %s: %w", remotePath, err)
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name()) // not there any more when all went well
	}()
	early := &earlySync{File: f}
	err = Download(ctx, r, remotePath, early)
	if syncErr := early.wait(); err == nil && syncErr != nil {
		err = fmt.Errorf("cannot download %s: %w", remotePath, syncErr)
	}
	if err != nil {
		return err
	}
	if err := settle(f, localPath, mode); err != nil {
		return fmt.Errorf("cannot download %s: %w", remotePath, err)
	}
	return nil
}

// settle gives a complete temporary file its mode and its name, for good.
func settle(f *os.File, name string, mode fs.FileMode) error {
	err := errors.Join(f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err == nil {
		err = syncDir(filepath.Dir(name))
	}
	return err
}

// syncDir makes a rename in dir survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir) // #nosec G304 -- the caller's own directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// checkRemotePath refuses names that the commands would make into something else.
func checkRemotePath(name string) error {
	switch {
	case !path.IsAbs(name):
		return errors.New("the path must be absolute")
	case strings.HasSuffix(name, "/"):
		return errors.New("the path names a directory")
	case strings.Contains(name, "\x00"):
		return ErrNUL
	}
	return nil
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// countingReader counts what is read.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
