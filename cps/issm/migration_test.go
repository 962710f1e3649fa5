package issm_test

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// guideMongo is the guide's six replica sets (cps:729-751).
func plan(t testing.TB, cfg issm.Config) *issm.Migration {
	t.Helper()
	m, err := issm.New(cfg, guideHosts(t), guideMongo(t))
	require.NoError(t, err)
	return m
}

func runbook(t testing.TB, cfg issm.Config) *evenkeel.Runbook {
	t.Helper()
	rb, err := plan(t, cfg).Runbook()
	require.NoError(t, err)
	return rb
}

// TestISSMOnPaper: what the operator reviews and signs (WF-001, WF-010, CPS-104).
func TestISSMOnPaper(t *testing.T) {
	rb := runbook(t, issm.Config{ArchiveDir: "/srv/cps-archives", ArbiterVIP: vipAddress})
	var md, short strings.Builder
	require.NoError(t, rb.Markdown(&md))
	require.NoError(t, rb.Text(&short))
	golden.Check(t, "issm.md", md.String())
	golden.Check(t, "issm.txt", short.String())
}

// What changes VMs beside its own is fenced on every host that has a lease.
func TestCommandsOfTheClusterAreWide(t *testing.T) {
	rb := runbook(t, issm.Config{ArchiveDir: "/srv/cps-archives", RestartAll: true, Tools: issm.Tools{RestartAll: "/opt/restartall.sh"}})
	wide := map[string]bool{}
	for _, s := range rb.Steps {
		for _, a := range slices.Concat(s.Actions, s.Undo) {
			cmds := []sshexec.Cmd{a.Cmd}
			if a.Op != nil {
				for _, c := range a.Op.Cmds {
					cmds = append(cmds, c.Cmd)
				}
			}
			for _, c := range cmds {
				if c.Effect != evenkeel.ReadOnly && len(c.Argv) > 0 {
					wide[path.Base(c.Argv[0])] = c.Wide
				}
			}
		}
	}
	require.Equal(t, map[string]bool{
		"migrate.sh": true, "deploy_all.py": true, "restartall.sh": true, "mongo": true,
		"create-cluster-sets.sh": false, "grafana_sync.sh": false, "mount": false, "mv": false, "rm": false, "sh": false,
		"systemctl": false, "umount": false,
	}, wide)
}
