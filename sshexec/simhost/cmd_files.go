package simhost

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

func addFilePrograms(r *Registry) {
	r.Command("ls", 0, runLs)
	r.Command("cp", 0, runCp)
	r.Command("mv", 0, runMv)
	r.Command("rm", 0, runRm)
	r.Command("rmdir", 0, runRmdir)
	r.Command("mkdir", 0, runMkdir)
	r.Command("ln", 0, runLn)
	r.Command("readlink", 0, runReadlink)
	r.Command("touch", 0, runTouch)
	r.Command("chmod", 0, runChmod)
	r.Command("chown", 0, runChown)
	r.Command("chcon", 0, runChcon)
	r.Command("restorecon", 0, runRestorecon)
	r.Command("find", 0, runFind)
	r.Command("stat", 0, runStat)
}

// refuse ends a program that got an option it does not know.
func (c *Call) refuse(err error) int { return c.Fail(1, "%s: %v", c.Name, err) }

func runLs(c *Call) int {
	f, err := parseFlags(c.Args, "1aAdlhtrLn", "")
	if err != nil {
		return c.refuse(err)
	}
	if len(f.rest) == 0 {
		f.rest = []string{c.Dir}
	}
	status := 0
	for _, arg := range f.rest {
		file, err := c.Host.Stat(c.Path(arg))
		if err != nil {
			status = c.Fail(2, "ls: cannot access %s: %v", arg, err)
			continue
		}
		if file.Kind != Dir || f.has("d", "") {
			c.lsRow(f, c.Path(arg), arg)
			continue
		}
		if len(f.rest) > 1 {
			c.Printf("%s:\n", arg)
		}
		if f.has("a", "") {
			c.lsRow(f, c.Path(arg), ".")
			c.lsRow(f, path.Dir(c.Path(arg)), "..")
		}
		names, _ := c.Host.List(c.Path(arg))
		for _, name := range names {
			if !strings.HasPrefix(name, ".") || f.has("aA", "") {
				c.lsRow(f, path.Join(c.Path(arg), name), name)
			}
		}
	}
	return status
}

func (c *Call) lsRow(f flags, at, name string) {
	if !f.has("l", "") {
		c.Printf("%s\n", name)
		return
	}
	file, err := c.Host.Lstat(at)
	if err != nil {
		return
	}
	mark := map[Kind]string{Regular: "-", Dir: "d", Symlink: "l"}[file.Kind]
	if file.Kind == Symlink {
		name += " -> " + file.Target
	}
	c.Printf("%s%s. 1 %s %s %d %s %s\n", mark, file.Mode.Perm().String()[1:], c.Host.UserName(file.UID),
		c.Host.GroupName(file.GID), len(file.Data), file.MTime.UTC().Format("Jan _2 15:04"), name)
}

func runCp(c *Call) int {
	f, err := parseFlags(c.Args, "aTrRpdfnHPL", "t", "preserve", "no-dereference", "no-target-directory", "remove-destination")
	if err != nil {
		return c.refuse(err)
	}
	sources, dest, status := c.destination(f)
	if status != 0 {
		return status
	}
	for _, src := range sources {
		if err := c.copyOne(f, src, dest(src)); err != nil {
			status = c.Fail(1, "cp: cannot copy %s: %v", src, err)
		}
	}
	return status
}

// destination splits the operands of cp and mv, and says where each goes.
func (c *Call) destination(f flags) (sources []string, dest func(src string) string, status int) {
	into, given := f.value['t']
	sources = f.rest
	if !given {
		if len(sources) < 2 {
			return nil, nil, c.Fail(1, "%s: missing file operand", c.Name)
		}
		into, sources = sources[len(sources)-1], sources[:len(sources)-1]
	}
	isDir := c.Host.IsDir(c.Path(into)) && !f.has("T", "no-target-directory")
	if !isDir && (len(sources) > 1 || given || strings.HasSuffix(into, "/.")) {
		return nil, nil, c.Fail(1, "%s: target '%s' is not a directory", c.Name, into)
	}
	return sources, func(src string) string {
		if isDir {
			return path.Join(c.Path(into), path.Base(c.Path(src)))
		}
		return c.Path(into)
	}, 0
}

// copyOne copies a file or a tree as `cp` does: what is copied over a directory is merged into it.
func (c *Call) copyOne(f flags, src, to string) error {
	archive, deep := f.has("a", ""), f.has("arR", "")
	look := c.Host.Stat
	if archive || f.has("dP", "no-dereference") {
		look = c.Host.Lstat
	}
	from := c.Path(src)
	root, err := look(from)
	switch {
	case err != nil:
		return err
	case root.Kind == Dir && !deep:
		return errors.New("omitting directory")
	case f.has("n", "") && c.Host.Exists(to):
		return nil
	}
	if at, err := c.Host.disk.resolve(from, root.Kind != Symlink); err == nil {
		from = at
	}
	if root.Kind == Dir && strings.HasPrefix(to+"/", from+"/") {
		return errors.New("cannot copy a directory into itself")
	}
	for _, p := range c.Host.under(from) {
		file := *c.Host.disk.files[p]
		if !archive && !f.has("p", "preserve") {
			file.UID, file.GID, file.MTime, file.Label = 0, 0, c.now, ""
			if old, err := c.Host.Stat(to); err == nil && file.Kind == Regular && old.Kind == Regular {
				file.Mode, file.UID, file.GID, file.Label = old.Mode, old.UID, old.GID, old.Label
			}
		}
		dest := to + strings.TrimPrefix(p, from)
		if old, err := c.Host.Lstat(dest); err == nil && old.Kind == Symlink && file.Kind == Symlink {
			if err := c.Host.Remove(c.State, dest); err != nil {
				return err
			}
		}
		if err := c.Host.Put(c.State, dest, file); err != nil {
			return fmt.Errorf("%s: %w", dest, err)
		}
	}
	return nil
}

func runMv(c *Call) int {
	f, err := parseFlags(c.Args, "fnTv", "t", "no-target-directory", "no-clobber", "force")
	if err != nil {
		return c.refuse(err)
	}
	sources, dest, status := c.destination(f)
	if status != 0 {
		return status
	}
	for _, src := range sources {
		if err := c.moveOne(f, src, dest(src)); err != nil {
			status = c.Fail(1, "mv: cannot move '%s' to '%s': %v", src, f.rest[len(f.rest)-1], err)
		}
	}
	return status
}

func (c *Call) moveOne(f flags, src, to string) error {
	from, err := c.Host.disk.resolve(c.Path(src), false)
	if err != nil {
		return err
	}
	file := c.Host.disk.files[from]
	if file == nil {
		return ErrNoFile
	}
	if to, err = c.Host.disk.resolve(to, false); err != nil {
		return err
	}
	switch old := c.Host.disk.files[to]; {
	case from == to:
		return errors.New("they are the same file")
	case c.Host.disk.files[path.Dir(to)] == nil:
		return ErrNoFile
	case strings.HasPrefix(to+"/", from+"/"):
		return errors.New("cannot move a directory into itself")
	case old != nil && f.has("n", "no-clobber"):
		return nil
	case old != nil && old.Kind == Dir && file.Kind != Dir:
		return ErrIsDir
	case old != nil && old.Kind == Dir && len(c.Host.under(to)) > 1:
		return ErrNotEmpty
	case old != nil && old.Kind != Dir && file.Kind == Dir:
		return ErrNotDir
	}
	c.Host.move(c.State, from, to)
	return nil
}

func runRm(c *Call) int {
	f, err := parseFlags(c.Args, "frRvd", "", "force", "recursive")
	if err != nil {
		return c.refuse(err)
	}
	status := 0
	for _, arg := range f.rest {
		file, err := c.Host.Lstat(c.Path(arg))
		switch {
		case errors.Is(err, ErrNoFile) && f.has("f", "force"):
		case err != nil:
			status = c.Fail(1, "rm: cannot remove '%s': %v", arg, err)
		case file.Kind == Dir && !f.has("rR", "recursive"):
			status = c.Fail(1, "rm: cannot remove '%s': %v", arg, ErrIsDir)
		case c.Path(arg) == "/":
			status = c.Fail(1, "rm: it is dangerous to operate recursively on '/'")
		default:
			if err := c.Host.Remove(c.State, c.Path(arg)); err != nil {
				status = c.Fail(1, "rm: cannot remove '%s': %v", arg, err)
			}
		}
	}
	return status
}

func runRmdir(c *Call) int {
	status := 0
	for _, arg := range c.Args {
		switch names, err := c.Host.List(c.Path(arg)); {
		case err != nil:
			status = c.Fail(1, "rmdir: failed to remove '%s': %v", arg, err)
		case len(names) > 0:
			status = c.Fail(1, "rmdir: failed to remove '%s': %v", arg, ErrNotEmpty)
		default:
			if err := c.Host.Remove(c.State, c.Path(arg)); err != nil {
				status = c.Fail(1, "rmdir: failed to remove '%s': %v", arg, err)
			}
		}
	}
	return status
}

func runMkdir(c *Call) int {
	f, err := parseFlags(c.Args, "pv", "m", "parents")
	if err != nil {
		return c.refuse(err)
	}
	status := 0
	for _, arg := range f.rest {
		p := c.Path(arg)
		old, err := c.Host.Stat(p)
		switch {
		case err == nil && (old.Kind != Dir || !f.has("p", "parents")):
			status = c.Fail(1, "mkdir: cannot create directory '%s': %v", arg, ErrExists)
			continue
		case err == nil:
			continue
		case f.has("p", "parents"):
			c.Host.MakeDirs(c.State, path.Dir(p))
		}
		mode := fs.FileMode(0o755)
		if m, ok := f.value['m']; ok {
			n, err := strconv.ParseUint(m, 8, 12)
			if err != nil {
				return c.Fail(1, "mkdir: invalid mode '%s'", m)
			}
			mode = fs.FileMode(n)
		}
		if err := c.Host.Put(c.State, p, File{Kind: Dir, Mode: mode}); err != nil {
			status = c.Fail(1, "mkdir: cannot create directory '%s': %v", arg, err)
		}
	}
	return status
}

func runLn(c *Call) int {
	f, err := parseFlags(c.Args, "sTnfv", "", "symbolic", "no-target-directory", "no-dereference", "force")
	if err != nil {
		return c.refuse(err)
	}
	if len(f.rest) != 2 || !f.has("s", "symbolic") {
		return c.Fail(1, "ln: only symbolic links of one target are made here")
	}
	target, link := f.rest[0], c.Path(f.rest[1])
	if c.Host.IsDir(link) && !f.has("T", "no-target-directory") {
		if old, _ := c.Host.Lstat(link); old.Kind == Dir || !f.has("n", "no-dereference") {
			link = path.Join(link, path.Base(target))
		}
	}
	if old, err := c.Host.Lstat(link); err == nil {
		if !f.has("f", "force") || old.Kind == Dir {
			return c.Fail(1, "ln: failed to create symbolic link '%s': %v", f.rest[1], ErrExists)
		}
		if err := c.Host.Remove(c.State, link); err != nil {
			return c.Fail(1, "ln: cannot remove '%s': %v", f.rest[1], err)
		}
	}
	if err := c.Host.Put(c.State, link, File{Kind: Symlink, Mode: 0o777, Target: target}); err != nil {
		return c.Fail(1, "ln: failed to create symbolic link '%s': %v", f.rest[1], err)
	}
	return 0
}

func runReadlink(c *Call) int {
	f, err := parseFlags(c.Args, "fen", "", "canonicalize")
	if err != nil || len(f.rest) != 1 {
		return c.Fail(1, "readlink: missing operand")
	}
	p := c.Path(f.rest[0])
	if f.has("fe", "canonicalize") {
		at, err := c.Host.disk.resolve(p, true)
		if err != nil || (f.has("e", "") && !c.Host.Exists(at)) {
			return 1
		}
		c.Printf("%s\n", at)
		return 0
	}
	file, err := c.Host.Lstat(p)
	if err != nil || file.Kind != Symlink {
		return 1
	}
	c.Printf("%s\n", file.Target)
	return 0
}

func runTouch(c *Call) int {
	status := 0
	for _, arg := range c.Args {
		data, _ := c.Host.ReadFile(c.Path(arg))
		if err := c.Host.WriteFile(c.State, c.Path(arg), data); err != nil {
			status = c.Fail(1, "touch: cannot touch '%s': %v", arg, err)
		}
	}
	return status
}

// each changes every named file, and with -R all below; a path that is not there is an error.
func (c *Call) each(deep bool, names []string, change func(f *File)) int {
	status := 0
	for _, arg := range names {
		at, err := c.Host.disk.resolve(c.Path(arg), true)
		if err == nil && c.Host.disk.files[at] == nil {
			err = ErrNoFile
		}
		if err != nil {
			status = c.Fail(1, "%s: cannot access '%s': %v", c.Name, arg, err)
			continue
		}
		paths := []string{at}
		if deep {
			paths = c.Host.under(at)
		}
		for _, p := range paths {
			f := *c.Host.disk.files[p]
			change(&f)
			c.Host.disk.set(p, f)
			c.Changed("%s of %s", c.Name, p)
		}
	}
	return status
}

func runChmod(c *Call) int {
	f, err := parseFlags(c.Args, "Rvf", "")
	if err != nil || len(f.rest) < 2 {
		return c.Fail(1, "chmod: missing operand")
	}
	mode, err := strconv.ParseUint(f.rest[0], 8, 12)
	if err != nil {
		return c.Fail(1, "chmod: invalid mode: '%s'", f.rest[0])
	}
	return c.each(f.has("R", ""), f.rest[1:], func(file *File) { file.Mode = fs.FileMode(mode) })
}

func runChown(c *Call) int {
	f, err := parseFlags(c.Args, "Rvfh", "")
	if err != nil || len(f.rest) < 2 {
		return c.Fail(1, "chown: missing operand")
	}
	user, grp, hasGroup := strings.Cut(f.rest[0], ":")
	uid, gid := -1, -1
	if user != "" {
		if uid = c.Host.userID(user); uid < 0 {
			return c.Fail(1, "chown: invalid user: '%s'", f.rest[0])
		}
	}
	if hasGroup && grp != "" {
		if gid = c.Host.groupID(grp); gid < 0 {
			return c.Fail(1, "chown: invalid group: '%s'", f.rest[0])
		}
	}
	return c.each(f.has("R", ""), f.rest[1:], func(file *File) {
		if uid >= 0 {
			file.UID = uid
		}
		if gid >= 0 {
			file.GID = gid
		}
	})
}

func runChcon(c *Call) int {
	f, err := parseFlags(c.Args, "Rvh", "t")
	if err != nil {
		return c.refuse(err)
	}
	label, names := f.value['t'], f.rest
	if label == "" {
		if len(names) < 2 {
			return c.Fail(1, "chcon: missing operand")
		}
		label, names = names[0], names[1:]
	}
	if c.Host.SELinux == "Disabled" {
		return c.Fail(1, "chcon: can't apply partial context to unlabeled file '%s'", names[0])
	}
	if f.has("v", "") {
		for _, name := range names {
			c.Printf("changing security context of '%s'\n", name)
		}
	}
	return c.each(f.has("R", ""), names, func(file *File) { file.Label = label })
}

// runRestorecon gives files the labels of the policy, which an empty label stands for.
func runRestorecon(c *Call) int {
	f, err := parseFlags(c.Args, "RrvFi", "")
	if err != nil {
		return c.refuse(err)
	}
	if c.Host.SELinux == "Disabled" {
		return 0
	}
	return c.each(f.has("rR", ""), f.rest, func(file *File) { file.Label = "" })
}

func runFind(c *Call) int {
	var (
		roots              []string
		name, kind, format string
		depth, least       = -1, 0
		remove             bool
		run, matches       []string // -exec PROGRAM… {} +
		tests              []findTest
		print              bool
	)
	for i := 0; i < len(c.Args); i++ {
		arg, next := c.Args[i], ""
		if i+1 < len(c.Args) {
			next = c.Args[i+1]
		}
		switch arg {
		case "-name":
			name = next
		case "-type":
			kind = next
		case "-maxdepth":
			n, err := strconv.Atoi(next)
			if err != nil {
				return c.Fail(1, "find: invalid argument '%s' to '-maxdepth'", next)
			}
			depth = n
		case "-mindepth":
			n, err := strconv.Atoi(next)
			if err != nil {
				return c.Fail(1, "find: invalid argument '%s' to '-mindepth'", next)
			}
			least = n
		case "-delete": // what is below goes first, so that directories are empty
			remove = true
			continue
		case "-printf":
			format = next
		case "-exec":
			end := slices.IndexFunc(c.Args[i:], func(arg string) bool { return arg == "+" || arg == ";" })
			switch {
			case end > 1 && c.Args[i+end] == ";":
				tests = append(tests, findTest{c.Args[i+1 : i+end], i > 0 && c.Args[i-1] == "!"})
			case end < 3 || c.Args[i+end-1] != "{}":
				return c.Fail(1, "find: missing argument to '-exec'")
			default:
				run = c.Args[i+1 : i+end-1]
			}
			i += end
			continue
		case "!":
			if next != "-exec" {
				return c.Fail(1, "find: only -exec is negated here, and not '%s'", next)
			}
			continue
		case "-print":
			print = true
			continue
		case "-xdev":
			continue
		case "-print0":
			format = `%p\0`
			continue
		default:
			if strings.HasPrefix(arg, "-") {
				return c.Fail(1, "find: unknown predicate '%s'", arg)
			}
			roots = append(roots, arg)
			continue
		}
		i++
	}
	status := 0
	for _, root := range roots {
		at := c.Path(root)
		if _, err := c.Host.Lstat(at); err != nil {
			status = c.Fail(1, "find: '%s': %v", root, err)
			continue
		}
		under := c.Host.under(at)
		if remove {
			under = slices.Clone(under)
			slices.Reverse(under)
		}
		for _, p := range under {
			rel := strings.TrimPrefix(p, at)
			f := c.Host.disk.files[p]
			if strings.Count(rel, "/") < least || depth >= 0 && strings.Count(rel, "/") > depth || kind != "" &&
				kind != map[Kind]string{Regular: "f", Dir: "d", Symlink: "l"}[f.Kind] {
				continue
			}
			if ok, err := path.Match(name, path.Base(p)); name != "" && (!ok || err != nil) {
				continue
			}
			if !c.passes(tests, root+rel) {
				continue
			}
			if remove {
				if err := c.Host.Remove(c.State, p); err != nil {
					status = c.Fail(1, "find: cannot delete '%s': %v", root+rel, err)
				}
				continue
			}
			if run != nil {
				matches = append(matches, root+rel)
				if print {
					c.Printf("%s\n", root+rel)
				}
				continue
			}
			if format == "" {
				format = `%p\n`
			}
			c.Printf("%s", c.describe(format, root+rel, f))
		}
	}
	if len(matches) > 0 {
		exit, out, errs := c.Invoke("", slices.Concat(run, matches)...)
		c.Printf("%s", out)
		c.Err.WriteString(errs)
		if exit != 0 {
			status = 1
		}
	}
	return status
}

// findTest is `-exec PROGRAM… ;` of find: true where the program succeeds, or, after "!", where it does not.
type findTest struct {
	argv []string
	not  bool
}

func (c *Call) passes(tests []findTest, name string) bool {
	for _, t := range tests {
		argv := slices.Clone(t.argv)
		for i := range argv {
			argv[i] = strings.ReplaceAll(argv[i], "{}", name)
		}
		exit, out, errs := c.Invoke("", argv...)
		c.Printf("%s", out)
		c.Err.WriteString(errs)
		if (exit == 0) == t.not {
			return false
		}
	}
	return true
}

func runStat(c *Call) int {
	f, err := parseFlags(c.Args, "Lt", "c", "format", "printf")
	if err != nil {
		return c.refuse(err)
	}
	format := f.value['c'] + f.long["format"]
	if format == "" {
		format = `  File: '%n'\n  Size: %s\nAccess: (%a)  Uid: %U  Gid: %G\nModify: %y`
	}
	if p := f.long["printf"]; p != "" {
		format = p
	} else {
		format += `\n`
	}
	status := 0
	for _, name := range f.rest {
		look := c.Host.Lstat
		if f.has("L", "") {
			look = c.Host.Stat
		}
		file, err := look(c.Path(name))
		if err != nil {
			status = c.Fail(1, "stat: cannot stat '%s': %v", name, err)
			continue
		}
		c.Printf("%s", c.describe(format, name, file))
	}
	return status
}

// describe fills in the letters that stat -c and find -printf share, as far as they mean the same.
func (c *Call) describe(format, name string, f *File) string {
	letter := map[Kind][2]string{Regular: {"f", "regular file"}, Dir: {"d", "directory"}, Symlink: {"l", "symbolic link"}}[f.Kind]
	size := len(f.Data)
	if f.Kind == Symlink {
		size = len(f.Target)
	}
	find := c.Name == "find"
	modes := strconv.FormatUint(uint64(f.Mode.Perm()), 8)
	values := []string{
		`\n`, "\n", `\0`, "\x00", `\t`, "\t", "%%", "%", "%n", name, "%p", name, "%a", modes, "%m", modes, "%s", strconv.Itoa(size), "%h", "1",
		"%U", c.Host.UserName(f.UID), "%G", c.Host.GroupName(f.GID), "%F", letter[1], "%Y", strconv.FormatInt(f.MTime.Unix(), 10), "%C", f.Label,
		"%y", f.MTime.UTC().Format("2006-01-02 15:04:05.000000000 +0000"), "%l", f.Target, "%T@", fmt.Sprintf("%d.0000000000", f.MTime.Unix()),
	}
	if find {
		values = append([]string{"%u", c.Host.UserName(f.UID), "%g", c.Host.GroupName(f.GID), "%U", strconv.Itoa(f.UID), "%G",
			strconv.Itoa(f.GID), "%y", letter[0]}, values...)
	} else {
		values = append([]string{"%u", strconv.Itoa(f.UID), "%g", strconv.Itoa(f.GID)}, values...)
	}
	return strings.NewReplacer(values...).Replace(format)
}
