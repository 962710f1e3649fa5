package upgrade_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// DESIGN "Stopping": whichever command it is during which somebody asks to stop, nothing is down for the hour until the
// run is taken up: no target is away for longer than in a run that nobody stops, plus what a window allows, and both
// come to the same end.
func TestAStopFreezesNoOutage(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	straight := s.play(t)
	first := straight.w.Report().Commands
	var outage []int // the commands during which a target is down
	straight.w.BeforeEffect = func(string, sshexec.Cmd) {
		r := straight.w.Report()
		if slices.ContainsFunc(r.Targets, func(t lustretest.TargetReport) bool { return len(t.On) == 0 }) {
			outage = append(outage, r.Commands+1)
		}
	}
	require.NoError(t, straight.run())
	last := straight.w.Report().Commands
	want := straight.w.Report()
	require.Greater(t, len(outage), 10)
	stops, longest := 0, time.Duration(0)
	thin := 3 * every(t, 59)
	points := []int{outage[0], outage[len(outage)/2]}
	for at := 0; at < len(outage); at += 1 + thin/10 {
		points = append(points, outage[at])
	}
	for at := first + 1; at <= last; at += thin {
		points = append(points, at)
	}
	for _, at := range points {
		p := s.play(t)
		p.stop = make(chan struct{})
		p.w.BeforeEffect = func(string, sshexec.Cmd) {
			if p.stop != nil && p.w.Report().Commands == at-1 {
				close(p.stop)
			}
		}
		if err := p.run(); err != nil {
			require.ErrorIs(t, err, evenkeel.ErrStopped, "command %d", at-first)
			stops++
			st, err := evenkeel.ReadState(p.journal.Records())
			require.NoError(t, err)
			require.Empty(t, st.Windows, "command %d", at-first)
			p.w.Advance(time.Hour)
			p.stop = nil
			require.NoError(t, p.resume(), "command %d", at-first)
		}
		require.NoError(t, p.w.Check(), "command %d", at-first)
		require.Equal(t, straight.w.EndState(), p.w.EndState(), "command %d", at-first)
		for _, target := range p.w.Report().Targets {
			more := target.Longest - want.Target(target.Label).Longest
			longest = max(longest, more)
			require.LessOrEqual(t, more, s.pair.Config.Outage, "command %d: %s", at-first, target.Label)
		}
	}
	require.Positive(t, stops)
	t.Logf("%d of %d commands, %d during an outage: %d stops before the end; an outage was at most %s longer than that of the straight run",
		len(points), last-first, len(outage), stops, longest)
}

// The windows of the pair are outages, all of them, and nobody is waited for inside one: Validate holds the second.
func TestTheWindowsOfThePairAreOutages(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	n := 0
	for _, step := range s.book.Steps {
		for _, w := range step.Opens {
			n++
			require.Equal(t, evenkeel.StopAtClose, w.Stop, w.ID)
		}
	}
	require.Equal(t, 3, n)
}
