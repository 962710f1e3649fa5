package sshexec_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
)

func sshConfig(t *testing.T, text string) *sshexec.SSHConfig {
	t.Helper()
	c, err := sshexec.ParseSSHConfig(strings.NewReader(text))
	require.NoError(t, err)
	return c
}

// SSH-001, SSH-012: hosts by the names that ssh knows them by, and those behind two others.
func TestSSHConfigClient(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	gate := newMachine(t, func(c *sshexectest.Config) { c.Forward = true })
	second := newMachine(t, func(c *sshexectest.Config) { c.Forward = true })
	inner := newMachine(t)
	known := ""
	var hosts strings.Builder
	for name, m := range map[string]*machine{"gate": gate, "second": second, "inner": inner} {
		_, port, err := net.SplitHostPort(m.addr)
		require.NoError(t, err)
		known += m.KnownHosts(m.addr)
		fmt.Fprintf(&hosts, "Host %s\n  HostName 127.0.0.1\n  Port %s\n", name, port)
		if name == "inner" {
			fmt.Fprintf(&hosts, "  ProxyJump someone@gate,second:%s\n", strings.TrimPrefix(second.addr, "127.0.0.1:"))
		}
	}
	fmt.Fprintf(&hosts, "Host *\n  User root\n  ConnectTimeout 7\n  UserKnownHostsFile \"%s\" /dev/null\n", knownHosts(t, known))
	base := sshexec.Config{Auth: sshexec.Auth{Keys: nil}}
	base.Auth.Keys = append(base.Auth.Keys, gate.cfg.Auth.Keys...)
	base.Auth.Keys = append(base.Auth.Keys, second.cfg.Auth.Keys...)
	base.Auth.Keys = append(base.Auth.Keys, inner.cfg.Auth.Keys...)
	client, err := sshConfig(t, hosts.String()).Client("inner", base)
	require.NoError(t, err)
	require.Equal(t, "inner", client.Host())
	res, err := client.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "echo", "inside"))
	require.NoError(t, err)
	require.Equal(t, "inside", res.Text())
	require.Len(t, inner.Lines(), 1)
	require.Empty(t, gate.Lines())
	// Closing it closes the way there; a goroutine left behind would fail the package's tests.
	require.NoError(t, client.Close())
}

func TestSSHConfigValues(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	home := t.TempDir()
	t.Setenv("HOME", home)
	key := filepath.Join(home, "keys", "node1-root")
	require.NoError(t, os.MkdirAll(filepath.Dir(key), 0o700))
	require.NoError(t, os.WriteFile(key, nil, 0o600))
	c := sshConfig(t, `
Host node1
	HostName %h.example.net
	Port 2222
	IdentityFile ~/keys/%n-%r
	IdentityFile ~/keys/none
	StrictHostKeyChecking accept-new
	HostKeyAlias one
Host node? !node9
	User root
	Port 1
	ServerAliveInterval 5
	ServerAliveCountMax 9
Match host node1
	ConnectTimeout 3
`)
	got, err := sshexec.Resolve(c, "node1", sshexec.Config{})
	require.NoError(t, err)
	require.Equal(t, "node1.example.net:2222", got.Addr)
	require.Equal(t, "root", got.User)
	require.Equal(t, []string{key}, got.Auth.KeyFiles)
	require.Equal(t, "one", got.KeyAlias)
	require.Equal(t, 3*time.Second, got.ConnectTimeout)
	require.Equal(t, 5*time.Second, got.KeepAlive)
	require.Equal(t, 9, got.KeepAliveMisses)
	require.Equal(t, sshexec.AcceptNew(filepath.Join(home, ".ssh", "known_hosts")), got.HostKeys)

	got, err = sshexec.Resolve(c, "node1",
		sshexec.Config{Addr: "10.0.0.1:22", User: "op", HostKeys: sshexec.Strict(), ConnectTimeout: time.Minute})
	require.NoError(t, err)
	require.Equal(t, "10.0.0.1:22", got.Addr)
	require.Equal(t, "op", got.User)
	require.Equal(t, time.Minute, got.ConnectTimeout)
	require.Equal(t, sshexec.Strict(), got.HostKeys)

	got, err = sshexec.Resolve(c, "node9", sshexec.Config{})
	require.NoError(t, err)
	require.Equal(t, "node9:22", got.Addr)
	require.NotEmpty(t, got.User)
}

func TestSSHConfigErrors(t *testing.T) {
	base := sshexec.Config{User: "root", Auth: sshexec.Auth{Password: func() (sshexec.Secret, error) { return "", nil }}}
	for text, want := range map[string]string{
		"ProxyCommand nc %h %p": "ProxyCommand is not supported",
		"ProxyJump a@":          "is no host",
		"ProxyJump -x":          "is no host",
		"Host x\nProxyJump y\nHost y\nProxyJump x": "x → y → x",
		"Port http":           "is no port",
		"Port 0":              "is no port",
		"ConnectTimeout soon": "is no number",
		"HostName %Z":         "%Z is not supported",
		"IdentityFile a%":     "ends in %",
	} {
		_, err := sshConfig(t, text).Client("x", base)
		require.ErrorContains(t, err, want, text)
		require.ErrorContains(t, err, "client for x")
	}
	for _, text := range []string{"Match exec true\n", "Match user root\n"} {
		_, err := sshexec.ParseSSHConfig(strings.NewReader(text))
		require.ErrorContains(t, err, "Match")
	}
	client, err := sshConfig(t, "ProxyJump none\nProxyCommand none\n").Client("x", base)
	require.NoError(t, err)
	require.NoError(t, client.Close())
	_, err = sshexec.LoadSSHConfig(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	t.Setenv("HOME", t.TempDir())
	_, err = sshexec.LoadSSHConfig()
	require.NoError(t, err)
}

func FuzzSSHConfig(f *testing.F) {
	f.Add("Host a\n  HostName b\n  ProxyJump u@c:1,d\n")
	f.Add("Match host a,b\nIdentityFile \"%d/x\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(strings.ToLower(text), "include") {
			t.Skip("would read files")
		}
		c, err := sshexec.ParseSSHConfig(strings.NewReader(text))
		if err != nil {
			return
		}
		client, err := c.Client("a", sshexec.Config{User: "u", Auth: sshexec.Auth{Password: func() (sshexec.Secret, error) { return "", nil }}})
		if err == nil {
			_ = client.Close()
		}
	})
}

func FuzzGlance(f *testing.F) {
	f.Add([]byte("none\n"))
	f.Add([]byte("running - - 2 1 digest\nabc"))
	f.Add([]byte("ended 143 TERM 0 0 digest\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		stdout, stderr, res, err := sshexec.ReadGlance(text)
		if err == nil && (len(stdout)+len(stderr) > len(text) || res.ExitCode < 0 || res.ExitCode > 255) {
			t.Fatalf("%q: %q %q %+v", text, stdout, stderr, res)
		}
	})
}
