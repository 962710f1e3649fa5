package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Archive is a backup that Open has read to its end.
type Archive struct {
	name    string
	host    string
	when    time.Time
	source  string                        // the reader's name
	reopen  func() (io.ReadCloser, error) // reads it again; nil when it cannot be
	sha256  string
	record  *Record
	entries []Entry
	index   map[string]int  // of entries, by path; -1 for the root
	dirs    map[string]bool // directories that have something below them, with or without an entry of their own
	data    map[string][]byte
	topSeen bool

	anyLayout bool // whether its paths begin at the root
}

// Entry is one file, directory or link of an archive.
type Entry struct {
	Path    string      // as on the machine; what the backup adds stands at the root
	Mode    fs.FileMode // type and permissions
	UID     int
	GID     int
	Owner   string // the owner's name; may be empty
	Group   string // the group's name; may be empty
	Size    int64  // bytes of content
	ModTime time.Time
	Target  string // of a symbolic link, as found; of a hard link, the other name's Path
	Hard    bool   // whether Target makes it a hard link
	SHA256  string // of the content, in hexadecimal; empty for directories and symbolic links

	// Attrs are extended attributes, ACLs and SELinux label by their keywords in PAX headers: SCHILY.xattr.NAME,
	// SCHILY.acl.access, RHT.security.selinux. Their values may hold any bytes. Nil when there are none.
	Attrs map[string]string

	sparse bool // whether it has holes
}

// Name is the name of the archive's top directory: bck-HOST-YYYYmmdd-HHMMSS.
func (a *Archive) Name() string { return a.name }

// Host is the machine's name as it called itself when the backup was taken; it may be short or fully qualified (lustre:416).
func (a *Archive) Host() string { return a.host }

// IsOf tells whether the archive is one of the given machine, whichever of the two names is short and whichever is fully qualified.
func (a *Archive) IsOf(host string) bool {
	names := []string{a.host}
	if a.record != nil && a.record.FQDN != "" {
		names = append(names, a.record.FQDN)
	}
	return slices.ContainsFunc(names, func(n string) bool { return sameHost(n, host) })
}

// Time is when the backup was taken. Where the archive has no record it is the machine's wall clock, given as UTC since
// the archive's name has no zone.
func (a *Archive) Time() time.Time { return a.when }

// SHA256 is the digest of the whole archive as it was read, in hexadecimal.
func (a *Archive) SHA256() string { return a.sha256 }

// Record is what the archive tells of itself; nil for one that a guide's script made.
func (a *Archive) Record() *Record { return a.record }

// Files are the entries, in the archive's order.
func (a *Archive) Files() []Entry { return slices.Clone(a.entries) }

// Has tells whether a path of the machine, or one that matches the pattern, is in the archive. Links are followed.
func (a *Archive) Has(pattern string) bool { return len(a.Glob(pattern)) > 0 }

// Fills tells whether the archive has a path, and where that is a directory something in it.
func (a *Archive) Fills(name string) bool {
	e, err := a.resolve(name)
	if err != nil || !e.Mode.IsDir() {
		return a.Has(name)
	}
	below := strings.TrimSuffix(e.Path, "/") + "/"
	return slices.ContainsFunc(a.entries, func(e Entry) bool { return strings.HasPrefix(e.Path, below) })
}

// Glob lists the paths in the archive that match a pattern, sorted. A path without a wildcard matches itself.
func (a *Archive) Glob(pattern string) []string {
	if !hasWildcard(pattern) {
		if !a.exists(path.Clean("/" + pattern)) {
			return nil
		}
		return []string{pattern}
	}
	var found []string
	for _, e := range a.entries {
		if ok, _ := path.Match(pattern, e.Path); ok && a.exists(e.Path) {
			found = append(found, e.Path)
		}
	}
	slices.Sort(found)
	return found
}

// Errors of looking into an archive.
var (
	ErrAbsent    = errors.New("it is not in the backup")
	errHollow    = errors.New("the directory is in the backup, and there is nothing in it")
	ErrNotFile   = errors.New("it is not a file")
	ErrTooLarge  = errors.New("it was too large to be kept in memory, and the archive cannot be read again: open it with OpenFile")
	ErrNoCluster = errors.New("the backup holds no cluster configuration (cluster-cfg-HOST.xml)")
)

// ReadFile is the content of a file, by its path on the machine. Symbolic links are followed within the archive.
func (a *Archive) ReadFile(name string) ([]byte, error) {
	e, err := a.regular(name)
	if err != nil {
		return nil, err
	}
	key := e.contentPath()
	if data, ok := a.data[key]; ok {
		return bytes.Clone(data), nil
	}
	data, err := a.again(key)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot read %s: %w", a.name, shown(name), err)
	}
	return data, nil
}

// regular is the entry of a file.
func (a *Archive) regular(name string) (Entry, error) {
	e, err := a.resolve(name)
	if err == nil && !e.Mode.IsRegular() {
		err = ErrNotFile
	}
	if err != nil {
		return Entry{}, fmt.Errorf("%s: cannot read %s: %w", a.name, shown(name), err)
	}
	return e, nil
}

// contentPath is where a file's content stands in the archive.
func (e Entry) contentPath() string {
	if e.Hard {
		return e.Target
	}
	return e.Path
}

// Stat is the entry of a path of the machine, with links followed.
func (a *Archive) Stat(name string) (Entry, error) {
	e, err := a.resolve(name)
	if err != nil {
		return Entry{}, fmt.Errorf("%s: %s: %w", a.name, shown(name), err)
	}
	return e, nil
}

// ClusterConfig is the saved cluster configuration (cibadmin --query). When it is absent or empty, as the guide's
// script leaves it when the cluster is down, the error is ErrNoCluster.
func (a *Archive) ClusterConfig() ([]byte, error) {
	names := a.Glob(ClusterConfigPath)
	own := "/" + strings.ReplaceAll(clusterConfigName, "{host}", a.host)
	switch {
	case slices.Contains(names, own):
		names = []string{own}
	case len(names) == 0:
		return nil, fmt.Errorf("%s: %w; the cluster cannot be rebuilt from it: take the backup again while Pacemaker runs", a.name, ErrNoCluster)
	case len(names) > 1:
		return nil, fmt.Errorf("%s: there are several cluster configurations, and none is called %s: %s", a.name, own, strings.Join(names, ", "))
	}
	data, err := a.ReadFile(names[0])
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(data, []byte("<cib")) {
		return nil, fmt.Errorf("%s: %s holds no <cib> element (%d bytes): %w; the cluster was probably down when the backup was taken",
			a.name, names[0], len(data), ErrNoCluster)
	}
	return data, nil
}

// exists tells whether a path, its links followed, is in the archive; directories need no entry of their own.
func (a *Archive) exists(name string) bool {
	_, err := a.resolve(name)
	return err == nil
}

// maxLinks ends the search in a circle of links, as the kernel does.
const maxLinks = 40

// resolve finds the entry behind a path of the machine, following symbolic links in every element.
func (a *Archive) resolve(name string) (Entry, error) {
	todo := strings.Split(strings.Trim(path.Clean("/"+name), "/"), "/")
	at := Entry{Path: "/", Mode: fs.ModeDir | 0o755}
	for links := 0; len(todo) > 0; {
		element := todo[0]
		todo = todo[1:]
		switch element {
		case "", ".":
			continue
		case "..":
			at = a.directory(path.Dir(at.Path))
			continue
		}
		if !at.Mode.IsDir() {
			return Entry{}, ErrAbsent
		}
		next := path.Join(at.Path, element)
		i, ok := a.index[next]
		switch {
		case !ok && !a.dirs[next]:
			return Entry{}, ErrAbsent
		case !ok || a.entries[i].Mode.IsDir():
			at = a.directory(next)
		case a.entries[i].Mode&fs.ModeSymlink != 0:
			if links++; links > maxLinks {
				return Entry{}, errors.New("too many links on the way")
			}
			target := a.entries[i].Target
			if path.IsAbs(target) {
				at = a.directory("/")
			}
			todo = append(strings.Split(target, "/"), todo...)
		default:
			at = a.entries[i]
		}
	}
	return at, nil
}

// directory is the entry of a directory, made up where the archive has none.
func (a *Archive) directory(name string) Entry {
	if i, ok := a.index[name]; ok && i >= 0 {
		return a.entries[i]
	}
	return Entry{Path: name, Mode: fs.ModeDir | 0o755}
}

// again reads one file's content from the archive once more.
func (a *Archive) again(name string) ([]byte, error) {
	var data []byte
	err := a.scan(func(path string) bool { return path == name }, func(e Entry, body io.Reader) (bool, error) {
		var err error
		data, err = io.ReadAll(body)
		return false, err
	})
	return data, err
}

// errChanged is the error of an archive whose file is not what it was when it was opened.
var errChanged = errors.New("the archive has changed since it was opened")

// scan reads the archive once more and hands out the files that are wanted, each checked against the digest it had
// before. It ends when use returns false. Entries that differ from those that Open judged are errChanged.
func (a *Archive) scan(wanted func(path string) bool, use func(Entry, io.Reader) (more bool, err error)) error {
	if a.reopen == nil {
		return ErrTooLarge
	}
	f, err := a.reopen()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	plain, stop, err := unpack(bufio.NewReaderSize(f, 256<<10))
	if err != nil {
		return err
	}
	defer stop()
	tr := tar.NewReader(plain)
	for at := 0; at < len(a.entries); {
		h, err := tr.Next()
		if err != nil {
			return fmt.Errorf("%w: %w", errChanged, err)
		}
		e := a.entries[at]
		switch name := a.pathOf(h); {
		case h.Typeflag == tar.TypeXGlobalHeader, name == "/":
			continue
		case name != e.Path, h.Size != e.Size && !e.Hard:
			return errChanged
		}
		at++
		if !e.Mode.IsRegular() || e.Hard || !wanted(e.Path) {
			continue
		}
		sum := sha256.New()
		more, err := use(e, io.TeeReader(tr, sum))
		if err != nil {
			return err
		}
		if hex.EncodeToString(sum.Sum(nil)) != e.SHA256 {
			return errChanged
		}
		if !more {
			return nil
		}
	}
	return nil
}

// pathOf is the machine's path of an entry of an archive that Open has judged.
func (a *Archive) pathOf(h *tar.Header) string {
	name := path.Clean("/" + h.Name)
	if a.anyLayout {
		return name
	}
	return path.Clean("/" + strings.TrimPrefix(name, "/"+a.name))
}

// Copy writes the content of a file to w, without holding it in memory.
func (a *Archive) Copy(w io.Writer, name string) error {
	e, err := a.regular(name)
	if err != nil {
		return err
	}
	key := e.contentPath()
	if data, ok := a.data[key]; ok {
		_, err = w.Write(data)
	} else {
		err = a.scan(func(path string) bool { return path == key }, func(_ Entry, body io.Reader) (bool, error) {
			_, err := io.Copy(w, body)
			return false, err
		})
	}
	if err != nil {
		return fmt.Errorf("%s: cannot read %s: %w", a.name, shown(name), err)
	}
	return nil
}

// Gunzip is the content of a compressed file of the archive, such as the database (DatabasePath), as a stream that is
// not held in memory. It must be closed.
func (a *Archive) Gunzip(name string) (io.ReadCloser, error) {
	if _, err := a.regular(name); err != nil {
		return nil, err
	}
	pr, pw := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = pw.CloseWithError(a.Copy(pw, name))
	}()
	zr, err := gzip.NewReader(pr)
	if err != nil {
		_ = pr.Close()
		<-done
		return nil, fmt.Errorf("%s: cannot read %s: %w", a.name, shown(name), err)
	}
	return &unzipped{Reader: zr, pipe: pr, done: done}, nil
}

// unzipped is a compressed file that is being read.
type unzipped struct {
	*gzip.Reader
	pipe *io.PipeReader
	done chan struct{}
}

// Close ends the reading.
func (u *unzipped) Close() error {
	err := u.Reader.Close()
	_ = u.pipe.Close()
	<-u.done
	return err
}
