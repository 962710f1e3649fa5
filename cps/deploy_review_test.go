package cps_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
)

// CPS-001, CPS-007, MON-016: where a member is, is told by the tables of the deploy folder and not by its spelling.
func TestDeployReviewMembers(t *testing.T) {
	of := func(member, arbiter string) *cps.MongoConfig {
		mc, err := cps.ParseMongoConfig(strings.NewReader("[SESSION-SET1]\nSETNAME=set01\nOPLOG_SIZE=5120\nARBITER=" + arbiter + ":27717\n" +
			"ARBITER_DATA_PATH=/var/data/a\nMEMBER1=" + member + ":27717\nMEMBER2=sessionmgr02:27717\nDATA_PATH=/var/data/s\n[SESSION-SET1-END]\n"))
		require.NoError(t, err)
		return mc
	}
	for name, c := range map[string]struct {
		member, arbiter string
		want            string // the one finding; none when empty
	}{
		"all by their aliases": {"sessionmgr01", "arbitervip", ""},
		"a guest name": {"dc1-sessionmgr01", "arbitervip",
			"error: dc1-sessionmgr01 of replica set set01 (SESSION-SET1) is another name of sessionmgr01"},
		"an address": {"192.0.2.15", "arbitervip",
			"error: 192.0.2.15 of replica set set01 (SESSION-SET1) is another name of sessionmgr01"},
		"nobody": {"nobody01", "arbitervip", "error: nobody01 of replica set set01 (SESSION-SET1) is on no VM of"},
		"the other site": {"psessionmgr01", "arbitervip",
			"info: psessionmgr01:27717 of replica set set01 (SESSION-SET1) is at 203.0.113.3, in no network"},
		"an arbiter elsewhere": {"sessionmgr01", "arbiter", "info: arbiter:27717 of replica set set01 (SESSION-SET1) is at 203.0.113.41"},
		"an arbiter nowhere":   {"sessionmgr01", "arbiter9", "error: arbiter9 of replica set set01 (SESSION-SET1) is on no VM of"},
		"an arbiter on another ip": {"sessionmgr01", "lbvip02",
			"warning: lbvip02:27717 of replica set set01 (SESSION-SET1) is a virtual address of this cluster (Internal)"},
	} {
		t.Run(name, func(t *testing.T) {
			found := deploy(t).ReviewMembers(of(c.member, c.arbiter))
			if c.want == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1, "%v", found)
			require.Contains(t, found[0].String(), c.want)
		})
	}
	bare := deploy(t, [3]string{"Vlans.csv"})
	require.Empty(t, bare.ReviewMembers(of("sessionmgr01", "arbitervip")))
	found := bare.ReviewMembers(of("sessionmgr01", "lbvip02"))
	require.Len(t, found, 1)
	require.Contains(t, found[0].String(),
		"warning: lbvip02:27717 of replica set set01 (SESSION-SET1) is at 192.0.2.200, and without Vlans.csv")
	alone := deploy(t, [3]string{"AdditionalHosts.csv"})
	require.Equal(t, cps.ReviewMembers(alone.Hosts, of("nobody01", "arbiter")), alone.ReviewMembers(of("nobody01", "arbiter")))
}
