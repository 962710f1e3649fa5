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
	"regexp"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// Errors of an archive that is refused; branch on them with errors.Is.
var (
	ErrNotArchive = errors.New("not a backup archive")
	ErrDamaged    = errors.New("the archive is damaged or was cut off")
	ErrHostile    = errors.New("the archive is refused, for extracting it could write elsewhere or never end")
)

// EntryError names the entry for which an archive is refused.
type EntryError struct {
	Archive string // the archive's file name, where known
	Entry   string // the entry's name as the archive has it
	Why     string
	Kind    error // ErrHostile or ErrNotArchive
}

func (e *EntryError) Error() string {
	if e.Archive == "" {
		return fmt.Sprintf("entry %q: %s: %v", e.Entry, e.Why, e.Kind)
	}
	return fmt.Sprintf("%s: entry %q: %s: %v", e.Archive, e.Entry, e.Why, e.Kind)
}

func (e *EntryError) Unwrap() error { return e.Kind }

// OpenOption changes how Open judges an archive.
type OpenOption func(*opener)

// WithLimits sets other bounds than DefaultLimits.
func WithLimits(l Limits) OpenOption { return func(o *opener) { o.limits = l } }

// AllowLinksOut accepts absolute symbolic links to places that the archive does not hold. A machine may have such links
// of its own (/etc/resolv.conf is one on later systems), and the guides' scripts take them as they are; Create never
// does.
func AllowLinksOut() OpenOption { return func(o *opener) { o.linksOut = true } }

// RefuseSetuid refuses files with a set-user-id or set-group-id bit: no configuration file has one. Create keeps the bits as it finds them.
func RefuseSetuid() OpenOption { return func(o *opener) { o.noSetuid = true } }

// AnyLayout accepts archives that are not laid out as the Lustre guide's: those that Cisco's migrate.sh makes
// (cps:439). Paths are taken from the root, and name and host, which such an archive does not tell, are given here.
func AnyLayout(name, host string) OpenOption {
	return func(o *opener) { o.a.anyLayout, o.a.name, o.a.host = true, name, host }
}

// Open reads an archive to its end without extracting it. An archive that is cut off, holds bytes after its end, or has
// an entry that could do harm when extracted (an absolute path, "..", a link that leads out, a path through a link, a
// device, a name twice, unbounded size) is refused. The reader's Name method, where it has one, names the archive in
// messages. A reader that is an [io.ReadSeeker], such as [bytes.Reader] or a file, is read again for contents that were
// too large to keep in memory; it must stay open for that, and belongs to the Archive.
func Open(r io.Reader, opts ...OpenOption) (*Archive, error) {
	if r == nil {
		return nil, errors.New("there is no archive to open: no reader was given")
	}
	o := &opener{
		limits: DefaultLimits(),
		a:      &Archive{source: srcerr.NameOf(r), index: map[string]int{"/": -1}, dirs: map[string]bool{}, data: map[string][]byte{}},
	}
	for _, opt := range opts {
		opt(o)
	}
	if again, ok := r.(io.ReadSeeker); ok {
		o.a.reopen = rewinding(again)
	}
	if err := o.read(r); err != nil {
		return nil, o.explain(err)
	}
	if err := o.judgeLinks(); err != nil {
		return nil, err
	}
	if err := o.identify(); err != nil {
		return nil, err
	}
	return o.a, nil
}

// OpenFile opens the archive in a file. Contents that were too large to keep in memory are read from the file again
// when they are asked for.
func OpenFile(name string, opts ...OpenOption) (*Archive, error) {
	f, err := infile.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot open the archive: %w", err)
	}
	defer func() { _ = f.Close() }()
	a, err := Open(f, opts...)
	if err != nil {
		return nil, err
	}
	a.reopen = func() (io.ReadCloser, error) { return infile.Open(name) }
	return a, nil
}

// rewinding reads r again from where it stood.
func rewinding(r io.ReadSeeker) func() (io.ReadCloser, error) {
	begin, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil // a pipe
	}
	return func() (io.ReadCloser, error) {
		if _, err := r.Seek(begin, io.SeekStart); err != nil {
			return nil, err
		}
		return io.NopCloser(r), nil
	}
}

// opener is the work of one Open.
type opener struct {
	a        *Archive
	limits   Limits
	linksOut bool
	noSetuid bool
	kept     int64
	links    []int // the absolute symbolic links
	seen     bool  // whether there was an entry at all
	buf      []byte
}

func (o *opener) refuse(entry, why string, args ...any) error {
	return &EntryError{Archive: o.a.source, Entry: entry, Why: fmt.Sprintf(why, args...), Kind: ErrHostile}
}

// explain tells damage from other errors, and names the archive.
func (o *opener) explain(err error) error {
	var entry *EntryError
	if errors.As(err, &entry) {
		return err
	}
	var limit *LimitError
	var name string
	if n := len(o.a.entries); n > 0 {
		name = o.a.entries[n-1].Path
	}
	switch {
	case errors.As(err, &limit):
		return o.refuse(name, "%v", limit)
	case errors.Is(err, ErrNotArchive):
	case isDamage(err):
		if name != "" {
			err = fmt.Errorf("%w: %w after %s", ErrDamaged, err, name)
		} else {
			err = fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	if o.a.source != "" {
		return fmt.Errorf("cannot read %s: %w", o.a.source, err)
	}
	return fmt.Errorf("cannot read the archive: %w", err)
}

// isDamage tells errors of the bytes from errors of reading them.
func isDamage(err error) bool {
	var pathErr *os.PathError
	return !errors.As(err, &pathErr)
}

// read goes through the whole archive once. Decompression runs ahead in a goroutine of its own.
func (o *opener) read(r io.Reader) error {
	sum := sha256.New()
	packed := &meter{r: io.TeeReader(r, sum)}
	plain, stop, err := unpack(bufio.NewReaderSize(packed, 256<<10))
	if err != nil {
		return err
	}
	defer stop()
	if err := o.entries(&meter{r: plain, packed: packed, limits: o.limits}); err != nil {
		return err
	}
	stop() // the sum belongs to this goroutine again
	if _, err := io.Copy(io.Discard, packed); err != nil {
		return err
	}
	o.a.sha256 = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// entries goes through the entries.
func (o *opener) entries(unpacked *meter) error {
	tr := tar.NewReader(unpacked)
	var logical int64 // content as handed out: more than was unpacked where files are sparse
	for {
		before := unpacked.n.Load()
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return endOfTar(unpacked, before)
		}
		if err != nil {
			return err
		}
		if len(o.a.entries) >= o.limits.Files && o.limits.Files > 0 {
			return &LimitError{What: "entries", Limit: int64(o.limits.Files)}
		}
		if logical += h.Size; h.Size < 0 || o.limits.Bytes > 0 && logical > o.limits.Bytes {
			return o.refuse(h.Name, "%v", &LimitError{What: "bytes unpacked", Limit: o.limits.Bytes})
		}
		if err := o.entry(h, tr); err != nil {
			return err
		}
	}
}

// endOfTar makes sure that a tar stream ended where its writer ended it: with two blocks of zeros and nothing but zeros
// after them. archive/tar takes the end of the bytes between two entries, and between an extended header and its entry,
// for the end of the archive. before is how far the stream had been read when the last entry's content ended.
func endOfTar(m *meter, before int64) error {
	if m.n.Load()-before < 2*tarBlock || m.zeros < 2*tarBlock {
		return io.ErrUnexpectedEOF
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := m.Read(buf)
		for _, b := range buf[:n] {
			if b != 0 {
				return errors.New("there are bytes after the archive's end")
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

const tarBlock = 512

// entry judges one entry and keeps what it tells.
func (o *opener) entry(h *tar.Header, body io.Reader) error {
	a := o.a
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	o.seen = true
	name, err := o.place(h)
	if err != nil {
		return err
	}
	if name == "/" {
		return nil
	}
	e := Entry{
		Path: name, Mode: h.FileInfo().Mode(), UID: h.Uid, GID: h.Gid, Owner: h.Uname, Group: h.Gname, Size: h.Size, ModTime: h.ModTime,
		Attrs: attrsOf(h), sparse: isSparse(h),
	}
	if o.noSetuid && h.Typeflag != tar.TypeDir && h.Mode&0o6000 != 0 {
		return o.refuse(h.Name, "it has a set-user-id or set-group-id bit")
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		e.Mode = e.Mode &^ fs.ModeType
		if err := o.content(&e, body); err != nil {
			return err
		}
	case tar.TypeDir:
	case tar.TypeSymlink:
		if err := o.symlink(&e, h, h.Linkname); err != nil {
			return err
		}
	case tar.TypeLink:
		if err := o.hardLink(&e, h); err != nil {
			return err
		}
	default:
		return o.refuse(h.Name, "it is %s", oddType(h.Typeflag))
	}
	a.index[name] = len(a.entries)
	a.entries = append(a.entries, e)
	return nil
}

// symlink judges where a symbolic link leads.
func (o *opener) symlink(e *Entry, h *tar.Header, target string) error {
	e.Target = target
	if path.IsAbs(target) {
		o.links = append(o.links, len(o.a.entries))
	} else if !staysInside(e.Path, target) {
		return o.refuse(h.Name, "the link leads out of the archive, to %s", target)
	}
	return nil
}

// hardLink judges a hard link. One to a symbolic link, as tar makes them of a link with two names, is another symbolic link.
func (o *opener) hardLink(e *Entry, h *tar.Header) error {
	a := o.a
	target, err := o.inside(h.Name, h.Linkname)
	if err != nil {
		return err
	}
	i, ok := a.index[target]
	switch {
	case ok && i >= 0 && a.entries[i].Mode&fs.ModeSymlink != 0:
		e.Mode, e.Size = a.entries[i].Mode, 0
		return o.symlink(e, h, a.entries[i].Target)
	case !ok || i < 0 || !a.entries[i].Mode.IsRegular():
		return o.refuse(h.Name, "the hard link leads to %s, which is no file before it in the archive", h.Linkname)
	}
	e.Target, e.Hard = target, true
	if first := a.entries[i]; first.Hard {
		e.Target = first.Target
	}
	e.Size, e.SHA256 = a.entries[i].Size, a.entries[i].SHA256
	return nil
}

func oddType(flag byte) string {
	switch flag {
	case tar.TypeChar, tar.TypeBlock:
		return "a device"
	case tar.TypeFifo:
		return "a named pipe"
	}
	return fmt.Sprintf("of the unknown type %q", flag)
}

// place is the machine's path of an entry: its name without the archive's top directory.
func (o *opener) place(h *tar.Header) (string, error) {
	a := o.a
	name, err := o.inside(h.Name, h.Name)
	if err != nil {
		return "", err
	}
	if i, ok := a.index[name]; ok && (i >= 0 || h.Typeflag != tar.TypeDir || a.topSeen) {
		return "", o.refuse(h.Name, "it is there twice")
	}
	if name == "/" {
		a.topSeen = true
		return name, nil
	}
	for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
		if i, ok := a.index[dir]; ok && !a.entries[i].Mode.IsDir() {
			return "", o.refuse(h.Name, "its path goes through %s, which is not a directory", dir)
		}
		a.dirs[dir] = true
	}
	if a.dirs[name] && h.Typeflag != tar.TypeDir {
		return "", o.refuse(h.Name, "it would take the place of a directory")
	}
	return name, nil
}

// inside turns a name in the archive into the machine's path; entry is the entry that holds the name.
func (o *opener) inside(entry, name string) (string, error) {
	switch {
	case path.IsAbs(name):
		return "", o.refuse(entry, "the path %s is absolute", name)
	case strings.ContainsAny(name, "\x00"):
		return "", o.refuse(entry, "the path holds a NUL byte")
	}
	for _, element := range strings.Split(name, "/") {
		if element == ".." {
			return "", o.refuse(entry, "the path %s goes up", name)
		}
	}
	if o.a.anyLayout {
		return path.Clean("/" + name), nil
	}
	top, rest, _ := strings.Cut(path.Clean(name), "/")
	if o.a.name == "" {
		o.a.name = top
		if err := o.named(entry); err != nil {
			return "", err
		}
	}
	if top != o.a.name {
		return "", &EntryError{
			Archive: o.a.source, Entry: entry, Kind: ErrNotArchive, Why: "it does not lie below " + o.a.name + ", where the archive began",
		}
	}
	return "/" + rest, nil
}

var (
	namePattern = regexp.MustCompile(`^bck-(.+)-(\d{8}-\d{6})$`)
	hostPattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$`)
)

// validHost tells whether a host name can stand in a file name.
func validHost(host string) bool {
	return hostPattern.MatchString(host) && !strings.Contains(host, "..")
}

// named takes host and time out of the top directory's name.
func (o *opener) named(entry string) error {
	a := o.a
	if m := namePattern.FindStringSubmatch(a.name); m != nil && validHost(m[1]) {
		if when, err := time.Parse(stampLayout, m[2]); err == nil {
			a.host, a.when = m[1], when
			return nil
		}
	}
	return &EntryError{
		Archive: a.source, Entry: entry, Kind: ErrNotArchive, Why: "the top directory is not called bck-HOST-YYYYmmdd-HHMMSS",
	}
}

// content reads a file: its digest always, its bytes as far as memory is meant for them.
func (o *opener) content(e *Entry, body io.Reader) error {
	sum := sha256.New()
	if o.buf == nil {
		o.buf = make([]byte, 256<<10) // one for all: an archive may hold half a million small files
	}
	switch own := isOwn(e.Path); {
	case own && e.Size > ownLimit:
		return o.refuse(o.a.name+e.Path, "it is larger than %d bytes", ownLimit)
	case own || o.kept+e.Size <= o.limits.Keep:
		var data bytes.Buffer
		data.Grow(int(min(e.Size, 1<<20)))
		if _, err := io.CopyBuffer(onlyWriter{io.MultiWriter(&data, sum)}, onlyReader{body}, o.buf); err != nil {
			return err
		}
		o.a.data[e.Path] = data.Bytes()
		if !own {
			o.kept += e.Size
		}
	default:
		if _, err := io.CopyBuffer(onlyWriter{sum}, onlyReader{body}, o.buf); err != nil {
			return err
		}
	}
	e.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// ownLimit bounds, in bytes, the files that the backup adds and that Open needs itself: a record has a few hundred bytes for each file.
const ownLimit = 256 << 20

// isOwn tells whether a file is one that an opened archive always needs.
func isOwn(name string) bool {
	cluster, _ := path.Match(ClusterConfigPath, name)
	return cluster || name == "/"+recordName || name == "/"+sumsName
}

// judgeLinks refuses absolute links to places outside; which places are inside is known only at the end.
func (o *opener) judgeLinks() error {
	if o.linksOut {
		return nil
	}
	for _, i := range o.links {
		e := o.a.entries[i]
		if !o.a.exists(path.Clean(e.Target)) {
			return o.refuse(o.a.name+e.Path, "the link leads out of the archive, to %s", e.Target)
		}
	}
	return nil
}

// identify reads the archive's record, where it has one.
func (o *opener) identify() error {
	a := o.a
	if !o.seen {
		return o.explain(fmt.Errorf("%w: it holds no files", ErrNotArchive))
	}
	i, ok := a.index["/"+recordName]
	if !ok {
		return nil
	}
	label := path.Join(a.name, recordName)
	if a.source != "" {
		label = a.source + ":" + label
	}
	if e := a.entries[i]; !e.Mode.IsRegular() || e.Hard {
		return &EntryError{Archive: a.source, Entry: label, Kind: ErrNotArchive, Why: "the record is not a file"}
	}
	rec, err := parseRecord(label, a.data["/"+recordName])
	if err != nil {
		return err
	}
	if rec.Host != a.host {
		return &EntryError{
			Archive: a.source, Entry: label, Kind: ErrNotArchive,
			Why: fmt.Sprintf("the record is of host %q, the archive's name of %q", rec.Host, a.host),
		}
	}
	a.record, a.when = rec, rec.Time
	return nil
}
