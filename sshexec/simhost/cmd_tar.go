package simhost

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

func addTarPrograms(r *Registry) {
	r.Command("tar", 0, runTar)
	r.Command("gzip", 0, runGzip)
	r.Command("gunzip", 0, runGzip)
	r.Command("zcat", 0, runGzip)
}

// tarOptions are the options of tar that are understood; others that change nothing here are let pass.
type tarOptions struct {
	mode      byte // c, x or t
	gzip      bool
	file, dir string
	follow    bool
	lenient   bool   // --ignore-failed-read
	absolute  bool   // -P
	prefix    string // --transform s,^,PREFIX,SH
	exclude   []string
	names     []string
	fromStdin bool // -T -
	nullNames bool
}

func parseTar(args []string) (o tarOptions, err error) {
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		args = append([]string{"-" + args[0]}, args[1:]...)
	}
	o.file, o.dir = "-", "."
	for i := 0; i < len(args); i++ {
		a := args[i]
		value := func() string {
			if i+1 < len(args) {
				i++
				return args[i]
			}
			err = fmt.Errorf("option requires an argument -- '%s'", a)
			return ""
		}
		switch {
		case strings.HasPrefix(a, "--"):
			name, v, has := strings.Cut(a[2:], "=")
			switch name {
			case "exclude":
				if !has {
					v = value()
				}
				o.exclude = append(o.exclude, v)
			case "transform":
				if !has {
					v = value()
				}
				prefix, ok := strings.CutPrefix(strings.TrimSuffix(v, ",SH"), "s,^,")
				if !ok || !strings.HasSuffix(v, ",SH") || strings.Contains(prefix, ",") {
					return o, fmt.Errorf("the simulated tar knows no transformation but s,^,PREFIX,SH: '%s'", v)
				}
				o.prefix = prefix
			case "ignore-failed-read":
				o.lenient = true
			case "null":
				o.nullNames = true
			case "numeric-owner", "xattrs", "selinux", "acls", "format", "sort", "mtime", "owner", "group", "one-file-system",
				"warning", "no-same-owner", "same-owner", "preserve-permissions", "no-recursion", "xattrs-include",
				"absolute-names", "dereference", "gzip", "quoting-style", "no-wildcards", "sparse":
				o.absolute = o.absolute || name == "absolute-names"
				o.follow = o.follow || name == "dereference"
				o.gzip = o.gzip || name == "gzip"
			case "directory":
				if !has {
					v = value()
				}
				o.dir = v
			case "create", "extract", "list":
				o.mode = map[string]byte{"create": 'c', "extract": 'x', "list": 't'}[name]
			case "file":
				if !has {
					v = value()
				}
				o.file = v
			default:
				return o, fmt.Errorf("unrecognized option '%s'", a)
			}
		case len(a) > 1 && a[0] == '-':
			for _, ch := range a[1:] {
				switch ch {
				case 'c', 'x', 't':
					o.mode = byte(ch)
				case 'z':
					o.gzip = true
				case 'f':
					o.file = value()
				case 'C':
					o.dir = value()
				case 'T':
					o.fromStdin = value() == "-"
				case 'h':
					o.follow = true
				case 'P':
					o.absolute = true
				case 'p', 'v', 'S', 'k', 'o':
				default:
					return o, fmt.Errorf("invalid option -- '%c'", ch)
				}
			}
		default:
			o.names = append(o.names, a)
		}
	}
	if o.mode == 0 && err == nil {
		err = errors.New("You must specify one of the '-Acdtrux' options")
	}
	return o, err
}

func runTar(c *Call) int {
	o, err := parseTar(c.Args)
	if err != nil {
		return c.Fail(2, "tar: %v", err)
	}
	if o.fromStdin {
		cut := "\n"
		if o.nullNames {
			cut = "\x00"
		}
		o.names = append(o.names, strings.FieldsFunc(c.Stdin, func(r rune) bool { return string(r) == cut })...)
	}
	o.dir = c.Path(o.dir)
	if !c.Host.IsDir(o.dir) {
		return c.Fail(2, "tar: %s: Cannot open: %v", o.dir, ErrNoFile)
	}
	if o.mode == 'c' {
		return c.createTar(o)
	}
	return c.readTar(o)
}

func (c *Call) createTar(o tarOptions) int {
	if len(o.names) == 0 {
		return c.Fail(2, "tar: Cowardly refusing to create an empty archive")
	}
	var (
		buf    bytes.Buffer
		out    io.Writer = &buf
		packer *gzip.Writer
		status int
	)
	if o.gzip {
		packer = gzip.NewWriter(&buf)
		out = packer
	}
	w := tar.NewWriter(out)
	warned := false
	for _, name := range o.names {
		at := name
		if !strings.HasPrefix(at, "/") {
			at = path.Join(o.dir, at)
		}
		at = path.Clean(at)
		if _, err := c.Host.Lstat(at); err != nil {
			c.Fail(0, "tar: %s: Cannot stat: %v", name, err)
			if !o.lenient {
				status = 2
			}
			continue
		}
		if strings.HasPrefix(name, "/") && !o.absolute && !warned {
			c.Fail(0, "tar: Removing leading `/' from member names")
			warned = true
		}
		for _, p := range c.Host.under(c.linkless(at)) {
			member := name + strings.TrimPrefix(p, c.linkless(at))
			if !o.absolute {
				member = strings.TrimLeft(member, "/")
			}
			if excluded(o.exclude, name+strings.TrimPrefix(p, c.linkless(at))) {
				continue
			}
			if err := c.addMember(w, o, p, o.prefix+member); err != nil {
				return c.Fail(2, "tar: %s: %v", p, err)
			}
		}
	}
	if err := w.Close(); err != nil {
		return c.Fail(2, "tar: %v", err)
	}
	if packer != nil {
		if err := packer.Close(); err != nil {
			return c.Fail(2, "tar: %v", err)
		}
	}
	if o.file == "-" {
		c.Out.Write(buf.Bytes())
	} else if err := c.Host.WriteFile(c.State, c.Path(o.file), buf.String()); err != nil {
		return c.Fail(2, "tar: %s: Cannot open: %v", o.file, err)
	}
	if status != 0 {
		c.Fail(0, "tar: Exiting with failure status due to previous errors")
	}
	return status
}

// linkless is a path with the links in its directories followed, but not one at its end.
func (c *Call) linkless(p string) string {
	at, err := c.Host.disk.resolve(p, false)
	if err != nil {
		return p
	}
	return at
}

func excluded(patterns []string, name string) bool {
	for _, pattern := range patterns {
		for at := name; at != "" && at != "." && at != "/"; at = path.Dir(at) {
			if ok, err := path.Match(pattern, at); ok && err == nil {
				return true
			}
			if ok, err := path.Match(pattern, path.Base(at)); ok && err == nil {
				return true
			}
		}
	}
	return false
}

func (c *Call) addMember(w *tar.Writer, o tarOptions, p, member string) error {
	look := c.Host.Lstat
	if o.follow {
		look = c.Host.Stat
	}
	f, err := look(p)
	if err != nil {
		return err
	}
	h := &tar.Header{
		Name: member, Mode: int64(f.Mode.Perm()), Uid: f.UID, Gid: f.GID, Uname: c.Host.UserName(f.UID), Gname: c.Host.GroupName(f.GID),
		ModTime: f.MTime, Format: tar.FormatGNU,
	}
	switch f.Kind {
	case Dir:
		h.Typeflag, h.Name = tar.TypeDir, member+"/"
	case Symlink:
		h.Typeflag, h.Linkname = tar.TypeSymlink, f.Target
	default:
		h.Typeflag, h.Size = tar.TypeReg, int64(len(f.Data))
	}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.WriteString(w, f.Data)
	return err
}

func (c *Call) readTar(o tarOptions) int {
	data := c.Stdin
	if o.file != "-" {
		var err error
		if data, err = c.Host.ReadFile(c.Path(o.file)); err != nil {
			return c.Fail(2, "tar (child): %s: Cannot open: %v\ntar: Error is not recoverable: exiting now", o.file, err)
		}
	}
	var in io.Reader = strings.NewReader(data)
	if strings.HasPrefix(data, "\x1f\x8b") {
		z, err := gzip.NewReader(in)
		if err != nil {
			return c.Fail(2, "gzip: stdin: %v\ntar: Child returned status 1", err)
		}
		in = z
	} else if o.gzip {
		return c.Fail(2, "gzip: stdin: not in gzip format\ntar: Child returned status 1")
	}
	r := tar.NewReader(in)
	for {
		h, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return 0
		case err != nil:
			return c.Fail(2, "tar: Unexpected EOF in archive (%v)\ntar: Error is not recoverable: exiting now", err)
		}
		if !wanted(o.names, h.Name) {
			continue
		}
		if o.mode == 't' {
			c.Printf("%s\n", h.Name)
			continue
		}
		if err := c.extract(o, h, r); err != nil {
			return c.Fail(2, "tar: %s: %v", h.Name, err)
		}
	}
}

func wanted(names []string, member string) bool {
	for _, n := range names {
		if n = strings.TrimSuffix(n, "/"); strings.TrimSuffix(member, "/") == n || strings.HasPrefix(member, n+"/") {
			return true
		}
	}
	return len(names) == 0
}

func (c *Call) extract(o tarOptions, h *tar.Header, r io.Reader) error {
	p := path.Join(o.dir, path.Clean("/"+h.Name))
	c.Host.MakeDirs(c.State, path.Dir(p))
	f := File{Mode: fs.FileMode(h.Mode).Perm(), UID: h.Uid, GID: h.Gid, MTime: h.ModTime.UTC()}
	switch h.Typeflag {
	case tar.TypeDir:
		f.Kind = Dir
		if c.Host.IsDir(p) {
			return nil
		}
	case tar.TypeSymlink:
		f.Kind, f.Target = Symlink, h.Linkname
		_ = c.Host.Remove(c.State, p)
	case tar.TypeReg:
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		f.Data = string(data)
	default:
		return fmt.Errorf("Cannot extract a member of type %q", h.Typeflag)
	}
	return c.Host.Put(c.State, p, f)
}

func runGzip(c *Call) int {
	f, err := parseFlags(c.Args, "dcknf19", "", "decompress", "stdout", "test")
	if err != nil {
		return c.refuse(err)
	}
	data := c.Stdin
	if len(f.rest) > 0 && f.rest[0] != "-" {
		if data, err = c.Host.ReadFile(c.Path(f.rest[0])); err != nil {
			return c.Fail(1, "gzip: %s: %v", f.rest[0], err)
		}
	}
	if c.Name != "gzip" || f.has("d", "decompress") {
		z, err := gzip.NewReader(strings.NewReader(data))
		if err == nil {
			var plain []byte
			if plain, err = io.ReadAll(z); err == nil {
				c.Out.Write(plain)
				return 0
			}
		}
		return c.Fail(1, "gzip: stdin: not in gzip format")
	}
	w := gzip.NewWriter(&c.Out)
	if _, err := io.WriteString(w, data); err != nil {
		return c.Fail(1, "gzip: %v", err)
	}
	if err := w.Close(); err != nil {
		return c.Fail(1, "gzip: %v", err)
	}
	return 0
}
