package sshexec

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// ErrDigest is the cause when a file that was carried over is not the one that was sent.
var ErrDigest = errors.New("the copy's sha256 is not the original's")

// cleanupTime bounds the removal of a temporary file after a failure.
const cleanupTime = 10 * time.Second

// Upload writes what src holds to a file of the machine, all of it or nothing: into a temporary file beside it (mode 0600, synced), whose sha256 is checked, which then gets the mode and
// takes the name. A file that had the name is replaced, a symbolic link is too; a directory is an error. The directory of remotePath must exist. The commands are install, dd,
// sha256sum, chmod and mv with plain arguments, as old as EL6's; they are mutating, so a dry run reports them and sends nothing.
//
// An error whose outcome is Unknown leaves either the old file or the new one, and perhaps a file remotePath.evenkeel-*; uploading again is safe.
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
	sum := sha256.New()
	write := Command(Mutating, "dd", "of="+tmp, "bs=65536", "conv=fsync")
	write.Stdin = Stream(io.TeeReader(src, sum))
	if _, err := r.Run(ctx, Command(Mutating, "install", "-m", "0600", "--", "/dev/null", tmp)); err != nil {
		return err
	}
	if _, err := r.Run(ctx, write); err != nil {
		return err
	}
	// sha256sum compares on the far side and answers by its exit status. It only reads, but it is declared with the rest: without the file that a dry run does not write it could not succeed.
	check := Command(Mutating, "sha256sum", "-c", "-")
	check.Stdin = Text(hexSum(sum) + "  " + tmp + "\n")
	if _, err := r.Run(ctx, check); err != nil {
		var ce *CommandError
		if errors.As(err, &ce) && ce.Outcome == Exited && ce.ExitCode == 1 {
			return fmt.Errorf("%w: %w", ErrDigest, err)
		}
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

// UploadFile uploads a file of this machine.
func UploadFile(ctx context.Context, r Runner, localPath, remotePath string, mode fs.FileMode) error {
	f, err := os.Open(localPath)
	if err != nil {
		return fmt.Errorf("cannot upload to %s: %w", remotePath, err)
	}
	defer func() { _ = f.Close() }()
	return Upload(ctx, r, f, remotePath, mode)
}

// Download writes a file of the machine to dst and checks its sha256 afterwards. On an error dst has got a part of the file, or a file that changed while it was read; DownloadFile spares its
// caller that.
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
	sum := sha256.New()
	read := Command(ReadOnly, "cat", "--", remotePath)
	read.Stdout = io.MultiWriter(dst, sum)
	if _, err := r.Run(ctx, read); err != nil {
		return err
	}
	res, err := r.Run(ctx, Command(ReadOnly, "sha256sum", "--", remotePath))
	if err != nil {
		return err
	}
	// sha256sum marks a line whose file name it had to escape with a backslash.
	digest, _, _ := bytes.Cut(bytes.TrimPrefix(res.Stdout, []byte(`\`)), []byte(" "))
	if string(digest) != hexSum(sum) {
		return fmt.Errorf("%w: it is %s there and %s here; the file may have changed meanwhile", ErrDigest, digest, hexSum(sum))
	}
	return nil
}

// DownloadFile downloads to a file of this machine, all of it or nothing: through a synced temporary file that takes the name when it is complete and checked.
func DownloadFile(ctx context.Context, r Runner, remotePath, localPath string, mode fs.FileMode) error {
	dir := filepath.Dir(localPath)
	f, err := os.CreateTemp(dir, filepath.Base(localPath)+".evenkeel-*")
	if err != nil {
		return fmt.Errorf("cannot download %s: %w", remotePath, err)
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name()) // not there any more when all went well
	}()
	if err := Download(ctx, r, remotePath, f); err != nil {
		return err
	}
	err = errors.Join(f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), localPath)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("cannot download %s: %w", remotePath, err)
	}
	return nil
}

// syncDir makes a rename in dir survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// checkRemotePath refuses names that sha256sum's list and the shell's habits would make into something else.
func checkRemotePath(name string) error {
	switch {
	case !path.IsAbs(name):
		return errors.New("the path must be absolute")
	case strings.HasSuffix(name, "/"):
		return errors.New("the path names a directory")
	case strings.ContainsAny(name, "\n\\\x00"):
		return errors.New("the path holds a newline or a backslash")
	}
	return nil
}

// octalMode is the mode as chmod takes it.
func octalMode(m fs.FileMode) string {
	bits := uint32(m.Perm())
	for flag, bit := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&flag != 0 {
			bits |= bit
		}
	}
	return fmt.Sprintf("%04o", bits)
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
