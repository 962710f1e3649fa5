package manager_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/manager"
)

// The whole runbook in each of the three ways to offer packages: the new version answers, with the old database.
func TestUpgrade(t *testing.T) {
	for name, mend := range map[string]func(*manager.Config){
		"mirror":         func(c *manager.Config) { c.StopAgents, c.Verbose = true, true },
		"direct":         func(c *manager.Config) { c.Repositories = manager.Direct },
		"storage_server": func(c *manager.Config) { c.Repositories, c.LustreURL, c.E2fsprogsURL = manager.StorageServer, "", "" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, lustretest.ManagerOptions{}, mend)
			w := s.clone()
			_, err := s.run(t, w, &evenkeel.MemJournal{})
			require.NoError(t, err)
			require.NoError(t, w.Check())
			require.Equal(t, "4.0.7.0", w.Serving())
		})
	}
}
