package upgrade_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// upgrades are the pairs of systems, and the ways, that the runbook is for beside the guide's.
var upgrades = map[string]struct {
	old, new pcs.Dialect
	atomic   bool
}{
	"EL6 to EL7, one CIB":             {pcs.V09, pcs.V09, true},
	"EL6 to EL9, commands":            {pcs.V09, pcs.V011, false},
	"EL6 to EL9, one CIB":             {pcs.V09, pcs.V011, true},
	"pcs 0.11 on both sides":          {pcs.V011, pcs.V011, false},
	"pcs 0.11 on both sides, one CIB": {pcs.V011, pcs.V011, true},
}

// H5, H15, H24 to H26, PCM-018: with any pcs on either side, and in both ways, the pair comes to the same end; and the
// tool may die anywhere.
func TestOtherSystemsAndWays(t *testing.T) {
	for name, u := range upgrades {
		t.Run(name, func(t *testing.T) {
			world := lustretest.Options{OldPCS: u.old, NewPCS: u.new, Site: lustretest.GuideSite(u.old)}
			s := newScene(t, world, func(c *upgrade.Config) {
				c.OldPCS, c.NewPCS, c.Atomic = u.old, u.new, u.atomic
				if u.old == pcs.V09 && u.new != pcs.V09 {
					c.Knet = true
					c.Addresses = map[string][]string{
						lustretest.Node1: {"192.168.1.11", "10.42.42.11"}, lustretest.Node2: {"192.168.1.12", "10.42.42.12"},
					}
				}
			})
			p := s.play(t)
			require.NoError(t, p.run())
			require.NoError(t, p.w.Check())
			r := p.w.Report()
			require.Equal(t, []string{lustretest.Node1}, r.Target("MGS").On)
			require.Equal(t, []string{lustretest.Node2}, r.Target("demo-MDT0000").On)
			require.Empty(t, r.Fences)

			report, err := evenkeel.Rehearse(t.Context(), s.book, s.world.Rehearsal(), s.rehearsal(t, every(t, 211)))
			require.NoError(t, err)
			for _, f := range report.Failures[:min(len(report.Failures), 5)] {
				t.Error(f)
			}
			t.Logf("%d schedules, %d failures", report.Schedules, len(report.Failures))
		})
	}
}

// The plan speaks to one generation of pcs: another one on the machine stops the run before anything is changed.
func TestAnotherPCSThanPlannedFor(t *testing.T) {
	s := newScene(t, lustretest.Options{}, func(c *upgrade.Config) { c.OldPCS = pcs.V011 })
	p := s.play(t)
	var hold *evenkeel.Pause
	require.ErrorAs(t, p.run(), &hold)
	require.Equal(t, "preflight", hold.Step)
	require.Contains(t, hold.Reason, "pcs 0.11")
}
