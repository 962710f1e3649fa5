package issm_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
)

// sized are the files of a generated deployment.
func sized(t testing.TB, size cpstest.Size) (*cps.Hosts, *cps.MongoConfig) {
	t.Helper()
	hosts, err := cps.ParseHosts(text("Hosts.csv", size.HostsCSV()))
	require.NoError(t, err)
	mongo, err := cps.ParseMongoConfig(text("mongoConfig.cfg", size.MongoConfig()))
	require.NoError(t, err)
	return hosts, mongo
}

// ofSize is the migration of a generated deployment, and the deployment, simulated.
func ofSize(t testing.TB, size cpstest.Size, cfg issm.Config, opts cpstest.Options) (*evenkeel.Runbook, simulated) {
	t.Helper()
	hosts, mongo := sized(t, size)
	cfg.ArchiveDir = t.TempDir()
	m, err := issm.New(cfg, hosts, mongo)
	require.NoError(t, err)
	rb, err := m.Runbook()
	require.NoError(t, err)
	opts.HostsCSV, opts.MongoConfig = size.HostsCSV(), size.MongoConfig()
	d, err := cpstest.New(opts)
	require.NoError(t, err)
	return rb, simulated{d}
}

// TestHAOfEverySize (WF-001): clusters of 10 and of 40 VMs, whose arbitervip is watched.
func TestHAOfEverySize(t *testing.T) {
	for _, size := range []cpstest.Size{{VMs: 10}, {VMs: 40, Sets: 12}} {
		t.Run(fmt.Sprint(size.VMs, " VMs"), func(t *testing.T) {
			if testing.Short() && size.VMs == 10 {
				t.Skip("the bigger one is enough in a short run")
			}
			rb, w := ofSize(t, size, issm.Config{SingleClusterCorosync: true, ArbiterVIP: vipAddress}, cpstest.Options{})
			o := runOn(t, rb, w, "")
			require.NoError(t, o.err, "%v", o.events)
			require.Len(t, w.Report().VMs, size.VMs)
			requireMigrated(t, w)
		})
	}
}

// TestGROf60VMs (WF-002, WF-003): two sites of 30 VMs, one after the other, and then the arbiter at the third site.
func TestGROf60VMs(t *testing.T) {
	first := cpstest.Size{VMs: 30, Sets: 8, Site: "PRI", Other: "SEC"}
	second := cpstest.Size{VMs: 30, Sets: 8, Site: "SEC", Other: "PRI", Second: true}
	for site, size := range map[int]cpstest.Size{1: first, 2: second} {
		t.Run(fmt.Sprint("site ", site), func(t *testing.T) {
			if testing.Short() && site == 1 {
				t.Skip("the second one is enough in a short run")
			}
			rb, w := ofSize(t, size, issm.Config{Geo: &issm.Geo{Site: site}}, cpstest.Options{Geo: site})
			o := runOn(t, rb, w, "")
			require.NoError(t, o.err, "%v", o.events)
			require.NoError(t, w.Check())
			requireMigrated(t, w)
		})
	}
	t.Run("arbiter", func(t *testing.T) {
		hosts, mongo := sized(t, first)
		rb, err := issm.MigrateArbiter(issm.ArbiterConfig{ArchiveDir: t.TempDir(), Arbiter: thirdSite}, hosts, mongo)
		require.NoError(t, err)
		d, err := cpstest.New(cpstest.Options{HostsCSV: first.HostsCSV(), MongoConfig: first.MongoConfig(), Migrated: true,
			ThirdSite: cpstest.ThirdSite{Name: thirdSite}})
		require.NoError(t, err)
		w := simulated{d}
		_, err = evenkeel.Run(t.Context(), rb, w, arbiterOptions(w, &evenkeel.MemJournal{}))
		require.NoError(t, err)
		require.NoError(t, w.Check())
	})
}

// BenchmarkPlan splits, reviews and plans: the time grows with the number of VMs and sets, not with its square.
func BenchmarkPlan(b *testing.B) {
	for _, size := range []cpstest.Size{{VMs: 1000, Sets: 300}, {VMs: 10_000, Sets: 3000}} {
		hosts, mongo := sized(b, size)
		b.Run(fmt.Sprintf("%d VMs, %d sets", size.VMs, size.Sets), func(b *testing.B) {
			for b.Loop() {
				_, err := issm.New(issm.Config{ArchiveDir: "/a"}, hosts, mongo)
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkSimulatedMigration plans and runs a migration to its end.
func BenchmarkSimulatedMigration(b *testing.B) {
	for _, size := range []cpstest.Size{{VMs: 10, Sets: 6}, {VMs: 200, Sets: 60}, {VMs: 2000, Sets: 12}, {VMs: 2000, Sets: 600}} {
		b.Run(fmt.Sprintf("%d VMs, %d sets", size.VMs, size.Sets), func(b *testing.B) {
			for b.Loop() {
				rb, w := ofSize(b, size, issm.Config{SkipCarbon: true}, cpstest.Options{})
				o := runOn(b, rb, w, "")
				require.NoError(b, o.err)
				requireMigrated(b, w)
			}
		})
	}
}
