//go:build linux

package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// maxMessage bounds a message: a truth with many events is the largest.
const maxMessage = 64 << 20

// Send writes a message, with descriptors if there are any.
func Send(conn *net.UnixConn, message any, files ...*os.File) error {
	line, err := json.Marshal(message)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if len(files) == 0 {
		_, err := conn.Write(line)
		return err
	}
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	// The descriptors go with the first byte; the rest may need several writes.
	if _, _, err := conn.WriteMsgUnix(line[:1], syscall.UnixRights(fds...), nil); err != nil {
		return err
	}
	_, err = conn.Write(line[1:])
	return err
}

// Receive reads a message, and the descriptors that came with it, which are the caller's to close.
func Receive(conn *net.UnixConn, into any) (files []*os.File, err error) {
	defer func() {
		if err != nil {
			CloseAll(files)
			files = nil
		}
	}()
	var line []byte
	chunk, oob := make([]byte, 32<<10), make([]byte, syscall.CmsgSpace(8*4))
	for {
		n, oobn, flags, _, err := conn.ReadMsgUnix(chunk, oob)
		if oobn > 0 {
			got, err := descriptors(oob[:oobn])
			files = append(files, got...)
			if err != nil {
				return files, err
			}
		}
		switch line = append(line, chunk[:max(n, 0)]...); {
		case flags&syscall.MSG_CTRUNC != 0:
			return files, errors.New("descriptors were lost")
		case bytes.IndexByte(line, '\n') >= 0:
			return files, Unmarshal(line[:bytes.IndexByte(line, '\n')], into)
		case err != nil && !errors.Is(err, io.EOF):
			return files, err
		case err != nil || n <= 0:
			return files, io.ErrUnexpectedEOF
		case len(line) > maxMessage:
			return files, fmt.Errorf("a message of more than %d bytes", maxMessage)
		}
	}
}

func descriptors(oob []byte) ([]*os.File, error) {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for _, m := range messages {
		fds, err := syscall.ParseUnixRights(&m)
		if err != nil {
			return files, err
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return files, nil
}

// CloseAll closes descriptors that nobody needs any more.
func CloseAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// Gone tells when the other side has ended a conversation: nothing more is to be read from it.
func Gone(conn *net.UnixConn) <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = conn.Read(make([]byte, 1))
	}()
	return gone
}

// Listen makes a stream socket called name in dir, for root alone. The path of dir may be longer than a socket's may be.
func Listen(dir, name string) (*net.UnixListener, error) {
	var listener *net.UnixListener
	err := within(dir, name, func(addr *net.UnixAddr) (err error) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if listener, err = net.ListenUnix("unix", addr); err != nil {
			return err
		}
		listener.SetUnlinkOnClose(false) // the way to it ends with this function
		return os.Chmod(filepath.Join(dir, name), 0o600)
	})
	return listener, err
}

// Dial reaches the socket called name in dir.
func Dial(dir, name string) (*net.UnixConn, error) {
	var conn *net.UnixConn
	err := within(dir, name, func(addr *net.UnixAddr) (err error) {
		conn, err = net.DialUnix("unix", nil, addr)
		return err
	})
	return conn, err
}

// within gives a short way to a socket: by a descriptor of its directory.
func within(dir, name string, use func(*net.UnixAddr) error) error {
	d, err := os.Open(dir) //nolint:gosec // a lab's own directory
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return use(&net.UnixAddr{Name: fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), name), Net: "unix"})
}
