package upgrade_test

import (
	"strings"
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

// A pair that people made is upgraded, with nothing of IML on the way: with any pcs, by commands and of one CIB.
func TestAHandMadePairIsUpgraded(t *testing.T) {
	for way, mend := range map[string]func(*upgrade.Config){
		"by commands": func(*upgrade.Config) {},
		"of one CIB":  func(c *upgrade.Config) { c.Atomic = true },
		"pcs 0.11":    func(c *upgrade.Config) { c.OldPCS, c.NewPCS = pcs.V011, pcs.V011 },
	} {
		for name, site := range handMade {
			t.Run(name+"/"+way, func(t *testing.T) {
				var asked upgrade.Config
				mend(&asked)
				s := newScene(t, lustretest.Options{Site: site(asked.OldPCS), OldPCS: asked.OldPCS, NewPCS: asked.NewPCS},
					func(c *upgrade.Config) { ownRepos(c); mend(c) })
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
}

// LUS-063: back from the actions that could have gone wrong, with groups, pools and health clones as they were; and from
// there forward to the end.
func TestAHandMadePairIsRolledBack(t *testing.T) {
	for name, site := range handMade {
		s := newScene(t, lustretest.Options{Site: site(pcs.V09), InstallTime: -1}, ownRepos)
		where, nth, thin := s.reversible(), 0, every(t, 23)
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
			report, err := evenkeel.Rehearse(t.Context(), s.book, s.world.Rehearsal(), s.rehearsal(t, every(t, 401)))
			require.NoError(t, err)
			for _, f := range report.Failures[:min(len(report.Failures), 10)] {
				t.Error(f)
			}
			t.Logf("%d commands, %d records, %d schedules, %d failures", report.Commands, report.Records, report.Schedules, len(report.Failures))
		})
	}
}

func TestAgentsOfAManagerThatIsNotGiven(t *testing.T) {
	site := lustretest.ZFSGroups(pcs.V09)
	w := lustretest.NewPair(lustretest.Options{Site: site})
	cfg := backedUp(t, w)
	ownRepos(&cfg)
	for _, s := range []upgrade.Server{cfg.Node1, cfg.Node2} {
		rewrite(t, s.Backup, func(name string, data []byte) []byte {
			if strings.Contains(name, "cluster-cfg-") {
				text := strings.ReplaceAll(string(data), `provider="heartbeat" type="ZFS"`, `provider="chroma" type="ZFS"`)
				return []byte(strings.ReplaceAll(text, "fence_ipmilan", "fence_chroma"))
			}
			return data
		})
	}
	_, err := upgrade.Load(cfg)
	require.ErrorContains(t, err, "zfs-mgspool is of ocf:chroma:ZFS, which comes with IML's agent")
	require.ErrorContains(t, err, "fence-ct6-mds1 is of stonith:fence_chroma")
	cfg.Manager = lustretest.Manager
	_, err = upgrade.Load(cfg)
	require.NotContains(t, err.Error(), "IML's agent")
	require.ErrorContains(t, err, "node ct6-mds1 has no 0_fence_agent", "fence_chroma fences by what IML keeps of a node")
	ownRepos(&cfg)
	cfg.AgentRepos = nil
	_, err = upgrade.Load(cfg)
	require.ErrorContains(t, err, "no repository is given (agent_repos)")
}

// A switch-over that is rolled back leaves node 1 as it was before: its targets and its health clones disabled.
func TestARollbackDisablesTheHealthClones(t *testing.T) {
	s := newScene(t, lustretest.Options{Site: lustretest.ZFSGroups(pcs.V09)}, ownRepos)
	step, _ := s.book.Step("switch-over")
	require.Equal(t, "disable", step.Undo[0].ID)
	off := step.Undo[0].Cmd.Stdin.PlainText()
	require.NotContains(t, off, `"Started"`)
	for _, id := range []string{"healthLNET-clone", "healthLUSTRE-clone", "group-mgs", "group-ost2"} {
		require.Regexp(t, `id="`+id+`-meta_attributes-target-role"[^>]*value="Stopped"`, off)
	}
}
