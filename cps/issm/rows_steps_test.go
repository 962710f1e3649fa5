package issm_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
)

// at is the place of a step in a runbook.
func at(t *testing.T, rb *evenkeel.Runbook, step string) int {
	t.Helper()
	i := slices.IndexFunc(rb.Steps, func(s evenkeel.Step) bool { return s.ID == step })
	require.GreaterOrEqual(t, i, 0, "no step %s", step)
	return i
}

// CPS-204: provisioning may run while the set is disabled, in a second terminal; the VMs are deployed after both.
func TestProvisioningMayRunBesideDisabling(t *testing.T) {
	rb := runbook(t, issm.Config{ArchiveDir: "/a", Provision: true})
	for _, n := range []string{"1", "2"} {
		provision, disable := rb.Steps[at(t, rb, "provision-set-"+n)], rb.Steps[at(t, rb, "disable-set-"+n)]
		require.NotEmpty(t, provision.Parallel)
		require.Equal(t, provision.Parallel, disable.Parallel)
		require.NotEqual(t, provision.Parallel, rb.Steps[at(t, rb, "redeploy-set-"+n)].Parallel)
	}
}

// CPS-207: in a single cluster corosync stops on the pcrfclient01 of set 2; between two clusters it stops on the other
// one's, once set 2 is disabled and before it is deployed.
func TestWhereCorosyncStops(t *testing.T) {
	one := runbook(t, issm.Config{ArchiveDir: "/a", SingleClusterCorosync: true})
	require.Equal(t, "pcrfclient01", one.Steps[at(t, one, "corosync")].Host)
	require.Less(t, at(t, one, "calls"), at(t, one, "corosync"))
	require.Less(t, at(t, one, "corosync"), at(t, one, "disable-set-2"))
	two := runbook(t, issm.Config{ArchiveDir: "/a", PeerPcrfclient: "b-pcrfclient01"})
	require.Equal(t, "b-pcrfclient01", two.Steps[at(t, two, "peer-corosync")].Host)
	require.Less(t, at(t, two, "disable-set-2"), at(t, two, "peer-corosync"))
	require.Less(t, at(t, two, "peer-corosync"), at(t, two, "redeploy-set-2"))
}

// CPS-230: once a set is disabled, none of its session managers may be a member that holds data, in any replica set.
func TestTheSetHasLeft(t *testing.T) {
	p, table := everyRunbook(t)[0], *statusTable(t)
	check := p.find(t, "disable-set-1/removed").Expect.Check
	require.ErrorContains(t, check(p.seen(printed(t, &table), 0)), "sessionmgr02 is still a member of")
	table.Sets = slices.Clone(table.Sets)
	for i := range table.Sets[1:] {
		table.Sets[i+1] = tableOf(t, change(t, &table, i+1, "sessionmgr02", nil)).Sets[i+1]
	}
	require.ErrorContains(t, check(p.seen(printed(t, &table), 0)), "sessionmgr02 is still a member of "+table.Sets[0].Title())
	require.NoError(t, check(p.seen(change(t, &table, 0, "sessionmgr02", nil), 0)))
}
