package sshexec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Config says how to reach one machine. Host and User are required, and at least one way to log in.
type Config struct {
	Host       string   // the machine's name: shown in every message, dialled unless Addr is set
	Addr       string   // host:port to dial; Host at port 22 when empty
	User       string   // who to log in as
	Auth       Auth     // how to log in
	KnownHosts []string // known_hosts files; when empty ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts
	HostKeys   HostKeyPolicy
	KeyAlias   string // name to look the host's key up by, in place of Addr and Host

	// Jump is the machine through which to connect. The connection lives as long as the jump's.
	Jump *Client
	// Dialer makes the connection underneath in place of a plain TCP one; it excludes Jump.
	Dialer func(ctx context.Context, network, addr string) (net.Conn, error)

	ConnectTimeout  time.Duration // bound on connecting and logging in; 15 s when zero
	KeepAlive       time.Duration // how often to ask whether the host is there; 15 s when zero, never when negative
	KeepAliveMisses int           // how many questions may stay unanswered before the connection counts as lost; 3 when zero
	MaxSessions     int           // how many commands run at a time on the connection, the others wait; 10, sshd's own limit, when zero
	EndTime         time.Duration // how long it may take to end the processes of a command that was cancelled; 30 s when zero
}

// Errors of connecting and of connections.
var (
	ErrUnreachable    = errors.New("the host cannot be reached")
	ErrDisconnected   = errors.New("the connection was lost before the command's end was known")
	ErrSessionRefused = errors.New("the host refused to start a session")
	ErrClosed         = errors.New("the client is closed")
)

// Client runs commands on one machine over SSH. It keeps one connection, and makes a new one when that is lost: for the
// next command only, a command that was sent is never sent again. It is safe for concurrent use.
type Client struct {
	cfg   Config
	login *login
	slots chan struct{} // one for each session that the host has open
	turn  chan struct{} // held while connecting
	owned *Client       // the jump host's, when it was made for this one

	mu     sync.Mutex
	conn   *connection
	closed bool
}

var _ Runner = (*Client)(nil)

// NewClient is a Client that connects when the first command needs it.
func NewClient(cfg Config) (*Client, error) {
	if cfg.Host == "" || cfg.User == "" {
		return nil, errors.New("cannot make an SSH client: host and user are required")
	}
	if a := cfg.Auth; len(a.Keys) == 0 && len(a.KeyFiles) == 0 && !a.Agent && a.Password == nil {
		return nil, fmt.Errorf("cannot make an SSH client for %s: no way to log in is given: a key, the agent or a password", cfg.Host)
	}
	if cfg.Jump != nil && cfg.Dialer != nil {
		return nil, fmt.Errorf("cannot make an SSH client for %s: it has both a jump host and a dialer", cfg.Host)
	}
	if cfg.Addr == "" {
		cfg.Addr = net.JoinHostPort(strings.Trim(cfg.Host, "[]"), "22")
	}
	if _, _, err := net.SplitHostPort(cfg.Addr); err != nil {
		return nil, fmt.Errorf("cannot make an SSH client for %s: the address must be host:port: %w", cfg.Host, err)
	}
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, 15*time.Second)
	cfg.KeepAlive = cmp.Or(cfg.KeepAlive, 15*time.Second)
	cfg.KeepAliveMisses = cmp.Or(cfg.KeepAliveMisses, 3)
	cfg.EndTime = cmp.Or(cfg.EndTime, 30*time.Second)
	cfg.MaxSessions = cmp.Or(max(cfg.MaxSessions, 0), 10)
	return &Client{
		cfg: cfg, login: &login{auth: cfg.Auth},
		slots: make(chan struct{}, cfg.MaxSessions), turn: make(chan struct{}, 1),
	}, nil
}

// Dial is NewClient with the first connection made. Its error is one of errors.Is ErrUnreachable, ErrAuth,
// ErrHostKeyUnknown, ErrHostKeyChanged, ErrHostKeyRevoked, or says what is wrong with the configuration.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	c, err := NewClient(cfg)
	if err != nil {
		return nil, err
	}
	if _, err := c.connect(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Host is the machine's name as configured.
func (c *Client) Host() string { return c.cfg.Host }

// Close ends the connection and with it every command on it; their outcome becomes Unknown.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	conn := c.conn
	c.mu.Unlock()
	if conn != nil {
		_ = conn.ssh.Close() // an error says only that the host was quicker
		<-conn.done
	}
	if c.owned != nil {
		return c.owned.Close()
	}
	return nil
}

// connect gives the live connection, or makes one.
func (c *Client) connect(ctx context.Context) (*connection, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("cannot connect to %s: %w", c.cfg.Host, contextCause(ctx))
	}
	c.mu.Lock()
	conn, closed := c.conn, c.closed
	c.mu.Unlock()
	if closed {
		return nil, fmt.Errorf("cannot connect to %s: %w", c.cfg.Host, ErrClosed)
	}
	if conn != nil && conn.alive() {
		return conn, nil
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot connect to %s: %w", c.cfg.Host, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = conn.ssh.Close()
		<-conn.done
		return nil, fmt.Errorf("cannot connect to %s: %w", c.cfg.Host, ErrClosed)
	}
	c.conn = conn
	return conn, nil
}

// dial makes a connection. Every wait in it ends with the context.
func (c *Client) dial(parent context.Context) (*connection, error) {
	ctx, cancel := context.WithTimeoutCause(parent, c.cfg.ConnectTimeout,
		fmt.Errorf("%w: no answer within %s", ErrUnreachable, c.cfg.ConnectTimeout))
	defer cancel()
	keys, err := readHostKeys(c.cfg.HostKeys, c.cfg.KnownHosts, c.names())
	if err != nil {
		return nil, err
	}
	methods, done, err := c.login.methods(ctx)
	defer done()
	if err != nil {
		return nil, err
	}
	raw, err := c.dialRaw(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, contextCause(ctx)
		}
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	line := &lastWords{Conn: prompt(raw)}
	var hostKey string
	check := func(name string, addr net.Addr, key ssh.PublicKey) error {
		hostKey = ssh.FingerprintSHA256(key)
		return keys.check(name, addr, key)
	}
	sshConn, channels, requests, err := ssh.NewClientConn(line, keys.name, &ssh.ClientConfig{
		Config:            ssh.Config{Ciphers: ciphers()},
		User:              c.cfg.User,
		Auth:              methods,
		HostKeyCallback:   check,
		HostKeyAlgorithms: keys.algorithms(),
		ClientVersion:     "SSH-2.0-evenkeel",
	})
	if !stop() && err == nil {
		_ = sshConn.Close()
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = raw.Close()
		return nil, c.classify(ctx, err)
	}
	conn := &connection{ssh: ssh.NewClient(sshConn, channels, requests), line: line, hostKey: hostKey, done: make(chan struct{})}
	go conn.watch(c.cfg.KeepAlive, c.cfg.KeepAliveMisses)
	return conn, nil
}

// names are those under which known_hosts may have the machine: what is dialled first.
func (c *Client) names() []string {
	if c.cfg.KeyAlias != "" {
		return []string{net.JoinHostPort(c.cfg.KeyAlias, "22")}
	}
	host := strings.Trim(c.cfg.Host, "[]")
	_, port, _ := net.SplitHostPort(c.cfg.Addr)
	return slices.Compact([]string{c.cfg.Addr, net.JoinHostPort(host, port), net.JoinHostPort(host, "22")})
}

func (c *Client) dialRaw(ctx context.Context) (net.Conn, error) {
	switch {
	case c.cfg.Dialer != nil:
		return c.cfg.Dialer(ctx, "tcp", c.cfg.Addr)
	case c.cfg.Jump != nil:
		return c.cfg.Jump.channel(ctx, "tcp", c.cfg.Addr)
	}
	// Go sets TCP_NODELAY by default; without it a short command takes 40 ms longer.
	var d net.Dialer
	return d.DialContext(ctx, "tcp", c.cfg.Addr)
}

// classify names what a failed handshake means. x/crypto has no typed error for a refused login; its text is looked at
// here and nowhere else.
func (c *Client) classify(ctx context.Context, err error) error {
	var (
		key  *HostKeyError
		file *os.PathError
	)
	switch {
	case ctx.Err() != nil:
		return contextCause(ctx)
	case errors.As(err, &key):
		return key
	case errors.As(err, &file):
		return err
	case strings.Contains(err.Error(), "unable to authenticate"):
		c.login.forgetPassword()
		return fmt.Errorf("%w: %w", ErrAuth, err)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// ciphers has AES-GCM first, which machines of this century do in hardware.
func ciphers() []string {
	return []string{
		ssh.CipherAES128GCM, ssh.CipherAES256GCM, ssh.CipherChaCha20Poly1305,
		ssh.CipherAES128CTR, ssh.CipherAES192CTR, ssh.CipherAES256CTR,
	}
}
