package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
)

// load reads the configuration and the job in it.
func (a *App) load(path string) (*Config, *evenkeel.Runbook, error) {
	cfg, err := a.Read(path)
	if err != nil {
		return nil, nil, err
	}
	rb, err := a.runbook(cfg)
	return cfg, rb, err
}

// runbook is the runbook of a configuration, bound to this version of the tool.
func (a *App) runbook(cfg *Config) (*evenkeel.Runbook, error) {
	rb, err := a.Load(cfg)
	if err != nil {
		return nil, err
	}
	rb.Version = a.Version
	return rb, nil
}

func (a *App) run(ctx context.Context, args []string) (int, error) {
	return a.carryOut(ctx, "run", args, evenkeel.Run)
}

func (a *App) resume(ctx context.Context, args []string) (int, error) {
	return a.carryOut(ctx, "resume", args, evenkeel.Resume)
}

type runFunc func(context.Context, *evenkeel.Runbook, evenkeel.Hosts, evenkeel.Options) (*evenkeel.Report, error)

func (a *App) carryOut(ctx context.Context, name string, args []string, start runFunc) (int, error) {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	config := set.String("config", "", "the configuration file")
	noWait := set.Bool("no-wait", false, "hold at a manual step instead of waiting for it")
	verbose := set.Bool("v", false, "say more")
	take := set.String("take-lease", "", "take the lease over from the run of this ID, whose operator you have asked")
	if err := a.flags(set, args, 0); err != nil {
		return ExitInput, err
	}
	cfg, rb, err := a.load(*config)
	if err != nil {
		return ExitInput, err
	}
	if name == "run" && cfg.World == "" {
		for _, why := range rb.WeakSecrets() {
			_, _ = fmt.Fprintf(a.Stderr, "warning: a password of this job is weak: %s. It is hidden in what programs print, and not where it may be a word\n", why)
		}
	}
	path := cfg.Path(cfg.Journal)
	if name == "resume" {
		st, err := readState(path)
		if errors.Is(err, fs.ErrNotExist) {
			return ExitInput, fmt.Errorf("there is no run to resume: %w", err)
		}
		if err == nil { // else Resume says what is wrong with it
			if err := a.ledBack(path, st); err != nil {
				return ExitInput, err
			}
		}
	}
	s := session{app: a, cfg: cfg, config: *config, noWait: *noWait, verbose: *verbose, take: *take}
	return s.carryOut(ctx, rb, path, start)
}

// session is one life of the tool.
type session struct {
	app             *App
	cfg             *Config
	config          string
	noWait, verbose bool
	take            string
	back            bool // it is a way back
}

func (s session) carryOut(ctx context.Context, rb *evenkeel.Runbook, path string, start runFunc) (int, error) {
	a := s.app
	journal, err := evenkeel.OpenJournal(path)
	if err != nil {
		return ExitInput, err
	}
	defer func() { _ = journal.Close() }()
	hosts := connect(s.cfg)
	defer hosts.Close()
	stop, ctx, done := interrupts(ctx)
	defer done()
	opts := evenkeel.Options{
		Journal: journal, Clock: hosts.Clock(), Stop: stop, Holder: holder(s.cfg), TakeLease: s.take,
		Attendant: a.attendant(s.cfg, hosts, hosts.Clock(), s.noWait),
		Observer:  &progress{w: a.Stdout, verbose: s.verbose, serving: hosts.serving},
	}
	if a.Journal != nil {
		opts.Journal = a.Journal(path, journal)
	}
	report, err := start(ctx, rb, hosts, opts)
	if errors.Is(err, evenkeel.ErrJournalExists) || errors.Is(err, evenkeel.ErrJournalOther) || errors.Is(err, evenkeel.ErrJournalEmpty) {
		return ExitInput, err
	}
	if report != nil {
		a.summary(rb, report, hosts)
	}
	s.explain(err)
	return exitCode(err), err
}

// serving says what serves where, in a simulated world.
func (h *hosts) serving() string {
	r, err := h.report()
	if r == nil || err != nil {
		return ""
	}
	return r.serving()
}

// holder names the operator.
func holder(cfg *Config) string {
	if cfg.Holder != "" {
		return cfg.Holder
	}
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return name + "@" + host
}

// summary prints what a run came to.
func (a *App) summary(rb *evenkeel.Runbook, r *evenkeel.Report, hosts *hosts) {
	st := r.State
	done := 0
	for i := range rb.Steps {
		if st.Step(rb.Steps[i].ID).Progress == evenkeel.Did {
			done++
		}
	}
	out := a.Stdout
	_, _ = fmt.Fprintf(out, "\n%s: %d of %d steps done, in %s%s\n", rb.Title, done, len(rb.Steps), short(st.Last.Sub(st.Begun)), times(st.Resumed))
	if len(rb.Invariants) > 0 {
		_, _ = fmt.Fprintf(out, "Invariants, observed %d times to hold in this session and %d times not observable (a machine was off or being replaced):\n", r.Checks, r.Unseen)
		for _, inv := range rb.Invariants {
			_, _ = fmt.Fprintf(out, "  %-20s %s\n", inv.ID, inv.Title)
		}
	}
	if len(st.Closed)+len(st.Windows) > 0 {
		_, _ = fmt.Fprintf(out, "Windows:\n")
		for _, w := range st.Closed {
			over := ""
			if w.Lasted() > w.Limit {
				over = "  OVERDUE"
			}
			_, _ = fmt.Fprintf(out, "  %-20s open for %8s of at most %s%s\n", w.ID, short(w.Lasted()), short(w.Limit), over)
		}
		for _, id := range slices.Sorted(maps.Keys(st.Windows)) {
			w := st.Windows[id]
			_, _ = fmt.Fprintf(out, "  %-20s STILL OPEN since %s, at most %s: %s may not hold (%s)\n", w.ID, w.Since.Format(time.RFC3339), short(w.Limit), w.Invariant, w.Reason)
		}
	}
	if report, err := hosts.report(); err == nil && report != nil {
		_, _ = fmt.Fprint(out, report.summary())
	}
}

func times(resumed int) string {
	switch resumed {
	case 0:
		return ""
	case 1:
		return ", resumed once"
	}
	return fmt.Sprintf(", resumed %d times", resumed)
}

func (a *App) rollback(ctx context.Context, args []string) (int, error) {
	set := flag.NewFlagSet("rollback", flag.ContinueOnError)
	config := set.String("config", "", "the configuration file")
	noWait := set.Bool("no-wait", false, "hold at a manual step instead of waiting for it")
	dry := set.Bool("plan", false, "only print the way back")
	if err := a.flags(set, args, 0); err != nil {
		return ExitInput, err
	}
	cfg, rb, err := a.load(*config)
	if err != nil {
		return ExitInput, err
	}
	path := cfg.Path(cfg.Journal)
	if _, err := os.Stat(path); err != nil {
		return ExitInput, fmt.Errorf("there is no run: %w", err)
	}
	// The run's own journal stays open, and thereby locked, to the end: nobody resumes the run while it is led back, and nobody leads back a run that goes on.
	journal, err := evenkeel.OpenJournal(path)
	if err != nil {
		return ExitInput, err
	}
	defer func() { _ = journal.Close() }()
	st, err := evenkeel.ReadState(journal.Records())
	if err != nil {
		return ExitInput, err
	}
	back, err := rb.Recovery(st)
	if err != nil {
		return ExitFailed, err
	}
	back.Version = a.Version
	if *dry {
		return ExitDone, back.Markdown(a.Stdout)
	}
	// Each way back has a journal of its own; one that was interrupted is taken up.
	path = wayBack(path, st)
	start := runFunc(evenkeel.Run)
	if records, err := readRecords(path); err == nil && len(records) > 0 {
		start = evenkeel.Resume
	}
	s := session{app: a, cfg: cfg, config: *config, noWait: *noWait, take: st.Run.ID, back: true}
	s.announce(back)
	code, err := s.carryOut(ctx, back, path, start)
	if err != nil {
		return code, err
	}
	return ExitDone, s.arrive(rb, journal, back)
}

// arrive tells the run's journal what was taken back, so that resume does it anew, and says where that has led.
func (s session) arrive(rb *evenkeel.Runbook, journal evenkeel.Journal, back *evenkeel.Runbook) error {
	hosts := connect(s.cfg)
	defer hosts.Close()
	if err := evenkeel.MarkUndone(journal, hosts.Clock(), back); err != nil {
		return err
	}
	if slices.ContainsFunc(back.Steps, func(step evenkeel.Step) bool { _, ok := evenkeel.Undoes(step.ID); return !ok }) {
		return nil // a runbook of its own: the run is over
	}
	st, err := evenkeel.ReadState(journal.Records())
	if err == nil {
		s.arrived(rb, st)
	}
	return err
}

// wayBack is the journal of the way back from where a run stands. Once the run has gone on, a way back from there has another.
func wayBack(journal string, st *evenkeel.State) string {
	return fmt.Sprintf("%s.rollback-%d", journal, st.Records)
}

// ledBack refuses to go on with a run whose journal is no longer true of the machines, because a way back was begun from where it stands.
func (a *App) ledBack(journal string, st *evenkeel.State) error {
	back, err := readState(wayBack(journal, st))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, evenkeel.ErrJournalEmpty) {
		return nil
	}
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(back.Run.Steps, func(id string) bool { return back.Step(id).Touched() }) && !back.Done {
		return nil // it was kept out before it did anything
	}
	unfinished := !back.Done
	for _, id := range back.Run.Steps {
		undone, ok := evenkeel.Undoes(id)
		if back.Done && !ok {
			return fmt.Errorf("the run was rolled back: %s, done %s. It cannot be resumed; a new one needs a journal of its own", back.Run.Title, back.Last.Format(time.RFC3339))
		}
		unfinished = unfinished || st.Step(undone).Touched() // the run's own journal has not been told yet
	}
	if unfinished {
		return fmt.Errorf("a way back was begun, and is not at its end: %s. To finish it: %s rollback", back.Run.Title, a.Name)
	}
	return nil
}

func readRecords(path string) ([]evenkeel.Record, error) {
	f, err := infile.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	records, _, err := evenkeel.ReadJournal(f)
	return records, err
}

func readState(path string) (*evenkeel.State, error) {
	records, err := readRecords(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no run: %w", err)
	}
	if err != nil {
		return nil, err
	}
	return evenkeel.ReadState(records)
}

func (a *App) status(_ context.Context, args []string) (int, error) {
	set := flag.NewFlagSet("status", flag.ContinueOnError)
	config := set.String("config", "", "the configuration file")
	if err := a.flags(set, args, 0); err != nil {
		return ExitInput, err
	}
	cfg, err := a.Read(*config)
	if err != nil {
		return ExitInput, err
	}
	st, err := readState(cfg.Path(cfg.Journal))
	if err != nil {
		return ExitInput, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s (run %s), begun %s, last heard of %s%s\n", st.Run.Title, st.Run.ID, st.Begun.Format(time.RFC3339), st.Last.Format(time.RFC3339), times(st.Resumed))
	for i, id := range st.Run.Steps {
		s := st.Step(id)
		line := fmt.Sprintf("  %2d  %-20s %s", i+1, id, s.Progress)
		if s.Progress == evenkeel.Did {
			line += " in " + short(s.Ended.Sub(s.Begun))
		}
		b.WriteString(line + "\n")
	}
	for _, w := range st.Windows {
		fmt.Fprintf(&b, "window %s is open since %s, at most %s: %s\n", w.ID, w.Since.Format(time.RFC3339), w.Limit, w.Reason)
	}
	back := a.ledBack(cfg.Path(cfg.Journal), st)
	switch {
	case st.Done:
		b.WriteString("done\n")
	case back != nil:
		fmt.Fprintf(&b, "%v\n", back)
	case st.Held != nil:
		fmt.Fprintf(&b, "held for a person at step %s, action %s: %s\n", st.Held.Step, st.Held.Action, st.Held.Reason)
	}
	_, err = fmt.Fprint(a.Stdout, b.String())
	return ExitDone, err
}
