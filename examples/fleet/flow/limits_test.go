package flow

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
)

// A life that follows lost ones gets longer: a machine that is busy comes to its end all the same.
func TestLimitsGrow(t *testing.T) {
	for lost, times := range []time.Duration{1, 2, 4, 4, 4} {
		require.Equal(t, Limits{times * 20 * time.Second, times * 30 * time.Second}, Limits{}.after(lost))
		require.Equal(t, Limits{times * 6 * time.Second, times * time.Minute}, Limits{6 * time.Second, time.Minute}.after(lost))
	}
}

// The limits of a life stay: an operator who resumes or rolls back while it is under way changes those of the next one.
func TestLimitsGrowBetweenLives(t *testing.T) {
	j, _ := one(t, "s1[a]")
	in := j.in("p1")
	in.Losses.Row = 2
	p, err := (&Flows{Books: j}).newPair(in)
	require.NoError(t, err)
	require.Equal(t, quick.after(2), p.limits(), "before it begins")
	p.place.Begun(course.Run, false)
	p.place.Life.Row = 2
	for _, what := range []string{AskResume, AskRollback} {
		p.hear(Ask{What: what})
		require.Equal(t, quick.after(2), p.limits(), what)
		require.Equal(t, 4*quick.Heartbeat/4, p.task().Beat)
	}
	in = p.in
	in.Life = p.place.Life
	next, err := (&Flows{Books: j}).newPair(in) // in a new history
	require.NoError(t, err)
	require.Equal(t, quick.after(2), next.limits())
	p.lose(errors.New("a test"))
	require.Equal(t, quick.after(1), p.limits(), "of the next one")
}
