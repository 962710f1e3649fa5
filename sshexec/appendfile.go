package sshexec

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// appending serves the threads of this process; the lock on the file serves the others.
var appending sync.Mutex

// appendLocked adds a line to a file, in one write and on a line of its own. What to add, if anything, is asked for
// when the file is locked.
func appendLocked(name string, line func() (string, error)) (err error) {
	appending.Lock()
	defer appending.Unlock()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := lockFile(f); err != nil {
		return err
	}
	text, err := line()
	if err != nil || text == "" {
		return err
	}
	last := make([]byte, 1)
	if end, err := f.Seek(0, io.SeekEnd); err != nil {
		return err
	} else if end > 0 {
		if _, err := f.ReadAt(last, end-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			text = "\n" + text
		}
	}
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Sync()
}
