package sshexec_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest/conformance"
)

// machine is a test server with what a client needs to reach it.
type machine struct {
	*sshexectest.Server
	addr string
	cfg  sshexec.Config
}

// newMachine serves Local, unless change says otherwise.
func newMachine(t *testing.T, change ...func(*sshexectest.Config)) *machine {
	t.Helper()
	user, host := newKey(t), newKey(t)
	cfg := sshexectest.Config{
		HostKeys: []ssh.Signer{host}, Authorized: []ssh.PublicKey{user.PublicKey()},
		Handler: sshexectest.RunnerHandler(sshexec.Local{}),
	}
	for _, f := range change {
		f(&cfg)
	}
	server, err := sshexectest.NewServer(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	addr, err := server.Listen()
	require.NoError(t, err)
	return &machine{server, addr, sshexec.Config{
		Host: "node1", Addr: addr, User: "root",
		Auth:       sshexec.Auth{Keys: []ssh.Signer{user}},
		KnownHosts: []string{knownHosts(t, server.KnownHosts(addr))},
		EndTime:    2 * time.Minute, // however loaded the machine is that the tests run on
	}}
}

func newKey(t *testing.T) ssh.Signer {
	t.Helper()
	k, err := sshexectest.NewKey()
	require.NoError(t, err)
	return k
}

func knownHosts(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func (m *machine) dial(t *testing.T) *sshexec.Client {
	t.Helper()
	c, err := sshexec.Dial(t.Context(), m.cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestLocalConforms(t *testing.T) {
	conformance.Test(t, func(*testing.T) sshexec.Runner { return sshexec.Local{} }, conformance.Options{Quick: testing.Short()})
}

func TestClientConforms(t *testing.T) {
	conformance.Test(t, func(t *testing.T) sshexec.Runner { return newMachine(t).dial(t) }, conformance.Options{Quick: testing.Short()})
}

func TestFileInput(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in put")
	require.NoError(t, os.WriteFile(file, []byte("from a file"), 0o600))
	cmd := sshexec.Command(sshexec.ReadOnly, "cat")
	cmd.Stdin = sshexec.FileInput(file)
	for _, r := range []sshexec.Runner{sshexec.Local{}, newMachine(t).dial(t)} {
		for range 2 { // a file can be read again
			res, err := r.Run(t.Context(), cmd)
			require.NoError(t, err)
			require.Equal(t, "from a file", string(res.Stdout))
		}
	}
}
