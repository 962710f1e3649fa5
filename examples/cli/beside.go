package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// beside opens a file that a run appends to beside its journal. None of what the run keeps is given for it: lines of another
// kind would make a journal unreadable. A FIFO that nobody reads would hang, so it is an error.
func (s session) beside(flag, path, other string) (*os.File, error) {
	for name, kept := range map[string]string{
		"the journal": s.journal(), "the configuration": s.config, "the other of --events and --log-file": other,
	} {
		if kept != "" && samePlace(path, kept) {
			return nil, fmt.Errorf("--%s %s: it is %s: name another file", flag, path, name)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, 0o600)
	if errors.Is(err, syscall.ENXIO) {
		return nil, fmt.Errorf("--%s %s: nobody reads this FIFO", flag, path)
	}
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return f, nil
}

// samePlace tells whether two paths lead to one file, be it one that is still to be made.
func samePlace(one, other string) bool {
	a, err1 := os.Stat(one)
	b, err2 := os.Stat(other)
	if err1 == nil && err2 == nil {
		return os.SameFile(a, b)
	}
	return place(one) == place(other)
}

// place is a path without links in its directory.
func place(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if to, err := os.Readlink(abs); err == nil { // a link to what is still to be made
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(abs), to)
		}
		abs = to
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
		return filepath.Join(dir, filepath.Base(abs))
	}
	return filepath.Clean(abs)
}
