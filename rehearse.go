package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// World is a simulated system: a pure state machine with a clock of its own, cheap to clone. Its word, not the tool's, counts for what happened.
type World interface {
	Hosts
	Clock() Clock
	Clone() World
	Hash() string // of the state that matters in the end: two worlds that end alike have the same
	Check() error // the invariants, by the world's own book-keeping
}

// RehearsalPlan says how hard to rehearse.
type RehearsalPlan struct {
	// Attendant makes the person for one run in a world; nil when none is needed.
	Attendant func(World) Attendant
	// Reset clears what a run leaves outside its world, such as backups on this machine; it is called before each schedule.
	Reset func() error
	// Every thins the schedules out: each Every-th point is tried. 1 when zero.
	Every int
	// Kinds are the crashes to try; all when empty.
	Kinds []Crash
}

// Crash says where the tool dies in a schedule.
type Crash string

// The crashes.
const (
	CrashRecord Crash = "after-record"  // right after a journal record was written
	CrashTorn   Crash = "torn-record"   // in the middle of writing a record
	CrashBefore Crash = "before-effect" // a command was sent and never arrived
	CrashAfter  Crash = "after-effect"  // a command took effect and its answer never arrived
	CrashLost   Crash = "lost"          // no crash: the connection breaks after the effect, and the tool lives on
)

// Schedule is one way in which a run can go.
type Schedule struct {
	Crash Crash
	At    int // the number of the record or command
}

func (s Schedule) String() string { return fmt.Sprintf("%s %d", s.Crash, s.At) }

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

// Rehearse runs the very runbook that would run live, in a simulated world: straight through, and then again and again with the tool dying at every journal record and
// around every command, each time followed by Resume. The world's invariants must hold throughout and every run must end in the
// same state. The error is that of the straight run; what the schedules broke is in the report.
func Rehearse(ctx context.Context, rb *Runbook, world World, plan RehearsalPlan) (*RehearsalReport, error) {
	if rb == nil || world == nil {
		return nil, errors.New("a rehearsal needs a runbook and a world")
	}
	if plan.Every < 1 {
		plan.Every = 1
	}
	if len(plan.Kinds) == 0 {
		plan.Kinds = []Crash{CrashRecord, CrashTorn, CrashBefore, CrashAfter, CrashLost}
	}
	r := rehearsal{rb: rb, plan: plan}
	straight := r.run(ctx, world.Clone(), Schedule{})
	report := &RehearsalReport{Straight: straight.report, End: straight.world, Records: straight.records, Commands: straight.commands}
	if straight.err != nil {
		return report, fmt.Errorf("straight through: %w", straight.err)
	}
	want := straight.world.Hash()
	for _, kind := range plan.Kinds {
		points := straight.commands
		if kind == CrashRecord || kind == CrashTorn {
			points = straight.records
		}
		for at := 1; at <= points; at += plan.Every {
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
	tool := &mortal{world: world, schedule: s}
	journal := &dyingJournal{tool: tool}
	out := rehearsed{world: world}
	opts := Options{Journal: journal, Clock: dyingClock{tool, world.Clock()}, Serial: true, RunID: "rehearsal", Holder: "rehearsal"}
	if r.plan.Attendant != nil {
		opts.Attendant = r.plan.Attendant(world)
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
		var v *Violation
		var hold *Hold
		if errors.As(out.err, &v) || errors.As(out.err, &hold) || (s == Schedule{}) {
			break
		}
	}
	out.records, out.commands = len(journal.Records()), tool.commands
	if out.err == nil {
		out.err = world.Check()
	} else if werr := world.Check(); werr != nil {
		out.err = errors.Join(out.err, werr)
	}
	return out
}

var errDied = errors.New("the tool died")

// mortal is the tool as the world sees it: it dies at its schedule, and from then on nothing of it reaches the world or the journal, until it is started again.
type mortal struct {
	world    World
	schedule Schedule
	commands int
	records  int
	dead     bool
}

// dies tells whether this is the scheduled point, and ends the tool's life there.
func (m *mortal) dies(crash Crash, n int) bool {
	hit := m.schedule.Crash == crash && m.schedule.At == n
	m.dead = m.dead || hit
	return hit
}

// Runner is the way to a machine of the world, for as long as the tool lives.
func (m *mortal) Runner(host string) (sshexec.Runner, error) {
	r, err := m.world.Runner(host)
	if err != nil {
		return nil, err
	}
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if m.dead {
			return sshexec.Result{}, errDied
		}
		m.commands++
		n := m.commands
		if m.dies(CrashBefore, n) {
			return sshexec.Result{}, errDied
		}
		res, err := r.Run(ctx, cmd)
		switch {
		case m.dies(CrashAfter, n):
			return sshexec.Result{}, errDied
		case m.schedule.Crash == CrashLost && m.schedule.At == n:
			lost := sshexec.Result{Outcome: Unknown}
			return lost, sshexec.Failure(host, cmd, lost, errors.New("the connection was lost (rehearsed)"))
		}
		return res, err
	}), nil
}

// dyingJournal is the journal as a resume would find it on the disk.
type dyingJournal struct {
	MemJournal
	tool *mortal
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
	if j.tool.dies(CrashRecord, j.tool.records) {
		return errDied
	}
	return nil
}

// dyingClock is the world's clock; a dead tool waits for nothing.
type dyingClock struct {
	tool *mortal
	Clock
}

// Sleep lets the world's time pass while the tool lives.
func (c dyingClock) Sleep(ctx context.Context, d time.Duration) error {
	if c.tool.dead {
		return errDied
	}
	return c.Clock.Sleep(ctx, d)
}
