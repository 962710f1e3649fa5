package sshexec

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// TransferOptions say how a big file is carried.
type TransferOptions struct {
	Mode     fs.FileMode             // mode of the copy; the original's when zero
	Progress func(done, total int64) // gets the bytes that are there, those of earlier attempts included; may be nil
}

// Transferred is what a transfer did.
type Transferred struct {
	Size    int64  // bytes of the file
	Resumed int64  // bytes of them that were there from an earlier attempt
	SHA256  string // of original and copy, in hexadecimal
}

// transferBlock is the unit in which dd counts, and in which a transfer goes on.
const transferBlock = 1 << 16

// UploadResumable is UploadFile for files so big that a lost link must not cost what was sent: calling it again, after
// any failure and also from another process, goes on where the last attempt came to. What was sent is kept in
// remotePath.evenkeel-SUM.part, mode 0600, SUM being the first digits of the file's sha256: only the same bytes are
// ever written there, and always at the same places, so that also what an attempt that was given up still has under
// way, or a second operator with the same file, does no harm. Before it goes on, what is there is compared by its
// sha256; a part that is not the user's own, or that others could have written to, is thrown away.
//
// The finished copy is synced, checked and renamed as Upload does it. A part that is never finished stays; on ErrDigest
// it is removed.
func UploadResumable(ctx context.Context, r Runner, localPath, remotePath string, opt TransferOptions) (Transferred, error) {
	done, err := uploadResumable(ctx, r, localPath, remotePath, opt)
	if err != nil {
		return done, fmt.Errorf("cannot upload to %s: %w", remotePath, err)
	}
	return done, nil
}

func uploadResumable(ctx context.Context, r Runner, localPath, remotePath string, opt TransferOptions) (Transferred, error) {
	if err := checkClean(remotePath); err != nil {
		return Transferred{}, err
	}
	f, err := os.Open(localPath) // #nosec G304 -- the caller's own file
	if err != nil {
		return Transferred{}, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return Transferred{}, err
	}
	if !info.Mode().IsRegular() {
		return Transferred{}, fmt.Errorf("%s is not a regular file", localPath)
	}
	sum, err := sumOf(ctx, f, info.Size())
	if err != nil {
		return Transferred{}, err
	}
	done := Transferred{Size: info.Size(), SHA256: sum}
	part := partName(remotePath, sum)
	if done.Resumed, err = resumeAt(ctx, r, part, f, info.Size()); err != nil {
		return done, err
	}
	if done.Resumed == 0 {
		// install takes away what has the name, and -T keeps it out of a directory of that name.
		if _, err := r.Run(ctx, Command(Mutating, "install", "-m", "0600", "-T", "--", "/dev/null", part)); err != nil {
			return done, err
		}
	}
	if _, err := f.Seek(done.Resumed, io.SeekStart); err != nil {
		return done, err
	}
	// By its place and without truncation: bytes that arrive late, from an attempt that was given up, are the same at the same place.
	write := writeCommand(part, done.Size, "notrunc")
	write.Argv = append(write.Argv, "seek="+blocks(done.Resumed))
	write.Stdin = Stream(opt.reader(f, done))
	if _, err := r.Run(ctx, write); err != nil {
		return done, err
	}
	mode := opt.Mode
	if mode == 0 {
		mode = info.Mode()
	}
	return done, finishPart(ctx, r, part, done, remotePath, mode)
}

// resumeAt tells from where to send: from the start, unless the part is ours and begins with the same bytes as f.
func resumeAt(ctx context.Context, r Runner, part string, f io.ReaderAt, size int64) (int64, error) {
	info, err := Lstat(ctx, r, part)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, err
	}
	at := min(info.Size, size) / transferBlock * transferBlock
	if at == 0 || info.Size > size || info.Mode != 0o600 || info.Links != 1 {
		return 0, nil
	}
	user, err := r.Run(ctx, Command(ReadOnly, "id", "-u"))
	if err != nil {
		return 0, err
	}
	if user.Text() != strconv.FormatUint(uint64(info.UID), 10) {
		return 0, nil
	}
	theirs, err := remoteHeadSum(ctx, r, part, at)
	if err != nil {
		return 0, err
	}
	ours, err := sumOf(ctx, f, at)
	if err != nil || ours != theirs {
		return 0, err
	}
	return at, nil
}

// finishPart checks a complete part, and gives it its mode and its name.
func finishPart(ctx context.Context, r Runner, part string, done Transferred, remotePath string, mode fs.FileMode) error {
	if err := checkSum(ctx, r, part, done.SHA256, done.Size); err != nil {
		if !errors.Is(err, ErrDigest) {
			return err
		}
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
		defer cancel()
		_, rmErr := r.Run(clean, Command(Mutating, "rm", "-f", "--", part))
		return errors.Join(err, rmErr)
	}
	for _, cmd := range []Cmd{
		Command(Mutating, "chmod", octalMode(mode), "--", part),
		Command(Mutating, "mv", "-f", "-T", "--", part, remotePath),
	} {
		if _, err := r.Run(ctx, cmd); err != nil {
			return err
		}
	}
	return nil
}

// DownloadResumable is DownloadFile for files so big that a lost link must not cost what came: calling it again goes on
// where the last attempt came to. What came is kept in localPath.evenkeel-SUM.part, mode 0600, SUM being the first
// digits of the sha256 that the file has on its machine; a file that has changed there is begun anew. Before it goes
// on, what is here is compared with what is there. The finished copy is checked, synced and renamed as DownloadFile
// does it. A part that is never finished stays; on ErrDigest it is removed.
func DownloadResumable(ctx context.Context, r Runner, remotePath, localPath string, opt TransferOptions) (Transferred, error) {
	done, err := downloadResumable(ctx, r, remotePath, localPath, opt)
	if err != nil {
		return done, fmt.Errorf("cannot download %s: %w", remotePath, err)
	}
	return done, nil
}

func downloadResumable(ctx context.Context, r Runner, remotePath, localPath string, opt TransferOptions) (Transferred, error) {
	info, err := Stat(ctx, r, remotePath)
	if err != nil {
		return Transferred{}, err
	}
	if !info.Mode.IsRegular() {
		return Transferred{}, errors.New("it is not a regular file")
	}
	sum, err := remoteSum(ctx, r, remotePath, info.Size)
	if err != nil {
		return Transferred{}, err
	}
	done := Transferred{Size: info.Size, SHA256: sum}
	f, err := openPart(partName(localPath, sum), info.Size)
	if err != nil {
		return done, err
	}
	defer func() { _ = f.Close() }()
	err = fetch(ctx, r, remotePath, f, &done, opt)
	switch {
	case errors.Is(err, ErrDigest):
		return done, errors.Join(err, os.Remove(f.Name()))
	case err != nil:
		return done, errors.Join(err, f.Sync())
	}
	mode := opt.Mode
	if mode == 0 {
		mode = info.Mode
	}
	return done, settle(f, localPath, mode)
}

// fetch reads what the part lacks. The digest is taken of what is in the part already and of what comes.
func fetch(ctx context.Context, r Runner, remotePath string, f *os.File, done *Transferred, opt TransferOptions) error {
	part, err := f.Stat()
	if err != nil {
		return err
	}
	sum := sha256.New()
	if at := part.Size() / transferBlock * transferBlock; at > 0 {
		if err := hashInto(ctx, sum, f, at); err != nil {
			return err
		}
		theirs, err := remoteHeadSum(ctx, r, remotePath, at)
		if err != nil {
			return err
		}
		if done.Resumed = at; theirs != hexSum(sum) {
			done.Resumed = 0
			sum.Reset()
		}
	}
	if _, err := f.Seek(done.Resumed, io.SeekStart); err != nil {
		return err
	}
	read := Command(ReadOnly, "dd", "if="+remotePath, "bs="+strconv.Itoa(transferBlock), "skip="+blocks(done.Resumed))
	read.Stdout = opt.writer(io.MultiWriter(f, sum), *done)
	if _, err := r.Run(ctx, read); err != nil {
		return err
	}
	if got := hexSum(sum); got != done.SHA256 {
		return fmt.Errorf("%w: it was %s there and is %s here; the file may have changed meanwhile", ErrDigest, done.SHA256, got)
	}
	return nil
}

// openPart opens the file that holds what came so far. A part that somebody else may have put there, or that is too long, is replaced.
func openPart(name string, size int64) (*os.File, error) {
	const flags = os.O_RDWR | os.O_CREATE
	before, err := os.Lstat(name)
	if err == nil && before.Mode() == 0o600 && before.Size() <= size && ownedAlone(before) {
		f, err := os.OpenFile(name, flags, 0o600) // #nosec G304 -- the caller's own directory
		if err != nil {
			return nil, err
		}
		if after, err := f.Stat(); err == nil && os.SameFile(before, after) {
			return f, nil
		}
		_ = f.Close()
		return nil, fmt.Errorf("somebody replaces %s just now", name)
	}
	if err == nil {
		err = os.Remove(name)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(filepath.Clean(name), flags|os.O_EXCL, 0o600)
}

// partName is the name of an unfinished copy.
func partName(name, sum string) string { return name + ".evenkeel-" + sum[:16] + ".part" }

func blocks(at int64) string { return strconv.FormatInt(at/transferBlock, 10) }

// sumOf is the sha256 of the first size bytes of f.
func sumOf(ctx context.Context, f io.ReaderAt, size int64) (string, error) {
	h := sha256.New()
	err := hashInto(ctx, h, f, size)
	return hexSum(h), err
}

func hashInto(ctx context.Context, h hash.Hash, f io.ReaderAt, size int64) error {
	section := io.NewSectionReader(f, 0, size)
	n, err := io.CopyBuffer(h, readerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, contextCause(ctx)
		}
		return section.Read(p)
	}), make([]byte, 1<<18))
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// reader counts what is sent.
func (o TransferOptions) reader(r io.Reader, done Transferred) io.Reader {
	at := done.Resumed
	return readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		at += int64(n)
		if n > 0 && o.Progress != nil {
			o.Progress(at, done.Size)
		}
		return n, err
	})
}

// writer counts what comes.
func (o TransferOptions) writer(w io.Writer, done Transferred) io.Writer {
	at := done.Resumed
	return writeFunc(func(p []byte) (int, error) {
		n, err := w.Write(p)
		at += int64(n)
		if o.Progress != nil {
			o.Progress(at, done.Size)
		}
		return n, err
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type writeFunc func([]byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }
