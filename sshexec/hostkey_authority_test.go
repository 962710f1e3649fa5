package sshexec_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// A line that names an authority says who signs certificates, and nothing of a host that shows the authority's key, or
// another one, without a certificate: OpenSSH calls such a host unknown.
func TestAnAuthorityIsNoHostKey(t *testing.T) {
	const (
		name  = "node1:22"
		fixed = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2sE0IvQ0Y1xvX5kyKpUNFaRWkdLCK7VO6rN1DVVfkA"
		other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAoAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	)
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(fixed))
	require.NoError(t, err)
	for text, want := range map[string]error{
		"node1 " + fixed:                                                             nil,
		"@cert-authority node1 " + fixed:                                             sshexec.ErrHostKeyUnknown,
		"@cert-authority * " + fixed:                                                 sshexec.ErrHostKeyUnknown,
		"@cert-authority node1 " + other:                                             sshexec.ErrHostKeyUnknown,
		"@cert-authority node1 " + fixed + "\nnode1 " + fixed:                        nil,
		"node1 " + fixed + "\n@cert-authority node1 " + fixed:                        nil,
		"@cert-authority node1 " + fixed + "\nnode1 " + other:                        sshexec.ErrHostKeyChanged,
		"@cert-authority node1 " + other + "\nnode1 " + fixed:                        nil,
		"@cert-authority node2 " + fixed + "\nnode1 " + fixed:                        nil,
		"@revoked node1 " + fixed + "\n@cert-authority node1 " + fixed:               sshexec.ErrHostKeyRevoked,
		"@cert-authority node1 " + fixed + "\n@cert-authority node1 " + other + "\n": sshexec.ErrHostKeyUnknown,
	} {
		file := filepath.Join(t.TempDir(), "known_hosts")
		require.NoError(t, os.WriteFile(file, []byte(text+"\n"), 0o600))
		err := sshexec.CheckHostKey(sshexec.Strict(), file, name, key)
		if want == nil {
			require.NoError(t, err, "%s", text)
			continue
		}
		require.ErrorIs(t, err, want, "%s", text)
	}
	// A key that is accepted as new is written down beside the authority, and known from then on.
	file := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, os.WriteFile(file, []byte("@cert-authority * "+fixed+"\n"), 0o600))
	require.NoError(t, sshexec.CheckHostKey(sshexec.AcceptNew(file), file, name, key))
	require.NoError(t, sshexec.CheckHostKey(sshexec.Strict(), file, name, key))
}
