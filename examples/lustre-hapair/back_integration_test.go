//go:build integration

package main

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/lustrejob"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// WF-006, LUS-063: every target serves on node 1 already, and the pair is led back as far as there is a way, by a tool
// that is killed on it: to node 2, in the old cluster, as it was before. Then it goes forward again, to the end that
// every way comes to.
func TestRealPairGoesBack(t *testing.T) {
	t.Parallel()
	r := newReal(t, 3, ways["one CIB"])
	nodes := r.lab.Nodes()
	before := r.cib(0)
	r.killedWhen("run", func() bool { return r.began("switch-over", "able-1") })
	was := r.stands()
	r.serve(nodes[1])
	r.killedWhen("resume", func() bool { return r.has("step-done", "switch-over") })
	require.False(t, r.began("shutdown-node2", "shutdown"))
	r.serve(nodes[0])

	exit, out := r.tool("rollback", "--plan")
	require.Zero(t, exit, out)
	require.Contains(t, out, "It goes no further back: the old system of "+nodes[0].Name()+" is erased")
	const seed, kills, records = 20180612, 5, 34
	points := rand.New(rand.NewPCG(seed, 2)).Perm(records)[:kills]
	slices.Sort(points)
	t.Logf("seed %d: killed at records %v of the rollback", seed, points)
	for _, at := range points {
		exit, out = r.until("rollback", func() bool { return len(r.rollback()) > 1+at }, func(kill func()) { kill() })
		require.Equal(t, -1, exit, "the rollback has fewer records than the test thinks, or it stopped:\n%s", out)
		r.sound()
		exit, out = r.tool("resume", "--no-wait")
		require.Equal(t, cli.ExitInput, exit, "a run goes on from the middle of a rollback:\n%s", out)
		require.Contains(t, out, "and has not ended")
		require.Contains(t, out, "bring it to its end first, with rollback")
	}
	exit, out = r.tool("rollback", "--no-wait")
	require.Equal(t, cli.ExitDone, exit, out)
	require.Contains(t, out, "It goes no further back: the old system of "+nodes[0].Name()+" is erased")
	require.Contains(t, out, "every target runs on "+nodes[1].Name()+", in the old cluster")
	require.Contains(t, out, "The last step that is still done: cluster-node1.")
	require.Contains(t, out, "To go forward again, from step switch-over: lustre-hapair resume")
	r.serve(nodes[1])
	r.standsAs(was)

	r.goesOn(before)
}

// H1, H8, H19: node 2 loses its power when it was told to release its targets, and no target serves anywhere. Nothing is enabled on
// node 1 while nobody can look at node 2: the run stops, and says what to do. When node 2 has power again the run goes
// on; or it goes back, which is as good a way.
func TestRealPairNode2LosesPowerSwitchingOver(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]bool{"and goes on": false, "and goes back": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReal(t, 3, func(c *lustrejob.Config) { c.Atomic, c.Outage = true, 90*time.Second })
			nodes := r.lab.Nodes()
			before := r.cib(0)
			for _, target := range r.targets { // the power goes while it is still being unmounted
				require.NoError(t, r.lab.SetTarget(target.UUID, pairlab.Behaviour{StartDelay: 2 * time.Second, StopDelay: 5 * time.Second}))
			}
			r.killedWhen("run", func() bool { return r.began("switch-over", "able-1") })
			was := r.stands()
			exit, out := r.until("resume", func() bool { return r.began("switch-over", "hand-over") }, func(func()) {
				require.NoError(t, nodes[1].PowerOff())
			})
			require.Equal(t, cli.ExitFailed, exit, out)
			t.Logf("it stopped with:\n%s", out[max(0, len(out)-3000):])
			require.Contains(t, out, nodes[1].Name()+" does not answer")
			require.Contains(t, out, "switch it on")
			require.Contains(t, out, "STILL OPEN since ")
			require.Contains(t, out, `: "Every target is mounted on one of the nodes" may not hold (every target stops on node 2`)
			r.untouched()

			require.NoError(t, nodes[1].PowerOn())
			r.untouched()
			if back {
				exit, out = r.tool("rollback", "--no-wait")
				require.Equal(t, cli.ExitDone, exit, out)
				r.serve(nodes[1])
				r.standsAs(was)
				exit, out = r.tool("resume", "--no-wait")
				r.lookedInto(exit, out)
			}
			r.goesOn(before)
		})
	}
}

// killedWhen runs the tool, playing the person, until something has come, and kills it then.
func (r *real) killedWhen(verb string, come func() bool) {
	r.t.Helper()
	killed := false
	for !killed {
		exit, out := r.until(verb, come, func(kill func()) {
			kill()
			killed = true
		})
		require.True(r.t, killed || exit == cli.ExitHeld && r.person(out), out)
		verb = "resume"
	}
}

// serve wants every target to be served by a node, and by that alone.
func (r *real) serve(node *pairlab.Node) {
	r.t.Helper()
	r.sound()
	truth, err := r.lab.Truth()
	require.NoError(r.t, err)
	for _, target := range r.targets {
		require.Equal(r.t, []string{node.Name()}, truth.Serving(target.UUID), target.Label)
	}
}

// untouched wants no target to be served, nor to be enabled on node 1.
func (r *real) untouched() {
	r.t.Helper()
	r.sound()
	truth, err := r.lab.Truth()
	require.NoError(r.t, err)
	cib := r.cib(0)
	for i, target := range r.pair().Targets {
		require.Empty(r.t, truth.Serving(r.targets[i].UUID), r.targets[i].Label)
		resource, ok := cib.Resource(target.Resource)
		require.True(r.t, ok)
		role, _ := resource.Meta.Get("target-role")
		require.Equal(r.t, "Stopped", role, target.Resource)
	}
}

// lookedInto answers the hold that a restart of node 2 leads to.
func (r *real) lookedInto(exit int, out string) {
	r.t.Helper()
	require.Equal(r.t, cli.ExitHeld, exit, out)
	require.Contains(r.t, out, "has restarted since the run began")
	require.Contains(r.t, out, "/root/evenkeel-seen")
	r.exec(1, "cat /proc/sys/kernel/random/boot_id >> /root/evenkeel-seen")
}

// exec runs a line on a node, which must exit with 0.
func (r *real) exec(node int, line string) string {
	r.t.Helper()
	out, stderr, exit, err := r.lab.Nodes()[node].Exec(r.t.Context(), nil, "sh", "-c", line)
	require.NoError(r.t, err)
	require.Zero(r.t, exit, "%s: %s%s", line, out, stderr)
	return string(out)
}

// standing is how both clusters are configured, and whether node 2's starts at boot, and runs.
type standing struct {
	cibs     [2]*pacemaker.CIB
	services string
}

func (r *real) stands() standing {
	r.t.Helper()
	s := standing{cibs: [2]*pacemaker.CIB{r.cib(0), r.cib(1)}}
	for _, service := range []string{"corosync", "pacemaker"} {
		s.services += r.exec(1, "chkconfig --list "+service+"; service "+service+" status | sed 's/[0-9]\\{2,\\}//g'")
	}
	require.Equal(r.t, 2, strings.Count(s.services, "3:on"), s.services)
	return s
}

// standsAs wants both clusters to be configured as they were, and node 2's to start at boot as it did.
func (r *real) standsAs(was standing) {
	r.t.Helper()
	is := r.stands()
	require.Equal(r.t, was.services, is.services)
	// The health clones of the new cluster, which is in maintenance, stay enabled: they move nothing.
	watch := pacemaker.Expectation{Name: "health clones", Why: "they stay enabled", Matches: func(d pacemaker.Difference) bool {
		return r.byHand && slices.Contains(healthClones, d.Subject) && d.Field == "meta attribute target-role"
	}}
	for i, cib := range is.cibs {
		require.Empty(r.t, pacemaker.Diff(was.cibs[i], cib, pacemaker.Expect(pacemaker.ExpectClusterOwned, watch)), r.lab.Nodes()[i].Name())
	}
}

// unfenced wants nothing to have been fenced on the way.
func (r *real) unfenced() {
	r.t.Helper()
	truth, err := r.lab.Truth()
	require.NoError(r.t, err)
	require.Empty(r.t, truth.Fencings)
}

// has tells whether the journal has a record of this kind about a step.
func (r *real) has(kind, step string) bool {
	return slices.ContainsFunc(r.records(), func(rec record) bool { return rec.Kind == kind && rec.Step == step })
}

// rollback are the records of the journal since a rollback began.
func (r *real) rollback() []record {
	all := r.records()
	i := slices.IndexFunc(all, func(rec record) bool { return rec.Kind == "rollback" })
	if i < 0 {
		return nil
	}
	return all[i:]
}
