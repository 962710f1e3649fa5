package sshexec_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// With a real shell: whatever the umask is, and whoever could read a file of that name before, nobody else reads this one.
func TestAPrivateFileIsPrivate(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	name := filepath.Join(t.TempDir(), "-a b")
	for range 2 {
		cmd := sshexec.PrivateFile(name)
		cmd.Stdin = sshexec.Text("keys\n")
		_, err := sshexec.Local{}.Run(t.Context(), cmd)
		require.NoError(t, err)
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
		got, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, "keys\n", string(got))
		require.NoError(t, os.Remove(name))
		require.NoError(t, os.WriteFile(name, []byte("old, and longer\n"), 0o666))
	}
}

// A name that cannot be written is a failure, not a file elsewhere.
func TestAPrivateFileThatCannotBeMade(t *testing.T) {
	cmd := sshexec.PrivateFile(filepath.Join(t.TempDir(), "none", "x"))
	cmd.Stdin = sshexec.Text("keys\n")
	_, err := sshexec.Local{}.Run(t.Context(), cmd)
	require.Error(t, err)
}
