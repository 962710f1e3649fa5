package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// rehearseFrom runs a runbook in a simulated world to where a journal stands, crashes there, and resumes to the end.
func rehearseFrom(ctx context.Context, rb *Runbook, world World, plan RehearsalPlan, records []Record) error {
	r := &rehearsal{rb: rb, plan: plan}
	local, err := treeOf(plan.Local)
	if err != nil {
		return err
	}
	start := moment{track: forward, world: world, local: local}
	straight := r.play(ctx, start, Schedule{}, states{})
	if straight.err != nil {
		return fmt.Errorf("straight through: %w", straight.err)
	}
	at := stands(straight.journal, records)
	if at == 0 {
		return nil // the run has not begun a step
	}
	// What was under way may not have taken effect, or may have, unrecorded.
	for _, s := range []Schedule{{CrashRecord, at}, {CrashTorn, at + 1}} {
		got := r.play(ctx, start, s, nil)
		if got.err == nil && *got.end != *straight.end {
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
func (r *rehearsal) rollbacks(ctx context.Context, start moment, straight rehearsed, report *RehearsalReport) error {
	w := r.walk(ctx, start)
	defer w.close()
	known := states{}
	for n := 0; r.left([]ScheduleKind{RollbackFrom}, w.now, straight); {
		from, more, err := w.step()
		if err != nil || !more {
			return err
		}
		for at := from.records + 1; at <= w.now.records; at++ {
			if !r.due(RollbackFrom, at) {
				continue
			}
			if err := r.rollbackFrom(ctx, from, Schedule{CrashRecord, at}, n, known, func(got rehearsed) {
				report.tried(w.at, Schedule{RollbackFrom, at}, got)
			}); err != nil {
				return err
			}
			n++
		}
	}
	return nil
}

// rollbackFrom has the tool crash right after a record, and rolls back to the end: without an interruption, and then with one on the way.
func (r *rehearsal) rollbackFrom(ctx context.Context, from moment, crash Schedule, n int, known states, tried func(rehearsed)) error {
	crashed, err := r.crashed(ctx, from, crash)
	if err != nil {
		tried(rehearsed{err: err})
		return ctx.Err()
	}
	whole := r.play(ctx, crashed, Schedule{}, known)
	if err := ctx.Err(); err != nil {
		return err // what the schedule came to says nothing
	}
	tried(whole)
	inner := Schedule{Kind: scheduleKinds[n%len(scheduleKinds)]}
	points := whole.commands
	if inner.Kind.atRecords() {
		points = whole.records
	}
	if whole.err != nil || points == 0 {
		return nil //nolint:nilerr // it is told
	}
	inner.At = 1 + n*37%points // 37: other points of the rollback each time
	again := r.play(ctx, crashed, inner, known)
	if err := ctx.Err(); err != nil {
		return err
	}
	if again.err == nil && *again.end != *whole.end {
		again.err = errors.New("it ended in another state than the rollback without interruption")
	}
	if again.err != nil {
		again.err = fmt.Errorf("interrupted in the rollback (%s): %w", inner, again.err)
	}
	tried(again)
	return nil
}

// crashed is the moment after a crash, at which a rollback begins.
func (r *rehearsal) crashed(ctx context.Context, from moment, crash Schedule) (moment, error) {
	world := from.world.Clone()
	tool := &crashingTool{world: world, schedule: crash, commands: from.commands, records: from.records}
	journal := &dyingJournal{tool: tool, MemJournal: MemJournal{records: slices.Clip(from.journal)}}
	life, err := r.begun(ctx, from, tool, r.options(world, tool, journal))
	if err == nil {
		_, _, err = live(life, func(*Life, Decision) bool { return false })
	}
	if !tool.dead {
		return moment{}, fmt.Errorf("record %d was not reached: %w", crash.At, err)
	}
	local, err := treeOf(r.plan.Local)
	return moment{track: backward, world: world, journal: journal.Records(), local: local}, err
}

// restored tells whether a rollback that reached the beginning left the world as it was before the run, or said what differs.
func (r *rehearsal) restored(out rehearsed) error {
	st := out.report.State
	if st.RollingBack() {
		return errors.New("the rollback says that it ended, and its journal does not")
	}
	if out.report.Barrier != nil || st.Rollback == nil || st.Rollback.Run.EndsRun || len(out.report.Differs) > 0 ||
		out.world.Hash() == r.before {
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
