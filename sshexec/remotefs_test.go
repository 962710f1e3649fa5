package sshexec_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// oddNames are names of files that shells, lists of lines and format strings get wrong.
var oddNames = []string{
	"plain", "two words", "new\nline", "\n", "-rf", "--", "$HOME", "'", `"`, `\`, `\n`, "*", "%s", "tab\t", "é",
	"\xff\xfe", "\x1b[31m", "trailing ", " ", "...", "\r", "a\rb",
}

// SSH-003: whatever is in a directory is listed as it is.
func TestListAndStat(t *testing.T) {
	for name, open := range map[string]func(*testing.T) sshexec.Runner{
		"local": func(*testing.T) sshexec.Runner { return sshexec.Local{} },
		"ssh":   func(t *testing.T) sshexec.Runner { return newMachine(t).dial(t) },
	} {
		t.Run(name, func(t *testing.T) {
			r, dir := open(t), t.TempDir()
			for i, n := range oddNames {
				require.NoError(t, os.WriteFile(filepath.Join(dir, n), make([]byte, i), 0o640))
				require.NoError(t, os.Chtimes(filepath.Join(dir, n), time.Time{}, time.Unix(1234567890+int64(i), 5)))
			}
			require.NoError(t, os.Mkdir(filepath.Join(dir, "dir"), 0o700))
			require.NoError(t, os.Chmod(filepath.Join(dir, "dir"), 0o750|fs.ModeSetgid|fs.ModeSticky))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "dir", "inside"), nil, 0o600))
			require.NoError(t, os.Symlink("new\nline", filepath.Join(dir, "link")))
			require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))

			list, err := sshexec.List(t.Context(), r, dir)
			require.NoError(t, err)
			want := append(slices.Clone(oddNames), "dir", "link", "fifo")
			slices.Sort(want)
			names := make([]string, len(list))
			for i, info := range list {
				names[i] = info.Name
				requireSameFile(t, filepath.Join(dir, info.Name), info)
				if path := filepath.Join(dir, info.Name); filepath.Clean(path) == path {
					one, err := sshexec.Lstat(t.Context(), r, path)
					require.NoError(t, err)
					requireSameFile(t, path, one)
					one.Name, one.Target = info.Name, info.Target
					require.Equal(t, info, one)
				}
			}
			require.Equal(t, want, names)

			target, err := sshexec.ReadLink(t.Context(), r, filepath.Join(dir, "link"))
			require.NoError(t, err)
			require.Equal(t, "new\nline", target)
			followed, err := sshexec.Stat(t.Context(), r, filepath.Join(dir, "link"))
			require.NoError(t, err)
			require.True(t, followed.Mode.IsRegular())
		})
	}
}

// requireSameFile compares what another machine said with what this one sees.
func requireSameFile(t *testing.T, path string, info sshexec.FileInfo) {
	t.Helper()
	want, err := os.Lstat(path)
	require.NoError(t, err)
	sys := want.Sys().(*syscall.Stat_t)
	require.Equal(t, want.Mode(), info.Mode, path)
	require.Equal(t, want.Size(), info.Size, path)
	require.Equal(t, sys.Uid, info.UID)
	require.Equal(t, sys.Gid, info.GID)
	require.EqualValues(t, sys.Nlink, info.Links)
	require.Equal(t, want.ModTime().Unix(), info.ModTime.Unix())
	if want.Mode()&fs.ModeSymlink != 0 && info.Name != path {
		target, err := os.Readlink(path)
		require.NoError(t, err)
		require.Equal(t, target, info.Target)
	}
}

func TestListOfWhatIsNoDirectory(t *testing.T) {
	dir := t.TempDir()
	r := sshexec.Local{}
	empty, err := sshexec.List(t.Context(), r, dir)
	require.NoError(t, err)
	require.Empty(t, empty)
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	// An empty list would be a lie.
	_, err = sshexec.List(t.Context(), r, file)
	require.ErrorContains(t, err, "Not a directory")
	_, err = sshexec.List(t.Context(), r, filepath.Join(dir, "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "link")))
	list, err := sshexec.List(t.Context(), r, filepath.Join(dir, "link"))
	require.NoError(t, err)
	require.Len(t, list, 2)
	root, err := sshexec.List(t.Context(), r, "/")
	require.NoError(t, err)
	require.NotEmpty(t, root)
}

func TestMkdirAndRemove(t *testing.T) {
	r, dir := sshexec.Local{}, t.TempDir()
	sub := filepath.Join(dir, "-a b")
	require.NoError(t, sshexec.Mkdir(t.Context(), r, sub, 0o710))
	require.ErrorIs(t, sshexec.Mkdir(t.Context(), r, sub, 0o710), fs.ErrExist)
	info, err := sshexec.Stat(t.Context(), r, sub)
	require.NoError(t, err)
	require.Equal(t, fs.ModeDir|0o710, info.Mode)
	require.True(t, info.IsDir())
	deep := filepath.Join(sub, "x", "y")
	require.ErrorIs(t, sshexec.Mkdir(t.Context(), r, deep, 0o700), fs.ErrNotExist)
	require.NoError(t, sshexec.MkdirAll(t.Context(), r, deep, 0o700))
	require.NoError(t, sshexec.MkdirAll(t.Context(), r, deep, 0o700))
	file := filepath.Join(deep, "it's\na file")
	require.NoError(t, os.WriteFile(file, nil, 0o400))
	require.Error(t, sshexec.RemoveDir(t.Context(), r, deep))
	require.NoError(t, sshexec.Remove(t.Context(), r, file))
	require.ErrorIs(t, sshexec.Remove(t.Context(), r, file), fs.ErrNotExist)
	require.NoError(t, sshexec.RemoveDir(t.Context(), r, deep))
	require.NoError(t, sshexec.RemoveAll(t.Context(), r, sub))
	require.NoError(t, sshexec.RemoveAll(t.Context(), r, sub))
	_, err = sshexec.Lstat(t.Context(), r, sub)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// Paths that mean something else than they say reach no machine, and a dry run removes nothing.
func TestFileRefusals(t *testing.T) {
	none := sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		t.Errorf("%s was run", cmd)
		return sshexec.Result{}, nil
	})
	for _, path := range []string{"", "relative", "/tmp/", "/tmp/../etc/x", "/tmp//x/y", "/tmp/./x", "/tmp/a\x00b"} {
		require.Error(t, sshexec.RemoveAll(t.Context(), none, path))
		require.Error(t, sshexec.Remove(t.Context(), none, path))
		require.Error(t, sshexec.RemoveDir(t.Context(), none, path))
		require.Error(t, sshexec.MkdirAll(t.Context(), none, path, 0o700))
		for _, err := range []error{
			second(sshexec.Stat(t.Context(), none, path)), second(sshexec.List(t.Context(), none, path)),
			second(sshexec.ReadLink(t.Context(), none, path)),
		} {
			require.Error(t, err)
		}
	}
	for _, path := range []string{"/", "/etc", "/home"} {
		require.ErrorIs(t, sshexec.RemoveAll(t.Context(), none, path), sshexec.ErrTooHigh)
	}
	file := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	dry := sshexec.DryRun(sshexec.Local{}, nil)
	require.NoError(t, sshexec.Remove(t.Context(), dry, file))
	require.NoError(t, sshexec.RemoveAll(t.Context(), dry, file))
	_, err := sshexec.Stat(t.Context(), dry, file)
	require.NoError(t, err)
}

func second[T any](_ T, err error) error { return err }

// printing answers every command with the same output.
func printing(out string) sshexec.Runner {
	return sshexec.RunnerFunc(func(context.Context, sshexec.Cmd) (sshexec.Result, error) {
		return sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(out)}, nil
	})
}

// The output of an old find (EL6, findutils 4.4) and of what is not one.
func TestListOutput(t *testing.T) {
	const good = "f 644 5 0 0 1 1700000000.1234567890\x00b\x00\x00l 777 3 1 2 1 1700000001\x00a\x00b/c\x00"
	list, err := sshexec.List(t.Context(), printing(good), "/x")
	require.NoError(t, err)
	require.Equal(t, []sshexec.FileInfo{
		{Name: "a", Mode: fs.ModeSymlink | 0o777, Size: 3, UID: 1, GID: 2, Links: 1, ModTime: time.Unix(1700000001, 0), Target: "b/c"},
		{Name: "b", Mode: 0o644, Size: 5, Links: 1, ModTime: time.Unix(1700000000, 0)},
	}, list)
	for _, bad := range []string{
		"f", "f 644 5 0 0 1 1.0\x00b\x00", "f 644 5 0 0 1\x00b\x00\x00", "f 644 5 0 0 1 1 1\x00b\x00\x00",
		"x 644 5 0 0 1 1\x00b\x00\x00", "f 698 5 0 0 1 1\x00b\x00\x00",
		"f 100644 5 0 0 1 1\x00b\x00\x00", "f 644 -5 0 0 1 1\x00b\x00\x00", "f 644 5 0 0 1 1\x00\x00\x00",
		"f 644 5 0 0 1 1\x00a/b\x00\x00", "f 644 5 0 0 1 1\x00..\x00\x00",
	} {
		_, err := sshexec.List(t.Context(), printing(bad), "/x")
		require.ErrorIs(t, err, sshexec.ErrNoSense, "%q", bad)
	}
	for _, bad := range []string{"", "81a4 5 0 0 1", "81a4 5 0 0 1 1 1", "zz 5 0 0 1 1", "81a4 5 0 0 1 x", "81a4  5 0 0 1 1"} {
		_, err := sshexec.Stat(t.Context(), printing(bad+"\n"), "/x")
		require.ErrorIs(t, err, sshexec.ErrNoSense, "%q", bad)
	}
}

// Files with any names are found under just these.
func TestListProperties(t *testing.T) {
	name := rapid.Map(rapid.SliceOfN(rapid.ByteRange(1, 255), 1, 20), func(b []byte) string { return string(b) }).
		Filter(func(s string) bool { return s != "." && s != ".." && filepath.Base(s) == s && s != "/" })
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		require.NoError(rt, err)
		want := rapid.SliceOfNDistinct(name, 0, 5, rapid.ID).Draw(rt, "names")
		for _, n := range want {
			require.NoError(rt, os.WriteFile(filepath.Join(dir, n), nil, 0o600))
		}
		list, err := sshexec.List(t.Context(), sshexec.Local{}, dir)
		require.NoError(rt, err)
		names := []string{}
		for _, info := range list {
			names = append(names, info.Name)
		}
		slices.Sort(want)
		require.ElementsMatch(rt, want, names)
		require.True(rt, slices.IsSorted(names))
	})
}

func FuzzList(f *testing.F) {
	f.Add("f 644 5 0 0 1 1700000000.1234567890\x00b\x00\x00l 777 3 1 2 1 1700000001\x00a\x00b/c\x00")
	f.Add("81a4 5 0 0 1 1700000000")
	f.Fuzz(func(t *testing.T, out string) {
		if list, err := sshexec.List(t.Context(), printing(out), "/x"); err == nil {
			for _, info := range list {
				if info.Name == "" || info.Size < 0 {
					t.Errorf("%q gives %+v", out, info)
				}
			}
		}
		_, _ = sshexec.Stat(t.Context(), printing(out), "/x")
	})
}
