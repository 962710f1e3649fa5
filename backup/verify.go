package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// ErrNoRecord says that an archive has no digests to compare with: a guide's script made it.
var ErrNoRecord = errors.New("the archive has no evenkeel-manifest.json: it can be read to its end, and that is all that is known of it")

// Mismatch is one file of an archive that is not as its record has it.
type Mismatch struct {
	Path string
	Why  string
}

func (m Mismatch) Error() string { return fmt.Sprintf("%s: %s", shown(m.Path), m.Why) }

// Verify compares every entry with what was noted when the backup was made: kind, content, owner, mode, time,
// attributes. It names every one that differs, is missing or was added. It is ErrNoRecord when nothing was noted.
//
// Whoever alters an archive on purpose can alter its record and its sums alike; only the digest of the whole
// (Info.SHA256), kept elsewhere, tells that.
func (a *Archive) Verify() error {
	if a.record == nil {
		if a.Has("/" + sumsName) {
			return fmt.Errorf("%s: %w", a.name, Mismatch{Path: "/" + recordName, Why: "it is missing"})
		}
		return fmt.Errorf("cannot verify %s: %w", a.name, ErrNoRecord)
	}
	v := verification{archive: a, known: map[string]bool{"/" + recordName: true}}
	for _, f := range a.record.Files {
		v.known[string(f.Path)] = true
		v.compare(f)
	}
	if a.record.Format >= recordFormat {
		v.known["/"+sumsName] = true
		v.sums()
	}
	for _, e := range a.entries {
		if !v.known[e.Path] {
			v.bad(e.Path, "it was added")
		}
	}
	return errors.Join(v.errs...)
}

// verification is the work of one Verify.
type verification struct {
	archive *Archive
	known   map[string]bool
	errs    []error
}

func (v *verification) bad(p, format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf("%s: %w", v.archive.name, Mismatch{Path: p, Why: fmt.Sprintf(format, args...)}))
}

// compare holds an entry against its record.
func (v *verification) compare(f FileRecord) {
	name := string(f.Path)
	i, ok := v.archive.index[name]
	if !ok || i < 0 {
		v.bad(name, "it is missing")
		return
	}
	e := v.archive.entries[i]
	was := string(f.Target)
	switch kind := e.kind(); {
	case kind != f.Type:
		v.bad(name, "it is a %s, and was a %s", kind, f.Type)
		return
	case kind == "file" && e.Size != f.Size:
		v.bad(name, "it has %d bytes, and had %d", e.Size, f.Size)
	case kind == "file" && e.SHA256 != f.SHA256:
		v.bad(name, "its content has changed")
	case e.Target != was:
		v.bad(name, "it leads to %s, and led to %s", shown(e.Target), shown(was))
	}
	if v.archive.record.Format < recordFormat {
		return
	}
	if mode := octal(unixMode(e.Mode)); mode != f.Mode {
		v.bad(name, "its mode is %s, and was %s", mode, f.Mode)
	}
	if e.UID != f.UID || e.GID != f.GID || e.Owner != string(f.Owner) || e.Group != string(f.Group) {
		v.bad(name, "it belongs to %s (%d) and %s (%d), and belonged to %s (%d) and %s (%d)",
			shown(e.Owner), e.UID, shown(e.Group), e.GID, shown(string(f.Owner)), f.UID, shown(string(f.Group)), f.GID)
	}
	if !e.ModTime.Equal(f.ModTime) {
		v.bad(name, "its time is %s, and was %s", e.ModTime.UTC(), f.ModTime.UTC())
	}
	if attrsDigest(e.Attrs) != f.Attrs {
		v.bad(name, "its extended attributes have changed")
	}
}

// sums holds the list of digests, and so the record itself, against the entries.
func (v *verification) sums() {
	a := v.archive
	data, ok := a.data["/"+sumsName]
	if !ok {
		v.bad("/"+sumsName, "it is missing")
		return
	}
	want := map[string]string{}
	for _, e := range a.entries {
		if e.Mode.IsRegular() && e.Path != "/"+sumsName {
			want[e.Path] = e.SHA256
		}
	}
	there := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		there[line] = true
	}
	for line := range strings.Lines(string(sumsText(want))) {
		if there[line] {
			continue
		}
		line = strings.TrimSuffix(line, "\n")
		if strings.HasSuffix(line, "./"+recordName) {
			v.bad("/"+recordName, "its content has changed")
		} else if len(v.errs) == 0 {
			v.bad("/"+sumsName, "it does not have the line %q", line)
		}
	}
	if len(v.errs) == 0 && string(sumsText(want)) != string(data) {
		v.bad("/"+sumsName, "its content has changed")
	}
}

// unixMode is the permissions with set-user-id, set-group-id and sticky bit as Linux numbers them.
func unixMode(m fs.FileMode) int64 {
	bits := int64(m.Perm())
	for flag, bit := range map[fs.FileMode]int64{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&flag != 0 {
			bits |= bit
		}
	}
	return bits
}

func (e Entry) kind() string {
	switch {
	case e.Hard:
		return "hardlink"
	case e.Mode.IsDir():
		return "dir"
	case e.Mode&fs.ModeSymlink != 0:
		return "symlink"
	}
	return "file"
}
