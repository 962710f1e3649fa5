package evenkeel

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// tries are the schedules of a rehearsal, and what the workers have found of them. Each worker walks the straight run by itself and takes
// the next batch that nobody has: the schedules that go apart between the same two decisions.
type tries struct {
	space int
	list  []due
	batch []span // of list
	backs []due  // crashes from which the run is rolled back; each is two schedules

	mu      sync.Mutex
	next    int      // of batch
	n       int      // that were tried
	done    []*tried // of list
	backed  []tried
	skipped int // schedules within a rollback that has no point at which to be interrupted
}

// span is a part of a list: from first up to end, without it.
type span struct{ first, end int }

// batches are the spans of schedules that go apart at the same place, in the order of the run.
func batches(list []due) (spans []span) {
	for i := range list {
		if i == 0 || list[i].place != list[i-1].place {
			spans = append(spans, span{i, i})
		}
		spans[len(spans)-1].end = i + 1
	}
	return spans
}

// rounds is how many times a rehearsal that may not reach its end goes through the run.
const rounds = 16

// spread has a rehearsal whose time is limited go through the run several times, each time at other places: it has been everywhere a little
// when the time is over, and not only at the beginning.
func spread(spans []span) (list []span) {
	for _, first := range roundsFrom {
		list = append(list, round(spans, first)...)
	}
	return list
}

// roundsFrom is where each round begins: far from those before it.
var roundsFrom = [rounds]int{0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15}

// round is what one round through the run has of a list.
func round[T any](all []T, first int) (list []T) {
	for i := first; i < len(all); i += rounds {
		list = append(list, all[i])
	}
	return list
}

// tries are the schedules that are due.
func (r *rehearsal) tries(ctx context.Context, straight rehearsed) *tries {
	t := &tries{}
	t.list, t.space = r.schedules(straight)
	if t.batch = batches(t.list); limited(ctx) {
		t.batch = spread(t.batch)
	}
	t.done = make([]*tried, len(t.list))
	if r.plan.tries(RollbackFrom) {
		t.space += 2 * straight.records
	}
	for at := 1; at <= straight.records; at++ {
		if r.plan.due(RollbackFrom, at) {
			t.backs = append(t.backs, due{Schedule: Schedule{Kind: RollbackFrom, At: at}})
		}
	}
	if r.plan.Only != (Schedule{}) {
		t.space = t.of()
	}
	return t
}

// of is how many schedules are due. Of two in one rollback a plan with Only names one.
func (t *tries) of() int { return len(t.list) + 2*len(t.backs) - t.skipped }

func limited(ctx context.Context) bool {
	_, is := ctx.Deadline()
	return is
}

// take gives a worker its next batch.
func (t *tries) take() (first, end int, more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == len(t.batch) {
		return 0, 0, false
	}
	t.next++
	return t.batch[t.next-1].first, t.batch[t.next-1].end, true
}

// found keeps what became of a schedule: of the one with that index in the list, or of a rollback where it is below zero.
func (t *tries) found(index int, one tried, progress func(tried, of int)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n++; index < 0 {
		t.backed = append(t.backed, one)
	} else {
		t.done[index] = &one
	}
	if progress != nil {
		progress(t.n, t.of())
	}
}

// skip leaves out the second schedule of a rollback.
func (t *tries) skip() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.skipped++
}

// report counts what was tried, in the order of the run, whoever has tried it.
func (t *tries) report(report *RehearsalReport) {
	for _, one := range t.done {
		if one != nil {
			report.tried(*one)
		}
	}
	slices.SortStableFunc(t.backed, func(a, b tried) int { return a.At - b.At })
	for _, one := range t.backed {
		report.tried(one)
	}
	report.Left, report.Space = t.of()-report.Schedules, t.space-t.skipped
}

// work has the workers try all. The first error ends it.
func (t *tries) work(ctx context.Context, first *rehearsal) error {
	within, stop := context.WithCancel(ctx)
	defer stop()
	workers := max(1, min(first.plan.Workers, len(t.list)+len(t.backs)))
	if first.plan.Another == nil && first.plan.Local != "" {
		workers = 1
	}
	errs := make([]error, workers)
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			if errs[i] = t.worker(within, first, i, workers); errs[i] != nil {
				stop()
			}
		})
	}
	all.Wait()
	errs = slices.DeleteFunc(errs, func(err error) bool {
		return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	})
	return errors.Join(append(errs, ctx.Err())...)
}

// worker is one of several. The first one has the rollbacks: each of them may end in a state in which the one before it was.
func (t *tries) worker(ctx context.Context, first *rehearsal, i, of int) error {
	if i > 0 {
		r, err := first.another(ctx)
		if err != nil {
			return err
		}
		err = r.faults(ctx, t, len(t.batch))
		if done := r.done(); done != nil { // before that of the context, which is expected
			return done
		}
		return err
	}
	known := states{}
	if limited(ctx) { // some of both in each round
		for _, from := range roundsFrom {
			if err := first.rollbacks(ctx, t, round(t.backs, from), known); err != nil {
				return err
			}
			if err := first.faults(ctx, t, 1+len(t.batch)/rounds); err != nil {
				return err
			}
		}
		return nil
	}
	if of > 1 { // what only this one does comes first
		if err := first.rollbacks(ctx, t, t.backs, known); err != nil {
			return err
		}
		return first.faults(ctx, t, len(t.batch))
	}
	if err := first.faults(ctx, t, len(t.batch)); err != nil {
		return err
	}
	return first.rollbacks(ctx, t, t.backs, known)
}

// another makes the rehearsal once more, up to where its straight run has ended.
func (r *rehearsal) another(ctx context.Context) (*rehearsal, error) {
	rb, world, plan := r.original, r.start.world.Clone(), r.plan
	if plan.Another != nil {
		var err error
		if rb, world, plan.Local, err = plan.Another(); err != nil {
			return nil, err
		}
	}
	again, err := newRehearsal(rb, world, plan)
	if err != nil {
		return nil, err
	}
	straight := again.straight(ctx)
	if err := ctx.Err(); err != nil {
		if done := again.done(); done != nil {
			return nil, done
		}
		return nil, err
	}
	if straight.err != nil || *straight.end != r.end {
		return nil, errors.Join(errors.New("another worker's straight run ended otherwise: the world or its operator is not the same each time"),
			straight.err, again.done())
	}
	return again, nil
}
