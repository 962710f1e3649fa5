package backup_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/backup"
)

// awkward fills a directory of the machine with everything that a file system can hold, and returns the names that no backup keeps.
func (m *machine) awkward(t *testing.T, dir string) (skipped []string) {
	t.Helper()
	at := func(name string) string { return m.at(dir + "/" + name) }
	for _, name := range []string{
		"plain", "new\nline", "non\xffutf8", `back\slash`, "sp ace", "-dash", "ünï", "star*?[x]", strings.Repeat("long", 50),
		"sub/.hidden", "sub/..odd", "empty", "tab\tname\r", "'quoted\"",
		strings.Repeat("deep/", 60) + "file",
	} {
		content := "content of " + name
		if name == "empty" {
			content = ""
		}
		m.write(t, dir+"/"+name, content, 0o640)
	}
	require.NoError(t, os.Mkdir(at("void"), 0o700))
	require.NoError(t, os.Symlink("plain", at("relative")))
	require.NoError(t, os.Symlink("new\nline", at("link\nto line")))
	require.NoError(t, os.Symlink(dir+"/sub", at("absolute")))
	require.NoError(t, os.Symlink("nowhere", at("dangling")))
	require.NoError(t, os.Link(at("plain"), at("second name")))
	require.NoError(t, os.Link(at("relative"), at("second link")))
	m.write(t, dir+"/setuid", "x", 0o755|os.ModeSetuid)
	m.write(t, dir+"/sticky/file", "x", 0o600)
	require.NoError(t, os.Chmod(at("sticky"), 0o777|os.ModeSticky))
	holes, err := os.Create(at("holes"))
	require.NoError(t, err)
	_, err = holes.WriteAt([]byte("head"), 0)
	require.NoError(t, err)
	_, err = holes.WriteAt(bytes.Repeat([]byte("data"), 50_000), 5<<20+12345)
	require.NoError(t, err)
	require.NoError(t, holes.Truncate(20<<20))
	require.NoError(t, holes.Close())
	all, err := os.Create(at("only a hole"))
	require.NoError(t, err)
	require.NoError(t, all.Truncate(3<<20+17))
	require.NoError(t, all.Close())
	fine := time.Date(2016, 1, 2, 3, 4, 5, 123456789, time.UTC)
	require.NoError(t, os.Chtimes(at("plain"), fine, fine))
	if os.Geteuid() == 0 {
		require.NoError(t, os.Lchown(at("sp ace"), 12345, 3_000_000)) // more than seven octal digits
		require.NoError(t, os.Lchown(at("dangling"), 1, 2))
		require.NoError(t, os.Lchown(at("holes"), 7, 3_000_000))
	}
	require.NoError(t, exec.Command("mkfifo", at("pipe")).Run())
	socket, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Close(socket) })
	// The path of a socket has 107 bytes at most, that of a test's directory may have more.
	short := filepath.Join(os.TempDir(), fmt.Sprintf("s%d", os.Getpid()))
	require.NoError(t, syscall.Bind(socket, &syscall.SockaddrUnix{Name: short}))
	require.NoError(t, os.Rename(short, at("socket")))
	require.NoError(t, os.Symlink("/run/elsewhere", at("out")))
	require.NoError(t, os.Symlink(strings.Repeat("../", 20)+"x", at("up")))
	return []string{dir + "/pipe", dir + "/socket", dir + "/out", dir + "/up"}
}

// snapshot describes every file below a directory, each in one line: what a restore must bring back.
func snapshot(t *testing.T, root string, skipped ...string) []string {
	t.Helper()
	var lines []string
	inodes := map[uint64]string{}
	require.NoError(t, filepath.WalkDir(root, func(at string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		name := strings.TrimPrefix(at, root)
		if slices.Contains(skipped, name) || name == "" {
			return nil
		}
		info, err := d.Info()
		require.NoError(t, err)
		st, ok := info.Sys().(*syscall.Stat_t)
		require.True(t, ok)
		line := fmt.Sprintf("%q %v %d:%d", name, info.Mode(), st.Uid, st.Gid)
		if !info.IsDir() && info.Mode()&fs.ModeSymlink == 0 {
			line += " " + info.ModTime().UTC().Format(time.RFC3339)
		}
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(at)
			require.NoError(t, err)
			line += fmt.Sprintf(" -> %q", target)
		case info.Mode().IsRegular():
			data, err := os.ReadFile(at)
			require.NoError(t, err)
			sum := sha256.Sum256(data)
			line += fmt.Sprintf(" %d %s", info.Size(), hex.EncodeToString(sum[:8]))
			if first, ok := inodes[st.Ino]; ok {
				line += " is " + first
			} else {
				inodes[st.Ino] = name
			}
		}
		lines = append(lines, line)
		return nil
	}))
	sort.Strings(lines)
	return lines
}

// below keeps the lines of a snapshot for what is below a directory, without that directory's name.
func below(lines []string, dir string) []string {
	var out []string
	for _, l := range lines {
		if strings.HasPrefix(l, `"`+dir+"/") {
			out = append(out, strings.ReplaceAll(l, dir+"/", "/"))
		}
	}
	return out
}

// chromaOnly is a manifest of one directory, so that a test's own files are all that there is.
var chromaOnly = backup.Manifest{Name: "chroma", Paths: []backup.Path{{Path: "/var/lib/chroma"}}}

// Whatever a file system can hold comes back as it was, by tar or by a shell, out of the guide's own command,
// evenkeel's own extraction, or the archive itself.
func TestCreateAwkwardFiles(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, m *machine){
		"GNU tar": func(*testing.T, *machine) {},
		"shell":   func(t *testing.T, m *machine) { m.only(t, false, "sh", "stat", "head", "cat", "readlink") },
	} {
		t.Run(name, func(t *testing.T) { checkAwkward(t, prepare) })
	}
}

func checkAwkward(t *testing.T, prepare func(*testing.T, *machine)) {
	m := newMachine(t)
	require.NoError(t, os.RemoveAll(m.at("/var/lib/chroma/repo")))
	skipped := m.awkward(t, "/var/lib/chroma")
	prepare(t, m)
	before := listing(t, m.root)
	info, err := m.take(t, chromaOnly)
	require.NoError(t, err)
	require.Equal(t, before, listing(t, m.root), "nothing may be written on the machine")

	a, err := backup.OpenFile(info.Path)
	require.NoError(t, err)
	require.NoError(t, a.Verify())
	var left []string
	for _, s := range a.Record().Skipped {
		left = append(left, string(s.Path))
	}
	require.ElementsMatch(t, skipped, left)
	want := below(snapshot(t, m.root, skipped...), "/var/lib/chroma")
	require.Greater(t, len(want), 80)

	for how, extract := range map[string]func(home string){
		"tar": func(home string) {
			out, err := exec.Command("tar", "zxpf", info.Path, "-C", home).CombinedOutput()
			require.NoError(t, err, "%s", out)
			check := exec.Command("sha256sum", "--quiet", "-c", "evenkeel-sha256sums.txt")
			check.Dir = filepath.Join(home, a.Name())
			out, err = check.CombinedOutput()
			require.NoError(t, err, "%s", out)
		},
		"ExtractTo": func(home string) {
			_, err := a.ExtractTo(home, backup.ExtractOptions{Owners: os.Geteuid() == 0, Setuid: true})
			require.NoError(t, err)
			names, err := os.ReadDir(home)
			require.NoError(t, err)
			require.Len(t, names, 1)
		},
	} {
		home := t.TempDir()
		extract(home)
		got := below(snapshot(t, filepath.Join(home, a.Name())), "/var/lib/chroma")
		require.Empty(t, cmp.Diff(want, got), "extracted by %s", how)
	}

	e, err := a.Stat("/var/lib/chroma/plain")
	require.NoError(t, err)
	require.Equal(t, 123456789, e.ModTime.Nanosecond())
	require.Len(t, a.Glob("/var/lib/chroma/new\nline"), 1)
	got, err := a.ReadFile("/var/lib/chroma/non\xffutf8")
	require.NoError(t, err)
	require.Equal(t, "content of non\xffutf8", string(got))
}

// Holes stay holes: in the archive, where they take no space, and in what is extracted from it.
func TestSparseFilesStaySparse(t *testing.T) {
	m := newMachine(t)
	m.awkward(t, "/var/lib/chroma")
	big, err := os.Create(m.at("/var/lib/chroma/big"))
	require.NoError(t, err)
	_, err = big.WriteAt([]byte("end"), 300<<20)
	require.NoError(t, err)
	require.NoError(t, big.Close())
	if used(t, big.Name()) > 1<<20 {
		t.Skip("this file system has no holes")
	}
	info, err := m.take(t, chromaOnly)
	require.NoError(t, err)
	require.Less(t, info.Size, int64(100_000))
	plain := exec.Command("sh", "-c", `gzip -dc "$1" | wc -c`, "sh", info.Path)
	out, err := plain.Output()
	require.NoError(t, err)
	require.Less(t, len(strings.TrimSpace(string(out))), 8, "unpacked: %s bytes", out)
	a, err := backup.OpenFile(info.Path)
	require.NoError(t, err)
	require.NoError(t, a.Verify())
	home := t.TempDir()
	_, err = a.ExtractTo(home, backup.ExtractOptions{})
	require.NoError(t, err)
	other := t.TempDir()
	msg, err := exec.Command("tar", "zxf", info.Path, "-C", other).CombinedOutput()
	require.NoError(t, err, "%s", msg)
	for _, dir := range []string{home, other} {
		for name, size := range map[string]int64{"holes": 20 << 20, "only a hole": 3<<20 + 17, "big": 300<<20 + 3} {
			file := filepath.Join(dir, a.Name(), "var/lib/chroma", name)
			st, err := os.Stat(file)
			require.NoError(t, err)
			require.Equal(t, size, st.Size(), name)
			require.Less(t, used(t, file), int64(1<<20), name)
		}
	}
}

func used(t *testing.T, name string) int64 {
	t.Helper()
	st, err := os.Stat(name)
	require.NoError(t, err)
	sys, ok := st.Sys().(*syscall.Stat_t)
	require.True(t, ok)
	return sys.Blocks * 512
}

// Extended attributes are kept, of any bytes, and a change of one is a mismatch.
func TestExtendedAttributes(t *testing.T) {
	m := newMachine(t)
	value := []byte("bin\x00ary\n=\xff")
	file := m.at("/var/lib/chroma/targets/OWFh")
	if err := unix.Setxattr(file, "user.evenkeel", value, 0); err != nil {
		t.Skipf("this file system has no extended attributes: %v", err)
	}
	label := []byte("system_u:object_r:sshd_key_t:s0\x00")
	labelled := unix.Setxattr(m.at("/var/lib/chroma/targets"), "security.selinux", label, 0) == nil
	info, err := m.take(t, chromaOnly)
	require.NoError(t, err)
	a, err := backup.OpenFile(info.Path)
	require.NoError(t, err)
	require.NoError(t, a.Verify())
	e, err := a.Stat("/var/lib/chroma/targets/OWFh")
	require.NoError(t, err)
	require.Equal(t, string(value), e.Attrs["SCHILY.xattr.user.evenkeel"])
	home := t.TempDir()
	tree, err := a.ExtractTo(home, backup.ExtractOptions{Attrs: true})
	require.NoError(t, err)
	got := make([]byte, 100)
	n, err := unix.Getxattr(filepath.Join(tree, "var/lib/chroma/targets/OWFh"), "user.evenkeel", got)
	require.NoError(t, err)
	require.Equal(t, value, got[:n])
	if labelled {
		e, err := a.Stat("/var/lib/chroma/targets")
		require.NoError(t, err)
		require.Contains(t, fmt.Sprint(e.Attrs), "sshd_key_t")
	}
}

// A second name of a pipe, as some tars send it, is skipped with it.
func TestHardLinkToSkipped(t *testing.T) {
	const at = "var/lib/chroma"
	zr, err := gzip.NewReader(bytes.NewReader(pack(t, dir(at), tar.Header{Typeflag: tar.TypeFifo, Name: at + "/pipe"},
		link(tar.TypeLink, at+"/pipe2", at+"/pipe"))))
	require.NoError(t, err)
	stream, err := io.ReadAll(zr)
	require.NoError(t, err)
	info, err := backup.Create(t.Context(), sends(stream), chromaOnly, backup.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	require.Len(t, info.Record.Skipped, 2)
}

// A link with two names, as tar sends it, is two links: in the archives of the guides' scripts, too.
func TestOpenHardLinkToSymlink(t *testing.T) {
	a, err := backup.Open(bytes.NewReader(pack(t, file(top+"/a"), link(tar.TypeSymlink, top+"/b", "a"),
		link(tar.TypeLink, top+"/c", top+"/b"), link(tar.TypeLink, top+"/d", top+"/a"),
		link(tar.TypeLink, top+"/e", top+"/d"))))
	require.NoError(t, err)
	for _, name := range []string{"/b", "/c", "/d", "/e"} {
		got, err := a.ReadFile(name)
		require.NoError(t, err, name)
		require.Equal(t, "content\n", string(got))
	}
	tree, err := a.ExtractTo(t.TempDir(), backup.ExtractOptions{})
	require.NoError(t, err)
	target, err := os.Readlink(tree + "/c")
	require.NoError(t, err)
	require.Equal(t, "a", target)
	_, err = backup.Open(bytes.NewReader(pack(t, file(top+"/x/a"), link(tar.TypeSymlink, top+"/x/b", "../x/a"),
		link(tar.TypeLink, top+"/c", top+"/x/b"))))
	require.ErrorIs(t, err, backup.ErrHostile, "the same target leads out from another place")
}

// A pattern that stands for a directory of which another path names a part takes it once.
func TestOverlappingPaths(t *testing.T) {
	m := newMachine(t)
	m.write(t, "/etc/multipath/bindings", "x", 0o600)
	m.write(t, "/etc/multipath.conf", "x", 0o600)
	info, err := m.take(t, backup.Manifest{Name: "x",
		Paths: []backup.Path{{Path: "/etc/multipath*"}, {Path: "/etc/multipath/bindings"}, {Path: "/etc/multipath.c*"}}})
	require.NoError(t, err)
	a, err := backup.OpenFile(info.Path)
	require.NoError(t, err)
	require.NoError(t, a.Verify())
	require.True(t, a.Has("/etc/multipath/bindings") && a.Has("/etc/multipath.conf"))
}
