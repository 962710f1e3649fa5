//go:build integration

package readme_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
)

// lab is a user's directory beside a real pair.
type lab struct {
	dir  string
	env  []string
	run  *exec.Cmd // that waits for the operator
	over chan struct{}
	end  error // of the run, once it is over
	said log
}

// start begins a command that goes on while its reader works in another terminal.
func (l *lab) start(t *testing.T, line string) {
	t.Helper()
	l.run = exec.CommandContext(t.Context(), "sh", "-c", "exec "+line)
	l.run.Dir, l.run.Env = l.dir, append(os.Environ(), l.env...)
	l.run.Stdout, l.run.Stderr = io.Writer(&l.said), &l.said
	require.NoError(t, l.run.Start())
	l.over = make(chan struct{})
	go func() {
		l.end = l.run.Wait()
		close(l.over)
	}()
}

// log is what a command that goes on has printed so far.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// said waits until the run asks for something.
func (l *lab) asks(t *testing.T, what string) {
	t.Helper()
	for !strings.Contains(l.said.String(), what) {
		select {
		case <-l.over:
			t.Fatalf("the run is over (%v) and never asked for this: %s\n%s", l.end, what, &l.said)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func says(words ...string) func(*testing.T, *lab, string) {
	return func(t *testing.T, _ *lab, out string) {
		t.Helper()
		for _, w := range words {
			require.Contains(t, out, w)
		}
	}
}

// written looks for a text in a file.
func written(name string, words ...string) func(*testing.T, *lab, string) {
	return func(t *testing.T, l *lab, _ string) {
		t.Helper()
		raw, err := os.ReadFile(filepath.Join(l.dir, name))
		require.NoError(t, err)
		for _, w := range words {
			require.Contains(t, string(raw), w)
		}
	}
}

// runPair is the command that goes on while its reader works in another terminal.
const runPair = "./lustre-hapair run --config pair.yaml"

// pairPromises are what README.md promises of the commands of its chapter on the real pair. They run in its order; one
// that stands there twice may promise more the second time.
var pairPromises = map[string][]func(*testing.T, *lab, string){
	"go build ./examples/lustre-hapair":    {written("lustre-hapair")},
	"go build ./internal/pairlab/pairlabd": {written("pairlabd")},
	"./pairlabd up -start 2s -stop 1s":     {says("up in ", "ssh -i ")},
	"./pairlabd cluster":                   {says("the old cluster serves 3 targets")},
	"./pairlabd config > pair.yaml": {written("pair.yaml", "ct6-mds1.lfs.intl: "),
		written("pair.yaml", "/archives/bck-ct6-mds1-", "/archives/bck-ct6-mds2-")},
	"./lustre-hapair backup --config pair.yaml": {says("ct6-mds1.lfs.intl: ", "ct6-mds2.lfs.intl: ")},
	"./lustre-hapair plan --config pair.yaml":   {says("Upgrade of the Lustre pair ct6-mds1.lfs.intl and ct6-mds2.lfs.intl")},
	"./pairlabd wipe ct6-mds1 new":             {says()},
	"./pairlabd wipe ct6-mds2 new":             {says()},
	"./pairlabd exec ct6-mds1 crm_mon -1":      {says("Online: [ ct6-mds1.lfs.intl ct6-mds2.lfs.intl ]")},
	"./pairlabd truth": {says("MGS started ct6-mds1.lfs.intl", "demo-MDT0000 not served for ",
		"MGS              9aaf3d9d-df51-48d5-9da1-49d57dee12c0  ct6-mds1.lfs.intl\n",
		"demo-MDT0000     ea0ec37d-288e-48e2-8f11-922980e5cf37  ct6-mds2.lfs.intl\n", "\ndouble mounts: none\n")},
	"./pairlabd down": {says()},
}

// TestRealPair runs the commands of the chapter on the real pair as they stand there, and begins again.
func TestRealPair(t *testing.T) {
	probe, err := pairlab.Start(t.Context(), pairlab.Options{Dir: t.TempDir()}) // makes the image, too
	if err != nil {
		require.ErrorIs(t, err, pairlab.ErrUnavailable)
		t.Skipf("no real pair here: %v", err)
	}
	require.NoError(t, probe.Close())
	l := &lab{dir: clone(t), env: []string{"XDG_CACHE_HOME=" + ownCache(t)}}
	t.Cleanup(func() {
		if l.run != nil {
			_ = l.run.Process.Kill()
			<-l.over
		}
		_, _ = shell(t, l.dir, "./pairlabd down", l.env...)
	})
	all := commands(t, true)
	for line := range pairPromises {
		require.Contains(t, all, line, "README.md has no such command any more")
	}
	times := map[string]int{}
	for _, line := range all {
		switch {
		case line == runPair:
			l.start(t, line)
			continue
		case strings.HasPrefix(line, "./pairlabd wipe ct6-mds1"):
			l.asks(t, "BY HAND: Install the new operating system on ct6-mds1.lfs.intl")
		case strings.HasPrefix(line, "./pairlabd wipe ct6-mds2"):
			l.asks(t, "BY HAND: Install the new operating system on ct6-mds2.lfs.intl")
		case strings.HasPrefix(line, "./pairlabd exec"):
			<-l.over
			require.NoError(t, l.end, "%s", &l.said)
			require.Regexp(t, `(?m): (\d+) of (\d+) steps done`, l.said.String())
		}
		after, ok := pairPromises[line]
		require.True(t, ok, "no test knows what is promised of this command of README.md: %s", line)
		began := time.Now()
		exit, out := shell(t, l.dir, line, l.env...)
		require.Zero(t, exit, "%s: %s", line, out)
		t.Logf("%s: %s", line, time.Since(began).Round(100*time.Millisecond))
		after[min(times[line], len(after)-1)](t, l, out)
		times[line]++
	}
	require.NotNil(t, l.run, "README.md does not run the upgrade")

	// The second use: nothing of the first is in its way.
	for _, line := range []string{"./pairlabd up -start 2s -stop 1s", "./pairlabd config > pair.yaml"} {
		exit, out := shell(t, l.dir, line, l.env...)
		require.Zero(t, exit, "%s: %s", line, out)
	}
	raw, err := os.ReadFile(filepath.Join(l.dir, "pair.yaml"))
	require.NoError(t, err)
	require.NotContains(t, string(raw), "bck-ct6-mds", "backups of the pair before")
	exit, out := shell(t, l.dir, "./lustre-hapair status --config pair.yaml", l.env...)
	require.Equal(t, cli.ExitInput, exit)
	require.Contains(t, out, "there is no run")
	exit, out = shell(t, l.dir, "./pairlabd truth", l.env...)
	require.Zero(t, exit)
	require.Contains(t, out, "double mounts: none", "before anything was mounted, too")
}

// ownCache is a user's cache directory of its own, which shares the image of the nodes with the real one.
func ownCache(t *testing.T) string {
	t.Helper()
	real, err := os.UserCacheDir()
	require.NoError(t, err)
	own := filepath.Join(scratch, "cache")
	require.NoError(t, os.MkdirAll(own, 0o700))
	for _, name := range []string{"evenkeel-pairlab", "go-build"} {
		require.NoError(t, os.Symlink(filepath.Join(real, name), filepath.Join(own, name)))
	}
	return own
}
