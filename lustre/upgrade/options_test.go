package upgrade_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Every choice gives a sound runbook that comes to its end, and does what was chosen.
func TestOptions(t *testing.T) {
	const n1, n2 = lustretest.Node1, lustretest.Node2
	tests := map[string]struct {
		world lustretest.Options
		mend  func(*upgrade.Config)
		check func(*testing.T, *play)
	}{
		// H9, PCM-030: IML finds its constraints by their ids.
		"ids kept": {check: func(t *testing.T, p *play) {
			require.Contains(t, p.sh(n1, "cibadmin --query"), `id="MGS_32834e-primary"`)
		}},
		"plain pcs": {mend: func(c *upgrade.Config) { c.PlainPCS = true }, check: func(t *testing.T, p *play) {
			require.NotContains(t, p.sh(n1, "cibadmin --query"), `id="MGS_32834e-primary"`)
			require.Contains(t, p.sh(n1, "pcs constraint show"), "score:20")
		}},
		// H16, PCM-051 to PCM-055.
		"ports": {check: func(t *testing.T, p *play) {
			for _, n := range []string{n1, n2} {
				require.Contains(t, p.sh(n, "firewall-cmd --list-ports"), "4242/udp")
				require.Contains(t, p.sh(n, "firewall-cmd --permanent --list-ports"), "4242/udp")
				require.Contains(t, p.sh(n, "firewall-cmd --list-services"), "high-availability")
			}
		}},
		"no firewall": {mend: func(c *upgrade.Config) { c.DisableFirewall = true }, check: func(t *testing.T, p *play) {
			require.Equal(t, "disabled", p.sh(n1, "systemctl is-enabled firewalld"))
			require.Equal(t, "inactive", p.sh(n2, "systemctl is-active firewalld"))
		}},
		// LUS-059, LUS-060, PCM-019.
		"autostart": {check: func(t *testing.T, p *play) {
			require.Equal(t, "enabled\nenabled", p.sh(n1, "systemctl is-enabled corosync pacemaker"))
		}},
		"no autostart": {mend: func(c *upgrade.Config) { c.NoAutostart = true }, check: func(t *testing.T, p *play) {
			require.Equal(t, "disabled\ndisabled", p.sh(n1, "systemctl is-enabled corosync pacemaker"))
			require.Equal(t, "disabled\ndisabled", p.sh(n2, "systemctl is-enabled corosync pacemaker"))
		}},
		"SELinux": {mend: func(c *upgrade.Config) { c.SELinux = true }, check: func(t *testing.T, p *play) {
			p.w.Do(func(s *simhost.State) {
				f, err := s.Host(n1).Stat("/etc/ssh/ssh_host_rsa_key")
				require.NoError(t, err)
				require.Contains(t, f.Label, "sshd_key_t")
			})
		}},
		// LUS-007, LUS-019 to LUS-021.
		"LDISKFS only": {mend: func(c *upgrade.Config) { c.Profile = lustre.LDISKFSOnly }, check: func(t *testing.T, p *play) {
			require.NotContains(t, p.sh(n1, "lsmod"), "zfs")
		}},
		"ZFS only": {world: onZFS(), mend: func(c *upgrade.Config) { c.Profile, c.Kernel = lustre.ZFSOnly, "3.10.0-862.2.3.el7_lustre" },
			check: func(t *testing.T, p *play) {
				require.Contains(t, p.sh(n2, "lsmod"), "zfs")
			}},
		"16 targets": {world: lustretest.Options{OSTs: 14}, check: func(t *testing.T, p *play) {
			for i, target := range p.w.Report().Targets {
				require.Len(t, target.On, 1, "%d %s", i, target.Label)
			}
			require.Len(t, p.w.Report().Targets, 16)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newScene(t, tt.world, tt.mend).play(t)
			require.NoError(t, p.run())
			require.NoError(t, p.w.Check())
			tt.check(t, p)
		})
	}
}

// H4, PCM-020: a pcs that starts nothing and exits 0 is found out by the state of the cluster; once the operator has
// started it, the run goes on.
func TestAStartThatStartsNothing(t *testing.T) {
	p := newScene(t, lustretest.Options{NoInit: true}, nil).play(t)
	require.ErrorIs(t, p.run(), evenkeel.ErrOverdue)
	require.NoError(t, p.w.Check())
	for i, n := range []string{lustretest.Node1, lustretest.Node2} {
		p.sh(n, "systemctl start pacemaker")
		if err := p.resume(); i == 0 {
			require.ErrorIs(t, err, evenkeel.ErrOverdue, "node 2 joins no better")
		} else {
			require.NoError(t, err)
		}
	}
	require.NoError(t, p.w.Check())
}

// WF-010: what a reviewer signs: node 1 first (LUS-008), the agent and its repositories (LUS-018, with the warning that is
// harmless, LUS-026), what is done by hand (LUS-042) with the direct link among it (LUS-043), the mount points (LUS-031),
// the agent started and starting at boot (LUS-035), the cluster software (PCM-048 to PCM-050), and pcsd (PCM-056, PCM-057).
func TestMarkdown(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	var b strings.Builder
	require.NoError(t, s.book.Markdown(&b))
	text := b.String()
	for _, in := range s.book.Inputs {
		text = strings.ReplaceAll(text, in.SHA256, "SHA256-OF-"+in.Name)
	}
	require.NotContains(t, text, t.TempDir())
	require.NotContains(t, text, "correct horse")
	require.NotContains(t, text, "calvin")
	golden.Check(t, "pair.md", text)
}

// A password in the address of a repository would stand in plans, journals and argument lists: it is refused, and the
// refusal quotes nothing of it.
func TestARepositoryWithAPasswordIsRefused(t *testing.T) {
	for _, repo := range []string{
		"https://bob:hunter2@example.com/a.repo", "https://hunter2@example.com/a.repo",
		"https://bob:hun/ter2@example.com/a.repo", "https://bob:%hunter2@example.com/", "bob:hunter2@example.com/a.repo",
		"//bob:hunter2@example.com/a.repo", "https:bob:hunter2@example.com/a.repo",
	} {
		_, err := upgrade.Load(upgrade.Config{AgentRepos: []string{"https://example.com/@group/a.repo", "file:///srv/a.repo",
			"/srv/a.repo", repo}, Manager: "bob:hunter2@iml"})
		require.ErrorContains(t, err, "repository 4 of agent_repos", repo)
		require.NotContains(t, err.Error(), "repository 1")
		require.NotContains(t, err.Error(), "repository 2")
		require.NotContains(t, err.Error(), "repository 3")
		require.NotRegexp(t, "hun/?ter2", err.Error())
	}
}
