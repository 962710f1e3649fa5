package backup

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// ExtractOptions are the choices of ExtractTo. The zero value is for looking at a backup as anybody: contents, permissions and times.
type ExtractOptions struct {
	Owners bool // give the files their owners, by number; that needs root
	Setuid bool // keep set-user-id and set-group-id bits, which are dropped otherwise
	Attrs  bool // set extended attributes and SELinux labels, where system and file system allow; ACLs are left to tar
}

// ExtractTo extracts the archive below dir as "tar zxf" would, and returns the tree dir/bck-HOST-YYYYmmdd-HHMMSS. The
// tree appears under its name when it is complete and on the disk; until then it has a hidden name, and an error
// removes it. A tree that is there already is ErrExists.
//
// Nothing is ever written outside: names were judged by Open, every file is made anew below an [os.Root], and symbolic
// links come last, so that no path leads through one. The archive must be one that can be read again (OpenFile, or Open
// of an [io.ReadSeeker]); contents are compared with what Open saw.
func (a *Archive) ExtractTo(dir string, opts ExtractOptions) (string, error) {
	final, err := a.extractTo(dir, opts)
	if err != nil {
		return "", fmt.Errorf("cannot extract %s: %w", a.name, err)
	}
	return final, nil
}

func (a *Archive) extractTo(dir string, opts ExtractOptions) (final string, err error) {
	if a.name == "" || a.name != filepath.Base(a.name) || a.name == "." || a.name == ".." {
		return "", fmt.Errorf("%q cannot be the name of a directory", a.name)
	}
	parent, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = parent.Close() }()
	if _, err := parent.Lstat(a.name); err == nil {
		return "", fmt.Errorf("%s: %w", filepath.Join(dir, a.name), ErrExists)
	}
	part := "." + a.name + "." + rand.Text()[:8] + ".part"
	if err := parent.Mkdir(part, 0o700); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, parent.RemoveAll(part))
		}
	}()
	root, err := parent.OpenRoot(part)
	if err != nil {
		return "", err
	}
	x := &extraction{Archive: a, ExtractOptions: opts, root: root, buf: make([]byte, 256<<10)}
	if err := errors.Join(x.run(), root.Close(), syncTree(parent)); err != nil {
		return "", err
	}
	if err := parent.Rename(part, a.name); err != nil {
		return "", err
	}
	return filepath.Join(dir, a.name), syncTree(parent)
}

// extraction is the work of one ExtractTo.
type extraction struct {
	*Archive
	ExtractOptions
	root *os.Root
	buf  []byte
}

// inRoot is a path of the machine below the tree.
func inRoot(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// run makes directories, files, hard links and symbolic links, in this order; directories get their modes and times
// last, when nothing changes in them any more.
func (x *extraction) run() error {
	for _, name := range x.directories() {
		if err := x.root.MkdirAll(inRoot(name), 0o700); err != nil {
			return err
		}
	}
	if err := x.files(); err != nil {
		return err
	}
	for _, e := range x.entries {
		var err error
		switch {
		case e.Hard:
			err = x.root.Link(inRoot(e.Target), inRoot(e.Path))
		case e.Mode&fs.ModeSymlink != 0:
			if err = x.root.Symlink(e.Target, inRoot(e.Path)); err == nil && x.Owners {
				err = x.root.Lchown(inRoot(e.Path), e.UID, e.GID)
			}
		}
		if err != nil {
			return err
		}
	}
	for _, e := range slices.Backward(x.entries) {
		if !e.Mode.IsDir() {
			continue
		}
		if err := x.dress(e); err != nil {
			return err
		}
	}
	return nil
}

// directories are all that there must be, those without an entry of their own included.
func (x *extraction) directories() []string {
	var all []string
	for name := range x.dirs {
		all = append(all, name)
	}
	for _, e := range x.entries {
		if e.Mode.IsDir() {
			all = append(all, e.Path)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// files writes the contents.
func (x *extraction) files() error {
	left := 0
	for _, e := range x.entries {
		if e.kind() == "file" {
			left++
		}
	}
	if left == 0 {
		return nil
	}
	return x.scan(func(string) bool { return true }, func(e Entry, body io.Reader) (bool, error) {
		left--
		return left > 0, x.file(e, body)
	})
}

func (x *extraction) file(e Entry, body io.Reader) (err error) {
	f, err := x.root.OpenFile(inRoot(e.Path), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var w io.Writer = &holeWriter{f: f}
	if !e.sparse {
		w = onlyWriter{f}
	}
	if _, err := io.CopyBuffer(w, onlyReader{body}, x.buf); err != nil {
		return err
	}
	if e.sparse {
		if err := f.Truncate(e.Size); err != nil {
			return err
		}
	}
	return x.dress(e)
}

// dress gives a file or a directory its owner, mode, attributes and time, in this order: a change of owner takes set-user-id away.
func (x *extraction) dress(e Entry) error {
	name := inRoot(e.Path)
	if x.Owners {
		if err := x.root.Chown(name, e.UID, e.GID); err != nil {
			return err
		}
	}
	mode := e.Mode.Perm() | e.Mode&fs.ModeSticky
	if x.Setuid {
		mode |= e.Mode & (fs.ModeSetuid | fs.ModeSetgid)
	}
	if x.Attrs && len(e.Attrs) > 0 {
		if err := setAttrs(x.root, name, e.Attrs); err != nil {
			return err
		}
	}
	if err := x.root.Chmod(name, mode); err != nil {
		return err
	}
	return x.root.Chtimes(name, e.ModTime, e.ModTime)
}
