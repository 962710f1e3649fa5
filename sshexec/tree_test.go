package sshexec_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// listTree is a line for each file below dir: type and mode, time, content.
func listTree(t require.TestingT, dir string) map[string]string {
	list := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%v %d", info.Mode(), info.ModTime().Unix())
		switch {
		case info.Mode().IsRegular():
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %x", text)
		case info.Mode().Type() == fs.ModeSymlink:
			target, err := os.Readlink(name)
			if err != nil {
				return err
			}
			line = "-> " + target
		}
		short, err := filepath.Rel(dir, name)
		list[short] = line
		return err
	}))
	return list
}

// writeTree makes files of the names, those that end with a slash directories.
func writeTree(t require.TestingT, dir string, names ...string) {
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for i, name := range names {
		full := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
		if strings.HasSuffix(name, "/") {
			require.NoError(t, os.MkdirAll(full, 0o750))
			continue
		}
		require.NoError(t, os.WriteFile(full, bytes.Repeat([]byte(name), i*100), 0o640))
		require.NoError(t, os.Chtimes(full, time.Unix(1e9, 0), time.Unix(1e9+int64(i), 0)))
	}
}

// SSH-003: a tree there and back, with all that a name, a mode and a link can be.
func TestTrees(t *testing.T) {
	for name, open := range map[string]func(*testing.T) sshexec.Runner{
		"local": func(*testing.T) sshexec.Runner { return sshexec.Local{} },
		"ssh":   func(t *testing.T) sshexec.Runner { return newMachine(t).dial(t) },
	} {
		t.Run(name, func(t *testing.T) {
			r, dir := open(t), t.TempDir()
			here, there, back := filepath.Join(dir, "here"), filepath.Join(dir, "it's there\n"), filepath.Join(dir, "back")
			writeTree(t, here, "a", "-x", "sub/new\nline", `sub/back\slash\n`, "sub/\xff", "empty/", "deep/er/"+
				strings.Repeat("long", 60), strings.Repeat("d/", 40)+"f")
			for name, mode := range map[string]fs.FileMode{"a": 0o400, "-x": 0o755, "empty": 0o555, "sub": 0o700 | fs.ModeSticky} {
				require.NoError(t, os.Chmod(filepath.Join(here, name), mode))
			}
			for link, target := range map[string]string{"dangling": "no/such", "absolute": "/etc/passwd", "up": "../..", "empty/../loop": "loop"} {
				require.NoError(t, os.Symlink(target, filepath.Join(here, link)))
			}
			want := listTree(t, here)

			up, err := sshexec.UploadTree(t.Context(), r, here, there)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(want, listTree(t, there)))
			down, err := sshexec.DownloadTree(t.Context(), r, there, back)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(want, listTree(t, back)))
			require.Equal(t, up, down)
			require.Equal(t, 7, up.Files)
			require.Equal(t, 4, up.Links)
			require.Equal(t, 1+1+1+2+40, up.Dirs)

			_, err = sshexec.UploadTree(t.Context(), r, here, there)
			require.ErrorIs(t, err, fs.ErrExist)
			_, err = sshexec.DownloadTree(t.Context(), r, there, back)
			require.ErrorIs(t, err, fs.ErrExist)

			require.NoError(t, os.Mkdir(filepath.Join(dir, "nothing"), 0o711))
			up, err = sshexec.UploadTree(t.Context(), r, filepath.Join(dir, "nothing"), filepath.Join(dir, "nothing there"))
			require.NoError(t, err)
			require.Equal(t, sshexec.Tree{Dirs: 1}, up)
			_, err = sshexec.DownloadTree(t.Context(), r, filepath.Join(dir, "nothing there"), filepath.Join(dir, "nothing back"))
			require.NoError(t, err)
			require.Equal(t, listTree(t, filepath.Join(dir, "nothing")), listTree(t, filepath.Join(dir, "nothing back")))
			requireNoLeftovers(t, dir)
		})
	}
}

func TestTreeProperties(t *testing.T) {
	part := rapid.StringMatching(`[-a-c '"\\$\n.é]{1,4}`).Filter(func(s string) bool { return s != "." && s != ".." })
	path := rapid.Map(rapid.SliceOfN(part, 1, 3), func(parts []string) string { return strings.Join(parts, "/") })
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		here, there, back := filepath.Join(dir, fmt.Sprint("here", n)), filepath.Join(dir, fmt.Sprint("there", n)),
			filepath.Join(dir, fmt.Sprint("back", n))
		require.NoError(t, os.Mkdir(here, 0o755))
		for _, name := range rapid.SliceOfN(path, 0, 5).Draw(t, "names") {
			full := filepath.Join(here, name)
			_ = os.MkdirAll(filepath.Dir(full), 0o700) // in the way of another file: then that one stays
			_ = os.WriteFile(full, rapid.SliceOfN(rapid.Byte(), 0, 1200).Draw(t, "text"), 0o600)
		}
		want := listTree(t, here)
		_, err := sshexec.UploadTree(context.Background(), sshexec.Local{}, here, there)
		require.NoError(t, err)
		_, err = sshexec.DownloadTree(context.Background(), sshexec.Local{}, there, back)
		require.NoError(t, err)
		require.Equal(t, want, listTree(t, there))
		require.Equal(t, want, listTree(t, back))
	})
}

func TestUploadTreeFailures(t *testing.T) {
	setUp := func(t *testing.T) (dir, here, there string) {
		dir = t.TempDir()
		here, there = filepath.Join(dir, "here"), filepath.Join(dir, "there")
		writeTree(t, here, "a", "sub/b", "sub/c")
		return dir, here, there
	}
	requireNothing := func(t *testing.T, dir string) {
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, left, 1)
	}
	t.Run("damaged on the way", func(t *testing.T) {
		dir, here, there := setUp(t)
		r := tamper("/bin/sh", func(cmd sshexec.Cmd) { require.NoError(t, os.Truncate(filepath.Join(cmd.Dir, "sub/c"), 1)) })
		_, err := sshexec.UploadTree(t.Context(), r, here, there)
		require.ErrorIs(t, err, sshexec.ErrDigest)
		require.ErrorContains(t, err, "sub/c")
		requireNothing(t, dir)
	})
	t.Run("what came meanwhile stays", func(t *testing.T) {
		dir, here, there := setUp(t)
		r := tamper("mv", func(sshexec.Cmd) { writeTree(t, there, "other") })
		_, err := sshexec.UploadTree(t.Context(), r, here, there)
		require.Error(t, err)
		require.Equal(t, []string{".", "other"}, slices.Sorted(maps.Keys(listTree(t, there))))
		requireNoLeftovers(t, dir)
	})
	t.Run("a pipe", func(t *testing.T) {
		dir, here, there := setUp(t)
		require.NoError(t, syscall.Mkfifo(filepath.Join(here, "pipe"), 0o600))
		_, err := sshexec.UploadTree(t.Context(), sshexec.Local{}, here, there)
		require.ErrorIs(t, err, sshexec.ErrNotCopied)
		require.ErrorContains(t, err, "pipe")
		requireNothing(t, dir)
	})
	t.Run("cancelled in the middle", func(t *testing.T) {
		dir, here, there := setUp(t)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := sshexec.UploadTree(ctx, tamper("tar", func(sshexec.Cmd) { cancel() }), here, there)
		require.ErrorIs(t, err, context.Canceled)
		requireNothing(t, dir)
	})
	t.Run("no room", func(t *testing.T) {
		dir, here, there := setUp(t)
		full := sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
			if cmd.Argv[0] == "tar" {
				cmd = sshexec.Script(sshexec.Mutating, `echo "tar: ./sub/c: Cannot write: No space left on device" >&2; exit 2`)
			}
			return sshexec.Local{}.Run(ctx, cmd)
		})
		_, err := sshexec.UploadTree(t.Context(), full, here, there)
		require.ErrorContains(t, err, "No space left")
		requireNothing(t, dir)
	})
	t.Run("a disk that does not take it", func(t *testing.T) {
		dir, here, there := setUp(t)
		broken := sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
			for i, arg := range cmd.Argv {
				cmd.Argv[i] = strings.Replace(arg, "sync -f . 2>/dev/null || sync;", "sleep 0.1; false;", 1)
			}
			return sshexec.Local{}.Run(ctx, cmd)
		})
		_, err := sshexec.UploadTree(t.Context(), broken, here, there)
		require.ErrorContains(t, err, "exit status 1")
		requireNothing(t, dir)
	})
	t.Run("a tar that stops early and is content", func(t *testing.T) {
		dir, here, there := setUp(t)
		require.NoError(t, os.WriteFile(filepath.Join(here, "big"), make([]byte, 1<<20), 0o600))
		lazy := sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
			if cmd.Argv[0] != "tar" {
				return sshexec.Local{}.Run(ctx, cmd)
			}
			in, err := cmd.Stdin.Open()
			require.NoError(t, err)
			_, err = io.CopyN(io.Discard, in, 1<<17)
			return sshexec.Result{Outcome: sshexec.Exited}, err
		})
		_, err := sshexec.UploadTree(t.Context(), lazy, here, there)
		require.ErrorIs(t, err, sshexec.ErrNoSense)
		requireNothing(t, dir)
	})
	t.Run("a dry run", func(t *testing.T) {
		dir, here, there := setUp(t)
		var would []string
		r := sshexec.DryRun(sshexec.Local{}, func(cmd sshexec.Cmd) { would = append(would, cmd.Argv[0]) })
		_, err := sshexec.UploadTree(t.Context(), r, here, there)
		require.NoError(t, err)
		require.Equal(t, []string{"mkdir", "tar", "/bin/sh", "mv"}, would)
		requireNothing(t, dir)
	})
	t.Run("names", func(t *testing.T) {
		_, here, there := setUp(t)
		for _, name := range []string{"", "relative", "/tmp/", "/tmp/../x", "/tmp/a\x00b"} {
			_, err := sshexec.UploadTree(t.Context(), sshexec.Local{}, here, name)
			require.Error(t, err, name)
		}
		_, err := sshexec.UploadTree(t.Context(), sshexec.Local{}, filepath.Join(here, "a"), there)
		require.Error(t, err, "a file is no tree")
		_, err = sshexec.UploadTree(t.Context(), sshexec.Local{}, filepath.Join(here, "none"), there)
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}

// archive is a machine whose tar answers with the given headers, and whose sums are those of one file "f" that holds "text".
func archive(headers ...tar.Header) sshexec.Runner {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		text := ""
		if h.Typeflag == tar.TypeReg {
			text = "text"
		}
		h.Size = int64(len(text))
		if err := errors.Join(w.WriteHeader(&h), second(io.WriteString(w, text))); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res := sshexec.Result{Outcome: sshexec.Exited}
		if cmd.Argv[0] == "stat" {
			res.Stdout = []byte("41ed 4096 0 0 2 1700000000\n")
			return res, nil
		}
		if cmd.Argv[0] != "tar" {
			res.Stdout = []byte("982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1  ./f\n")
			return res, nil
		}
		_, _ = cmd.Stdout.Write(b.Bytes()) // a consumer that gives up does not end the command
		return res, nil
	})
}

// What a machine that is not to be trusted may send.
func TestDownloadTreeIsNotTricked(t *testing.T) {
	top, f := tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755}, tar.Header{Name: "./f", Typeflag: tar.TypeReg, Mode: 0o4755}
	link := func(name, target string) tar.Header {
		return tar.Header{Name: name, Linkname: target, Typeflag: tar.TypeSymlink}
	}
	file := func(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644} }
	t.Run("nothing wrong", func(t *testing.T) {
		to := filepath.Join(t.TempDir(), "to")
		tree, err := sshexec.DownloadTree(t.Context(), archive(top, f), "/far", to)
		require.NoError(t, err)
		require.Equal(t, sshexec.Tree{Files: 1, Dirs: 1, Bytes: 4}, tree)
		info, err := os.Stat(filepath.Join(to, "f"))
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o755), info.Mode(), "the set-user-id bit belongs to another owner")
	})
	for name, headers := range map[string][]tar.Header{
		"up":                  {top, f, file("../g")},
		"up in the middle":    {top, f, {Name: "d/", Typeflag: tar.TypeDir, Mode: 0o755}, file("d/../../g")},
		"absolute":            {top, f, file("/tmp/evenkeel-g")},
		"through a link":      {top, f, link("l", ".."), file("l/g")},
		"a directory by link": {top, f, link("l", ".."), {Name: "l/", Typeflag: tar.TypeDir}, file("l/g")},
		"over a link":         {top, f, link("g", "../g"), file("g")},
		"twice":               {top, f, f},
		"a directory twice":   {top, f, top},
		"no directory above":  {top, f, file("d/g")},
		"a device":            {top, f, {Name: "sda", Typeflag: tar.TypeBlock}},
		"a pipe":              {top, f, {Name: "p", Typeflag: tar.TypeFifo}},
		"a hard link":         {top, f, {Name: "h", Linkname: "/etc/passwd", Typeflag: tar.TypeLink}},
		"without itself":      {f},
		"nothing":             {},
		"a file too few":      {top},
		"a file too many":     {top, f, file("g")},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := sshexec.DownloadTree(t.Context(), archive(headers...), "/far", filepath.Join(dir, "in", "to"))
			require.ErrorIs(t, err, fs.ErrNotExist, "the directory above is missing")
			require.NoError(t, os.Mkdir(filepath.Join(dir, "in"), 0o700))
			_, err = sshexec.DownloadTree(t.Context(), archive(headers...), "/far", filepath.Join(dir, "in", "to"))
			require.Error(t, err)
			require.Len(t, listTree(t, dir), 2, "the directory of the test and the one in it")
		})
	}
}

func TestDownloadTreeFailures(t *testing.T) {
	dir := t.TempDir()
	far, to := filepath.Join(dir, "far"), filepath.Join(dir, "to")
	writeTree(t, far, "a", "sub/b")
	requireNothing := func(t *testing.T, err, want error) {
		t.Helper()
		require.ErrorIs(t, err, want)
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, left, 1)
	}
	b := filepath.Join(far, "sub/b")
	for _, change := range []func() error{
		func() error { return os.WriteFile(b, []byte("two"), 0o600) },
		func() error { return os.Rename(b, b+"2") },
		func() error { return os.Remove(b + "2") },
	} {
		_, err := sshexec.DownloadTree(t.Context(), tamper("/bin/sh", func(sshexec.Cmd) { require.NoError(t, change()) }), far, to)
		requireNothing(t, err, sshexec.ErrDigest)
		require.ErrorContains(t, err, "sub/b")
	}
	_, err := sshexec.DownloadTree(t.Context(), tamper("/bin/sh", func(sshexec.Cmd) { writeTree(t, far, "c") }), far, to)
	requireNothing(t, err, sshexec.ErrDigest)
	require.ErrorContains(t, err, "c came")

	socket, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	defer func() { _ = syscall.Close(socket) }()
	require.NoError(t, syscall.Bind(socket, &syscall.SockaddrUnix{Name: filepath.Join(far, "s")}))
	_, err = sshexec.DownloadTree(t.Context(), sshexec.Local{}, far, to)
	requireNothing(t, err, sshexec.ErrNotCopied)
	require.NoError(t, os.Remove(filepath.Join(far, "s")))

	_, err = sshexec.DownloadTree(t.Context(), sshexec.Local{}, filepath.Join(dir, "none"), to)
	requireNothing(t, err, fs.ErrNotExist)
	ctx, cancel := context.WithCancel(t.Context())
	_, err = sshexec.DownloadTree(ctx, tamper("tar", func(sshexec.Cmd) { cancel() }), far, to)
	requireNothing(t, err, context.Canceled)
}

// A stream that is cut leaves nothing, and says that it was cut.
func TestDownloadTreeCut(t *testing.T) {
	dir := t.TempDir()
	far := filepath.Join(dir, "far")
	writeTree(t, far, "a", "sub/b")
	require.NoError(t, os.WriteFile(filepath.Join(far, "big"), randomBytes(1<<20), 0o600))
	for _, at := range []int{0, 1, 512, 100_000, 1 << 20} {
		_, err := sshexec.DownloadTree(t.Context(), outputCutAfter(at), far, filepath.Join(dir, "to"))
		require.ErrorIs(t, err, sshexec.ErrDisconnected, at)
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, left, 1)
	}
}

// outputCutAfter is this machine over a link that breaks when a command has put n bytes out.
func outputCutAfter(n int) sshexec.Runner {
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		to := cmd.Stdout
		if to == nil {
			return sshexec.Local{}.Run(ctx, cmd)
		}
		var all bytes.Buffer
		cmd.Stdout = &all
		res, err := sshexec.Local{}.Run(ctx, cmd)
		if err != nil {
			return res, err
		}
		_, _ = to.Write(all.Bytes()[:min(n, all.Len())])
		res = sshexec.Result{Outcome: sshexec.Unknown}
		return res, sshexec.Failure("far", cmd, res, sshexec.ErrDisconnected)
	})
}

// FuzzParseSums holds that no output of sha256sum is taken for another.
func FuzzParseSums(f *testing.F) {
	f.Add([]byte("982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1  ./f\n"))
	f.Add([]byte("982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1 *./f\n"))
	f.Add([]byte("\\982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1  ./new\\nline\\\\\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		sums, err := sshexec.ParseSums(text)
		if err != nil {
			return
		}
		var again bytes.Buffer
		for _, name := range slices.Sorted(maps.Keys(sums)) {
			again.WriteString(sshexec.SumLine(sums[name], "./"+name))
		}
		twice, err := sshexec.ParseSums(again.Bytes())
		require.NoError(t, err)
		require.Equal(t, sums, twice)
	})
}
