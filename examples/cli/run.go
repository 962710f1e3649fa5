package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
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

// session is one life of the tool.
type session struct {
	app             *App
	verb            string // run, resume or rollback
	cfg             *Config
	rb              *evenkeel.Runbook
	config          string
	noWait, verbose bool
	take, approved  string
	force           bool
	extend          map[string]time.Duration
}

// approval refuses a runbook that is not the signed one, and, where the configuration wants it, to go on without the
// digest of what was signed.
func (c *Config) approval(rb *evenkeel.Runbook, digest, verb string) error {
	if is := rb.Digest(); digest != "" && digest != is {
		return &evenkeel.NotApprovedError{Approved: digest, Is: is} // the run would say it too, with an empty journal made
	}
	if c.RequireApproval && digest == "" && verb != "rollback" {
		return fmt.Errorf("the configuration has require_approval: give --approved-digest DIGEST, the digest on top of the " +
			"plan that was signed (plan prints it)")
	}
	return nil
}

func (s session) journal() string { return s.cfg.Path(s.cfg.Journal) }

func (s session) carryOut(ctx context.Context, start runFunc) (int, error) {
	a := s.app
	hosts := connect(s.cfg)
	defer hosts.Close()
	machines, err := a.within(hosts)
	if err != nil {
		return ExitInput, err
	}
	if err := hosts.ready(ctx, s.rb.HostNames()); err != nil { // before a journal is made
		return ExitFailed, err
	}
	if a.Looks {
		if err := putAside(s.journal()); err != nil {
			return ExitFailed, err
		}
	}
	journal, err := evenkeel.OpenJournal(s.journal())
	if err != nil {
		return ExitInput, err
	}
	defer func() { _ = journal.Close() }()
	if s.verb == "rollback" {
		if err := s.announce(journal); err != nil {
			return exitCodeOf(err), err
		}
	}
	s.listUnconfirmed(journal)
	a.carried = true
	stop, ctx, done := a.interrupts(ctx, s.again(s.onward()))
	defer done()
	opts := evenkeel.Options{
		Journal: journal, Clock: hosts.Clock(), Stop: stop, Holder: holder(s.cfg), Simulated: s.cfg.World != "",
		TakeLease: s.take, ForceTakeover: s.force,
		LeasePath:      s.cfg.LeasePath,
		ApprovedDigest: s.approved, ExtendWindow: s.extend,
		Operator: a.operator(s.cfg, hosts, hosts.Clock(), s.noWait),
		Observer: &progress{w: a.Stdout, verbose: s.verbose, serving: hosts.serving},
	}
	if a.Journal != nil {
		opts.Journal = a.Journal(s.journal(), journal)
	}
	report, err := start(ctx, s.rb, machines, opts)
	if exitCodeOf(err) == ExitInput {
		return ExitInput, err
	}
	if report != nil {
		a.summary(s.rb, report, hosts)
	}
	if cannot := (*evenkeel.CannotRollBackError)(nil); s.verb == "rollback" && report != nil && (err == nil || errors.As(err, &cannot)) {
		s.rolledBack(report, err != nil)
	}
	s.explain(err)
	if s.verb == "rollback" && err == nil && len(openWindows(report.State)) > 0 {
		return ExitHeld, nil // what it left open is not as before: somebody has to end it
	}
	return exitCode(err), err
}

// putAside gives the journal of a run before another name, with the time of its last record.
func putAside(name string) error {
	info, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Rename(name, name+"."+info.ModTime().UTC().Format("20060102-150405.000"))
}

// refusals are errors after which nothing was done: the input must change, or another command is meant.
var refusals = []error{evenkeel.ErrJournalExists, evenkeel.ErrJournalOther, evenkeel.ErrJournalEmpty,
	evenkeel.ErrJournalDamaged, evenkeel.ErrCannotExtend}

// exitCodeOf is ExitInput for an error after which nothing was done, and else the exit code of a run that ended.
func exitCodeOf(err error) int {
	var over *evenkeel.RolledBackError
	var unsigned *evenkeel.NotApprovedError
	if slices.ContainsFunc(refusals, func(r error) bool { return errors.Is(err, r) }) || errors.As(err, &over) || errors.As(err, &unsigned) {
		return ExitInput
	}
	return exitCode(err)
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
	_, _ = fmt.Fprintf(out, "\n%s: %d of %d steps done, in %s%s\n", rb.Title, done, len(rb.Steps),
		short(st.Last.Sub(st.Begun)), times(st.Resumed))
	if len(rb.Invariants) > 0 {
		_, _ = fmt.Fprintf(out, "Invariants, observed %d times to hold in this session and %d times not observable (a "+
			"machine was off or being replaced):\n", r.Checks, r.Unseen)
		for _, inv := range rb.Invariants {
			_, _ = fmt.Fprintf(out, "  %-20s %s\n", inv.ID, inv.Title)
		}
	}
	open := openWindows(st)
	if len(st.Closed)+len(open) > 0 {
		_, _ = fmt.Fprintf(out, "Windows:\n")
		for _, w := range st.Closed {
			over := ""
			if w.Lasted() > w.Limit {
				over = "  OVERDUE"
			}
			_, _ = fmt.Fprintf(out, "  %-20s open for %8s of at most %s%s\n", w.ID, short(w.Lasted()), short(w.Limit), over)
		}
		for _, w := range open {
			_, _ = fmt.Fprintf(out, "  %-20s STILL OPEN since %s, at most %s: %s may not hold (%s)\n", w.ID,
				w.Since.Format(time.RFC3339), short(w.Limit), w.Invariant, w.Reason)
		}
	}
	notes(out, st)
	if report, err := hosts.report(); err == nil && report != nil {
		_, _ = fmt.Fprint(out, report.summary())
	}
}

// notes prints what the operator should know although all was well: of the run, and of a rollback of it.
func notes(w io.Writer, st *evenkeel.State) {
	all := st.Notes
	if st.Rollback != nil {
		all = slices.Concat(all, st.Rollback.Notes)
	}
	for _, n := range all {
		_, _ = fmt.Fprintf(w, "note of %s/%s: %s\n", n.Step, n.Action, printable.Line(n.Text))
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

func (a *App) statusCommand() *cobra.Command {
	var config string
	c := a.Command(&cobra.Command{
		Use: "status", Short: "Say where a run stands", GroupID: GroupAfter,
		Long: `Say where a run stands, from its journal: what is done, what is open, what it waits for. No machine is reached, and the
run may go on meanwhile.`,
		Example: "  TOOL status --config config.yaml",
	}, func(context.Context, []string) (int, error) { return a.status(config) })
	configFlag(c, &config)
	return c
}

func (a *App) status(config string) (int, error) {
	cfg, err := a.Read(config)
	if err != nil {
		return ExitInput, err
	}
	st, err := readState(cfg.Path(cfg.Journal))
	if err != nil {
		return ExitInput, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s (run %s), begun %s, last heard of %s%s\n", st.Run.Title, st.Run.ID, st.Begun.Format(time.RFC3339),
		st.Last.Format(time.RFC3339), times(st.Resumed))
	for i, id := range st.Run.Steps {
		s := st.Step(id)
		line := fmt.Sprintf("  %2d  %-20s %s", i+1, id, s.Progress)
		if s.Progress == evenkeel.Did {
			line += " in " + short(s.Ended.Sub(s.Begun))
		} else if why := s.Broke(); why != "" {
			line += ", it failed: " + printable.Line(why)
		}
		b.WriteString(line + "\n")
	}
	for _, w := range openWindows(st) {
		rule := "an outage: a stop waits for its close"
		if w.Stop == evenkeel.StopBetweenSteps {
			rule = "reduced redundancy: resume --extend-window " + w.ID + "=DURATION gives it more time"
			if st.RollingBack() {
				rule = "reduced redundancy"
			}
		}
		fmt.Fprintf(&b, "window %s is open since %s, at most %s: %s (%s)\n", w.ID, w.Since.Format(time.RFC3339), w.Limit, w.Reason, rule)
	}
	switch back := st.Rollback; {
	case st.Done:
		b.WriteString("done\n")
	case st.RollingBack():
		fmt.Fprintf(&b, "a rollback began at %s and has not ended: %s. To finish it: %s rollback\n",
			back.Begun.Format(time.RFC3339), back.Run.Title, a.Name)
		paused(&b, back.Paused)
	case back != nil && back.Run.EndsRun:
		fmt.Fprintf(&b, "the run was rolled back and is over: %s, ended %s\n", back.Run.Title, back.Last.Format(time.RFC3339))
	default:
		paused(&b, st.Paused)
	}
	notes(&b, st)
	for _, d := range st.Differs {
		fmt.Fprintf(&b, "differs from the state before the run: %s\n", d)
	}
	_, err = fmt.Fprint(a.Stdout, b.String())
	return ExitDone, err
}

// openWindows are the windows that are open, the oldest first: those of the run, and those of a rollback that has not ended.
func openWindows(st *evenkeel.State) []evenkeel.OpenWindow {
	open := slices.Collect(maps.Values(st.Windows))
	if st.RollingBack() {
		open = slices.AppendSeq(open, maps.Values(st.Rollback.Windows))
	}
	slices.SortFunc(open, func(a, b evenkeel.OpenWindow) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.ID, b.ID))
	})
	return open
}

func paused(w io.Writer, h *evenkeel.Pause) {
	if h != nil {
		_, _ = fmt.Fprintf(w, "paused for the operator at step %s, action %s: %s\n", h.Step, h.Action, h.Reason)
	}
}
