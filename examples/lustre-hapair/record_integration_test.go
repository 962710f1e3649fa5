//go:build integration

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/internal/cli"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
)

// H27: node 2 is told to let go, and while `umount` is at work there its cluster loses the record of the stop: its daemons are killed and started again and look for the targets
// anew, or somebody cleans the history up. The mount table has forgotten the mounts already. Nothing is enabled on node 1 before the last umount has ended; then the run goes on.
func TestRealPairForgetsAStop(t *testing.T) {
	t.Parallel()
	r := newReal(t, 3, func(c *pairConfig) { c.Atomic, c.Outage = true, 3*time.Minute })
	r.killedWhen("run", func() bool { return r.began("switch-over", "able-1") })
	slow := r.targets[0]
	require.NoError(t, r.lab.SetTarget(slow.UUID, pairlab.Behaviour{StartDelay: 2 * time.Second, HangStop: true}))
	exit, out := r.until("resume", func() bool { return r.began("switch-over", "hand-over") && r.unmounting(1, slow.Mount) }, func(func()) {
		t.Log(r.last(1))
		for _, line := range []string{
			"crm_resource --cleanup; crm_resource --refresh --force; true", // a stop that is under way is forgotten when it ends, at the soonest
			"killall -9 pacemakerd pacemaker-execd pacemaker-controld pacemaker-schedulerd pacemaker-based pacemaker-attrd pacemaker-fenced; sleep 1; service pacemaker start",
		} {
			r.exec(1, line)
			if strings.HasPrefix(line, "killall") {
				require.Eventually(t, func() bool { return r.probed(1) }, time.Minute, 200*time.Millisecond)
			}
			t.Logf("%s\n%s", line, r.last(1))
			require.True(t, r.unmounting(1, slow.Mount), "umount has ended")
			require.NotContains(t, r.exec(1, "cat /proc/mounts"), " lustre ")
			require.Never(t, func() bool { return len(r.serving(slow)) > 1 }, 4*time.Second, 200*time.Millisecond)
			require.Equal(t, []string{r.lab.Nodes()[1].Name()}, r.serving(slow))
		}
		require.NoError(t, r.lab.SetTarget(slow.UUID, pairlab.Behaviour{StartDelay: 2 * time.Second}))
	})
	require.Equal(t, cli.ExitHeld, exit, out) // for node 2's new system
	r.serve(r.lab.Nodes()[0])
}

// unmounting tells whether umount is at work on a directory of a node.
func (r *real) unmounting(node int, dir string) bool {
	out, _, _, err := r.lab.Nodes()[node].Exec(r.t.Context(), nil, "ps", "-e", "-o", "args=")
	require.NoError(r.t, err)
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 2 && strings.HasSuffix(f[0], "/umount") && f[1] == dir {
			return true
		}
	}
	return false
}

// last is what a node's cluster has recorded of the targets.
func (r *real) last(node int) string {
	out, _, _, err := r.lab.Nodes()[node].Exec(r.t.Context(), nil, "sh", "-c", "cibadmin --query | grep '<lrm_rsc_op'")
	require.NoError(r.t, err)
	return string(out)
}

// probed tells whether a node's cluster has looked for every target anew, and not found it.
func (r *real) probed(node int) bool {
	found := 0
	for line := range strings.Lines(r.last(node)) {
		if strings.Contains(line, `operation="monitor"`) && strings.Contains(line, `rc-code="7"`) {
			found++
		}
	}
	return found >= len(r.targets)
}

func (r *real) serving(target pairlab.Target) []string {
	truth, err := r.lab.Truth()
	require.NoError(r.t, err)
	return truth.Serving(target.UUID)
}
