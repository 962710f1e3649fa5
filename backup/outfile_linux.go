package backup

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// nameless is a file in a directory that has no name (O_TMPFILE, Linux 3.11): a process that is killed leaves nothing
// of it behind. It is nil where there is no such thing.
//
// https://man7.org/linux/man-pages/man2/open.2.html
func nameless(dir string) *os.File {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil
	}
	f := os.NewFile(uintptr(fd), dir+"/(no name)")
	if _, err := os.Stat(self(f)); err != nil { // without /proc it could get no name
		_ = f.Close()
		return nil
	}
	return f
}

// self is the file's name in /proc.
func self(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }

// giveName links a nameless file into its directory; it never takes the name of another file.
func giveName(f *os.File, name string) error {
	err := unix.Linkat(unix.AT_FDCWD, self(f), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
	if err != nil {
		return &os.LinkError{Op: "link", Old: self(f), New: name, Err: err}
	}
	return nil
}
