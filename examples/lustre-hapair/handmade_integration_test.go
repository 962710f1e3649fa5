//go:build integration

package main

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/lustrejob"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
)

// deep skips a way that CI does not go.
func deep(t *testing.T) {
	t.Helper()
	if os.Getenv("EVENKEEL_HANDMADE") == "" {
		t.Skip("a way of a hand-made pair that takes minutes: set EVENKEEL_HANDMADE=1")
	}
}

// A pair that people made, with targets on ldiskfs and groups on ZFS, health clones and rules, is upgraded, by a tool
// that is killed on the way: once with a pool half exported, and no pool is ever imported twice. The ZFS agent is Debian's own.
func TestRealHandmadePairIsUpgraded(t *testing.T) {
	t.Parallel()
	r := newHandmade(t, ways["one CIB"])
	before := r.cib(0)
	r.killedWhen("run", func() bool { return r.began("switch-over", "hand-over") })
	r.goesOn(before)
}

// The same by commands of pcs, as the guide types them, and nobody kills the tool. Fencing works in the end.
func TestRealHandmadePairByCommands(t *testing.T) {
	deep(t)
	t.Parallel()
	r := newHandmade(t, ways["commands"])
	before := r.cib(0)
	exit, out := r.upgrade("run")
	require.Equal(t, cli.ExitDone, exit, out)
	r.asBefore(before, r.upgraded())
	r.unfenced()
	r.fencingWorks()
}

// H1, H8, H19: node 2 loses its power while it exports its pools. What it had is enabled nowhere else until somebody has
// looked; then the run goes on.
func TestRealHandmadePairNode2LosesPower(t *testing.T) {
	deep(t)
	t.Parallel()
	r := newHandmade(t, func(c *lustrejob.Config) { c.Atomic, c.Outage = true, 90*time.Second })
	before := r.cib(0)
	node2 := r.lab.Nodes()[1]
	slow := pairlab.Behaviour{StartDelay: 2 * time.Second, StopDelay: 5 * time.Second}
	for _, target := range r.targets {
		require.NoError(t, r.lab.SetTarget(target.UUID, slow))
	}
	r.killedWhen("run", func() bool { return r.began("switch-over", "able-1") })
	exit, out := r.until("resume", func() bool { return r.began("switch-over", "hand-over") }, func(func()) {
		require.NoError(t, node2.PowerOff())
	})
	require.Equal(t, cli.ExitFailed, exit, out)
	require.Contains(t, out, node2.Name()+" does not answer")
	r.sound()
	require.NoError(t, node2.PowerOn())
	r.sound()
	r.goesOn(before)
}

// LUS-063: every target serves on node 1 already, and the pair is led back to node 2, with its pools; then forward again.
func TestRealHandmadePairGoesBack(t *testing.T) {
	deep(t)
	t.Parallel()
	r := newHandmade(t, ways["one CIB"])
	before := r.cib(0)
	nodes := r.lab.Nodes()
	r.killedWhen("run", func() bool { return r.began("switch-over", "able-1") })
	was := r.stands()
	r.serve(nodes[1])
	r.killedWhen("resume", func() bool { return r.has("step-done", "switch-over") })
	r.serve(nodes[0])
	exit, out := r.tool("rollback", "-no-wait")
	require.Equal(t, cli.ExitDone, exit, out)
	r.serve(nodes[1])
	r.standsAs(was)
	r.goesOn(before)
}

// H27: the storage tells a pool that is imported on two nodes from one that is not: else nothing above would prove anything.
func TestRealHandmadePoolTwice(t *testing.T) {
	deep(t)
	t.Parallel()
	r := newHandmade(t, nil)
	const pool = "ost0pool"
	r.exec(1, "zpool import -f "+pool)
	truth, err := r.lab.Truth()
	require.NoError(t, err)
	twice := func(d pairlab.DoubleMount) bool { return d.Target == "zpool:"+pool }
	require.True(t, slices.ContainsFunc(truth.DoubleMounts, twice), "%+v", truth.DoubleMounts)
}
