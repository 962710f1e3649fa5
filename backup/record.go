package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// recordName is the file in which an archive tells of itself.
const recordName = "evenkeel-manifest.json"

// recordFormat is the version of the record's form.
const recordFormat = 1

// ParseError is one mistake in a text inside an archive, with its place.
type ParseError = srcerr.Error

// Record is what an archive tells of itself in evenkeel-manifest.json. Archives made by the guides' scripts have none.
type Record struct {
	Format    int             `json:"format"`               // 1
	Manifest  string          `json:"manifest"`             // the manifest's name
	Host      string          `json:"host"`                 // what "hostname" printed
	FQDN      string          `json:"fqdn,omitempty"`       // what "hostname -f" printed; empty when it failed
	OSRelease string          `json:"os_release,omitempty"` // the line in /etc/redhat-release
	Time      time.Time       `json:"time"`                 // when the backup was begun
	Paths     []PathRecord    `json:"paths,omitempty"`      // the manifest's paths
	Excludes  []string        `json:"excludes,omitempty"`   // what was left out by order
	Commands  []CommandRecord `json:"commands,omitempty"`   // the manifest's commands, and those that took the paths
	Skipped   []Skipped       `json:"skipped,omitempty"`    // what was found below a path and not taken
	Warnings  []string        `json:"warnings,omitempty"`   // what tar complained of without failing
	Files     []FileRecord    `json:"files"`                // every file of the archive but this one
}

// PathRecord tells what became of one path of the manifest.
type PathRecord struct {
	Path     string   `json:"path"`
	Optional bool     `json:"optional,omitempty"`
	Taken    []string `json:"taken,omitempty"` // the paths it stood for; none when it was absent
}

// CommandRecord tells of one command that the backup ran on the machine.
type CommandRecord struct {
	Argv []string `json:"argv"`
	File string   `json:"file,omitempty"`  // where its output is kept, if it is
	Err  string   `json:"error,omitempty"` // why an optional command yielded nothing
}

// Skipped is something that was found and not taken.
type Skipped struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// FileRecord is one file, directory or link of the archive.
type FileRecord struct {
	Path   string `json:"path"`             // as on the machine; files the backup adds stand at the root
	Type   string `json:"type"`             // file, dir, symlink or hardlink
	Size   int64  `json:"size,omitempty"`   // bytes
	SHA256 string `json:"sha256,omitempty"` // of a file's content, in hexadecimal
	Target string `json:"target,omitempty"` // of a link
}

// parseRecord reads evenkeel-manifest.json; name is the file's name for messages.
func parseRecord(name string, data []byte) (*Record, error) {
	var rec Record
	if err := json.Unmarshal(data, &rec); err != nil {
		return nil, jsonError(name, data, err)
	}
	if rec.Format != recordFormat {
		return nil, srcerr.Errorf(name, 1, 1, "", "format %d is not known; this version reads format %d", rec.Format, recordFormat)
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
