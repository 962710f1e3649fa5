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
	"strconv"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

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
	return cfg, rb, cfg.Placed(err)
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
	log             *runLog
	extend          map[string]time.Duration
	events          string        // the file for the events; empty for none
	pair            string        // its name in a fleet; empty alone
	header          string        // what is printed once it can begin
	pace            time.Duration // on a terminal, a pause at each action of a simulated world
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
	log, closeLog, err := s.openLog(a.Stderr)
	if err != nil {
		return ExitInput, err
	}
	defer closeLog()
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
	_, _ = fmt.Fprint(a.Stdout, s.header)
	s.listUnconfirmed(journal)
	a.carried = true
	stop, ctx, done := a.interrupts(ctx, s.again(s.onward()))
	defer done()
	watch, err := s.watch(s.before(journal), hosts.Clock())
	if err != nil {
		return ExitInput, err
	}
	defer func() { _ = watch.close() }() // after a panic too
	opts := evenkeel.Options{
		Journal: journal, Clock: hosts.Clock(), Stop: stop, Holder: holder(s.cfg), Simulated: s.cfg.World != "",
		TakeLease: s.take, ForceTakeover: s.force,
		LeasePath:      s.cfg.LeasePath,
		ApprovedDigest: s.approved, ExtendWindow: s.extend,
		Operator: a.operator(s.cfg, hosts, hosts.Clock(), s.noWait, watch),
		Observer: both(watch, log),
	}
	if a.Journal != nil {
		opts.Journal = a.Journal(s.journal(), journal)
	}
	report, err := start(ctx, s.rb, machines, opts)
	if lost := watch.close(); lost != nil {
		_, _ = fmt.Fprintf(a.Stderr, "%s: %v\n", a.Name, lost)
	}
	if errors.Is(err, evenkeel.ErrJournalOver) {
		err = fmt.Errorf("%w. To read that run: %s. To begin a new one, move %s away, or name another journal in the configuration",
			err, s.again("report"), shellescape.Quote(s.journal()))
	}
	if exitCodeOf(err) == ExitInput {
		return ExitInput, err
	}
	if report != nil && s.pair == "" { // a fleet has one summary of all
		a.summary(s.rb, report, hosts)
	}
	if cannot := (*evenkeel.CannotRollBackError)(nil); s.verb == "rollback" && report != nil && (err == nil || errors.As(err, &cannot)) {
		s.rolledBack(report, err != nil)
	}
	s.explain(err)
	err = s.failure(err, report, watch.lines.Serving())
	if s.verb == "rollback" && err == nil && len(openWindows(report.State)) > 0 {
		return ExitHeld, nil // what it left open is not as before: somebody has to end it
	}
	if a.Looks && exitCode(err) == ExitHeld { // a job that only looks has found something; it waits for nobody
		return ExitFailed, nil
	}
	return exitCode(err), err
}

// putAside gives the journal of a run before another name, with the time of its last record. One that a run writes stays.
func putAside(name string) error {
	info, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if used, err := evenkeel.JournalInUse(name); err == nil && used {
		return fmt.Errorf("%s: %w", name, evenkeel.ErrJournalInUse)
	}
	return os.Rename(name, name+"."+info.ModTime().UTC().Format("20060102-150405.000"))
}

// refusals are errors after which nothing was done: the input must change, or another command is meant.
var refusals = []error{evenkeel.ErrJournalExists, evenkeel.ErrJournalOver, evenkeel.ErrJournalOther, evenkeel.ErrJournalEmpty,
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

// before is what a journal tells of a run that is taken up; nil for a new one.
func (s session) before(journal evenkeel.Journal) *evenkeel.State {
	records := journal.Records()
	if len(records) == 0 || s.verb == "run" {
		return nil
	}
	st, _ := evenkeel.ReadState(records) // the life itself says what is wrong with the journal
	return st
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
	out := a.told()
	_, _ = fmt.Fprintf(out, "\n%s: %d of %d steps done, in %s%s\n", rb.Title, done, len(rb.Steps),
		short(st.Last.Sub(st.Begun)), times(st.Resumed))
	if len(rb.Invariants) > 0 {
		_, _ = fmt.Fprintf(out, "Invariants, %s:\n", looked(r))
		for _, inv := range rb.Invariants {
			_, _ = fmt.Fprintf(out, "  %-20s %s\n", inv.ID, inv.Title)
		}
	}
	open := openWindows(st)
	if len(st.Closed)+len(open) > 0 {
		_, _ = fmt.Fprintf(out, "Windows:\n")
		width := 20
		for _, w := range st.Closed {
			width = max(width, len(w.ID))
		}
		for _, w := range open {
			width = max(width, len(w.ID))
		}
		for _, w := range st.Closed {
			over := ""
			if w.Lasted() > w.Limit {
				over = "  OVERDUE"
			}
			_, _ = fmt.Fprintf(out, "  %-*s open for %8s of at most %s%s\n", width, w.ID, short(w.Lasted()), short(w.Limit), over)
		}
		for _, w := range open {
			_, _ = fmt.Fprintf(out, "  %-*s STILL OPEN since %s, at most %s: %s may not hold (%s)\n", width, w.ID,
				w.Since.Format(time.RFC3339), short(w.Limit), promised(rb, w.Invariant), w.Reason)
		}
	}
	notes(out, st)
	if report, err := hosts.report(); err == nil && report != nil {
		_, _ = fmt.Fprint(out, report.summary())
	}
}

// promised is an invariant in words: what it promises, as a quotation.
func promised(rb *evenkeel.Runbook, id string) string {
	for _, inv := range rb.Invariants {
		if inv.ID == id && inv.Title != "" {
			return strconv.Quote(strings.TrimSuffix(inv.Title, "."))
		}
	}
	return id
}

// looked says how often the invariants were looked at in this life.
func looked(r *evenkeel.Report) string {
	if r.Checks+r.Unseen == 0 {
		return "not looked at in this session"
	}
	text := "observed to hold " + counted(r.Checks, "time", "times") + " in this session"
	if r.Unseen > 0 {
		text += ", and " + counted(r.Unseen, "time", "times") + " not observable (a machine was off or being replaced)"
	}
	return text
}

// notes prints what the operator should know although all was well: of the run, and of a rollback of it.
func notes(w io.Writer, st *evenkeel.State) {
	for _, n := range allNotes(st) {
		_, _ = fmt.Fprintf(w, "note of %s/%s: %s\n", n.Step, n.Action, printable.Line(n.Text))
	}
}

// allNotes are the notes of a run, and of a rollback of it.
func allNotes(st *evenkeel.State) []evenkeel.Note {
	if st.Rollback == nil {
		return st.Notes
	}
	return slices.Concat(st.Notes, st.Rollback.Notes)
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

// readRecords reads a journal. The error names it, and says what it seems to be where it is none.
func readRecords(path string) ([]evenkeel.Record, error) {
	f, err := infile.Open(path)
	if err != nil {
		return nil, noRun("", err)
	}
	defer func() { _ = f.Close() }()
	records, _, err := evenkeel.ReadJournal(f)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
		if len(records) == 0 {
			err = infile.Why(path, fmt.Errorf("%w. Is this file the journal of a run?", err))
		}
	}
	return records, err
}

// noRun says that there is no run to do something with, where its journal is not there.
func noRun(to string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no run%s: %w", to, err)
	}
	return err
}

func readState(path string) (*evenkeel.State, error) {
	records, err := readRecords(path)
	if err != nil {
		return nil, err
	}
	st, err := evenkeel.ReadState(records)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return st, err
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
