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

	"github.com/klauspost/pgzip"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Options are the choices of Create.
type Options struct {
	Dir    string           // the local directory that the archive is put into; the working directory when empty
	Root   string           // the directory on the machine that is taken for its root: "/" when empty, else where a system's disk is mounted
	Now    func() time.Time // the clock; time.Now when nil. The archive's name has the time in the zone that it returns
	Limits Limits           // bounds on what the machine may send; DefaultLimits when zero
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

// Create takes a backup of the machine behind r and writes it to opts.Dir as Manifest says, in the guides' layout.
//
// Nothing is written on the machine: its plain tar streams to this side, where the archive is put together. Every command is ReadOnly. The archive
// appears under its name only when it is complete and on the disk; until then a temporary file with mode 0600 holds it.
//
// A required path that is absent, or a required command that fails or prints nothing, ends the backup with an error that names it. What is optional and absent is
// in the record.
func Create(ctx context.Context, r sshexec.Runner, m Manifest, opts Options) (*Info, error) {
	if err := m.Validate(); err != nil {
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
	c := &creation{far: far{runner: r, root: path.Clean(opts.Root)}, m: m, opts: opts}
	if err := c.identify(ctx); err != nil {
		return nil, fmt.Errorf("cannot take the backup: %w", err)
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
	m    Manifest
	opts Options
	rec  Record
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
	c.rec.OSRelease = c.optional(ctx, "cat", c.at("/etc/redhat-release"))
	return ctx.Err()
}

// run writes the archive to a temporary file and gives it its name at the end.
func (c *creation) run(ctx context.Context) (_ *Info, err error) {
	name := archiveName(c.rec.Host, c.rec.Time)
	final := filepath.Join(c.opts.Dir, name+".tgz")
	if _, err := os.Lstat(final); err == nil {
		return nil, fmt.Errorf("%s: %w", final, ErrExists)
	}
	paths, err := c.expand(ctx, &c.rec, c.m)
	if err != nil {
		return nil, err
	}
	tmp, err := os.CreateTemp(c.opts.Dir, "."+name+".*.part") // mode 0600
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	sum := sha256.New()
	gz := pgzip.NewWriter(io.MultiWriter(tmp, sum))
	if err := c.write(ctx, gz, paths); err != nil {
		_ = gz.Close() // ends its goroutines; the file is thrown away
		return nil, err
	}
	if err := gz.Close(); err != nil {
		return nil, err
	}
	if err := publish(tmp, final); err != nil {
		return nil, err
	}
	info := &Info{
		Path: final, Name: name, Host: c.rec.Host, FQDN: c.rec.FQDN, Time: c.rec.Time, SHA256: hex.EncodeToString(sum.Sum(nil)), Record: &c.rec,
	}
	if st, err := os.Stat(final); err == nil {
		info.Size = st.Size()
	}
	return info, nil
}

// write puts everything into the archive: the paths, then the commands' output, then the record.
func (c *creation) write(ctx context.Context, w io.Writer, paths []string) error {
	p, err := newPacker(w, c.rec.Host, c.rec.Time)
	if err != nil {
		return err
	}
	if len(paths) > 0 {
		if err := c.stream(ctx, p, paths); err != nil {
			return err
		}
	}
	if err := p.addLinks(); err != nil {
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
		why := "tar did not send it"
		if i := slices.IndexFunc(p.skips, func(s Skipped) bool { return s.Path == name }); i >= 0 {
			if c.isOptional(name) {
				continue
			}
			why = p.skips[i].Why
		}
		errs = append(errs, fmt.Errorf("%s: %w: %s", name, ErrRequiredAbsent, why))
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

// stream copies what the machine's tar sends into the archive.
func (c *creation) stream(ctx context.Context, p *packer, paths []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pr, pw := io.Pipe()
	cmd := c.tar(paths, c.m.Excludes)
	cmd.Stdout = pw
	c.rec.Commands = append(c.rec.Commands, CommandRecord{Argv: cmd.Argv})
	type ending struct {
		res sshexec.Result
		err error
	}
	done := make(chan ending, 1)
	go func() {
		res, err := c.runner.Run(ctx, cmd)
		_ = pw.CloseWithError(io.EOF)
		done <- ending{res, err}
	}()
	copyErr := c.repack(p, pr, paths)
	if copyErr != nil {
		cancel() // nobody reads any more
	}
	_ = pr.CloseWithError(io.ErrClosedPipe)
	end := <-done
	if copyErr != nil && !errors.Is(copyErr, io.ErrUnexpectedEOF) {
		return copyErr
	}
	warnings, err := tarVerdict(end.res, end.err)
	c.rec.Warnings = append(c.rec.Warnings, warnings...)
	switch {
	case err != nil:
		return err
	case copyErr != nil:
		return fmt.Errorf("what tar sent was cut off: %w", copyErr)
	}
	return nil
}

// repack moves every entry of the stream below the archive's top directory.
func (c *creation) repack(p *packer, r io.Reader, paths []string) error {
	m := &meter{r: r, limits: c.opts.Limits}
	tr := tar.NewReader(m)
	for count := 0; ; count++ {
		before := m.n
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return endOfTar(m, before)
		}
		if err != nil {
			return err
		}
		if count >= c.opts.Limits.Files && c.opts.Limits.Files > 0 {
			return &LimitError{What: "files", Limit: int64(c.opts.Limits.Files)}
		}
		if h.Name, err = farPath(h.Name); err != nil {
			return err
		}
		if h.Typeflag == tar.TypeLink {
			if h.Linkname, err = farPath(h.Linkname); err != nil {
				return err
			}
		}
		below := func(dir string) bool { return within(h.Name, dir) }
		switch {
		case slices.ContainsFunc(c.m.Excludes, below):
			continue
		case !slices.ContainsFunc(paths, below):
			return fmt.Errorf("tar sent %s, which was not asked for", h.Name)
		}
		if err := p.add(h, tr); err != nil {
			return err
		}
	}
}

// farPath is the machine's path of a name in its tar stream.
func farPath(name string) (string, error) {
	for _, element := range strings.Split(name, "/") {
		if element == ".." {
			return "", fmt.Errorf("tar sent %q, which goes up", name)
		}
	}
	return path.Clean("/" + name), nil
}

// command keeps the output of one command. It is put into a file first, since a tar archive wants the size before the content.
func (c *creation) command(ctx context.Context, p *packer, cmd Command) error {
	rec := CommandRecord{Argv: cmd.Argv, File: cmd.FileName(c.rec.Host, c.rec.Time)}
	spool, err := os.CreateTemp(c.opts.Dir, ".bck-*.part") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		_ = spool.Close()
		_ = os.Remove(spool.Name())
	}()
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
		if _, err := spool.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if err := p.addSized("/"+rec.File, size, spool); err != nil {
			return err
		}
	}
	c.rec.Commands = append(c.rec.Commands, rec)
	return nil
}

// capture runs a command, and judges its output on the way to w.
func (c *creation) capture(ctx context.Context, cmd Command, w io.Writer) error {
	look := &finder{want: []byte(cmd.Contains), w: w, limit: c.opts.Limits.Bytes}
	var gz *pgzip.Writer
	if cmd.Gzip {
		gz = pgzip.NewWriter(w)
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

// publish gives a finished temporary file its name, so that it is either there in full or not at all, whatever happens to this machine.
func publish(tmp *os.File, final string) error {
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), final); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(final))
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	return dir.Sync()
}
