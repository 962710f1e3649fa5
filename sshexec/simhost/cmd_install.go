package simhost

import (
	"io/fs"
	"path"
	"strconv"
)

func addInstallProgram(r *Registry) { r.Command("install", 0, runInstall) }

// runInstall is `install [-o USER] [-g GROUP] [-m MODE] [-D] SOURCE DEST` and `install -d DIR…`. A file has its owner
// and its mode from the first moment; /dev/stdin as the source is the standard input, and /dev/null is empty.
func runInstall(c *Call) int {
	f, err := parseFlags(c.Args, "CcDdTv", "gmo")
	if err != nil {
		return c.refuse(err)
	}
	file := File{Mode: 0o755}
	if text, given := f.value['m']; given {
		mode, err := strconv.ParseUint(text, 8, 12)
		if err != nil {
			return c.Fail(1, "install: invalid mode '%s'", text)
		}
		file.Mode = fs.FileMode(mode)
	}
	for _, who := range []struct {
		name string
		id   int
		to   *int
		what string
	}{{f.value['o'], c.Host.userID(f.value['o']), &file.UID, "user"}, {f.value['g'], c.Host.groupID(f.value['g']), &file.GID, "group"}} {
		switch {
		case who.name == "":
		case who.id < 0:
			return c.Fail(1, "install: invalid %s '%s'", who.what, who.name)
		default:
			*who.to = who.id
		}
	}
	if f.has("d", "") {
		file.Kind = Dir
		for _, name := range f.rest {
			if status := c.installDir(name, file); status != 0 {
				return status
			}
		}
		return 0
	}
	if len(f.rest) != 2 {
		return c.Fail(1, "install: missing destination file operand")
	}
	source, dest := f.rest[0], c.Path(f.rest[1])
	switch source {
	case "/dev/stdin", "-":
		file.Data = c.Stdin
	case "/dev/null":
	default:
		if file.Data, err = c.Host.ReadFile(c.Path(source)); err != nil {
			return c.Fail(1, "install: cannot stat '%s': %v", source, err)
		}
	}
	if c.Host.IsDir(dest) && !f.has("T", "") {
		dest = path.Join(dest, path.Base(source))
	}
	if f.has("D", "") {
		c.Host.MakeDirs(c.State, path.Dir(dest))
	}
	if err := c.Host.Put(c.State, dest, file); err != nil {
		return c.Fail(1, "install: cannot create regular file '%s': %v", f.rest[1], err)
	}
	return 0
}

func (c *Call) installDir(name string, file File) int {
	at := c.Path(name)
	c.Host.MakeDirs(c.State, at)
	if err := c.Host.Put(c.State, at, file); err != nil {
		return c.Fail(1, "install: cannot create directory '%s': %v", name, err)
	}
	return 0
}
