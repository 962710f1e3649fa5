package cpstest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// TestKilledAndRunAgain: migrate.sh killed after any of its stages leaves something that running it again completes (CPS-186).
func TestKilledAndRunAgain(t *testing.T) {
	again := func(o *operator, args string, stages int) (killed bool) {
		o.d.KillMigrate(stages)
		out, err := o.try("cluman", "/mnt/iso/migrate.sh "+args)
		if err == nil {
			o.d.KillMigrate(-1)
			return false
		}
		require.NotContains(o, out, "SUCCESS")
		return true
	}
	base := newOperator(t, cpstest.Options{})
	base.moveManager()
	for stages := 0; ; stages++ {
		o := &operator{TB: t, d: base.d.Clone(), safe: map[string]string{}}
		if !again(o, "disable set 1", stages) {
			require.Greater(t, stages, 5)
			break
		}
		log := o.migrate("disable set 1")
		o.download(log.Archive())
		o.d.Advance(15 * time.Minute)
		o.do("cluman", deployAll+" --vms /var/tmp/cluster-upgrade-set-1.txt")
		o.d.Advance(5 * time.Minute)
		again(o, "enable set 1 "+log.Archive(), stages)
		o.migrate("enable set 1 " + log.Archive())
		o.fixSharding()
		again(o, "traffic swap", stages)
		o.migrate("traffic swap")
		again(o, "disable set 2", stages)
		if o.d.Report().Sets[1].Stage != "disabled" {
			o.migrate("disable set 2")
		}
		require.NoError(t, o.d.Check(), "killed after %d stages", stages)
	}
}

// TestFaults: an outcome that nobody knows is Unknown, and what took effect took effect.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		kind    cpstest.FaultKind
		outcome sshexec.Outcome
		acted   bool
	}{
		{cpstest.Fails, sshexec.Exited, false},
		{cpstest.Refused, sshexec.NotStarted, false},
		{cpstest.CutBefore, sshexec.Unknown, false},
		{cpstest.CutAfter, sshexec.Unknown, true},
		{cpstest.Hangs, sshexec.Unknown, false},
	} {
		o := newOperator(t, cpstest.Options{})
		o.d.Inject(cpstest.Fault{At: 2, Kind: c.kind})
		o.do("cluman", "about.sh")
		_, err := o.try("cluman", "umount /mnt/iso")
		require.Equal(t, c.outcome, sshexec.OutcomeOf(err), c.kind)
		_, err = o.try("cluman", "test -e /nowhere")
		require.Error(t, err)
		_, err = o.try("cluman", "umount /mnt/iso")
		require.Equal(t, c.acted, err != nil, c.kind)
		require.Equal(t, 4, o.d.Commands())
	}
}

// TestReadingCountsOnlyWhenWhole: an archive whose download broke off is not off the machine (CPS-202).
func TestReadingCountsOnlyWhenWhole(t *testing.T) {
	for _, kind := range []cpstest.FaultKind{cpstest.CutAfter, cpstest.SucceedsIdly} {
		o := newOperator(t, cpstest.Options{Technician: byHand})
		o.do("cluman", "umount /mnt/iso")
		o.do("cluman", "mount -o loop /root/CPS_21.1.0.release.iso /mnt/iso")
		o.migrate("backup cluman")
		archive := o.archive("cluman")
		o.d.Inject(cpstest.Fault{At: o.d.Commands() + 1, Kind: kind})
		_, _ = o.try("cluman", "cat "+archive)
		require.False(t, o.d.Report().Archives[0].OffMachine, kind)
		o.download(archive)
		require.True(t, o.d.Report().Archives[0].OffMachine)
	}
}

// TestPowerLoss: the outage that a dead machine makes is recorded, with the machine as its excuse, and ends when it is back.
func TestPowerLoss(t *testing.T) {
	o := newOperator(t, cpstest.Options{})
	require.NoError(t, o.d.Power("sessionmgr01", false))
	o.d.Advance(time.Minute)
	require.NotEmpty(t, o.table().Findings())
	_, err := o.try("sessionmgr01", "hostname")
	require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(err))
	for _, set := range o.d.Report().Replicas {
		require.Contains(t, set.Primary, "sessionmgr02:", "the other half took over")
		require.Less(t, set.Longest, 30*time.Second)
	}
	require.NoError(t, o.d.Power("sessionmgr01", true))
	o.d.Advance(5 * time.Minute)
	require.Empty(t, o.table().Findings())
	require.NoError(t, o.d.Check())
	for _, outage := range o.d.Report().Outages {
		require.False(t, outage.Open)
	}
	require.Error(t, o.d.Power("nobody", true))

	// With one half disabled there is nobody to take over. That is the machine's fault, not the operator's.
	o.moveManager()
	o.migrate("disable set 1")
	require.NoError(t, o.d.Power("sessionmgr01", false))
	require.NoError(t, o.d.Power("lb01", false))
	o.d.Advance(10 * time.Minute)
	require.NoError(t, o.d.Check())
	last := o.d.Report().Outages[len(o.d.Report().Outages)-1]
	require.Equal(t, "sessionmgr01 has no power", last.Excuse)
	require.Greater(t, last.Lasted, 9*time.Minute)
	require.True(t, last.Open)
	require.Contains(t, last.String(), "so far (sessionmgr01 has no power)")

	// To boot takes as long as an election may take, and its processes begin only then.
	require.NoError(t, o.d.Power("sessionmgr01", true))
	o.d.Advance(5 * time.Minute)
	require.NoError(t, o.d.Check())
	require.False(t, o.d.Report().Outages[len(o.d.Report().Outages)-1].Open)
}

// TestANewMachineIsNoExcuse: that a machine boots whose half is being redeployed explains no outage.
func TestANewMachineIsNoExcuse(t *testing.T) {
	o := newOperator(t, cpstest.Options{})
	o.moveManager()
	o.download(o.migrate("disable set 1").Archive())
	o.d.Advance(15 * time.Minute)
	o.do("cluman", deployAll+" --vms /var/tmp/cluster-upgrade-set-1.txt")
	o.d.Advance(5 * time.Minute)
	o.do("sessionmgr01", "systemctl stop sessionmgr-27717")
	require.NoError(t, o.d.Power("sessionmgr02", false))
	require.NoError(t, o.d.Power("sessionmgr02", true))
	o.d.Advance(65 * time.Second)
	require.ErrorContains(t, o.d.Check(), "replica set SESSION:set01 has had no primary for 1m1s")
}

// TestMend: people mount the image again that was mounted when the Cluster Manager lost its power, and none that was not.
func TestMend(t *testing.T) {
	o := newOperator(t, cpstest.Options{})
	before := o.d.EndState()
	require.NoError(t, o.d.Power("cluman", false))
	require.NotEqual(t, before, o.d.EndState())
	o.d.Mend()
	require.Equal(t, before, o.d.EndState())
	o.do("cluman", "umount /mnt/iso")
	without := o.d.EndState()
	require.NotEqual(t, before, without)
	require.NoError(t, o.d.Power("cluman", false))
	o.d.Mend()
	require.Equal(t, without, o.d.EndState())
}

// TestClonesAreApart: a clone goes its own way, and two that do the same stay the same, whatever they do.
func TestClonesAreApart(t *testing.T) {
	base := newOperator(t, cpstest.Options{})
	base.moveManager()
	lines := [][2]string{
		{"cluman", "/mnt/iso/migrate.sh disable set 1"}, {"cluman", "/mnt/iso/migrate.sh traffic swap"},
		{"cluman", "/mnt/iso/migrate.sh traffic restore"},
		{"cluman", deployAll + " --vms /var/tmp/cluster-upgrade-set-1.txt"}, {"pcrfclient01", "monit stop corosync"},
		{"pcrfclient01", "monit start corosync"},
		{"cluman", "umount /mnt/iso"}, {"cluman", "mount -o loop /root/CPS_21.1.0.release.iso /mnt/iso"},
		{"cluman", "/mnt/iso/migrate.sh rollback"},
		{"cluman", "diagnostics.sh"}, {"sessionmgr01", "systemctl stop sessionmgr-27717"}, {"sessionmgr01", "systemctl start sessionmgr-27717"},
		{"cluman", "restartall.sh"}, {"world", "world delete-vms 1"}, {"world", "world power-off lb01"}, {"world", "world power-on lb01"},
	}
	rapid.Check(t, func(rt *rapid.T) {
		a, b := base.d.Clone(), base.d.Clone()
		before := base.d.Hash()
		for range rapid.IntRange(1, 12).Draw(rt, "length") {
			line := rapid.SampledFrom(lines).Draw(rt, "line")
			wait := time.Duration(rapid.IntRange(0, 1200).Draw(rt, "wait")) * time.Second
			var out [2]string
			for i, d := range []*cpstest.Deployment{a, b} {
				o := &operator{TB: t, d: d}
				d.Advance(wait)
				text, err := o.try(line[0], line[1])
				out[i] = fmt.Sprint(text, err)
			}
			if out[0] != out[1] || a.Hash() != b.Hash() {
				rt.Fatalf("two clones differ after %v", line)
			}
			if c := a.Clone(); c.Hash() != a.Hash() {
				rt.Fatalf("a clone differs from its original after %v", line)
			}
		}
		if base.d.Hash() != before {
			rt.Fatalf("the original followed its clones")
		}
	})
}

// TestReadingChangesNothing: commands that only look leave the hash alone.
func TestReadingChangesNothing(t *testing.T) {
	o := newOperator(t, cpstest.Options{})
	o.moveManager()
	o.d.Advance(10 * time.Minute)
	before := o.d.Hash()
	for _, line := range [][2]string{
		{"cluman", "diagnostics.sh"}, {"cluman", "diagnostics.sh --get_rep"}, {"cluman", "diagnostics.sh --get"},
		{"cluman", "diagnostics.sh --ha_proxy"}, {"cluman", "about.sh"},
		{"cluman", "cat /var/qps/config/deploy/csv/Hosts.csv"}, {"cluman", "df -Pk /var/tmp"},
		{"pcrfclient01", "sha256sum /var/broadhop/.htpasswd"},
		{"pcrfclient01", "/var/qps/bin/support/grafana_sync.sh"}, {"lb01", "/bin/systemctl status monit.service"},
		{"cluman", "curl http://cluman:8458/api/system/status/cluman"},
		{"world", "world report"}, {"world", "world log"}, {"world", "world now"}, {"world", "world check"},
	} {
		o.do(line[0], line[1])
		require.Equal(t, before, o.d.Hash(), line)
	}
	r, err := o.d.Runner("cluman")
	require.NoError(t, err)
	_, err = r.Run(context.Background(), sshexec.Command(sshexec.ReadOnly, "diagnostics.sh"))
	require.NoError(t, err)
	require.NoError(t, o.d.Check())
}

func BenchmarkMigration(b *testing.B) {
	for b.Loop() {
		o := newOperator(b, cpstest.Options{})
		o.moveManager()
		o.replace(1)
		o.migrate("traffic swap")
		o.replace(2)
		o.d.Advance(10 * time.Minute)
		o.migrate("traffic restore")
	}
}

// BenchmarkRehearsalStep is what a rehearsal pays for a branch: a clone and one command.
func BenchmarkRehearsalStep(b *testing.B) {
	o := newOperator(b, cpstest.Options{})
	o.moveManager()
	for b.Loop() {
		c := &operator{TB: b, d: o.d.Clone()}
		c.do("cluman", "diagnostics.sh")
	}
}

func BenchmarkClone(b *testing.B) {
	o := newOperator(b, cpstest.Options{})
	o.moveManager()
	for b.Loop() {
		o.d.Clone()
	}
}

func BenchmarkHash(b *testing.B) {
	o := newOperator(b, cpstest.Options{})
	o.moveManager()
	for b.Loop() {
		o.d.Hash()
	}
}
