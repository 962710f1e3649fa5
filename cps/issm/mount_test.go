package issm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
)

// TestImageGone: the Cluster Manager loses the mount, as with its power, while the run stands right before migrate.sh. The run names the
// mount and stops; it goes on when the image is mounted again.
func TestImageGone(t *testing.T) {
	w, j, rb := deploy(t, cpstest.Options{}), &evenkeel.MemJournal{}, runbook(t, issm.Config{ArchiveDir: t.TempDir(), SkipCarbon: true})
	opts := evenkeel.Options{Journal: j, Clock: w.Clock(), Operator: &technician{world: w}, Serial: true, RunID: testRun, Holder: "test"}
	opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventAction && e.Action.ID == "backup" {
			run(w, "cluman", "umount", "/mnt/iso")
		}
	})
	_, err := evenkeel.Run(t.Context(), rb, w, opts)
	require.ErrorContains(t, err, "there is no /mnt/iso/migrate.sh on cluman: no image is mounted there")
	require.NoError(t, w.Check())
	opts.Observer = nil
	run(w, "cluman", "mount", "-o", "loop", "/root/CPS_21.1.0.release.iso", "/mnt/iso")
	require.NoError(t, w.Sleep(t.Context(), time.Minute))
	_, err = evenkeel.Resume(t.Context(), rb, w, opts)
	require.NoError(t, err)
	require.NoError(t, w.Check())
	requireMigrated(t, w)
}
