package issm_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// lied is a world that is not what its programs say, and the check that stops the run there.
type lied struct {
	check string   // STEP/ACTION, or invariant/ID
	at    string   // STEP/ACTION at which it begins; the beginning of the run when empty
	deeds []string // what is done then: "HOST COMMAND"
	first []string // what is done before all
	now   func(t *testing.T, w simulated, archives string)
	lies  []cpstest.Lie
	opts  cpstest.Options
}

const (
	migrationRun = "migration"
	rollbackRun  = "rollback"
)

func idle(command, host string) []cpstest.Lie {
	return []cpstest.Lie{{Command: command, Host: host, Idle: true}}
}

func says(command, host string, what func(string) string) []cpstest.Lie {
	return []cpstest.Lie{{Command: command, Host: host, Says: what}}
}

func then(command string, deeds ...string) []cpstest.Lie {
	return []cpstest.Lie{{Command: command, Then: deeds}}
}

const replicaStatus = "diagnostics.sh --get_replica_status"

// member says of a member that it is in another state than it is.
func member(set, host string, s cps.MemberState) []cpstest.Lie {
	return says(replicaStatus, "", func(truth string) string {
		t, err := cps.ParseReplicaTable(text("table", truth))
		if err != nil {
			return truth // no table: the program is not there yet
		}
		for i := range t.Sets {
			for k := range t.Sets[i].Members {
				if m := &t.Sets[i].Members[k]; t.Sets[i].Name == set && m.Host == host {
					m.State = s
				}
			}
		}
		var b strings.Builder
		_, err = t.WriteTo(&b)
		must(err)
		return "CPS Diagnostics HA Multi-Node Environment\nChecking replica sets...\n" + b.String()
	})
}

// neitherHalf says that each half lacks a replica set, and each set has its majority.
func neitherHalf() []cpstest.Lie {
	one, two := member("set03", "sessionmgr02", cps.StateRecovering), member("set01", "sessionmgr01", cps.StateRecovering)
	primary := member("set01", "sessionmgr02", cps.StatePrimary)
	return says(replicaStatus, "", func(truth string) string { return one[0].Says(two[0].Says(primary[0].Says(truth))) })
}

// down says that load balancers take no traffic.
func down(lbs ...string) []cpstest.Lie {
	out := "CPS Diagnostics HA Multi-Node Environment\nChecking HAProxy statistics and ports...\n[WARN]\n  -----\n"
	for _, lb := range lbs {
		for _, end := range []string{"A", "B", "C"} {
			out += "diameter-int1-vip-" + lb + "-" + end + " DOWN L4CON\n" +
				"  Sessions (current,max,limit): 0,1, Rate (sessions,max,limit): 0,1, Last Status change (seconds): 60\n"
		}
	}
	return says("diagnostics.sh --ha_proxy", "", func(string) string { return out + "  -----\n" })
}

// sessions says that the endpoints of a load balancer are down, and still have sessions.
func sessions(lb string) []cpstest.Lie {
	lie := down(lb)
	return says(lie[0].Command, "", prints(strings.ReplaceAll(lie[0].Says(""), "limit): 0,1, Rate", "limit): 7,8, Rate")))
}

func prints(s string) func(string) string { return func(string) string { return s } }

func replaces(old, with string) func(string) string {
	return func(truth string) string { return strings.ReplaceAll(truth, old, with) }
}

// anError puts an error of something that nobody else looks at into the log of migrate.sh.
func anError(truth string) string {
	line := cps.NewLogEntry(time.Date(2021, 7, 20, 23, 0, 0, 0, time.UTC), "ERROR", "restore.whisper", "No space left on device").String()
	return strings.Replace(truth, "\n", "\n"+line+"\n", 1)
}

// stillRuns is the list of processes with a program in it that was cut off from its terminal.
func stillRuns(truth string) string {
	const row = "root      5000     1  2 00:00 ?        00:10:00 "
	return strings.Replace(truth, "\n", "\n"+row+"/bin/bash /mnt/iso/migrate.sh disable set 1\n"+
		row+"/bin/bash /var/qps/install/current/scripts/deployer/deploy.sh lb02\n", 1)
}

const (
	fails   = "Checking disk space for all VMs...[FAIL]\n  lb01 /var 97%"
	passes  = "Checking disk space for all VMs...[PASS]"
	patched = "\nCPS Patch History\n-----------------------\nPatch_1_19.4.0 applied on 2020-06-01\n"
	osgi    = "sh -c *telnet* "
	oldOS   = "CentOS Linux release 7.7.1908 (Core)\n"
	newOS   = "CentOS Linux release 8.1.1911 (Core)\n"
	anImage = "/root/CPS_21.1.0.release.iso"
)

// theHalf are the VMs of a set, the pcrfclient first, and side is the number in their aliases.
func theHalf(n int) (vms []string, side, other string) {
	side, other = [3]string{1: "02", 2: "01"}[n], [3]string{1: "01", 2: "02"}[n]
	last := [3]string{1: "04", 2: "03"}[n]
	return []string{"pcrfclient" + side, "lb" + side, "sessionmgr" + side, "qns" + side, "qns" + last}, side, other
}

// spoiled damages the copy of an archive on the operator's own machine.
func spoiled(kind string) func(*testing.T, simulated, string) {
	return func(t *testing.T, _ simulated, dir string) {
		files, err := filepath.Glob(filepath.Join(dir, "migrate_"+kind+"_*"))
		require.NoError(t, err)
		require.Len(t, files, 1)
		require.NoError(t, os.WriteFile(files[0], []byte("damaged"), 0o600))
	}
}

// aLaggingCopy: the members of set02 that stay are too old.
func aLaggingCopy(_ *testing.T, w simulated, _ string) {
	must(w.SetApplyRate("set02", 0.001))
	w.Advance(10 * time.Minute)
}

// migrationLies are the lies of a whole migration.
func migrationLies() []lied {
	const pre = "preflight/"
	list := []lied{
		{check: pre + "hosts", now: func(_ *testing.T, w simulated, _ string) {
			run(w, "cluman", "tee", "-a", "/var/qps/config/deploy/csv/Hosts.csv")
		}},
		{check: pre + "mongo-config", now: func(_ *testing.T, w simulated, _ string) {
			run(w, "cluman", "tee", "-a", "/etc/broadhop/mongoConfig.cfg")
		}},
		{check: pre + "space", opts: cpstest.Options{FreeKB: 5 << 20}},
		{check: pre + "installation", // CPS-038; the full diagnostics say so too
			lies: says(replicaStatus, "", replaces("HA Multi-Node", "All-In-One"))},
		{check: pre + "health", lies: says("diagnostics.sh", "", replaces(passes, fails))},
		{check: pre + "replicas", lies: member("set03", "sessionmgr02", cps.StateRecovering)}, // well in the full diagnostics
		{check: pre + "votes", now: func(t *testing.T, w simulated, _ string) { noVote(t, w) }},
		{check: pre + "about", lies: says("about.sh", "", func(truth string) string { return truth + patched })},
		{check: pre + "htpasswd-first", lies: says("sha256sum *.htpasswd", "pcrfclient01", prints(""))},
		{check: pre + "htpasswd-second", opts: cpstest.Options{HtpasswdDiffers: true}},
		{check: pre + "alarms", lies: says(alarmState, "", prints("ok\n"))},
		{check: pre + "kpis", lies: says(gxCommand, "", prints("98\n"))},

		{check: "silence-alarms/silenced", lies: idle(silenceCommand, "nms")},
		{check: "kpis-swap/kpis", at: "kpis-swap/kpis", lies: says(gxCommand, "", prints("99.2\n"))},
		{check: "kpis-after/kpis", at: "kpis-after/kpis", lies: says(rxCommand, "", prints("no data\n"))},
		{check: "unsilence-alarms/unsilenced", lies: idle(unsilenceCommand, "nms")},

		{check: "udev/removed", lies: idle("rm -f /etc/udev/*", "")},
		{check: "udev/boot-id", at: "udev/boot-id", lies: says("cat */boot_id", "cluman", prints(""))},
		{check: "udev/restarted", lies: idle("reboot", "")},
		{check: "udev/back", at: "udev/back", lies: member("set03", "sessionmgr02", cps.StateRecovering)},

		{check: "backup-cluman/image", at: "backup-cluman/image", deeds: []string{"cluman rm -f " + anImage}},
		{check: "backup-cluman/umounted", at: "backup-cluman/quiet",
			deeds: []string{"cluman mount -o loop /root/CPS_19.4.0.release.iso /mnt/iso"},
			lies:  idle("umount *", "")},
		{check: "backup-cluman/mounted", lies: idle("mount *", "")},
		{check: "backup-cluman/mark", at: "backup-cluman/mark", lies: says("ls -1a /var/tmp", "", prints(""))},
		{check: "backup-cluman/backup", lies: says("migrate.sh backup cluman", "", anError)},
		{check: "backup-cluman/save", lies: idle("migrate.sh backup cluman", "")},
		{check: "backup-cluman/save", lies: then("migrate.sh backup cluman", "world archive cluman lost")},
		{check: "backup-cluman/save", lies: then("migrate.sh backup cluman", "world archive cluman cut")},
		{check: "deploy-cluman/kept", at: "deploy-cluman/kept", now: spoiled("cluman")},
		{check: "deploy-cluman/deploy", opts: cpstest.Options{Technician: cpstest.Technician{DeployAfter: 10000 * time.Hour}}},
		{check: "deploy-cluman/ready", lies: says("curl *", "", prints(`{"status": "installing"}`))},
		{check: "deploy-cluman/image", at: "deploy-cluman/image", deeds: []string{"cluman rm -f " + anImage}},

		{check: "restore-cluman/new-cluman", at: "restore-cluman/new-cluman", lies: says("cat /etc/redhat-release", "cluman", prints(oldOS))},
		{check: "restore-cluman/sum", lies: idle("sh -c * /var/tmp/migrate_cluman_*.part", "")},
		{check: "restore-cluman/umounted", at: "restore-cluman/upload",
			deeds: []string{"cluman mount -o loop " + anImage + " /mnt/iso"}, lies: idle("umount *", "")},
		{check: "restore-cluman/mounted", at: "restore-cluman/upload", lies: idle("mount *", "")},
		{check: "restore-cluman/restore", lies: says("migrate.sh restore cluman *", "", anError)},
		{check: "restore-cluman/hosts", lies: then("migrate.sh restore cluman *", "cluman cp /etc/hosts /var/qps/config/deploy/csv/Hosts.csv")},
		{check: "restore-cluman/mongo-config", lies: then("migrate.sh restore cluman *", "cluman cp /etc/hosts /etc/broadhop/mongoConfig.cfg")},
		{check: "restore-cluman/hosts", lies: idle("migrate.sh restore cluman *", "")}, // nothing is imported
		{check: "restore-cluman/about", at: "restore-cluman/about", lies: says("about.sh", "", replaces("qns01: ", "qns99: "))},
		{check: "restore-cluman/replicas", at: "restore-cluman/replicas", lies: member("set03", "sessionmgr02", cps.StateRecovering)},

		{check: "restore-cluman/diagnostics", at: "restore-cluman/diagnostics", lies: says("diagnostics.sh", "",
			replaces("qns passwordless logins on all VMs...[PASS]",
				"qns passwordless logins on all VMs...[FAIL]\n  lb01 could not be logged in to"))},

		{check: "skip-carbon/skipped", lies: idle("tee -a /var/install.cfg", "")},
		{check: "cluster-sets/create", lies: says("create-cluster-sets.sh", "", prints(""))},
		{check: "cluster-sets/set-1", lies: idle("create-cluster-sets.sh", "")},
		{check: "cluster-sets/set-1",
			lies: then("create-cluster-sets.sh", "cluman cp /var/tmp/cluster-upgrade-set-2.txt /var/tmp/cluster-upgrade-set-1.txt")},
		{check: "cluster-sets/set-2",
			lies: then("create-cluster-sets.sh", "cluman cp /var/tmp/cluster-upgrade-set-1.txt /var/tmp/cluster-upgrade-set-2.txt")},

		{check: "corosync/whole", at: "corosync/whole", lies: member("set03", "sessionmgr02", cps.StateRecovering)},
		{check: "corosync/corosync-stopped", lies: idle("monit stop corosync", "")},
		{check: "corosync/moved", lies: then("monit stop corosync", "pcrfclient02 monit stop corosync")}, // arbitervip is held by none
		{check: "disable-set-1/takes-over", lies: says("monit status corosync", "pcrfclient01", replaces("Running", "Not monitored"))},
		{check: "disable-set-2/takes-over", lies: says("monit status corosync", "pcrfclient02", replaces("Running", "Not monitored"))},
		{check: "disable-set-2/first-half", at: "disable-set-2/first-half", lies: member("set03", "sessionmgr02", cps.StateRecovering)},

		{check: "traffic-swap/whole", at: "traffic-swap/whole", lies: member("set03", "sessionmgr02", cps.StateRecovering)},
		{check: "traffic-swap/swap", lies: says("migrate.sh traffic swap", "", anError)},
		{check: "traffic-swap/taken", lies: idle("migrate.sh traffic swap", "")},
		{check: "traffic-swap/taken", lies: then("migrate.sh traffic swap", "world traffic 2 on")},

		{check: "traffic-swap/taken", at: "traffic-swap/taken", lies: sessions("lb01")},

		{check: "traffic-restore/whole", at: "traffic-restore/whole", lies: member("set03", "sessionmgr02", cps.StateRecovering)},
		{check: "traffic-restore/restore", lies: says("migrate.sh traffic restore", "", anError)},
		{check: "traffic-restore/taken", lies: idle("migrate.sh traffic restore", "")},
		{check: "traffic-restore/taken", lies: then("migrate.sh traffic restore", "world traffic 2 off")},

		{check: "final/about", at: "final/about", lies: says("about.sh", "", replaces("(pcrf): 21.1.0", "(pcrf): 19.4.0"))},
		{check: "final/replicas", at: "final/replicas", deeds: []string{"world priority sessionmgr02:27717 9"}},
		{check: "final/health", at: "final/health", lies: says("diagnostics.sh", "", replaces(passes, fails))},
		{check: "final/health", at: "final/health", lies: says("diagnostics.sh", "",
			replaces("qns passwordless logins on all VMs...[PASS]",
				"qns passwordless logins on all VMs...[FAIL]\n  lb01 could not be logged in to"))},
		{check: "final/health", at: "final/health", deeds: []string{"world recovering sessionmgr02:27717"}}, // and every check says [PASS]
		{check: "image/umounted", at: "image/umount", lies: idle("umount *", "")},

		{check: "invariant/replica-sets", at: "snapshot/snapshot", lies: member("set03", "sessionmgr01", cps.StateSecondary)},
		{check: "invariant/one-half", at: "snapshot/snapshot", lies: neitherHalf()},
		{check: "invariant/traffic", at: "snapshot/snapshot", lies: down("lb01", "lb02")},
		{check: "invariant/one-arbitervip", at: "snapshot/snapshot", lies: says("ip -o addr show", "pcrfclient02", alsoHas)},
		{check: "invariant/arbitervip", at: "snapshot/snapshot", lies: says("ip -o addr show", "pcrfclient01", hasNot)},
	}
	for _, step := range []string{"backup-cluman", "restore-cluman", "traffic-swap", "traffic-restore", "disable-set-1",
		"archive-set-1", "redeploy-set-1",
		"enable-set-1", "disable-set-2", "archive-set-2", "redeploy-set-2", "enable-set-2"} {
		list = append(list, lied{check: step + "/quiet", at: step + "/quiet", lies: says("ps -ef", "cluman", stillRuns)})
	}
	for n := 1; n <= 2; n++ {
		list = append(list, halfLies(n)...)
	}
	return list
}

// halfLies are those of a half, from its disabling to its being back at work.
func halfLies(n int) []lied {
	vms, side, other := theHalf(n)
	in := func(step, action string) string { return fmt.Sprintf("%s-set-%d/%s", step, n, action) }
	command := func(form string) string { return fmt.Sprintf(form, n) }
	sharding, about := fmt.Sprintf("sharding-set-%d-set06/", n), fmt.Sprintf("about-set-%d/about", n)
	disable, enable := command("migrate.sh disable set %d"), command("migrate.sh enable set %d *")
	list := []lied{
		{check: in("disable", "kpis"), at: in("disable", "kpis"), lies: says(rxCommand, "", prints("25\n"))},
		{check: in("disable", "other-half"), at: in("disable", "other-half"), lies: member("set03", "sessionmgr"+other, cps.StateRecovering)},
		{check: in("disable", "keeps"), at: in("disable", "keeps"), now: func(t *testing.T, w simulated, dir string) {
			if n == 1 {
				_, err := administrator(t, w).SetPriorities(t.Context(), map[string]float64{sm1: 1, sm2: 4}, nil)
				require.NoError(t, err)
			}
			aLaggingCopy(t, w, dir)
		}},
		{check: in("disable", "other-traffic"), at: in("disable", "other-traffic"), lies: down("lb" + other)},
		{check: in("disable", "mark"), at: in("disable", "mark"), lies: says("ls -1a /var/tmp", "", prints(""))},
		{check: in("disable", "users"), at: in("disable", "users"), lies: says("cat /etc/passwd", "", prints(""))},
		{check: in("disable", "disable"), lies: says(disable, "", anError)},
		{check: in("disable", "settled"), at: in("disable", "settled"), lies: member("set03", "sessionmgr"+other, cps.StateRecovering)},
		{check: in("disable", "removed"), lies: idle(disable, "")}, // SUCCESS, and every member stays
		{check: in("disable", "removed"), lies: then(disable, "sessionmgr"+side+" systemctl start sessionmgr-27717",
			"cluman mongo --host sessionmgr"+other+" --port 27717 --eval rs.add('sessionmgr"+side+":27717')")},
		{check: in("disable", "drained"), lies: then(disable, command("world traffic %d on"))},
		{check: in("disable", "drained"), at: in("disable", "drained"), lies: sessions("lb" + side)},
		{check: in("archive", "save"), lies: then(disable, command("world archive set-%d lost"))},
		{check: in("archive", "save"), lies: then(disable, command("world archive set-%d cut"))},
		{check: in("redeploy", "kept"), at: in("redeploy", "kept"), now: spoiled(command("set-%d"))},
		{check: in("redeploy", "copies"), at: in("redeploy", "copies"),
			deeds: []string{"sessionmgr" + other + " systemctl stop sessionmgr-27718"}},
		{check: in("redeploy", "delete"), at: in("redeploy", "delete"),
			deeds: []string{"world sleep 20m", "world image " + vms[0] + " 19.4.0", "world sleep 10m"}},
		{check: in("enable", "enable"), lies: says(enable, "", anError)},
		{check: in("members", "synced"), lies: idle(enable, "")}, // SUCCESS, and no member is back
		{check: in("members", "synced"), at: in("members", "synced"), lies: member("set03", "sessionmgr"+side, cps.StateRecovering)},
		{check: in("members", "priorities"), at: in("members", "priorities"), deeds: []string{"world priority sessionmgr02:27717 9"}},
		{check: sharding + "primary", at: sharding + "primary", lies: member("set06", "sessionmgr01", cps.StateSecondary)},
		{check: sharding + "read", at: sharding + "read", lies: says("mongo *sharding --eval *", "", prints(""))},
		{check: sharding + "fixed", at: sharding + "read", lies: idle("mongo *migratingShards\": 1}*", "")},
		{check: sharding + "fixed", at: sharding + "read", lies: idle("mongo *$inc*", "")}, // the version is not raised
		{check: sharding + "fixed", at: sharding + "read", lies: idle("mongo *insertOne*", "")},
		{check: in("skrings", "before"), at: in("skrings", "before"), lies: says(osgi+"*", "", prints(""))},
		{check: in("skrings", "rebuild"), at: in("skrings", "rebuild"), lies: []cpstest.Lie{
			{Command: osgi + "*rebuildAllSkRings", Says: replaces("SkRing rebuild: STARTED", "CommandNotFoundException")}}},
		{check: in("skrings", "after"), at: in("skrings", "before"), lies: idle(osgi+"*rebuildAllSkRings", "")},
		{check: about, at: about, lies: says("about.sh", "", replaces("(pcrf): 21.1.0", "(pcrf): 19.4.0"))},
	}
	for i, alias := range vms {
		deploy := []cpstest.Lie{{Command: command("deploy_all.py *set-%d.txt"), Then: []string{"world image " + alias + " 19.4.0"}}}
		gone := []cpstest.Lie{{Command: command("deploy_all.py *set-%d.txt"), Then: []string{"world power-off " + alias}}}
		list = append(list,
			lied{check: in("redeploy", "up-"+alias), lies: deploy}, // the VM is the old one again
			lied{check: in("redeploy", "up-"+alias), lies: gone},   // it was left out
			lied{check: in("users", "users-"+alias), first: []string{alias + " useradd carol"}, lies: idle("useradd *", alias)})
		if i > 0 {
			list = append(list, lied{check: in("redeploy", "gone-"+alias), at: in("redeploy", "gone-"+alias),
				deeds: []string{"world image " + alias + " 19.4.0", "world sleep 10m"}})
		}
	}
	return append(list, lied{check: in("redeploy", "runs-lb"+side), opts: cpstest.Options{MonitDown: []string{"lb" + side}},
		lies: idle("systemctl start monit.service", "")})
}

// rollbackLies are the lies of a rollback, which begins when the calls are judged.
func rollbackLies() []lied {
	recovering := func(host string) []cpstest.Lie { return member("set03", host, cps.StateRecovering) }
	release := func(release string) []cpstest.Lie { return says("cat /etc/redhat-release", "cluman", prints(release)) }
	at := func(check string, lies []cpstest.Lie) lied { return lied{check: check, at: check, lies: lies} }
	const command, enable, iso = "migrate.sh rollback", "migrate.sh enable set 1 *", "cluman mount -o loop " + anImage + " /mnt/iso"
	list := []lied{
		{check: "before/kept", at: "before/kept", now: spoiled("set-1")},
		{check: "before/mongo-config", now: func(_ *testing.T, w simulated, _ string) {
			run(w, "cluman", "tee", "-a", "/etc/broadhop/mongoConfig.cfg")
		}},
		at("stop-recovering/none", member("set03", "sessionmgr02", "STARTUP2")),
		at("rollback/other-half", recovering("sessionmgr01")),
		{check: "rollback/keeps", at: "rollback/keeps", now: func(t *testing.T, w simulated, dir string) {
			_, err := administrator(t, w).SetPriorities(t.Context(), map[string]float64{sm1: 1, sm2: 4}, nil)
			require.NoError(t, err)
			aLaggingCopy(t, w, dir)
		}},
		{check: "rollback/rollback", lies: says(command, "", anError)},
		at("rollback/settled", recovering("sessionmgr01")),
		at("rollback/traffic", down("lb01", "lb02")),
		{check: "rollback/removed", lies: then(command, "sessionmgr02 systemctl start sessionmgr-27717",
			"cluman mongo --host sessionmgr01 --port 27717 --eval rs.add('sessionmgr02:27717')")},
		{check: "rollback/drained", lies: then(command, "world traffic 1 on")},
		at("rollback/drained", sessions("lb02")),
		{check: "restore-cluman/kept", at: "restore-cluman/kept", now: spoiled("set-1")},
		at("restore-cluman/old-cluman", release(newOS)),
		at("restore-cluman/replicas", recovering("sessionmgr01")),
		at("cluster-sets/old-cluman", release(newOS)),
		{check: "cluster-sets/create", lies: says("create-cluster-sets.sh", "", prints(""))},
		{check: "cluster-sets/set-1",
			lies: then("create-cluster-sets.sh", "cluman cp /var/tmp/cluster-upgrade-set-2.txt /var/tmp/cluster-upgrade-set-1.txt")},
		{check: "cluster-sets/set-2",
			lies: then("create-cluster-sets.sh", "cluman cp /var/tmp/cluster-upgrade-set-1.txt /var/tmp/cluster-upgrade-set-2.txt")},
		{check: "redeploy-set-1/kept", at: "redeploy-set-1/kept", now: spoiled("set-1")},
		at("redeploy-set-1/old-cluman", release(newOS)),
		{check: "redeploy-set-1/copies", at: "redeploy-set-1/copies", deeds: []string{"sessionmgr01 systemctl stop sessionmgr-27718"}},
		{check: "redeploy-set-1/delete", at: "redeploy-set-1/delete",
			deeds: []string{"world sleep 20m", "world image pcrfclient02 19.4.0", "world sleep 10m"}},
		{check: "redeploy-set-1/runs-lb02", opts: cpstest.Options{MonitDown: []string{"lb02"}}, at: "redeploy-set-1/quiet",
			lies: idle("systemctl start monit.service", "")},
		at("bring-archive/old-cluman", release(newOS)),
		{check: "bring-archive/sum", lies: idle("sh -c * /var/tmp/migrate_set-1_*.part", "")},
		{check: "bring-archive/image", at: "bring-archive/image", deeds: []string{"cluman rm -f " + anImage}},
		{check: "bring-archive/umounted", at: "bring-archive/image", deeds: []string{iso}, lies: idle("umount *", "")},
		{check: "bring-archive/mounted", at: "bring-archive/image", lies: idle("mount *", "")},
		at("enable-set-1/old-cluman", release(newOS)),
		{check: "enable-set-1/enable", lies: says(enable, "", anError)},
		{check: "enable-set-1/enable-again", at: "enable-set-1/enable-again", opts: cpstest.Options{AdminArbiterStops: true},
			lies: says(enable, "", anError)},
		{check: "rolled-back/replicas", lies: idle(enable, "")},
		{check: "kpis-back/kpis", at: "kpis-back/kpis", lies: says(gxCommand, "", prints("99.2\n"))},
		{check: "unsilence-alarms/unsilenced", lies: idle(unsilenceCommand, "nms")},
		at("rolled-back/replicas", recovering("sessionmgr02")),
		at("rolled-back/about", says("about.sh", "", replaces("(pcrf): 19.4.0", "(pcrf): 21.1.0"))),
		at("rolled-back/traffic", down("lb02")),
		at("rolled-back/primaries", member("set06", "sessionmgr01", cps.StateSecondary)),
		{check: "invariant/replica-sets", at: "before/mongo-config", lies: member("set03", "sessionmgr01", cps.StateSecondary)},
		{check: "invariant/one-half", at: "before/mongo-config", lies: neitherHalf()},
		{check: "invariant/traffic", at: "before/mongo-config", lies: down("lb01", "lb02")},
		{check: "invariant/one-arbitervip", at: "before/mongo-config", lies: says("ip -o addr show", "", alsoHas)},
		{check: "invariant/arbitervip", at: "before/mongo-config", lies: says("ip -o addr show", "", hasNot)},
	}
	for _, step := range []string{"rollback", "redeploy-set-1", "enable-set-1"} {
		list = append(list, at(step+"/quiet", says("ps -ef", "cluman", stillRuns)))
	}
	vms, _, _ := theHalf(1)
	for i, alias := range vms {
		again := []string{"world image " + alias + " 21.1.0", "world sleep 10m"}
		list = append(list,
			lied{check: "redeploy-set-1/up-" + alias, lies: then("deploy.sh "+alias, again[:1]...)},
			lied{check: "rolled-back/users-" + alias, first: []string{alias + " useradd carol"},
				at: "rolled-back/replicas", lies: idle("useradd *", alias)})
		if i > 0 {
			list = append(list, lied{check: "redeploy-set-1/gone-" + alias, at: "redeploy-set-1/gone-" + alias, deeds: again})
		}
	}
	return list
}

// reviewed are the checks without which no lie gets further, with the reason why they stand there.
var reviewed = map[string]string{
	"preflight/htpasswd-first":     noFact,
	"preflight/kpis":               noFact,
	"udev/boot-id":                 noFact,
	"backup-cluman/mark":           noFact,
	"disable-set-1/mark":           noFact,
	"disable-set-2/mark":           noFact,
	"sharding-set-1-set06/primary": noFact,
	"sharding-set-2-set06/primary": noFact,
	"sharding-set-1-set06/read":    noFact,
	"sharding-set-2-set06/read":    noFact,
	"backup-cluman/save":           noArchive,
	"archive-set-1/save":           noArchive,
	"archive-set-2/save":           noArchive,
	"disable-set-1/settled":        settles,
	"disable-set-2/settled":        settles,
	"rollback/settled":             settles,
	"rollback/traffic":             "the invariant traffic is looked at when the step ends; this one waits for the endpoints",
	"corosync/moved": "the window closes only when a host has arbitervip, and disable-set-2 asks for the " +
		"votes; this one waits for the arbiters",
	"disable-set-2/first-half": "with one data member of each half in a set, other-half of the same step asks for the " +
		"same; with two it asks " +
		"for one of them, and this for both",
}

// informs are looks that stop nothing.
var informs = map[string]bool{rollbackRun + ": before/kpis": true}

const (
	noFact    = "it is journalled as a fact, and the fact is read in the same way: without this check the same action fails at that"
	noArchive = "its copy and its sum are facts: without it there is nothing to go on with"
	settles   = "the step is verified by removed, which asks for the same; this one waits for the elections while the outage is open"
)

// impatient is an operator who does not wait for ever.
type impatient struct {
	technician
	times map[string]int
}

func (p *impatient) Prompt(ctx context.Context, ask evenkeel.Prompt) (string, error) {
	const enough = 60
	at := ask.Step.ID + "/" + ask.Action.ID
	if p.times[at]++; p.times[at] > enough && ask.Why != "" {
		return "", evenkeel.NeedsOperator("asked often enough: %s", ask.Why)
	}
	return p.technician.Prompt(ctx, ask)
}

// reach is how far a run has come: the steps that it has ended, and the changes that it has begun.
type reach struct{ steps, changes int }

func (r reach) further(than reach) bool { return r.steps > than.steps || r.changes > than.changes }

// run runs the migration, or from the judgement of the calls on the rollback, in the world of the lie.
// It ends at once when it has come further than it may.
func (l lied) run(t *testing.T, kind string, may reach, empty ...string) (at string, r reach, w simulated) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	dir := t.TempDir()
	rb := runbook(t, liedConfig(dir))
	w = deploy(t, siteWorld(l.opts))
	do(w, l.first)
	start, o := evenkeel.Run, outcome{world: w, journal: &evenkeel.MemJournal{}}
	if kind == rollbackRun {
		o = runOn(t, rb, w, "calls")
		start = evenkeel.Rollback
		plan := rb.Recover
		rb.Recover = func(st *evenkeel.State) (*evenkeel.Runbook, error) {
			back, err := plan(st)
			if err == nil {
				emptied(back, empty...)
			}
			return back, err
		}
	} else {
		emptied(rb, empty...)
	}
	tell := func() {
		do(w, l.deeds)
		if l.now != nil {
			l.now(t, w, dir)
		}
		for _, one := range l.lies {
			require.NoError(t, w.Lie(one))
		}
	}
	told := l.at == ""
	if told {
		tell()
	}
	_, err := start(ctx, rb, w, evenkeel.Options{
		Journal: o.journal, Clock: w.Clock(), Serial: true, RunID: testRun, Holder: "test",
		Operator: &impatient{technician{world: w}, map[string]int{}},
		Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
			switch e.Kind {
			case evenkeel.EventAction:
				if !told && e.Step.ID+"/"+e.Action.ID == l.at {
					told = true
					tell()
				}
				if effectOf(*e.Action) > evenkeel.ReadOnly || e.Action.Manual != "" {
					r.changes++
				}
			case evenkeel.EventStepDone:
				r.steps++
			default:
			}
			if r.further(may) {
				end()
			}
		}),
	})
	require.True(t, told, "%s: the lie was never told: %v", l.check, err)
	return stoppedAt(err), r, w
}

func do(w simulated, deeds []string) {
	for _, deed := range deeds {
		words := strings.Fields(deed)
		run(w, words[0], words[1:]...)
	}
}

func liedConfig(dir string) issm.Config {
	return watched(issm.Config{ArchiveDir: dir, RemoveUdevRules: true, SkipCarbon: true, SingleClusterCorosync: true,
		ArbiterVIP: vipAddress})
}

// stoppedAt is where a run stopped; "done" where it did not.
func stoppedAt(err error) string {
	var pause *evenkeel.Pause
	var failed *evenkeel.StepError
	var broken *evenkeel.Violation
	switch {
	case err == nil:
		return "done"
	case errors.As(err, &broken):
		return "invariant/" + broken.Invariant
	case errors.As(err, &pause):
		return pause.Step + "/" + pause.Action
	case errors.As(err, &failed):
		return failed.Step + "/" + failed.Action
	}
	return err.Error()
}

func effectOf(a evenkeel.Action) evenkeel.Effect {
	if a.Op != nil {
		return a.Op.Effect
	}
	return a.Cmd.Effect
}

// checksOf are the actions of a runbook that check something, and its invariants.
func checksOf(rb *evenkeel.Runbook) (list []string) {
	for _, s := range rb.Steps {
		for _, a := range slices.Concat(s.Actions, s.Verify) {
			if a.Expect.Check != nil || effectOf(a) == evenkeel.ReadOnly && (len(a.Cmd.Argv) > 0 || a.Op != nil) {
				list = append(list, s.ID+"/"+a.ID)
			}
		}
	}
	for _, i := range rb.Invariants {
		list = append(list, "invariant/"+i.ID)
	}
	return list
}

// emptied takes what they check out of checks; they still look.
func emptied(rb *evenkeel.Runbook, checks ...string) {
	for i := range rb.Steps {
		s := &rb.Steps[i]
		for _, actions := range [][]evenkeel.Action{s.Actions, s.Verify} {
			for k := range actions {
				a := &actions[k]
				switch {
				case !slices.Contains(checks, s.ID+"/"+a.ID):
				case a.Op != nil && a.Op.Effect == evenkeel.ReadOnly:
					op := *a.Op
					op.Do = func(context.Context, evenkeel.Site) (sshexec.Result, error) { return sshexec.Result{}, nil }
					a.Op = &op
				default:
					a.Expect.Check = func(evenkeel.Observed) error { return nil }
				}
			}
		}
	}
	for i := range rb.Invariants {
		if slices.Contains(checks, "invariant/"+rb.Invariants[i].ID) {
			rb.Invariants[i].Check = func(context.Context, evenkeel.Site) error { return nil }
		}
	}
}

// TestEachCheckStopsALie: whatever the programs of the cluster say, a run stops at the check that is there for it, before
// any harm. And each check is needed: without it a lie gets further, but for those that are reviewed above.
func TestEachCheckStopsALie(t *testing.T) {
	every := 5
	if testing.Short() {
		every = 23
	}
	if os.Getenv("EVENKEEL_REHEARSE_EVERY") != "" { // CI tries all of them
		every = 1
	}
	for kind, list := range map[string][]lied{migrationRun: migrationLies(), rollbackRun: rollbackLies()} {
		rb := runbook(t, liedConfig(t.TempDir()))
		if kind == rollbackRun {
			var err error
			rb, err = rb.RollbackPlan(runOn(t, rb, deploy(t, siteWorld(cpstest.Options{})), "calls").state(t))
			require.NoError(t, err)
		}
		lies, tried, needed := map[string]int{}, map[string]int{}, map[string]bool{}
		for i, l := range list {
			if lies[l.check]++; i%every > 0 {
				continue
			}
			tried[l.check]++
			at, with, w := l.run(t, kind, reach{1000, 1000})
			assert.Equal(t, l.check, at, "%s: another check stops lie %d", kind, i)
			assert.Empty(t, w.Violations(), "%s: stopped at %s before any harm", kind, l.check)
			_, without, _ := l.run(t, kind, with, l.check)
			needed[l.check] = needed[l.check] || without.further(with)
		}
		checks := checksOf(rb)
		for _, c := range checks {
			if informs[kind+": "+c] {
				continue
			}
			why, known := reviewed[kind+": "+c]
			if !known {
				why, known = reviewed[c]
			}
			assert.NotZero(t, lies[c], "%s: no lie is stopped by %s", kind, c)
			if tried[c] == lies[c] {
				assert.NotEqual(t, known, needed[c], "%s: whether a lie gets further without %s (reviewed: %s)", kind, c, why)
			}
			delete(lies, c)
		}
		assert.Empty(t, lies, "%s: these are no checks of the runbook", kind)
	}
}
