package cpstest_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// longest is the longest outage of any replica set, and whether one had arbitervip for its excuse.
func (o *operator) longest() (d time.Duration, excused bool) {
	for _, outage := range o.d.Report().Outages {
		d = max(d, outage.Lasted)
		excused = excused || strings.Contains(outage.Excuse, "arbitervip")
	}
	return d, excused
}

// TestCorosyncMoves: where arbitervip is, and what its absence costs, depends on when the old corosync is stopped
// (CPS-074, CPS-175, CPS-176, CPS-207).
func TestCorosyncMoves(t *testing.T) {
	// The old cluster keeps the address while it lives; the new one waits.
	o := newOperator(t, cpstest.Options{})
	o.moveManager()
	o.replace(1)
	require.Equal(t, "pcrfclient01", o.d.Report().ArbiterVIP)
	o.migrate("traffic swap")

	// Stopped before set 2 is disabled, the address moves while all members are there, and nobody misses it.
	moved := &operator{TB: t, d: o.d.Clone(), safe: map[string]string{}}
	moved.do("pcrfclient01", "monit stop corosync")
	require.Empty(t, moved.d.Report().ArbiterVIP)
	moved.d.Advance(time.Minute)
	require.Equal(t, "pcrfclient02", moved.d.Report().ArbiterVIP)
	moved.replace(2)
	require.Equal(t, "pcrfclient02", moved.d.Report().ArbiterVIP, "pcrfclient01 joins the new cluster as it is (CPS-177)")
	_, excused := moved.longest()
	require.False(t, excused)
	require.NoError(t, moved.d.Check())

	// Left to itself it moves when pcrfclient01 stops.
	o.replace(2)
	require.Equal(t, "pcrfclient02", o.d.Report().ArbiterVIP)
	_, excused = o.longest()
	require.True(t, excused)
	require.NoError(t, o.d.Check())

	// Stopped before set 1 is disabled, as cps:665 may be read, nobody has the address until pcrfclient02 is redeployed (cps:669).
	o = newOperator(t, cpstest.Options{})
	o.moveManager()
	o.do("pcrfclient01", "monit stop corosync")
	o.d.Advance(time.Minute)
	require.Equal(t, "pcrfclient02", o.d.Report().ArbiterVIP)
	o.replace(1)
	long, excused := o.longest()
	require.Greater(t, long, 10*time.Minute)
	require.True(t, excused)
	require.NoError(t, o.d.Check(), "the guide says that there is no arbitervip then")
	require.Equal(t, "pcrfclient02", o.d.Report().ArbiterVIP)
}

// TestProvisioning is the faster way (CPS-065, CPS-066, CPS-069, CPS-204).
func TestProvisioning(t *testing.T) {
	o := newOperator(t, cpstest.Options{})
	o.moveManager()
	_, err := o.try("cluman", deployAll+" --useprovision --vms /var/tmp/cluster-upgrade-set-1.txt")
	require.ErrorContains(t, err, "pcrfclient02 is not provisioned")
	o.do("cluman", deployAll+" --provision --nossh --usecl --vms /var/tmp/cluster-upgrade-set-1.txt")
	log := o.migrate("disable set 1")
	o.download(log.Archive())
	o.d.Advance(30 * time.Minute)
	for _, vm := range o.d.Report().VMs {
		require.True(t, vm.Exists, "nobody deletes what is provisioned: %s", vm.Alias)
	}
	o.do("cluman", deployAll+" --useprovision --vms /var/tmp/cluster-upgrade-set-1.txt")
	o.d.Advance(5 * time.Minute)
	o.migrate("enable set 1 " + log.Archive())
	require.Contains(t, o.do("cluman", deployAll+" --cleanupbackup"), "lb02: backup deleted")
	require.Empty(t, o.do("cluman", deployAll+" --cleanupbackup"))
	require.NoError(t, o.d.Check())

	for line, want := range map[string]string{
		deployAll: "argument --vms",
		deployAll + " --provision --useprovision --vms x":                                       "not allowed with",
		deployAll + " --vms /nowhere":                                                           "No such file",
		deployAll + " --frobnicate":                                                             "unrecognized",
		"/var/qps/install/current/scripts/deployer/deploy.sh":                                   "usage",
		"/var/qps/install/current/scripts/deployer/deploy.sh qns02.example.com":                 "is not in Hosts.csv",
		"/var/qps/install/current/scripts/deployer/deploy.sh qns01":                             "already exists",
		"/mnt/iso/migrate.sh frobnicate":                                                        "usage",
		"diagnostics.sh --frobnicate":                                                           "unknown option",
		"mongo --host nowhere --port 1 --eval rs.printReplicationInfo()":                        "couldn't connect",
		"mongo --host sessionmgr01 --port 27721 sharding --eval db.dropDatabase()":              "knows no statement",
		`mongo --host sessionmgr02 --port 27721 sharding --eval "db.versions.remove({})"`:       "not master",
		`mongo --host sessionmgr02 --port 27721 --eval "if (!me.ismaster) { throw 1 } remove"`:  "not the primary",
		`mongo --host sessionmgr01 --port 27721 --eval "me.setName !== 'set01'; versions.find"`: "this is the set set06",
	} {
		_, err := o.try("cluman", line)
		require.ErrorContains(t, err, want, line)
	}
	short := newOperator(t, cpstest.Options{DatastoreKB: 100 << 20})
	short.moveManager()
	_, err = short.try("cluman", deployAll+" --provision --vms /var/tmp/cluster-upgrade-set-1.txt")
	require.ErrorContains(t, err, "204800 MB are needed", "CPS-170")
}

// TestEndpointsStayDown is the HAProxy work-around (CPS-089, CPS-090, CPS-217, CPS-241).
func TestEndpointsStayDown(t *testing.T) {
	o := newOperator(t, cpstest.Options{Stuck: []string{"lb02"}})
	o.moveManager()
	o.replace(1)
	o.migrate("traffic swap")
	down := func() (names []string) {
		report, err := cps.ParseHAProxy(srcerr.Named("diagnostics.sh", strings.NewReader(o.do("cluman", "diagnostics.sh --ha_proxy"))))
		require.NoError(t, err)
		for _, s := range report.Down() {
			if strings.Contains(s.Name, "lb02") {
				names = append(names, s.Name)
			}
		}
		return names
	}
	require.Equal(t, []string{"diameter-int1-vip-lb02-B", "diameter-int1-vip-lb02-C"}, down())
	console := func(host, port, command string) (string, error) {
		return o.run(host, sshexec.Script(sshexec.Mutating, cpstest.OSGiScript, port, command))
	}
	for _, command := range []string{"excludeEndpoints", "clearExcludedEndpoints"} {
		out, err := console("lb02", "9093", command)
		require.NoError(t, err)
		require.Contains(t, out, "osgi> "+command+"\n")
		require.Contains(t, out, "Connection closed by foreign host.")
	}
	o.d.Advance(2 * time.Minute)
	require.Equal(t, []string{"diameter-int1-vip-lb02-C"}, down())
	o.do("lb02", "monit restart qns-4")
	o.d.Advance(2 * time.Minute)
	require.Empty(t, down())
	require.NoError(t, o.d.Check())

	_, err := console("lb02", "9091", "excludeEndpoints")
	require.ErrorContains(t, err, "Connection refused")
	for _, port := range []string{"9092", "9093", "9094"} {
		_, err := console("lb02", port, "excludeEndpoints")
		require.NoError(t, err)
	}
	o.violated("no half takes traffic")
}

var stamp = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(,\d{3})?|\d{8}_\d{6}`)

// pin compares an output with its golden file, whatever the time was.
func pin(t *testing.T, name, out string) {
	t.Helper()
	golden.Check(t, name, stamp.ReplaceAllString(out, "TIME"))
}

// TestSkRings of the OSGi console (CPS-084, CPS-133, MON-030).
func TestSkRings(t *testing.T) {
	o := newOperator(t, cpstest.Options{})
	console := func(command string) string {
		out, err := o.run("qns01", sshexec.Script(sshexec.Mutating, cpstest.OSGiScript, "9091", command))
		require.NoError(t, err)
		return out
	}
	pin(t, "osgi.txt", console("skRingRebuildStatus"))
	require.Contains(t, console("rebuildAllSkRings"), "STARTED")
	require.Contains(t, console("skRingRebuildStatus"), "IN PROGRESS")
	o.d.Advance(3 * time.Minute)
	require.Contains(t, console("skRingRebuildStatus"), "COMPLETED")
	o = newOperator(t, cpstest.Options{SKDB: true})
	require.Contains(t, console("rebuildAllSkRings"), "Command not found")
}

// TestOutputs pins what the programs print, stage by stage.
func TestOutputs(t *testing.T) {
	o := newOperator(t, cpstest.Options{})
	pin(t, "diagnostics.txt", o.do("cluman", "diagnostics.sh"))
	pin(t, "about.txt", o.do("cluman", "about.sh"))
	o.moveManager()
	pin(t, "sets.txt", o.do("cluman", "cat /var/tmp/cluster-upgrade-set-1.txt /var/tmp/cluster-upgrade-set-2.txt"))
	disable := o.do("cluman", "/mnt/iso/migrate.sh disable set 1")
	pin(t, "disable-set-1.log", disable)
	archive := o.log(disable).Archive()
	require.Equal(t, o.archive("set-1"), archive)
	o.download(archive)
	require.Equal(t, []string{"/var/tmp/migrate/set-1/config_other_br.tar.gz"}, o.log(disable).InnerArchives())
	pin(t, "diagnostics-set-1-disabled.txt", o.do("cluman", "diagnostics.sh"))
	aido, err := cps.ParseAIDO(strings.NewReader(o.do("cluman", "diagnostics.sh")))
	require.NoError(t, err)
	require.Contains(t, aido.NotInstalled, "sessionmgr01", "CPS-129")
	o.d.Advance(15 * time.Minute)
	o.do("cluman", deployAll+" --vms /var/tmp/cluster-upgrade-set-1.txt")
	_, err = o.try("qns04", "hostname")
	require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(err), "it boots into rescue mode first (CPS-166)")
	o.d.Advance(5 * time.Minute)
	require.Equal(t, "CentOS Linux release 8.1.1911 (Core)\n", o.do("qns04", "cat /etc/redhat-release"))
	diag, err := cps.ParseDiagnostics(strings.NewReader(o.do("cluman", "diagnostics.sh")))
	require.NoError(t, err)
	skew, ok := diag.Check("clock skew")
	require.True(t, ok)
	require.Equal(t, cps.Fail, skew.Verdict, "NTP converges (CPS-164)")
	_, err = o.try("pcrfclient02", "cat /var/broadhop/.htpasswd")
	require.Error(t, err, "a new VM has nothing of the old one")
	enable := o.do("cluman", "/mnt/iso/migrate.sh enable set 1 "+archive)
	pin(t, "enable-set-1.log", enable)
	require.Equal(t, o.do("pcrfclient01", "cat /var/broadhop/.htpasswd"), o.do("pcrfclient02", "cat /var/broadhop/.htpasswd"), "CPS-030")
	users := o.log(enable).SkippedUsers()
	require.Len(t, users, 2, "CPS-118")
	require.Equal(t, "mongoreadonly", users[0].User)
	for _, p := range o.log(enable).Priorities() {
		require.True(t, p.Validated, p.Set)
	}
	pin(t, "about-mixed.txt", o.do("cluman", "about.sh"))
	pin(t, "swap.log", o.do("cluman", "/mnt/iso/migrate.sh traffic swap"))
	require.NoError(t, o.d.Check())
}

// TestNewManager: it is another machine, with another key and an empty disk (CPS-156, CPS-167, CPS-201).
func TestNewManager(t *testing.T) {
	o := newOperator(t, cpstest.Options{Technician: byHand})
	key := o.d.HostKeyID("cluman")
	require.NotEmpty(t, key)
	require.Empty(t, o.d.HostKeyID("nobody"))
	o.do("cluman", "ln -s -T token /var/lib/evenkeel.lease")
	o.do("cluman", "umount /mnt/iso")
	o.do("cluman", "mount -o loop /root/CPS_21.1.0.release.iso /mnt/iso")
	o.migrate("backup cluman")
	o.download(o.archive("cluman"))
	require.NoError(t, o.d.DeployManager())
	require.Error(t, o.d.DeployManager())
	_, err := o.try("cluman", "hostname")
	require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(err))
	o.d.Advance(5 * time.Minute)
	require.NotEqual(t, key, o.d.HostKeyID("cluman"))
	require.NotContains(t, o.do("cluman", "curl -s http://localhost:8458/api/system/status/cluman"), "ready", "CPS-125")
	for _, line := range []string{"readlink /var/lib/evenkeel.lease", "cat /var/qps/config/deploy/csv/Hosts.csv",
		"diagnostics.sh", "/mnt/iso/migrate.sh restore cluman x"} {
		_, err := o.try("cluman", line)
		require.Error(t, err, line)
	}
	require.Equal(t, "CPS Installer Version - 21.1.0", strings.Split(o.do("cluman", "about.sh"), "\n")[4])
	require.NoError(t, o.d.Check())
}

// TestWorldHost: the commands by which a demo looks at the simulation and steers it.
func TestWorldHost(t *testing.T) {
	o := newOperator(t, cpstest.Options{Technician: byHand})
	require.Equal(t, "2021-07-20T23:00:00Z\n", o.do("world", "world now"))
	o.do("world", "world sleep 90s")
	require.Equal(t, "2021-07-20T23:01:30Z\n", o.do("world", "now"))
	o.do("cluman", "about.sh")
	require.Contains(t, o.do("world", "world log"), "cluman: about.sh: exit 0")
	var report cpstest.Report
	require.NoError(t, json.Unmarshal([]byte(o.do("world", "world report")), &report))
	require.Equal(t, "19.4.0", report.Manager.Release)
	require.Len(t, report.Replicas, 6)
	o.do("world", "world deploy-cluman")
	o.do("world", "world sleep 30m")
	o.do("world", "world restore-cluman")
	o.do("world", "world power-off lb01")
	o.do("world", "world power-on lb01")
	o.do("world", "world check")
	o.do("world", "world delete-vms 2")
	_, err := o.try("world", "world check")
	require.ErrorContains(t, err, "deleted while it was in service")
	for _, line := range []string{"world", "world sleep x", "world delete-vms x", "world power-on nobody", "world frobnicate"} {
		_, err := o.try("world", line)
		require.Error(t, err, line)
	}
	_, err = o.d.Runner("nobody")
	require.Error(t, err)
}

// TestNewRefuses: what is wrong with the texts is said with its place.
func TestNewRefuses(t *testing.T) {
	for want, opts := range map[string]cpstest.Options{
		"Hosts.csv:1:":         {HostsCSV: "Alias\n"},
		"mongoConfig.cfg:1:":   {MongoConfig: "[SPR-SET1]\n"},
		"Configuration.csv:1:": {Configuration: "x\n"},
		"not a release":        {From: "old"},
		"not newer":            {From: "21.1.0"},
		"pcrfclient07":         {ArbiterVIPOn: "pcrfclient07"},
	} {
		_, err := cpstest.New(opts)
		require.ErrorContains(t, err, want)
	}
}

// TestHooks are called around every command.
func TestHooks(t *testing.T) {
	o := newOperator(t, cpstest.Options{})
	var seen []string
	o.d.Hooks(func(host string, c sshexec.Cmd) { seen = append(seen, "before "+host+": "+c.String()) },
		func(host string, _ sshexec.Cmd, res sshexec.Result) {
			seen = append(seen, "after "+host+": "+res.Text())
		})
	o.do("qns01", "hostname")
	require.Equal(t, []string{"before qns01: hostname", "after qns01: qns01"}, seen)
	_, excused := o.longest()
	require.False(t, excused)
}
