package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli/page"
)

// rehearsalFlags say what is rehearsed, and how hard.
type rehearsalFlags struct {
	config, dir, format string
	every               int
	faults              bool
	pairs               int
	budget              time.Duration
	schedule            string
}

func (a *App) rehearseCommand() *cobra.Command {
	var o rehearsalFlags
	c := a.Command(&cobra.Command{
		Use: "rehearse", Short: "Run the runbook in a simulated world, crashing at every point", GroupID: GroupPrepare,
		Long: `Run the runbook in a simulated world that is made of your own files: straight through, and then again for every point at
which the tool could crash or a connection break. No machine is reached. Every point takes long; --every 100 takes each
hundredth.

The run is also rolled back from every point, and what happens in the run happens within the rollbacks, too.

With --faults every command goes wrong in every way, too: it fails, hangs, does half, only pretends; its output is cut, empty
or old; its machine loses power or is fenced. The answer says how each schedule ended, by step and by what went wrong, and
what the worst outage was. Each finding is told as a story, with the command that repeats it: --schedule tries one schedule
and tells its story.

--pairs 300 has two things go wrong in one run, in 300 ways: a crash, a lost answer or, with --faults, a fault, and a second one
later. They are spread over the steps, and chosen by risk: half of the second ones lie in the recovery from the first, a quarter
later at the other machine, and a quarter later anywhere. A pair that breaks something is told as the shortest schedule that does.

--budget ends it after a time. The schedules are then tried in 16 rounds through the run, rollbacks too, so that a short time
has been everywhere a little. What was left out is counted, and the exit code is 4: what was not tried is neither fine nor a
failure.

As many schedules are tried at the same time as there are processors. The answer does not depend on that.

Exit status 1 tells that a schedule failed.`,
		Example: `  TOOL rehearse --config config.yaml --every 100
  TOOL rehearse --config config.yaml --faults --every 20 --budget 10m -o html > rehearsal.html
  TOOL rehearse --config config.yaml --faults --every 100 --pairs 300
  TOOL rehearse --config config.yaml --schedule 'after-effect 12'
  TOOL rehearse --dir FOLDER`,
	}, func(ctx context.Context, _ []string) (int, error) { return a.rehearse(ctx, o) })
	sourceFlags(c, &o.config, &o.dir)
	c.Flags().IntVar(&o.every, "every", 1, "try each `N`-th point only")
	c.Flags().BoolVar(&o.faults, "faults", false, "have commands go wrong, too, in every way that the simulated world knows")
	c.Flags().IntVar(&o.pairs, "pairs", 0, "have two things go wrong in one run, in `N` ways at most")
	c.Flags().DurationVar(&o.budget, "budget", 0, "stop after this `DURATION`, such as 60s, and say how much was left out")
	c.Flags().StringVar(&o.schedule, "schedule", "", "try this one `SCHEDULE` only, and tell what happens in it")
	OutputFlag(c, &o.format, "text", "json", formatHTML)
	return c
}

// plan is what is asked for.
func (o rehearsalFlags) plan() (plan evenkeel.RehearsalPlan, err error) {
	switch plan.Every = o.every; {
	case o.every < 1:
		return plan, fmt.Errorf("--every %d: it takes 1 for every point, 2 for each second one, and so on", o.every)
	case o.pairs < 0:
		return plan, fmt.Errorf("--pairs %d: it takes how many pairs to try at most, such as 300", o.pairs)
	case o.budget < 0:
		return plan, fmt.Errorf("--budget %s: it takes a time to come, such as 60s", short(o.budget))
	}
	plan.Pairs = o.pairs
	if o.faults {
		plan.Kinds = evenkeel.EveryKind()
	}
	if o.schedule != "" {
		if plan.Only, err = evenkeel.ParseSchedule(o.schedule); err != nil {
			err = fmt.Errorf("--schedule: %w", err)
		}
	}
	return plan, err
}

func (a *App) rehearse(ctx context.Context, o rehearsalFlags) (int, error) {
	plan, err := o.plan()
	if err != nil {
		return ExitInput, err
	}
	stage, err := a.stage(o.config, o.dir)
	if err != nil {
		return ExitInput, err
	}
	defer stage.remove()
	ctx, done := interruptible(ctx)
	defer done()
	limited := ctx
	if o.budget > 0 {
		var end context.CancelFunc
		limited, end = context.WithTimeout(ctx, o.budget)
		defer end()
	}
	a.terminal(false) // once, before several ask for it
	stage.set(&plan)
	meter := a.meter()
	plan.Progress = meter.told
	report, err := evenkeel.Rehearse(limited, stage.first.runbook, stage.first.world, plan)
	meter.clear()
	meter.rollbacks(report)
	switch {
	case err == nil:
	case report == nil, errors.Is(err, evenkeel.ErrNoSchedule): // a kind or a schedule that there is not
		return ExitInput, stage.named(err)
	case !endedBy(limited, err):
		return ExitFailed, stage.named(err)
	}
	r := stage.rehearsal(ctx, report, o)
	if err := a.printRehearsal(r, o.format); err != nil {
		return ExitFailed, err
	}
	return rehearsalEnd(report)
}

// endedBy tells whether an error is but that a context has ended.
func endedBy(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, ctx.Err())
}

// rehearsalEnd is how a rehearsal ends that said what it found. What was not tried is neither fine nor a failure.
func rehearsalEnd(report *evenkeel.RehearsalReport) (int, error) {
	switch {
	case len(report.Failures) > 0:
		return ExitFailed, errors.New("the rehearsal broke something")
	case report.Left > 0, report.Schedules+report.Pairs.Tried == 0: // the straight run may not have ended
		return ExitStopped, evenkeel.ErrStopped
	}
	return ExitDone, nil
}

// printRehearsal prints what was found.
func (a *App) printRehearsal(r *page.Rehearsal, format string) error {
	if format == formatHTML {
		var b strings.Builder
		if err := page.WriteRehearsal(&b, r); err != nil {
			return err
		}
		_, err := a.Say(b.String())
		return err
	}
	_, err := a.Answer(format, r, func() string { return rehearsalText(r) })
	return err
}

// stage is where a rehearsal is played: once for each worker.
type stage struct {
	app         *App
	config, dir string
	first       *play
	digest      string // of the user's own runbook: in that of a rehearsal stands where it writes; empty for the example

	mu    sync.Mutex // workers make theirs one after the other
	plays []*play
	gone  []func()
}

func (a *App) stage(config, dir string) (*stage, error) {
	s := &stage{app: a, config: config, dir: dir}
	var err error
	if s.first, err = s.another(); err != nil {
		s.remove()
	}
	return s, err
}

// another plays the same once more, in a directory of its own.
func (s *stage) another() (*play, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cfg, rb, remove, err := s.app.given(s.config, s.dir)
	if err != nil {
		return nil, err
	}
	if s.config != "" {
		s.digest = rb.Digest()
	}
	s.gone = append(s.gone, remove)
	p, err := s.app.private(cfg)
	if err == nil {
		s.plays = append(s.plays, p)
	}
	return p, err
}

// set has a plan play here.
func (s *stage) set(plan *evenkeel.RehearsalPlan) {
	plan.Workers, plan.Local, plan.Outages = runtime.GOMAXPROCS(0), s.first.written(), outages
	plan.Operator = func(w evenkeel.World) evenkeel.Operator { return s.app.operator(s.first.cfg, w, w.Clock(), false, nil) }
	plan.Another = func() (*evenkeel.Runbook, evenkeel.World, string, error) {
		p, err := s.another()
		if err != nil {
			return nil, nil, "", err
		}
		return p.runbook, p.world, p.written(), nil
	}
}

// text names no directory of a rehearsal: it is gone when the text is read, and is another one each time.
func (s *stage) text(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.plays {
		text = strings.ReplaceAll(text, p.dir+"/", "REHEARSAL/") // with what ends it: one may begin as another does
		if s.config == "" {
			text = strings.ReplaceAll(text, p.cfg.dir+"/", "EXAMPLE/")
		}
	}
	return text
}

func (s *stage) named(err error) error { return renamed{err, s.text(err.Error())} }

func (s *stage) remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.plays {
		p.remove()
	}
	for _, remove := range s.gone {
		remove()
	}
}

// outages are those of a simulated world, by its own account.
func outages(w evenkeel.World) (list []evenkeel.RehearsalOutage) {
	sim, is := w.(SimWorld)
	if !is {
		return nil
	}
	r := sim.Report()
	nowhere := map[string]bool{}
	for _, s := range r.Serving {
		nowhere[s.What] = s.Where == ""
	}
	for _, o := range r.Outages {
		list = append(list, evenkeel.RehearsalOutage{What: o.What, Longest: o.Longest, Down: nowhere[o.What]})
	}
	return list
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
