package course

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// Five workers lost in a row are enough, whatever each of them wrote; one that got something done begins the row anew.
func TestLosses(t *testing.T) {
	for name, tc := range map[string]struct {
		done []int // at each loss
		over int   // the loss after which an operator is asked; 0 for none
	}{
		"nothing was done":            {[]int{0, 0, 0, 0, 0}, 5},
		"nothing since the first":     {[]int{3, 3, 3, 3, 3}, 5},
		"something before the last":   {[]int{3, 3, 3, 3, 4}, 0},
		"something, and then no more": {[]int{3, 3, 4, 4, 4, 4, 4}, 7},
		"something each time":         {[]int{1, 2, 3, 4, 5, 6, 7, 8}, 0},
		"and anew after an operator":  {[]int{3, 3, 3, 3, 3, 3, 3, 3, 3}, 5},
	} {
		var l Losses
		over := 0
		for i, done := range tc.done {
			if l.Lose(done) && over == 0 {
				over = i + 1
			}
		}
		require.Equal(t, tc.over, over, name)
	}
}

// Lives that only begin, look and are lost do nothing.
func TestWhatIsReadAgainIsNotDone(t *testing.T) {
	rb := pairBook(t)
	look := evenkeel.Look("look", "Look", "look", "x").AsPrecondition()
	rb.Steps[1].Actions = append([]evenkeel.Action{look}, rb.Steps[1].Actions...)
	require.NoError(t, rb.Validate())
	failed := lived(t, rb, func(j *evenkeel.MemJournal, h evenkeel.Hosts) {
		_, _ = evenkeel.Run(t.Context(), rb, h, evenkeel.Options{Journal: j})
	}, "b")
	again := lived(t, rb, func(j *evenkeel.MemJournal, h evenkeel.Hosts) {
		_, _ = evenkeel.Run(t.Context(), rb, h, evenkeel.Options{Journal: j})
		_, _ = evenkeel.Resume(t.Context(), rb, h, evenkeel.Options{Journal: j})
		_, _ = evenkeel.Resume(t.Context(), rb, h, evenkeel.Options{Journal: j})
	}, "b")
	require.Greater(t, len(again), len(failed)+5)
	was := place(t, rb, failed).Done()
	require.Positive(t, was)
	require.Equal(t, was, place(t, rb, again).Done())
}
