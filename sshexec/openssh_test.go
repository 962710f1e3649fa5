//go:build integration

package sshexec_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest/conformance"
)

// sshdPath is where Debian's package openssh-server and most others have it; sshd insists on being called by its full name.
const sshdPath = "/usr/sbin/sshd"

// sshd is an OpenSSH server of the test's own: its configuration, keys and port are its own, on an address of 127.0.0.0/8.
type sshd struct {
	cfg  sshexec.Config
	addr string
	dir  string
	wrap []string // program and arguments that start sshd, when it is not started by itself
	cmd  *exec.Cmd
	log  *bytes.Buffer
}

// startSSHD starts a server with lines added to its configuration, and stops it when the test ends.
func startSSHD(t *testing.T, address string, lines ...string) *sshd {
	t.Helper()
	s := newSSHD(t, address, lines...)
	s.start(t)
	return s
}

// newSSHD is startSSHD without the start.
func newSSHD(t *testing.T, address string, lines ...string) *sshd {
	t.Helper()
	if _, err := os.Stat(sshdPath); err != nil {
		t.Skipf("no OpenSSH server here (Debian: openssh-server): %v", err)
	}
	if os.Geteuid() == 0 {
		// Root's sshd wants the directory that its service makes at boot.
		if err := os.Mkdir("/run/sshd", 0o755); err == nil {
			t.Cleanup(func() { _ = os.Remove("/run/sshd") })
		}
	}
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	require.NoError(t, err)
	s := &sshd{addr: l.Addr().String(), dir: t.TempDir()}
	require.NoError(t, l.Close())
	me, err := user.Current()
	require.NoError(t, err)
	key := newKey(t)
	s.cfg = sshexec.Config{
		Host: "node1", Addr: s.addr, User: me.Username,
		Auth: sshexec.Auth{Keys: []ssh.Signer{key}}, KnownHosts: []string{filepath.Join(s.dir, "known_hosts")},
	}
	s.authorize(t, key.PublicKey())
	s.write(t, "known_hosts", knownhosts.Line([]string{s.addr}, s.newHostKey(t))+"\n")
	_, port, _ := net.SplitHostPort(s.addr)
	s.write(t, "sshd_config", strings.Join(append(lines, // of two lines that say the same thing sshd takes the first
		"ListenAddress "+address, "Port "+port, "HostKey "+filepath.Join(s.dir, "host_key"), "AuthorizedKeysFile "+
			filepath.Join(s.dir, "authorized_keys"),
		"PidFile none", "StrictModes no", "UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
		"PermitRootLogin yes", "LogLevel VERBOSE",
		"SetEnv HOME="+s.dir, // no start-up files of this user's shell
	), "\n")+"\n")
	return s
}

func (s *sshd) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600))
}

func (s *sshd) authorize(t *testing.T, key ssh.PublicKey) {
	t.Helper()
	s.write(t, "authorized_keys", string(ssh.MarshalAuthorizedKey(key)))
}

// newHostKey gives the server another key from its next start on.
func (s *sshd) newHostKey(t *testing.T) ssh.PublicKey {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	require.NoError(t, err)
	s.write(t, "host_key", string(pem.EncodeToMemory(block)))
	key, err := ssh.NewPublicKey(public)
	require.NoError(t, err)
	return key
}

func (s *sshd) start(t *testing.T) {
	t.Helper()
	s.log = &bytes.Buffer{}
	argv := append(slices.Clone(s.wrap), sshdPath, "-D", "-e", "-f", filepath.Join(s.dir, "sshd_config"))
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr, cmd.WaitDelay = s.log, time.Second
	require.NoError(t, cmd.Start())
	s.cmd = cmd
	t.Cleanup(func() { s.stop() })
	for range 200 {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.stop()
	t.Fatalf("sshd does not listen:\n%s", s.log)
}

func (s *sshd) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
	s.cmd = nil
}

func (s *sshd) dial(t *testing.T) *sshexec.Client {
	t.Helper()
	c, err := sshexec.Dial(t.Context(), s.cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestOpenSSHConforms(t *testing.T) {
	s := startSSHD(t, "127.0.0.1")
	conformance.Test(t, func(t *testing.T) sshexec.Runner { return s.dial(t) }, conformance.Options{})
}

// A client finds out by itself that the login shell is bash. The shell that misses a program says its own name.
func TestOpenSSHBash(t *testing.T) {
	c := startSSHD(t, "127.0.0.1").dial(t)
	res, err := c.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "printenv", "SHELL"))
	require.NoError(t, err)
	if filepath.Base(res.Text()) != "bash" {
		t.Skipf("the login shell here is %s", res.Text())
	}
	require.Eventually(t, func() bool {
		res, _ := c.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "evenkeel-no-such-program"))
		return res.ExitCode == 127 && strings.HasPrefix(string(res.Stderr), "bash: ")
	}, time.Minute, time.Millisecond)
}

// The same with one session at a time, which the client has to know.
func TestOpenSSHOneSession(t *testing.T) {
	s := startSSHD(t, "127.0.0.1", "MaxSessions 1")
	s.cfg.MaxSessions = 1
	t.Run("conforms", func(t *testing.T) {
		conformance.Test(t, func(t *testing.T) sshexec.Runner { return s.dial(t) }, conformance.Options{})
	})
	t.Run("cancel", func(t *testing.T) {
		pids, res, err := cancelWhenPrinted(t, s.dial(t), tree(), 2)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, sshexec.GroupEnded, res.Ending)
		for _, pid := range pids {
			require.False(t, alive(t, pid))
		}
	})
	t.Run("a client that does not know", func(t *testing.T) {
		s.cfg.MaxSessions = 5
		client := s.dial(t)
		started := make(chan struct{})
		hold := sshexec.Script(sshexec.ReadOnly, `echo; sleep 2`)
		hold.Lines = func(sshexec.Line) { close(started) }
		ended := make(chan error, 1)
		go func() {
			_, err := client.Run(t.Context(), hold)
			ended <- err
		}()
		<-started
		res, err := client.Run(t.Context(), sshexec.Command(sshexec.Mutating, "true"))
		require.ErrorIs(t, err, sshexec.ErrSessionRefused)
		require.Equal(t, sshexec.NotStarted, res.Outcome)
		require.NoError(t, <-ended)
	})
}

func TestOpenSSHAgent(t *testing.T) {
	s := startSSHD(t, "127.0.0.1")
	s.authorize(t, serveAgent(t))
	s.cfg.Auth = sshexec.Auth{Agent: true}
	_, err := s.dial(t).Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
	require.NoError(t, err)
	s.authorize(t, newKey(t).PublicKey())
	_, err = sshexec.Dial(t.Context(), s.cfg)
	require.ErrorIs(t, err, sshexec.ErrAuth)
}

// SSH-012.
func TestOpenSSHJump(t *testing.T) {
	gate, inner := startSSHD(t, "127.0.0.2"), startSSHD(t, "127.0.0.3")
	inner.cfg.Jump = gate.dial(t)
	res, err := inner.dial(t).Run(t.Context(), sshexec.Script(sshexec.ReadOnly, `echo "$SSH_CONNECTION"`))
	require.NoError(t, err)
	require.Contains(t, res.Text(), "127.0.0.3")

	closed := startSSHD(t, "127.0.0.4", "AllowTcpForwarding no")
	inner.cfg.Jump = closed.dial(t)
	_, err = sshexec.Dial(t.Context(), inner.cfg)
	require.ErrorIs(t, err, sshexec.ErrUnreachable)
	require.ErrorContains(t, err, "prohibited")
}

// SSH-006.
func TestOpenSSHHostKeyChanges(t *testing.T) {
	s := startSSHD(t, "127.0.0.1")
	c := s.dial(t)
	s.stop()
	key := s.newHostKey(t)
	s.start(t)
	pid, err := c.Run(t.Context(), sshexec.Script(sshexec.ReadOnly, `echo $PPID`))
	require.NoError(t, err, "a connection that stands is not touched by it")
	killSession(t, pid.Text())
	res, err := c.Run(t.Context(), sshexec.Command(sshexec.Mutating, "true"))
	if sshexec.OutcomeOf(err) == sshexec.Unknown { // the loss was not noticed before
		res, err = c.Run(t.Context(), sshexec.Command(sshexec.Mutating, "true"))
	}
	require.ErrorIs(t, err, sshexec.ErrHostKeyChanged)
	require.Equal(t, sshexec.NotStarted, res.Outcome)
	s.write(t, "known_hosts", knownhosts.Line([]string{s.addr}, key)+"\n")
	_, err = c.Run(t.Context(), sshexec.Command(sshexec.Mutating, "true"))
	require.NoError(t, err)
}

// killSession kills the server's process of one connection, as a crash or the kernel would.
func killSession(t *testing.T, pid string) {
	t.Helper()
	_, err := sshexec.Local{}.Run(t.Context(), sshexec.Command(sshexec.Disruptive, "kill", "-9", pid))
	require.NoError(t, err)
}

// SSH-007.
func TestOpenSSHKilledUnderACommand(t *testing.T) {
	s := startSSHD(t, "127.0.0.1")
	c := s.dial(t)
	ran := filepath.Join(t.TempDir(), "ran")
	res, err := c.Run(t.Context(), sshexec.Script(sshexec.Mutating, `kill -9 $PPID; sleep 0.2; echo x >>"$1"`, ran))
	require.ErrorIs(t, err, sshexec.ErrDisconnected)
	require.Equal(t, sshexec.Unknown, res.Outcome)
	require.Equal(t, sshexec.NotCancelled, res.Ending)
	require.Eventually(t, func() bool { _, err := os.Stat(ran); return err == nil }, 10*time.Second, 20*time.Millisecond,
		"it went on, and nobody knew")
	_, err = c.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
	require.NoError(t, err)
}

// SSH-008: the server asks whether the client is there, and the client answers while a command keeps silent.
func TestOpenSSHClientAlive(t *testing.T) {
	s := startSSHD(t, "127.0.0.1", "ClientAliveInterval 1", "ClientAliveCountMax 1")
	_, err := s.dial(t).Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "sleep", "4"))
	require.NoError(t, err)
}

// SSH-007, SSH-008.
func TestOpenSSHCancelEndsTheGroup(t *testing.T) {
	s := startSSHD(t, "127.0.0.1")
	pids, res, err := cancelWhenPrinted(t, s.dial(t), tree(), 2)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, sshexec.ErrMayRun)
	require.Equal(t, sshexec.GroupEnded, res.Ending)
	require.Equal(t, sshexec.Signalled, res.Outcome)
	for _, pid := range pids {
		require.False(t, alive(t, pid))
	}
}

// SSH-001: with the machine's own sudo. Root needs no password, so one that is given must not reach the command.
func TestOpenSSHSudo(t *testing.T) {
	if _, err := exec.LookPath("sudo"); err != nil {
		t.Skipf("no sudo here: %v", err)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root may use sudo on any machine")
	}
	if _, err := user.Lookup("nobody"); err != nil {
		t.Skip("no user to become")
	}
	s := startSSHD(t, "127.0.0.1")
	for _, password := range []sshexec.Secret{"", "geheim"} {
		c := sshexec.WithSudo(s.dial(t), sshexec.Sudo{User: "nobody", Password: password})
		cmd := sshexec.Script(sshexec.Mutating, `id -un; cat; echo "$A"; echo err >&2; exit 7`)
		cmd.Stdin, cmd.Env = sshexec.Text("input\n"), []string{"A=b c"}
		res, err := c.Run(t.Context(), cmd)
		require.Equal(t, 7, res.ExitCode, "%v", err)
		require.Equal(t, "nobody\ninput\nb c\n", string(res.Stdout))
		require.Equal(t, "err\n", string(res.Stderr))

		pids, res, err := cancelWhenPrinted(t, c, tree(), 2)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, sshexec.GroupEnded, res.Ending, "%v", err)
		for _, pid := range pids {
			require.False(t, alive(t, pid))
		}
	}
	// Files and trees, in a directory that only the other user may enter.
	open := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(open), 0o755))
	require.NoError(t, os.Chmod(open, 0o777))
	writeTree(t, filepath.Join(open, "tree"), "a", "sub/b")
	nobody := sshexec.WithSudo(s.dial(t), sshexec.Sudo{User: "nobody"})
	require.NoError(t, sshexec.Mkdir(t.Context(), nobody, filepath.Join(open, "theirs"), 0o700))
	_, err := sshexec.UploadTree(t.Context(), nobody, filepath.Join(open, "tree"), filepath.Join(open, "theirs/tree"))
	require.NoError(t, err)
	_, err = sshexec.DownloadTree(t.Context(), nobody, filepath.Join(open, "theirs/tree"), filepath.Join(open, "back"))
	require.NoError(t, err)
	require.Equal(t, listTree(t, filepath.Join(open, "tree")), listTree(t, filepath.Join(open, "back")))
	info, err := sshexec.Lstat(t.Context(), nobody, filepath.Join(open, "theirs/tree/sub/b"))
	require.NoError(t, err)
	require.NotZero(t, info.UID)

	c := sshexec.WithSudo(s.dial(t), sshexec.Sudo{User: "no-such-user"})
	res, err := c.Run(t.Context(), sshexec.Command(sshexec.Mutating, "true"))
	require.ErrorIs(t, err, sshexec.ErrSudo)
	require.Equal(t, sshexec.NotStarted, res.Outcome)
}

// SSH-008, SSH-010: the server's process of the connection is killed again and again under a supervised command.
func TestOpenSSHSupervise(t *testing.T) {
	s := startSSHD(t, "127.0.0.1")
	c := s.dial(t)
	ran := filepath.Join(t.TempDir(), "ran")
	ctx, stop := context.WithCancel(t.Context())
	kills := 0
	var killer sync.WaitGroup
	killer.Go(func() {
		for ctx.Err() == nil {
			time.Sleep(1500 * time.Millisecond)
			if res, err := c.Run(ctx, sshexec.Script(sshexec.ReadOnly, `echo $PPID`)); err == nil {
				if _, err := (sshexec.Local{}).Run(ctx, sshexec.Command(sshexec.Disruptive, "kill", "-9", res.Text())); err == nil {
					kills++
				}
			}
		}
	})
	cmd := sshexec.Script(sshexec.Mutating, `echo x >>"$1"; i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); sleep 0.05; done`, ran)
	res, err := sshexec.Supervise(t.Context(), c, cmd, jobs(t, "dkms"))
	stop()
	killer.Wait()
	require.NoError(t, err)
	require.Positive(t, kills)
	var want strings.Builder
	for i := range 100 {
		fmt.Fprintf(&want, "line %d\n", i)
	}
	require.Equal(t, want.String(), string(res.Stdout))
	text, err := os.ReadFile(ran)
	require.NoError(t, err)
	require.Equal(t, "x\n", string(text))
}

// A name of the SSH configuration, whose key nobody knows yet.
func TestOpenSSHConfigFile(t *testing.T) {
	gate, inner := startSSHD(t, "127.0.0.2"), startSSHD(t, "127.0.0.3")
	file := filepath.Join(t.TempDir(), "known_hosts")
	host := func(name string, s *sshd) string {
		address, port, _ := net.SplitHostPort(s.addr)
		return fmt.Sprintf("Host %s\n  HostName %s\n  Port %s\n", name, address, port)
	}
	text := host("gate", gate) + host("inner", inner) +
		"  ProxyJump gate\nHost *\n  StrictHostKeyChecking accept-new\n  IdentitiesOnly yes\n  UserKnownHostsFile " + file + "\n"
	base := sshexec.Config{User: gate.cfg.User, Auth: sshexec.Auth{Keys: append(gate.cfg.Auth.Keys, inner.cfg.Auth.Keys...)}}
	for range 2 {
		c, err := sshConfig(t, text).Client("inner", base)
		require.NoError(t, err)
		_, err = c.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
		require.NoError(t, err)
		require.NoError(t, c.Close())
	}
	known, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(known), "\n"))
	require.NotContains(t, string(known), "0.0.0.0")
}
