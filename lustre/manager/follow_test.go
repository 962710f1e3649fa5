package manager_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/papertest"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/manager"
)

// Followed by hand, the runbook on paper ends where the engine's run ends. Without one of its variables, no command does
// anything.
func TestTheRunbookByHand(t *testing.T) {
	for name, mend := range map[string]func(*manager.Config){
		"mirror":         func(c *manager.Config) { c.StopAgents = true },
		"storage_server": func(c *manager.Config) { c.Repositories, c.LustreURL, c.E2fsprogsURL = manager.StorageServer, "", "" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, lustretest.ManagerOptions{}, mend)
			straight := s.clone()
			_, err := s.run(t, straight, &evenkeel.MemJournal{})
			require.NoError(t, err)
			var md strings.Builder
			require.NoError(t, s.book.Markdown(&md))
			w := s.clone()
			papertest.Follow(t, md.String(), w, papertest.Person{
				Dir: filepath.Dir(s.cfg.Bundle), Unset: name == "mirror" && !testing.Short(), Pause: time.Minute,
				Secret: func(string) string { return password + "\n" },
				ByHand: func(action, _ string) error {
					if strings.Contains(action, "Install the new operating system") {
						return w.InstallOS()
					}
					return nil
				},
			})
			require.NoError(t, w.Check())
			require.Equal(t, straight.EndState(), w.EndState())
		})
	}
}

// The runbook as it is reviewed and signed.
func TestOnPaper(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{}, func(c *manager.Config) { c.StopAgents = true })
	var md strings.Builder
	require.NoError(t, s.book.Markdown(&md))
	require.NotContains(t, md.String(), password)
	require.NotContains(t, md.String(), filepath.Dir(s.cfg.Bundle), "the digest does not depend on where the installer lies")
	golden.Check(t, "manager.md", strings.ReplaceAll(md.String(), s.book.Inputs[0].SHA256, "SHA256 of the bundle"))
}

// Every check has something that the operator can judge it by, and every operation what the operator types.
func TestEveryCheckCanBeJudged(t *testing.T) {
	for i := range newScene(t, lustretest.ManagerOptions{}, nil).book.Steps {
		step := newScene(t, lustretest.ManagerOptions{}, nil).book.Steps[i]
		for _, a := range append(append(step.Actions, step.Verify...), step.Undo...) {
			shown := false
			for _, b := range a.Paper {
				shown = shown || len(b.Shows) > 0
			}
			require.False(t, a.Expect.Check != nil && len(a.Makes) == 0 && !shown, "%s/%s: nothing tells whether it holds", step.ID, a.ID)
			require.False(t, a.Op != nil && len(a.Paper) == 0, "%s/%s: an operation in prose", step.ID, a.ID)
		}
	}
}
