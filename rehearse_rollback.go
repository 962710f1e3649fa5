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
		if got.err == nil && got.end.hash != straight.end.hash {
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
	places := map[recorded]int{}
	for i, r := range rehearsed {
		if r.Step != "" {
			places[r.place()] = i + 1
		}
	}
	for i := len(records) - 1; i >= 0; i-- {
		r := records[i]
		if at := places[r.place()]; at > 0 {
			return at
		}
	}
	return 0
}

// recorded is what a record is about, whoever wrote it and when.
type recorded struct {
	kind         Kind
	step, action string
	phase        Phase
}

func (r Record) place() recorded { return recorded{r.Kind, r.Step, r.Action, r.Phase} }

// RollbackFrom is a rollback from every point: the tool crashes right after a journal record and is started again to
// roll back. Within each rollback all is tried that is tried in the run, at the points that no rollback from an earlier
// record came by: until it comes to a step in a state in which one of those was. Where no other kind is wanted it is
// all but faults.
const RollbackFrom ScheduleKind = "rollback-from"

// Staffed is a World in which people do a part of the run by themselves, such as a technician who replaces a machine once it is backed up.
type Staffed interface {
	// CallOff is what the operator tells them who rolls the run back: what they were still to do for it they do not do.
	CallOff()
}

// callOff tells the people of a world that the run is being rolled back.
func callOff(world World) {
	if w, can := world.(Staffed); can {
		w.CallOff()
	}
}

// rolled is a rollback from a record of the straight run.
type rolled struct {
	due
	whole rehearsed // without an interruption
	plain *tried    // what that came to
	list  []due     // what is to happen within it, by its own numbers
	done  []*tried  // of list
	first int       // how many such schedules rollbacks from earlier records have
}

// rollbacks rehearses rollbacks from points of the straight run, in the order of the run.
func (r *rehearsal) rollbacks(ctx context.Context, t *tries, list []*rolled) error {
	w := r.walk(ctx, r.start, r.way)
	defer w.close()
	for _, b := range list {
		if err := w.reach(b.Schedule); err != nil {
			return err
		}
		b.step = w.at
		if err := r.rollback(ctx, w.from, b, t); err != nil {
			return err
		}
	}
	return nil
}

// rollback has the tool crash right after a record, and rolls back to the end without an interruption.
func (r *rehearsal) rollback(ctx context.Context, from moment, b *rolled, t *tries) error {
	defer t.rollsBack()()
	crashed, err := r.crashed(ctx, from, b.At)
	if err == nil {
		b.whole = r.play(ctx, crashed, Schedule{}, t.known)
		err = b.whole.err
	}
	if err := ctx.Err(); err != nil {
		return err // what the schedule came to says nothing
	}
	if b.whole.err = err; err != nil || r.plan.Only.Then == (Interruption{}) {
		t.found(&b.plain, r.tried(b.due, b.whole), r.plan.Progress)
	}
	b.whole.world, b.whole.report, b.whole.journal = r.start.world, nil, nil // there are many
	return nil
}

// own is what of a rollback without an interruption is its own: the places before each decision, until it comes to a step in a state from
// which a rollback from an earlier record ended well. Nothing is where it begins there.
func (b *rolled) own(before states) []passed {
	places, met := append(slices.Clip(b.whole.passed), passed{"", b.whole.records, b.whole.commands}), -1
	if len(b.whole.passed) == 0 { // it is refused, or there is nothing to do
		b.whole.arrivals = []noted{{key: fmt.Sprint("nothing is done, and it ends so: ", *b.whole.end)}}
	}
	for _, a := range b.whole.arrivals {
		if before[a.key].serves(a.left) && !a.out {
			met = a.place
			break
		}
		if before[a.key].end == nil {
			before[a.key] = state{end: b.whole.end, left: a.left}
		}
	}
	switch {
	case met == 0:
		return nil
	case met > 0:
		return places[:met+1]
	case b.whole.merged: // with the last one
		return b.whole.passed
	}
	return places
}

// within tries what can happen within rollbacks, as far as no other worker does: of as many rollbacks at most.
func (r *rehearsal) within(ctx context.Context, t *tries, most int) error {
	w := r.walk(ctx, r.start, r.way)
	defer func() { w.close() }()
	for range most {
		b := t.takeBack()
		if b == nil {
			return nil
		}
		if b.behind(w.from) { // another round through the run
			w.close()
			w = r.walk(ctx, r.start, r.way)
		}
		if err := w.reach(b.Schedule); err != nil {
			return err
		}
		if err := r.interrupted(ctx, w.from, b, t); err != nil {
			return err
		}
	}
	return nil
}

// interrupted tries what can happen within one rollback.
func (r *rehearsal) interrupted(ctx context.Context, from moment, b *rolled, t *tries) error {
	defer t.rollsBack()()
	crashed, err := r.crashed(ctx, from, b.At)
	if err != nil {
		return err
	}
	c := course{"the rollback without interruption", t.known, *b.whole.end, true}
	found := func(i int, one tried) {
		if one.err != nil {
			one.err = fmt.Errorf("interrupted in the rollback (%s): %w", one.Schedule, one.err)
		}
		one.Schedule, one.step = Schedule{b.Kind, b.At, Interruption{one.Kind, one.At}}, b.step
		t.found(&b.done[i], one, r.plan.Progress)
	}
	r.nth = b.first
	if r.plan.Only != (Schedule{}) || len(b.whole.passed) == 0 { // its story begins with the rollback; one that is refused decides nothing
		for i, s := range b.list {
			r.nth++
			one, _, err := r.fault(ctx, crashed, c, s)
			if err != nil {
				return err
			}
			found(i, one)
		}
		return nil
	}
	w := r.walk(ctx, crashed, b.whole.passed)
	defer w.close()
	for _, s := range batches(b.list) {
		if err := r.batch(ctx, w, c, b.list[s.first:s.end], func(i int, one tried) { found(s.first+i, one) }); err != nil {
			return err
		}
	}
	return nil
}

// crashed is the moment after a crash right after a record, at which a rollback begins.
func (r *rehearsal) crashed(ctx context.Context, from moment, record int) (moment, error) {
	world := from.world.Clone()
	tool := (&crashingTool{world: world}).goes(from, Schedule{Kind: CrashRecord, At: record})
	journal := &dyingJournal{tool: tool, MemJournal: MemJournal{records: slices.Clip(from.journal)}}
	life, err := r.begun(ctx, from, tool, r.options(world, tool, journal))
	if err == nil {
		_, _, err = live(life, alone)
	}
	if !tool.dead {
		return moment{}, fmt.Errorf("record %d was not reached: %w", record, err)
	}
	callOff(world)
	local, err := treeOf(r.plan.Local)
	return moment{track: backwards, world: world, journal: journal.Records(), local: local, record: record}, err
}
