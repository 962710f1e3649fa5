package lustretest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
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
