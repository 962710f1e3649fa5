package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// recordName is the file in which an archive tells of itself.
const recordName = "evenkeel-manifest.json"

// The versions of the record's form. Format 1 had no owners, modes and times of the files, and no sums beside it.
const (
	recordFormat = 2
	oldestFormat = 1
)

// ParseError is one mistake in a text inside an archive, or in a file that a restore merges, with its place.
type ParseError = srcerr.Error

// Record is what an archive tells of itself in evenkeel-manifest.json. Archives made by the guides' scripts have none.
type Record struct {
	Format    int             `json:"format"`               // 2
	Manifest  string          `json:"manifest"`             // the manifest's name
	Host      string          `json:"host"`                 // what "hostname" printed
	FQDN      string          `json:"fqdn,omitempty"`       // what "hostname -f" printed; empty when it failed
	OSRelease string          `json:"os_release,omitempty"` // the line in /etc/redhat-release, else PRETTY_NAME of /etc/os-release
	Time      time.Time       `json:"time"`                 // when the backup was begun
	Means     string          `json:"means,omitempty"`      // what read the files on the machine: "GNU tar" or "shell"
	Paths     []PathRecord    `json:"paths,omitempty"`      // the manifest's paths
	Excludes  []string        `json:"excludes,omitempty"`   // what was left out by order
	Commands  []CommandRecord `json:"commands,omitempty"`   // the manifest's commands, and those that took the paths
	Skipped   []Skipped       `json:"skipped,omitempty"`    // what was found below a path and not taken
	// files that changed while they were read, every time: their content may be of no single moment
	Changed  []Name       `json:"changed,omitempty"`
	Warnings []string     `json:"warnings,omitempty"` // what tar complained of without failing
	Files    []FileRecord `json:"files"`              // every file of the archive but this one and the sums
}

// Short is the machine's name without its domain.
func (r *Record) Short() string {
	short, _, _ := strings.Cut(r.Host, ".")
	return short
}

// PathRecord tells what became of one path of the manifest.
type PathRecord struct {
	Path     string `json:"path"`
	Optional bool   `json:"optional,omitempty"`
	Taken    []Name `json:"taken,omitempty"` // the paths it stood for; none when it was absent
}

// CommandRecord tells of one command that the backup ran on the machine.
type CommandRecord struct {
	Argv []string `json:"argv"`
	File string   `json:"file,omitempty"`  // where its output is kept, if it is
	Err  string   `json:"error,omitempty"` // why an optional command yielded nothing
}

// Skipped is something that was found and not taken.
type Skipped struct {
	Path Name   `json:"path"`
	Why  string `json:"why"`
}

// FileRecord is one file, directory or link of the archive.
type FileRecord struct {
	Path    Name      `json:"path"`                   // as on the machine; files the backup adds stand at the root
	Type    string    `json:"type"`                   // file, dir, symlink or hardlink
	Size    int64     `json:"size,omitempty"`         // bytes
	SHA256  string    `json:"sha256,omitempty"`       // of a file's content, in hexadecimal
	Target  Name      `json:"target,omitempty"`       // of a link
	Mode    string    `json:"mode,omitempty"`         // permissions in octal, with set-user-id, set-group-id and sticky bit
	UID     int       `json:"uid,omitempty"`          // the owner's number
	GID     int       `json:"gid,omitempty"`          // the group's number
	Owner   Name      `json:"owner,omitempty"`        // the owner's name
	Group   Name      `json:"group,omitempty"`        // the group's name
	ModTime time.Time `json:"mtime,omitzero"`         // when the content last changed
	Attrs   string    `json:"attrs_sha256,omitempty"` // digest of extended attributes, ACLs and SELinux label; empty when it has none
}

// fileRecord tells of an entry; its content's digest is added by whoever reads it.
func fileRecord(h *tar.Header) FileRecord {
	return FileRecord{
		Path: Name(h.Name), Type: typeName(h.Typeflag), Size: h.Size, Target: Name(h.Linkname), Mode: octal(h.Mode), UID: h.Uid, GID: h.Gid,
		Owner: Name(h.Uname), Group: Name(h.Gname), ModTime: h.ModTime.UTC(), Attrs: attrsDigest(attrsOf(h)),
	}
}

func octal(mode int64) string { return fmt.Sprintf("%04o", mode&0o7777) }

// attrPrefixes are the PAX keywords under which tar keeps extended attributes, ACLs and SELinux labels.
var attrPrefixes = []string{"SCHILY.xattr.", "SCHILY.acl.", "RHT.security."}

// attrsOf are the attributes of an entry, by their PAX keywords; nil when it has none.
func attrsOf(h *tar.Header) map[string]string {
	var attrs map[string]string
	for key, value := range h.PAXRecords {
		if !slices.ContainsFunc(attrPrefixes, func(p string) bool { return strings.HasPrefix(key, p) }) {
			continue
		}
		if attrs == nil {
			attrs = map[string]string{}
		}
		attrs[key] = value
	}
	return attrs
}

func attrsDigest(attrs map[string]string) string {
	if len(attrs) == 0 {
		return ""
	}
	sum := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(attrs)) {
		_, _ = fmt.Fprintf(sum, "%d:%s%d:%s", len(key), key, len(attrs[key]), attrs[key]) // a hash never fails
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// parseRecord reads evenkeel-manifest.json; name is the file's name for messages.
func parseRecord(name string, data []byte) (*Record, error) {
	var rec Record
	if err := json.Unmarshal(data, &rec); err != nil {
		return nil, jsonError(name, data, err)
	}
	if rec.Format < oldestFormat || rec.Format > recordFormat {
		return nil, srcerr.Errorf(name, 1, 1, "", "format %d is not known; this version reads formats %d to %d", rec.Format,
			oldestFormat, recordFormat)
	}
	return &rec, nil
}

// jsonError gives a decoding error its place in the text.
func jsonError(name string, data []byte, err error) error {
	offset := -1
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = int(syntax.Offset)
	case errors.As(err, &kind):
		offset = int(kind.Offset)
	}
	e := &ParseError{File: name, Err: fmt.Errorf("not a backup's record: %w", err)}
	if offset >= 0 {
		e.Line, e.Col = srcerr.Position(data, max(offset-1, 0))
		e.Near = string(near(data, offset))
	}
	return e
}

// near is the text around an offset, on one line.
func near(data []byte, offset int) []byte {
	text := data[max(0, min(offset-1, len(data))):]
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	return bytes.ToValidUTF8(text[:min(len(text), 40)], nil)
}
