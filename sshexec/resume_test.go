package sshexec_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
)

// randomBytes are the same for the same size.
func randomBytes(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(data)
	return data
}

func sumText(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// cutAfter is a link that is lost after n bytes of a dd, in either direction; below 0 it holds.
func cutAfter(n int) sshexec.Runner {
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if cmd.Argv[0] != "dd" || n < 0 {
			return sshexec.Local{}.Run(ctx, cmd)
		}
		sent := cmd
		if cmd.Stdout != nil {
			sent.Stdout = &firstBytes{cmd.Stdout, n}
		} else {
			in, err := cmd.Stdin.Open()
			if err != nil {
				return sshexec.Result{}, err
			}
			sent.Stdin = sshexec.Stream(io.LimitReader(in, int64(n))) // dd sees the end of its input, as when sshd closes the session
		}
		_, _ = sshexec.Local{}.Run(ctx, sent)
		lost := sshexec.Result{Outcome: sshexec.Unknown}
		return lost, sshexec.Failure("node1", cmd, lost, sshexec.ErrDisconnected)
	})
}

// firstBytes writes the first n bytes on and loses the rest.
type firstBytes struct {
	w    io.Writer
	left int
}

func (f *firstBytes) Write(p []byte) (int, error) {
	n := min(len(p), f.left)
	f.left -= n
	if _, err := f.w.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// transfer is one of the two directions, with what tells them apart.
type transfer struct {
	name string
	run  func(ctx context.Context, r sshexec.Runner, src, dst string, opt sshexec.TransferOptions) (sshexec.Transferred, error)
}

var transfers = []transfer{
	{"upload", sshexec.UploadResumable},
	{"download", sshexec.DownloadResumable},
}

// SSH-003, SSH-008: whatever the number of lost links and wherever they were lost, and whatever happened to the part
// meanwhile, the copy is the original; what was carried is not carried again.
func TestResumeProperties(t *testing.T) {
	for _, tr := range transfers {
		t.Run(tr.name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				dir, err := os.MkdirTemp(t.TempDir(), "")
				require.NoError(rt, err)
				src, dst := filepath.Join(dir, "src\n"), filepath.Join(dir, "dst\\")
				data := randomBytes(rapid.SampledFrom([]int{0, 1, 65535, 65536, 65537, 300000, 655360}).Draw(rt, "size"))
				require.NoError(rt, os.WriteFile(src, data, 0o640))
				part := dst + ".evenkeel-" + sumText(data)[:16] + ".part"
				there, damaged := 0, false
				for range rapid.IntRange(0, 4).Draw(rt, "cuts") {
					cut := rapid.IntRange(0, len(data)).Draw(rt, "cut")
					done, err := tr.run(t.Context(), cutAfter(cut), src, dst, sshexec.TransferOptions{})
					require.ErrorIs(rt, err, sshexec.ErrDisconnected)
					require.EqualValues(rt, there, done.Resumed)
					require.NoFileExists(rt, dst)
					there = int(done.Resumed) + min(cut, len(data)-int(done.Resumed))
					there = max(there, sizeOf(rt, part))
					damaged = damaged && cut == 0 && there > 0 // the first byte that comes takes the place of the damaged one
					if rapid.IntRange(0, 3).Draw(rt, "damage") == 0 && there > 0 && !damaged {
						damage(rt, part)
						damaged = true
					}
					if damaged {
						there = 0
					}
					there = there / 65536 * 65536
				}
				done, err := tr.run(t.Context(), cutAfter(-1), src, dst, sshexec.TransferOptions{})
				require.NoError(rt, err)
				require.Equal(rt, sshexec.Transferred{Size: int64(len(data)), Resumed: int64(there), SHA256: sumText(data)}, done)
				requireCopy(rt, dst, data, 0o640)
				requireOnly(rt, dir, "src\n", "dst\\")
			})
		})
	}
}

func sizeOf(t require.TestingT, name string) int {
	info, err := os.Stat(name)
	require.NoError(t, err)
	return int(info.Size())
}

// damage changes the part's first byte.
func damage(t require.TestingT, name string) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	first := []byte{0}
	_, err = f.ReadAt(first, 0)
	require.NoError(t, err)
	first[0]++
	_, err = f.WriteAt(first, 0)
	require.NoError(t, err)
}

func requireCopy(t require.TestingT, name string, data []byte, mode fs.FileMode) {
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got), "%s differs", name)
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, mode, info.Mode())
}

func requireOnly(t require.TestingT, dir string, names ...string) {
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	var found []string
	for _, e := range left {
		found = append(found, e.Name())
	}
	require.ElementsMatch(t, names, found)
}

// Over a real connection that is cut in the middle; the next call connects anew.
func TestResumeOverSSH(t *testing.T) {
	data := randomBytes(8 << 20)
	for _, tr := range transfers {
		t.Run(tr.name, func(t *testing.T) {
			m := newMachine(t)
			c := m.dial(t)
			dir := t.TempDir()
			src, dst := filepath.Join(dir, "image.iso"), filepath.Join(dir, "copy.iso")
			require.NoError(t, os.WriteFile(src, data, 0o444))
			dropped := false
			opt := sshexec.TransferOptions{Mode: 0o600, Progress: func(done, total int64) {
				require.EqualValues(t, len(data), total)
				if done > total/2 && !dropped {
					dropped = true
					m.Drop()
				}
			}}
			_, err := tr.run(t.Context(), c, src, dst, opt)
			require.ErrorIs(t, err, sshexec.ErrDisconnected)
			require.NoFileExists(t, dst)
			var last int64
			opt.Progress = func(done, _ int64) { last = done }
			done, err := tr.run(t.Context(), c, src, dst, opt)
			require.NoError(t, err)
			require.EqualValues(t, len(data), last)
			require.Equal(t, sumText(data), done.SHA256)
			requireCopy(t, dst, data, 0o600)
			requireOnly(t, dir, "image.iso", "copy.iso")
		})
	}
}

// What stands under the part's name is trusted only when nobody else can have put it there.
func TestResumeDistrustsParts(t *testing.T) {
	data := randomBytes(200000)
	for _, tr := range transfers {
		for name, plant := range map[string]func(t *testing.T, dir, part string){
			"a symbolic link": func(t *testing.T, dir, part string) {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "victim"), data[:150000], 0o600))
				require.NoError(t, os.Symlink(filepath.Join(dir, "victim"), part))
			},
			"a second name": func(t *testing.T, dir, part string) {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "victim"), data[:150000], 0o600))
				require.NoError(t, os.Link(filepath.Join(dir, "victim"), part))
			},
			"open to others": func(t *testing.T, dir, part string) {
				require.NoError(t, os.WriteFile(part, data[:150000], 0o600))
				require.NoError(t, os.Chmod(part, 0o666))
			},
			"somebody else's": func(t *testing.T, dir, part string) {
				require.NoError(t, os.WriteFile(part, data[:150000], 0o600))
				if os.Chown(part, 12345, -1) != nil {
					t.Skip("only root can give files away")
				}
			},
			"too long": func(t *testing.T, dir, part string) {
				require.NoError(t, os.WriteFile(part, append(bytes.Clone(data), 'x'), 0o600))
			},
		} {
			t.Run(tr.name+", "+name, func(t *testing.T) {
				dir := t.TempDir()
				src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
				require.NoError(t, os.WriteFile(src, data, 0o600))
				plant(t, dir, dst+".evenkeel-"+sumText(data)[:16]+".part")
				done, err := tr.run(t.Context(), sshexec.Local{}, src, dst, sshexec.TransferOptions{})
				require.NoError(t, err)
				require.Zero(t, done.Resumed)
				requireCopy(t, dst, data, 0o600)
				if victim, err := os.ReadFile(filepath.Join(dir, "victim")); err == nil {
					require.True(t, bytes.Equal(data[:150000], victim))
				}
			})
		}
	}
}

// A file that changes while it is carried is refused, and its part is thrown away.
func TestResumeOfAChangingFile(t *testing.T) {
	for _, tr := range transfers {
		t.Run(tr.name, func(t *testing.T) {
			dir := t.TempDir()
			src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
			require.NoError(t, os.WriteFile(src, randomBytes(100000), 0o600))
			require.NoError(t, os.WriteFile(dst, []byte("old"), 0o600))
			r := tamper("dd", func(sshexec.Cmd) { require.NoError(t, os.WriteFile(src, []byte(strings.Repeat("x", 100000)), 0o600)) })
			_, err := tr.run(t.Context(), r, src, dst, sshexec.TransferOptions{})
			require.ErrorIs(t, err, sshexec.ErrDigest)
			requireCopy(t, dst, []byte("old"), 0o600)
			requireOnly(t, dir, "src", "dst")
		})
	}
}

func TestResumeRefusals(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	for _, tr := range transfers {
		_, err := tr.run(t.Context(), sshexec.Local{}, filepath.Join(dir, "none"), filepath.Join(dir, "dst"), sshexec.TransferOptions{})
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = tr.run(t.Context(), sshexec.Local{}, dir, filepath.Join(dir, "dst"), sshexec.TransferOptions{})
		require.ErrorContains(t, err, "not a regular file")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = tr.run(ctx, sshexec.Local{}, file, filepath.Join(dir, "dst"), sshexec.TransferOptions{})
		require.ErrorIs(t, err, context.Canceled)
	}
	_, err := sshexec.UploadResumable(t.Context(), sshexec.Local{}, file, "relative", sshexec.TransferOptions{})
	require.ErrorIs(t, err, sshexec.ErrNotClean)
	var would []string
	dry := sshexec.DryRun(sshexec.Local{}, func(cmd sshexec.Cmd) { would = append(would, cmd.Argv[0]) })
	_, err = sshexec.UploadResumable(t.Context(), dry, file, filepath.Join(dir, "dst"), sshexec.TransferOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"install", "dd", "sha256sum", "chmod", "mv"}, would)
	requireOnly(t, dir, "file")
}

// Big files are summed up by openssl where there is one, and as well without it; a damaged one is found in both ways.
func TestBigFiles(t *testing.T) {
	data := randomBytes(17 << 20)
	without := t.TempDir()
	for _, program := range []string{"sh", "install", "dd", "sha256sum", "chmod", "mv", "rm", "cat", "stat", "id"} {
		path, err := exec.LookPath(program)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(path, filepath.Join(without, program)))
	}
	for name, path := range map[string]string{"with openssl": os.Getenv("PATH"), "without openssl": without} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", path)
			dir := t.TempDir()
			src, dst := filepath.Join(dir, "src\n"), filepath.Join(dir, `dst\`)
			require.NoError(t, os.WriteFile(src, data, 0o600))
			require.NoError(t, sshexec.UploadFile(t.Context(), sshexec.Local{}, src, dst, sshexec.KeepMode))
			requireCopy(t, dst, data, 0o600)
			require.NoError(t, sshexec.DownloadFile(t.Context(), sshexec.Local{}, src, dst, sshexec.KeepMode))
			requireCopy(t, dst, data, 0o600)
			for _, tr := range transfers {
				_, err := tr.run(t.Context(), cutAfter(16<<20), src, dst, sshexec.TransferOptions{})
				require.ErrorIs(t, err, sshexec.ErrDisconnected)
				done, err := tr.run(t.Context(), sshexec.Local{}, src, dst, sshexec.TransferOptions{})
				require.NoError(t, err)
				require.EqualValues(t, 16<<20, done.Resumed)
				requireCopy(t, dst, data, 0o600)
			}
			damaging := tamper("/bin/sh", func(cmd sshexec.Cmd) { damage(t, cmd.Argv[len(cmd.Argv)-1]) })
			require.ErrorIs(t, sshexec.UploadFile(t.Context(), damaging, src, dst, sshexec.KeepMode), sshexec.ErrDigest)
			require.ErrorIs(t, sshexec.DownloadFile(t.Context(), damaging, src, dst, sshexec.KeepMode), sshexec.ErrDigest)
			requireOnly(t, dir, "src\n", `dst\`)
		})
	}
}

// Every copy is synced once: a small one by the command that writes it, a big one while its sum is taken, whatever part
// of a big file is sent.
func TestUploadSyncs(t *testing.T) {
	dir := t.TempDir()
	big, small := filepath.Join(dir, "big"), filepath.Join(dir, "small")
	require.NoError(t, os.WriteFile(big, make([]byte, 17<<20), 0o600))
	require.NoError(t, os.WriteFile(small, []byte("x"), 0o600))
	for _, c := range []struct {
		name, file string
		from       int64
	}{{"small", small, 0}, {"big", big, 0}, {"the end of a big one", big, 17<<20 - 5}} {
		var seen []string
		r := sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
			for _, arg := range cmd.Argv {
				if strings.Contains(arg, "fsync") {
					seen = append(seen, cmd.Argv[0])
				}
			}
			res, err := sshexec.Local{}.Run(ctx, cmd)
			if tmp, _ := filepath.Glob(filepath.Join(dir, "copy.evenkeel-*")); cmd.Argv[0] == "dd" {
				require.Len(t, tmp, 1)
				info, err := os.Stat(tmp[0])
				require.NoError(t, err)
				require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "nobody reads it before it is whole")
			}
			return res, err
		})
		f, err := os.Open(c.file)
		require.NoError(t, err)
		_, err = f.Seek(c.from, io.SeekStart)
		require.NoError(t, err)
		require.NoError(t, sshexec.Upload(t.Context(), r, f, filepath.Join(dir, "copy"), 0o644))
		require.NoError(t, f.Close())
		require.Equal(t, []string{map[bool]string{true: "dd", false: "/bin/sh"}[c.file == small]}, seen, c.name)
	}
	_, err := sshexec.Local{}.Run(t.Context(), sshexec.Command(sshexec.Disruptive, "rm", filepath.Join(dir, "copy")))
	require.NoError(t, err)
	// A disk that does not take the file is an error, although its sum is right.
	failing := tamper("/bin/sh", func(cmd sshexec.Cmd) {})
	broken := sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		for i, arg := range cmd.Argv {
			cmd.Argv[i] = strings.Replace(arg, "conv=notrunc,fsync", "conv=notrunc,fsync oflag=nosuchflag", 1)
		}
		return failing.Run(ctx, cmd)
	})
	require.ErrorContains(t, sshexec.UploadFile(t.Context(), broken, big, filepath.Join(dir, "copy"), 0o600), "cannot be synced")
	requireOnly(t, dir, "big", "small")
}

// The far side's sum of a big file is taken beside the copy; where the connection has one session, after it.
func TestBigDownloads(t *testing.T) {
	data, dir := randomBytes(20<<20), t.TempDir()
	far := filepath.Join(dir, "far")
	require.NoError(t, os.WriteFile(far, data, 0o600))
	for _, sessions := range []int{1, 10} {
		m := newMachine(t)
		m.cfg.MaxSessions = sessions
		c := m.dial(t)
		require.NoError(t, sshexec.DownloadFile(t.Context(), c, far, filepath.Join(dir, "back"), sshexec.KeepMode))
		requireCopy(t, filepath.Join(dir, "back"), data, 0o600)
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		err := sshexec.Download(ctx, c, far, writerFunc(func(p []byte) (int, error) {
			if n += len(p); n > 18<<20 {
				cancel()
			}
			return len(p), nil
		}))
		require.ErrorIs(t, err, context.Canceled)
		m.SetFaults(sshexectest.Faults{CutAfter: true})
		require.Error(t, sshexec.Download(t.Context(), c, far, io.Discard))
	}
	requireOnly(t, dir, "far", "back")
}

// What the kernel says of a sync on the way is not forgotten: it says it once. A pipe cannot be synced.
func TestEarlySyncRemembers(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = r.Close() }()
	go func() { _, _ = io.Copy(io.Discard, r) }()
	to, wait := sshexec.EarlySync(w)
	_, err = to.Write(make([]byte, 1<<20))
	require.NoError(t, err)
	require.NoError(t, wait(), "too little for a sync")
	_, err = to.Write(make([]byte, 64<<20))
	require.NoError(t, err)
	require.ErrorIs(t, wait(), syscall.EINVAL)
	require.NoError(t, w.Close())
}
