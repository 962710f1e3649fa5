//go:build linux

package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// moved is a pair with two targets, of which the first moved from node a to node b.
func moved() pairlab.Truth {
	at := func(s int, uuid, node string, e wire.TargetEvent) wire.Change {
		return wire.Change{At: time.Duration(s) * time.Second, Target: uuid, Node: node, Event: e}
	}
	return pairlab.Truth{
		Now:   10 * time.Second,
		Disks: []wire.Target{{UUID: "u-1", Label: "MGS"}, {UUID: "u-2", Label: "demo-MDT0000"}},
		Changes: []wire.Change{
			at(1, "u-1", "a", wire.StartBegin), at(2, "u-1", "a", wire.Started), at(5, "u-1", "a", wire.StopBegin), at(6, "u-1", "a", wire.Stopped),
			at(7, "u-1", "b", wire.StartBegin), at(8, "u-1", "b", wire.Started),
		},
		Power: []wire.PowerChange{{At: 0, Node: "a", On: true, Why: "first boot"}, {At: 9 * time.Second, Node: "a", Why: "cut"}},
	}
}

func TestAccount(t *testing.T) {
	t.Run("sound", func(t *testing.T) {
		out := account(moved())
		require.Contains(t, out, "     2.000  MGS started a\n", "targets by the names that people have for them")
		require.Contains(t, out, "     5.000  MGS not served for 3.000 s, until b\n")
		require.Regexp(t, `(?s)first boot.*MGS started a.*not served.*MGS started b.*power off: cut`, out, "in the order of time")
		require.Contains(t, out, "  MGS              u-1  b\n")
		require.Contains(t, out, "  demo-MDT0000     u-2  nowhere\n", "a target that nothing happened to is told of, too")
		require.Regexp(t, `(?m)^double mounts: none$`, out)
	})
	t.Run("the storage saw it", func(t *testing.T) {
		truth := moved()
		truth.DoubleMounts = []wire.DoubleMount{{At: 4 * time.Second, Target: "u-2", Nodes: [2]string{"a", "b"}}}
		out := account(truth)
		require.Contains(t, out, "DOUBLE MOUNT at 4.000: demo-MDT0000 on a and b\n")
		require.NotContains(t, out, "double mounts: none")
	})
	t.Run("only the record of the mounts has it", func(t *testing.T) {
		truth := moved()
		truth.Changes = append(truth.Changes[:2:2], truth.Changes[4:]...)
		out := account(truth)
		require.Contains(t, out, "DOUBLE USE from 7.000: MGS on a and b, for 3.000 s\n")
		require.NotContains(t, out, "double mounts: none")
	})
	t.Run("nothing has happened yet", func(t *testing.T) {
		out := account(pairlab.Truth{Disks: moved().Disks})
		require.Contains(t, out, "  MGS              u-1  nowhere\n")
		require.Contains(t, out, "double mounts: none\n")
	})
}

// A new pair is not the one that an earlier journal and earlier backups are of; nothing of them is lost.
func TestPutAside(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	require.NoError(t, putAside(dir, now))
	require.NoDirExists(t, filepath.Join(dir, "earlier"), "there was nothing to put aside")
	files := []string{"journal.jsonl", "journal.jsonl.rollback-7", "archives/bck-ct6-mds1-20260101-220000.tgz",
		"hacluster", "ct6-mds1.console"}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "archives"), 0o700))
	for _, name := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600))
	}
	require.NoError(t, putAside(dir, now))
	for _, name := range files[:3] {
		require.NoFileExists(t, filepath.Join(dir, name))
		kept, err := os.ReadFile(filepath.Join(dir, "earlier", "20260102-030405.000", name))
		require.NoError(t, err)
		require.Equal(t, name, string(kept))
	}
	for _, name := range files[3:] {
		require.FileExists(t, filepath.Join(dir, name))
	}
}
