package infile_test

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/infile"
)

func TestReadWantsARegularFileWithinItsSize(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(name, []byte("12345678"), 0o600))
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(name, link))
	for _, name := range []string{name, link} {
		raw, err := infile.Read(name, 8)
		require.NoError(t, err)
		require.Equal(t, "12345678", string(raw))
	}
	_, err := infile.Read(name, 7)
	require.ErrorIs(t, err, infile.ErrTooLarge)
	require.ErrorContains(t, err, name+": too large: more than 7 bytes")
	missing := filepath.Join(dir, "missing")
	_, err = infile.Read(missing, 8)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.EqualError(t, err, missing+": no such file or directory", "no name of a system call")
	var at *fs.PathError
	require.ErrorAs(t, err, &at)
	require.NoError(t, infile.Plain(nil))
	require.Equal(t, infile.ErrTooLarge, infile.Plain(infile.ErrTooLarge))
}

// None of these hangs, and none is read.
func TestWhatIsNoFileIsRefused(t *testing.T) {
	dir, err := os.MkdirTemp("", "infile") //nolint:usetesting // a socket's path is bounded, and a test's directory has a long name
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	socket := filepath.Join(dir, "socket")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	for name, kind := range map[string]string{fifo: "a FIFO", dir: "a directory", "/dev/zero": "a device"} {
		_, err := infile.Read(name, 8)
		require.ErrorIs(t, err, infile.ErrNotRegular, name)
		require.ErrorContains(t, err, kind)
	}
	_, err = infile.Read(socket, 8)
	require.Error(t, err)
}

// A sparse file of a terabyte costs no more than the limit.
func TestAHugeFileIsRefusedAtItsLimit(t *testing.T) {
	name := filepath.Join(t.TempDir(), "huge")
	f, err := os.Create(name)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(1<<40))
	require.NoError(t, f.Close())
	_, err = infile.Read(name, infile.Secret)
	require.ErrorIs(t, err, infile.ErrTooLarge)
}
