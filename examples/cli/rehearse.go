package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
)

func (a *App) rehearseCommand() *cobra.Command {
	var config, dir string
	var every int
	c := a.Command(&cobra.Command{
		Use: "rehearse", Short: "Run the runbook in a simulated world, with a crash at every point", GroupID: GroupPrepare,
		Long: `Run the runbook in a simulated world that is made of your own files: first straight through, then once for each point at
which the tool could crash or a connection could break. No machine is reached. All points take long: --every 100 tries every
hundredth. Exit status 1 tells that a schedule failed.`,
		Example: "  TOOL rehearse --config config.yaml --every 100\n  TOOL rehearse --dir FOLDER",
	}, func(ctx context.Context, _ []string) (int, error) { return a.rehearse(ctx, config, dir, every) })
	sourceFlags(c, &config, &dir)
	c.Flags().IntVar(&every, "every", 1, "try only every `N`-th point")
	return c
}

func (a *App) rehearse(ctx context.Context, config, dir string, every int) (int, error) {
	if every < 1 {
		return ExitInput, fmt.Errorf("--every %d: it takes 1 for every point, 2 for each second one, and so on", every)
	}
	cfg, _, remove, err := a.given(config, dir)
	if err != nil {
		return ExitInput, err
	}
	defer remove()
	play, err := a.private(cfg)
	if err != nil {
		return ExitInput, err
	}
	defer play.remove()
	ctx, done := interruptible(ctx)
	defer done()
	report, err := evenkeel.Rehearse(ctx, play.runbook, play.world, evenkeel.RehearsalPlan{
		Every: every, Local: play.written(),
		Operator: func(w evenkeel.World) evenkeel.Operator { return a.operator(play.cfg, w, w.Clock(), false, nil) },
	})
	stopped := ctx.Err() != nil
	if err != nil && !stopped {
		return ExitFailed, err
	}
	_, _ = a.Say(rehearsed(play.runbook, report))
	switch {
	case stopped:
		_, _ = a.Say("Stopped as asked: the other schedules were not tried.\n")
		return ExitStopped, evenkeel.ErrStopped
	case len(report.Failures) > 0:
		return ExitFailed, errors.New("a schedule failed: see above")
	}
	return ExitDone, nil
}

// rehearsed is the account of a rehearsal, also of one that was stopped.
func rehearsed(rb *evenkeel.Runbook, r *evenkeel.RehearsalReport) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nstraight through: %d commands, %d journal records\nschedules with a crash of the tool or a lost "+
		"connection: %d, of which broke something: %d\n",
		rb.Title, r.Commands, r.Records, r.Schedules, len(r.Failures))
	for _, f := range r.Failures {
		fmt.Fprintf(&b, "  %v\n", f)
	}
	return b.String()
}

// play is what a rehearsal works on: the user's configuration, but for the places where a run would write.
type play struct {
	cfg     *Config
	runbook *evenkeel.Runbook
	world   SimWorld
	dir     string
}

// private makes the rehearsal of a configuration. The world and the runbook are made of the user's files and options;
// whatever a run writes goes into a directory of the rehearsal's own.
func (a *App) private(cfg *Config) (*play, error) {
	dir, err := os.MkdirTemp("", a.word()+"-rehearsal-")
	if err != nil {
		return nil, err
	}
	p := &play{cfg: cfg, dir: dir}
	cfg.World = worldHost // whoever is asked is a simulated person
	cfg.Journal = filepath.Join(dir, "journal.jsonl")
	a.Private(cfg, p.written())
	if err = p.reset(); err == nil {
		p.runbook, err = a.runbook(cfg)
	}
	if err == nil {
		p.world, err = a.World(cfg)
	}
	if err != nil {
		p.remove()
		return nil, err
	}
	return p, nil
}

// written is the directory below which a run writes.
func (p *play) written() string { return filepath.Join(p.dir, "run") }

// reset takes away what the run before has written.
func (p *play) reset() error {
	return errors.Join(os.RemoveAll(p.written()), os.MkdirAll(filepath.Join(p.written(), "archives"), 0o700))
}

func (p *play) remove() { _ = os.RemoveAll(p.dir) }
