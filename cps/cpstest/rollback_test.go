package cpstest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
)

// TestRollback is the rollback (CPS-250, CPS-251): the end is the old release everywhere, and no rule was broken.
func TestRollback(t *testing.T) {
	for _, arbiterStops := range []bool{false, true} {
		o := newOperator(t, cpstest.Options{AdminArbiterStops: arbiterStops})
		o.moveManager()
		o.replace(1)
		o.migrate("traffic swap")
		archive := o.archive("set-1")
		key := o.d.HostKeyID("cluman")

		log := o.migrate("rollback")
		require.Equal(t, []string{"pcrfclient02", "lb02", "sessionmgr02", "qns02", "qns04"}, log.StoppedVMs(), "CPS-123")
		o.d.Advance(20 * time.Minute) // the person restores the old Cluster Manager from the snapshot
		require.NotEqual(t, key, o.d.HostKeyID("cluman"))
		require.Equal(t, "CentOS Linux release 7.7.1908 (Core)\n", o.do("cluman", "cat /etc/redhat-release"))
		o.do("cluman", "/var/qps/install/current/scripts/create-cluster-sets.sh")
		o.d.Advance(15 * time.Minute) // and deletes the VMs
		for _, alias := range []string{"pcrfclient02", "lb02", "sessionmgr02", "qns02", "qns04"} {
			o.do("cluman", "/var/qps/install/current/scripts/deployer/deploy.sh "+alias)
		}
		o.d.Advance(5 * time.Minute)
		o.safe["/root/migrate_set-1_back.tar.gz"] = o.safe[archive]
		o.upload("/root/migrate_set-1_back.tar.gz")
		o.do("cluman", "mount -o loop /root/CPS_21.1.0.release.iso /mnt/iso")
		o.migrate("enable set 1 /root/migrate_set-1_back.tar.gz")

		admin, ok := o.table().Set("ADMIN")
		require.True(t, ok)
		arbiter, ok := admin.Member("arbitervip")
		require.True(t, ok)
		require.Equal(t, !arbiterStops, arbiter.State.Serving(), "CPS-243")
		o.migrate("enable set 1 /root/migrate_set-1_back.tar.gz") // CPS-243: once more brings the arbiter back
		o.d.Advance(time.Minute)
		require.Empty(t, o.table().Findings())
		require.NoError(t, o.d.Check())
		r := o.d.Report()
		require.True(t, r.Sets[0].Traffic && r.Sets[1].Traffic)
		for _, vm := range r.VMs {
			require.Equal(t, "19.4.0", vm.Release, vm.Alias)
		}
	}
}

// TestRollbackWindow: never after set 2 was touched (CPS-245), and not with a sharded mongoConfig.cfg (CPS-247).
func TestRollbackWindow(t *testing.T) {
	for _, trusting := range []bool{false, true} {
		o := newOperator(t, cpstest.Options{Trusting: trusting})
		o.moveManager()
		o.replace(1)
		o.migrate("traffic swap")
		o.migrate("disable set 2")
		if trusting {
			o.migrate("rollback")
			require.ErrorContains(t, o.d.Check(), "rollback was run while set 1 was migrated and set 2 was disabled")
			continue
		}
		o.refused("rollback", "set 2 is disabled")
		require.NoError(t, o.d.Check())
	}
	o := newOperator(t, cpstest.Options{})
	o.moveManager()
	o.replace(1)
	config := o.do("cluman", "cat /etc/broadhop/mongoConfig.cfg")
	o.safe["/etc/broadhop/mongoConfig.cfg"] = strings.Replace(config, "SETNAME=set01", "SETNAME=set01\nSHARD_COUNT=4", 1)
	o.upload("/etc/broadhop/mongoConfig.cfg")
	o.refused("rollback", "configures sharding")
}

// TestRecovering: under heavy traffic a member falls off the oplog (MON-022, MON-023); a rollback wants it stopped
// (CPS-249), and removing and adding it brings it back (CPS-240, MON-024).
func TestRecovering(t *testing.T) {
	heavy := cpstest.Options{Data: map[string]cpstest.Data{"set02": {OplogWindow: 10 * time.Minute, ApplyRate: 0.2}}}
	o := newOperator(t, heavy)
	o.moveManager()
	o.replace(1)
	o.d.Advance(5 * time.Minute)
	lag := o.do("cluman", `mongo sessionmgr01:27718 --eval rs.printSlaveReplicationInfo()`)
	require.Contains(t, lag, "source: sessionmgr02:27718")
	o.d.Advance(15 * time.Minute)
	stuck := o.table().InState("RECOVERING")
	require.Len(t, stuck, 1)
	require.Equal(t, "sessionmgr02", stuck[0].Member.Host)
	back := o.d.Clone()

	o.refused("rollback", "sessionmgr02:27718 is in RECOVERING state")
	o.do("sessionmgr02", "/usr/bin/systemctl stop sessionmgr-27718")
	require.NotContains(t, o.do("sessionmgr02", "ps -ef"), "--port 27718")
	o.migrate("rollback")
	require.NoError(t, o.d.Check())

	o.d = back
	require.NoError(t, o.d.SetApplyRate("set02", 10))
	require.Contains(t, o.do("cluman", "mongo sessionmgr01:27718 --eval rs.printReplicationInfo()"),
		"log length start to end: 600secs (0.16hrs)")
	o.do("sessionmgr02", "/usr/bin/systemctl stop sessionmgr-27718")
	o.do("cluman", `mongo sessionmgr01:27718 --eval rs.remove("sessionmgr02:27718")`)
	o.do("sessionmgr02", "rm -rf /var/data/balance.1")
	o.do("cluman", `mongo sessionmgr01:27718 --eval rs.add("sessionmgr02:27718")`)
	o.do("sessionmgr02", "/usr/bin/systemctl start sessionmgr-27718")
	o.d.Advance(2 * time.Minute)
	require.Empty(t, o.table().Findings())
	require.NoError(t, o.d.Check())
}
