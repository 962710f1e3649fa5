//go:build integration

package pair_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
)

// The tool is killed at points that nobody chose, and resumed. When both groups have moved to the new cluster the pair is led back, by a
// tool that is killed on that way, too; then it goes forward again, to the end that every way comes to.
func TestRealPairOfServicesIsKilledAndLedBack(t *testing.T) {
	t.Parallel()
	r := newRealPair(t, 2*time.Minute)
	defer r.told()
	before := r.cib(0)
	const seed, kills, records = 20261130, 5, 320
	points := rand.New(rand.NewPCG(seed, 1)).Perm(records)[:kills]
	slices.Sort(points)
	t.Logf("seed %d: killed at records %v", seed, points)
	moved := func() bool { return r.done("move-database") }
	verb, killed := "run", 0
	for !moved() {
		exit, out := r.until(verb, func() bool { return moved() || killed < kills && len(r.records()) >= points[killed] }, func(kill func()) {
			kill()
			killed++
		})
		verb = "resume"
		require.True(t, exit < 0 || exit == toolHeld && r.person(out), "exit status %d: %s", exit, tail(out))
		r.sound()
	}
	require.GreaterOrEqual(t, killed, kills, "the run has fewer records than the test thinks")
	r.serves(0)

	back := len(r.records())
	exit, out := r.until("rollback", func() bool { return len(r.records()) > back+8 }, func(kill func()) { kill() })
	require.Equal(t, -1, exit, "%s", tail(out))
	r.sound()
	exit, out = r.tool("resume")
	require.Equal(t, toolFailed, exit, "a run goes on from the middle of a rollback: %s", tail(out))
	require.Contains(t, out, "and has not ended")
	exit, out = r.tool("rollback")
	require.Equal(t, toolDone, exit, "%s", tail(out))
	require.Contains(t, out, "the old system of "+r.job.Nodes[0]+" is erased")
	_, differs, _ := strings.Cut(out, "differs: ")
	t.Log(differs)
	require.NotContains(t, differs, "target-role", "who made that alike would start in the new cluster what the old one has")
	r.serves(1)
	require.Empty(t, r.sound().Fencings)

	r.upgrade("resume")
	r.upgraded(before)
}

// Node 2 loses its power when the old cluster was told to stop the web site. Nothing is enabled on node 1 as long as nobody can look at
// node 2: the run stops, and says so. When node 2 has power again, and somebody has looked into that, the run goes on.
func TestRealPairOfServicesWithoutPower(t *testing.T) {
	if os.Getenv("EVENKEEL_TROUBLE") == "" {
		t.Skip("it takes nine minutes: set EVENKEEL_TROUBLE=1")
	}
	t.Parallel()
	r := newRealPair(t, time.Minute)
	defer r.told()
	before := r.cib(0)
	node2 := r.lab.Nodes()[1]
	for _, d := range pairlab.ServicesDisks() { // the power goes while it is still being unmounted
		require.NoError(t, r.lab.SetTarget(d.UUID, pairlab.Behaviour{StartDelay: time.Second, StopDelay: 5 * time.Second}))
	}
	verb, exit, out, lost := "run", 0, "", false
	for !lost {
		exit, out = r.until(verb, func() bool { return r.began("move-web", "enable") }, func(func()) {
			lost = true
			require.NoError(t, node2.PowerOff())
		})
		verb = "resume"
		require.True(t, lost || exit == toolHeld && r.person(out), "exit status %d: %s", exit, tail(out))
	}
	require.Contains(t, []int{toolFailed, toolHeld}, exit, "%s", tail(out))
	require.Contains(t, out, node2.Name()+" does not answer")
	require.Contains(t, out, "switch it on")
	t.Logf("it stopped with:\n%s", tail(out))
	truth := r.sound()
	require.Empty(t, truth.Serving("web"), "nobody can look at node 2")
	require.Empty(t, truth.Serving("db"))

	require.NoError(t, node2.PowerOn())
	exit, out = r.tool("resume")
	require.Equal(t, toolHeld, exit, "%s", tail(out))
	require.Contains(t, out, "has restarted since the run began")
	r.exec(1, "cat /proc/sys/kernel/random/boot_id >> /root/evenkeel-seen")
	r.upgrade("resume")
	r.upgraded(before)
}

// done tells whether a step is done.
func (r *realPair) done(step string) bool {
	return slices.ContainsFunc(r.records(), func(rec evenkeel.Record) bool { return rec.Kind == evenkeel.KindStepDone && rec.Step == step })
}

// serves wants both services on a node, and on that alone.
func (r *realPair) serves(node int) {
	r.t.Helper()
	truth := r.sound()
	for _, d := range pairlab.ServicesDisks() {
		require.Equal(r.t, []string{r.job.Nodes[node]}, truth.Serving(d.UUID), d.Label)
	}
	for _, u := range r.users {
		require.Eventually(r.t, u.served, 20*time.Second, useEvery, u.name)
	}
}
