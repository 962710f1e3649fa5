package lustre_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
)

// plannedPair backs the simulated pair up as an operator would, and makes the plan from that.
func plannedPair(t testing.TB, w *lustretest.Pair, mend func(*lustre.PairConfig)) *lustre.Pair {
	t.Helper()
	dir := t.TempDir()
	cfg := lustre.PairConfig{
		Node1: lustre.Server{Name: lustretest.Node1}, Node2: lustre.Server{Name: lustretest.Node2},
		Manager: lustretest.Manager, AgentRepos: lustretest.AgentRepos(), Password: "correct horse", ArchiveDir: filepath.Join(dir, "fresh"),
	}
	require.NoError(t, os.Mkdir(cfg.ArchiveDir, 0o700))
	for _, s := range []*lustre.Server{&cfg.Node1, &cfg.Node2} {
		r, err := w.Runner(s.Name)
		require.NoError(t, err)
		info, err := backup.Create(t.Context(), r, backup.ServerManifest(), backup.Options{Dir: dir, Now: w.Now})
		require.NoError(t, err)
		s.Backup = info.Path
	}
	if mend != nil {
		mend(&cfg)
	}
	p, err := lustre.LoadPair(cfg)
	require.NoError(t, err)
	return p
}

// waiting is the person who has the technician called and waits.
type waiting struct{ clock evenkeel.Clock }

func (w waiting) Attend(ctx context.Context, ask evenkeel.Ask) (string, error) {
	return "", w.clock.Sleep(ctx, time.Minute)
}

func TestThePairIsUpgraded(t *testing.T) {
	w := lustretest.NewPair(lustretest.Options{})
	rb, err := plannedPair(t, w, nil).Runbook()
	require.NoError(t, err)
	_, err = evenkeel.Run(t.Context(), rb, w, evenkeel.Options{
		Journal: &evenkeel.MemJournal{}, Clock: w, Attendant: waiting{w},
		Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) { t.Log(e.Elapsed.Round(time.Second), e.Kind, e.Host, e.Text) }),
	})
	require.NoError(t, err)
	require.NoError(t, w.Check())
}

func TestRehearsal(t *testing.T) {
	w := lustretest.NewPair(lustretest.Options{})
	pair := plannedPair(t, w, nil)
	rb, err := pair.Runbook()
	require.NoError(t, err)
	begin := time.Now()
	report, err := evenkeel.Rehearse(t.Context(), rb, w.Rehearsal(), evenkeel.RehearsalPlan{
		Every: every(t), Reset: func() error {
			return errors.Join(os.RemoveAll(pair.Config.ArchiveDir), os.Mkdir(pair.Config.ArchiveDir, 0o700))
		},
		Attendant: func(w evenkeel.World) evenkeel.Attendant { return waiting{w.Clock()} },
	})
	require.NoError(t, err)
	for i, f := range report.Failures {
		if i == 20 {
			break
		}
		t.Error(f)
	}
	t.Logf("%d commands, %d records, %d schedules, %d failures in %s", report.Commands, report.Records, report.Schedules, len(report.Failures), time.Since(begin))
}

// every thins a rehearsal out: the whole of it takes minutes, and CI does it.
func every(t *testing.T) int {
	t.Helper()
	if text := os.Getenv("EVENKEEL_REHEARSE_EVERY"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	return 17
}
