package backup_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
)

// The environment of a test process that is to be killed at the n-th thing that it does to the archive's file.
const (
	killAtEnv = "EVENKEEL_TEST_KILL_AT"
	killedEnv = "EVENKEEL_TEST_KILL_ROOT"
	intoEnv   = "EVENKEEL_TEST_KILL_INTO"
	hiddenEnv = "EVENKEEL_TEST_KILL_HIDDEN"
)

// beKilled is that process.
func beKilled() {
	n, err := strconv.Atoi(os.Getenv(killAtEnv))
	if err != nil {
		panic(err)
	}
	if os.Getenv(hiddenEnv) != "" {
		backup.HiddenNames()
	}
	backup.AtPoint(func(string) error {
		if n--; n == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	})
	m := &machine{root: os.Getenv(killedEnv), script: map[string]answer{"hostname": {stdout: "ct6-mds1\n"}}}
	_, err = backup.Create(context.Background(), m, chromaOnly,
		backup.Options{Dir: os.Getenv(intoEnv), Root: m.root, Now: func() time.Time { return noon }})
	if err != nil {
		panic(err)
	}
}

// noise is a file of the machine that does not compress, so that the archive is written in many pieces.
func (m *machine) noise(t *testing.T, name string, size int) {
	t.Helper()
	r := rand.NewChaCha8([32]byte{1})
	data := make([]byte, size)
	_, err := r.Read(data)
	require.NoError(t, err)
	m.write(t, name, string(data), 0o600)
}

// Killed at whatever it does to the file, Create leaves nothing, or the whole archive; where the file system knows no
// nameless files, perhaps a hidden one.
func TestCreateKilled(t *testing.T) {
	m := newMachine(t)
	m.noise(t, "/var/lib/chroma/noise", 3<<20)
	for _, hidden := range []string{"", "yes"} {
		whole, killed := 0, 0
		for n := 1; ; n++ {
			into := t.TempDir()
			cmd := exec.Command(os.Args[0], "-test.run=^$")
			cmd.Env = append(os.Environ(), killAtEnv+"="+strconv.Itoa(n), killedEnv+"="+m.root, intoEnv+"="+into, hiddenEnv+"="+hidden)
			out, err := cmd.CombinedOutput()
			for _, name := range glob(t, into, "*") {
				if strings.HasPrefix(filepath.Base(name), ".") {
					require.NotEmpty(t, hidden, "%s is left behind", name)
					st, err := os.Stat(name)
					require.NoError(t, err)
					require.Equal(t, os.FileMode(0o600), st.Mode())
					continue
				}
				a, err := backup.OpenFile(name)
				require.NoError(t, err, "killed at %d", n)
				require.NoError(t, a.Verify())
				whole++
			}
			if err == nil {
				break
			}
			require.Contains(t, err.Error(), "killed", "%s", out)
			killed++
		}
		require.Greater(t, killed, 5)
		require.Equal(t, 3, whole, "killed once it had its name, twice, and not killed at all")
	}
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	var all []string
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if ok, _ := filepath.Match(pattern, e.Name()); ok {
			all = append(all, filepath.Join(dir, e.Name()))
		}
	}
	return all
}

// A disk that is full at any moment, or fails at the end, gives an error and no archive.
func TestCreateDiskFull(t *testing.T) {
	m := newMachine(t)
	m.noise(t, "/var/lib/chroma/noise", 3<<20)
	for _, hide := range []bool{false, true} {
		if hide {
			t.Cleanup(backup.HiddenNames())
		}
		for n := 1; ; n++ {
			left := n
			var at string
			undo := backup.AtPoint(func(what string) error {
				if left--; left == 0 {
					at = what
					return fmt.Errorf("%s: %w", what, syscall.ENOSPC)
				}
				return nil
			})
			into := t.TempDir()
			_, err := backup.Create(t.Context(), m, chromaOnly, backup.Options{Dir: into, Root: m.root, Now: func() time.Time { return noon }})
			undo()
			if left > 0 {
				require.NoError(t, err)
				require.Greater(t, n, 5)
				break
			}
			require.ErrorIs(t, err, syscall.ENOSPC, "at %s", at)
			if at != "sync directory" && at != "close" { // it has its name by then
				require.Empty(t, glob(t, into, "*"), "at %s", at)
			}
		}
	}
}

// First everything is written, then it is put on the disk, and only then it gets its name.
func TestCreateOrder(t *testing.T) {
	var points []string
	defer backup.AtPoint(func(what string) error {
		if len(points) == 0 || points[len(points)-1] != what {
			points = append(points, what)
		}
		return nil
	})()
	_, err := newMachine(t).take(t, chromaOnly)
	require.NoError(t, err)
	require.Equal(t, []string{"write", "sync", "name", "close", "sync directory"}, points)
}

// A file of the archive's name that somebody makes meanwhile is not overwritten.
func TestCreateLosesTheRaceForTheName(t *testing.T) {
	for _, hide := range []bool{false, true} {
		if hide {
			t.Cleanup(backup.HiddenNames())
		}
		m := newMachine(t)
		into := t.TempDir()
		other := filepath.Join(into, "bck-ct6-mds1-20170930-120005.tgz")
		defer backup.AtPoint(func(what string) error {
			if what == "name" {
				return os.WriteFile(other, []byte("other"), 0o600)
			}
			return nil
		})()
		_, err := backup.Create(t.Context(), m, chromaOnly, backup.Options{Dir: into, Root: m.root, Now: func() time.Time { return noon }})
		require.ErrorIs(t, err, backup.ErrExists)
		data, err := os.ReadFile(other)
		require.NoError(t, err)
		require.Equal(t, "other", string(data))
		require.Len(t, glob(t, into, "*"), 1)
	}
}
