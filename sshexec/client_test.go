package sshexec_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
)

// What comes in another order than usual, or slowly, is the same.
func TestUnusualServers(t *testing.T) {
	t.Run("the end before the output", func(t *testing.T) {
		m := newMachine(t)
		m.SetFaults(sshexectest.Faults{Reorder: true})
		c := m.dial(t)
		var lines []sshexec.Line
		cmd := sshexec.Script(sshexec.ReadOnly, `seq 1 20000; echo wrong >&2; exit 3`)
		cmd.Lines = func(l sshexec.Line) { lines = append(lines, l) }
		res, err := c.Run(t.Context(), cmd)
		require.Error(t, err)
		require.Equal(t, sshexec.Exited, res.Outcome)
		require.Equal(t, 3, res.ExitCode)
		require.Len(t, lines, 20001)
		require.True(t, strings.HasSuffix(string(res.Stdout), "\n19999\n20000\n"))
		require.Equal(t, "wrong\n", string(res.Stderr))
		require.NoError(t, sshexec.Upload(t.Context(), c, strings.NewReader("text"), filepath.Join(t.TempDir(), "f"), 0o600))
	})
	t.Run("a slow line", func(t *testing.T) {
		m := newMachine(t)
		m.cfg.KeepAlive, m.cfg.KeepAliveMisses = 20*time.Millisecond, 100
		c := m.dial(t)
		m.SetFaults(sshexectest.Faults{Throttle: 200 << 10})
		data, dir := randomBytes(100<<10), t.TempDir()
		require.NoError(t, sshexec.Upload(t.Context(), c, bytes.NewReader(data), filepath.Join(dir, "f"), 0o600))
		var back bytes.Buffer
		require.NoError(t, sshexec.Download(t.Context(), c, filepath.Join(dir, "f"), &back))
		require.True(t, bytes.Equal(data, back.Bytes()))
		m.SetFaults(sshexectest.Faults{Throttle: 1 << 10})
		ctx, cancel := context.WithCancel(t.Context())
		cmd := sshexec.Script(sshexec.ReadOnly, `echo; exec sleep 60`)
		cmd.Lines = func(sshexec.Line) { cancel() }
		_, err := c.Run(ctx, cmd)
		require.ErrorIs(t, err, context.Canceled, "nobody waits for a slow line longer than for a fast one")
	})
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newECDSAKey(t *testing.T) ssh.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	s, err := ssh.NewSignerFromKey(k)
	require.NoError(t, err)
	return s
}

// SSH-006: hostile and changing host keys.
func TestHostKeys(t *testing.T) {
	ed, ec, other := newKey(t), newECDSAKey(t), newKey(t)
	line := func(k ssh.Signer) func(string) string {
		return func(addr string) string { return knownhosts.Line([]string{addr}, k.PublicKey()) + "\n" }
	}
	for _, c := range []struct {
		name  string
		keys  []ssh.Signer
		known func(addr string) string
		want  error
		say   string
	}{
		{name: "known", keys: []ssh.Signer{ed}, known: line(ed)},
		{name: "unknown", keys: []ssh.Signer{ed}, known: func(string) string { return "" }, want: sshexec.ErrHostKeyUnknown,
			say: "ssh-ed25519 SHA256:"},
		{name: "another host only", keys: []ssh.Signer{ed},
			known: func(string) string { return line(ed)("other.example.net") }, want: sshexec.ErrHostKeyUnknown},
		{name: "changed", keys: []ssh.Signer{ed}, known: line(other), want: sshexec.ErrHostKeyChanged, say: "known_hosts:1 ssh-ed25519 SHA256:"},
		{name: "the second of two keys is the known one", keys: []ssh.Signer{ec, ed}, known: line(ed)},
		{name: "the other way round", keys: []ssh.Signer{ed, ec}, known: line(ec)},
		{name: "the known type is gone", keys: []ssh.Signer{ec}, known: line(ed), want: sshexec.ErrHostKeyChanged, say: "ecdsa-sha2-nistp256"},
		{name: "revoked", keys: []ssh.Signer{ed}, known: func(a string) string {
			return line(ed)(a) + "@revoked * " + string(ssh.MarshalAuthorizedKey(ed.PublicKey()))
		},
			want: sshexec.ErrHostKeyRevoked},
		{name: "hashed name", keys: []ssh.Signer{ed}, known: func(a string) string {
			return knownhosts.HashHostname(knownhosts.Normalize(a)) + " " + string(ssh.MarshalAuthorizedKey(ed.PublicKey()))
		}},
		{name: "under the host's name", keys: []ssh.Signer{ed}, known: func(string) string { return line(ed)("node1") }},
		{name: "the address counts before the name", keys: []ssh.Signer{ed},
			known: func(a string) string { return line(ed)("node1") + line(other)(a) },
			want:  sshexec.ErrHostKeyChanged},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, func(cfg *sshexectest.Config) { cfg.HostKeys = c.keys })
			m.cfg.KnownHosts = []string{knownHosts(t, c.known(m.addr))}
			client, err := sshexec.Dial(t.Context(), m.cfg)
			if c.want == nil {
				require.NoError(t, err)
				require.NoError(t, client.Close())
				return
			}
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, "node1")
			require.ErrorContains(t, err, c.say)
			var typed *sshexec.HostKeyError
			require.ErrorAs(t, err, &typed)
		})
	}
	t.Run("no file at all", func(t *testing.T) {
		m := newMachine(t)
		m.cfg.KnownHosts = []string{filepath.Join(t.TempDir(), "none")}
		_, err := sshexec.Dial(t.Context(), m.cfg)
		require.ErrorIs(t, err, os.ErrNotExist)
	})
}

// SSH-006, SSH-007: a machine goes away, comes back with other host keys, and gets its old ones back; known_hosts is read each time.
func TestReconnect(t *testing.T) {
	m := newMachine(t)
	c := m.dial(t)
	id := sshexec.Command(sshexec.ReadOnly, "true")
	for range 3 {
		m.Drop()
		// The loss may be noticed before, or only when a session is asked for; neither may fail a command that was not sent.
		_, err := c.Run(t.Context(), id)
		require.NoError(t, err)
	}
	rebuilt := newKey(t)
	m.SetHostKeys(rebuilt)
	m.Drop()
	res, err := c.Run(t.Context(), id)
	require.ErrorIs(t, err, sshexec.ErrHostKeyChanged)
	require.Equal(t, sshexec.NotStarted, res.Outcome)
	require.NoError(t, os.WriteFile(m.cfg.KnownHosts[0], []byte(m.KnownHosts(m.addr)), 0o600))
	_, err = c.Run(t.Context(), id)
	require.NoError(t, err)
}

// The outcome table: what is known of a command after each way in which a host or a network fails.
func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		name    string
		faults  sshexectest.Faults
		timeout time.Duration
		want    sshexec.Outcome
		is      error
		ran     int32
	}{
		{name: "all well", want: sshexec.Exited, ran: 1},
		{name: "session refused", faults: sshexectest.Faults{RefuseSessions: true}, want: sshexec.NotStarted, is: sshexec.ErrSessionRefused},
		{name: "exec refused", faults: sshexectest.Faults{RefuseExec: true}, want: sshexec.NotStarted, is: sshexec.ErrSessionRefused},
		{name: "session never answered", faults: sshexectest.Faults{StallSessions: true}, timeout: 50 * time.Millisecond,
			want: sshexec.NotStarted, is: sshexec.ErrTimeout},
		{name: "exec never answered", faults: sshexectest.Faults{StallExec: true}, timeout: 50 * time.Millisecond,
			want: sshexec.Unknown, is: sshexec.ErrTimeout},
		{name: "cut before it runs", faults: sshexectest.Faults{CutBefore: true}, want: sshexec.Unknown, is: sshexec.ErrDisconnected},
		{name: "cut after it ran", faults: sshexectest.Faults{CutAfter: true}, want: sshexec.Unknown, is: sshexec.ErrDisconnected, ran: 1},
		{name: "no exit status", faults: sshexectest.Faults{OmitExit: true}, want: sshexec.Unknown, is: sshexec.ErrDisconnected, ran: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ran atomic.Int32
			m := newMachine(t, func(cfg *sshexectest.Config) {
				cfg.Handler = func(context.Context, sshexectest.Request) sshexectest.Exit {
					ran.Add(1)
					return sshexectest.Exit{}
				}
			})
			m.cfg.EndTime = 100 * time.Millisecond
			client := m.dial(t)
			m.SetFaults(c.faults)
			cmd := sshexec.Command(sshexec.Disruptive, "pcs", "resource", "relocate", "run")
			cmd.Timeout = c.timeout
			res, err := client.Run(t.Context(), cmd)
			require.Equal(t, c.want, res.Outcome)
			require.Equal(t, c.want, sshexec.OutcomeOf(err))
			if c.want == sshexec.Exited {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, c.is)
			}
			// SSH-010: whatever happened, it was sent once at most.
			require.LessOrEqual(t, strings.Count(strings.Join(m.Lines(), "\n"), "relocate"), 1)
			require.Equal(t, c.ran, ran.Load())
			// The client is not spoilt by it.
			m.SetFaults(sshexectest.Faults{})
			_, err = client.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
			require.NoError(t, err)
		})
	}
	t.Run("connection refused", func(t *testing.T) {
		m := newMachine(t)
		require.NoError(t, m.Close())
		client, err := sshexec.NewClient(m.cfg)
		require.NoError(t, err)
		res, err := client.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
		require.Equal(t, sshexec.NotStarted, res.Outcome)
		require.ErrorIs(t, err, sshexec.ErrUnreachable)
	})
	t.Run("mute port", func(t *testing.T) {
		m := newMachine(t)
		m.SetFaults(sshexectest.Faults{StallHandshake: true})
		m.cfg.ConnectTimeout = 50 * time.Millisecond
		client, err := sshexec.NewClient(m.cfg)
		require.NoError(t, err)
		res, err := client.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
		require.Equal(t, sshexec.NotStarted, res.Outcome)
		require.ErrorIs(t, err, sshexec.ErrUnreachable)
	})
	t.Run("closed", func(t *testing.T) {
		client := newMachine(t).dial(t)
		require.NoError(t, client.Close())
		res, err := client.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
		require.Equal(t, sshexec.NotStarted, res.Outcome)
		require.ErrorIs(t, err, sshexec.ErrClosed)
	})
}

// SSH-010: under any sequence of faults a command runs once at most, and the outcome never says more than what is true.
func TestOutcomesNeverLie(t *testing.T) {
	var ran atomic.Int32
	m := newMachine(t, func(cfg *sshexectest.Config) {
		cfg.Handler = func(context.Context, sshexectest.Request) sshexectest.Exit {
			ran.Add(1)
			return sshexectest.Exit{}
		}
	})
	client := m.dial(t)
	rapid.Check(t, func(rt *rapid.T) {
		f := func(name string) bool { return rapid.IntRange(0, 4).Draw(rt, name) == 0 }
		if f("drop") {
			m.Drop()
		}
		m.SetFaults(sshexectest.Faults{
			RefuseSessions: f("refuse sessions"), RefuseExec: f("refuse exec"),
			CutBefore: f("cut before"), CutAfter: f("cut after"), OmitExit: f("omit exit"),
		})
		ran.Store(0)
		sent := len(m.Lines())
		res, _ := client.Run(t.Context(), sshexec.Command(sshexec.Mutating, "true"))
		require.LessOrEqual(rt, len(m.Lines())-sent, 1)
		switch res.Outcome {
		case sshexec.NotStarted:
			require.Zero(rt, ran.Load())
		case sshexec.Exited:
			require.EqualValues(rt, 1, ran.Load())
		default:
			require.LessOrEqual(rt, ran.Load(), int32(1))
		}
	})
}

// SSH-007: the network goes away under a running command.
func TestDropUnderACommand(t *testing.T) {
	started := make(chan struct{})
	m := newMachine(t, func(cfg *sshexectest.Config) {
		cfg.Handler = func(ctx context.Context, req sshexectest.Request) sshexectest.Exit {
			_, _ = io.WriteString(req.Stdout, "half")
			close(started)
			<-ctx.Done()
			return sshexectest.Exit{}
		}
	})
	client := m.dial(t)
	go func() {
		<-started
		m.Drop()
	}()
	res, err := client.Run(t.Context(), sshexec.Command(sshexec.Mutating, "reboot"))
	require.Equal(t, sshexec.Unknown, res.Outcome)
	require.ErrorIs(t, err, sshexec.ErrDisconnected)
	require.ErrorContains(t, err, "outcome unknown")
}

// SSH-008: a host that no longer answers is given up by keep-alives, however long the command may run.
func TestKeepAlive(t *testing.T) {
	m := newMachine(t, func(cfg *sshexectest.Config) {
		cfg.Handler = func(ctx context.Context, _ sshexectest.Request) sshexectest.Exit {
			<-ctx.Done()
			return sshexectest.Exit{}
		}
	})
	m.cfg.KeepAlive, m.cfg.KeepAliveMisses = 10*time.Millisecond, 3
	client := m.dial(t)
	m.SetFaults(sshexectest.Faults{StallRequests: true})
	res, err := client.Run(t.Context(), sshexec.Command(sshexec.Mutating, "reposync"))
	require.Equal(t, sshexec.Unknown, res.Outcome)
	require.ErrorIs(t, err, sshexec.ErrDisconnected)
}

// A host that answers keep-alives is left alone.
func TestKeepAliveAnswered(t *testing.T) {
	m := newMachine(t)
	m.cfg.KeepAlive, m.cfg.KeepAliveMisses = 2*time.Millisecond, 200
	_, err := m.dial(t).Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "sleep", "0.3"))
	require.NoError(t, err)
}

// One command's cancellation must not touch another that shares the connection.
func TestCancelLeavesTheConnection(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	local := sshexectest.RunnerHandler(sshexec.Local{})
	m := newMachine(t, func(cfg *sshexectest.Config) {
		cfg.Handler = func(ctx context.Context, req sshexectest.Request) sshexectest.Exit {
			if !strings.Contains(req.Line, "reposync") {
				return local(ctx, req)
			}
			close(started)
			<-release
			return sshexectest.Exit{}
		}
	})
	m.cfg.EndTime = 100 * time.Millisecond
	client := m.dial(t)
	ended := make(chan error, 1)
	go func() {
		_, err := client.Run(t.Context(), sshexec.Command(sshexec.Mutating, "reposync"))
		ended <- err
	}()
	<-started
	for _, f := range []sshexectest.Faults{{StallSessions: true}, {StallExec: true}, {IgnoreSignals: true}} {
		m.SetFaults(f)
		cmd := sshexec.Command(sshexec.ReadOnly, "sleep", "600")
		cmd.Timeout = 20 * time.Millisecond
		_, err := client.Run(t.Context(), cmd)
		require.ErrorIs(t, err, sshexec.ErrTimeout)
	}
	close(release)
	require.NoError(t, <-ended)
}

// More commands than the host has sessions wait for their turn, and those that wait can be cancelled.
func TestMaxSessions(t *testing.T) {
	m := newMachine(t)
	m.cfg.MaxSessions = 1
	client := m.dial(t)
	started, release := make(chan struct{}), make(chan struct{})
	hold := sshexec.Command(sshexec.ReadOnly, "echo", "x")
	hold.Stdout = writerFunc(func(p []byte) (int, error) {
		close(started)
		<-release
		return len(p), nil
	})
	ended := make(chan error, 1)
	go func() {
		_, err := client.Run(t.Context(), hold)
		ended <- err
	}()
	<-started
	close(release)
	require.NoError(t, <-ended)
	for range 5 {
		_, err := client.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
		require.NoError(t, err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A broken input ends the command and is no success, even if the command takes the half for the whole.
func TestBrokenInput(t *testing.T) {
	broken := errors.New("the disk is gone")
	for name, open := range map[string]func(*testing.T) sshexec.Runner{
		"local": func(*testing.T) sshexec.Runner { return sshexec.Local{} },
		"ssh":   func(t *testing.T) sshexec.Runner { return newMachine(t).dial(t) },
	} {
		t.Run(name, func(t *testing.T) {
			cmd := sshexec.Command(sshexec.Mutating, "cat")
			cmd.Stdin = sshexec.Stream(io.MultiReader(strings.NewReader("half"), readerFunc(func([]byte) (int, error) { return 0, broken })))
			_, err := open(t).Run(t.Context(), cmd)
			require.ErrorIs(t, err, broken)
		})
	}
	require.NotPanics(t, func() { _ = sshexec.Stream(nil).String() })
	s := sshexec.Stream(strings.NewReader("x"))
	_, err := s.Open()
	require.NoError(t, err)
	_, err = s.Open()
	require.ErrorIs(t, err, sshexec.ErrStreamTaken)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// SSH-012: a host that is reached through another, and a service that listens there only.
func TestJump(t *testing.T) {
	gate := newMachine(t, func(c *sshexectest.Config) { c.Forward = true })
	inner := newMachine(t)
	jump := gate.dial(t)
	inner.cfg.Jump = jump
	client := inner.dial(t)
	res, err := client.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "echo", "inside"))
	require.NoError(t, err)
	require.Equal(t, "inside", res.Text())

	require.NoError(t, inner.Close())
	_, err = jump.DialContext(t.Context(), "tcp", inner.addr)
	require.ErrorContains(t, err, "from node1")
	gate.Drop()
	res, err = client.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
	require.Equal(t, sshexec.NotStarted, res.Outcome)
	require.ErrorIs(t, err, sshexec.ErrUnreachable)
}

// A program that speaks through a tunnel gets all that was sent, its own end when the other side hangs up, and its deadlines.
func TestTunnel(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	ended := make(chan string, 2)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				line, _ := bufio.NewReader(c).ReadString('\n')
				if line == "wait\n" {
					_, _ = c.Read(make([]byte, 1)) // until the client hangs up
					ended <- "hung up"
				} else {
					_, _ = io.WriteString(c, strings.Repeat(line, 50_000))
				}
				_ = c.Close()
			}()
		}
	}()
	gate := newMachine(t, func(c *sshexectest.Config) { c.Forward = true }).dial(t)
	conn, err := gate.DialContext(t.Context(), "tcp", l.Addr().String())
	require.NoError(t, err)
	_, err = io.WriteString(conn, "hello\n")
	require.NoError(t, err)
	all, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Len(t, all, 50_000*len("hello\n"))
	require.NoError(t, conn.Close())

	conn, err = gate.DialContext(t.Context(), "tcp", l.Addr().String())
	require.NoError(t, err)
	_, err = io.WriteString(conn, "wait\n")
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, conn.Close())
	require.Equal(t, "hung up", <-ended)
}

func TestDialer(t *testing.T) {
	m := newMachine(t)
	dialled := ""
	m.cfg.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialled = addr
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}
	m.dial(t)
	require.Equal(t, m.addr, dialled)
}

func TestAuth(t *testing.T) {
	const password, phrase = "s3cret!", "ph rase"
	user := newKey(t)
	asked := 0
	m := newMachine(t, func(c *sshexectest.Config) {
		c.Authorized, c.Password = []ssh.PublicKey{user.PublicKey()}, password
	})
	dial := func(t *testing.T, a sshexec.Auth) error {
		cfg := m.cfg
		cfg.Auth = a
		c, err := sshexec.Dial(t.Context(), cfg)
		if err != nil {
			require.NotContains(t, err.Error(), password)
			return err
		}
		defer func() { require.NoError(t, c.Close()) }()
		m.Drop()
		_, err = c.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
		return err
	}
	t.Run("password, asked once", func(t *testing.T) {
		asked = 0
		require.NoError(t, dial(t, sshexec.Auth{Password: func() (sshexec.Secret, error) { asked++; return password, nil }}))
		require.Equal(t, 1, asked)
	})
	t.Run("wrong password", func(t *testing.T) {
		require.ErrorIs(t, dial(t, sshexec.Auth{Password: func() (sshexec.Secret, error) { return "wrong", nil }}), sshexec.ErrAuth)
	})
	t.Run("wrong key", func(t *testing.T) {
		require.ErrorIs(t, dial(t, sshexec.Auth{Keys: []ssh.Signer{newKey(t)}}), sshexec.ErrAuth)
	})
	t.Run("encrypted key file, asked once", func(t *testing.T) {
		private, file := newPrivateKeyFile(t, phrase)
		m2 := newMachine(t, func(c *sshexectest.Config) { c.Authorized = []ssh.PublicKey{private.PublicKey()} })
		asked = 0
		m2.cfg.Auth = sshexec.Auth{KeyFiles: []string{file}, Passphrase: func(f string) (sshexec.Secret, error) {
			asked++
			require.Equal(t, file, f)
			return phrase, nil
		}}
		c := m2.dial(t)
		m2.Drop()
		_, err := c.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
		require.NoError(t, err)
		require.Equal(t, 1, asked)
		m2.cfg.Auth.Passphrase = nil
		_, err = sshexec.Dial(t.Context(), m2.cfg)
		require.ErrorContains(t, err, file)
	})
	t.Run("agent", func(t *testing.T) {
		m3 := newMachine(t, func(c *sshexectest.Config) { c.Authorized = []ssh.PublicKey{serveAgent(t)} })
		m3.cfg.Auth = sshexec.Auth{Agent: true}
		m3.dial(t)
		t.Setenv("SSH_AUTH_SOCK", "")
		_, err := sshexec.Dial(t.Context(), m3.cfg)
		require.ErrorContains(t, err, "SSH_AUTH_SOCK")
	})
	t.Run("none given", func(t *testing.T) {
		require.ErrorContains(t, dial(t, sshexec.Auth{}), "no way to log in")
	})
}

func newPrivateKeyFile(t *testing.T, phrase string) (ssh.Signer, string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKeyWithPassphrase(k, "", []byte(phrase))
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "id")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	s, err := ssh.NewSignerFromKey(k)
	require.NoError(t, err)
	return s, file
}

// serveAgent runs an agent with one key behind SSH_AUTH_SOCK.
func serveAgent(t *testing.T) ssh.PublicKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ring := agent.NewKeyring()
	require.NoError(t, ring.Add(agent.AddedKey{PrivateKey: k}))
	dir, err := os.MkdirTemp("", "agent") // a short path: a socket's may not be long
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = agent.ServeAgent(ring, c)
				_ = c.Close()
			}()
		}
	}()
	t.Setenv("SSH_AUTH_SOCK", filepath.Join(dir, "s"))
	s, err := ssh.NewSignerFromKey(k)
	require.NoError(t, err)
	return s.PublicKey()
}

func TestConfigErrors(t *testing.T) {
	auth := sshexec.Auth{Password: func() (sshexec.Secret, error) { return "", nil }}
	for _, c := range []struct {
		cfg  sshexec.Config
		want string
	}{
		{sshexec.Config{User: "root", Auth: auth}, "host and user"},
		{sshexec.Config{Host: "h", Auth: auth}, "host and user"},
		{sshexec.Config{Host: "h", User: "root"}, "no way to log in"},
		{sshexec.Config{Host: "h", Addr: "h", User: "root", Auth: auth}, "host:port"},
		{sshexec.Config{Host: "h", User: "root", Auth: auth, Jump: &sshexec.Client{}, Dialer: (&net.Dialer{}).DialContext}, "both"},
	} {
		_, err := sshexec.NewClient(c.cfg)
		require.ErrorContains(t, err, c.want)
	}
}
