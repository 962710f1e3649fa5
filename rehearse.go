package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// World is a simulated system: a pure state machine with a clock of its own, cheap to clone. Its word, not the tool's,
// counts for what happened.
type World interface {
	Hosts
	Clock() Clock
	Clone() World // as it stands, also in the middle of a run: of the machines, with what this library keeps on them, and of the clock
	Hash() string // of the state that matters in the end: two worlds that end alike have the same
	Check() error // the invariants, by the world's own book-keeping
}

// RehearsalPlan says how hard to rehearse.
type RehearsalPlan struct {
	// Operator makes the operator for one run in a world, also for one that begins in the middle; nil when none is needed.
	Operator func(World) Operator
	// Local is the directory on this machine that a run writes to, such as its backups, beside its world; empty for none. A rehearsal
	// puts it back as it was before each schedule, and in the end.
	Local string
	// Every thins the schedules out: each Every-th point is tried with a crash, each third of these with a stop request, and each sixth with
	// each kind of fault. 1 when zero.
	Every int
	// Kinds are the kinds of schedules to try; all but faults when empty. AnyFault is all kinds of faults.
	Kinds []ScheduleKind

	apart bool // every schedule is taken to its end; for tests
}

// ScheduleKind says what happens in a schedule: the tool crashes, a connection is lost, somebody asks to stop, or a command meets a fault
// of a Faulty world, by the fault's name.
type ScheduleKind string

// The kinds of schedules.
const (
	CrashRecord ScheduleKind = "after-record"  // the tool crashes right after a journal record was written
	CrashTorn   ScheduleKind = "torn-record"   // it crashes in the middle of writing a record
	CrashBefore ScheduleKind = "before-effect" // a command was sent and never arrived
	CrashAfter  ScheduleKind = "after-effect"  // a command took effect and its answer never arrived
	CrashLost   ScheduleKind = "lost"          // no crash: the connection breaks after the effect, and the tool lives on
	StopRecord  ScheduleKind = "stop-record"   // a stop is asked for when a journal record was written
	StopCommand ScheduleKind = "stop-command"  // a stop is asked for while a command runs
)

// scheduleKinds are all of them but RollbackFrom.
var scheduleKinds = []ScheduleKind{CrashRecord, CrashTorn, CrashBefore, CrashAfter, CrashLost, StopRecord, StopCommand}

// atRecords tells whether the points of a kind are records; else they are commands.
func (k ScheduleKind) atRecords() bool {
	return k == CrashRecord || k == CrashTorn || k == StopRecord || k == RollbackFrom
}

// Schedule is one way in which a run can go.
type Schedule struct {
	Kind ScheduleKind
	At   int // the number of the record or command
}

func (s Schedule) String() string { return fmt.Sprintf("%s %d", s.Kind, s.At) }

// every thins a kind of schedule out. Stops are all taken at the same few points, rollbacks take two runs each, and faults are of many
// kinds, so one that is thinned out tries fewer of them.
func (p RehearsalPlan) every(kind ScheduleKind) int {
	switch fewer := kind == StopRecord || kind == StopCommand || kind == RollbackFrom; {
	case fewer && p.Every > 1:
		return 3 * p.Every
	case kind.fault() && p.Every > 1:
		return 6 * p.Every
	}
	return p.Every
}

// first is the first point behind at that is tried. The kinds of faults begin at different ones.
func (p RehearsalPlan) first(kind ScheduleKind, at int) int {
	every, shift := p.every(kind), 0
	if kind.fault() {
		for _, c := range []byte(kind) {
			shift = (shift*31 + int(c)) % every
		}
	}
	return at + 1 + (every-(at+shift)%every)%every
}

// tries tells whether schedules of a kind are wanted.
func (p RehearsalPlan) tries(kind ScheduleKind) bool {
	return slices.Contains(p.Kinds, kind) || kind.fault() && slices.Contains(p.Kinds, AnyFault)
}

// wantsFaults tells whether any fault is wanted. Which of them a command can meet is not known before it is sent.
func (p RehearsalPlan) wantsFaults() bool { return slices.ContainsFunc(p.Kinds, ScheduleKind.fault) }

// RehearsalReport is what a rehearsal found.
type RehearsalReport struct {
	Records   int                 // that the straight run journalled
	Commands  int                 // that it ran
	Schedules int                 // that were tried
	Met       int                 // of these: not taken to their ends, since they came to a state in which another run was
	Coverage  []RehearsalCoverage // by step, and by kind there
	Failures  []RehearsalFailure
	Straight  *Report
	End       World // the world after the straight run
}

// RehearsalFailure is a schedule that broke an invariant, did not come to its end, or ended in another state than the straight run.
type RehearsalFailure struct {
	Schedule Schedule
	Err      error
}

// RehearsalCoverage is what became of the schedules of one kind that go apart within one step.
type RehearsalCoverage struct {
	Step     string // empty before the first one
	Kind     ScheduleKind
	Explored int
	Broke    int
	Ends     map[RehearsalEnd]int // of those that broke nothing
}

func (f RehearsalFailure) Error() string { return f.Schedule.String() + ": " + f.Err.Error() }

// Rehearse runs the very runbook that would run live, in a simulated world: straight through, and then again and again
// with the tool crashing, or being asked to stop, at every journal record and around every command, each time followed by
// Resume. With AnyFault every command of a Faulty world meets every fault, too. The world's invariants must hold
// throughout and every run must end in the same state; a stop must leave nothing unproven and no outage behind. Who
// cannot reach the end must be able to roll back. The error is that of the straight run; what the schedules broke is in
// the report.
func Rehearse(ctx context.Context, rb *Runbook, world World, plan RehearsalPlan) (report *RehearsalReport, err error) {
	if rb == nil || world == nil {
		return nil, errors.New("a rehearsal needs a runbook and a world")
	}
	if plan.Every < 1 {
		plan.Every = 1
	}
	if len(plan.Kinds) == 0 {
		plan.Kinds = append(slices.Clone(scheduleKinds), RollbackFrom)
	}
	if _, ok := world.(Faulty); !ok && plan.wantsFaults() {
		i := slices.IndexFunc(plan.Kinds, ScheduleKind.fault)
		return nil, fmt.Errorf("a rehearsal of the kind %q needs a world that is Faulty, and this one is not", plan.Kinds[i])
	}
	r := &rehearsal{rb: rb, plan: plan, before: world.Hash()}
	local, err := treeOf(plan.Local)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, local.restore(plan.Local)) }()
	start := moment{track: forward, world: world.Clone(), local: local}
	known := states{}
	straight := r.play(ctx, start, Schedule{}, known)
	report = &RehearsalReport{Straight: straight.report, End: straight.world, Records: straight.records, Commands: straight.commands}
	if straight.err != nil {
		return report, fmt.Errorf("straight through: %w", straight.err)
	}
	r.records = straight.records
	if err := r.faults(ctx, start, straight, known, report); err != nil {
		return report, err
	}
	if slices.Contains(plan.Kinds, RollbackFrom) {
		return report, r.rollbacks(ctx, start, straight, report)
	}
	return report, nil
}

// tried counts a schedule, which goes apart from the straight run within a step.
func (r *RehearsalReport) tried(step string, s Schedule, got rehearsed) {
	r.Schedules++
	if got.merged {
		r.Met++
	}
	at := slices.IndexFunc(r.Coverage, func(c RehearsalCoverage) bool { return c.Step == step && c.Kind == s.Kind })
	if at < 0 {
		at = len(r.Coverage)
		r.Coverage = append(r.Coverage, RehearsalCoverage{Step: step, Kind: s.Kind, Ends: map[RehearsalEnd]int{}})
	}
	c := &r.Coverage[at]
	c.Explored++
	if got.err != nil {
		c.Broke++
		r.Failures = append(r.Failures, RehearsalFailure{s, got.err})
		return
	}
	c.Ends[got.how]++
}

// due tells whether a schedule is one of those that are tried.
func (r *rehearsal) due(kind ScheduleKind, at int) bool {
	return r.plan.tries(kind) && r.plan.first(kind, at-1) == at
}

// faults walks the straight run once more, and at each of its points tries what can go wrong there.
func (r *rehearsal) faults(ctx context.Context, start moment, straight rehearsed, known states, report *RehearsalReport) error {
	w := r.walk(ctx, start)
	defer w.close()
	for r.left(scheduleKinds, w.now, straight) || r.plan.wantsFaults() && w.now.commands < straight.commands {
		from, more, err := w.step()
		if err != nil || !more {
			return err
		}
		for _, s := range r.within(from, w.now) {
			got := r.play(ctx, from, s, known)
			if err := ctx.Err(); err != nil {
				return err // what the schedule came to says nothing
			}
			if ends := got.how == Finished || got.how == Resumed; got.err == nil && ends && *got.end != *straight.end {
				got.err = errors.New("it ended in another state than the straight run")
			}
			if got.err != nil && got.hit != nil {
				got.err = fmt.Errorf("%s on %s, in step %s: %w", strings.Join(got.hit.cmd.Argv, " "), got.hit.host, w.at, got.err)
			}
			report.tried(w.at, s, got)
		}
	}
	return nil
}

// left tells whether a schedule of one of the kinds is tried behind a moment of the straight run.
func (r *rehearsal) left(kinds []ScheduleKind, now moment, straight rehearsed) bool {
	return slices.ContainsFunc(kinds, func(kind ScheduleKind) bool {
		at, last := now.commands, straight.commands
		if kind.atRecords() {
			at, last = now.records, straight.records
		}
		return r.plan.tries(kind) && r.plan.first(kind, at) <= last
	})
}

// within are the schedules between two moments that are tried.
func (r *rehearsal) within(from, to moment) (list []Schedule) {
	for _, kind := range scheduleKinds {
		first, last := from.commands, to.commands
		if kind.atRecords() {
			first, last = from.records, to.records
		}
		for at := first + 1; at <= last; at++ {
			if r.due(kind, at) {
				list = append(list, Schedule{kind, at})
			}
		}
	}
	return append(list, r.faulty(from, to)...)
}

type rehearsal struct {
	rb     *Runbook
	plan   RehearsalPlan
	before string // Hash of the world before all
	played int    // schedules

	records int // of the straight run
}

type rehearsed struct {
	world             World
	report            *Report
	journal           []Record
	records, commands int
	end               *string // Hash of the world in the end; empty where it did not come to a good one
	how               RehearsalEnd
	hit               *dispatch // what met the scheduled fault
	merged            bool      // it came to a state in which another run was, and was not taken further
	err               error
}

// maxResumes bounds how often a schedule is taken up again: once for the crash, and a few times for what the crash left behind.
const maxResumes = 6

// play is one schedule from a moment on: the run, the crash, and the resumes to the end, or to a state in which the straight run was.
func (r *rehearsal) play(ctx context.Context, from moment, s Schedule, known states) rehearsed {
	out := rehearsed{world: from.world.Clone(), end: new(string)}
	world := out.world
	tool := &crashingTool{world: world, schedule: s, stop: make(chan struct{}), commands: from.commands, records: from.records}
	journal := &dyingJournal{tool: tool, MemJournal: MemJournal{records: slices.Clip(from.journal)}}
	opts := r.options(world, tool, journal)
	opts.Stop = tool.stop
	r.played++
	meet := r.meeting(tool, known, &out)
	life, err := r.begun(ctx, from, tool, opts)
	for lives := 1; ; lives++ {
		if out.err = err; err == nil && life != nil {
			out.report, out.merged, out.err = live(life, meet)
		}
		if out.how = Resumed; lives == 1 {
			out.how = Finished
		}
		if from.track.back {
			out.how = RolledBack
		}
		if out.merged || out.err == nil && !tool.dead || lives == maxResumes || r.over(ctx, from.track, &out, tool, &opts) {
			break
		}
		tool.dead = false
		start := from.track.first
		if len(journal.Records()) > 0 {
			start = from.track.again
		}
		life, err = startLife(ctx, start, r.rb, tool, opts)
	}
	if out.err != nil && tool.hit != nil && ctx.Err() == nil {
		r.settle(ctx, tool, opts, &out)
	}
	out.journal = journal.Records()[len(from.journal):]
	out.records, out.commands, out.hit = tool.records, tool.commands, tool.hit
	out.err = errors.Join(r.judge(out, tool), world.Check())
	if out.err == nil && !out.merged {
		*out.end = world.Hash()
	}
	return out
}

// over tells whether a schedule is not taken up again after a life that did not come to its end; else it does what the operator does
// before.
func (r *rehearsal) over(ctx context.Context, on track, out *rehearsed, tool *crashingTool, opts *Options) bool {
	if tool.hit != nil {
		tool.world.(Faulty).Mend() //nolint:forcetypeassert // it has struck
		return ctx.Err() != nil
	}
	stopped := errors.Is(out.err, ErrStopped)
	if stopped && !on.back {
		if err := r.stopped(ctx, tool.world, out.report); err != nil {
			out.err = err
			return true
		}
	}
	if stopped {
		tool.stop, opts.Stop = nil, nil // the operator takes it up again
	}
	if kind := tool.schedule.Kind; !on.back && (kind == StopRecord || kind == StopCommand) {
		// The operator went on by hand while the run was stopped, and took a machine away or replaced it: one that a step to come
		// reinstalls. There is no other operator here, and this one knows. Any other loss of a lease is a finding.
		opts.forcible = r.replaceable(out.report)
	}
	if errors.As(out.err, new(*noHostError)) { // the operator resumes when somebody has switched one of them on
		if err := tool.world.Clock().Sleep(ctx, away); err != nil {
			out.err = err
			return true
		}
	}
	return errors.As(out.err, new(*Violation)) || errors.As(out.err, new(*Pause)) || errors.As(out.err, new(*CannotRollBackError)) ||
		!on.back && tool.schedule == (Schedule{})
}

// judge is what is wrong with how a schedule ended.
func (r *rehearsal) judge(out rehearsed, tool *crashingTool) error {
	switch {
	case errors.As(out.err, new(*CannotRollBackError)):
		if tool.changes > 0 {
			return errors.New("the rollback says that it cannot go back, and changed something all the same")
		}
		return nil // it says so, and does nothing
	case out.err == nil && out.how == RolledBack && !out.merged:
		return r.restored(out)
	}
	return out.err
}

// options are those of each life in a rehearsal.
func (r *rehearsal) options(world World, tool *crashingTool, journal Journal) Options {
	opts := Options{Journal: journal, Clock: dyingClock{tool, world.Clock()}, Serial: true, RunID: "rehearsal", Holder: "rehearsal"}
	if r.plan.Operator != nil {
		opts.Operator = r.plan.Operator(world)
	}
	return opts
}

// replaceable are the hosts that the operator may have replaced ahead of the step that has them reinstalled.
func (r *rehearsal) replaceable(report *Report) (hosts []string) {
	for i := range r.rb.Steps {
		s := &r.rb.Steps[i]
		if report == nil || report.State == nil || report.State.Step(s.ID).Progress != Did {
			hosts = append(hosts, s.Reinstalls...)
		}
	}
	return hosts
}

// away is how long the operator is away after a stop.
const away = time.Hour

// stopped looks at what a stop has left behind for an hour: no outage, no step between a change and its proof, and
// every invariant that no open window suspends.
func (r *rehearsal) stopped(ctx context.Context, world World, report *Report) error {
	if err := world.Clock().Sleep(ctx, away); err != nil {
		return err
	}
	suspended := map[string]bool{}
	for _, w := range report.State.openWindows() {
		if w.holdsStop() {
			return fmt.Errorf("a stop was taken inside an outage, %s", w)
		}
		suspended[w.Invariant] = true
	}
	for i := range r.rb.Steps {
		s := &r.rb.Steps[i]
		if p := report.State.Step(s.ID).Progress; s.changes() && p != Pending && p != Did && p != Undone && !s.asks() {
			return fmt.Errorf("a stop was taken in step %s, between a change and its proof", s.ID)
		}
	}
	site := Site{Facts: report.State.Facts, Now: world.Clock().Now(), Clock: world.Clock(),
		Connect: (&engine{rb: r.rb, hosts: world}).connect("", &Op{Reads: r.rb.servers()}, lookTimeout),
		Exec: func(ctx context.Context, host string, cmd sshexec.Cmd) (sshexec.Result, error) {
			runner, err := world.Runner(host)
			if err != nil || cmd.Effect != ReadOnly {
				return sshexec.Result{}, errors.Join(err, ErrNotInPlan)
			}
			return runner.Run(ctx, cmd)
		}}
	for _, inv := range r.rb.Invariants {
		var v *Violation
		if err := inv.Check(ctx, site); errors.As(err, &v) && !suspended[inv.ID] {
			return fmt.Errorf("an hour after a stop: %w", err)
		}
	}
	return nil
}

// asks tells whether the operator has a part in the step; a stop may be taken there.
func (s *Step) asks() bool {
	return slices.ContainsFunc(slices.Concat(s.Actions, s.Verify), func(a Action) bool { return a.Manual != "" })
}
