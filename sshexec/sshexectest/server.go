package sshexectest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Config says what a Server serves. At least one host key and one way to log in are required.
type Config struct {
	HostKeys   []ssh.Signer    // of different types: one each
	Authorized []ssh.PublicKey // keys that may log in, under any user name
	Password   sshexec.Secret  // a password that logs in; none when empty
	Handler    Handler         // what runs the commands
	Bash       bool            // the user's login shell is bash: Handler gets lines that only a Bourne shell reads, too
	Forward    bool            // connect clients on to other addresses, as a jump host does

	// Dial is how Forward connects; nil dials.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Subsystem finds what serves a subsystem such as sftp, until the stream has ended. There are none when it is nil.
	Subsystem func(name string) (serve func(io.ReadWriter), ok bool)
}

// Handler runs one command. It is called in a goroutine of its own; ctx ends when the client sends a signal that ends
// programs, and when the server is closed. It does not end when the connection is lost: what runs on a machine goes on
// then.
type Handler func(ctx context.Context, req Request) Exit

// Request is one command as it came over the wire.
type Request struct {
	User   string
	Line   string // the command line, to be read with ParseExec
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// Exit is how a command ended.
type Exit struct {
	Code   int
	Signal string // a signal's name without SIG, when one ended the command
	Drop   bool   // the connection is cut instead: nobody will know how the command ended

	// Rest passes on what is written after the command's end was told, until nobody can write any more or left is closed;
	// the session stays until then. nil where all is written.
	Rest func(left <-chan struct{})
}

// Faults are the ways in which the server misbehaves. They apply to what happens after SetFaults.
type Faults struct {
	StallHandshake bool // accept connections and say nothing
	StallSessions  bool // never answer a request for a session
	RefuseSessions bool // refuse every request for a session
	RefuseOnce     bool // … only until one was refused
	StallExec      bool // never answer the request to run a command, and do not run it
	RefuseExec     bool // refuse to run commands
	CutBefore      bool // take the request, then cut the connection before the command runs
	CutAfter       bool // run the command, then cut the connection before telling its end
	OmitExit       bool // close the session without telling the command's end
	IgnoreSignals  bool // do not pass signals on, as OpenSSH before 7.9
	StallRequests  bool // do not answer keep-alives
	Reorder        bool // tell a command's end first, then what it wrote to its standard error, then its output
	CutOutput      bool // tell a command's end, then cut the connection before what it wrote
	Throttle       int  // bytes a second that a connection carries, each way; no bound when 0

	// Late tells a command's end first, and what it wrote so much later.
	Late time.Duration
}

// Server is an SSH server in this process.
type Server struct {
	cfg Config

	mu        sync.Mutex
	hostKeys  []ssh.Signer
	faults    Faults
	listeners map[net.Listener]bool
	conns     map[net.Conn]bool
	lines     []string
	closed    bool

	derive func() (context.Context, context.CancelFunc) // a context that ends with the server
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// NewServer is a server that listens nowhere yet.
func NewServer(cfg Config) (*Server, error) {
	if len(cfg.HostKeys) == 0 || cfg.Handler == nil {
		return nil, errors.New("cannot make an SSH server: it needs a host key and a handler")
	}
	if len(cfg.Authorized) == 0 && cfg.Password == "" {
		return nil, errors.New("cannot make an SSH server: nobody may log in")
	}
	s := &Server{cfg: cfg, hostKeys: cfg.HostKeys, listeners: map[net.Listener]bool{}, conns: map[net.Conn]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	s.derive, s.cancel = func() (context.Context, context.CancelFunc) { return context.WithCancel(ctx) }, cancel
	return s, nil
}

// Listen starts serving on a free port of 127.0.0.1 and returns its address.
func (s *Server) Listen() (addr string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	if !s.begin(l) {
		return "", net.ErrClosed
	}
	go func() {
		defer s.wg.Done()
		_ = s.accept(l)
	}()
	return l.Addr().String(), nil
}

// Serve serves connections of l until l or the server is closed; then it returns net.ErrClosed.
func (s *Server) Serve(l net.Listener) error {
	if !s.begin(l) {
		return net.ErrClosed
	}
	defer s.wg.Done()
	return s.accept(l)
}

// begin counts a new serving goroutine in, unless the server is closed already.
func (s *Server) begin(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = l.Close()
		return false
	}
	s.listeners[l] = true
	s.wg.Add(1)
	return true
}

func (s *Server) accept(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			_ = conn.Close()
			return net.ErrClosed
		}
		s.conns[conn] = true
		s.wg.Add(1)
		s.mu.Unlock()
		go func() {
			defer s.wg.Done()
			s.serve(&slowConn{conn, func() int { return s.fault().Throttle }})
			_ = conn.Close()
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		}()
	}
}

// SetHostKeys gives new connections other host keys, as after /etc/ssh was replaced.
func (s *Server) SetHostKeys(keys ...ssh.Signer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hostKeys = keys
}

// SetFaults makes the server misbehave from now on; the zero Faults make it behave again.
func (s *Server) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

func (s *Server) fault() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

// Lines are the command lines that clients asked for so far, in order, those refused included. The question what the login
// shell is, which a client asks by itself, is none.
func (s *Server) Lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines)
}

// Drop cuts every connection, as a lost network does. Commands that run go on.
func (s *Server) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
}

// Close stops listening, cuts every connection, ends every command, and waits until all that is over.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for l := range s.listeners {
		_ = l.Close()
	}
	s.mu.Unlock()
	s.cancel()
	s.Drop()
	s.wg.Wait()
	return nil
}

// KnownHosts is a line of a known_hosts file for each host key, under the given address.
func (s *Server) KnownHosts(addr string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines string
	for _, k := range s.hostKeys {
		lines += knownhosts.Line([]string{addr}, k.PublicKey()) + "\n"
	}
	return lines
}

// NewKey is a new ed25519 key, for a host or for a user.
func NewKey() (ssh.Signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return ssh.NewSignerFromKey(private)
}

func (s *Server) serverConfig() *ssh.ServerConfig {
	cfg := &ssh.ServerConfig{ServerVersion: "SSH-2.0-evenkeel_test"}
	if len(s.cfg.Authorized) > 0 {
		cfg.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			for _, k := range s.cfg.Authorized {
				if string(k.Marshal()) == string(key.Marshal()) {
					return nil, nil
				}
			}
			return nil, fmt.Errorf("key %s may not log in", ssh.FingerprintSHA256(key))
		}
	}
	if s.cfg.Password != "" {
		cfg.PasswordCallback = func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if string(password) == s.cfg.Password.Reveal() {
				return nil, nil
			}
			return nil, errors.New("wrong password")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.hostKeys {
		cfg.AddHostKey(k)
	}
	return cfg
}
