package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli/page"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// walk runs the runbook of a configuration once, straight through, on its simulated world, and tells what is served where
// at each step. The configuration is spoilt by it.
func (a *App) walk(ctx context.Context, cfg *Config) (*page.Walk, error) {
	if a.World == nil || a.Private == nil {
		return nil, errors.New("this job has no simulated world")
	}
	play, err := a.private(cfg)
	if err != nil {
		return nil, err
	}
	defer play.remove()
	world, w := play.world, &page.Walk{World: "a simulated world made of its inputs"}
	for _, s := range world.Report().Serving {
		w.Targets = append(w.Targets, s.What)
	}
	watch := evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if e.Step != nil {
			w.Moments = append(w.Moments, moment(e.Step.ID, w.Targets, world.Report().Serving))
		}
	})
	_, err = evenkeel.Run(ctx, play.runbook, world, evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: world.Clock(), Serial: true,
		Operator: a.operator(play.cfg, world, world.Clock(), false, nil), Observer: watch})
	if err != nil {
		return nil, fmt.Errorf("the run on a simulated world stopped: %w", err)
	}
	for _, o := range world.Report().Outages {
		w.Outages = append(w.Outages, fmt.Sprintf("%s: down for %s in all, for %s at the longest", o.What, short(o.Total), short(o.Longest)))
	}
	return w, nil
}

// moment is where each target is served.
func moment(step string, targets []string, serving []Serving) page.Moment {
	m := page.Moment{Step: step, Where: make([]string, len(targets))}
	for _, s := range serving {
		if i := slices.Index(targets, s.What); i >= 0 {
			m.Where[i] = s.Where
		}
	}
	return m
}

// expected is the outage of a walk, in short.
func expected(w *page.Walk) []string {
	const most = 4
	if w == nil || len(w.Outages) == 0 {
		return nil
	}
	list := slices.Clone(w.Outages[:min(len(w.Outages), most)])
	if more := len(w.Outages) - most; more > 0 {
		list = append(list, printable.Count(more, "other target")+" below the picture")
	}
	return append(list, "on the clock of a simulated world")
}

// firstLine is an error as one line.
func firstLine(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}
