package sshexec_test

import (
	"bytes"
	"context"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// SSH-003: files there and back, over SSH and locally.
func TestUploadAndDownload(t *testing.T) {
	for name, open := range map[string]func(*testing.T) sshexec.Runner{
		"local": func(*testing.T) sshexec.Runner { return sshexec.Local{} },
		"ssh":   func(t *testing.T) sshexec.Runner { return newMachine(t).dial(t) },
	} {
		t.Run(name, func(t *testing.T) {
			r, dir := open(t), t.TempDir()
			data := make([]byte, 3<<20)
			_, _ = rand.NewChaCha8([32]byte{}).Read(data)
			for _, remote := range []string{"plain", "it's a $file", "-x", "naïve", "new\nline", `back\slash\n`, "a\rb", "\xff"} {
				path := filepath.Join(dir, remote)
				require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
				require.NoError(t, sshexec.Upload(t.Context(), r, bytes.NewReader(data), path, 0o640))
				got, err := os.ReadFile(path)
				require.NoError(t, err)
				require.True(t, bytes.Equal(data, got))
				info, err := os.Stat(path)
				require.NoError(t, err)
				require.Equal(t, fs.FileMode(0o640), info.Mode())

				back := filepath.Join(dir, "back")
				require.NoError(t, sshexec.DownloadFile(t.Context(), r, path, back, 0o600))
				got, err = os.ReadFile(back)
				require.NoError(t, err)
				require.True(t, bytes.Equal(data, got))
			}
			require.NoError(t, sshexec.UploadFile(t.Context(), r, filepath.Join(dir, "back"), filepath.Join(dir, "copy"), 0o600))
			requireNoLeftovers(t, dir)
			for _, mode := range []fs.FileMode{0o4755, 0o640, 0o1600} {
				info := keepMode(t, r, dir, mode)
				require.Equal(t, info[0].Mode(), info[1].Mode())
				require.Equal(t, info[0].Mode(), info[2].Mode())
			}
		})
	}
}

// keepMode uploads and downloads a file of the given mode, as chmod counts it, with KeepMode.
func keepMode(t *testing.T, r sshexec.Runner, dir string, mode fs.FileMode) (infos [3]fs.FileInfo) {
	t.Helper()
	names := [3]string{filepath.Join(dir, "original"), filepath.Join(dir, "up"), filepath.Join(dir, "down")}
	require.NoError(t, os.WriteFile(names[0], []byte("x"), 0o600))
	require.NoError(t, exec.CommandContext(t.Context(), "chmod", strconv.FormatUint(uint64(mode), 8), names[0]).Run())
	require.NoError(t, sshexec.UploadFile(t.Context(), r, names[0], names[1], sshexec.KeepMode))
	require.NoError(t, sshexec.DownloadFile(t.Context(), r, names[1], names[2], sshexec.KeepMode))
	for i, n := range names {
		var err error
		infos[i], err = os.Stat(n)
		require.NoError(t, err)
	}
	return infos
}

func requireNoLeftovers(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "*.evenkeel-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// tamper runs commands locally, and does something before the one whose program has the given name.
func tamper(program string, do func(cmd sshexec.Cmd)) sshexec.Runner {
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if cmd.Argv[0] == program {
			do(cmd)
		}
		return sshexec.Local{}.Run(ctx, cmd)
	})
}

func TestUploadFailures(t *testing.T) {
	t.Run("damaged on the way", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "f")
		require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
		var tmp string
		r := tamper("dd", func(cmd sshexec.Cmd) { tmp = strings.TrimPrefix(cmd.Argv[1], "of=") })
		damaged := sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
			if cmd.Argv[0] == "sha256sum" {
				require.NoError(t, os.Truncate(tmp, 1))
			}
			return r.Run(ctx, cmd)
		})
		err := sshexec.Upload(t.Context(), damaged, strings.NewReader("new"), path, 0o600)
		require.ErrorIs(t, err, sshexec.ErrDigest)
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "old", string(got))
		requireNoLeftovers(t, dir)
	})
	t.Run("a directory has the name", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, "d"), 0o755))
		require.Error(t, sshexec.Upload(t.Context(), sshexec.Local{}, strings.NewReader("x"), filepath.Join(dir, "d"), 0o600))
		requireNoLeftovers(t, dir)
	})
	t.Run("cancelled in the middle", func(t *testing.T) {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		r := tamper("sha256sum", func(sshexec.Cmd) { cancel() })
		require.ErrorIs(t, sshexec.Upload(ctx, r, strings.NewReader("x"), filepath.Join(dir, "f"), 0o600), context.Canceled)
		requireNoLeftovers(t, dir)
	})
	t.Run("a dry run", func(t *testing.T) {
		dir := t.TempDir()
		var would []string
		r := sshexec.DryRun(sshexec.Local{}, func(cmd sshexec.Cmd) { would = append(would, cmd.Argv[0]) })
		require.NoError(t, sshexec.Upload(t.Context(), r, strings.NewReader("x"), filepath.Join(dir, "f"), 0o600))
		require.Equal(t, []string{"install", "dd", "sha256sum", "chmod", "mv"}, would)
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left)
	})
	for _, path := range []string{"", "relative", "/tmp/", "/tmp/a\x00b"} {
		require.Error(t, sshexec.Upload(t.Context(), sshexec.Local{}, strings.NewReader("x"), path, 0o600), path)
	}
}

func TestDownloadFailures(t *testing.T) {
	dir := t.TempDir()
	remote, local := filepath.Join(dir, "remote"), filepath.Join(dir, "local")
	require.NoError(t, os.WriteFile(remote, []byte("one"), 0o600))
	require.NoError(t, os.WriteFile(local, []byte("kept"), 0o600))
	changing := tamper("sha256sum", func(sshexec.Cmd) { require.NoError(t, os.WriteFile(remote, []byte("two"), 0o600)) })
	require.ErrorIs(t, sshexec.DownloadFile(t.Context(), changing, remote, local, 0o600), sshexec.ErrDigest)
	require.ErrorContains(t, sshexec.DownloadFile(t.Context(), sshexec.Local{}, remote+"x", local, 0o600), "No such file")
	got, err := os.ReadFile(local)
	require.NoError(t, err)
	require.Equal(t, "kept", string(got))
	requireNoLeftovers(t, dir)
}
