//go:build integration

package pair_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// A real pair goes the way rolling, with a restart of each node, while its users use both services. Both nodes have the same Pacemaker
// in truth: what is new is what the list of packages says. Nobody is fenced, and each service is where it belongs in the end.
func TestRealPairRolling(t *testing.T) {
	t.Parallel()
	r := newRealPair(t, 2*time.Minute, func(j *job) { j.Rolling = true })
	defer r.told()
	before := r.cib(0)
	var boots [2]string
	for i := range boots {
		boots[i] = r.exec(i, "cat /proc/sys/kernel/random/boot_id")
	}
	r.upgrade("run")
	truth := r.sound()
	require.Empty(t, truth.Fencings)
	for _, d := range pairlab.ServicesDisks() {
		require.Equal(t, []string{r.job.Nodes[d.Preferred]}, truth.Serving(d.UUID), d.Label)
	}
	for i := range boots {
		require.Contains(t, r.exec(i, "rpm -q pacemaker"), realUpdate)
		require.NotEqual(t, boots[i], r.exec(i, "cat /proc/sys/kernel/random/boot_id"))
	}
	require.Empty(t, pacemaker.Diff(before, r.cib(0), pacemaker.ManagedIDs(), pacemaker.Expect(pacemaker.ExpectClusterOwned)))
	for _, u := range r.users {
		require.Eventually(t, u.served, 10*time.Second, useEvery, u.name)
	}
}
