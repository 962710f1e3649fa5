package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	// Operator makes the operator for one run in a world, also for one that begins in the middle; nil when none is needed. Workers call it
	// at the same time.
	Operator func(World) Operator
	// Local is the directory on this machine that a run writes to, such as its backups, beside its world; empty for none. A rehearsal
	// puts it back as it was before each schedule, and in the end.
	Local string
	// Every thins the schedules out: each Every-th point is tried with a crash, each third of these with a stop request, and each sixth with
	// each kind of fault, and of the points within rollbacks each third of that. 1 when zero.
	Every int
	// Kinds are the kinds of schedules to try; all but faults when empty. AnyFault is all kinds of faults.
	Kinds []ScheduleKind
	// Only is the one schedule to try, to its end, whatever Every and Kinds say; the zero value is none. One that the run does not have is
	// an error.
	Only Schedule

	// Pairs is how many pairs are tried at most: a crash, a lost answer or a fault of the wanted kinds, and a second one later in the same
	// run. The first ones are spread over the steps. Of the second ones half lie in the recovery, which is what follows in the same step and
	// what a resume begins with, a quarter later at another machine, and a quarter later anywhere, as far as there are so many. Every does
	// not thin them out. None when zero.
	Pairs int

	// Workers is how many schedules are tried at the same time; 1 when zero. What the report says does not depend on it. Rollbacks without
	// an interruption are tried by one of them.
	Workers int
	// Another makes the same rehearsal once more, for another worker: a runbook and a world that share nothing with the first ones, and
	// another directory for Local. Where it is nil the workers share the runbook, and each has a clone of the world; with Local there is one
	// worker then.
	Another func() (rb *Runbook, w World, local string, err error)

	// Outages reads by the world's own book-keeping how long it was without something; nil where it cannot tell.
	Outages func(World) []RehearsalOutage
	// Progress is told how many of the schedules have been tried, one call at a time; may be nil.
	Progress func(tried, of int)
	// Tell is told what happens in the schedule that Only names, in the order in which it happens; may be nil.
	Tell func(RehearsalMoment)

	// Whole takes every schedule to its end, also one that comes to a state from which another run went on that ended well. It takes several
	// times as long, and reports the same but for Met: who writes a Fingerprint tests it by that.
	Whole bool
}

// Rehearse runs the very runbook that would run live, in a simulated world: straight through, and then again and again
// with the tool crashing, or being asked to stop, at every journal record and around every command, each time followed by
// Resume; with another operator who takes the run over while the tool is suspended before a command; and the same within
// rollbacks (RollbackFrom). With AnyFault every command of a Faulty world meets every fault, too. The world's invariants
// must hold throughout and every run must end in the same state; a stop must leave nothing unproven and no outage behind,
// and takes an hour. Who cannot reach the end must be able to roll back. The error is that of the straight run, or of a
// context that ended before all was tried; what the schedules broke is in the report. The runbook must not be changed
// meanwhile.
func Rehearse(ctx context.Context, rb *Runbook, world World, plan RehearsalPlan) (report *RehearsalReport, err error) {
	if rb == nil || world == nil {
		return nil, errors.New("a rehearsal needs a runbook and a world")
	}
	plan.Every, plan.Workers = max(plan.Every, 1), max(plan.Workers, 1)
	if len(plan.Kinds) == 0 {
		plan.Kinds = append(slices.Clone(scheduleKinds), RollbackFrom)
	}
	if err := plan.known(world); err != nil {
		return nil, err
	}
	r, err := newRehearsal(rb, world, plan)
	if err != nil {
		return nil, err
	}
	defer func() {
		done := r.done()
		if end := ctx.Err(); done != nil && end != nil && errors.Is(err, end) {
			err = nil // that the context has ended hides nothing
		}
		err = errors.Join(err, done)
	}()
	straight := r.straight(ctx)
	report = &RehearsalReport{Straight: straight.report, End: straight.world, Records: straight.records, Commands: straight.commands}
	if straight.err != nil {
		if err := ctx.Err(); err != nil {
			return report, err // what the run came to says nothing
		}
		return report, fmt.Errorf("straight through: %w", straight.err)
	}
	report.worst(tried{outages: straight.outages})
	if err := straight.has(append(slices.Clone(plan.Kinds), plan.Only.Kind)); err != nil {
		return report, err
	}
	t := r.tries(ctx, straight)
	if plan.Only != (Schedule{}) && t.of() == 0 {
		return report, fmt.Errorf("%w %q: %d journal records, %d commands", ErrNoSchedule, plan.Only, straight.records, straight.commands)
	}
	if err = t.work(ctx, r); err == nil {
		err = r.shrink(ctx, t)
	}
	if t.report(report); err == nil && report.Left != 0 {
		err = fmt.Errorf("%d schedules were not tried, and nothing says why", report.Left)
	}
	return report, err
}

// ErrNoSchedule says that RehearsalPlan.Only or Kinds names what the run does not have. Nothing was tried.
var ErrNoSchedule = errors.New("the run has no schedule")

// known is an error where the world can have no faults, and some are wanted.
func (p RehearsalPlan) known(world World) error {
	kinds := p.Kinds
	if p.Only != (Schedule{}) {
		kinds = []ScheduleKind{p.Only.Kind, p.Only.Then.Kind}
	}
	if _, can := world.(Faulty); can {
		return nil
	}
	for _, kind := range kinds {
		if kind.fault() {
			return fmt.Errorf("a rehearsal of the kind %q needs a world that is Faulty, and this one is not", kind)
		}
	}
	return nil
}
