package lustretest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

func TestPairsThatPeopleMade(t *testing.T) {
	for _, old := range []pcs.Dialect{pcs.V09, pcs.V011} {
		for name, site := range map[string]*lustretest.Site{"zfs": lustretest.ZFSGroups(old), "ldiskfs": lustretest.LdiskfsByHand(old)} {
			require.NoError(t, site.Check(old))
			p := lustretest.NewPair(lustretest.Options{Site: site, OldPCS: old})
			require.NoError(t, p.Check())
			r := p.Report()
			require.Equal(t, []string{lustretest.Node1}, r.Target("MGS").On, name)
			require.Equal(t, []string{lustretest.Node2}, r.Target("hand-MDT0000").On, name)
			require.Equal(t, []string{lustretest.Node1}, r.Target("hand-OST0000").On, name)
		}
	}
}

// H27 for pools: zpool tells of its own host only, an import by force takes no notice of another, and one that is held
// stays.
func TestPools(t *testing.T) {
	p := lustretest.NewPair(lustretest.Options{Site: lustretest.ZFSGroups(pcs.V09)})
	sh := func(host, line string) string {
		run, err := p.Runner(host)
		require.NoError(t, err)
		argv, err := simhost.Split(line)
		require.NoError(t, err)
		res, _ := run.Run(t.Context(), sshexec.Command(sshexec.Mutating, argv...))
		return string(res.Stdout) + string(res.Stderr)
	}
	require.Equal(t, "NAME\nmgspool\nost0pool\n", sh(lustretest.Node1, "zpool list -o name"))
	require.Equal(t, "mdt0pool\nost2pool\n", sh(lustretest.Node2, "zpool list -H -o name"))
	require.Contains(t, sh(lustretest.Node2, "zpool import -d /dev/mapper"), "   pool: mgspool\n")
	require.NotContains(t, sh(lustretest.Node1, "zpool import"), "mgspool")
	require.Contains(t, sh(lustretest.Node1, "zpool export mgspool"), "pool is busy")
	p.HoldPool(lustretest.Node1, "mgspool", true)
	sh(lustretest.Node1, "pcs resource disable group-mgs")
	p.Advance(time.Minute)
	require.Empty(t, p.Report().Target("MGS").On)
	require.Contains(t, sh(lustretest.Node1, "zpool list -o name"), "mgspool", "the target is gone, and its pool is not")
	c := p.Clone()
	c.HoldPool(lustretest.Node1, "mgspool", false)
	c.Advance(time.Minute)
	require.NotEqual(t, p.Hash(), c.Hash())
	require.NoError(t, p.Check())
	sh(lustretest.Node2, "zpool import -f mgspool")
	require.ErrorContains(t, p.Check(), "pool mgspool is imported on two nodes")
	require.NoError(t, c.Check())
	c.PowerLoss(lustretest.Node2)
	run, err := c.Runner(lustretest.Node1)
	require.NoError(t, err)
	_, err = run.Run(t.Context(), sshexec.Command(sshexec.Mutating, "zpool", "import", "-f", "mdt0pool"))
	require.NoError(t, err)
	require.NoError(t, c.Check(), "a host without power has imported nothing")
}
