package sshexec_test

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// FuzzKnownHosts: whatever stands in a known_hosts file, a key that is not in it is not accepted, and one that was
// written down as new is known from then on, with the rest of the file as it was.
func FuzzKnownHosts(f *testing.F) {
	const fixed = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2sE0IvQ0Y1xvX5kyKpUNFaRWkdLCK7VO6rN1DVVfkA"
	const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAoAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(fixed))
	if err != nil {
		f.Fatal(err)
	}
	const name = "node1:22"
	hashed := knownhosts.HashHostname("node1")
	for _, text := range []string{
		"", "node1 " + fixed + "\n", "node1 " + other, "node2 " + fixed + "\n# a comment", "@revoked * " + fixed + "\n",
		"@cert-authority *.example.net " + other + "\n",
		"*,!node1 " + fixed + "\n", "[node1]:22,[node1]:2222 " + fixed + " a comment\r\n", hashed + " " + fixed + "\n",
		"|1|bad|bad " + fixed + "\n", "node1 ssh-ed25519 !!!\n", "node1", "\x00\xff",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(t.TempDir(), "known_hosts")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		strict := sshexec.CheckHostKey(sshexec.Strict(), file, name, key)
		if strict == nil {
			require.Contains(t, strings.ReplaceAll(text, "\r", ""), base64.StdEncoding.EncodeToString(key.Marshal()))
			require.NotContains(t, text, "@revoked * "+fixed)
		}
		accept := sshexec.CheckHostKey(sshexec.AcceptNew(file), file, name, key)
		after, err := os.ReadFile(file)
		require.NoError(t, err)
		switch {
		case errors.Is(strict, sshexec.ErrHostKeyUnknown):
			require.NoError(t, accept)
			require.True(t, strings.HasPrefix(string(after), text))
			require.NoError(t, sshexec.CheckHostKey(sshexec.Strict(), file, name, key), "%q", after)
		case strict == nil:
			require.NoError(t, accept)
			require.Equal(t, text, string(after))
		default:
			require.Error(t, accept)
			require.Equal(t, text, string(after))
		}
	})
}
