package backup_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
)

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return data
}

func gz(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// A tree appears whole or not at all, and never over another.
func TestExtractToIsAtomic(t *testing.T) {
	data := sample(t)
	home := t.TempDir()
	a, err := backup.Open(bytes.NewReader(data))
	require.NoError(t, err)
	tree, err := a.ExtractTo(home, backup.ExtractOptions{})
	require.NoError(t, err)
	require.Equal(t, filepath.Join(home, top), tree)
	require.Equal(t, "127.0.0.1 localhost\n", string(readFile(t, tree+"/etc/hosts")))
	st, err := os.Stat(tree + "/etc/shadow")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o400), st.Mode())
	require.True(t, st.ModTime().Equal(noon))
	_, err = a.ExtractTo(home, backup.ExtractOptions{})
	require.ErrorIs(t, err, backup.ErrExists)

	// A file that is another than at the first reading ends it in the middle.
	swap := &swapReader{Reader: bytes.NewReader(data), next: data[:len(data)-200]}
	limits := backup.DefaultLimits()
	limits.Keep = 1
	b, err := backup.Open(swap, backup.WithLimits(limits))
	require.NoError(t, err)
	into := t.TempDir()
	_, err = b.ExtractTo(into, backup.ExtractOptions{})
	require.Error(t, err)
	require.Empty(t, glob(t, into, "*"))
	_, err = a.ExtractTo(filepath.Join(into, "none"), backup.ExtractOptions{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Links that lead out are made last, so that nothing is ever written through them.
func TestExtractToFollowsNoLink(t *testing.T) {
	home, outside := t.TempDir(), t.TempDir()
	data := pack(t, dir(top), link(tar.TypeSymlink, top+"/etc/out", outside), file(top+"/etc/hosts"))
	a, err := backup.Open(bytes.NewReader(data), backup.AllowLinksOut())
	require.NoError(t, err)
	tree, err := a.ExtractTo(home, backup.ExtractOptions{})
	require.NoError(t, err)
	target, err := os.Readlink(tree + "/etc/out")
	require.NoError(t, err)
	require.Equal(t, outside, target)
	require.Empty(t, glob(t, outside, "*"))
}

// Set-user-id bits are kept, dropped or refused, as one likes.
func TestSetuid(t *testing.T) {
	var made bytes.Buffer
	w := gzip.NewWriter(&made)
	tw := tar.NewWriter(w)
	require.NoError(t, tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: top + "/bin/su", Mode: 0o4755}))
	require.NoError(t, tw.Close())
	require.NoError(t, w.Close())
	_, err := backup.Open(bytes.NewReader(made.Bytes()), backup.RefuseSetuid())
	require.ErrorIs(t, err, backup.ErrHostile)
	require.ErrorContains(t, err, "bin/su")
	a, err := backup.Open(bytes.NewReader(made.Bytes()))
	require.NoError(t, err)
	for _, keep := range []bool{false, true} {
		tree, err := a.ExtractTo(t.TempDir(), backup.ExtractOptions{Setuid: keep})
		require.NoError(t, err)
		st, err := os.Stat(tree + "/bin/su")
		require.NoError(t, err)
		require.Equal(t, keep, st.Mode()&os.ModeSetuid != 0)
	}
}

// BAK-022: an archive that Cisco's migrate.sh makes has another layout; it is read and judged all the same.
func TestOpenAnyLayout(t *testing.T) {
	data := pack(t, dir("etc/broadhop"), file("etc/broadhop/logback.xml"), file("./var/qps/x"))
	_, err := backup.Open(bytes.NewReader(data))
	require.ErrorIs(t, err, backup.ErrNotArchive)
	a, err := backup.Open(bytes.NewReader(data), backup.AnyLayout("migrate_cluman_20180621_212456", "installer"))
	require.NoError(t, err)
	require.Equal(t, "installer", a.Host())
	require.True(t, a.Has("/etc/broadhop/logback.xml"))
	require.True(t, a.Has("/var/qps/x"))
	require.ErrorIs(t, a.Verify(), backup.ErrNoRecord)
	require.Len(t, a.Covers([]backup.Requirement{{Path: "/etc/broadhop/logback*.xml", Check: backup.NotEmpty}, {Path: "/etc/none"}}), 1)
	tree, err := a.ExtractTo(t.TempDir(), backup.ExtractOptions{})
	require.NoError(t, err)
	require.FileExists(t, tree+"/etc/broadhop/logback.xml")
	for _, bad := range []tar.Header{file("/etc/passwd"), file("../x"), link(tar.TypeSymlink, "a", "../../etc")} {
		_, err := backup.Open(bytes.NewReader(pack(t, bad)), backup.AnyLayout("x", "y"))
		require.ErrorIs(t, err, backup.ErrHostile)
	}
}
