package infile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// seemings are kinds of files that no input of ours is, by how they begin or by a line in them.
var seemings = []struct {
	what string
	mark *regexp.Regexp
}{
	{"it is empty", regexp.MustCompile(`\A(?:\x{feff}|\s)*\z`)},
	{"it seems to be a key or a certificate", regexp.MustCompile(`(?m)^-----BEGIN [A-Z0-9 ]+-----`)},
	{"it seems to be a list of hashed passwords, such as /etc/shadow", regexp.MustCompile(`(?m)^[^:\s]+:[!*]*\$[0-9a-z]+\$`)},
	{"it seems to be a list of users, such as /etc/passwd", regexp.MustCompile(`\A[a-z_][\w.-]*:[^:\n]*:\d+:\d+:[^:\n]*:[^:\n]*:`)},
	{"it seems to be a list of groups, such as /etc/group", regexp.MustCompile(`\A[a-z_][\w.-]*:[^:\n]*:\d+:[^:\n]*\n`)},
	{"it seems to be a program", regexp.MustCompile(`\A(?:\x7fELF|MZ)`)},
	{"it seems to be compressed (zip)", regexp.MustCompile(`\APK\x03\x04`)},
	{"it seems to be a web page", regexp.MustCompile(`(?i)\A\s*<(?:!doctype html|html)\b`)},
	{"it is no text", regexp.MustCompile(`\A[^\x00]{0,1000}\x00`)},
}

// ErrOther means that a file is of a kind that nothing here reads.
var ErrOther = errors.New("not a file that this tool reads")

// Other tells that a file is empty, or is of a kind that no input is: a list of users, a key, a program. Nothing of it is
// quoted. It is nil for every other file.
func Other(name string, raw []byte) error {
	raw = raw[:min(len(raw), Config)]
	if bytes.HasPrefix(raw, []byte{0x1f, 0x8b}) || bytes.HasPrefix(raw, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
		return nil // a backup, packed with gzip or zstd
	}
	if bytes.HasPrefix(raw, []byte("\xff\xfe")) || bytes.HasPrefix(raw, []byte("\xfe\xff")) {
		return fmt.Errorf("%s: %w: it seems to be text in UTF-16: save it as UTF-8 (iconv -f UTF-16 -t UTF-8)", name, ErrOther)
	}
	for _, s := range seemings {
		if s.mark.Match(raw) {
			return fmt.Errorf("%s: %w: %s", name, ErrOther, s.what)
		}
	}
	return nil
}

// packings are how packed files begin.
var packings = []struct{ how, begins string }{
	{"gzip", "\x1f\x8b"}, {"bzip2", "BZh"}, {"xz", "\xfd7zXZ\x00"}, {"zstd", "\x28\xb5\x2f\xfd"}, {"zip", "PK\x03\x04"},
}

// Packed is how a file is packed, whatever its size; empty where it is not, or cannot be read.
func Packed(name string) string {
	f, err := Open(name)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head)
	if n > 262 && string(head[257:262]) == "ustar" {
		return "tar"
	}
	for _, p := range packings {
		if strings.HasPrefix(string(head[:n]), p.begins) {
			return p.how
		}
	}
	return ""
}

// Why gives a better reason why a file could not be read, where Other has one; else the reason itself.
func Why(name string, err error) error {
	if err == nil || errors.Is(err, ErrTooLarge) {
		return err
	}
	f, unopened := Open(name)
	if unopened != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	raw, unread := io.ReadAll(io.LimitReader(f, Config))
	if other := Other(name, raw); unread == nil && other != nil {
		return other
	}
	return err
}
