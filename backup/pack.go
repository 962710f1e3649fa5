package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// stampLayout is the time in an archive's name, as date +%Y%m%d-%H%M%S prints it (lustre:65).
const stampLayout = "20060102-150405"

// archiveName is the name of the tree in an archive, and of the archive without its suffix.
func archiveName(host string, when time.Time) string {
	return "bck-" + host + "-" + when.Format(stampLayout)
}

// packer writes the tree of one archive. Paths are the machine's, absolute; the packer puts them below the archive's top directory.
type packer struct {
	tw    *tar.Writer
	top   string
	when  time.Time
	files []FileRecord
	kinds map[string]byte // what was written, by path
	links []*tar.Header   // absolute symbolic links, kept back until it is known whether they lead to something in the archive
	skips []Skipped
}

func newPacker(w io.Writer, host string, when time.Time) (*packer, error) {
	p := &packer{tw: tar.NewWriter(w), top: archiveName(host, when), when: when, kinds: map[string]byte{"/": tar.TypeDir}}
	err := p.tw.WriteHeader(&tar.Header{
		Typeflag: tar.TypeDir, Name: p.top + "/", Mode: 0o755, Uname: "root", Gname: "root", ModTime: when, Format: tar.FormatPAX,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot write the archive: %w", err)
	}
	return p, nil
}

// errNotKept marks an entry that has no place in a backup.
var errNotKept = errors.New("neither a file, a directory nor a link")

// add writes one entry; h.Name and a hard link's target are absolute paths of the machine.
func (p *packer) add(h *tar.Header, body io.Reader) error {
	name := h.Name
	if _, ok := p.kinds[name]; ok {
		if h.Typeflag == tar.TypeDir {
			return nil // its entry was made when something below it came first
		}
		return fmt.Errorf("cannot back up %s: it came twice", name)
	}
	out := cleanHeader(h)
	switch out.Typeflag {
	case tar.TypeSymlink:
		if path.IsAbs(out.Linkname) {
			p.links = append(p.links, out)
			return nil
		}
		if !staysInside(name, out.Linkname) {
			p.skip(name, "a link that leads out of the machine's root: "+out.Linkname)
			return nil
		}
	case tar.TypeLink:
		if p.kinds[out.Linkname] != tar.TypeReg {
			return fmt.Errorf("cannot back up %s: it is a hard link to %s, which is not in the backup", name, out.Linkname)
		}
	case tar.TypeReg, tar.TypeDir:
	default:
		p.skip(name, errNotKept.Error())
		return nil
	}
	return p.write(out, body)
}

func (p *packer) skip(name, why string) { p.skips = append(p.skips, Skipped{Path: name, Why: why}) }

// write puts an entry and the directories above it into the archive.
func (p *packer) write(h *tar.Header, body io.Reader) error {
	name := h.Name
	if err := p.parents(name); err != nil {
		return err
	}
	p.kinds[name] = h.Typeflag
	rec := FileRecord{Path: name, Type: typeName(h.Typeflag), Size: h.Size, Target: h.Linkname}
	h.Name = p.top + name
	switch h.Typeflag {
	case tar.TypeDir:
		h.Name += "/"
	case tar.TypeLink:
		h.Linkname = p.top + h.Linkname
	}
	if err := p.tw.WriteHeader(h); err != nil {
		return fmt.Errorf("cannot write %s into the archive: %w", name, err)
	}
	if h.Typeflag == tar.TypeReg {
		sum := sha256.New()
		if _, err := io.Copy(io.MultiWriter(p.tw, sum), body); err != nil {
			return fmt.Errorf("cannot write %s into the archive: %w", name, err)
		}
		rec.SHA256 = hex.EncodeToString(sum.Sum(nil))
	}
	p.files = append(p.files, rec)
	return nil
}

// parents writes the directories above name that are not there yet. The guides' scripts make them with tar's defaults; so does this.
func (p *packer) parents(name string) error {
	dir := path.Dir(name)
	switch kind, ok := p.kinds[dir]; {
	case ok && kind == tar.TypeDir:
		return nil
	case ok:
		return fmt.Errorf("cannot back up %s: %s is not a directory", name, dir)
	}
	return p.write(&tar.Header{
		Typeflag: tar.TypeDir, Name: dir, Mode: 0o755, Uname: "root", Gname: "root", ModTime: p.when, Format: tar.FormatPAX,
	}, nil)
}

// addBytes writes a file that the backup itself makes.
func (p *packer) addBytes(name string, data []byte) error {
	return p.addSized(name, int64(len(data)), bytes.NewReader(data))
}

func (p *packer) addSized(name string, size int64, body io.Reader) error {
	return p.add(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Uname: "root", Gname: "root", ModTime: p.when, Size: size,
	}, body)
}

// addLinks writes the absolute links that lead to something the archive holds, and notes the others.
func (p *packer) addLinks() error {
	for _, h := range p.links {
		if _, ok := p.kinds[path.Clean(h.Linkname)]; !ok {
			p.skip(h.Name, "a link to something that is not in the backup: "+h.Linkname)
			continue
		}
		if err := p.write(h, nil); err != nil {
			return err
		}
	}
	p.links = nil
	return nil
}

// finish writes the record and ends the archive.
func (p *packer) finish(rec *Record) error {
	if err := p.addLinks(); err != nil {
		return err
	}
	rec.Format, rec.Files, rec.Skipped = recordFormat, p.files, p.skips
	data, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot write the archive's record: %w", err)
	}
	if err := p.addBytes("/"+recordName, append(data, '\n')); err != nil {
		return err
	}
	if err := p.tw.Close(); err != nil {
		return fmt.Errorf("cannot end the archive: %w", err)
	}
	rec.Files = p.files[:len(p.files)-1]
	return nil
}

// cleanHeader is h with what a backup keeps: names, modes, owners, times, links and extended attributes.
func cleanHeader(h *tar.Header) *tar.Header {
	out := &tar.Header{
		Typeflag: h.Typeflag, Name: h.Name, Linkname: h.Linkname, Size: h.Size, Mode: h.Mode & 0o7777,
		Uid: h.Uid, Gid: h.Gid, Uname: h.Uname, Gname: h.Gname, ModTime: h.ModTime, Format: tar.FormatPAX,
	}
	if out.Typeflag == tar.TypeGNUSparse || out.Typeflag == tar.TypeCont {
		out.Typeflag = tar.TypeReg // the reader hands out sparse files in full
	}
	if out.Typeflag != tar.TypeReg {
		out.Size = 0
	}
	for _, key := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		for _, prefix := range []string{"SCHILY.xattr.", "SCHILY.acl.", "RHT.security."} {
			if strings.HasPrefix(key, prefix) {
				if out.PAXRecords == nil {
					out.PAXRecords = map[string]string{}
				}
				out.PAXRecords[key] = h.PAXRecords[key]
			}
		}
	}
	return out
}

// staysInside tells whether a relative link at name leads, taken literally, to a place at or below the root.
func staysInside(name, target string) bool {
	depth := strings.Count(path.Dir(name), "/")
	if path.Dir(name) == "/" {
		depth = 0
	}
	for _, element := range strings.Split(target, "/") {
		switch element {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return false
			}
		default:
			depth++
		}
	}
	return true
}

func typeName(flag byte) string {
	switch flag {
	case tar.TypeDir:
		return "dir"
	case tar.TypeSymlink:
		return "symlink"
	case tar.TypeLink:
		return "hardlink"
	}
	return "file"
}
