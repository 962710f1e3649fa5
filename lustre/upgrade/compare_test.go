package upgrade_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// compared is what still differs after a rollback, by the facts that the run has found out.
func (p *play) compared() []string { return p.comparedOn(p.w) }

// comparedOn is the same with other hosts.
func (p *play) comparedOn(hosts evenkeel.Hosts) []string {
	p.t.Helper()
	st, err := evenkeel.ReadState(p.journal.Records())
	require.NoError(p.t, err)
	var diff []string
	look := &evenkeel.Runbook{Name: "look", Title: "Look", Known: st.Facts, Steps: []evenkeel.Step{{
		ID: "look", Title: "Look", Host: lustretest.Node2, Harmless: "it only looks", Actions: []evenkeel.Action{{
			ID: "compare",
			Change: evenkeel.Change{
				Title: "Compare", Op: &evenkeel.Op{Effect: sshexec.ReadOnly, Text: "Compare",
					Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
						var err error
						diff, err = p.book.Compare(ctx, at)
						return sshexec.Result{}, err
					}},
			},
		}},
	}}}
	_, err = evenkeel.Run(p.t.Context(), look, hosts, p.options(&evenkeel.MemJournal{}))
	require.NoError(p.t, err)
	return diff
}

// A rollback says what still differs from the state before the run: nothing where it led to the beginning and every
// target is where it belongs.
func TestWhatStillDiffers(t *testing.T) {
	s := newScene(t, lustretest.Options{InstallTime: -1}, nil)
	says := func(t *testing.T, diff []string, all ...string) {
		t.Helper()
		require.Len(t, diff, len(all), strings.Join(diff, "\n"))
		for i, text := range all {
			require.Contains(t, diff[i], text)
		}
	}
	t.Run("before the run changed anything",
		func(t *testing.T) { require.Empty(t, s.stopAt(t, "lift-throttle", "throttle-tight", false).compared()) })
	t.Run("back at the beginning", func(t *testing.T) {
		p := s.stopAt(t, "leave-node1", "corosync", true)
		require.NoError(t, p.rollBack())
		says(t, p.compared(), "MGS_32834e is mounted on ct6-mds2.lfs.intl, not on the node that it prefers, ct6-mds1.lfs.intl")
	})
	t.Run("back at node 2", func(t *testing.T) {
		p := s.stopAt(t, "switch-over", "serving", true)
		require.NoError(t, p.rollBack())
		diff := p.compared()
		says(t, diff,
			"ct6-mds1.lfs.intl runs \"CentOS Linux release 7", "MGS_32834e is mounted on ct6-mds2.lfs.intl, not on the node that it prefers",
			"load-threshold", "node-action-limit", "stonith-enabled", "standby")
		text := strings.Join(diff, "\n")
		for _, advice := range []string{
			"FENCING IS OFF", "It has to stay off while ct6-mds1.lfs.intl is being rebuilt",
			"pcs property set stonith-enabled=true", "crm_attribute --type crm_config --name load-threshold --delete",
			"pcs cluster unstandby ct6-mds1",
		} {
			require.Contains(t, text, advice)
		}
	})
	for name, c := range map[string]struct {
		spoil func(*play)
		says  string
	}{
		"a service is down": {func(p *play) {
			p.sh(lustretest.Node1, "service pacemaker stop")
			p.sh(lustretest.Node1, "service corosync stop")
		}, "corosync does not run on ct6-mds1.lfs.intl"},
		"a service does not start": {func(p *play) { p.sh(lustretest.Node1, "chkconfig corosync off") },
			"whether corosync starts at boot on ct6-mds1.lfs.intl was on, is now off: chkconfig corosync on"},
		"a node is off":         {func(p *play) { p.w.PowerLoss(lustretest.Node1) }, "ct6-mds1.lfs.intl cannot be looked at"},
		"the other node is off": {func(p *play) { p.w.PowerLoss(lustretest.Node2) }, "where it is mounted is not known"},
		"fencing": {func(p *play) { p.sh(lustretest.Node1, "pcs property set stonith-enabled=false") },
			"Switch it on when both nodes are well"},
		"a constraint": {func(p *play) {
			p.sh(lustretest.Node1,
				"pcs constraint location MGS_32834e prefers ct6-mds2=7")
		}, "the old cluster: location constraint"},
		"a target is down": {func(p *play) {
			p.sh(lustretest.Node1,
				"pcs resource disable MGS_32834e")
			p.w.Advance(10 * 1e9)
		}, "MGS_32834e is mounted on no node"},
		"mounted twice": {func(p *play) {
			p.w.Do(func(st *simhost.State) {
				h := st.Host(lustretest.Node2)
				h.Mount(st, st.Host(lustretest.Node1).Mounts()[len(st.Host(lustretest.Node1).Mounts())-1])
			})
		}, "stop one of them NOW"},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.stopAt(t, "evacuate-node1", "rings-1", false)
			c.spoil(p)
			require.Contains(t, strings.Join(p.compared(), "\n"), c.says)
		})
	}
}

// LUS-036: whether the old cluster runs is said by two exit statuses, 0 with its word and 3. A daemon that is dead "but
// subsys locked" (2) or "but pid file exists" (1), a status that is not known (4), and a service that is not there
// (127) are differences of their own.
func TestADeadServiceIsADifference(t *testing.T) {
	p := newScene(t, lustretest.Options{InstallTime: -1}, nil).stopAt(t, "evacuate-node1", "rings-1", false)
	for name, c := range map[string]struct {
		code       int
		text, says string
	}{
		"running":      {code: 0, text: "corosync (pid  1234) is running..."},
		"nothing said": {code: 0, says: "whether corosync runs is not known"},
		"another word": {code: 0, text: "Usage: corosync {start|stop|status}", says: "whether corosync runs is not known"},
		"dead, pid file exists": {code: 1, text: "corosync dead but pid file exists",
			says: "whether corosync runs is not known: service corosync status: exit status 1: corosync dead"},
		"dead, subsys locked": {code: 2, text: "corosync dead but subsys locked", says: "whether corosync runs is not known"},
		"stopped": {code: 3, text: "corosync is stopped",
			says: "corosync does not run on ct6-mds1.lfs.intl: service corosync start"},
		"unknown": {code: 4, text: "corosync status unknown due to insufficient privileges.",
			says: "whether corosync runs is not known"},
		"no such program or script": {code: 127, says: "whether corosync runs is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			hosts := evenkeel.HostMap{}
			for _, n := range []string{lustretest.Node1, lustretest.Node2} {
				real, err := p.w.Runner(n)
				require.NoError(t, err)
				hosts[n] = sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
					if n != lustretest.Node1 || cmd.Argv[0] != "service" || cmd.Argv[1] != "corosync" {
						return real.Run(ctx, cmd)
					}
					res := sshexec.Result{Outcome: sshexec.Exited, ExitCode: c.code, Stdout: []byte(c.text + "\n")}
					if c.code == 0 {
						return res, nil
					}
					return res, sshexec.Failure(n, cmd, res, nil)
				})
			}
			diff := strings.Join(p.comparedOn(hosts), "\n")
			if c.says == "" {
				require.NotContains(t, diff, "corosync")
				return
			}
			require.Contains(t, diff, c.says)
		})
	}
}
