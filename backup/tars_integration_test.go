//go:build integration

package backup_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
)

func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("no %s on PATH (Debian: libarchive-tools, tar): %v", program, err)
	}
}

// bsdtar (Debian: libarchive-tools) extracts what Create makes, to the last bit.
func TestBSDTarReadsOurs(t *testing.T) {
	needs(t, "bsdtar")
	m := newMachine(t)
	skipped := m.awkward(t, "/var/lib/chroma")
	require.NoError(t, os.RemoveAll(m.at("/var/lib/chroma/repo")))
	want := below(snapshot(t, m.root, skipped...), "/var/lib/chroma")
	for _, kind := range []backup.Compression{backup.Gzip, backup.Zstd} {
		info, err := backup.Create(t.Context(), m, chromaOnly, backup.Options{Dir: t.TempDir(), Root: m.root, Compression: kind})
		require.NoError(t, err)
		home := t.TempDir()
		out, err := exec.Command("bsdtar", "xpf", info.Path, "-C", home).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Empty(t, cmp.Diff(want, below(snapshot(t, filepath.Join(home, info.Name)), "/var/lib/chroma")))
	}
}

// Open reads what either tar writes, in every format that they have; contents, modes, owners, links and times to the second are the same.
func TestOpenReadsEveryTar(t *testing.T) {
	needs(t, "bsdtar")
	m := newMachine(t)
	skipped := m.awkward(t, "/var/lib/chroma")
	for _, name := range skipped {
		require.NoError(t, os.Remove(m.at(name)))
	}
	require.NoError(t, os.Remove(m.at("/var/lib/chroma/absolute")))
	home := t.TempDir()
	top := filepath.Join(home, "bck-h-20170930-120005")
	require.NoError(t, os.Mkdir(top, 0o755))
	require.NoError(t, os.Rename(m.at("/var"), top+"/var"))
	want := below(snapshot(t, top), "/var/lib/chroma")
	tried := 0
	for _, argv := range [][]string{
		{"tar", "czf"}, {"tar", "--format=gnu", "-czf"}, {"tar", "--format=oldgnu", "-Sczf"},
		{"tar", "--format=gnu", "-Sczf"}, {"tar", "--format=posix", "-czf"},
		{"tar", "--format=posix", "-Sczf"}, {"tar", "--format=posix", "--sparse-version=0.0", "-Sczf"},
		{"tar", "--format=posix", "--sparse-version=0.1", "-Sczf"},
		{"tar", "--format=posix", "--xattrs", "--acls", "--selinux", "-czf"}, {"tar", "--numeric-owner", "-czf"},
		{"bsdtar", "--format=pax", "-czf"}, {"bsdtar", "--format=gnutar", "-czf"}, {"bsdtar", "--zstd", "-cf"},
	} {
		name := filepath.Join(t.TempDir(), "a.tgz")
		argv = append(argv, name, "-C", home, "bck-h-20170930-120005")
		out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
		require.NoError(t, err, "%q: %s", argv, out)
		a, err := backup.OpenFile(name)
		require.NoError(t, err, "%q", argv)
		into := t.TempDir()
		tree, err := a.ExtractTo(into, backup.ExtractOptions{Owners: os.Geteuid() == 0, Setuid: true})
		require.NoError(t, err, "%q", argv)
		require.Empty(t, cmp.Diff(want, below(snapshot(t, tree), "/var/lib/chroma")), "%q", argv)
		tried++
	}
	t.Logf("%d ways to write an archive", tried)
}

// A machine with nothing but busybox.
func TestCreateFromBusybox(t *testing.T) {
	needs(t, "busybox")
	for name, programs := range map[string][]string{
		"with its tar": {"sh", "stat", "head", "cat", "readlink", "tar", "ls", "find"},
		"without":      {"sh", "stat", "head", "cat", "readlink"},
	} {
		t.Run(name, func(t *testing.T) {
			checkAwkward(t, func(t *testing.T, m *machine) { m.only(t, true, programs...) })
		})
	}
}

// Labels and capabilities are attributes, too; bsdtar and GNU tar find them in what Create made.
func TestOthersFindOurAttributes(t *testing.T) {
	needs(t, "bsdtar")
	needs(t, "getfattr")
	m := newMachine(t)
	file := m.at("/var/lib/chroma/inside")
	if out, err := exec.Command("setfattr", "-n", "user.evenkeel", "-v", "some value", file).CombinedOutput(); err != nil {
		t.Skipf("no extended attributes here: %s", out)
	}
	acl := exec.Command("setfacl", "-m", "u:1:r", file).Run() == nil
	info, err := m.take(t, chromaOnly)
	require.NoError(t, err)
	for _, argv := range [][]string{{"tar", "--xattrs", "--acls", "-xzpf"}, {"bsdtar", "--xattrs", "--acls", "-xpf"}} {
		home := t.TempDir()
		out, err := exec.Command(argv[0], append(argv[1:], info.Path, "-C", home)...).CombinedOutput()
		require.NoError(t, err, "%q: %s", argv, out)
		at := filepath.Join(home, info.Name, "var/lib/chroma/inside")
		out, err = exec.Command("getfattr", "--absolute-names", "--only-values", "-n", "user.evenkeel", at).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Equal(t, "some value", string(out), "%q", argv)
		if acl {
			out, err := exec.Command("getfacl", "-n", "-p", at).CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), "user:1:r--", fmt.Sprint(argv))
		}
	}
}
