package manager

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
)

// What internal/mutate found nobody to miss in what the runbook of the manager reads.

// packed is an archive of entries; those whose names end with a slash are directories, install is a program.
func packed(t *testing.T, name string, entries ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	f, err := os.Create(file)
	require.NoError(t, err)
	gz := gzip.NewWriter(f)
	tw := tar.NewWriter(gz)
	for _, e := range entries {
		h := &tar.Header{Name: e, Mode: 0o755, Typeflag: tar.TypeReg}
		if e[len(e)-1] == '/' {
			h.Typeflag = tar.TypeDir
		}
		require.NoError(t, tw.WriteHeader(h))
	}
	require.NoError(t, errors.Join(tw.Close(), gz.Close(), f.Close()))
	return file
}

func TestABundleHasOneDirectory(t *testing.T) {
	b, err := readBundle(packed(t, "iml.tar.gz", "./", "./iml-4/", "./iml-4/install"))
	require.NoError(t, err)
	require.Equal(t, "iml-4", b.dir)
	require.Len(t, b.sum, 64)
	for want, entries := range map[string][]string{
		"it must have one directory alone": {"iml-4/install", "iml-5/install"},
		`it has "iml-5/" beside "iml-4"`:   {"iml-4/install", "iml-5/"},
		`it has "/install" beside "iml-4"`: {"iml-4/install", "/install"},
		`it has "../install"`:              {"../install"},
		`it has "i m l/install"`:           {"i m l/install"},
		"it has no program install":        {"iml-4/", "iml-4/sub/install"},
	} {
		_, err := readBundle(packed(t, "iml.tar.gz", entries...))
		require.ErrorContains(t, err, want)
	}
	for _, name := range []string{"i ml.tar.gz", "iml.tgz", "$(iml).tar.gz"} {
		_, err := readBundle(packed(t, name, "iml-4/install"))
		require.ErrorContains(t, err, "plain word", name)
	}
}

func TestABundleIsReadToItsEnd(t *testing.T) {
	whole := packed(t, "iml.tar.gz", "iml-4/install")
	_, err := readBundle(whole + ".not.tar.gz")
	require.ErrorIs(t, err, fs.ErrNotExist)
	data, err := os.ReadFile(whole)
	require.NoError(t, err)
	for what, text := range map[string][]byte{
		"no gzip":             []byte("PK\x03\x04 and more than ten bytes"),
		"cut off":             data[:len(data)/2],
		"of another checksum": append(bytes.Clone(data[:len(data)-8]), make([]byte, 8)...),
	} {
		require.NoError(t, os.WriteFile(whole, text, 0o600))
		_, err := readBundle(whole)
		require.ErrorContains(t, err, "bundle "+whole, what)
		require.NotContains(t, err.Error(), "no program install", what)
	}
}

// A backup of another machine is none of this one, whatever is in it.
func TestABackupOfAnotherMachineCoversNothing(t *testing.T) {
	a, err := backup.OpenFile(packed(t, "bck-other-20260101-120000.tgz", "bck-other-20260101-120000/", "bck-other-20260101-120000/etc/"))
	require.NoError(t, err)
	_, err = (&Manager{Config: Config{Host: "manager"}}).covers(a)
	require.ErrorContains(t, err, "is a backup of other, not of manager")
}

// A dump that could not be read is not one that was cut off: it is read again, and no other is taken.
func TestADumpThatCannotBeRead(t *testing.T) {
	torn := errors.New("input/output error")
	_, err := ReadDump(iotest.ErrReader(torn))
	require.ErrorIs(t, err, torn)
	require.NotErrorIs(t, err, ErrCutOff)
}
