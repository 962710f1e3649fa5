package issm_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
)

// The guide's only figure is how long Grafana's data are copied (cps:558, CPS-168): a part of the step.
func TestEstimates(t *testing.T) {
	hosts, mongo := guideHosts(t), guideMongo(t)
	plan := func(cfg issm.Config) *evenkeel.Runbook {
		cfg.ArchiveDir = "/srv/archives"
		m, err := issm.New(cfg, hosts, mongo)
		require.NoError(t, err)
		rb, err := m.Runbook()
		require.NoError(t, err)
		return rb
	}
	guide, own := plan(issm.Config{}), plan(issm.Config{WhisperGB: 11})
	require.Equal(t, guide.Digest(), own.Digest(), "an estimate changes nothing of what runs")
	for _, id := range []string{"enable-set-1", "enable-set-2"} {
		s, _ := guide.Step(id)
		require.Equal(t, evenkeel.Estimate{Least: 15 * time.Hour, Most: 20 * time.Hour, Part: true, From: s.Takes.From}, s.Takes)
		require.Contains(t, s.Takes.From, "its example of 55 GB")
		s, _ = own.Step(id)
		require.Equal(t, 4*time.Hour, s.Takes.Most)
		require.Contains(t, s.Takes.From, "cps:558")
		s, _ = plan(issm.Config{SkipCarbon: true}).Step(id)
		require.Zero(t, s.Takes, "nobody knows")
	}
	for _, gb := range []float64{-1, math.NaN(), math.Inf(1)} {
		require.ErrorContains(t, issm.Config{ArchiveDir: "/a", WhisperGB: gb}.Validate(), "is no size in GB")
	}
}

// TestTimetableOfTheMigration: each half is away until its members have caught up; the guide's rollback is the one that counts
// once set 1 is enabled, and what it takes is known where the operator states it.
func TestTimetableOfTheMigration(t *testing.T) {
	m, err := issm.New(issm.Config{ArchiveDir: "/srv/archives", SkipCarbon: true}, guideHosts(t), guideMongo(t))
	require.NoError(t, err)
	rb, err := m.Runbook()
	require.NoError(t, err)
	stated := map[string]time.Duration{}
	for _, s := range rb.Steps {
		stated[s.ID] = 10 * time.Minute
	}
	for _, id := range []string{"before", "corosync", "stop-recovering", "rollback", "restore-cluman", "cluster-sets",
		"redeploy-set-1", "bring-archive", "enable-set-1", "rolled-back"} {
		stated["cps-issm-rollback/"+id] = time.Hour
	}
	options := evenkeel.TimetableOptions{Stated: stated, Oplogs: []evenkeel.Oplog{{Name: "set01", Window: 49 * time.Minute}}}
	_, err = rb.Timetable(options)
	require.ErrorContains(t, err, `no rollback has the step "cps-issm-rollback/corosync"`, "arbitervip is not moved by hand here")
	delete(stated, "cps-issm-rollback/corosync")
	table, err := rb.Timetable(options)
	require.NoError(t, err)
	require.Empty(t, table.Unknown)
	require.Len(t, table.Absences, 2)
	for _, a := range table.Absences {
		require.Equal(t, evenkeel.Span{For: 50 * time.Minute}, a.Lasts, "disable, archive, redeploy, enable, members")
	}
	require.Len(t, table.Findings, 2)
	require.Contains(t, table.Findings[1], "a member comes back too late: the replica-set members of set 2 are away for 50 m")
	backs := map[string]evenkeel.TurnBack{}
	for _, back := range table.TurnBacks {
		backs[back.Step] = back
	}
	require.Equal(t, "the beginning", backs["cluster-sets"].To)
	require.Contains(t, backs["redeploy-set-1"].Why, "cps:1832")
	require.Equal(t, evenkeel.Span{For: 9 * time.Hour}, backs["calls"].Takes)
	require.Contains(t, backs["hand-over"].Why, "cps:1814")
	require.Equal(t, "enable-set-1", table.NoReturns[0].Again)
	require.Equal(t, evenkeel.Span{For: 9*time.Hour + 40*time.Minute}, table.NoReturns[0].Back)
	require.Equal(t, "disable-set-2", table.NoReturns[1].Step)
	require.Empty(t, table.NoReturns[1].Again)
}
