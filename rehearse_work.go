package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// tries are the schedules of a rehearsal, and what the workers have found of them. Each worker walks the straight run by itself and takes
// the next batch that nobody has: the schedules that go apart between the same two decisions. What can happen within rollbacks is known
// when all rollbacks were played.
type tries struct {
	only  bool
	space int
	list  []due
	batch []span // of list
	backs []*rolled

	known  states        // of the rollbacks without an interruption
	rolled chan struct{} // closed when all of these were played

	mu     sync.Mutex
	next   int // of batch
	n      int // that were tried
	done   []*tried
	inner  []*rolled // those within which something is to be tried, in the order in which they are taken
	within int       // schedules within rollbacks
	part   RehearsedRollbacks

	straight rehearsed
	most     int           // pairs to be tried
	pairs    []*paired     // in the order of the run
	seconds  int           // of pairs
	chosen   chan struct{} // closed when the pairs are known
	queue    []*paired     // those with a second part, in the order in which they are taken
	paired   int           // of queue: those that were taken
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
func spread[T any](all []T) (list []T) {
	for _, first := range roundsFrom {
		list = append(list, round(all, first)...)
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

// tries are the schedules that are due. Pairs are chosen later, but for one that was asked for by its name.
func (r *rehearsal) tries(ctx context.Context, straight rehearsed) *tries {
	t := &tries{only: r.plan.Only != Schedule{}, known: states{}, rolled: make(chan struct{}), straight: straight,
		most: r.plan.Pairs, chosen: make(chan struct{})}
	t.list, t.space = r.schedules(straight, passed{}, append(straight.passed, passed{"", straight.records, straight.commands}),
		func(kind ScheduleKind, at int) (counts, due bool) { return r.plan.tries(kind), r.plan.due(kind, at) })
	if t.batch = batches(t.list); limited(ctx) {
		t.batch = spread(t.batch)
	}
	t.done = make([]*tried, len(t.list))
	if r.plan.tries(RollbackFrom) {
		t.space += straight.records
	}
	for at := 1; at <= straight.records; at++ {
		if r.plan.due(RollbackFrom, at) {
			t.backs = append(t.backs, &rolled{due: due{Schedule: Schedule{Kind: RollbackFrom, At: at}}})
		}
	}
	switch {
	case r.plan.Only.pair():
		t.most = 0
		t.named(r, r.plan.Only)
	case t.only:
		t.most = 0
	}
	return t
}

// of is how many schedules are due, as far as that is known by now.
func (t *tries) of() int {
	all := len(t.list) + len(t.backs) + t.within + max(t.seconds, t.most)
	if t.only {
		return min(all, 1)
	}
	return all
}

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

// takeBack gives a worker the next rollback within which something is to be tried; nil where there is none.
func (t *tries) takeBack() *rolled {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.inner) == 0 {
		return nil
	}
	b := t.inner[0]
	t.inner = t.inner[1:]
	return b
}

// found keeps what became of a schedule.
func (t *tries) found(place **tried, one tried, progress func(tried, of int)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	*place = &one
	if progress != nil {
		progress(t.n, t.of())
	}
}

// rollsBack measures the time that a worker spends with rollbacks.
func (t *tries) rollsBack() (end func()) {
	began := WallClock{}.Now()
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.part.Took += WallClock{}.Now().Sub(began)
	}
}

// lookInside finds out what can happen within the rollbacks: all of them were played.
func (t *tries) lookInside(ctx context.Context, r *rehearsal) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer close(t.rolled)
	before, points := states{}, map[ScheduleKind]int{}
	for _, b := range t.backs {
		if b.whole.err != nil {
			continue
		}
		places := b.own(before)
		if len(places) == 0 {
			continue
		}
		var space int
		b.list, space = r.schedules(b.whole, passed{}, places, func(kind ScheduleKind, at int) (counts, due bool) {
			if t.only {
				then := Interruption{kind, at} == r.plan.Only.Then
				return then, then
			}
			points[kind]++
			return r.plan.triesWithin(kind), r.plan.dueWithin(kind, points[kind])
		})
		b.done, b.first = make([]*tried, len(b.list)), t.within
		t.space, t.within, t.part.Apart = t.space+space, t.within+len(b.list), t.part.Apart+1
		if len(b.list) > 0 {
			t.inner = append(t.inner, b)
		}
		if len(b.list) == 0 && t.only && r.plan.Only.Then != (Interruption{}) {
			return fmt.Errorf("%w %q: its rollback has %d journal records, %d commands", ErrNoSchedule, r.plan.Only, b.whole.records,
				b.whole.commands)
		}
	}
	if limited(ctx) {
		t.inner = spread(t.inner)
	}
	return nil
}

// report counts what was tried, in the order of the run, whoever has tried it.
func (t *tries) report(report *RehearsalReport) {
	all := append([]*tried{}, t.done...)
	for _, b := range t.backs {
		all = append(append(all, b.plain), b.done...)
	}
	for _, one := range all {
		if one == nil {
			continue
		}
		report.tried(*one)
		switch {
		case one.Then != Interruption{}:
			t.part.Within++
		case one.Kind == RollbackFrom:
			t.part.Played++
		}
	}
	t.reportPairs(report)
	report.Left, report.Space, report.Rollbacks = t.of()-report.Schedules-report.Pairs.Tried, t.space, t.part
	if t.only {
		report.Space = len(t.list) + min(len(t.backs), 1) + len(t.pairs)
	}
}

// work has the workers try all. The first error ends it.
func (t *tries) work(ctx context.Context, first *rehearsal) error {
	within, stop := context.WithCancel(ctx)
	defer stop()
	workers := max(1, min(first.plan.Workers, len(t.list)+len(t.backs)+t.most))
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
	var wrong []error
	for _, err := range errs {
		if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			wrong = append(wrong, err)
		}
	}
	if len(wrong) > 0 { // alone: that the context has ended meanwhile hides none of it
		return errors.Join(wrong...)
	}
	return ctx.Err()
}

// worker is one of several. The first one plays the rollbacks: each of them may end in a state in which one before it was.
func (t *tries) worker(ctx context.Context, first *rehearsal, i, of int) error {
	if i == 0 {
		return t.leads(ctx, first, of)
	}
	r, err := first.another(ctx)
	if err != nil {
		return err
	}
	if err = r.faults(ctx, t, len(t.batch)); err == nil {
		err = r.pairsWhenChosen(ctx, t)
	}
	if err == nil {
		select {
		case <-t.rolled:
			err = r.within(ctx, t, len(t.backs))
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if done := r.done(); done != nil { // before that of the context, which is expected
		return done
	}
	return err
}

// leads is the work of the first worker.
func (t *tries) leads(ctx context.Context, r *rehearsal, of int) error {
	if err := r.choosePairs(ctx, t); err != nil {
		return err
	}
	all := func() error {
		if err := r.faults(ctx, t, len(t.batch)); err != nil {
			return err
		}
		return r.pairs(ctx, t, len(t.queue))
	}
	if limited(ctx) { // some of all in each round
		for _, from := range roundsFrom {
			if err := r.rollbacks(ctx, t, round(t.backs, from)); err != nil {
				return err
			}
			if err := r.faults(ctx, t, 1+len(t.batch)/(2*rounds)); err != nil {
				return err
			}
			if err := r.pairs(ctx, t, 1+len(t.queue)/rounds); err != nil {
				return err
			}
		}
		if err := t.lookInside(ctx, r); err != nil {
			return err
		}
		for range rounds {
			if err := r.within(ctx, t, 1+len(t.backs)/rounds); err != nil {
				return err
			}
			if err := r.faults(ctx, t, 1+len(t.batch)/(2*rounds)); err != nil {
				return err
			}
		}
		return nil
	}
	if of == 1 { // else what only this one does comes first
		if err := all(); err != nil {
			return err
		}
	}
	if err := r.rollbacks(ctx, t, t.backs); err != nil {
		return err
	}
	if err := t.lookInside(ctx, r); err != nil {
		return err
	}
	if err := all(); err != nil {
		return err
	}
	return r.within(ctx, t, len(t.backs))
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
	if straight.err != nil || straight.end.hash != r.end.hash {
		return nil, errors.Join(errors.New("another worker's straight run ended otherwise: the world or its operator is not the same each time"),
			straight.err, again.done())
	}
	return again, nil
}
