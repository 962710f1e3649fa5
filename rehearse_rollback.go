package evenkeel

import (
	"context"
	"errors"
	"fmt"
)

// rehearseFrom runs a runbook in a simulated world to where a journal stands, crashes there, and resumes to the end.
func rehearseFrom(ctx context.Context, rb *Runbook, world World, plan RehearsalPlan, records []Record) error {
	r := rehearsal{rb: rb, plan: plan}
	straight := r.run(ctx, world.Clone(), Schedule{})
	if straight.err != nil {
		return fmt.Errorf("straight through: %w", straight.err)
	}
	at := stands(straight.journal, records)
	if at == 0 {
		return nil // the run has not begun a step
	}
	// What was under way may not have taken effect, or may have, unrecorded.
	for _, s := range []Schedule{{CrashRecord, at}, {CrashTorn, at + 1}} {
		got := r.run(ctx, world.Clone(), s)
		if got.err == nil && got.world.Hash() != straight.world.Hash() {
			got.err = errors.New("it ends in another state than a run without interruption")
		}
		if got.err != nil {
			return fmt.Errorf("from where the run stands: %w", got.err)
		}
	}
	return nil
}

// stands is the number of the record in a rehearsed journal at which another journal stands; 0 where it has begun no step.
func stands(rehearsed, records []Record) int {
	type place struct {
		kind         Kind
		step, action string
		phase        Phase
	}
	places := map[place]int{}
	for i, r := range rehearsed {
		if r.Step != "" {
			places[place{r.Kind, r.Step, r.Action, r.Phase}] = i + 1
		}
	}
	for i := len(records) - 1; i >= 0; i-- {
		r := records[i]
		if at := places[place{r.Kind, r.Step, r.Action, r.Phase}]; at > 0 {
			return at
		}
	}
	return 0
}

// RollbackFrom is a rollback from every point: the tool crashes right after a journal record and is started again to
// roll back. Each is followed by one in which it crashes, or is asked to stop, within the rollback; where and how is
// sampled.
const RollbackFrom ScheduleKind = "rollback-from"

// rollbacks rehearses rollbacks from every point of the straight run.
func (r rehearsal) rollbacks(ctx context.Context, world World, straight rehearsed, report *RehearsalReport) error {
	fail := func(at int, err error) {
		if err != nil {
			report.Failures = append(report.Failures, RehearsalFailure{Schedule{RollbackFrom, at}, err})
		}
	}
	for n, at := 0, 1; at <= straight.records; n, at = n+1, at+r.plan.every(RollbackFrom) {
		if err := ctx.Err(); err != nil {
			return err
		}
		whole := r.rollbackFrom(ctx, world.Clone(), at, Schedule{})
		if err := ctx.Err(); err != nil {
			return err // what the schedule came to says nothing
		}
		report.Schedules++
		fail(at, whole.err)
		inner := Schedule{Kind: scheduleKinds[n%len(scheduleKinds)]}
		points := whole.commands
		if inner.Kind.atRecords() {
			points = whole.records
		}
		if whole.err != nil || points == 0 {
			continue
		}
		inner.At = 1 + n*37%points // 37: other points of the rollback each time
		again := r.rollbackFrom(ctx, world.Clone(), at, inner)
		if err := ctx.Err(); err != nil {
			return err
		}
		report.Schedules++
		if again.err == nil && again.world.Hash() != whole.world.Hash() {
			again.err = errors.New("it ended in another state than the rollback without interruption")
		}
		if again.err != nil {
			fail(at, fmt.Errorf("interrupted in the rollback (%s): %w", inner, again.err))
		}
	}
	return nil
}

// rollbackFrom runs until right after a record, crashes, and rolls back to the end, interrupted on the way. The records
// and commands are those of the rollback.
func (r rehearsal) rollbackFrom(ctx context.Context, world World, at int, inner Schedule) rehearsed {
	out := rehearsed{world: world}
	if r.plan.Reset != nil {
		if out.err = r.plan.Reset(); out.err != nil {
			return out
		}
	}
	before := world.Hash()
	tool := &crashingTool{world: world, schedule: Schedule{CrashRecord, at}}
	journal := &dyingJournal{tool: tool}
	opts := Options{Journal: journal, Clock: dyingClock{tool, world.Clock()}, Serial: true, RunID: "rehearsal", Holder: "rehearsal"}
	if r.plan.Operator != nil {
		opts.Operator = r.plan.Operator(world)
	}
	if _, err := Run(ctx, r.rb, tool, opts); !tool.dead {
		out.err = fmt.Errorf("record %d was not reached: %w", at, err)
		return out
	}
	*tool = crashingTool{world: world, schedule: inner, stop: make(chan struct{})}
	opts.Stop = tool.stop
	run := len(journal.Records())
	for range maxResumes {
		tool.dead = false
		out.report, out.err = Rollback(ctx, r.rb, tool, opts)
		if out.err == nil && !tool.dead || errors.As(out.err, new(*Violation)) || errors.As(out.err, new(*Pause)) ||
			errors.As(out.err, new(*CannotRollBackError)) {
			break
		}
		if errors.Is(out.err, ErrStopped) {
			tool.stop, opts.Stop = nil, nil // the operator calls it again
		}
	}
	out.journal = journal.Records()[run:]
	out.records, out.commands = len(out.journal), tool.commands
	switch {
	case errors.As(out.err, new(*CannotRollBackError)):
		out.err = nil // it says so, and does nothing
		if tool.changes > 0 {
			out.err = errors.New("the rollback says that it cannot go back, and changed something all the same")
		}
	case out.err == nil:
		out.err = r.restored(out, before)
	}
	out.err = errors.Join(out.err, world.Check())
	return out
}

// restored tells whether a rollback that reached the beginning left the world as it was before the run, or said what differs.
func (r rehearsal) restored(out rehearsed, before string) error {
	st := out.report.State
	if st.RollingBack() {
		return errors.New("the rollback says that it ended, and its journal does not")
	}
	if out.report.Barrier != nil || st.Rollback == nil || st.Rollback.Run.EndsRun || len(out.report.Differs) > 0 ||
		out.world.Hash() == before {
		return nil //nolint:nilerr // a barrier is where a rollback ends, not a failure of it
	}
	for i := range r.rb.Steps {
		s := &r.rb.Steps[i]
		ss := st.Step(s.ID)
		if s.Harmless != "" { // nothing of it was undone, and it is to be done again
			ss = st.Rollback.before.Step(s.ID)
		}
		if r.rb.Compare == nil && ss.Touched() && ss.changed(s) {
			return nil // a step that may stay made the difference, perhaps, and nobody can compare
		}
	}
	return errors.New("everything was undone, the world is not what it was before the run, and the report names no difference")
}
