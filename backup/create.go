package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Options are the choices of Create. The zero value is that of the guides: gzip, everything that the machine has below "/".
type Options struct {
	Dir    string           // the local directory of the archive, made with mode 0700 where it is not there; the working one when empty
	Root   string           // the directory on the machine that is taken for its root: "/" when empty, else where a system's disk is mounted
	Now    func() time.Time // the clock; time.Now when nil. The archive's name has the time in the zone that it returns
	Limits Limits           // bounds on what the machine may send; DefaultLimits when zero

	Compression Compression // Gzip unless said otherwise
	Level       int         // 1 (fast) to 9 for gzip, to 22 for zstd; when zero 6, gzip's own default, or zstd's
	Threads     int         // how many threads compress; one for each processor when zero

	// GzipOnMachine has the machine compress what it sends: for a link that is slower than the 20 to 30 MB/s that its gzip
	// makes. The archive is the same.
	GzipOnMachine bool
}

// Info tells of an archive that Create has made.
type Info struct {
	Path   string // the archive's file on this side
	Name   string // bck-HOST-YYYYmmdd-HHMMSS
	Host   string // what the machine calls itself
	FQDN   string // its full name; empty when it does not know it
	Time   time.Time
	SHA256 string  // of the archive's file, in hexadecimal
	Size   int64   // of the archive's file, in bytes
	Record *Record // what was taken and what was absent
}

// Errors of Create.
var (
	ErrRequiredAbsent = errors.New("a required path is not there")
	ErrNoOutput       = errors.New("the command printed nothing that could be kept")
	ErrExists         = errors.New("an archive of that name is there already")
)

// askTimeout bounds the questions to a machine that need no disk: "hostname -f" may wait for a name server that is not there.
const askTimeout = time.Minute

// Create takes a backup of the machine behind r and writes it to opts.Dir as Manifest says, in the guides' layout;
// sshexec.Local is this machine.
//
// Nothing is written on the machine: its plain tar streams to this side, where the archive is put together; where there
// is no GNU tar, a shell with stat, head, cat and readlink does it. Every command is ReadOnly. The archive has no name
// until it is complete and on the disk; its mode is 0600.
//
// A required path that is absent, or a required command that fails or prints nothing, ends the backup with an error
// that names it. What is optional and absent is in the record. So is what changed while it was read: such files are
// read again, by themselves, until they hold still; those that never do are taken as they are and named in
// Record.Changed.
//
// Memory does not depend on the size of the files; each file costs a few hundred bytes for its line in the record.
func Create(ctx context.Context, r sshexec.Runner, m Manifest, opts Options) (*Info, error) {
	pack := packing{kind: opts.Compression, level: opts.Level, threads: opts.Threads}
	if err := errors.Join(m.Validate(), pack.validate()); err != nil {
		return nil, fmt.Errorf("cannot take the backup: %w", err)
	}
	if opts.Root == "" {
		opts.Root = "/"
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Limits == (Limits{}) {
		opts.Limits = DefaultLimits()
	}
	if opts.Dir == "" {
		opts.Dir = "."
	}
	c := &creation{
		far: far{runner: r, root: path.Clean(opts.Root), limits: opts.Limits, gzip: opts.GzipOnMachine}, m: m, opts: opts, packing: pack,
	}
	if err := c.identify(ctx); err != nil {
		return nil, fmt.Errorf("cannot take the backup: %w", err)
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot take the backup of %s: %w", c.rec.Host, err)
	}
	info, err := c.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot take the backup of %s: %w", c.rec.Host, err)
	}
	return info, nil
}

// creation is the work of one Create.
type creation struct {
	far
	packing
	src      source
	m        Manifest
	opts     Options
	rec      Record
	volatile []string // files that changed while they were read: taken by themselves
}

// identify asks the machine who it is. The full name and the release are worth having, and not needed.
func (c *creation) identify(ctx context.Context) error {
	res, err := c.runner.Run(ctx, sshexec.Command(sshexec.ReadOnly, "hostname"))
	if err != nil {
		return err
	}
	c.rec = Record{Manifest: c.m.Name, Host: res.Text(), Time: c.opts.Now(), Excludes: c.m.Excludes}
	if !validHost(c.rec.Host) {
		return fmt.Errorf("the machine calls itself %q, which is not a host name", c.rec.Host)
	}
	if name := c.optional(ctx, "hostname", "-f"); validHost(name) {
		c.rec.FQDN = name
	}
	if c.rec.OSRelease = c.optional(ctx, "cat", c.at("/etc/redhat-release")); c.rec.OSRelease == "" {
		c.rec.OSRelease = prettyName(c.optional(ctx, "cat", c.at("/etc/os-release")))
	}
	return ctx.Err()
}

// prettyName is PRETTY_NAME in os-release(5).
func prettyName(text string) string {
	for _, line := range strings.Split(text, "\n") {
		if value, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
			return strings.Trim(value, `"'`)
		}
	}
	return ""
}

// maxAttempts is how often the paths are read because files changed. From the second time on, those that did are taken
// by themselves, so that only others can make a third necessary.
const maxAttempts = 3

// errAgain means that files changed while they were read, and that there is time to begin anew.
var errAgain = errors.New("files changed while they were read")

// run makes the archive.
func (c *creation) run(ctx context.Context) (*Info, error) {
	name := archiveName(c.rec.Host, c.rec.Time)
	final := filepath.Join(c.opts.Dir, name+c.kind.Suffix())
	if _, err := os.Lstat(final); err == nil {
		return nil, fmt.Errorf("%s: %w", final, ErrExists)
	}
	var err error
	if c.src, err = c.source(ctx); err != nil {
		return nil, err
	}
	c.rec.Means = c.src.means()
	paths, err := c.expand(ctx)
	if err != nil {
		return nil, err
	}
	begun := c.rec
	for attempt := 1; ; attempt++ {
		c.rec = begun
		c.rec.Commands = slices.Clone(begun.Commands)
		info, err := c.attempt(ctx, final, paths, attempt == maxAttempts)
		if !errors.Is(err, errAgain) {
			return info, err
		}
	}
}

// attempt writes the archive once.
func (c *creation) attempt(ctx context.Context, final string, paths []string, last bool) (_ *Info, err error) {
	out, err := newOutFile(final)
	if err != nil {
		return nil, err
	}
	defer out.discard()
	sum, size := sha256.New(), &counter{}
	z, err := c.writer(io.MultiWriter(out, sum, size))
	if err != nil {
		return nil, err
	}
	unpacked := &counter{}
	if err := c.write(ctx, io.MultiWriter(z, unpacked), paths, last); err != nil {
		_ = z.Close() // ends its goroutines; the file is thrown away
		return nil, err
	}
	// What Open would refuse must not come into being.
	if err := errors.Join(z.Close(), ctx.Err(), c.opts.Limits.tooDense(unpacked.n, size.n)); err != nil {
		return nil, err
	}
	if err := out.commit(); err != nil {
		return nil, err
	}
	return &Info{
		Path: final, Name: archiveName(c.rec.Host, c.rec.Time), Host: c.rec.Host, FQDN: c.rec.FQDN, Time: c.rec.Time,
		SHA256: hex.EncodeToString(sum.Sum(nil)), Size: size.n, Record: &c.rec,
	}, nil
}

// counter counts what is written to it.
type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}

// expand finds out which paths of the manifest are there, and notes it in the record.
func (c *creation) expand(ctx context.Context) ([]string, error) {
	found, err := c.src.find(ctx, c.m.Paths)
	if err != nil {
		return nil, err
	}
	var all, absent []string
	for i, p := range c.m.Paths {
		slices.Sort(found[i])
		if len(found[i]) == 0 && !p.Optional {
			absent = append(absent, p.Path)
		}
		c.rec.Paths = append(c.rec.Paths, PathRecord{Path: p.Path, Optional: p.Optional, Taken: names(found[i])})
		all = append(all, found[i]...)
	}
	if len(absent) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrRequiredAbsent, strings.Join(absent, ", "))
	}
	// A pattern may stand for something that another path has below it.
	var once []string
	for i, name := range all {
		others := slices.Concat(all[:i:i], all[i+1:])
		if withinAny(name, slices.DeleteFunc(others, func(o string) bool { return o == name })) || slices.Contains(once, name) {
			continue
		}
		once = append(once, name)
	}
	return once, nil
}

// write puts everything into the archive: the paths, then the commands' output, then the record.
func (c *creation) write(ctx context.Context, w io.Writer, paths []string, last bool) error {
	p, err := newPacker(w, c.rec.Host, c.rec.Time)
	if err != nil {
		return err
	}
	p.scratch = func() (*os.File, error) { return newScratch(c.opts.Dir) }
	if len(paths) > 0 {
		if err := c.stream(ctx, p, paths, last); err != nil {
			return err
		}
	}
	if err := c.takeVolatile(ctx, p); err != nil {
		return err
	}
	if err := errors.Join(p.addLate(), p.addLinks()); err != nil {
		return err
	}
	if err := c.complete(p, paths); err != nil {
		return err
	}
	for _, cmd := range c.m.Commands {
		if err := c.command(ctx, p, cmd); err != nil {
			return err
		}
	}
	return p.finish(&c.rec)
}

// complete makes sure that everything that was asked for has come.
func (c *creation) complete(p *packer, paths []string) error {
	var errs []error
	for _, name := range paths {
		if _, ok := p.kinds[name]; ok {
			continue
		}
		why, known := p.dropped[name]
		if known && c.isOptional(name) {
			continue
		}
		if !known {
			why = "the machine did not send it"
		}
		errs = append(errs, fmt.Errorf("%s: %w: %s", shown(name), ErrRequiredAbsent, why))
	}
	return errors.Join(errs...)
}

// isOptional tells whether the manifest can do without a path.
func (c *creation) isOptional(name string) bool {
	for _, p := range c.m.Paths {
		if ok, _ := path.Match(p.Path, name); ok || p.Path == name {
			return p.Optional
		}
	}
	return false
}

// stream copies what the machine sends into the archive. When files changed meanwhile they are noted for the next
// attempt, and the error is errAgain; in the last attempt they are left as they came.
func (c *creation) stream(ctx context.Context, p *packer, paths []string, last bool) error {
	cmd := c.src.command(paths, c.m.Excludes)
	c.rec.Commands = append(c.rec.Commands, CommandRecord{Argv: cmd.Argv})
	p.later = func(name string) bool { return slices.Contains(c.volatile, name) }
	report, err := c.src.take(ctx, cmd, func(h *tar.Header, body io.Reader) error {
		switch {
		case withinAny(h.Name, c.m.Excludes), p.later(h.Name) && h.Typeflag == tar.TypeReg:
			return nil
		case !withinAny(h.Name, paths):
			return fmt.Errorf("the machine sent %s, which was not asked for", shown(h.Name))
		}
		return p.add(h, body)
	})
	if err != nil {
		return err
	}
	changed := slices.DeleteFunc(report.changed, p.later)
	if !last && len(changed) > 0 {
		c.volatile = append(c.volatile, changed...)
		return errAgain
	}
	c.note(p, report, changed)
	return nil
}

// note keeps what is to be said of the files that came.
func (c *creation) note(p *packer, report takenReport, changed []string) {
	c.rec.Changed = append(c.rec.Changed, names(changed)...)
	c.rec.Warnings = append(c.rec.Warnings, report.warnings...)
	for _, s := range report.skipped {
		p.skip(string(s.Path), s.Why)
	}
	for _, name := range report.removed {
		if _, ok := p.kinds[name]; !ok {
			p.skip(name, "it was removed while the backup was taken")
		}
	}
}

// command keeps the output of one command. It is put into a file first, since a tar archive wants the size before the content.
func (c *creation) command(ctx context.Context, p *packer, cmd Command) error {
	rec := CommandRecord{Argv: cmd.Argv, File: cmd.FileName(c.rec.Host, c.rec.Time)}
	spool, err := newScratch(c.opts.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = spool.Close() }()
	err = c.capture(ctx, cmd, spool)
	switch {
	case err != nil && cmd.Optional && ctx.Err() == nil:
		rec.File, rec.Err = "", err.Error()
	case err != nil:
		return err
	default:
		size, err := spool.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		if err := p.addSized("/"+rec.File, size, io.NewSectionReader(spool, 0, size)); err != nil {
			return err
		}
	}
	c.rec.Commands = append(c.rec.Commands, rec)
	return nil
}

// capture runs a command, and judges its output on the way to w.
func (c *creation) capture(ctx context.Context, cmd Command, w io.Writer) error {
	look := &finder{want: []byte(cmd.Contains), w: w, limit: c.opts.Limits.Bytes}
	var gz io.WriteCloser
	if cmd.Gzip {
		var err error
		if gz, err = (packing{level: c.level, threads: c.threads}).writer(w); err != nil {
			return err
		}
		look.w = gz
	}
	run := sshexec.Command(sshexec.ReadOnly, cmd.Argv...)
	run.Stdout = look
	_, err := c.runner.Run(ctx, run)
	if gz != nil {
		err = errors.Join(err, gz.Close())
	}
	switch {
	case look.err != nil:
		return fmt.Errorf("%s: %w", run, look.err)
	case err != nil:
		return err
	case look.n == 0:
		return fmt.Errorf("%s: %w", run, ErrNoOutput)
	case !look.found:
		return fmt.Errorf("%s: %w: its output does not hold %q", run, ErrNoOutput, cmd.Contains)
	}
	return nil
}
