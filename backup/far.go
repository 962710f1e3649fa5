package backup

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// far is the machine that is backed up. Only commands that GNU coreutils and tar 1.23 (EL6) know are run on it, and none changes anything.
type far struct {
	runner sshexec.Runner
	root   string // what is taken for the machine's root
}

// at is where a path of the machine lies.
func (f far) at(name string) string { return path.Join(f.root, name) }

// optional is what a command prints; nothing when it fails.
func (f far) optional(ctx context.Context, argv ...string) string {
	res, err := f.runner.Run(ctx, sshexec.Command(sshexec.ReadOnly, argv...))
	if err != nil {
		return ""
	}
	return res.Text()
}

// list runs ls, which exits with an error when some of what it is asked for is absent, and prints the rest.
func (f far) list(ctx context.Context, args ...string) (lines []string, complaints string, err error) {
	res, err := f.runner.Run(ctx, sshexec.Command(sshexec.ReadOnly, append([]string{"ls"}, args...)...))
	if err != nil && (res.Outcome != sshexec.Exited || sshexec.OutcomeOf(err) != sshexec.Exited) {
		return nil, "", err
	}
	return strings.FieldsFunc(string(res.Stdout), func(r rune) bool { return r == '\n' }), strings.TrimSpace(string(res.Stderr)), nil
}

// expand finds out which paths of the manifest are there, and notes it in the record. The shell's part of the guides' scripts, ifcfg-*, is done
// here: no shell sees a path.
func (f far) expand(ctx context.Context, rec *Record, m Manifest) ([]string, error) {
	var plain []string
	for _, p := range m.Paths {
		if !p.IsGlob() {
			plain = append(plain, f.at(p.Path))
		}
	}
	var there []string
	var complaints string
	if len(plain) > 0 {
		var err error
		if there, complaints, err = f.list(ctx, append([]string{"-d"}, plain...)...); err != nil {
			return nil, err
		}
	}
	var all, absent []string
	for _, p := range m.Paths {
		got := PathRecord{Path: p.Path, Optional: p.Optional}
		if p.IsGlob() {
			names, _, err := f.list(ctx, "-A", f.at(path.Dir(p.Path)))
			if err != nil {
				return nil, err
			}
			for _, n := range names {
				name := path.Join(path.Dir(p.Path), n)
				if ok, _ := path.Match(p.Path, name); ok {
					got.Taken = append(got.Taken, name)
				}
			}
		} else if slices.Contains(there, f.at(p.Path)) {
			got.Taken = []string{p.Path}
		}
		if len(got.Taken) == 0 && !p.Optional {
			absent = append(absent, p.Path)
		}
		rec.Paths = append(rec.Paths, got)
		for _, name := range got.Taken {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	if len(absent) > 0 {
		return nil, fmt.Errorf("%w: %s (%s)", ErrRequiredAbsent, strings.Join(absent, ", "), complaints)
	}
	return all, nil
}

// tar is the command that sends the paths. The exclusions come before the paths, as tar before 1.30 wants them.
func (f far) tar(paths, excludes []string) sshexec.Cmd {
	argv := []string{"tar", "cf", "-"}
	for _, x := range excludes {
		argv = append(argv, "--exclude="+strings.TrimPrefix(x, "/"))
	}
	argv = append(argv, "-C", f.root)
	for _, p := range paths {
		argv = append(argv, strings.TrimPrefix(p, "/"))
	}
	return sshexec.Command(sshexec.ReadOnly, argv...)
}

// tarVerdict tells a failed tar from one that only complained: status 1 means that a file changed while it was read.
func tarVerdict(res sshexec.Result, err error) (warnings []string, _ error) {
	for _, line := range strings.Split(string(res.Stderr), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			warnings = append(warnings, line)
		}
	}
	if err != nil && sshexec.OutcomeOf(err) == sshexec.Exited && res.Outcome == sshexec.Exited && res.ExitCode == 1 {
		return warnings, nil
	}
	return warnings, err
}

// finder passes bytes on and looks for a text among them.
type finder struct {
	w     io.Writer
	want  []byte
	limit int64
	tail  []byte
	found bool
	n     int64
	err   error
}

func (f *finder) Write(b []byte) (int, error) {
	if f.n += int64(len(b)); f.limit > 0 && f.n > f.limit {
		f.err = &LimitError{What: "bytes of output", Limit: f.limit}
		return 0, f.err
	}
	if !f.found {
		f.tail = append(f.tail, b...)
		f.found = bytes.Contains(f.tail, f.want)
		f.tail = slices.Clone(f.tail[max(0, len(f.tail)-len(f.want)):])
	}
	return f.w.Write(b)
}
