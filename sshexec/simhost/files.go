package simhost

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Kind is what a path is.
type Kind uint8

// The kinds of file there are.
const (
	Regular Kind = iota
	Dir
	Symlink
)

// File is one file, directory or symbolic link. A File never changes: a change puts another in its place.
type File struct {
	Kind     Kind
	Mode     fs.FileMode // permission bits, with fs.ModeSetuid, fs.ModeSetgid, fs.ModeSticky
	UID, GID int
	MTime    time.Time
	Data     string // of a regular file
	Target   string // of a symbolic link
	Label    string // SELinux context; empty for what the policy gives

	sum [32]byte // of all the above but the time, which is the clock's
}

func (f File) sealed() *File {
	e := newEncoder(time.Time{}, "")
	for _, n := range []int{int(f.Kind), int(f.Mode), f.UID, f.GID} {
		e.Int(n)
	}
	for _, s := range []string{f.Target, f.Label, f.Data} {
		e.Text(s)
	}
	f.sum = e.sum()
	return &f
}

// Errors of the tree, worded as the C library words them.
var (
	ErrNoFile   = errors.New("No such file or directory")
	ErrIsDir    = errors.New("Is a directory")
	ErrNotDir   = errors.New("Not a directory")
	ErrExists   = errors.New("File exists")
	ErrNotEmpty = errors.New("Directory not empty")
	ErrLoop     = errors.New("Too many levels of symbolic links")
	ErrReadOnly = errors.New("Permission denied")
)

// tree is the disk of a host. Clones share the map until one of them writes.
type tree struct {
	files  map[string]*File
	shared bool
	digest map[string][32]byte // by what is left out, until the next write
}

func newTree() tree {
	return tree{files: map[string]*File{"/": File{Kind: Dir, Mode: 0o755}.sealed()}}
}

func (t *tree) clone() tree {
	t.shared = true
	return *t
}

func (t *tree) own() {
	if t.shared {
		t.files, t.shared = maps.Clone(t.files), false
	}
	t.digest = nil
}

func (t *tree) set(p string, f File) { t.own(); t.files[p] = f.sealed() }
func (t *tree) drop(p string)        { t.own(); delete(t.files, p) }

func (t *tree) encode(e *Encoder) {
	sum, known := t.digest[e.without]
	if !known {
		sub := newEncoder(e.now, e.without)
		for _, p := range slices.Sorted(maps.Keys(t.files)) {
			if e.without == "" || !strings.HasPrefix(p, e.without) {
				sub.Text(p)
				_, _ = sub.h.Write(t.files[p].sum[:])
			}
		}
		sum = sub.sum()
		t.digest = maps.Clone(t.digest)
		if t.digest == nil {
			t.digest = map[string][32]byte{}
		}
		t.digest[e.without] = sum
	}
	_, _ = e.h.Write(sum[:])
}

// resolve follows symbolic links in the directories of a path, and in its last part too if follow is set. The path need not exist.
func (t *tree) resolve(p string, follow bool) (string, error) {
	p = path.Clean("/" + p)
	for hops := 0; hops < 40; hops++ {
		next, again, err := t.step(p, follow)
		if err != nil || !again {
			return next, err
		}
		p = next
	}
	return "", ErrLoop
}

// step replaces the first link that stands in a path.
func (t *tree) step(p string, follow bool) (next string, again bool, err error) {
	at := "/"
	parts := strings.Split(strings.TrimPrefix(p, "/"), "/")
	for i, part := range parts {
		at = path.Join(at, part)
		f, last := t.files[at], i == len(parts)-1
		switch {
		case f == nil && last, f == nil:
			return p, false, nil
		case f.Kind == Symlink && (!last || follow):
			to := f.Target
			if !strings.HasPrefix(to, "/") {
				to = path.Join(path.Dir(at), to)
			}
			return path.Join(append([]string{to}, parts[i+1:]...)...), true, nil
		case f.Kind == Regular && !last:
			return "", false, ErrNotDir
		}
	}
	return p, false, nil
}

// Stat finds a file, following links.
func (h *Host) Stat(p string) (*File, error) { return h.look(p, true) }

// Lstat finds a file, not following a link at the end.
func (h *Host) Lstat(p string) (*File, error) { return h.look(p, false) }

func (h *Host) look(p string, follow bool) (*File, error) {
	if data, ok := h.virtual(path.Clean(p)); ok {
		return File{Mode: 0o444, Data: data}.sealed(), nil
	}
	at, err := h.disk.resolve(p, follow)
	if err != nil {
		return nil, err
	}
	f := h.disk.files[at]
	if f == nil {
		return nil, ErrNoFile
	}
	return f, nil
}

// ReadFile is the content of a file, of those under /proc too.
func (h *Host) ReadFile(p string) (string, error) {
	f, err := h.Stat(p)
	switch {
	case err != nil:
		return "", err
	case f.Kind == Dir:
		return "", ErrIsDir
	}
	return f.Data, nil
}

// Exists tells whether a path leads to something.
func (h *Host) Exists(p string) bool {
	_, err := h.Stat(p)
	return err == nil
}

// IsDir tells whether a path leads to a directory.
func (h *Host) IsDir(p string) bool {
	f, err := h.Stat(p)
	return err == nil && f.Kind == Dir
}

// List is the names in a directory, in order.
func (h *Host) List(dir string) ([]string, error) {
	at, err := h.disk.resolve(dir, true)
	if err != nil {
		return nil, err
	}
	switch f := h.disk.files[at]; {
	case f == nil:
		return nil, ErrNoFile
	case f.Kind != Dir:
		return nil, ErrNotDir
	}
	prefix := strings.TrimSuffix(at, "/") + "/"
	var names []string
	for p := range h.disk.files {
		if rest, ok := strings.CutPrefix(p, prefix); ok && rest != "" && !strings.Contains(rest, "/") {
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Glob is the paths that match a shell pattern, in order. A pattern's star does not match a leading dot.
func (h *Host) Glob(pattern string) []string {
	var out []string
	for p := range h.disk.files {
		if ok, err := path.Match(pattern, p); ok && err == nil &&
			(!strings.HasPrefix(path.Base(p), ".") || strings.HasPrefix(path.Base(pattern), ".")) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// under is all paths of a tree, the root first, each directory before what it holds.
func (h *Host) under(root string) []string {
	prefix := strings.TrimSuffix(root, "/") + "/"
	var out []string
	for p := range h.disk.files {
		if p == root || strings.HasPrefix(p, prefix) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// Put writes a file as given; its directory must exist. It follows links.
func (h *Host) Put(s *State, p string, f File) error {
	at, err := h.disk.resolve(p, f.Kind != Symlink)
	if err != nil {
		return err
	}
	parent := h.disk.files[path.Dir(at)]
	switch old := h.disk.files[at]; {
	case isVirtual(at):
		return ErrReadOnly
	case parent == nil:
		return ErrNoFile
	case parent.Kind != Dir:
		return ErrNotDir
	case old != nil && old.Kind == Dir && f.Kind != Dir:
		return ErrIsDir
	case old != nil && old.Kind != Dir && f.Kind == Dir:
		return ErrExists
	}
	if f.MTime.IsZero() {
		f.MTime = s.now
	}
	h.disk.set(at, f)
	s.Note(h.Name, "wrote %s", at)
	return nil
}

// WriteFile sets a file's content and keeps the rest of it; a new file belongs to root and has mode 0644.
func (h *Host) WriteFile(s *State, p, data string) error {
	f := File{Mode: 0o644}
	if old, err := h.Stat(p); err == nil {
		f = *old
	}
	if f.Kind == Dir {
		return ErrIsDir
	}
	f.Data, f.MTime = data, s.now
	return h.Put(s, p, f)
}

// MustWrite writes files with the directories above them: for building a world and for what a package or a daemon writes.
func (h *Host) MustWrite(s *State, p, data string, mode fs.FileMode) {
	h.MakeDirs(s, path.Dir(p))
	if err := h.Put(s, p, File{Mode: mode, Data: data}); err != nil {
		panic(fmt.Sprintf("simhost: cannot write %s on %s: %v", p, h.Name, err))
	}
}

// MustGive is MustWrite of a file that belongs to an account, with mode 0600. An account that the host does not have leaves it to root.
func (h *Host) MustGive(s *State, p, data, user, group string) {
	h.MustWrite(s, p, data, 0o600)
	f, err := h.Stat(p)
	if err != nil {
		panic(fmt.Sprintf("simhost: %s on %s is gone: %v", p, h.Name, err))
	}
	owned := *f
	owned.UID, owned.GID = max(h.userID(user), 0), max(h.groupID(group), 0)
	if err := h.Put(s, p, owned); err != nil {
		panic(fmt.Sprintf("simhost: cannot give %s on %s to %s: %v", p, h.Name, user, err))
	}
}

// MakeDirs makes a directory and those above it that are missing.
func (h *Host) MakeDirs(s *State, dir string) {
	at, err := h.disk.resolve(dir, true)
	if err != nil || h.disk.files[at] != nil {
		return
	}
	h.MakeDirs(s, path.Dir(at))
	h.disk.set(at, File{Kind: Dir, Mode: 0o755, MTime: s.now})
	s.Note(h.Name, "made directory %s", at)
}

// Remove removes a file, or a directory with all it holds. It does not follow a link at the end.
func (h *Host) Remove(s *State, p string) error {
	at, err := h.disk.resolve(p, false)
	if err != nil {
		return err
	}
	if h.disk.files[at] == nil {
		return ErrNoFile
	}
	for _, q := range h.under(at) {
		h.disk.drop(q)
	}
	s.Note(h.Name, "removed %s", at)
	return nil
}

// move renames a file or a tree; the new name must be free or a file that may be replaced.
func (h *Host) move(s *State, from, to string) {
	moved := h.under(from)
	for _, p := range moved {
		f := *h.disk.files[p]
		h.disk.drop(p)
		h.disk.set(to+strings.TrimPrefix(p, from), f)
	}
	s.Note(h.Name, "moved %s to %s", from, to)
}
