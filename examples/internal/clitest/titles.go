package clitest

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/words"
)

// Titles loads the runbook of every job's example, and those of some procedures: the title of each step and of each action in it is an
// imperative, however it was put together.
func Titles(t *testing.T, app func() *cli.App, more map[string]Procedure) {
	all := map[string]Procedure{"the example": {}}
	for word := range app().Jobs {
		all["the example of "+word] = Procedure{Word: word}
	}
	maps.Copy(all, more)
	for name, p := range all {
		t.Run(name, func(t *testing.T) {
			a := p.of(app)()
			cfg, err := a.Read(Example(t, p.of(app), p.Dir))
			require.NoError(t, err)
			raw, err := yaml.Marshal(p.Job)
			require.NoError(t, err)
			require.NoError(t, yaml.Unmarshal(raw, cfg.Job))
			rb, err := a.Load(cfg)
			require.NoError(t, err)
			seen := titles(rb)
			require.NotEmpty(t, seen)
			for at, title := range seen {
				if !words.Imperative(title) {
					t.Errorf("%s: no verb begins the title %q", at, title)
				}
			}
		})
	}
}

// titles are the titles of a runbook, by the IDs of their steps and actions.
func titles(rb *evenkeel.Runbook) map[string]string {
	all := map[string]string{}
	for _, s := range rb.Steps {
		all[s.ID] = s.Title
		lists := [][]evenkeel.Action{s.Actions, s.Verify, s.Undo, s.UndoVerify}
		for _, w := range s.Opens {
			lists = append(lists, w.Completion)
		}
		for _, list := range lists {
			for _, a := range list {
				all[s.ID+"/"+a.ID] = a.Title
			}
		}
	}
	return all
}
