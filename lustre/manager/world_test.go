package manager_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/manager"
)

const password = "correct horse battery"

// simulated is a simulated manager as a World for runs and rehearsals.
type simulated struct{ *lustretest.ManagerWorld }

func (w simulated) Clock() evenkeel.Clock { return w.World }
func (w simulated) Clone() evenkeel.World { return simulated{w.ManagerWorld.Clone()} }
func (w simulated) Hash() string          { return w.EndState() }

// operator does what is done by hand: what it is prompted for is what the world needs.
type operator struct{ w simulated }

func (p operator) Prompt(ctx context.Context, ask evenkeel.Prompt) (string, error) {
	switch ask.Action.ID {
	case "install":
		if err := p.w.InstallOS(); err != nil {
			return "", err
		}
	case "switch-on":
		p.w.SwitchOn()
	default:
		return "", evenkeel.NeedsOperator("nobody does this: %s", ask.Why)
	}
	return "", p.w.Sleep(ctx, time.Minute)
}

// scene is a manager with the plan of its upgrade. The world is never touched: each run has a clone of it.
type scene struct {
	world simulated
	cfg   manager.Config
	book  *evenkeel.Runbook
}

// configured is a configuration for the simulated manager.
func configured(t testing.TB) manager.Config {
	t.Helper()
	dir := t.TempDir()
	cfg := manager.Config{
		Host: lustretest.Manager, Servers: []string{lustretest.Node1, lustretest.Node2}, Archives: filepath.Join(dir, "archives"),
		Version: "4.0.7.0", Bundle: filepath.Join(dir, "iml-4.0.7.0.tar.gz"), Password: password, SELinux: true,
		LustreURL: "https://downloads.example.com/lustre/latest-release/el7", E2fsprogsURL: "https://downloads.example.com/e2fsprogs/latest/el7",
	}
	require.NoError(t, os.Mkdir(cfg.Archives, 0o700))
	require.NoError(t, os.WriteFile(cfg.Bundle, lustretest.Bundle(cfg.Version), 0o600))
	return cfg
}

func newScene(t testing.TB, opts lustretest.ManagerOptions, mend func(*manager.Config)) *scene {
	t.Helper()
	cfg := configured(t)
	if mend != nil {
		mend(&cfg)
	}
	m, err := manager.New(cfg)
	require.NoError(t, err)
	rb, err := m.Runbook()
	require.NoError(t, err)
	return &scene{simulated{lustretest.NewManager(opts)}, cfg, rb}
}

// reset clears the fresh backups of the last run.
func (s *scene) reset() error {
	return errors.Join(os.RemoveAll(s.cfg.Archives), os.Mkdir(s.cfg.Archives, 0o700))
}

// run runs the runbook in a world of its own.
func (s *scene) run(t testing.TB, w simulated, journal evenkeel.Journal) (*evenkeel.Report, error) {
	t.Helper()
	require.NoError(t, s.reset())
	return evenkeel.Run(t.Context(), s.book, w, s.options(w, journal))
}

func (s *scene) options(w simulated, journal evenkeel.Journal) evenkeel.Options {
	return evenkeel.Options{Journal: journal, Clock: w.Clock(), Operator: operator{w}, Serial: true, RunID: "test", Holder: "test"}
}

func (s *scene) clone() simulated { return simulated{s.world.ManagerWorld.Clone()} }
