package sftpfiles

import (
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
)

// half is a connection whose writing side can be lost while the reading side has not noticed yet.
type half struct {
	net.Conn
	lost atomic.Bool
}

func (h *half) Write(p []byte) (int, error) {
	if h.lost.Load() {
		return 0, io.EOF
	}
	return h.Conn.Write(p)
}

func TestAWriterThatIsLostFirst(t *testing.T) {
	ours, theirs := net.Pipe()
	server, err := sftp.NewServer(theirs)
	require.NoError(t, err)
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve() }()
	stream := &half{Conn: ours}
	client, err := begin(stream)
	require.NoError(t, err)
	s := &Session{host: "cluman", client: client}
	_, err = s.Stat(t.Context(), "/")
	require.NoError(t, err)
	stream.lost.Store(true)
	_, err = s.Stat(t.Context(), "/")
	require.ErrorIs(t, err, ErrClosed)
	require.NoError(t, s.Close())
	<-served
}
