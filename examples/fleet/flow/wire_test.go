package flow

import (
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/server/temporaltest"
)

// wire is a connection to the server that can be made to stand still, as that of a suspended worker does.
type wire struct {
	l  net.Listener
	to string

	mu    sync.Mutex
	moves *sync.Cond
	still bool
	over  bool
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{l: l, to: to}
	w.moves = sync.NewCond(&w.mu)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", w.to)
			if err != nil {
				_ = c.Close()
				continue
			}
			go w.copy(c, s)
			go w.copy(s, c)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); w.set(false, true) })
	return w
}

func (w *wire) set(still, over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.still, w.over = still, w.over || over
	w.moves.Broadcast()
}

func (w *wire) copy(to, from net.Conn) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		w.mu.Lock()
		for w.still && !w.over {
			w.moves.Wait()
		}
		w.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// client is a client behind the wire.
func (w *wire) client(t *testing.T, ts *temporaltest.TestServer) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: w.l.Addr().String(), Namespace: ts.GetDefaultNamespace(), Logger: silent{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
