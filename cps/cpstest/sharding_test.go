package cpstest_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// TestShardingFix runs the scripts of package mongo: they act, exactly once, and only on the primary (MON-025 to MON-029).
func TestShardingFix(t *testing.T) {
	o := newOperator(t, cpstest.Options{})
	o.moveManager()
	log := o.migrate("disable set 1")
	o.download(log.Archive())
	o.d.Advance(15 * time.Minute)
	o.do("cluman", deployAll+" --vms /var/tmp/cluster-upgrade-set-1.txt")
	o.d.Advance(5 * time.Minute)
	o.migrate("enable set 1 " + log.Archive())

	fix := mongo.ShardingFix{Set: "set06", Majority: 10 * time.Second}
	eval := func(host, js string) (string, error) {
		return o.run("cluman", sshexec.Command(sshexec.Mutating, "mongo", "--quiet", "--host", host, "--port", "27721", "sharding", "--eval", js))
	}
	read := func() mongo.ShardingState {
		out, err := eval("sessionmgr01", fix.ReadScript())
		require.NoError(t, err)
		state, err := mongo.ParseShardingState(strings.NewReader(out))
		require.NoError(t, err)
		return *state
	}
	before := read()
	require.False(t, before.Fixed())
	require.Equal(t, "sessionmgr01:27721", before.Primary)
	for _, step := range fix.Steps(before) {
		done, err := step.Probe(read())
		require.NoError(t, err)
		require.False(t, done, step.Op)
		_, err = eval("sessionmgr02", step.Script)
		require.ErrorContains(t, err, "not the primary, which is sessionmgr01:27721")
		_, err = eval("sessionmgr01", step.Script)
		require.NoError(t, err)
		done, err = step.Probe(read())
		require.NoError(t, err)
		require.True(t, done, step.Op)
		if step.Op == mongo.BumpConfigVersion { // a repeat of this one must not count
			_, err = eval("sessionmgr01", step.Script)
			require.NoError(t, err)
		}
	}
	require.True(t, read().Fixed())
	require.Equal(t, before.ConfigVersion+1, read().ConfigVersion)
	_, err := eval("sessionmgr01", mongo.ShardingFix{Set: "set07"}.ReadScript())
	require.ErrorContains(t, err, "this is the set set06")
	require.NoError(t, o.d.Check())
}

// TestFilesComeAndGo: the file transfer of package sshexec works on the simulated machines, and a streamed download counts as one.
func TestFilesComeAndGo(t *testing.T) {
	o := newOperator(t, cpstest.Options{Technician: byHand})
	o.do("cluman", "umount /mnt/iso")
	o.do("cluman", "mount -o loop /root/CPS_21.1.0.release.iso /mnt/iso")
	o.migrate("backup cluman")
	r, err := o.d.Runner("cluman")
	require.NoError(t, err)
	require.NoError(t, sshexec.DownloadFile(context.Background(), r, o.archive("cluman"), filepath.Join(t.TempDir(), "copy"), 0o600))
	require.True(t, o.d.Report().Archives[0].OffMachine)
	require.NoError(t, o.d.DeployManager())
	require.NoError(t, o.d.Check())
}

// TestMixedReleases: set 2 must not run the new release while set 1 runs the old one (CPS-211).
func TestMixedReleases(t *testing.T) {
	o := newOperator(t, cpstest.Options{Trusting: true})
	o.moveManager()
	o.replace(2)
	o.violated("set 2 runs 21.1.0 while set 1 still runs 19.4.0")
}

// TestEndState: runs that take their time differently end alike, and what differs shows.
func TestEndState(t *testing.T) {
	var ends [3]string
	for i := range ends {
		o := newOperator(t, cpstest.Options{})
		o.moveManager()
		o.d.Advance(time.Duration(i) * 17 * time.Minute)
		o.replace(1)
		if i == 1 {
			o.migrate("traffic swap")
		}
		o.migrate("traffic swap")
		if i == 2 {
			o.do("lb01", "systemctl stop monit.service")
		}
		o.d.Advance(time.Minute)
		ends[i] = o.d.EndState()
	}
	require.Equal(t, ends[0], ends[1])
	require.NotEqual(t, ends[0], ends[2])
}

// TestOwnClusterWithoutVIP: arbiters may run on VMs, and members on machines that Hosts.csv does not name.
func TestOwnClusterWithoutVIP(t *testing.T) {
	o := newOperator(t, cpstest.Options{
		MongoConfig: "[SPR-SET1]\nSETNAME=set04\nARBITER=pcrfclient01:27720\n" +
			"MEMBER1=sessionmgr01:27720\nMEMBER2=sessionmgr02:27720\nMEMBER3=far-sessionmgr01:27720\n[SPR-SET1-END]\n",
	})
	require.Empty(t, o.table().Findings())
	o.moveManager()
	log := o.migrate("disable set 1")
	o.download(log.Archive())
	require.Len(t, o.table().Sets[0].Members, 3)
	o.do("pcrfclient01", "systemctl stop sessionmgr-27720")
	o.d.Advance(time.Minute)
	require.NotEmpty(t, o.table().Findings())
	o.do("pcrfclient01", "systemctl start sessionmgr-27720")
	o.d.Advance(time.Minute)
	require.Empty(t, o.table().Findings())
	require.NoError(t, o.d.Check())
	require.Contains(t, o.do("pcrfclient01", "monit status"), "corosync")
	o.do("pcrfclient01", "clear_wsp_files.sh")
}

// TestShellRunsCommands: the simulated shell answers the scripts of package mongo/live as the members would, and changes what they change.
func TestShellRunsCommands(t *testing.T) {
	o := newOperator(t, cpstest.Options{Data: map[string]cpstest.Data{"set02": {OplogWindow: 2 * time.Hour}}})
	const first, second = "sessionmgr01:27718", "sessionmgr02:27718"
	shell := func(_ context.Context, call live.ShellCall) (live.ShellResult, error) {
		host, port, _ := strings.Cut(call.Host, ":")
		cmd := sshexec.Command(call.Effect, "mongo", "--quiet", "--host", host, "--port", port)
		cmd.Stdin = sshexec.Text(call.Script())
		out, err := o.run("cluman", cmd)
		return live.ShellResult{Stdout: out, Outcome: sshexec.OutcomeOf(err)}, err
	}
	set := live.NewReplicaSet("set02", []string{first, second}, live.ShellDialer(shell, nil), live.Options{Sleep: o.d.Sleep})
	c, err := set.Config(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, c.Voters())
	log, err := set.Oplog(t.Context(), first)
	require.NoError(t, err)
	require.InDelta(t, 2*time.Hour, log.Window(), float64(time.Second))

	_, err = set.SetPriorities(t.Context(), map[string]float64{first: 1, second: 5}, nil)
	require.NoError(t, err)
	status, err := set.StatusFrom(t.Context(), first)
	require.NoError(t, err)
	primary, _ := status.Primary()
	require.Equal(t, second, primary.Name)
	require.WithinDuration(t, o.d.Now(), status.Date, time.Second)

	o.do("sessionmgr02", "systemctl stop sessionmgr-27718")
	o.d.Advance(time.Minute)
	_, err = set.StatusFrom(t.Context(), second)
	require.ErrorContains(t, err, "couldn't connect to server")
	status, err = set.StatusFrom(t.Context(), first)
	require.NoError(t, err)
	gone, _ := status.Member(second)
	require.False(t, gone.Healthy())

	_, err = o.run("cluman", sshexec.Command(sshexec.ReadOnly, "mongo", "--quiet", first, "--eval", "rs.conf().members.forEach(print)"))
	require.NoError(t, err)
	require.NoError(t, o.d.Check())
}
