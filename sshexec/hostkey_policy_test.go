package sshexec_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
)

// SSH-006: the first key is written down, once and under the name that was dialled; another one later is refused.
func TestAcceptNew(t *testing.T) {
	m := newMachine(t)
	file := filepath.Join(t.TempDir(), "ssh", "known_hosts")
	m.cfg.KnownHosts, m.cfg.HostKeys = nil, sshexec.AcceptNew(file)
	m.cfg.KnownHosts = []string{knownHosts(t, "# nobody")}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			c, err := sshexec.Dial(t.Context(), m.cfg)
			if err != nil {
				t.Error(err)
				return
			}
			_ = c.Close()
		})
	}
	all.Wait()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	host, port, _ := strings.Cut(m.addr, ":")
	require.True(t, strings.HasPrefix(string(text), "["+host+"]:"+port+" ssh-ed25519 "), "%s", text)
	require.Equal(t, 1, strings.Count(string(text), "\n"))
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	m.SetHostKeys(newKey(t))
	_, err = sshexec.Dial(t.Context(), m.cfg)
	require.ErrorIs(t, err, sshexec.ErrHostKeyChanged)
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, text, after)
}

// A file that does not end in a newline, and a key that is revoked.
func TestAcceptNewKeepsTheFile(t *testing.T) {
	m := newMachine(t)
	file := knownHosts(t, "# mine")
	m.cfg.KnownHosts, m.cfg.HostKeys, m.cfg.KeyAlias = []string{file}, sshexec.AcceptNew(file), "node1.example.net"
	m.dial(t)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(text), "# mine\nnode1.example.net ssh-ed25519 "), "%s", text)

	other, key := newMachine(t), newKey(t)
	other.SetHostKeys(key)
	file = knownHosts(t, "@revoked * "+string(ssh.MarshalAuthorizedKey(key.PublicKey())))
	other.cfg.KnownHosts, other.cfg.HostKeys = []string{file}, sshexec.AcceptNew(file)
	_, err = sshexec.Dial(t.Context(), other.cfg)
	require.ErrorIs(t, err, sshexec.ErrHostKeyRevoked)

	other.SetHostKeys(newKey(t))
	other.cfg.HostKeys = sshexec.AcceptNew("/dev/null/known_hosts")
	_, err = sshexec.Dial(t.Context(), other.cfg)
	require.ErrorContains(t, err, "/dev/null")
	require.NotErrorIs(t, err, sshexec.ErrUnreachable)
}

// SSH-006: a pinned key is the only one, whatever known_hosts says.
func TestPinned(t *testing.T) {
	ed, ec := newKey(t), newECDSAKey(t)
	m := newMachine(t, func(c *sshexectest.Config) { c.HostKeys = []ssh.Signer{ec, ed} })
	m.cfg.KnownHosts = []string{filepath.Join(t.TempDir(), "none")}
	for _, k := range []ssh.Signer{ed, ec} {
		m.cfg.HostKeys = sshexec.Pinned(k.PublicKey())
		m.dial(t)
	}
	m.cfg.HostKeys = sshexec.Pinned(newKey(t).PublicKey())
	_, err := sshexec.Dial(t.Context(), m.cfg)
	require.ErrorIs(t, err, sshexec.ErrHostKeyChanged)
	require.ErrorContains(t, err, "known is pinned ssh-ed25519")
	m.cfg.HostKeys = sshexec.Pinned()
	_, err = sshexec.Dial(t.Context(), m.cfg)
	require.ErrorIs(t, err, sshexec.ErrHostKeyChanged)
	m.cfg.HostKeys = sshexec.Strict()
	_, err = sshexec.Dial(t.Context(), m.cfg)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A known_hosts file counts as it is at the moment, also when a change left its size and its time as they were.
func TestKnownHostsAreReadAnew(t *testing.T) {
	m := newMachine(t)
	file := m.cfg.KnownHosts[0]
	m.dial(t)
	good, err := os.ReadFile(file)
	require.NoError(t, err)
	before, err := os.Stat(file)
	require.NoError(t, err)
	bad := []byte(strings.Replace(string(good), strings.Fields(string(good))[2],
		strings.Fields(knownhosts.Line([]string{m.addr}, newKey(t).PublicKey()))[2], 1))
	require.Len(t, bad, len(good))
	require.NoError(t, os.WriteFile(file, bad, 0o600))
	require.NoError(t, os.Chtimes(file, before.ModTime(), before.ModTime()))
	_, err = sshexec.Dial(t.Context(), m.cfg)
	require.ErrorIs(t, err, sshexec.ErrHostKeyChanged)
	require.NoError(t, os.WriteFile(file, good, 0o600))
	m.dial(t)
	require.NoError(t, os.Remove(file))
	_, err = sshexec.Dial(t.Context(), m.cfg)
	require.ErrorIs(t, err, os.ErrNotExist)
}
