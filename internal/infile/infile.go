// Package infile opens the files that the operator names: regular files within a stated size. A FIFO would hang, a
// device never end, a large file take the memory.
package infile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Sizes, in bytes, beyond which a file is not what it is taken for.
const (
	Config = 1 << 20  // a configuration of this tool
	Secret = 64 << 10 // a password or a key
	Text   = 64 << 20 // a CIB, a list of hosts, the output of a command
)

// ErrNotRegular means that the name leads to a directory, a device, a FIFO or a socket.
var ErrNotRegular = errors.New("a regular file is needed")

// ErrTooLarge means that the file is larger than its kind can be.
var ErrTooLarge = errors.New("too large")

// Open opens a regular file for reading.
func Open(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // #nosec G304 -- the operator names it; O_NONBLOCK: a FIFO opens at once
	if err != nil {
		return nil, Plain(err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("it is %s: %w", kind(info.Mode()), ErrNotRegular)}
	}
	if err != nil {
		_ = f.Close()
		return nil, Plain(err)
	}
	return f, nil
}

// fileError is an error with a file, without the name of the system call.
type fileError struct{ *fs.PathError }

func (e fileError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e fileError) Unwrap() error { return e.PathError }

// Plain is an error with a file as an operator needs it, without the name of the system call; another error stays as it is.
func Plain(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return fileError{at}
	}
	return err
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// Read reads a regular file of at most limit bytes.
func Read(name string, limit int64) ([]byte, error) {
	f, err := Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)}
	}
	if err != nil {
		return nil, Plain(err)
	}
	return raw, nil
}
