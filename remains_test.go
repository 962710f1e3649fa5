package evenkeel_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// What stays after the undo of a step is a point of no return in every form of the plan, and is said where the
// step is undone.
func TestWhatAnUndoDoesNotTakeBack(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe]")
	rb.Steps[0].Irreversible, rb.Steps[0].Undo = "", []evenkeel.Action{parseActionT("back", "safe")}
	rb.Steps[0].Remains = "the disks keep their new format"
	require.NoError(t, rb.Validate())
	m := &machine{done: map[string]string{}}
	m.live("-")
	opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}}
	report, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, opts)
	require.NoError(t, err)
	var md, text, back strings.Builder
	require.NoError(t, rb.Markdown(&md))
	require.NoError(t, rb.Text(&text))
	require.Contains(t, md.String(), "## Points of no return\n\n- From step 1, s1: the disks keep their new format")
	require.Contains(t, md.String(), "What stays after the undo: the disks keep their new format.")
	require.Contains(t, text.String(), "Points of no return:")
	plan, err := rb.RollbackPlan(report.State)
	require.NoError(t, err)
	require.NoError(t, plan.Markdown(&back))
	require.Contains(t, back.String(), "What stays after it: the disks keep their new format")
}
