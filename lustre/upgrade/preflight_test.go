package upgrade_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// H11, H18, H24, LUS-036, PCM-018: a pair that is not sound, or not as it was planned for, is refused before anything is changed.
func TestPreflightRefuses(t *testing.T) {
	const n1, n2 = lustretest.Node1, lustretest.Node2
	s := newScene(t, lustretest.Options{}, nil)
	tests := map[string]struct {
		disturb func(*play)
		want    string
	}{
		"ring 1 is not sound":         {func(p *play) { p.w.CutRing(n2, 1, true) }, "ring 1 is not sound"},
		"node 1 in standby":           {func(p *play) { p.sh(n1, "pcs cluster standby") }, "Make the plan anew"},
		"in maintenance":              {func(p *play) { p.sh(n1, "pcs property set maintenance-mode=true") }, "Make the plan anew"},
		"a target disabled":           {func(p *play) { p.sh(n1, "pcs resource disable MGS_32834e") }, "Make the plan anew"},
		"the cluster of node 2 stops": {func(p *play) { p.sh(n2, "service pacemaker stop") }, "Could not connect to fencer"},
		"node 2 is off":               {func(p *play) { p.w.PowerLoss(n2) }, "no route to host"},
		"upgraded already": {func(p *play) {
			write(p, n1, "/etc/redhat-release",
				"CentOS Linux release 7.5.1804 (Core)\n")
		}, "release 6"},
		"a target cannot start on node 2": {func(p *play) {
			p.sh(n2, "mv /mnt/MGS /mnt/MGS.away")
			p.sh(n1, "pcs cluster standby "+s.pair.Config.Node1.Short())
			p.w.Advance(2 * time.Minute)
			p.sh(n1, "pcs cluster unstandby "+s.pair.Config.Node1.Short())
			p.sh(n2, "mv /mnt/MGS.away /mnt/MGS")
		}, "MGS_32834e_start_0 failed on ct6-mds2"},
		"an id changed by hand": {func(p *play) {
			p.sh(n1, `cibadmin --delete -X '<nvpair id="MGS_32834e-meta_attributes-target-role"/>'`)
			p.sh(n1, `cibadmin --modify --allow-create -X '<meta_attributes id="MGS_32834e-meta_attributes"><nvpair id="by-hand" name="target-role" value="Started"/></meta_attributes>'`)
		}, "under another id"},
		"an unknown target is mounted": {func(p *play) {
			p.w.Do(func(st *simhost.State) {
				st.Host(n2).Mount(st, simhost.Mount{Device: "/dev/sdz", Dir: "/mnt/other", Type: "lustre", Options: "ro"})
			})
		}, "/mnt/other"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := s.play(t)
			tt.disturb(p)
			p.w.Advance(2 * time.Minute)
			before := p.w.EndState()
			require.ErrorContains(t, p.run(), tt.want)
			after := strings.ReplaceAll(p.w.EndState(), " evenkeel.lease", "") // it keeps others out until the matter is settled
			require.Equal(t, before, after, "something was changed")
		})
	}
}

// A cluster that is still starting its targets is waited for, with their number in words, and not for ever. The servers are
// so busy that each starts one target after the other.
func TestPreflightWaitsForAStartingCluster(t *testing.T) {
	for start, want := range map[time.Duration]error{4 * time.Minute: evenkeel.ErrStopped, 14 * time.Minute: evenkeel.ErrOverdue} {
		s := newScene(t, lustretest.Options{OSTs: 4, Load: 100, Times: func(string) (time.Duration, time.Duration) { return start, 0 }}, nil)
		p := s.play(t)
		p.stop = make(chan struct{})
		var waits []string
		p.watch = func(e evenkeel.Event) {
			switch {
			case e.Kind == evenkeel.EventWait:
				waits = append(waits, e.Action.ID+": "+e.Text)
			case e.Kind == evenkeel.EventStepDone && e.Step.ID == "preflight":
				close(p.stop)
			}
		}
		err := p.run()
		require.ErrorIs(t, err, want)
		require.NotEmpty(t, waits)
		require.Contains(t, waits[0], "status: 2 of 6 targets run on one node, and the cluster has yet to start the others, the first of them ")
		if errors.Is(want, evenkeel.ErrOverdue) {
			require.ErrorContains(t, err, "action status on ct6-mds1.lfs.intl: not within the time allowed of 15 m: 4 of 6 targets run")
			st, err := evenkeel.ReadState(p.journal.Records())
			require.NoError(t, err)
			require.False(t, st.Changed)
		}
	}
}

func write(p *play, host, name, text string) {
	p.w.Do(func(st *simhost.State) { st.Host(host).MustWrite(st, name, text, 0o644) })
}

// H6: a leftover of another cluster stops the run before pcs would, and is named.
func TestLeftovers(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	for host, step := range map[string]string{lustretest.Node1: "ha-node1", lustretest.Node2: "ha-node2"} {
		p := s.stopAt(t, step, "password", false)
		write(p, host, "/etc/pacemaker/authkey", "of another cluster")
		require.ErrorContains(t, p.resume(), "/etc/pacemaker/authkey")
		p.sh(host, "rm /etc/pacemaker/authkey")
		require.NoError(t, p.resume())
		require.NoError(t, p.w.Check())
	}
}

// LUS-033, LUS-034: what node 1 lacks is found before node 2 lets go: until then nobody notices anything.
func TestNoOutageForWhatIsMissing(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	for line, mend := range map[string]string{
		"rm -f /dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_EEMGT0000": "touch /dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_EEMGT0000",
		"rmmod lustre": "modprobe lustre",
		"rm -rf /mnt":  "mkdir -p /mnt/MGS /mnt/demo-MDT0000",
	} {
		p := s.stopAt(t, "switch-over", "able-1", false)
		p.sh(lustretest.Node1, line)
		require.Error(t, p.resume(), line)
		for _, target := range p.w.Report().Targets {
			require.Equal(t, []string{lustretest.Node2}, target.On, line)
		}
		p.sh(lustretest.Node1, mend)
		require.NoError(t, p.resume(), line)
		require.NoError(t, p.w.Check())
	}
}
