package manager_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/manager"
)

// rehearse rehearses a runbook, and every every-th point of it.
func (s *scene) rehearse(t *testing.T, every int, kinds ...evenkeel.ScheduleKind) {
	t.Helper()
	require.NoError(t, s.reset())
	report, err := evenkeel.Rehearse(t.Context(), s.book, s.world, evenkeel.RehearsalPlan{
		Operator: func(w evenkeel.World) evenkeel.Operator { return operator{w.(simulated)} }, Local: s.cfg.Archives, Every: every, Kinds: kinds,
	})
	require.NoError(t, err)
	for _, f := range report.Failures {
		t.Error(f)
	}
	require.NotZero(t, report.Schedules)
}

// The tool crashes, loses its connection or is asked to stop at every third point, and a
// rollback begins there.
func TestRehearsal(t *testing.T) {
	every := 3
	if testing.Short() {
		every = 23
	}
	newScene(t, lustretest.ManagerOptions{}, func(c *manager.Config) { c.StopAgents = true }).rehearse(t, every)
}

// A rollback leads back to the old manager until the new system is installed, and ends there, saying so.
func TestRollback(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{}, func(c *manager.Config) { c.StopAgents = true })
	before := s.world.EndState()
	for _, step := range s.book.Steps[1:] {
		t.Run(step.ID, func(t *testing.T) {
			w, journal := s.clone(), &evenkeel.MemJournal{}
			require.NoError(t, s.reset())
			opts := s.options(w, journal)
			stop := make(chan struct{})
			opts.Stop = stop
			opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
				if e.Step != nil && e.Step.ID == step.ID && stop != nil {
					close(stop)
					stop = nil
				}
			})
			_, err := evenkeel.Run(t.Context(), s.book, w, opts)
			if err != nil {
				require.ErrorIs(t, err, evenkeel.ErrStopped)
			}
			_, err = evenkeel.Rollback(t.Context(), s.book, w, s.options(w, journal))
			release, rerr := w.Read(lustretest.Manager, "/etc/redhat-release")
			require.NoError(t, rerr)
			if release == "CentOS release 6.8 (Final)\n" || release == "CentOS release 6.8 (Final)" {
				require.NoError(t, err)
				require.Equal(t, before, w.EndState())
				require.Equal(t, "2.4.2.7", w.Serving())
				return
			}
			var end *evenkeel.CannotRollBackError
			require.ErrorAs(t, err, &end)
			require.ErrorContains(t, err, "the old system of ct6-iml.lfs.intl is erased")
		})
	}
}
