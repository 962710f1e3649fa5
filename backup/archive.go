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
	"os"
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
	source  string // the reader's name
	file    string // where it can be read again; empty when it cannot
	sha256  string
	record  *Record
	entries []Entry
	index   map[string]int  // of entries, by path; -1 for the root
	dirs    map[string]bool // directories that have something below them, with or without an entry of their own
	data    map[string][]byte
	topSeen bool
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
	for _, n := range names {
		n, host := strings.ToLower(n), strings.ToLower(strings.TrimSuffix(host, "."))
		if n == host || strings.HasPrefix(n, host+".") || strings.HasPrefix(host, n+".") {
			return true
		}
	}
	return false
}

// Time is when the backup was taken. Where the archive has no record it is the machine's wall clock, given as UTC since the archive's name has no zone.
func (a *Archive) Time() time.Time { return a.when }

// SHA256 is the digest of the whole archive as it was read, in hexadecimal.
func (a *Archive) SHA256() string { return a.sha256 }

// Record is what the archive tells of itself; nil for one that a guide's script made.
func (a *Archive) Record() *Record { return a.record }

// Files are the entries, in the archive's order.
func (a *Archive) Files() []Entry { return slices.Clone(a.entries) }

// Has tells whether a path of the machine, or one that matches the pattern, is in the archive. Links are followed.
func (a *Archive) Has(pattern string) bool { return len(a.Glob(pattern)) > 0 }

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
	ErrNotFile   = errors.New("it is not a file")
	ErrTooLarge  = errors.New("it is too large to be kept in memory; open the archive with OpenFile")
	ErrNoCluster = errors.New("the backup holds no cluster configuration (cluster-cfg-HOST.xml)")
)

// ReadFile is the content of a file, by its path on the machine. Symbolic links are followed within the archive.
func (a *Archive) ReadFile(name string) ([]byte, error) {
	e, err := a.resolve(name)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot read %s: %w", a.name, name, err)
	}
	if !e.Mode.IsRegular() {
		return nil, fmt.Errorf("%s: cannot read %s: %w", a.name, name, ErrNotFile)
	}
	key := e.Path
	if e.Hard {
		key = e.Target
	}
	if data, ok := a.data[key]; ok {
		return bytes.Clone(data), nil
	}
	data, err := a.again(key, e.SHA256)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot read %s: %w", a.name, name, err)
	}
	return data, nil
}

// Stat is the entry of a path of the machine, with links followed.
func (a *Archive) Stat(name string) (Entry, error) {
	e, err := a.resolve(name)
	if err != nil {
		return Entry{}, fmt.Errorf("%s: %s: %w", a.name, name, err)
	}
	return e, nil
}

// ClusterConfig is the saved cluster configuration (cibadmin --query). When it is absent or empty, as the guide's script leaves it when the cluster is
// down, the error is ErrNoCluster.
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

// again reads one file's content from the archive's file.
func (a *Archive) again(name, digest string) ([]byte, error) {
	if a.file == "" {
		return nil, ErrTooLarge
	}
	f, err := os.Open(a.file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	plain, closer, err := unpack(bufio.NewReader(f))
	if err != nil {
		return nil, err
	}
	defer closer()
	for tr := tar.NewReader(plain); ; {
		h, err := tr.Next()
		if err != nil {
			return nil, err
		}
		if h.Typeflag == tar.TypeDir || path.Clean(h.Name) != a.name+name {
			continue
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != digest {
			return nil, errors.New("the archive has changed since it was opened")
		}
		return data, nil
	}
}

// Gunzip is the content of a compressed file of the archive, such as the database (DatabasePath), as a stream.
func (a *Archive) Gunzip(name string) (io.ReadCloser, error) {
	data, err := a.ReadFile(name)
	if err != nil {
		return nil, err
	}
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: cannot read %s: %w", a.name, name, err)
	}
	return zr, nil
}
