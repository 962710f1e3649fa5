package evenkeel_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// Change tells what differs, as an amendment would, and changes nothing; it says why where a run cannot be amended.
func TestChange(t *testing.T) {
	type step = [2]string // its ID and what became of it
	for name, c := range map[string]struct {
		change  func(*evenkeel.Runbook)
		steps   []step
		inputs  []string
		version string
		refused string
	}{
		"nothing": {change: nil},
		"a later step": {change: func(rb *evenkeel.Runbook) { rb.Steps[3].Actions[0].Cmd.Argv = []string{"other"} },
			steps: []step{{"s4", "changed"}}},
		"a step more": {change: func(rb *evenkeel.Runbook) { rb.Steps = append(rb.Steps, parseRunbook(t, "s5[e.safe]").Steps...) },
			steps: []step{{"s5", "inserted"}}},
		"a step less": {change: func(rb *evenkeel.Runbook) { rb.Steps = rb.Steps[:3] }, steps: []step{{"s4", "removed"}}},
		"another input": {change: func(rb *evenkeel.Runbook) { rb.Inputs[0] = evenkeel.NewInput("Hosts.csv", []byte("y")) },
			inputs: []string{"input Hosts.csv is another (its sha256 was 2d711642b726…)"}, refused: "other inputs"},
		"an input less": {change: func(rb *evenkeel.Runbook) { rb.Inputs = nil }, inputs: []string{"input Hosts.csv is gone"}, refused: "other inputs"},
		"an input more": {change: func(rb *evenkeel.Runbook) { rb.Inputs = append(rb.Inputs, evenkeel.NewInput("x", nil)) },
			inputs: []string{"input x is new"}, refused: "other inputs"},
		"another version": {change: func(rb *evenkeel.Runbook) { rb.Version = "2" }, version: `"1" → "2"`},
		"the step that was done": {change: func(rb *evenkeel.Runbook) { rb.Steps[0].Actions[0].Cmd.Argv = []string{"other"} },
			steps: []step{{"s1", "changed"}}, refused: "s1"},
		"a done step is gone": {change: func(rb *evenkeel.Runbook) { rb.Steps = rb.Steps[1:] },
			steps: []step{{"s1", "removed"}}, refused: "s1"},
		"a step before those done": {change: func(rb *evenkeel.Runbook) {
			rb.Steps = append(parseRunbook(t, "s0[x.safe]").Steps, rb.Steps...)
		}, steps: []step{{"s0", "inserted"}}, refused: "step s1 is not what it was"},
		"an invariant": {change: func(rb *evenkeel.Runbook) { rb.Invariants[0].ID, rb.Steps[1].Opens[0].Invariant = "other", "other" },
			steps: []step{{"s2", "changed"}}, refused: "invariants"},
		"a longer window of the failed step": {change: func(rb *evenkeel.Runbook) { rb.Steps[1].Opens[0].Limit = 2 * time.Hour },
			steps: []step{{"s2", "changed"}}, refused: "s2"},
	} {
		t.Run(name, func(t *testing.T) {
			_, j := amendable(t)
			before := len(j.Records())
			change, refused := fourSteps(t, c.change).Change(stateOf(t, j))
			require.Len(t, j.Records(), before)
			if c.refused == "" {
				require.NoError(t, refused)
			} else {
				require.ErrorContains(t, refused, c.refused)
			}
			if c.change == nil {
				require.Nil(t, change)
				return
			}
			var steps []step
			for _, s := range change.Steps {
				steps = append(steps, step{s.ID, s.Change})
			}
			require.Equal(t, c.steps, steps)
			require.Equal(t, c.inputs, change.Inputs)
			require.Equal(t, c.version, change.Version)
			require.Empty(t, change.By, "nobody made it")
			require.NotEqual(t, change.Was, change.Is)
		})
	}
}
