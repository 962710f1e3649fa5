package upgrade_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
)

// A half is taken away only when Pacemaker's own rules find every target a place on the other: a constraint that
// somebody set meanwhile stops the run while nothing is down, in the old cluster before node 1 is emptied and in the
// new one before node 2 is. Without it, the run goes on.
func TestTheOtherHalfCarries(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	for name, c := range map[string]struct {
		begins, host, node string // the step at whose end the constraint is set, where, and the node that it is about
		stops, says        string
	}{
		"old cluster": {"lift-throttle", lustretest.Node2, "ct6-mds2", "evacuate-node1", "MGS_32834e"},
		"new cluster": {"cluster-node1", lustretest.Node1, lustretest.Node1, "switch-over", "would run nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.play(t)
			var at string
			p.watch = func(e evenkeel.Event) {
				switch {
				case e.Kind == evenkeel.EventStepDone && e.Step.ID == c.begins:
					p.sh(c.host, "pcs constraint location MGS_32834e avoids "+c.node)
				case e.Kind == evenkeel.EventAction:
					at = e.Step.ID
				}
			}
			var pause *evenkeel.Pause
			err := p.run()
			require.ErrorAs(t, err, &pause)
			require.Contains(t, pause.Reason, c.says)
			require.Contains(t, pause.Reason, "then resume")
			require.Equal(t, c.stops, at)
			for _, target := range p.w.Report().Targets {
				require.Len(t, target.On, 1, "%s is down", target.Label)
			}
			p.sh(c.host, "pcs constraint remove location-MGS_32834e-"+c.node+"--INFINITY")
			require.NoError(t, p.resume())
			require.NoError(t, p.w.Check())
		})
	}
}

// A tool that crashes while the targets move goes on where it was: what was asked before the move is not asked again in the middle of it.
func TestResumeInTheMiddleOfTheEvacuation(t *testing.T) {
	slow := func(string) (start, stop time.Duration) { return 10 * time.Second, 20 * time.Second }
	s := newScene(t, lustretest.Options{Times: slow}, nil)
	for _, after := range []time.Duration{0, 5 * time.Second, 20 * time.Second} {
		p := s.play(t)
		ctx, cancel := context.WithCancel(t.Context())
		p.watch = func(e evenkeel.Event) {
			if e.Kind == evenkeel.EventDone && e.Action != nil && e.Action.ID == "standby" {
				cancel()
			}
		}
		_, err := evenkeel.Run(ctx, p.book, p.hosts, p.options(p.journal))
		require.Error(t, err)
		p.w.Advance(after)
		p.watch = func(e evenkeel.Event) { require.NotEqual(t, evenkeel.EventUndo, e.Kind) }
		require.NoError(t, p.resume(), "after %s", after)
		require.NoError(t, p.w.Check())
	}
}

// Where it cannot be computed what would run, the run pauses before anything is down, and goes on when the configuration says that somebody has looked.
func TestWhatWouldRunCannotBeComputed(t *testing.T) {
	var cfg upgrade.Config
	s := newScene(t, lustretest.Options{}, func(c *upgrade.Config) { cfg = *c })
	p := s.play(t)
	p.watch = func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventStepDone && e.Step.ID == "lift-throttle" {
			p.sh(lustretest.Node2, "pcs property set node-health-strategy=progressive")
		}
	}
	var pause *evenkeel.Pause
	require.ErrorAs(t, p.run(), &pause)
	require.Contains(t, pause.Reason, "unknown_placement: true")
	for _, target := range p.w.Report().Targets {
		require.Len(t, target.On, 1, "%s is down", target.Label)
	}
	cfg.UnknownPlacement = true
	looked, err := upgrade.Load(cfg)
	require.NoError(t, err)
	p.book, err = looked.Runbook()
	require.NoError(t, err)
	require.Equal(t, s.book.Digest(), p.book.Digest(), "else the run could not go on")
	p.watch = func(evenkeel.Event) {}
	require.NoError(t, p.resume())
	require.NoError(t, p.w.Check())
}
