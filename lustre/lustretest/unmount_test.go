package lustretest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// H27: while a target is being unmounted the mount table has forgotten it; the process, Lustre's device and the disk
// have not. It comes to its end whatever becomes of the cluster, and to mount the target elsewhere meanwhile is a
// double mount.
func TestAnUnmountAtWork(t *testing.T) {
	const id, other = "MGS_32834e", lustretest.Node2
	slow := lustretest.Options{Times: func(string) (start, stop time.Duration) { return 0, 30 * time.Second }}
	begin := func(t *testing.T) (*lustretest.Pair, func(string) string) {
		p := lustretest.NewPair(slow)
		run, err := p.Runner(lustretest.Node1)
		require.NoError(t, err)
		sh := func(line string) string {
			argv, err := simhost.Split(line)
			require.NoError(t, err)
			res, _ := run.Run(context.Background(), sshexec.Command(sshexec.Mutating, argv...))
			return string(res.Stdout)
		}
		require.Contains(t, sh("cat /proc/mounts"), "/mnt/MGS")
		require.Contains(t, sh("lctl dl"), "UP osd-ldiskfs MGS-osd MGS-osd_UUID 5")
		require.NotContains(t, sh("ps -e -o stat= -o args="), "umount")
		sh("pcs resource disable " + id)
		p.Advance(time.Second)
		require.NotContains(t, sh("cat /proc/mounts"), "/mnt/MGS")
		require.Contains(t, sh("ps -e -o stat= -o args="), "umount /mnt/MGS\n")
		require.NotEmpty(t, sh("pgrep -x umount"))
		require.Contains(t, sh("lctl dl"), "ST osd-ldiskfs MGS-osd")
		require.Equal(t, []string{lustretest.Node1}, p.Report().Target("MGS").On)
		return p, sh
	}
	over := func(t *testing.T, p *lustretest.Pair, sh func(string) string) {
		p.Advance(40 * time.Second)
		require.NotContains(t, sh("ps -e -o stat= -o args="), "umount")
		require.NotContains(t, sh("lctl dl"), "MGS-osd")
		require.Empty(t, p.Report().Target("MGS").On)
		require.NoError(t, p.Check())
	}
	t.Run("to its end", func(t *testing.T) {
		p, sh := begin(t)
		require.Regexp(t, `operation="stop" [^>]*call-id="-1"`, sh("cibadmin --query"))
		over(t, p, sh)
		require.Contains(t, sh("cibadmin --query"), `operation_key="`+id+`_stop_0"`)
	})
	for _, line := range []string{"pcs resource cleanup", "crm_resource --refresh", "crm_resource --cleanup -r " + id} {
		t.Run(line, func(t *testing.T) {
			p, sh := begin(t)
			sh(line)
			require.NotContains(t, sh("cibadmin --query"), id+"_stop_0", "the stop is forgotten")
			require.Contains(t, sh("cibadmin --query"), `operation_key="`+id+`_monitor_0"`)
			require.Contains(t, sh("ps -e -o stat= -o args="), "umount /mnt/MGS\n")
			over(t, p, sh)
		})
	}
	t.Run("nothing is recorded", func(t *testing.T) {
		p, sh := begin(t)
		p.Do(func(s *simhost.State) {
			pacemakertest.Of(s).Remember(s, lustretest.Node1, pacemakertest.Record{Resource: id})
		})
		require.NotContains(t, sh("cibadmin --query"), `operation_key="`+id+`_stop_0"`)
		over(t, p, sh)
	})
	t.Run("power", func(t *testing.T) {
		p, _ := begin(t)
		p.PowerLoss(lustretest.Node1)
		require.Empty(t, p.Report().Target("MGS").On)
	})
	t.Run("mounted elsewhere", func(t *testing.T) {
		p, _ := begin(t)
		p.Do(func(s *simhost.State) {
			s.Host(other).Mount(s, simhost.Mount{Device: "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_EEMGT0000", Dir: "/mnt/MGS", Type: "lustre"})
		})
		require.ErrorContains(t, p.Check(), "mounted on two nodes")
	})
	t.Run("a clone goes its own way", func(t *testing.T) {
		p, _ := begin(t)
		c := p.Clone()
		require.Equal(t, p.Hash(), c.Hash())
		c.Advance(40 * time.Second)
		require.NotEqual(t, p.Hash(), c.Hash())
		require.NotContains(t, strings.Join(c.Report().Target("MGS").On, ""), "mds1")
		require.Equal(t, []string{lustretest.Node1}, p.Report().Target("MGS").On)
	})
}
