package cpstest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// operator types commands at a deployment, as the guide's reader would.
type operator struct {
	testing.TB
	d    *cpstest.Deployment
	safe map[string]string // what was read off the machines, by path
}

func newOperator(t testing.TB, opts cpstest.Options) *operator {
	t.Helper()
	d, err := cpstest.New(opts)
	require.NoError(t, err)
	return &operator{TB: t, d: d, safe: map[string]string{}}
}

// try types a line on a host and gives the output and the error.
func (o *operator) try(host, line string) (string, error) {
	o.Helper()
	argv, err := simhost.Split(line)
	require.NoError(o, err)
	return o.run(host, sshexec.Command(sshexec.Mutating, argv...))
}

func (o *operator) run(host string, cmd sshexec.Cmd) (string, error) {
	o.Helper()
	r, err := o.d.Runner(host)
	require.NoError(o, err)
	res, err := r.Run(context.Background(), cmd)
	return string(res.Stdout), err
}

// do types a line that must succeed.
func (o *operator) do(host, line string) string {
	o.Helper()
	out, err := o.try(host, line)
	require.NoError(o, err, out)
	return out
}

// migrate runs migrate.sh, which must succeed, and reads its log.
func (o *operator) migrate(args string) *cps.MigrateLog {
	o.Helper()
	log := o.log(o.do("cluman", "/mnt/iso/migrate.sh "+args))
	require.True(o, log.Succeeded())
	return log
}

// refused runs migrate.sh, which must refuse: an ERROR line, and no SUCCESS.
func (o *operator) refused(args, why string) {
	o.Helper()
	out, err := o.try("cluman", "/mnt/iso/migrate.sh "+args)
	require.Error(o, err)
	log := o.log(out)
	require.False(o, log.Succeeded())
	last := ""
	for _, e := range log.Entries {
		if e.Level == "ERROR" {
			last = e.Text
		}
	}
	require.Contains(o, last, why)
}

func (o *operator) log(text string) *cps.MigrateLog {
	o.Helper()
	log, err := cps.ParseMigrateLog(srcerr.Named("migrate.sh", strings.NewReader(text)))
	require.NoError(o, err)
	return log
}

// archive finds the newest archive of a kind on the Cluster Manager.
func (o *operator) archive(kind string) string {
	o.Helper()
	names := strings.Fields(o.do("cluman", "ls /var/tmp"))
	for i := len(names) - 1; i >= 0; i-- {
		if strings.HasPrefix(names[i], "migrate_"+kind) {
			return "/var/tmp/" + names[i]
		}
	}
	require.Fail(o, "no archive of "+kind)
	return ""
}

// download reads a file off the machine.
func (o *operator) download(path string) {
	o.Helper()
	o.safe[path] = o.do("cluman", "cat "+path)
}

// upload writes it to the machine.
func (o *operator) upload(path string) {
	o.Helper()
	cmd := sshexec.Command(sshexec.Mutating, "dd", "of="+path, "status=none")
	cmd.Stdin = sshexec.Text(o.safe[path])
	_, err := o.run("cluman", cmd)
	require.NoError(o, err)
}

// awaitManager polls the status API, as cps:459 says.
func (o *operator) awaitManager() {
	o.Helper()
	for range 120 {
		out, err := o.try("cluman", "curl -s http://192.168.105.10:8458/api/system/status/cluman")
		if err == nil && strings.Contains(out, `"ready"`) {
			return
		}
		o.d.Advance(time.Minute)
	}
	require.Fail(o, "the new Cluster Manager never became ready")
}

// moveManager migrates the Cluster Manager (cps:409-521).
func (o *operator) moveManager() {
	o.Helper()
	o.do("cluman", "umount /mnt/iso")
	o.do("cluman", "mount -o loop /root/CPS_21.1.0.release.iso /mnt/iso")
	o.migrate("backup cluman")
	archive := o.archive("cluman")
	o.download(archive)
	o.d.Advance(20 * time.Minute)
	o.awaitManager()
	o.upload(archive)
	o.do("cluman", "mount -o loop CPS_21.1.0.release.iso /mnt/iso")
	o.migrate("restore cluman " + archive)
	o.do("cluman", "/var/qps/install/current/scripts/create-cluster-sets.sh")
}

const deployAll = "/var/qps/install/current/scripts/deployer/support/deploy_all.py"

// replace takes a set away and brings it back on the new release (cps:578-919).
func (o *operator) replace(set int) {
	o.Helper()
	log := o.migrate(fmt.Sprintf("disable set %d", set))
	o.download(log.Archive())
	table := o.table()
	require.Empty(o, table.On(fmt.Sprintf("sessionmgr%02d", 3-set)), "CPS-230")
	o.d.Advance(15 * time.Minute) // the person at vCenter deletes the VMs
	o.do("cluman", fmt.Sprintf("%s --vms /var/tmp/cluster-upgrade-set-%d.txt", deployAll, set))
	o.d.Advance(5 * time.Minute) // through rescue mode
	o.do(fmt.Sprintf("lb%02d", 3-set), "/bin/systemctl status monit.service")
	o.migrate(fmt.Sprintf("enable set %d %s", set, log.Archive()))
	o.fixSharding()
	o.do("cluman", "about.sh")
}

func (o *operator) table() *cps.ReplicaTable {
	o.Helper()
	table, err := cps.ParseReplicaTable(srcerr.Named("diagnostics.sh",
		strings.NewReader(o.do("cluman", "diagnostics.sh --get_replica_status"))))
	require.NoError(o, err)
	return table
}

func (o *operator) about() *cps.About {
	o.Helper()
	about, err := cps.ParseAbout(srcerr.Named("about.sh", strings.NewReader(o.do("cluman", "about.sh"))))
	require.NoError(o, err)
	return about
}

// fixSharding types the guide's three writes on the ADMIN primary (cps:920-945) and rebuilds the SkRings (cps:947-956).
func (o *operator) fixSharding() {
	o.Helper()
	admin, ok := o.table().Set("ADMIN")
	require.True(o, ok)
	primary, ok := admin.Primary()
	require.True(o, ok)
	for _, js := range []string{
		`db.cache_config.updateMany({},{"$unset":{"migratingShards":1}})`,
		`db.config.update({"_id" : 1},{ $inc : { version : 1}})`,
		`db.versions.remove({})`,
		`db.versions.insert({ "_id" : "cache_config", "version" : NumberInt(0), "previousVersion" : NumberInt(0), "migrationStatus" : "COMPLETE" });`,
	} {
		_, err := o.run("cluman", sshexec.Command(sshexec.Mutating, "mongo", "--quiet", "--host", primary.Host, "--port",
			fmt.Sprint(primary.Port), "sharding", "--eval", js))
		require.NoError(o, err)
	}
	qns := "qns02"
	out, err := o.run(qns, sshexec.Script(sshexec.Mutating, cpstest.OSGiScript, "9091", "rebuildAllSkRings"))
	require.NoError(o, err)
	require.Contains(o, out, "osgi> rebuildAllSkRings")
}

// TestGuideTypedInOrder is the whole guide, typed as it stands (CPS-200, CPS-201, CPS-203, CPS-206, WF-001).
func TestGuideTypedInOrder(t *testing.T) {
	o := newOperator(t, cpstest.Options{})
	o.moveManager()
	o.replace(1)
	require.Empty(t, o.about().CheckHalves(cps.ClusterSet{"pcrfclient02", "lb02", "sessionmgr02", "qns02", "qns04"},
		must(cps.ParseRelease("19.4.0")), must(cps.ParseRelease("21.1.0"))), "CPS-231")
	o.migrate("traffic swap")
	o.replace(2)
	o.d.Advance(10 * time.Minute)
	require.Empty(t, o.table().Findings())
	o.migrate("traffic restore")
	o.do("cluman", deployAll+" --cleanupbackup")
	o.do("cluman", "restartall.sh")
	o.do("cluman", "umount /mnt/iso")

	require.NoError(t, o.d.Check())
	r := o.d.Report()
	for _, vm := range r.VMs {
		require.Equal(t, "21.1.0", vm.Release, vm.Alias)
		require.True(t, vm.Serving, vm.Alias)
	}
	require.True(t, r.Sets[0].Traffic)
	require.True(t, r.Sets[1].Traffic)
	for _, set := range r.Replicas {
		require.Len(t, set.Members, 3)
		for _, m := range set.Members {
			want := map[string]float64{"arbitervip": 0, "sessionmgr01": 3, "sessionmgr02": 2}[strings.Split(m.Host, ":")[0]]
			require.Equal(t, want, m.Priority, "%s of %s (CPS-233)", m.Host, set.Set)
		}
		require.Contains(t, set.Primary, "sessionmgr01:", set.Set)
	}
	require.True(t, r.Sharding[0].Settled)
	require.Equal(t, r.BumpsOwed, r.Bumps)
	for _, outage := range r.Outages {
		t.Log(outage)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
