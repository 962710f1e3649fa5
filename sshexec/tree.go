package sshexec

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Tree is what a copy of a directory tree holds.
type Tree struct {
	Files, Dirs, Links int   // regular files, directories (that of the tree itself too), symbolic links
	Bytes              int64 // of the files
}

// ErrNotCopied refuses what a copy of a tree cannot hold: a device, a socket or a named pipe, or a name that leads out of the tree.
var ErrNotCopied = errors.New("it is no file, directory or symbolic link of the tree")

// UploadTree copies a directory with all that is in it, as one stream: for thousands of small files it takes a fraction
// of the time that a command for each of them would take. The copy is there as a whole, or not at all: it is made
// beside remoteDir (in remoteDir.evenkeel-*, mode 0700 until it is complete), each file's sha256 is checked, it is
// synced, and then it takes the name. What has the name already is fs.ErrExist; the directory above it must exist.
//
// Regular files, directories and symbolic links are copied with their permissions and times of modification, links as
// they are; the owner is who logs in. Anything else is ErrNotCopied. Hard links become files of their own. The commands
// are tar, find, openssl or sha256sum, sync and mv, as old as EL6's.
//
// An error whose outcome is Unknown leaves the whole tree or none, and perhaps a directory remoteDir.evenkeel-*.
func UploadTree(ctx context.Context, r Runner, localDir, remoteDir string) (Tree, error) {
	tree, err := uploadTree(ctx, r, localDir, remoteDir)
	if err != nil {
		return tree, fmt.Errorf("cannot upload the tree %s to %s: %w", localDir, remoteDir, err)
	}
	return tree, nil
}

func uploadTree(ctx context.Context, r Runner, localDir, remoteDir string) (Tree, error) {
	if err := checkClean(remoteDir); err != nil {
		return Tree{}, err
	}
	local, err := os.OpenRoot(localDir)
	if err != nil {
		return Tree{}, err
	}
	defer func() { _ = local.Close() }()
	switch _, err := Lstat(ctx, r, remoteDir); {
	case err == nil:
		return Tree{}, fs.ErrExist
	case !errors.Is(err, fs.ErrNotExist):
		return Tree{}, err
	}
	tmp := remoteDir + ".evenkeel-" + strings.ToLower(rand.Text()[:10])
	if _, err := runFS(ctx, r, Command(Mutating, "mkdir", "-m", "0700", "--", tmp)); err != nil {
		return Tree{}, err
	}
	tree, err := fillTree(ctx, r, local, tmp)
	if err == nil {
		// Without -f and onto no directory: what came by that name meanwhile stays.
		_, err = r.Run(ctx, Command(Mutating, "mv", "-T", "--", tmp, remoteDir))
	}
	if err == nil {
		return tree, nil
	}
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	if _, rmErr := r.Run(clean, Command(Mutating, "rm", "-r", "-f", "--one-file-system", "--", tmp)); rmErr != nil {
		err = fmt.Errorf("%w (and %s may be left behind)", err, tmp)
	}
	return tree, err
}

// fillTree sends the tree into an empty directory, has its sums compared and synced.
func fillTree(ctx context.Context, r Runner, local *os.Root, dir string) (Tree, error) {
	in, out := io.Pipe()
	packed := make(chan treePacker, 1)
	go func() {
		p := treePacker{root: local, sums: treeSums{}}
		p.err = p.pack(out)
		_ = out.CloseWithError(p.err)
		packed <- p
	}()
	untar := Command(Mutating, "tar", "-xpof", "-", "-C", dir)
	read := &countingReader{r: in}
	untar.Stdin = Stream(read)
	_, err := r.Run(ctx, untar)
	_ = in.Close() // for a command that did not read it all
	p := <-packed
	dry := err == nil && read.n == 0 // the archive of the smallest tree has a thousand bytes
	switch {
	case p.err != nil && !errors.Is(p.err, io.ErrClosedPipe):
		return p.tree, p.err
	case err != nil:
		return p.tree, err
	case p.err != nil && !dry:
		return p.tree, fmt.Errorf("%w: tar ended well before it had read all", ErrNoSense)
	}
	return p.tree, compareTree(ctx, r, Mutating, dir, p.sums, dry)
}

// treePacker makes a tar archive of a tree, with the sums of what is in it.
type treePacker struct {
	root *os.Root
	tree Tree
	sums treeSums
	err  error
}

func (p *treePacker) pack(to io.Writer) error {
	buffered := bufio.NewWriterSize(to, 1<<16)
	w := tar.NewWriter(buffered)
	err := fs.WalkDir(p.root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = p.add(w, name)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return buffered.Flush()
}

func (p *treePacker) add(w *tar.Writer, name string) error {
	info, err := p.root.Lstat(name)
	if err != nil {
		return err
	}
	header := &tar.Header{
		Name: name, Mode: int64(unixMode(info.Mode())), ModTime: info.ModTime().Truncate(time.Second), Format: tar.FormatGNU,
	}
	if name != "." {
		header.Name = "./" + name // which no program takes for an option
	}
	switch info.Mode().Type() {
	case 0:
		return p.addFile(w, name, header)
	case fs.ModeDir:
		p.tree.Dirs++
		header.Typeflag, header.Name = tar.TypeDir, header.Name+"/"
	case fs.ModeSymlink:
		p.tree.Links++
		header.Typeflag = tar.TypeSymlink
		if header.Linkname, err = p.root.Readlink(name); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s: %w", name, ErrNotCopied)
	}
	return w.WriteHeader(header)
}

func (p *treePacker) addFile(w *tar.Writer, name string, header *tar.Header) error {
	f, err := p.root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat() // of what was opened, whatever has the name by now
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w", name, ErrNotCopied)
	}
	header.Typeflag, header.Size = tar.TypeReg, info.Size()
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), io.LimitReader(f, info.Size()))
	if err == nil && n != info.Size() {
		err = fmt.Errorf("%s became shorter while it was read", name)
	}
	if err != nil {
		return err
	}
	p.tree.Files++
	p.tree.Bytes += n
	p.sums[name] = hexSum(sum)
	return nil
}
