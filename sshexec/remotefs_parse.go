package sshexec

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
)

// findFormat is, for each file: its type, permissions, size, owner, group, links and time; then its name and where it
// links to, each ended by NUL.
const findFormat = `%y %m %s %U %G %n %T@\0%f\0%l\0`

// parseFind reads what find printed in findFormat.
func parseFind(out []byte) ([]FileInfo, error) {
	var list []FileInfo
	for len(out) > 0 {
		var part [3]string
		for i := range part {
			text, rest, ok := bytes.Cut(out, []byte{0})
			if !ok {
				return nil, fmt.Errorf("%w: it ends in the middle of a file: %q", ErrNoSense, text)
			}
			part[i], out = string(text), rest
		}
		info, err := parseFound(part[0])
		switch {
		case err != nil:
			return nil, err
		case part[1] == "" || part[1] == "." || part[1] == ".." || strings.Contains(part[1], "/"):
			return nil, fmt.Errorf("%w: %q is no name of a file", ErrNoSense, part[1])
		}
		info.Name, info.Target = part[1], part[2]
		list = append(list, info)
	}
	slices.SortFunc(list, func(a, b FileInfo) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// findTypes are the letters of %y.
var findTypes = map[string]fs.FileMode{
	"f": 0, "d": fs.ModeDir, "l": fs.ModeSymlink, "p": fs.ModeNamedPipe, "s": fs.ModeSocket,
	"b": fs.ModeDevice, "c": fs.ModeDevice | fs.ModeCharDevice, "D": fs.ModeIrregular,
}

func parseFound(line string) (FileInfo, error) {
	var info FileInfo
	var raw uint32
	letter, rest, _ := strings.Cut(line, " ")
	kind, ok := findTypes[letter]
	f := fields{list: strings.Split(rest, " "), want: 6}
	f.number(&raw, 8)
	f.size(&info.Size)
	f.number(&info.UID, 10)
	f.number(&info.GID, 10)
	f.number(&info.Links, 10)
	f.time(&info.ModTime)
	if err := f.end(); err != nil || !ok || raw > 0o7777 {
		return FileInfo{}, fmt.Errorf("%w: %q", ErrNoSense, line)
	}
	info.Mode = modeOfUnix(raw) &^ fs.ModeType
	info.Mode |= kind
	return info, nil
}

// fields takes numbers off a line, one after another, and remembers the first thing that is wrong.
type fields struct {
	list []string
	want int
	err  error
}

func (f *fields) next() string {
	if len(f.list) == 0 {
		return ""
	}
	text := f.list[0]
	f.list = f.list[1:]
	f.want--
	return text
}

func (f *fields) number(to *uint32, base int) {
	n, err := strconv.ParseUint(f.next(), base, 32)
	f.keep(err)
	*to = uint32(n) // #nosec G115 -- ParseUint was told 32 bits
}

func (f *fields) size(to *int64) {
	n, err := strconv.ParseUint(f.next(), 10, 63)
	f.keep(err)
	*to = int64(n) // #nosec G115 -- ParseUint was told 63 bits
}

// time takes seconds; find has a fraction behind them, of more or fewer digits.
func (f *fields) time(to *time.Time) {
	whole, _, _ := strings.Cut(f.next(), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	f.keep(err)
	*to = time.Unix(n, 0)
}

func (f *fields) keep(err error) {
	if f.err == nil {
		f.err = err
	}
}

// end is an error when a number was bad, or there were more or fewer than wanted.
func (f *fields) end() error {
	if f.err == nil && (f.want != 0 || len(f.list) != 0) {
		return ErrNoSense
	}
	return f.err
}

// unixTypes are the file types of st_mode.
var unixTypes = map[uint32]fs.FileMode{
	0o100000: 0, 0o040000: fs.ModeDir, 0o120000: fs.ModeSymlink, 0o010000: fs.ModeNamedPipe, 0o140000: fs.ModeSocket,
	0o060000: fs.ModeDevice, 0o020000: fs.ModeDevice | fs.ModeCharDevice,
}

// modeBits are the permission bits above rwx.
var modeBits = []struct {
	unix uint32
	mode fs.FileMode
}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}}

// modeOfUnix makes a FileMode of st_mode.
func modeOfUnix(raw uint32) fs.FileMode {
	mode := fs.FileMode(raw & 0o777)
	for _, b := range modeBits {
		if raw&b.unix != 0 {
			mode |= b.mode
		}
	}
	kind, ok := unixTypes[raw&0o170000]
	if !ok {
		kind = fs.ModeIrregular
	}
	return mode | kind
}

// octalMode is the mode as chmod takes it.
func octalMode(m fs.FileMode) string {
	return fmt.Sprintf("%04o", unixMode(m))
}

// unixMode is the permissions of a mode as Unix numbers them.
func unixMode(m fs.FileMode) uint32 {
	bits := uint32(m.Perm())
	for _, b := range modeBits {
		if m&b.mode != 0 {
			bits |= b.unix
		}
	}
	return bits
}
