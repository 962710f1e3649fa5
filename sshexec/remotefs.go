package sshexec

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
)

// FileInfo is what is known of a file of another machine.
type FileInfo struct {
	Name     string      // the path that was asked about; in a list, the name within the directory, byte for byte
	Mode     fs.FileMode // type and permissions
	Size     int64       // bytes
	UID, GID uint32
	Links    uint32
	ModTime  time.Time // to the second
	Target   string    // where a symbolic link of a list points to
}

// IsDir tells whether it is a directory.
func (i FileInfo) IsDir() bool { return i.Mode.IsDir() }

// ErrNotClean refuses a path that may mean something else than it says: one that is not absolute, or that path.Clean would change.
var ErrNotClean = errors.New("the path must be absolute and clean")

// ErrTooHigh refuses the removal of a tree that is the root directory or one just below it.
var ErrTooHigh = errors.New("a directory so near the root is not removed")

// ErrNoSense is the cause when a command ended well, but its output is not what it should be.
var ErrNoSense = errors.New("the output makes no sense")

// Stat tells what a file is, at the end of symbolic links; Lstat does not follow them. The command is stat with a
// format, as in EL6 and later. A file that is not there is fs.ErrNotExist, one that may not be seen fs.ErrPermission;
// both by the words of the C locale, which is the only thing that stat says about it.
func Stat(ctx context.Context, r Runner, name string) (FileInfo, error) {
	return stat(ctx, r, name, "-L")
}

// Lstat is Stat for the link itself, where the file is one.
func Lstat(ctx context.Context, r Runner, name string) (FileInfo, error) { return stat(ctx, r, name) }

// statFormat is raw mode in hexadecimal, size, owner, group, links and modification time.
const statFormat = "%f %s %u %g %h %Y"

func stat(ctx context.Context, r Runner, name string, option ...string) (FileInfo, error) {
	if err := checkClean(name); err != nil {
		return FileInfo{}, fmt.Errorf("cannot stat %q: %w", name, err)
	}
	argv := append(append([]string{"stat"}, option...), "-c", statFormat, "--", name)
	res, err := runFS(ctx, r, Command(ReadOnly, argv...))
	if err != nil {
		return FileInfo{}, fmt.Errorf("cannot stat %q: %w", name, err)
	}
	info, err := parseStat(res.Text())
	if err != nil {
		return FileInfo{}, fmt.Errorf("cannot stat %q: %w", name, err)
	}
	info.Name = name
	return info, nil
}

// parseStat reads a line of statFormat.
func parseStat(line string) (FileInfo, error) {
	var info FileInfo
	var raw uint32
	f := fields{list: strings.Split(line, " "), want: 6}
	f.number(&raw, 16)
	f.size(&info.Size)
	f.number(&info.UID, 10)
	f.number(&info.GID, 10)
	f.number(&info.Links, 10)
	f.time(&info.ModTime)
	if err := f.end(); err != nil {
		return FileInfo{}, fmt.Errorf("%w: %q", ErrNoSense, line)
	}
	info.Mode = modeOfUnix(raw)
	return info, nil
}

// List tells what is in a directory, sorted by name; the directory may be a symbolic link. Names may hold any bytes.
// The command is find of the GNU findutils, as in EL6 and later. What is no directory is an error, and so is a list
// that is not complete.
func List(ctx context.Context, r Runner, dir string) ([]FileInfo, error) {
	if err := checkClean(dir); err != nil {
		return nil, fmt.Errorf("cannot list %q: %w", dir, err)
	}
	// With "/." a link is followed, and what is no directory is an error; find would else print nothing and be content.
	at := strings.TrimSuffix(dir, "/") + "/."
	res, err := runFS(ctx, r, Command(ReadOnly, "find", at, "-mindepth", "1", "-maxdepth", "1", "-printf", findFormat))
	if err == nil && res.Truncated {
		err = fmt.Errorf("%w: the list is longer than %d bytes", ErrNoSense, CaptureLimit)
	}
	var list []FileInfo
	if err == nil {
		list, err = parseFind(res.Stdout)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list %q: %w", dir, err)
	}
	return list, nil
}

// ReadLink tells where a symbolic link points to.
func ReadLink(ctx context.Context, r Runner, name string) (string, error) {
	if err := checkClean(name); err != nil {
		return "", fmt.Errorf("cannot read the link %q: %w", name, err)
	}
	res, err := runFS(ctx, r, Command(ReadOnly, "readlink", "-n", "--", name))
	if err != nil {
		return "", fmt.Errorf("cannot read the link %q: %w", name, err)
	}
	return string(res.Stdout), nil
}

// Mkdir makes a directory; one that is there is fs.ErrExist.
func Mkdir(ctx context.Context, r Runner, name string, mode fs.FileMode) error {
	return change(ctx, r, "make", name, Command(Mutating, "mkdir", "-m", octalMode(mode), "--", name))
}

// MkdirAll makes a directory with the ones above it where they are missing; these get the mode that the machine's umask
// gives. A directory that is there keeps its mode.
func MkdirAll(ctx context.Context, r Runner, name string, mode fs.FileMode) error {
	return change(ctx, r, "make", name, Command(Mutating, "mkdir", "-p", "-m", octalMode(mode), "--", name))
}

// Remove removes a file or a symbolic link; one that is not there is fs.ErrNotExist. The command counts as Disruptive:
// data is gone after it.
func Remove(ctx context.Context, r Runner, name string) error {
	// Without a terminal rm asks no questions but for -i, and -f would hide that nothing was there.
	return change(ctx, r, "remove", name, Command(Disruptive, "rm", "--", name))
}

// RemoveDir removes an empty directory.
func RemoveDir(ctx context.Context, r Runner, name string) error {
	return change(ctx, r, "remove", name, Command(Mutating, "rmdir", "--", name))
}

// RemoveAll removes a file or a directory with all that is in it, but stays on its file system: nothing is removed
// below a mount point. What is not there is no error. The root directory and those just below it are refused with
// ErrTooHigh.
func RemoveAll(ctx context.Context, r Runner, name string) error {
	if strings.Count(name, "/") < 2 {
		return fmt.Errorf("cannot remove %q: %w", name, ErrTooHigh)
	}
	return change(ctx, r, "remove", name, Command(Disruptive, "rm", "-r", "-f", "--one-file-system", "--", name))
}

// change runs a command that changes the file of that name.
func change(ctx context.Context, r Runner, verb, name string, cmd Cmd) error {
	if err := checkClean(name); err != nil {
		return fmt.Errorf("cannot %s %q: %w", verb, name, err)
	}
	if _, err := runFS(ctx, r, cmd); err != nil {
		return fmt.Errorf("cannot %s %q: %w", verb, name, err)
	}
	return nil
}

// checkClean refuses paths that may mean something else than they say.
func checkClean(name string) error {
	switch {
	case !path.IsAbs(name) || path.Clean(name) != name:
		return ErrNotClean
	case strings.Contains(name, "\x00"):
		return ErrNUL
	}
	return nil
}

// runFS runs a command of the coreutils, and adds the error of package fs that its words stand for.
func runFS(ctx context.Context, r Runner, cmd Cmd) (Result, error) {
	res, err := r.Run(ctx, cmd)
	var ce *CommandError
	if err == nil || !errors.As(err, &ce) || ce.Outcome != Exited {
		return res, err
	}
	// The name of a file stands before the reason, never behind it, so no name can pass for one.
	reason := strings.TrimSpace(ce.Stderr)
	for _, known := range []struct {
		text string
		err  error
	}{
		{": No such file or directory", fs.ErrNotExist},
		{": Permission denied", fs.ErrPermission},
		{": Operation not permitted", fs.ErrPermission},
		{": File exists", fs.ErrExist},
	} {
		if strings.HasSuffix(reason, known.text) {
			return res, fmt.Errorf("%w: %w", known.err, err)
		}
	}
	return res, err
}
