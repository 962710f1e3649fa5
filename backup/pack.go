package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"
	"time"
	"unicode/utf8"
)

// stampLayout is the time in an archive's name, as date +%Y%m%d-%H%M%S prints it (lustre:65).
const stampLayout = "20060102-150405"

// archiveName is the name of the tree in an archive, and of the archive without its suffix.
func archiveName(host string, when time.Time) string {
	return "bck-" + host + "-" + when.Format(stampLayout)
}

// packer writes the tree of one archive. Paths are the machine's, absolute; the packer puts them below the archive's top directory.
type packer struct {
	w       io.Writer
	tw      *tar.Writer
	top     string
	when    time.Time
	files   []FileRecord
	kinds   map[string]byte        // what was written, by path
	sums    map[string]string      // digests of the files, by path
	targets map[string]*tar.Header // the symbolic links that came, by path: one can have hard links
	dropped map[string]string      // what came and is not kept, by path, with the reason
	links   []*tar.Header          // absolute symbolic links, kept back until it is known whether they lead to something in the archive
	late    []*tar.Header          // hard links to files that are taken later
	skips   []Skipped
	later   func(name string) bool // whether a file will be taken later; nil when none will
	scratch scratch                // for sparse files
	hash    hash.Hash
	buf     []byte
}

func newPacker(w io.Writer, host string, when time.Time) (*packer, error) {
	p := &packer{
		w: w, tw: tar.NewWriter(w), top: archiveName(host, when), when: when, kinds: map[string]byte{"/": tar.TypeDir}, sums: map[string]string{},
		targets: map[string]*tar.Header{}, dropped: map[string]string{}, hash: sha256.New(), buf: make([]byte, 256<<10),
	}
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
		return fmt.Errorf("cannot back up %s: it came twice", shown(name))
	}
	out := cleanHeader(h)
	switch out.Typeflag {
	case tar.TypeSymlink:
		return p.addSymlink(out)
	case tar.TypeLink:
		return p.addHardLink(out)
	case tar.TypeReg:
		if isSparse(h) {
			return p.addSparse(out, body)
		}
	case tar.TypeDir:
	default:
		p.skip(name, errNotKept.Error())
		return nil
	}
	return p.write(out, body)
}

func (p *packer) addSymlink(h *tar.Header) error {
	p.targets[h.Name] = h
	switch {
	case path.IsAbs(h.Linkname):
		p.links = append(p.links, h)
		return nil
	case !staysInside(h.Name, h.Linkname):
		p.skip(h.Name, "a link that leads out of the machine's root: "+h.Linkname)
		return nil
	}
	return p.write(h, nil)
}

func (p *packer) addHardLink(h *tar.Header) error {
	target, name := h.Linkname, h.Name
	if why, ok := p.dropped[target]; ok && p.targets[target] == nil {
		p.skip(name, why)
		return nil
	}
	if link := p.targets[target]; link != nil { // a second name of a symbolic link is another symbolic link
		copied := *link
		copied.Name = name
		return p.addSymlink(&copied)
	}
	switch {
	case p.kinds[target] == tar.TypeReg:
		return p.write(h, nil)
	case p.later != nil && p.later(target):
		p.late = append(p.late, h)
		return nil
	}
	return fmt.Errorf("cannot back up %s: it is a hard link to %s, which is not in the backup", shown(name), shown(target))
}

// addLate writes the hard links that had to wait for their files.
func (p *packer) addLate() error {
	waiting := p.late
	p.late, p.later = nil, nil
	for _, h := range waiting {
		if err := p.addHardLink(h); err != nil {
			return err
		}
	}
	return nil
}

func (p *packer) skip(name, why string) {
	p.dropped[name] = why
	p.skips = append(p.skips, Skipped{Path: Name(name), Why: why})
}

// write puts an entry and the directories above it into the archive.
func (p *packer) write(h *tar.Header, body io.Reader) error {
	name := h.Name
	rec, err := p.begin(h)
	if err != nil {
		return err
	}
	if err := p.tw.WriteHeader(h); err != nil {
		return fmt.Errorf("cannot write %s into the archive: %w", shown(name), err)
	}
	if h.Typeflag == tar.TypeReg {
		if rec.SHA256, err = p.copyTo(p.tw, body); err != nil {
			return fmt.Errorf("cannot write %s into the archive: %w", shown(name), err)
		}
	}
	p.end(rec)
	return nil
}

// begin makes the directories above an entry, and turns its paths into those of the archive.
func (p *packer) begin(h *tar.Header) (FileRecord, error) {
	name := h.Name
	if err := p.parents(name); err != nil {
		return FileRecord{}, err
	}
	p.kinds[name] = h.Typeflag
	rec := fileRecord(h)
	h.Name = p.top + name
	switch h.Typeflag {
	case tar.TypeDir:
		h.Name += "/"
	case tar.TypeLink:
		h.Linkname = p.top + h.Linkname
	}
	if !utf8.ValidString(h.Name + h.Linkname + h.Uname + h.Gname) {
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords["hdrcharset"] = "BINARY" // bsdtar takes names for UTF-8 otherwise
	}
	return rec, nil
}

func (p *packer) end(rec FileRecord) {
	switch rec.Type {
	case "file":
		p.sums[string(rec.Path)] = rec.SHA256
	case "hardlink":
		p.sums[string(rec.Path)] = p.sums[string(rec.Target)]
	}
	p.files = append(p.files, rec)
}

// copyTo copies a file's content and returns its digest.
func (p *packer) copyTo(w io.Writer, body io.Reader) (string, error) {
	p.hash.Reset()
	_, err := io.CopyBuffer(onlyWriter{io.MultiWriter(w, p.hash)}, onlyReader{body}, p.buf)
	return hex.EncodeToString(p.hash.Sum(nil)), err
}

// onlyReader and onlyWriter hide what would make io.Copy take another buffer than the one it is given.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)

// parents writes the directories above name that are not there yet. The guides' scripts make them with tar's defaults; so does this.
func (p *packer) parents(name string) error {
	dir := path.Dir(name)
	switch kind, ok := p.kinds[dir]; {
	case ok && kind == tar.TypeDir:
		return nil
	case ok:
		return fmt.Errorf("cannot back up %s: %s is not a directory", shown(name), shown(dir))
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

// addLinks writes the absolute links that lead to something the archive holds, other such links included, and notes the rest.
func (p *packer) addLinks() error {
	for {
		before := len(p.links)
		var waiting []*tar.Header
		for _, h := range p.links {
			if _, ok := p.kinds[path.Clean(h.Linkname)]; !ok {
				waiting = append(waiting, h)
				continue
			}
			if err := p.write(h, nil); err != nil {
				return err
			}
		}
		p.links = waiting
		if len(waiting) == before {
			break
		}
	}
	for _, h := range p.links {
		p.skip(h.Name, "a link to something that is not in the backup: "+h.Linkname)
	}
	p.links = nil
	return nil
}

// finish writes the record and the sums, and ends the archive.
func (p *packer) finish(rec *Record) error {
	if err := errors.Join(p.addLate(), p.addLinks()); err != nil {
		return err
	}
	rec.Format, rec.Files, rec.Skipped = recordFormat, p.files, p.skips
	data, err := rec.text()
	if err != nil {
		return fmt.Errorf("cannot write the archive's record: %w", err)
	}
	if err := p.addBytes("/"+recordName, data); err != nil {
		return err
	}
	if err := p.addBytes("/"+sumsName, sumsText(p.sums)); err != nil {
		return err
	}
	if err := p.tw.Close(); err != nil {
		return fmt.Errorf("cannot end the archive: %w", err)
	}
	rec.Files = p.files[:len(p.files)-2]
	return nil
}

// cleanHeader is h with what a backup keeps: names, modes, owners, times, links and extended attributes.
func cleanHeader(h *tar.Header) *tar.Header {
	out := &tar.Header{
		Typeflag: h.Typeflag, Name: h.Name, Linkname: h.Linkname, Size: h.Size, Mode: h.Mode & 0o7777,
		Uid: h.Uid, Gid: h.Gid, Uname: h.Uname, Gname: h.Gname, ModTime: h.ModTime, Format: tar.FormatPAX, PAXRecords: attrsOf(h),
	}
	if out.Typeflag == tar.TypeGNUSparse || out.Typeflag == tar.TypeCont {
		out.Typeflag = tar.TypeReg
	}
	if out.Typeflag != tar.TypeReg {
		out.Size = 0
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
