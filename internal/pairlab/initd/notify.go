//go:build linux

package initd

import (
	"net"
	"os"
	"slices"
	"strings"
)

// notifySocket is where a daemon of Type=notify says that it is ready: sd_notify(3).
type notifySocket struct {
	path  string
	conn  *net.UnixConn
	ready chan struct{} // closed by READY=1
}

func listenNotify(path string) (*notifySocket, error) {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	n := &notifySocket{path: path, conn: conn, ready: make(chan struct{})}
	go n.listen()
	return n, nil
}

// listen takes every message until the socket is closed: a daemon that speaks to a full socket would hang.
func (n *notifySocket) listen() {
	said := false
	message := make([]byte, 4096)
	for {
		size, err := n.conn.Read(message)
		if err != nil {
			return
		}
		if !said && slices.Contains(strings.Split(string(message[:size]), "\n"), "READY=1") {
			said = true
			close(n.ready)
		}
	}
}

func (n *notifySocket) close() {
	_ = n.conn.Close()
	_ = os.Remove(n.path)
}
