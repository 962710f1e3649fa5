package upgrade_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// loose is a pair whose targets move as soon as node 2 joins.
func loose(site *lustretest.Site) lustretest.Options {
	site.CIB = strings.Replace(site.CIB, `name="resource-stickiness" value="1000"`, `name="resource-stickiness" value="0"`, 1)
	return lustretest.Options{Site: site}
}

// PCM-009, H28: no window is over before all that is waited for inside it has had its time: whichever the pair, and whichever limits
// were asked for.
func TestWindowsOutlastWhatTheyWaitFor(t *testing.T) {
	windows := map[string]bool{}
	for name, c := range map[string]struct {
		opts lustretest.Options
		mend func(*upgrade.Config)
	}{
		"guide":       {},
		"long":        {mend: func(c *upgrade.Config) { c.Outage, c.Recovery = 3*time.Hour, 7*time.Hour }},
		"short":       {mend: func(c *upgrade.Config) { c.Outage, c.Recovery = time.Second, 2*time.Second }},
		"atomic":      {mend: func(c *upgrade.Config) { c.Atomic = true }},
		"modern":      {lustretest.Options{OldPCS: pcs.V011, NewPCS: pcs.V011}, func(c *upgrade.Config) { c.OldPCS, c.NewPCS = pcs.V011, pcs.V011 }},
		"zfs":         {lustretest.Options{Site: lustretest.ZFSGroups(pcs.V09)}, ownRepos},
		"ldiskfs":     {lustretest.Options{Site: lustretest.LdiskfsByHand(pcs.V09)}, ownRepos},
		"loose":       {loose(lustretest.GuideSite(pcs.V09)), nil},
		"looseGroups": {loose(lustretest.ZFSGroups(pcs.V09)), ownRepos},
		"offline":     {mend: goOffline},
	} {
		s := newScene(t, c.opts, c.mend)
		cfg := s.pair.Config
		for i := range s.book.Steps {
			for _, w := range s.book.Steps[i].Opens {
				windows[w.ID] = true
				var waits, back time.Duration
				recoveries := 0
				open, began := true, false
				for _, step := range s.book.Steps[i:] {
					for _, a := range slices.Concat(step.Actions, step.Verify) {
						began = began || a.Op != nil && a.Op.Effect != evenkeel.ReadOnly || a.Op == nil && a.Cmd.Effect != evenkeel.ReadOnly
						if began && a.Limit > 0 {
							waits += a.Limit
						}
						if began && a.Limit == cfg.Recovery && strings.Contains(a.Cmd.String(), "recovery_status") {
							recoveries++
						}
					}
					for _, a := range slices.Concat(step.Undo, step.UndoVerify) {
						back += a.Limit
					}
					if open = !slices.Contains(step.Closes, w.ID); !open {
						break
					}
				}
				require.False(t, open, "%s: %s is never closed", name, w.ID)
				require.GreaterOrEqual(t, w.Limit, waits, "%s: %s", name, w.ID)
				require.GreaterOrEqual(t, w.Limit, back, "%s: %s, in a rollback", name, w.ID)
				require.Positive(t, recoveries, "%s: %s", name, w.ID)
				require.GreaterOrEqual(t, w.Limit, cfg.Outage+time.Duration(recoveries)*cfg.Recovery, "%s: %s", name, w.ID)
			}
		}
	}
	require.Len(t, windows, 4, "%v", windows)
}

// Where targets move by themselves and rules keep them away from a node whose health is not known, they move when the health agents have
// spoken: that is waited for, before it is counted which recoveries are over.
func TestHealthComesBeforeTheCount(t *testing.T) {
	s := newScene(t, loose(lustretest.ZFSGroups(pcs.V09)), ownRepos)
	join, _ := s.book.Step("join-node2")
	var ids []string
	for _, a := range join.Verify {
		ids = append(ids, a.ID)
	}
	require.Equal(t, []string{"online", "rings-1", "rings-2", "health-2", "idle", "recovered-1", "recovered-2"}, ids)
	health := join.Verify[3].Expect.Check
	var look *evenkeel.Retry
	require.ErrorAs(t, health(seen(0, lustretest.ZFSGroups(pcs.V09).CIB, "")), &look, "nothing is known of a node that has just joined")
	p := s.play(t)
	early := p.early()
	require.NoError(t, p.run())
	require.Empty(t, *early)
	require.NoError(t, p.w.Check())

	// A pair whose targets stay waits for it where they are moved, as before.
	stays, _ := newScene(t, lustretest.Options{Site: lustretest.ZFSGroups(pcs.V09)}, ownRepos).book.Step("join-node2")
	require.Empty(t, stays.Opens)
	require.False(t, slices.ContainsFunc(stays.Verify, func(a evenkeel.Action) bool { return a.ID == "health-2" }))
}

// H28: numbers of clients that contradict one another are looked at again, and never taken for an answer.
func TestCountsThatContradictAreLookedAtAgain(t *testing.T) {
	check := newScene(t, lustretest.Options{}, nil).action(t, "evacuate-node1", "serving").Expect.Check
	for _, counts := range []string{"completed_clients: -1/9", "completed_clients: 9/8", "completed_clients: 4/8\nevicted_clients: 0"} {
		err := check(seen(0, "mdt.demo-MDT0000.recovery_status=\nstatus: COMPLETE\n"+counts+"\n", ""))
		var again *evenkeel.Retry
		require.ErrorAs(t, err, &again, counts)
		require.ErrorContains(t, again.Else, "contradict one another")
	}
	err := check(seen(0, "mdt.demo-MDT0000.recovery_status=\nstatus: COMPLETE\ncompleted_clients: nine/9\n", ""))
	require.Error(t, err)
	require.NotErrorAs(t, err, new(*evenkeel.Retry), "what is not understood is not waited for")
}
