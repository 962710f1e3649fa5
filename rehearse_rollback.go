package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// rehearseFrom runs a runbook in a simulated world to where a journal stands, crashes there, and resumes to the end.
func rehearseFrom(ctx context.Context, rb *Runbook, world World, plan RehearsalPlan, records []Record) error {
	r, err := newRehearsal(rb, world, plan)
	if err != nil {
		return err
	}
	straight := r.straight(ctx)
	if straight.err != nil {
		return fmt.Errorf("straight through: %w", straight.err)
	}
	at := stands(straight.journal, records)
	if at == 0 {
		return nil // the run has not begun a step
	}
	// What was under way may not have taken effect, or may have, unrecorded.
	for _, s := range []Schedule{{Kind: CrashRecord, At: at}, {Kind: CrashTorn, At: at + 1}} {
		got := r.play(ctx, r.start, s, nil)
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

// rollbacks rehearses rollbacks from points of the straight run, in the order of the run.
func (r *rehearsal) rollbacks(ctx context.Context, t *tries, list []due, known states) error {
	w := r.walk(ctx, r.start, r.way)
	defer w.close()
	for _, s := range list {
		if err := w.reach(s.Schedule); err != nil {
			return err
		}
		s.step = w.at
		if err := r.rollbackFrom(ctx, w.from, s, known, t); err != nil {
			return err
		}
	}
	return nil
}

// rollbackFrom has the tool crash right after a record, and rolls back to the end: without an interruption, and then with one on the way.
func (r *rehearsal) rollbackFrom(ctx context.Context, from moment, s due, known states, t *tries) error {
	found := func(s due, got rehearsed) { t.found(-1, r.tried(s, got), r.plan.Progress) }
	crashed, err := r.crashed(ctx, from, Schedule{Kind: CrashRecord, At: s.At})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		t.skip()
		found(s, rehearsed{err: err})
		return nil
	}
	whole := r.play(ctx, crashed, Schedule{}, known)
	if err := ctx.Err(); err != nil {
		return err // what the schedule came to says nothing
	}
	only := r.plan.Only != (Schedule{}) // one of the two
	if only {
		t.skip()
	}
	if s.Then = r.plan.Only.Then; s.Then == (Interruption{}) || whole.err != nil {
		found(s, whole)
		if only {
			return nil // it is told
		}
		s.Then = whole.interruption(s.At)
	}
	if whole.err != nil || s.Then.At == 0 {
		t.skip()
		return nil //nolint:nilerr // it is told
	}
	r.nth = s.At
	again := r.play(ctx, crashed, Schedule{Kind: s.Then.Kind, At: s.Then.At}, known)
	if err := ctx.Err(); err != nil {
		return err
	}
	if again.err == nil && *again.end != *whole.end {
		again.err = errors.New("it ended in another state than the rollback without interruption")
	}
	if again.err != nil {
		again.err = fmt.Errorf("interrupted in the rollback (%s %d): %w", s.Then.Kind, s.Then.At, again.err)
	}
	found(s, again)
	return nil
}

// interruption is one of a rollback that went through, from a record on: which kind and where is sampled.
func (whole rehearsed) interruption(record int) Interruption {
	kind := scheduleKinds[record%len(scheduleKinds)]
	points := whole.commands
	if kind.atRecords() {
		points = whole.records
	}
	if points == 0 {
		return Interruption{Kind: kind}
	}
	return Interruption{kind, 1 + record*37%points} // 37: other points of the rollback each time
}

// crashed is the moment after a crash, at which a rollback begins.
func (r *rehearsal) crashed(ctx context.Context, from moment, crash Schedule) (moment, error) {
	world := from.world.Clone()
	tool := &crashingTool{world: world, schedule: crash, commands: from.commands, records: from.records}
	journal := &dyingJournal{tool: tool, MemJournal: MemJournal{records: slices.Clip(from.journal)}}
	life, err := r.begun(ctx, from, tool, r.options(world, tool, journal))
	if err == nil {
		_, _, err = live(life, alone)
	}
	if !tool.dead {
		return moment{}, fmt.Errorf("record %d was not reached: %w", crash.At, err)
	}
	local, err := treeOf(r.plan.Local)
	return moment{track: backwards, world: world, journal: journal.Records(), local: local}, err
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
