package upgrade_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// handMade are the pairs that people made.
var handMade = map[string]func(pcs.Dialect) *lustretest.Site{"zfs": lustretest.ZFSGroups, "ldiskfs": lustretest.LdiskfsByHand}

// ownRepos is the only option that such a pair needs.
func ownRepos(c *upgrade.Config) {
	c.Manager, c.AgentRepos = "", lustretest.LustreRepos()
}

// A pair that people made is upgraded, with nothing of IML on the way.
func TestAHandMadePairIsUpgraded(t *testing.T) {
	for name, site := range handMade {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, lustretest.Options{Site: site(pcs.V09)}, ownRepos)
			p := s.play(t)
			require.NoError(t, p.run())
			require.NoError(t, p.w.Check())
			r := p.w.Report()
			require.Empty(t, r.Fences)
			for _, target := range s.pair.Targets {
				require.Equal(t, []string{target.Preferred}, r.Target(target.Label).On, target.Resource)
			}
			for _, rec := range p.journal.Records() {
				require.NotContains(t, rec.Command, "chroma")
				require.NotContains(t, rec.Command+rec.Output, "plugh")
			}
		})
	}
}

// LUS-063: back from the actions that could have gone wrong, with groups, pools and health clones as they were; and from
// there forward to the end.
func TestAHandMadePairIsRolledBack(t *testing.T) {
	for name, site := range handMade {
		s := newScene(t, lustretest.Options{Site: site(pcs.V09), InstallTime: -1}, ownRepos)
		where, nth, thin := s.reversible(), 0, every(t, 5)
		for i := range s.book.Steps {
			step := &s.book.Steps[i]
			for _, a := range step.Actions {
				if where[step.ID] == "" || a.ID == "shutdown" {
					continue
				}
				if nth++; nth%thin != 0 && a.ID != "let-go" && a.ID != "hand-over" {
					continue
				}
				for _, after := range []bool{false, true} {
					t.Run(name+"/"+step.ID+"/"+a.ID+map[bool]string{true: "/after"}[after],
						func(t *testing.T) { s.thereAndBack(t, step.ID, a, after, where[step.ID]) })
				}
			}
		}
	}
}

// WF-006, SSH-010: the tool may die anywhere, and a rollback may begin anywhere: nothing is mounted, and no pool
// imported, on two nodes.
func TestAHandMadePairRehearsed(t *testing.T) {
	for name, site := range handMade {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, lustretest.Options{Site: site(pcs.V09)}, ownRepos)
			report, err := evenkeel.Rehearse(t.Context(), s.book, s.world.Rehearsal(), s.rehearsal(every(t, 211)))
			require.NoError(t, err)
			for _, f := range report.Failures[:min(len(report.Failures), 10)] {
				t.Error(f)
			}
			t.Logf("%d commands, %d records, %d schedules, %d failures", report.Commands, report.Records, report.Schedules, len(report.Failures))
		})
	}
}
