package backup_test

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// words are what the configuration files and logs of a server are made of.
var words = []string{
	"server", "timeout", "lustre", "MGS", "ost", "mount", "failed", "started", "node", "192.168.10.", "config", "state",
	"resource", "pacemaker", "true", "false", "enabled", "error",
	"connection", "reset", "by", "peer", "/var/lib/chroma/targets", "systemd[1]:", "kernel:", "LustreError:", "client",
	"evicted", "lock", "export", "recovery", "complete", "uuid",
}

// logLike is text that compresses as logs and configuration do, to about 30 %.
func logLike(r *rand.Rand, size int) []byte {
	b := make([]byte, 0, size+200)
	for len(b) < size {
		b = fmt.Appendf(b, "Sep 30 %02d:%02d ", r.IntN(24), r.IntN(60))
		for range 4 + r.IntN(8) {
			b = append(b, words[r.IntN(len(words))]...)
			if r.IntN(3) == 0 {
				b = strconv.AppendUint(b, uint64(r.Uint32()), 16)
			}
			b = append(b, ' ')
		}
		b = append(b, '\n')
	}
	return b[:size]
}

// makeTree makes files below root/var/lib/chroma, of many sizes.
func makeTree(tb testing.TB, root string, files, total int) {
	tb.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	for i := range files {
		dir := filepath.Join(root, "var/lib/chroma", fmt.Sprintf("d%03d", i%100))
		require.NoError(tb, os.MkdirAll(dir, 0o755))
		mean := total / files
		require.NoError(tb, os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%05d", i)), logLike(r, mean/4+r.IntN(mean*3/2)), 0o600))
	}
}

// The trees: one of 2,000 files and 40 MB; with EVENKEEL_BENCH_BIG set, one of 20,000 files and 1 GB.
// EVENKEEL_BENCH_DIR is where they are made.
func benchTrees(b *testing.B) map[string]string {
	b.Helper()
	sizes := map[string][2]int{"small": {2_000, 40_000_000}}
	if os.Getenv("EVENKEEL_BENCH_BIG") != "" {
		sizes["big"] = [2]int{20_000, 1_000_000_000}
	}
	trees := map[string]string{}
	for name, size := range sizes {
		dir, err := os.MkdirTemp(os.Getenv("EVENKEEL_BENCH_DIR"), "tree")
		require.NoError(b, err)
		b.Cleanup(func() { _ = os.RemoveAll(dir) })
		makeTree(b, dir, size[0], size[1])
		trees[name] = dir
	}
	return trees
}

// benchLocal runs commands on this machine, under another name.
func benchLocal(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	if cmd.String() == "hostname" {
		return sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte("bench\n")}, nil
	}
	return sshexec.Local{}.Run(ctx, cmd)
}

// cpu is the processor time of this process and of its children.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		require.NoError(tb, syscall.Getrusage(who, &u))
		total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return total
}

// reportCPU adds the processor time, which says more than the clock on a machine that others use too.
func reportCPU(b *testing.B, since time.Duration) {
	b.Helper()
	b.ReportMetric(float64(cpu(b)-since)/float64(b.N), "cpu-ns/op")
}

// BenchmarkCreate holds Create against "tar czf" and against the guide's script (tar to tar, then tar zcf;
// lustre:66-93), side by side, with the same tree.
func BenchmarkCreate(b *testing.B) {
	for name, root := range benchTrees(b) {
		shell := func(b *testing.B, script string) {
			var size int64
			begun := cpu(b)
			for b.Loop() {
				into := b.TempDir()
				out, err := exec.Command("sh", "-c", script, "sh", root, into).CombinedOutput()
				require.NoError(b, err, "%s", out)
				st, err := os.Stat(into + "/bck.tgz")
				require.NoError(b, err)
				size = st.Size()
				_ = os.RemoveAll(into)
			}
			reportCPU(b, begun)
			b.ReportMetric(float64(size), "archive-B")
		}
		create := func(b *testing.B, opts backup.Options) {
			var size int64
			begun := cpu(b)
			for b.Loop() {
				opts.Dir, opts.Root = b.TempDir(), root
				info, err := backup.Create(context.Background(), sshexec.RunnerFunc(benchLocal), chromaOnly, opts)
				require.NoError(b, err)
				size = info.Size
				_ = os.RemoveAll(opts.Dir)
			}
			reportCPU(b, begun)
			b.ReportMetric(float64(size), "archive-B")
		}
		b.Run(name+"/tar_czf", func(b *testing.B) { shell(b, `tar czf "$2/bck.tgz" -C "$1" var/lib/chroma`) })
		b.Run(name+"/guide", func(b *testing.B) {
			shell(b, `mkdir "$2/bck" && (cd "$1" && tar cf - var/lib/chroma) | (cd "$2/bck" && tar xf -) && cd "$2" && tar zcf bck.tgz bck`)
		})
		b.Run(name+"/evenkeel", func(b *testing.B) { create(b, backup.Options{}) })
		b.Run(name+"/evenkeel_1_thread", func(b *testing.B) { create(b, backup.Options{Threads: 1}) })
		b.Run(name+"/evenkeel_zstd", func(b *testing.B) { create(b, backup.Options{Compression: backup.Zstd}) })
	}
}

// BenchmarkVerify holds Open and Verify against "gzip -dc" of the same archive.
func BenchmarkVerify(b *testing.B) {
	for name, root := range benchTrees(b) {
		info, err := backup.Create(context.Background(), sshexec.RunnerFunc(benchLocal), chromaOnly, backup.Options{Dir: b.TempDir(), Root: root})
		require.NoError(b, err)
		b.Run(name+"/evenkeel", func(b *testing.B) {
			begun := cpu(b)
			for b.Loop() {
				a, err := backup.OpenFile(info.Path)
				require.NoError(b, err)
				require.NoError(b, a.Verify())
			}
			reportCPU(b, begun)
		})
		b.Run(name+"/gzip_dc", func(b *testing.B) {
			begun := cpu(b)
			for b.Loop() {
				require.NoError(b, exec.Command("sh", "-c", `gzip -dc "$1" >/dev/null`, "sh", info.Path).Run())
			}
			reportCPU(b, begun)
		})
	}
}

// endless is a machine that sends one file of any size.
type endless struct{ size int64 }

func (e endless) Run(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	res := sshexec.Result{Outcome: sshexec.Exited}
	switch cmd.Argv[0] {
	case "hostname":
		res.Stdout = []byte("h\n")
	case "ls":
		res.Stdout = []byte("/var/lib/chroma\n")
	case "tar":
		if cmd.Stdout == nil {
			break
		}
		w := tar.NewWriter(cmd.Stdout)
		if err := w.WriteHeader(&tar.Header{Name: "var/lib/chroma", Size: e.size, Mode: 0o600}); err != nil {
			return res, err
		}
		block := logLike(rand.New(rand.NewPCG(1, 2)), 1<<20)
		for left := e.size; left > 0; left -= int64(len(block)) {
			if _, err := w.Write(block[:min(left, int64(len(block)))]); err != nil {
				return res, err
			}
		}
		return res, w.Close()
	}
	return res, nil
}

// Memory does not grow with the size of what is backed up, read and checked.
func TestMemoryIsFlat(t *testing.T) {
	peak := func(size int64) uint64 {
		runtime.GC()
		var most uint64
		watch := func(string) error {
			var s runtime.MemStats
			runtime.ReadMemStats(&s)
			most = max(most, s.HeapAlloc)
			return nil
		}
		defer backup.AtPoint(watch)()
		info, err := backup.Create(t.Context(), endless{size}, chromaOnly,
			backup.Options{Dir: t.TempDir(), Threads: 2, Level: 1, Now: func() time.Time { return noon }})
		require.NoError(t, err)
		_ = watch("")
		limits := backup.DefaultLimits()
		limits.Keep = 1 << 20
		f, err := os.Open(info.Path)
		require.NoError(t, err)
		defer func() { _ = f.Close() }()
		a, err := backup.Open(watched{f, watch}, backup.WithLimits(limits))
		require.NoError(t, err)
		require.NoError(t, a.Verify())
		require.NoError(t, a.Copy(io.Discard, "/var/lib/chroma"))
		return most
	}
	small, large := peak(10<<20), peak(80<<20)
	require.Less(t, large, small+16<<20, "10 MiB: at most %d bytes of heap; 80 MiB: at most %d", small, large)
	t.Logf("10 MiB: at most %d MiB of heap; 80 MiB: at most %d MiB", small>>20, large>>20)
}

// watched looks at the memory while it is read.
type watched struct {
	io.ReadSeeker
	look func(string) error
}

func (w watched) Read(b []byte) (int, error) {
	_ = w.look("")
	return w.ReadSeeker.Read(b)
}
