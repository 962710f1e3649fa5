package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// World is a simulated system: a pure state machine with a clock of its own, cheap to clone. Its word, not the tool's,
// counts for what happened.
type World interface {
	Hosts
	Clock() Clock
	Clone() World
	Hash() string // of the state that matters in the end: two worlds that end alike have the same
	Check() error // the invariants, by the world's own book-keeping
}

// RehearsalPlan says how hard to rehearse.
type RehearsalPlan struct {
	// Operator makes the operator for one run in a world; nil when none is needed.
	Operator func(World) Operator
	// Reset clears what a run leaves outside its world, such as backups on this machine; it is called before each schedule.
	Reset func() error
	// Every thins the schedules out: each Every-th point is tried with a crash, and each third of these with a stop request. 1 when zero.
	Every int
	// Kinds are the kinds of schedules to try; all when empty.
	Kinds []ScheduleKind
}

// ScheduleKind says what happens in a schedule: the tool crashes, a connection is lost, or somebody asks to stop.
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
	return k == CrashRecord || k == CrashTorn || k == StopRecord
}

// Schedule is one way in which a run can go.
type Schedule struct {
	Kind ScheduleKind
	At   int // the number of the record or command
}

func (s Schedule) String() string { return fmt.Sprintf("%s %d", s.Kind, s.At) }

// every thins a kind of schedule out. Stops are all taken at the same few points, and rollbacks take two runs each, so
// one that is thinned out tries fewer of them.
func (p RehearsalPlan) every(kind ScheduleKind) int {
	if fewer := kind == StopRecord || kind == StopCommand || kind == RollbackFrom; fewer && p.Every > 1 {
		return 3 * p.Every
	}
	return p.Every
}

// RehearsalReport is what a rehearsal found.
type RehearsalReport struct {
	Records   int // that the straight run journalled
	Commands  int // that it ran
	Schedules int // that were tried
	Failures  []RehearsalFailure
	Straight  *Report
	End       World // the world after the straight run
}

// RehearsalFailure is a schedule that broke an invariant, did not come to its end, or ended in another state than the straight run.
type RehearsalFailure struct {
	Schedule Schedule
	Err      error
}

func (f RehearsalFailure) Error() string { return f.Schedule.String() + ": " + f.Err.Error() }

// Rehearse runs the very runbook that would run live, in a simulated world: straight through, and then again and again
// with the tool crashing, or being asked to stop, at every journal record and around every command, each time followed
// by Resume. The world's invariants must hold throughout and every run must end in the same state; a stop must leave
// nothing unproven and no outage behind. The error is that of the straight run; what the schedules broke is in the
// report.
func Rehearse(ctx context.Context, rb *Runbook, world World, plan RehearsalPlan) (*RehearsalReport, error) {
	if rb == nil || world == nil {
		return nil, errors.New("a rehearsal needs a runbook and a world")
	}
	if plan.Every < 1 {
		plan.Every = 1
	}
	if len(plan.Kinds) == 0 {
		plan.Kinds = append(slices.Clone(scheduleKinds), RollbackFrom)
	}
	r := rehearsal{rb: rb, plan: plan}
	straight := r.run(ctx, world.Clone(), Schedule{})
	report := &RehearsalReport{Straight: straight.report, End: straight.world, Records: straight.records, Commands: straight.commands}
	if straight.err != nil {
		return report, fmt.Errorf("straight through: %w", straight.err)
	}
	want := straight.world.Hash()
	for _, kind := range plan.Kinds {
		if kind == RollbackFrom {
			if err := r.rollbacks(ctx, world, straight, report); err != nil {
				return report, err
			}
			continue
		}
		points := straight.commands
		if kind.atRecords() {
			points = straight.records
		}
		for at := 1; at <= points; at += plan.every(kind) {
			if err := ctx.Err(); err != nil {
				return report, err
			}
			s := Schedule{kind, at}
			got := r.run(ctx, world.Clone(), s)
			if err := ctx.Err(); err != nil {
				return report, err // what the schedule came to says nothing
			}
			report.Schedules++
			err := got.err
			if err == nil && got.world.Hash() != want {
				err = errors.New("it ended in another state than the straight run")
			}
			if err != nil {
				report.Failures = append(report.Failures, RehearsalFailure{s, err})
			}
		}
	}
	return report, nil
}

type rehearsal struct {
	rb   *Runbook
	plan RehearsalPlan
}

type rehearsed struct {
	world             World
	report            *Report
	journal           []Record
	records, commands int
	err               error
}

// maxResumes bounds how often a schedule is taken up again: once for the crash, and a few times for what the crash left behind.
const maxResumes = 6

// run is one schedule: the run, the crash, and the resumes to the end.
func (r rehearsal) run(ctx context.Context, world World, s Schedule) rehearsed {
	if r.plan.Reset != nil {
		if err := r.plan.Reset(); err != nil {
			return rehearsed{world: world, err: err}
		}
	}
	tool := &crashingTool{world: world, schedule: s, stop: make(chan struct{})}
	journal := &dyingJournal{tool: tool}
	out := rehearsed{world: world}
	opts := Options{Journal: journal, Clock: dyingClock{tool, world.Clock()}, Stop: tool.stop, Serial: true,
		RunID: "rehearsal", Holder: "rehearsal"}
	if r.plan.Operator != nil {
		opts.Operator = r.plan.Operator(world)
	}
	start := Run
	for range maxResumes {
		tool.dead = false
		out.report, out.err = start(ctx, r.rb, tool, opts)
		if out.err == nil && !tool.dead {
			break
		}
		if len(journal.Records()) > 0 {
			start = Resume
		}
		if errors.Is(out.err, ErrStopped) {
			if err := r.stopped(ctx, world, out.report); err != nil {
				out.err = err
				break
			}
			tool.stop, opts.Stop = nil, nil // the operator takes it up again
		}
		if s.Kind == StopRecord || s.Kind == StopCommand {
			// The operator went on by hand while the run was stopped, and took a machine away or replaced it: one that a step to come
			// reinstalls. There is no other operator here, and this one knows. Any other loss of a lease is a finding.
			opts.forcible = r.replaceable(out.report)
		}
		var none *noHostError
		if errors.As(out.err, &none) { // the operator resumes when somebody has switched one of them on
			if err := world.Clock().Sleep(ctx, away); err != nil {
				out.err = err
				break
			}
		}
		var v *Violation
		var hold *Pause
		if errors.As(out.err, &v) || errors.As(out.err, &hold) || (s == Schedule{}) {
			break
		}
	}
	out.journal = journal.Records()
	out.records, out.commands = len(out.journal), tool.commands
	if out.err == nil {
		out.err = world.Check()
	} else if werr := world.Check(); werr != nil {
		out.err = errors.Join(out.err, werr)
	}
	return out
}

// replaceable are the hosts that the operator may have replaced ahead of the step that has them reinstalled.
func (r rehearsal) replaceable(report *Report) (hosts []string) {
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
func (r rehearsal) stopped(ctx context.Context, world World, report *Report) error {
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

var errDied = errors.New("the tool crashed")

// crashingTool is the tool as the world sees it: it crashes at its schedule, and from then on nothing of it reaches the world or
// the journal, until it is started again.
type crashingTool struct {
	world    World
	schedule Schedule
	commands int
	changes  int // commands that change something: those with a fence
	records  int
	dead     bool
	turn     sync.Mutex    // an operation may ask several servers at once
	stop     chan struct{} // closed to ask for a stop; nil when that was done
}

// asked asks to stop where that is scheduled.
func (m *crashingTool) asked(kind ScheduleKind, n int) {
	if m.schedule.Kind == kind && m.schedule.At == n && m.stop != nil {
		close(m.stop)
	}
}

// dies tells whether this is the scheduled point, and ends the tool's life there.
func (m *crashingTool) dies(crash ScheduleKind, n int) bool {
	hit := m.schedule.Kind == crash && m.schedule.At == n
	m.dead = m.dead || hit
	return hit
}

// Runner is the way to a machine of the world, for as long as the tool lives.
func (m *crashingTool) Runner(host string) (sshexec.Runner, error) {
	r, err := m.world.Runner(host)
	if err != nil {
		return nil, err
	}
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (res sshexec.Result, err error) {
		died := m.sends(cmd.Fence != nil && cmd.Effect != ReadOnly, func() { res, err = r.Run(ctx, cmd) })
		switch {
		case errors.Is(died, errLost):
			lost := sshexec.Result{Outcome: Unknown}
			return lost, sshexec.Failure(host, cmd, lost, died)
		case died != nil:
			return sshexec.Result{}, died
		}
		return res, err
	}), nil
}

var errLost = errors.New("the connection was lost (rehearsed)")

// sends lets the tool send a command or a document, and says what became of it: nil, errDied or errLost.
func (m *crashingTool) sends(changes bool, send func()) error {
	m.turn.Lock()
	defer m.turn.Unlock()
	if m.dead {
		return errDied
	}
	m.commands++
	if changes {
		m.changes++
	}
	n := m.commands
	m.asked(StopCommand, n)
	if m.dies(CrashBefore, n) {
		return errDied
	}
	send()
	switch {
	case m.dies(CrashAfter, n):
		return errDied
	case m.schedule.Kind == CrashLost && m.schedule.At == n:
		return errLost
	}
	return nil
}

// Dial is the way to a server of the world, where it has one. A dead tool may dial, and sends nothing.
func (m *crashingTool) Dial(ctx context.Context, host, address string) (change.Conn, error) {
	d, ok := m.world.(change.Dialer)
	if !ok {
		return nil, change.ErrNoDialer
	}
	conn, err := d.Dial(ctx, host, address)
	return &crashingConn{conn, m}, err
}

type crashingConn struct {
	change.Conn
	tool *crashingTool
}

// Send sends a document while the tool lives. An error that does not say what became of it counts as unknown.
func (c *crashingConn) Send(ctx context.Context, d change.Doc) (reply string, err error) {
	if died := c.tool.sends(d.Effect != ReadOnly, func() { reply, err = c.Conn.Send(ctx, d) }); died != nil {
		return "", died
	}
	return reply, err
}

// dyingJournal is the journal as a resume would find it on the disk.
type dyingJournal struct {
	MemJournal
	tool *crashingTool
}

// Append writes a record, or dies in the middle of it, or right after it.
func (j *dyingJournal) Append(r Record) error {
	if j.tool.dead {
		return errDied
	}
	j.tool.records++
	if j.tool.dies(CrashTorn, j.tool.records) {
		return errDied // what a resume reads is the journal without the torn record
	}
	if err := j.MemJournal.Append(r); err != nil {
		return err
	}
	j.tool.asked(StopRecord, j.tool.records)
	if j.tool.dies(CrashRecord, j.tool.records) {
		return errDied
	}
	return nil
}

// dyingClock is the world's clock; a dead tool waits for nothing.
type dyingClock struct {
	tool *crashingTool
	Clock
}

// Sleep lets the world's time pass while the tool lives.
func (c dyingClock) Sleep(ctx context.Context, d time.Duration) error {
	if c.tool.dead {
		return errDied
	}
	return c.Clock.Sleep(ctx, d)
}
