package backup

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"
)

// File is one file for Build.
type File struct {
	Path    string      // absolute, as on the machine; "/cluster-cfg-HOST.xml" stands beside the machine's files
	Data    []byte      // its content
	Mode    fs.FileMode // permission bits, and fs.ModeDir for a directory; 0644 when zero
	Target  string      // makes it a symbolic link to this path
	Hard    bool        // makes it a hard link to Target, an earlier file's absolute path
	UID     int         // the owner's number
	GID     int         // the group's number
	Owner   string      // the owner's name
	Group   string      // the group's name
	ModTime time.Time   // the archive's time when zero
}

// Build writes an archive of files that are held in memory, as Create would have made it of a machine called host at
// that time. Demonstrations and tests use it, and whoever has the files of a lost backup from elsewhere.
func Build(w io.Writer, host string, when time.Time, files []File) error {
	if !validHost(host) {
		return fmt.Errorf("cannot build the archive: %q is not a host name", host)
	}
	gz, err := packing{}.writer(w)
	if err != nil {
		return fmt.Errorf("cannot build the archive: %w", err)
	}
	if err := build(gz, host, when, files); err != nil {
		_ = gz.Close() // ends its goroutines
		return err
	}
	if err := gz.Close(); err != nil {
		return fmt.Errorf("cannot end the archive: %w", err)
	}
	return nil
}

func build(w io.Writer, host string, when time.Time, files []File) error {
	p, err := newPacker(w, host, when)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !isCleanAbsolute(f.Path) {
			return fmt.Errorf("cannot build the archive: %q is not an absolute path in its shortest form", f.Path)
		}
		if f.Hard && path.Clean(f.Target) != f.Target {
			return fmt.Errorf("cannot build the archive: %s: the hard link's target %q is not a path in its shortest form", f.Path, f.Target)
		}
		if err := p.add(f.header(when), bytes.NewReader(f.Data)); err != nil {
			return err
		}
	}
	return p.finish(&Record{Manifest: "built", Host: host, Time: when})
}

func (f File) header(when time.Time) *tar.Header {
	h := &tar.Header{
		Typeflag: tar.TypeReg, Name: f.Path, Linkname: f.Target, Mode: int64(f.Mode.Perm()), Uid: f.UID, Gid: f.GID,
		Uname: f.Owner, Gname: f.Group,
		ModTime: f.ModTime, Size: int64(len(f.Data)),
	}
	if h.ModTime.IsZero() {
		h.ModTime = when
	}
	if f.Mode == 0 {
		h.Mode = 0o644
	}
	switch {
	case f.Hard:
		h.Typeflag, h.Size = tar.TypeLink, 0
	case f.Target != "":
		h.Typeflag, h.Size, h.Mode = tar.TypeSymlink, 0, 0o777
	case f.Mode.IsDir():
		h.Typeflag, h.Size = tar.TypeDir, 0
	}
	return h
}
