package lustre_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/simhost"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// compared is what still differs after a rollback, by the facts that the run has found out.
func (p *play) compared() []string {
	p.t.Helper()
	st, err := evenkeel.ReadState(p.journal.Records())
	require.NoError(p.t, err)
	var diff []string
	look := &evenkeel.Runbook{Name: "look", Title: "Look", Known: st.Facts, Steps: []evenkeel.Step{{
		ID: "look", Title: "Look", Host: lustretest.Node2, Harmless: "it only looks", Actions: []evenkeel.Action{{
			ID: "compare", Title: "Compare", Op: &evenkeel.Op{Effect: sshexec.ReadOnly, Text: "Compare", Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				var err error
				diff, err = p.book.Compare(ctx, at)
				return sshexec.Result{}, err
			}},
		}},
	}}}
	_, err = evenkeel.Run(p.t.Context(), look, p.w, p.options(&evenkeel.MemJournal{}))
	require.NoError(p.t, err)
	return diff
}

// A rollback says what still differs from the state before the run: nothing where it led to the beginning and every target is where it belongs.
func TestWhatStillDiffers(t *testing.T) {
	s := newScene(t, lustretest.Options{InstallTime: -1}, nil)
	says := func(t *testing.T, diff []string, all ...string) {
		t.Helper()
		require.Len(t, diff, len(all), strings.Join(diff, "\n"))
		for i, text := range all {
			require.Contains(t, diff[i], text)
		}
	}
	t.Run("before the run changed anything", func(t *testing.T) { require.Empty(t, s.stopAt(t, "lift-throttle", "throttle-tight", false).compared()) })
	t.Run("back at the beginning", func(t *testing.T) {
		p := s.stopAt(t, "leave-node1", "corosync", true)
		require.NoError(t, p.takeBack())
		says(t, p.compared(), "MGS_32834e is mounted on ct6-mds2.lfs.intl, not on the node that it prefers, ct6-mds1.lfs.intl")
	})
	t.Run("back at node 2", func(t *testing.T) {
		p := s.stopAt(t, "switch-over", "serving", true)
		require.NoError(t, p.takeBack())
		diff := p.compared()
		says(t, diff,
			"ct6-mds1.lfs.intl runs \"CentOS Linux release 7", "MGS_32834e is mounted on ct6-mds2.lfs.intl, not on the node that it prefers",
			"load-threshold", "node-action-limit", "stonith-enabled", "standby")
		text := strings.Join(diff, "\n")
		for _, advice := range []string{
			"FENCING IS OFF", "It has to stay off while ct6-mds1.lfs.intl is being rebuilt", "pcs property set stonith-enabled=true", "crm_attribute --type crm_config --name load-threshold --delete", "pcs cluster unstandby ct6-mds1",
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
		"a service does not start": {func(p *play) { p.sh(lustretest.Node1, "chkconfig corosync off") }, "whether corosync starts at boot on ct6-mds1.lfs.intl was on, is now off: chkconfig corosync on"},
		"a node is off":            {func(p *play) { p.w.PowerLoss(lustretest.Node1) }, "ct6-mds1.lfs.intl cannot be looked at"},
		"the other node is off":    {func(p *play) { p.w.PowerLoss(lustretest.Node2) }, "where it is mounted is not known"},
		"fencing":                  {func(p *play) { p.sh(lustretest.Node1, "pcs property set stonith-enabled=false") }, "Switch it on when both nodes are well"},
		"a constraint":             {func(p *play) { p.sh(lustretest.Node1, "pcs constraint location MGS_32834e prefers ct6-mds2=7") }, "the old cluster: location constraint"},
		"a target is down":         {func(p *play) { p.sh(lustretest.Node1, "pcs resource disable MGS_32834e"); p.w.Advance(10 * 1e9) }, "MGS_32834e is mounted on no node"},
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
