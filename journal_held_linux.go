package evenkeel

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// A journal that is in use is locked by flock(2), which keeps a second tool out. Nobody can ask for that lock without
// trying to take it, and whoever takes it keeps a run from beginning. So its holder also has a lock of the open file
// (fcntl(2), F_OFD_SETLK), which anybody may ask for, in a container or over NFS too. It ends with the process.

func heldBy(kind int16) unix.Flock_t { return unix.Flock_t{Type: kind, Whence: io.SeekStart} }

// markHeld has others see that the file is in use. A file system that cannot do so leaves it unseen, and the flock holds.
func markHeld(f *os.File) {
	lock := heldBy(unix.F_WRLCK)
	_ = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock)
}

// JournalInUse tells whether a process has the journal at a path open, as a run has it. It takes no lock and changes
// nothing.
func JournalInUse(path string) (bool, error) {
	// O_NONBLOCK: a FIFO opens at once.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // #nosec G304 -- the path is the operator's choice
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	lock := heldBy(unix.F_WRLCK)
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lock); err != nil {
		return false, fmt.Errorf("cannot tell whether %s is in use: %w", path, err)
	}
	return lock.Type != unix.F_UNLCK, nil
}
