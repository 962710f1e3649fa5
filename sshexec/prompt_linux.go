package sshexec

import (
	"net"
	"syscall"
)

// smallRead is the size in bytes below which what comes is a message by itself and no part of a stream.
const smallRead = 2048

// prompt makes a TCP connection acknowledge small messages at once. A server that sends two of them in a row (Nagle's
// algorithm, which sshd leaves on for commands) waits with the second one until the first one is acknowledged, and
// Linux waits 40 ms with that when the connection is young: it costs the first command on a connection twice its time.
// The kernel forgets the option, so it is set after each read. See tcp(7), TCP_QUICKACK.
func prompt(c net.Conn) net.Conn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	return &promptConn{tcp, raw}
}

type promptConn struct {
	*net.TCPConn
	raw syscall.RawConn
}

func (c *promptConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if n > 0 && n < smallRead {
		// Without it the connection is slower, and that is all.
		_ = c.raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1) })
	}
	return n, err
}
