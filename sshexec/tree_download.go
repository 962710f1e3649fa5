package sshexec

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// DownloadTree copies a directory of the machine with all that is in it, as one stream, the way UploadTree does it the
// other way round: the copy is made beside localDir, compared with the sums that the machine takes afterwards, synced,
// and then takes the name. What has the name already is fs.ErrExist.
//
// The machine is not trusted with this one's files: names that lead out of the tree, also through a link, and what is
// no file, directory or symbolic link are ErrNotCopied. The set-user-id and set-group-id bits are not taken over, as
// the owner here is another one. A file that changes during the copy is ErrDigest.
func DownloadTree(ctx context.Context, r Runner, remoteDir, localDir string) (Tree, error) {
	tree, err := downloadTree(ctx, r, remoteDir, localDir)
	if err != nil {
		return tree, fmt.Errorf("cannot download the tree %s to %s: %w", remoteDir, localDir, err)
	}
	return tree, nil
}

func downloadTree(ctx context.Context, r Runner, remoteDir, localDir string) (Tree, error) {
	if err := checkClean(remoteDir); err != nil {
		return Tree{}, err
	}
	localDir = filepath.Clean(localDir)
	switch _, err := os.Lstat(localDir); {
	case err == nil:
		return Tree{}, fs.ErrExist
	case !errors.Is(err, fs.ErrNotExist):
		return Tree{}, err
	}
	switch info, err := Stat(ctx, r, remoteDir); {
	case err != nil:
		return Tree{}, err
	case !info.IsDir():
		return Tree{}, errors.New("it is not a directory")
	}
	parent := filepath.Dir(localDir)
	tmp, err := os.MkdirTemp(parent, filepath.Base(localDir)+".evenkeel-*")
	if err != nil {
		return Tree{}, err
	}
	tree, err := fetchTree(ctx, r, remoteDir, tmp)
	if err == nil {
		err = os.Rename(tmp, localDir)
	}
	if err != nil {
		return tree, errors.Join(err, removeTree(tmp))
	}
	return tree, syncDir(parent)
}

// removeTree removes also what cannot be written to.
func removeTree(dir string) error {
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(name, 0o700) // #nosec G302 -- a directory that is removed next
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// fetchTree fills an empty directory.
func fetchTree(parent context.Context, r Runner, remoteDir, dir string) (Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Tree{}, err
	}
	defer func() { _ = root.Close() }()
	top, err := root.Open(".") // now, because its mode may keep it from being opened later
	if err != nil {
		return Tree{}, err
	}
	defer func() { _ = top.Close() }()
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	in, out := io.Pipe()
	u := treeUnpacker{root: root, sums: treeSums{}, dirs: map[string]*tar.Header{}}
	unpacked := make(chan error, 1)
	go func() {
		err := u.unpack(in)
		if err != nil {
			cancel(err) // the rest of the stream is of no use
		}
		_ = in.CloseWithError(err)
		unpacked <- err
	}()
	pack := Command(ReadOnly, "tar", "--hard-dereference", "-cf", "-", "-C", remoteDir, ".")
	pack.Stdout = out
	res, runErr := r.Run(ctx, pack)
	_ = out.CloseWithError(runErr)
	switch err := <-unpacked; {
	case err != nil && runErr == nil, err != nil && ctx.Err() != nil && parent.Err() == nil:
		return u.tree, err
	case runErr != nil:
		return u.tree, runErr
	}
	// Tar leaves a socket out, says so and ends well.
	for line := range strings.Lines(string(res.Stderr)) {
		if strings.HasSuffix(strings.TrimSpace(line), ": socket ignored") {
			return u.tree, fmt.Errorf("%s: %w", strings.TrimSpace(line), ErrNotCopied)
		}
	}
	synced := make(chan error, 1)
	go func() { synced <- syncTree(top) }()
	err = compareTree(ctx, r, ReadOnly, remoteDir, u.sums, false)
	if err = errors.Join(err, <-synced); err != nil {
		return u.tree, err
	}
	if err := u.settleDirs(); err != nil {
		return u.tree, err
	}
	return u.tree, syncTree(top) // once more, for the directories: little is left to do
}

// treeUnpacker writes a tar archive into a directory.
type treeUnpacker struct {
	root *os.Root
	tree Tree
	sums treeSums
	dirs map[string]*tar.Header // those that are there
}

func (u *treeUnpacker) unpack(from io.Reader) error {
	buffered := bufio.NewReaderSize(from, 1<<16)
	archive := tar.NewReader(buffered)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = u.take(archive, header)
		}
		if err != nil {
			return err
		}
	}
	if u.dirs["."] == nil {
		return fmt.Errorf("%w: the archive does not hold the directory", ErrNoSense)
	}
	_, err := io.Copy(io.Discard, buffered) // what pads the archive
	return err
}

func (u *treeUnpacker) take(archive *tar.Reader, header *tar.Header) error {
	name := path.Clean(strings.TrimSuffix(header.Name, "/"))
	// The directory above must be one that this archive made; so no link can stand for it.
	if !filepath.IsLocal(name) || name != "." && u.dirs[path.Dir(name)] == nil || u.dirs[name] != nil {
		return fmt.Errorf("%q: %w", header.Name, ErrNotCopied)
	}
	switch header.Typeflag {
	case tar.TypeDir:
		u.tree.Dirs++
		u.dirs[name] = header
		if name == "." {
			return nil
		}
		return u.root.Mkdir(name, 0o700)
	case tar.TypeSymlink:
		u.tree.Links++
		return u.root.Symlink(header.Linkname, name)
	case tar.TypeReg:
		return u.takeFile(archive, name, header)
	}
	return fmt.Errorf("%q: %w", header.Name, ErrNotCopied)
}

func (u *treeUnpacker) takeFile(archive *tar.Reader, name string, header *tar.Header) error {
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), archive) // #nosec G110 -- nothing is compressed
	if err = errors.Join(err, f.Chmod(modeOfTar(header)), f.Close()); err != nil {
		return err
	}
	u.tree.Files++
	u.tree.Bytes += n
	u.sums[name] = hexSum(sum)
	return u.root.Chtimes(name, time.Time{}, header.ModTime)
}

// modeOfTar is the permissions that a copy gets.
func modeOfTar(header *tar.Header) fs.FileMode {
	return header.FileInfo().Mode() & (fs.ModePerm | fs.ModeSticky)
}

// settleDirs gives the directories their modes and times: those below first, and only when nothing is written into them any more.
func (u *treeUnpacker) settleDirs() error {
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(u.dirs))) {
		header := u.dirs[name]
		if err := u.root.Chtimes(name, time.Time{}, header.ModTime); err != nil {
			return err
		}
		if err := u.root.Chmod(name, modeOfTar(header)); err != nil {
			return err
		}
	}
	return nil
}
