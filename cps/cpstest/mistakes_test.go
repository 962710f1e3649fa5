package cpstest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

var byHand = cpstest.Technician{Manual: true}

// violated demands that exactly the given rules were broken, each named by a part of its text.
func (o *operator) violated(parts ...string) {
	o.Helper()
	var have []string
	for _, v := range o.d.Violations() {
		have = append(have, v.What)
	}
	require.Len(o, have, len(parts), strings.Join(have, "\n"))
	for i, part := range parts {
		require.Contains(o, have[i], part)
	}
}

// moveManagerByHand migrates the Cluster Manager with nobody at vCenter but the test.
func (o *operator) moveManagerByHand() {
	o.Helper()
	o.do("cluman", "umount /mnt/iso")
	o.do("cluman", "mount -o loop /root/CPS_21.1.0.release.iso /mnt/iso")
	o.migrate("backup cluman")
	archive := o.archive("cluman")
	o.download(archive)
	require.NoError(o, o.d.DeployManager())
	o.awaitManager()
	o.upload(archive)
	o.do("cluman", "mount -o loop /root/CPS_21.1.0.release.iso /mnt/iso")
	o.migrate("restore cluman " + archive)
	o.do("cluman", "/var/qps/install/current/scripts/create-cluster-sets.sh")
}

// fourSessionManagers is a cluster in which both data members of BALANCE are even-numbered, so that set 1 has both.
func fourSessionManagers() cpstest.Options {
	return cpstest.Options{
		HostsCSV: `Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks -->,Internal,Management,
esxi-1,lb01,lb01,lb01,datastore3,,192.168.105.13,10.197.98.61,
esxi-2,lb02,lb02,lb02,datastore4,,192.168.105.14,10.197.98.62,
esxi-1,sessionmgr01,sm,sessionmgr01,datastore3,,192.168.105.15,,
esxi-2,sessionmgr02,sm,sessionmgr02,datastore4,,192.168.105.16,,
esxi-1,sessionmgr03,sm,sessionmgr03,datastore3,,192.168.105.26,,
esxi-2,sessionmgr04,sm,sessionmgr04,datastore4,,192.168.105.27,,
esxi-1,qns01,qps,qns01,datastore3,,192.168.105.17,,
esxi-2,qns02,qps,qns02,datastore4,,192.168.105.18,,
esxi-1,pcrfclient01,pcrfclient01,pcrfclient01,datastore3,,192.168.105.19,,
esxi-2,pcrfclient02,pcrfclient02,pcrfclient02,datastore4,,192.168.105.20,,
`,
		MongoConfig: `[SESSION-SET1]
SETNAME=set01
ARBITER=arbitervip:27717
MEMBER1=sessionmgr01:27717
MEMBER2=sessionmgr02:27717
[SESSION-SET1-END]
[BALANCE-SET1]
SETNAME=set02
ARBITER=arbitervip:27718
MEMBER1=sessionmgr02:27718
MEMBER2=sessionmgr04:27718
[BALANCE-SET1-END]
`,
	}
}

// TestSharedReplicaSet: both data members of a set in one upgrade set leave it without a primary (CPS-007, MON-016).
func TestSharedReplicaSet(t *testing.T) {
	o := newOperator(t, fourSessionManagers())
	o.moveManager()
	out := o.do("cluman", "/mnt/iso/migrate.sh disable set 1")
	require.Contains(t, out, "could not be removed from BALANCE-SET1")
	o.d.Advance(5 * time.Minute)
	o.violated("replica set BALANCE:set02 has had no primary")

	o = newOperator(t, fourSessionManagers())
	o.moveManager()
	for set, text := range []string{"pcrfclient02\nlb02\nsessionmgr02\nsessionmgr03\nqns02\n",
		"pcrfclient01\nlb01\nsessionmgr01\nsessionmgr04\nqns01\n"} {
		cmd := sshexec.Command(sshexec.Mutating, "tee", "/var/tmp/cluster-upgrade-set-"+string(rune('1'+set))+".txt")
		cmd.Stdin = sshexec.Text(text) // the repair of CPS-008
		_, err := o.run("cluman", cmd)
		require.NoError(t, err)
	}
	o.migrate("disable set 1")
	o.d.Advance(5 * time.Minute)
	require.NoError(t, o.d.Check())
}

// TestWrongOrder: migrate.sh refuses what its stage does not allow, and where it trusts its caller the rules catch it (CPS-205, CPS-245).
func TestWrongOrder(t *testing.T) {
	o := newOperator(t, cpstest.Options{})
	o.moveManager()
	o.refused("disable set 2", "set 1 is in service: migrate it before set 2")
	o.refused("enable set 1 /var/tmp/none.tar.gz", "disable it first")
	o.refused("traffic swap", "set 1 is in service")
	o.refused("rollback", "set 1 is in service")
	o.migrate("disable set 1")
	o.refused("disable set 1", "set 1 is disabled")
	o.refused("disable set 2", "set 1 is disabled")
	o.refused("traffic restore", "set 1 is disabled")
	o.refused("rollback", "set 1 is disabled")
	require.NoError(t, o.d.Check(), "a refusal breaks nothing")

	o = newOperator(t, cpstest.Options{Trusting: true})
	o.moveManager()
	o.migrate("disable set 1")
	o.download(o.archive("set-1"))
	out, err := o.try("cluman", "/mnt/iso/migrate.sh traffic restore")
	require.NoError(t, err, out)
	o.migrate("disable set 2")
	require.ErrorContains(t, o.d.Check(), "traffic was restored to set 1 while it was disabled")
	require.ErrorContains(t, o.d.Check(), "both halves are down")
	require.ErrorContains(t, o.d.Check(), "no half takes traffic")
	o.d.Advance(10 * time.Minute)
	require.ErrorContains(t, o.d.Check(), "has had no primary")
}

// TestDisableOnlyHalfInTraffic: without the swap set 2 is the only half that takes calls (CPS-077, CPS-205).
func TestDisableOnlyHalfInTraffic(t *testing.T) {
	o := newOperator(t, cpstest.Options{})
	o.moveManager()
	o.replace(1)
	o.migrate("disable set 2")
	o.violated("set 2 was disabled while set 1 took no traffic", "no half takes traffic")
}

// TestEnableWithoutRedeploy: the set's VMs must be new, and deploy_all.py does not touch old ones (CPS-076, CPS-173).
func TestEnableWithoutRedeploy(t *testing.T) {
	o := newOperator(t, cpstest.Options{Technician: byHand})
	o.moveManagerByHand()
	log := o.migrate("disable set 1")
	o.refused("enable set 1 "+log.Archive(), "set 1 cannot be enabled")
	_, err := o.try("cluman", deployAll+" --vms /var/tmp/cluster-upgrade-set-1.txt")
	require.ErrorContains(t, err, "VM pcrfclient02 already exists")
	require.NoError(t, o.d.DeleteVMs(1))
	out, err := o.try("cluman", "/mnt/iso/migrate.sh enable set 1 "+log.Archive())
	require.Error(t, err)
	require.Contains(t, out, "cannot connect to pcrfclient02")
	o.do("cluman", deployAll+" --vms /var/tmp/cluster-upgrade-set-1.txt")
	o.refused("enable set 1 /var/tmp/nowhere.tar.gz", "No such file or directory")
	for _, missing := range []int{1, 9, 500} {
		o.refused("enable set 1 "+o.damaged(log.Archive(), missing), "damaged or not complete")
	}
	require.NoError(t, o.d.Check())
}

// damaged is an archive whose last bytes are missing, as an upload that broke leaves it.
func (o *operator) damaged(path string, missing int) string {
	o.Helper()
	o.download(path)
	o.safe["/var/tmp/part.tar.gz"] = o.safe[path][:len(o.safe[path])-missing]
	o.upload("/var/tmp/part.tar.gz")
	return "/var/tmp/part.tar.gz"
}

// TestArchiveLost: a machine must not go before its archive is off it (CPS-202).
func TestArchiveLost(t *testing.T) {
	o := newOperator(t, cpstest.Options{Technician: byHand})
	o.do("cluman", "umount /mnt/iso")
	o.do("cluman", "mount -o loop /root/CPS_21.1.0.release.iso /mnt/iso")
	o.migrate("backup cluman")
	o.do("cluman", "sha256sum "+o.archive("cluman")) // a checksum is no copy
	require.NoError(t, o.d.DeployManager())
	o.violated("was replaced before /var/tmp/migrate_cluman_")
}

// TestDeletedInService: VMs go only when their set is disabled and archived.
func TestDeletedInService(t *testing.T) {
	o := newOperator(t, cpstest.Options{Technician: byHand})
	require.NoError(t, o.d.DeleteVMs(2))
	require.ErrorContains(t, o.d.Check(), "VM lb01 was deleted while it was in service")
	require.Error(t, o.d.DeleteVMs(2), "there is nothing left to delete")
	require.Error(t, o.d.DeleteVMs(3))
	require.Error(t, o.d.RestoreManager())
}

// TestRestoredTooEarly: traffic goes back only when every member is back with its priority (CPS-233).
func TestRestoredTooEarly(t *testing.T) {
	const big = 300 << 30 // more than an hour to copy
	o := newOperator(t, cpstest.Options{Data: map[string]cpstest.Data{"set02": {Bytes: big}}})
	o.moveManager()
	o.replace(1)
	o.migrate("traffic restore")
	o.violated("sessionmgr02:27718 of set02 is STARTUP2")
}

// TestPreconditions of the guide that migrate.sh runs into (CPS-012, CPS-057, CPS-160).
func TestPreconditions(t *testing.T) {
	prepared := func(opts cpstest.Options) *operator {
		o := newOperator(t, opts)
		o.do("cluman", "umount /mnt/iso")
		o.do("cluman", "mount -o loop /root/CPS_21.1.0.release.iso /mnt/iso")
		return o
	}
	prepared(cpstest.Options{FreeKB: 5 << 20}).refused("backup cluman", "No space left on device")
	prepared(cpstest.Options{Configuration: "vcenter_user,x,\n"}).refused("backup cluman", "db_authentication_enabled")

	o := newOperator(t, cpstest.Options{})
	o.refused("backup cluman", `image holds release "19.4.0"`)
	_, err := o.try("cluman", "mount -o loop /root/CPS_21.1.0.release.iso /mnt/iso")
	require.ErrorContains(t, err, "busy")
	o.do("cluman", "umount /mnt/iso")
	_, err = o.try("cluman", "umount /mnt/iso")
	require.ErrorContains(t, err, "not mounted")
	_, err = o.try("cluman", "/mnt/iso/migrate.sh backup cluman")
	require.ErrorContains(t, err, "No such file or directory")
	_, err = o.try("cluman", "mount -o loop /etc/passwd /mnt/iso")
	require.ErrorContains(t, err, "wrong fs type")
}

// TestMonitOnNewBalancer: without monit.service the new half cannot take traffic (CPS-081, CPS-209).
func TestMonitOnNewBalancer(t *testing.T) {
	o := newOperator(t, cpstest.Options{MonitDown: []string{"lb02"}})
	o.moveManager()
	log := o.migrate("disable set 1")
	o.d.Advance(15 * time.Minute)
	o.do("cluman", deployAll+" --vms /var/tmp/cluster-upgrade-set-1.txt")
	o.d.Advance(5 * time.Minute)
	_, err := o.try("lb02", "/bin/systemctl status monit.service")
	require.Error(t, err)
	o.migrate("enable set 1 " + log.Archive())
	o.refused("traffic swap", "monit.service is not running on lb02")
	o.do("lb02", "/bin/systemctl start monit.service")
	o.migrate("traffic swap")
	require.NoError(t, o.d.Check())
}

// TestSecondBump: the guide's $inc counts twice when it is sent twice; with the version in its filter it does not (MON-026, MON-029).
func TestSecondBump(t *testing.T) {
	mongo := func(o *operator, js string) string {
		out, err := o.run("cluman", sshexec.Command(sshexec.Mutating, "mongo", "--quiet", "--host", "sessionmgr01", "--port",
			"27721", "sharding", "--eval", js))
		require.NoError(t, err)
		return out
	}
	o := newOperator(t, cpstest.Options{})
	o.moveManager()
	o.replace(1)
	version := o.d.Report().Sharding[0].Version
	require.Equal(t, int64(5), version)
	for range 2 {
		mongo(o, `s.config.updateOne({"_id": 1, "version": 4}, {"$inc": {"version": 1}})`)
	}
	require.Equal(t, version, o.d.Report().Sharding[0].Version)
	require.NoError(t, o.d.Check())
	mongo(o, `db.config.update({"_id" : 1},{ $inc : { version : 1}})`)
	o.violated("was raised 2 times")
}
