package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// quiet keeps the terminal from showing what is typed, which would push the block up; loud ends that. Ctrl-C works as before.
func quiet() (loud func()) {
	fd := int(os.Stdin.Fd())
	was, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil { // no terminal
		return func() {}
	}
	is := *was
	is.Lflag &^= unix.ECHO
	if unix.IoctlSetTermios(fd, unix.TCSETS, &is) != nil {
		return func() {}
	}
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, was) }
}
