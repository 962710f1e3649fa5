package backup

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// gnuTar reads files with the machine's GNU tar, 1.23 (EL6) or later, and what coreutils and findutils have beside it.
//
// https://www.gnu.org/software/tar/manual/
type gnuTar struct {
	far
	help string // what "tar --help" printed; options that are not in it are not used
}

func (gnuTar) means() string { return "GNU tar" }

func (g gnuTar) knows(option string) bool { return strings.Contains(g.help, option) }

// find asks ls for the paths and for the directories of patterns, all at once, and find for what is in these. The
// shell's part of the guides' scripts, ifcfg-*, is done here: no shell sees a path.
func (g gnuTar) find(ctx context.Context, paths []Path) ([][]string, error) {
	found := make([][]string, len(paths))
	asked := func(p Path) string {
		if p.IsGlob() {
			return g.at(path.Dir(p.Path))
		}
		return g.at(p.Path)
	}
	var ask []string
	for _, p := range paths {
		ask = append(ask, asked(p))
	}
	there, err := g.list(ctx, slices.Compact(ask))
	if err != nil {
		return nil, err
	}
	for i, p := range paths {
		switch {
		case !slices.Contains(there, asked(p)):
		case p.IsGlob():
			names, err := g.names(ctx, path.Dir(p.Path))
			if err != nil {
				return nil, err
			}
			for _, n := range names {
				if ok, _ := path.Match(path.Base(p.Path), n); ok {
					found[i] = append(found[i], path.Join(path.Dir(p.Path), n))
				}
			}
		default:
			found[i] = []string{p.Path}
		}
	}
	return found, nil
}

// list runs ls, which exits with an error when some of what it is asked for is absent, and prints the rest.
func (g gnuTar) list(ctx context.Context, paths []string) ([]string, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	res, err := g.runner.Run(ctx, sshexec.Command(sshexec.ReadOnly, append([]string{"ls", "-d"}, paths...)...))
	if err != nil && (res.Outcome != sshexec.Exited || res.ExitCode > 2) {
		return nil, err
	}
	return strings.FieldsFunc(string(res.Stdout), func(r rune) bool { return r == '\n' }), nil
}

// names are the names in a directory, which may hold any bytes.
func (g gnuTar) names(ctx context.Context, dir string) ([]string, error) {
	at := strings.TrimSuffix(g.at(dir), "/") + "/." // follows a link
	res, err := g.runner.Run(ctx, sshexec.Command(sshexec.ReadOnly, "find", at, "-maxdepth", "1", "-print0"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range strings.FieldsFunc(string(res.Stdout), func(r rune) bool { return r == 0 }) {
		if name != at {
			names = append(names, path.Base(name))
		}
	}
	return names, nil
}

// command is the tar that sends the paths. The exclusions come before the paths, as tar before 1.30 wants them.
// Extended attributes, ACLs, labels and holes are asked for where tar knows how; that needs PAX headers, which would
// hold times of access too.
func (g gnuTar) command(paths, excludes []string) sshexec.Cmd {
	argv := []string{"tar", "cf", "-"}
	if g.gzip {
		argv[1] = "czf"
	}
	if g.knows("--pax-option") && g.knows("--format") {
		argv = append(argv, "--format=posix", "--pax-option=delete=atime,delete=ctime")
		for _, option := range []string{"--xattrs", "--acls", "--selinux"} {
			if g.knows(option) {
				argv = append(argv, option)
			}
		}
	}
	if g.knows("--sparse") {
		argv = append(argv, "--sparse")
	}
	if len(excludes) > 0 && g.knows("--anchored") && g.knows("--no-wildcards") {
		argv = append(argv, "--anchored", "--no-wildcards")
	}
	for _, x := range excludes {
		argv = append(argv, "--exclude="+strings.TrimPrefix(x, "/"))
	}
	argv = append(argv, "-C", g.root)
	for _, p := range paths {
		if p = strings.TrimPrefix(p, "/"); strings.HasPrefix(p, "-") {
			p = "./" + p
		}
		argv = append(argv, p)
	}
	return sshexec.Command(sshexec.ReadOnly, argv...)
}

func (g gnuTar) take(ctx context.Context, cmd sshexec.Cmd, each func(*tar.Header, io.Reader) error) (takenReport, error) {
	res, runErr, readErr := g.pump(ctx, cmd, func(r io.Reader) error { return g.read(r, each) })
	report, err := tarVerdict(res, runErr)
	return report, outcome(err, readErr)
}

// read takes a tar stream apart.
func (g gnuTar) read(r io.Reader, each func(*tar.Header, io.Reader) error) error {
	if g.gzip {
		plain, stop, err := unpack(bufio.NewReaderSize(r, 256<<10))
		if errors.Is(err, ErrNotArchive) {
			return io.ErrUnexpectedEOF // tar's own words say more
		}
		if err != nil {
			return err
		}
		defer stop()
		r = plain
	}
	m := &meter{r: r, limits: g.limits}
	tr := tar.NewReader(m)
	var logical int64 // content as handed out: more than came where files are sparse
	for count := 0; ; count++ {
		before := m.n.Load()
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return endOfTar(m, before)
		}
		if err != nil {
			return err
		}
		if g.limits.Files > 0 && count >= g.limits.Files {
			return &LimitError{What: "files", Limit: int64(g.limits.Files)}
		}
		if logical += h.Size; g.limits.Bytes > 0 && logical > g.limits.Bytes {
			return fmt.Errorf("%s: %w", shown(h.Name), &LimitError{What: "bytes of content", Limit: g.limits.Bytes})
		}
		if h.Name, err = farPath(h.Name); err != nil {
			return err
		}
		if h.Typeflag == tar.TypeLink {
			if h.Linkname, err = farPath(h.Linkname); err != nil {
				return err
			}
		}
		if err := each(h, tr); err != nil {
			return err
		}
		// what was not wanted; the end of the stream is judged by it
		if _, err := io.CopyN(io.Discard, tr, h.Size); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
}

// tarPatterns are what GNU tar says of a file without failing; the words have been the same since 1.15. The name comes
// first, quoted as in C.
var tarPatterns = []struct {
	re  *regexp.Regexp
	add func(r *takenReport, name string)
}{
	{regexp.MustCompile(`(?s)^(.*): file changed as we read it$`), (*takenReport).addChanged},
	{regexp.MustCompile(`(?s)^(.*): File shrank by \d+ bytes?; padding with zeros$`), (*takenReport).addChanged},
	{regexp.MustCompile(`(?s)^(.*): File removed before we read it$`), (*takenReport).addRemoved},
	{regexp.MustCompile(`(?s)^(.*): socket ignored$`), func(r *takenReport, name string) {
		r.skipped = append(r.skipped, Skipped{Path: Name(name), Why: errNotKept.Error()})
	}},
}

func (r *takenReport) addChanged(name string) {
	if !slices.Contains(r.changed, name) {
		r.changed = append(r.changed, name)
	}
}

func (r *takenReport) addRemoved(name string) { r.removed = append(r.removed, name) }

// tarVerdict tells a failed tar from one that only complained: status 1 means that files changed while they were read, and tar names them.
func tarVerdict(res sshexec.Result, err error) (takenReport, error) {
	var r takenReport
	for _, line := range strings.Split(string(res.Stderr), "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case !r.understand(line):
			r.warnings = append(r.warnings, line)
		}
	}
	excused := len(r.changed)+len(r.removed) > 0
	if err != nil && res.Outcome == sshexec.Exited && sshexec.OutcomeOf(err) == sshexec.Exited && res.ExitCode == 1 &&
		excused && !res.Truncated {
		return r, nil
	}
	return r, err
}

// understand reads one complaint of tar.
func (r *takenReport) understand(line string) bool {
	program, rest, ok := strings.Cut(line, ": ")
	if !ok || path.Base(program) != "tar" {
		return false
	}
	for _, p := range tarPatterns {
		if m := p.re.FindStringSubmatch(rest); m != nil {
			name, err := farPath(unquoteC(m[1]))
			if err != nil {
				return false
			}
			p.add(r, name)
			return true
		}
	}
	return false
}

// unquoteC takes out the escapes of tar's quoting style "escape": those of C, and a backslash before anything that needed one.
func unquoteC(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i+3 <= len(s) {
			if v, err := strconv.ParseUint(s[i:i+3], 8, 8); err == nil {
				b.WriteByte(byte(v))
				i += 2
				continue
			}
		}
		if at := strings.IndexByte("abfnrtv", s[i]); at >= 0 {
			b.WriteByte("\a\b\f\n\r\t\v"[at])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
