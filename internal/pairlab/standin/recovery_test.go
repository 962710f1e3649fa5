package standin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
	"github.com/evenkeel-ha/evenkeel/lustre"
)

// H28: a target of a lab goes through recovery after each mount, and lctl tells of it as the real one does.
func TestRecoveryOfATarget(t *testing.T) {
	for release, waits := range map[wire.Release]lustre.RecoveryStatus{wire.OldRelease: lustre.RecoveryRuns, wire.NewRelease: lustre.RecoveryForClients} {
		n := newNode(t, release)
		c := &call{root: n.root, stdout: &strings.Builder{}, stderr: &strings.Builder{}}
		require.NoError(t, c.recovers(ost))
		now := time.Now()
		at := func(elapsed time.Duration) lustre.Recovery {
			require.NoError(t, os.Chtimes(filepath.Join(n.root, recoveryDir, ost), now, now.Add(-elapsed)))
			list, err := lustre.ParseRecovery(strings.NewReader(c.recovery(ost, now)))
			require.NoError(t, err)
			require.Len(t, list, 1)
			return list[0]
		}
		require.Equal(t, waits, at(0).Status)
		require.Equal(t, lustre.RecoveryRuns, at(firstBack).Status)
		require.Equal(t, 1, at(firstBack).Connected)
		done := at(Recovery)
		require.True(t, done.Over())
		require.Equal(t, []int{2, 2, 0}, []int{done.Clients, done.Completed, done.Evicted})
		require.NoError(t, c.recovers(ost), "it is mounted again")
		require.Equal(t, waits, at(0).Status)
	}
}

// The parameters of a node are those of what it has mounted: the MGS has no recovery_status.
func TestLctlGetParam(t *testing.T) {
	n := newNode(t, wire.OldRelease)
	none := "error: get_param: */*/recovery_status: Found no match"
	n.refused(2, none, "lctl get_param *.*.recovery_status")
	n.mounted = []string{mgs}
	n.refused(2, none, "lctl get_param *.*.recovery_status")
	live, err := lustre.ParseImperativeRecovery(strings.NewReader(n.ok("lctl get_param mgs.MGS.live.*")))
	require.NoError(t, err)
	require.Equal(t, map[string]lustre.ImperativeRecovery{"demo": {State: lustre.IRFull}}, live)
	n.mounted = []string{mgs, ost}
	list, err := lustre.ParseRecovery(strings.NewReader(n.ok("lctl get_param *.*.recovery_status")))
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "demo-OST0000", list[0].Target)
	times, err := lustre.ParseRecoveryTimes(strings.NewReader(n.ok("lctl get_param *.*.recovery_time_* *.*.ir_factor")))
	require.NoError(t, err)
	require.Equal(t, lustre.RecoveryTimes{Soft: 5 * time.Minute, Hard: 15 * time.Minute, Factor: 5}, times["demo-OST0000"])
	require.Equal(t, "300\n", n.ok("lctl get_param -n obdfilter.demo-OST0000.recovery_time_soft"))
	n.refused(1, "usage", "lctl get_param")
	n.refused(1, "only -n", "lctl get_param -R x")
}
