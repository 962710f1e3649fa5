package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
)

const backup1, backup2 = "bck-ct6-mds1-20180612-220001", "bck-ct6-mds2-20180612-220009"

// renamed copies a backup, under another name.
func renamed(t *testing.T, from, was, dir, is string) {
	t.Helper()
	in, err := os.Open(filepath.Join(from, was+".tgz"))
	require.NoError(t, err)
	defer func() { _ = in.Close() }()
	unpacked, err := gzip.NewReader(in)
	require.NoError(t, err)
	out, err := os.Create(filepath.Join(dir, is+".tgz"))
	require.NoError(t, err)
	gz := gzip.NewWriter(out)
	r, w := tar.NewReader(unpacked), tar.NewWriter(gz)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if base := filepath.Base(h.Name); is != was && (base == "evenkeel-manifest.json" || base == "evenkeel-sha256sums.txt") {
			continue // they would tell when it was taken, and of which server; without them the name does, as for the guide's script
		}
		h.Name = strings.Replace(h.Name, was, is, 1)
		require.NoError(t, w.WriteHeader(h))
		_, err = io.Copy(w, r)
		require.NoError(t, err)
	}
	require.NoError(t, errors.Join(w.Close(), gz.Close(), out.Close()))
}

// What config init finds in a directory of backups, and what it refuses; nothing is written then.
func TestConfigInit(t *testing.T) {
	world := filepath.Dir(clitest.Example(t, app, ""))
	same := func(dir, name string) { renamed(t, world, name, dir, name) }
	for name, c := range map[string]struct {
		lay     func(dir string)
		refused string
		node1   string // the backup that is taken
	}{
		"nothing":           {func(string) {}, "there are backups (bck-*.tgz) of neither", ""},
		"one server":        {func(dir string) { same(dir, backup1) }, "there are backups (bck-*.tgz) of ct6-mds1", ""},
		"one server, twice": {func(dir string) { same(dir, backup1); renamed(t, world, backup1, dir, "bck-ct6-mds1-20190101-000000") }, "of ct6-mds1.", ""},
		"three servers": {func(dir string) {
			same(dir, backup1)
			same(dir, backup2)
			renamed(t, world, backup2, dir, "bck-ct6-mds3-20180612-220009")
		}, "of ct6-mds1, ct6-mds2, ct6-mds3", ""},
		"an empty file": {func(dir string) {
			same(dir, backup1)
			require.NoError(t, os.WriteFile(filepath.Join(dir, backup2+".tgz"), nil, 0o600))
		}, backup2, ""},
		"a file that is none": {func(dir string) {
			same(dir, backup1)
			require.NoError(t, os.WriteFile(filepath.Join(dir, backup2+".tgz"), []byte("canary"), 0o600))
		}, backup2, ""},
		"the pair": {func(dir string) { same(dir, backup1); same(dir, backup2) }, "", backup1},
		"an older one too": {func(dir string) {
			same(dir, backup1)
			same(dir, backup2)
			renamed(t, world, backup1, dir, "bck-ct6-mds1-20170101-000000")
		},
			"", backup1},
		"two candidates: the newest": {func(dir string) {
			same(dir, backup1)
			same(dir, backup2)
			renamed(t, world, backup1, dir, "bck-ct6-mds1-20190101-000000")
		},
			"", "bck-ct6-mds1-20190101-000000"},
	} {
		above := t.TempDir()
		dir, into := filepath.Join(above, "in"), filepath.Join(above, "config.yaml")
		require.NoError(t, os.Mkdir(dir, 0o700))
		c.lay(dir)
		text := clitest.Initialised(t, app, name, dir, into, c.refused)
		if c.refused != "" {
			continue
		}
		require.Contains(t, string(text), "\n    backup: "+filepath.Join(dir, c.node1+".tgz")+"\n", name)
		require.Contains(t, string(text), "\n    backup: "+filepath.Join(dir, backup2+".tgz")+"\n", name)
		require.Less(t, strings.Index(string(text), "/"+c.node1), strings.Index(string(text), "/"+backup2), "in the order of their names")

		// all that is wrong with it is what the operator has to fill in
		_, out := clitest.Here(app, "config", "check", "--config", into)
		require.NotRegexp(t, `there is no key|another kind|a value is missing|backup:`, out, name)
		require.Contains(t, out, "password_file", name)

		text = append(text, "# mine\n"...)
		require.NoError(t, os.WriteFile(into, text, 0o600))
		code, out := clitest.Here(app, "config", "init", "--dir", dir, "--into", into)
		require.Equal(t, cli.ExitInput, code, "%s: %s", name, out)
		again, err := os.ReadFile(into)
		require.NoError(t, err)
		require.Equal(t, string(text), string(again), "it is not overwritten")
	}
}
