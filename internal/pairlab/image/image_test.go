//go:build linux

package image

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestImageIsBuiltOnceAndKept(t *testing.T) {
	cache := t.TempDir()
	built := 0
	build := func(dir string) error {
		built++
		return os.Mkdir(filepath.Join(dir, "root"), 0o755)
	}
	one, err := ensure(cache, "aaaa", build)
	require.NoError(t, err)
	two, err := ensure(cache, "aaaa", build)
	require.NoError(t, err, "two use it at once")
	require.Equal(t, one.Root, two.Root)
	require.Equal(t, 1, built)

	_, err = ensure(cache, "bbbb", build)
	require.NoError(t, err)
	require.DirExists(t, one.Root, "what is in use stays")
	require.NoError(t, one.Close())
	require.NoError(t, two.Close())
	_, err = ensure(cache, "cccc", build)
	require.NoError(t, err)
	require.NoDirExists(t, one.Root, "what nobody uses makes room for the new one")
	require.DirExists(t, filepath.Join(cache, "bbbb", "root"), "this one was never closed")
}

func TestHalfAnImageIsNone(t *testing.T) {
	cache := t.TempDir()
	_, err := ensure(cache, "aaaa", func(dir string) error {
		return errors.Join(os.Mkdir(filepath.Join(dir, "root"), 0o755), errors.New("the network is down"))
	})
	require.ErrorContains(t, err, "the network is down")
	require.NoError(t, os.MkdirAll(filepath.Join(cache, "aaaa.new", "root", "left by one that was killed"), 0o755))
	img, err := ensure(cache, "aaaa", func(dir string) error { return os.Mkdir(filepath.Join(dir, "root"), 0o755) })
	require.NoError(t, err)
	left, err := os.ReadDir(img.Root)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestRecipe(t *testing.T) {
	machine := func(release, sources string) string {
		root := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(root, "etc/apt"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, "etc/os-release"), []byte(release), 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(root, "etc/apt/sources.list"), []byte(sources), 0o644))
		return root
	}
	const debian = "ID=debian\nVERSION_CODENAME=bookworm\n"
	r, err := readRecipe(machine(debian, "# none\ndeb [signed-by=/x] http://deb.example/debian bookworm main\n"))
	require.NoError(t, err)
	require.Equal(t, "http://deb.example/debian", r.Mirror)
	other, err := readRecipe(machine(debian, "deb http://other.example/debian bookworm main\n"))
	require.NoError(t, err)
	require.NotEqual(t, r.digest(), other.digest())
	require.Equal(t, "http://m.example/d", mirror([]byte("Types: deb\nURIs: http://m.example/d\n")))

	for _, bad := range []string{"ID=fedora\nVERSION_CODENAME=x\n", "ID=debian\n"} {
		_, err = readRecipe(machine(bad, "deb http://deb.example/debian x main\n"))
		require.ErrorIs(t, err, ErrUnavailable)
	}
	_, err = readRecipe(machine(debian, ""))
	require.ErrorIs(t, err, ErrUnavailable)
	_, err = readRecipe(t.TempDir())
	require.ErrorIs(t, err, ErrUnavailable)
}
