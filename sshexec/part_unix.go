//go:build unix

package sshexec

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedAlone tells whether a file is this user's, and has no second name.
func ownedAlone(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && st.Nlink == 1
}
