package standin

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
)

// What a node shows under /proc and is not the kernel's: files of its own that are mounted over the kernel's. They are
// changed in place, never replaced, for the mounts hold the file and not its name.
const (
	mountsFile  = "/run/lab/mounts"
	modulesFile = "/run/lab/modules"
	kernelFile  = "/run/lab/kernel" // the kernel that the node was booted with
)

// edit changes the lines of a file in place, under a lock that all stand-ins take. Someone who reads meanwhile, and
// takes no lock, must see whole lines: the file never gets shorter, for he who reads what is just cut off reads zeros,
// and before it gets longer it is filled up with newlines. So there may be empty lines at its end.
func (c *call) edit(p string, change func(lines []string) []string) error {
	unlock, err := c.lock(p + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	f, err := os.OpenFile(c.path(p), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	old, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	lines := slices.Collect(strings.Lines(strings.TrimRight(string(old), "\n") + "\n"))
	now := []byte(strings.Join(change(lines), ""))
	if more := len(now) - len(old); more > 0 {
		if _, err := f.WriteAt(newlines(more), int64(len(old))); err != nil {
			return err
		}
	} else {
		now = append(now, newlines(-more)...)
	}
	_, err = f.WriteAt(now, 0)
	return err
}

func newlines(n int) []byte { return bytes.Repeat([]byte{'\n'}, n) }

// lock waits for a file's lock.
func (c *call) lock(p string) (unlock func(), err error) {
	f, err := os.OpenFile(c.path(p), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Close() }, nil // which ends the lock
}

// addLine adds a line at the end unless a line with the same beginning is there.
func addLine(start, line string) func([]string) []string {
	return func(lines []string) []string {
		for _, l := range lines {
			if strings.HasPrefix(l, start) {
				return lines
			}
		}
		return append(lines, line+"\n")
	}
}

// dropLines removes the lines that begin so.
func dropLines(start string) func([]string) []string {
	return func(lines []string) []string {
		kept := lines[:0]
		for _, l := range lines {
			if !strings.HasPrefix(l, start) {
				kept = append(kept, l)
			}
		}
		return kept
	}
}
