package evenkeel_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// scribe is a machine on which "do" also writes to a directory of this machine.
type scribe struct {
	*trapWorld
	write func(what string)
}

func (w *scribe) Clone() evenkeel.World {
	c, _ := w.trapWorld.Clone().(*trapWorld) // it is never another one
	return &scribe{c, w.write}
}

func (w *scribe) Runner(host string) (sshexec.Runner, error) {
	r, err := w.trapWorld.Runner(host)
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if cmd.Argv[0] == "do" {
			w.write(cmd.Argv[1])
		}
		return r.Run(ctx, cmd)
	}), err
}

// What a run writes to, removes from and changes in the local directory is as it was for each schedule, and in the end: modes and
// links, too, and where the directory itself is named by a link.
func TestTheLocalDirectoryIsPutBack(t *testing.T) {
	real, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(real, link))
	in := func(name string) string { return filepath.Join(real, name) }
	require.NoError(t, os.MkdirAll(in("d/e"), 0o750))
	require.NoError(t, os.WriteFile(in("d/e/f"), []byte("was"), 0o640))
	require.NoError(t, os.Symlink("e/f", in("d/l")))
	require.NoError(t, os.Chmod(in("d/e"), 0o550))
	write := func(what string) {
		_, err := os.Lstat(in("new"))
		switch what {
		case "a":
			require.ErrorIs(t, err, os.ErrNotExist, "each schedule begins as it was")
			require.NoError(t, os.Chmod(in("d/e"), 0o700))
			require.NoError(t, os.WriteFile(in("d/e/f"), []byte("is"), 0o600))
			require.NoError(t, os.Remove(in("d/l")))
			require.NoError(t, os.Symlink("elsewhere", in("d/l")))
			require.NoError(t, os.WriteFile(in("new"), nil, 0o600))
		case "b":
			require.NoError(t, err, "what the step before wrote is there")
			require.NoError(t, os.RemoveAll(in("d")))
		}
	}
	plan := evenkeel.RehearsalPlan{Local: link, Kinds: []evenkeel.ScheduleKind{evenkeel.StopRecord, evenkeel.StopCommand}}
	report, err := evenkeel.Rehearse(t.Context(), parseRunbook(t, "s1[a.never] s2[b.never]"), &scribe{newTrapWorld(nil), write}, plan)
	require.NoError(t, err)
	require.Empty(t, report.Failures)
	data, err := os.ReadFile(in("d/l"))
	require.NoError(t, err)
	require.Equal(t, "was", string(data))
	for name, mode := range map[string]os.FileMode{"d": 0o750, "d/e": 0o550, "d/e/f": 0o640} {
		info, err := os.Stat(in(name))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), name)
	}
	require.NoFileExists(t, in("new"))
	require.NoError(t, os.Chmod(in("d/e"), 0o750))

	require.NoError(t, syscall.Mkfifo(in("pipe"), 0o600))
	_, err = evenkeel.Rehearse(t.Context(), parseRunbook(t, "s1[a.safe]"), newTrapWorld(nil), plan)
	require.ErrorContains(t, err, "could not put it back")
}

// What an interrupted step left in the local directory decides what comes after it: such a schedule is not where the straight run was.
func TestWhatALifeLeftOnThisMachineCounts(t *testing.T) {
	dir := t.TempDir()
	twice := filepath.Join(dir, "twice")
	write := func(what string) {
		if _, err := os.Stat(filepath.Join(dir, what)); err == nil {
			require.NoError(t, os.WriteFile(twice, nil, 0o600))
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, what), nil, 0o600))
	}
	rb := parseRunbook(t, "s1[a.safe] s2[b.safe] s3[c.safe]")
	rb.Steps[2].Actions[0].Expect.Check = func(o evenkeel.Observed) error {
		if _, err := os.Stat(twice); err == nil {
			return os.ErrExist
		}
		return nil
	}
	w := &scribe{newTrapWorld(map[string]string{}), write}
	plan := evenkeel.RehearsalPlan{Local: dir, Kinds: []evenkeel.ScheduleKind{evenkeel.CrashAfter}}
	report, err := evenkeel.Rehearse(t.Context(), rb, w, plan)
	require.NoError(t, err)
	require.Len(t, report.Failures, 3, "one for each action: %v", report.Failures)
}
