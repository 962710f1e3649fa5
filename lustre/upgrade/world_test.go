package upgrade_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// siteIn is the pair whose files are in a directory.
func siteIn(t *testing.T, dir string) *lustretest.Site {
	t.Helper()
	read := func(name string) string {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return string(raw)
	}
	site := &lustretest.Site{CIB: read("cib.xml"), Corosync: read("corosync.conf"), Targets: map[string]string{}, AgentRepos: lustretest.AgentRepos()}
	found, err := filepath.Glob(filepath.Join(dir, "targets", "*"))
	require.NoError(t, err)
	for _, name := range found {
		site.Targets[filepath.Base(name)] = read(filepath.Join("targets", filepath.Base(name)))
	}
	cib, err := pacemaker.ParseCIB(strings.NewReader(site.CIB))
	require.NoError(t, err)
	names := []string{}
	for _, n := range cib.Nodes() {
		name := n.Uname
		if !strings.Contains(name, ".") {
			name += ".lfs.intl"
		}
		names = append(names, name)
	}
	site.Node1, site.Node2 = names[0], names[1]
	return site
}

// A world that is made of the backups of a pair, its networks with them, is one that the plan from these backups fits: both
// ways, whatever the pair calls its rings.
func TestAWorldOfBackups(t *testing.T) {
	for _, name := range []string{"full-names", "knet", "named-ids"} {
		for _, way := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				site := siteIn(t, filepath.Join("..", "..", "examples", "lustre-hapair", "testdata", "pairs", name))
				conf, err := corosync.Parse(strings.NewReader(site.Corosync))
				require.NoError(t, err)
				pcs := lustretest.PCSFor(conf)
				opts := lustretest.Options{Site: site, OldPCS: pcs, NewPCS: pcs}
				w := lustretest.NewPair(opts)
				cfg := upgrade.Config{Node1: upgrade.Server{Name: site.Node1}, Node2: upgrade.Server{Name: site.Node2}, Manager: lustretest.Manager,
					AgentRepos: site.AgentRepos, Password: "x", ArchiveDir: t.TempDir(), OldPCS: pcs, NewPCS: pcs, Offline: way, Atomic: way}
				site.Network = map[string]map[string]string{}
				for _, s := range []*upgrade.Server{&cfg.Node1, &cfg.Node2} {
					r, err := w.Runner(s.Name)
					require.NoError(t, err)
					info, err := backup.Create(t.Context(), r, upgrade.Manifest(true), backup.Options{Dir: t.TempDir(), Now: w.Now})
					require.NoError(t, err)
					s.Backup = info.Path
					a, err := backup.OpenFile(info.Path)
					require.NoError(t, err)
					files := map[string]string{}
					for _, f := range append(a.Glob("/etc/sysconfig/network-scripts/ifcfg-*"), a.Glob(lustre.LNetDir+"/*")...) {
						raw, err := a.ReadFile(f)
						require.NoError(t, err)
						files[f] = string(raw)
					}
					require.NotEmpty(t, files)
					site.Network[s.Name] = files
				}
				pair, err := upgrade.Load(cfg)
				require.NoError(t, err)
				for _, n := range pair.Notes {
					require.NotContains(t, n, "cannot be looked at")
				}
				book, err := pair.Runbook()
				require.NoError(t, err)
				s := &scene{lustretest.NewPair(opts), pair, book}
				require.Contains(t, s.action(t, "cluster-node1", "links").Expect.Text, "ring 1: ")
				p := s.play(t)
				require.NoError(t, p.run())
				require.NoError(t, p.w.Check())
			})
		}
	}
}
