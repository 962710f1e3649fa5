package backup

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/rand"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// shellSource reads files on a machine without a GNU tar: with /bin/sh, stat, head, cat and readlink, of coreutils or
// busybox. It starts several processes for every file, and sees neither extended attributes, ACLs and SELinux labels
// nor holes; the record says so.
type shellSource struct{ far }

//go:embed scripts/list.sh
var listScript string

//go:embed scripts/walk.sh
var walkScript string

// errShellStream marks a stream that is not what the script sends.
var errShellStream = errors.New("the machine's shell sent something that makes no sense")

func (shellSource) means() string { return "shell" }

// prefix is the root in front of an absolute path.
func (s shellSource) prefix() string { return strings.TrimSuffix(s.root, "/") }

func (s shellSource) find(ctx context.Context, paths []Path) ([][]string, error) {
	found := make([][]string, len(paths))
	argv := []string{s.prefix()}
	for _, p := range paths {
		argv = append(argv, p.Path)
	}
	res, err := s.runner.Run(ctx, sshexec.Script(sshexec.ReadOnly, listScript, argv...))
	if err != nil {
		return nil, err
	}
	fields := strings.Split(string(res.Stdout), "\x00")
	if len(fields)%2 != 1 || fields[len(fields)-1] != "" || res.Truncated {
		return nil, fmt.Errorf("%w: a list of %d fields", errShellStream, len(fields))
	}
	for i := 0; i+1 < len(fields); i += 2 {
		n, err := strconv.Atoi(fields[i])
		if err != nil || n < 0 || n >= len(paths) {
			return nil, fmt.Errorf("%w: %q is no number of a path", errShellStream, fields[i])
		}
		found[n] = append(found[n], path.Clean(fields[i+1]))
	}
	return found, nil
}

func (s shellSource) command(paths, excludes []string) sshexec.Cmd {
	argv := append([]string{s.prefix(), rand.Text(), strconv.Itoa(len(paths))}, paths...)
	return sshexec.Script(sshexec.ReadOnly, walkScript, append(argv, excludes...)...)
}

func (s shellSource) take(ctx context.Context, cmd sshexec.Cmd, each func(*tar.Header, io.Reader) error) (takenReport, error) {
	w := &shellStream{mark: cmd.Argv[5], each: each, limits: s.limits, inodes: map[string]string{}}
	res, runErr, readErr := s.pump(ctx, cmd, w.read)
	for _, line := range strings.Split(string(res.Stderr), "\n") {
		kind, name, ok := strings.Cut(strings.TrimPrefix(line, "evenkeel: "), ": ")
		switch {
		case !strings.HasPrefix(line, "evenkeel: ") || !ok:
		case kind == "cannot stat":
			w.report.removed = append(w.report.removed, path.Clean(name))
		case !slices.Contains(w.report.changed, path.Clean(name)):
			runErr = errors.Join(runErr, fmt.Errorf("the machine's shell %s %s", kind, shown(name)))
		}
	}
	w.report.warnings = append(w.report.warnings, "there is no GNU tar: extended attributes, ACLs and SELinux labels were not taken")
	return w.report, outcome(runErr, readErr)
}

// shellStream takes apart what scripts/walk.sh sends.
type shellStream struct {
	mark   string
	each   func(*tar.Header, io.Reader) error
	limits Limits
	report takenReport
	inodes map[string]string // files with several names, by device and inode
	in     *bufio.Reader
}

func (w *shellStream) read(r io.Reader) error {
	w.in = bufio.NewReaderSize(&meter{r: r, limits: w.limits}, 64<<10)
	end := w.mark + "end"
	for count := 0; ; count++ {
		if head, err := w.in.Peek(len(end)); string(head) == end {
			if rest, _ := io.Copy(io.Discard, w.in); rest != int64(len(end)) {
				return fmt.Errorf("%w: there are bytes after its end", errShellStream)
			}
			return nil
		} else if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if w.limits.Files > 0 && count >= w.limits.Files {
			return &LimitError{What: "files", Limit: int64(w.limits.Files)}
		}
		if err := w.entry(); err != nil {
			if errors.Is(err, io.EOF) {
				return io.ErrUnexpectedEOF
			}
			return err
		}
	}
}

// maxField bounds one field: a path has 4096 bytes at most.
const maxField = 32 << 10

// field reads to the next NUL.
func (w *shellStream) field() (string, error) {
	var b strings.Builder
	for {
		part, err := w.in.ReadSlice(0)
		b.Write(part)
		switch {
		case err == nil:
			return strings.TrimSuffix(b.String(), "\x00"), nil
		case b.Len() > maxField:
			return "", fmt.Errorf("%w: a field of more than %d bytes", errShellStream, maxField)
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}

func (w *shellStream) entry() error {
	var text [3]string
	for i := range text {
		var err error
		if text[i], err = w.field(); err != nil {
			return err
		}
	}
	said, name, target := text[0], text[1], text[2]
	h, node, stamp, err := parseStat(said)
	if err != nil {
		return err
	}
	if h.Name, err = farPath(name); err != nil {
		return err
	}
	h.Linkname = target
	if h.Typeflag != tar.TypeReg {
		return w.each(h, strings.NewReader(""))
	}
	content := &io.LimitedReader{R: w.in, N: h.Size}
	if first, ok := w.inodes[node]; ok && node != "" {
		link := *h
		link.Typeflag, link.Linkname, link.Size = tar.TypeLink, first, 0
		err = w.each(&link, strings.NewReader(""))
	} else {
		if node != "" {
			w.inodes[node] = h.Name
		}
		err = w.each(h, content)
	}
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return err
	}
	if content.N > 0 {
		return io.ErrUnexpectedEOF
	}
	after, err := w.field()
	if err != nil {
		return err
	}
	after, ok := strings.CutPrefix(after, w.mark)
	if !ok {
		return fmt.Errorf("%w: %s does not end where it should", errShellStream, shown(h.Name))
	}
	if after != stamp {
		w.report.addChanged(h.Name)
	}
	return nil
}

// The types in the mode of stat(2).
const (
	unixDir, unixFile, unixLink = 0x4000, 0x8000, 0xa000
	unixTypes                   = 0xf000
)

// parseStat reads what stat says of a file before it is read: mode in hexadecimal, size, owner, group, device:inode,
// links, times of content and of change, and the names of owner and group. node is empty for a file with one name;
// stamp is what stat says afterwards when nothing has changed.
func parseStat(said string) (h *tar.Header, node, stamp string, err error) {
	f := strings.SplitN(said, " ", 13)
	if len(f) != 13 {
		return nil, "", "", fmt.Errorf("%w: %q is not what stat says", errShellStream, said)
	}
	mode, err1 := strconv.ParseUint(f[0], 16, 32)
	size, err2 := strconv.ParseInt(f[1], 10, 63)
	uid, err3 := strconv.ParseUint(f[2], 10, 31)
	gid, err4 := strconv.ParseUint(f[3], 10, 31)
	links, err5 := strconv.ParseUint(f[5], 10, 32)
	when, err6 := time.Parse("2006-01-02 15:04:05.999999999 -0700", strings.Join(f[6:9], " "))
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return nil, "", "", fmt.Errorf("%w: %q is not what stat says: %w", errShellStream, said, err)
	}
	h = &tar.Header{Mode: int64(mode & 0o7777), Uid: int(uid), Gid: int(gid), ModTime: when} //nolint:gosec // bounded above
	if owner, group, ok := strings.Cut(f[12], ":"); ok && owner != "UNKNOWN" {
		h.Uname, h.Gname = owner, strings.TrimPrefix(group, "UNKNOWN")
	}
	switch mode & unixTypes {
	case unixFile:
		h.Typeflag, h.Size = tar.TypeReg, size
	case unixDir:
		h.Typeflag = tar.TypeDir
	case unixLink:
		h.Typeflag = tar.TypeSymlink
	default:
		h.Typeflag = tar.TypeFifo // or a socket or a device: none is kept
	}
	if links > 1 {
		node = f[4]
	}
	return h, node, strings.Join(append([]string{f[1]}, f[6:12]...), " "), nil
}
