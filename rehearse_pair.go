package evenkeel

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// paired is the first part of pairs, and what is to happen after it.
type paired struct {
	due
	how    RehearsalEnd // of the first part by itself
	host   string       // of the last command that was sent before it happened; empty where none is known
	list   []due        // the second parts, the riskiest first, by the numbers of the run
	done   []*tried
	shrunk []*smaller // of done, where it broke something
	alone  *tried     // the first part by itself, where that broke something
	first  int        // how many pairs those before it have
}

// pairsEach is how many pairs are chosen of a first part, where there are enough first parts.
const pairsEach = 8

// choosePairs finds out what can happen after first parts, and chooses by risk.
func (r *rehearsal) choosePairs(ctx context.Context, t *tries) error {
	if t.most > 0 {
		if err := r.chooseMost(ctx, t); err != nil {
			return err
		}
		t.mu.Lock()
		t.most = 0 // from now on it is known how many there are
		t.mu.Unlock()
	}
	for _, p := range t.pairs {
		if len(p.list) > 0 {
			t.queue = append(t.queue, p)
		}
	}
	if limited(ctx) {
		t.queue = spread(t.queue)
	}
	close(t.chosen)
	return nil
}

// chooseMost plays as many first parts by themselves as the wanted number of pairs needs.
func (r *rehearsal) chooseMost(ctx context.Context, t *tries) error {
	all, _ := r.schedules(t.straight, passed{}, t.straight.places(), func(kind ScheduleKind, _ int) (counts, due bool) {
		return true, kind.pairs() && r.plan.tries(kind)
	})
	all = overSteps(all)
	each, left, turn, before := max(pairsEach, (t.most+len(all)-1)/max(len(all), 1)), t.most, 0, states{}
	for left > 0 && len(all) > 0 {
		n := min(len(all), max(rounds, (left+each-1)/each))
		part := all[:n]
		all = all[n:]
		slices.SortFunc(part, func(a, b due) int { return cmp.Or(a.place-b.place, a.compare(b.Schedule)) })
		w := r.walk(ctx, r.start, r.way)
		for _, first := range part {
			if err := w.reach(first.Schedule); err != nil {
				w.close()
				return err
			}
			p := &paired{due: first}
			levels, err := r.seconds(ctx, w.from, p, before)
			if err != nil {
				w.close()
				return err
			}
			p.list = riskiest(levels, min(each, left, max(1, (left+n-1)/n)), turn)
			turn++
			left -= len(p.list)
			t.addPairs(p)
		}
		w.close()
	}
	slices.SortStableFunc(t.pairs, func(a, b *paired) int { return cmp.Or(a.place-b.place, a.compare(b.Schedule)) })
	for i, p := range t.pairs[min(1, len(t.pairs)):] {
		p.first = t.pairs[i].first + len(t.pairs[i].list)
	}
	return nil
}

// compare orders schedules of one place in the run.
func (s Schedule) compare(other Schedule) int {
	return cmp.Or(s.At-other.At, cmp.Compare(s.Kind, other.Kind))
}

// addPairs adds what is to be tried after a first part.
func (t *tries) addPairs(p *paired) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.done, p.shrunk = make([]*tried, len(p.list)), make([]*smaller, len(p.list))
	if len(p.list) > 0 || p.alone != nil {
		t.pairs, t.seconds = append(t.pairs, p), t.seconds+len(p.list)
	}
}

// named adds the pair that was asked for by its name, where the run has its first part.
func (t *tries) named(r *rehearsal, s Schedule) {
	list, _ := r.schedules(t.straight, passed{}, t.straight.places(), func(kind ScheduleKind, at int) (counts, due bool) {
		return true, kind == s.Kind && at == s.At
	})
	for _, first := range list {
		t.addPairs(&paired{due: first, list: []due{{Schedule{Kind: s.Then.Kind, At: s.Then.At}, first.step, 0}}})
	}
}

// places are where the decisions of a run without an interruption lie, and its end.
func (r *rehearsed) places() []passed {
	return append(slices.Clip(r.passed), passed{"", r.records, r.commands})
}

// seconds plays a first part by itself, and says what can happen after it, by risk: until it comes to a step in a state in which the
// straight run was, or an earlier first part. What is left is theirs.
func (r *rehearsal) seconds(ctx context.Context, from moment, p *paired, before states) (levels [risks][]due, err error) {
	got := r.playTo(ctx, from, p.Schedule, r.known, true, true)
	if err := ctx.Err(); err != nil {
		return levels, err
	}
	if got.err == nil && (got.how == Finished || got.how == Resumed) {
		got.err = course{"the straight run", r.known, r.end, false}.endsAs(*got.end, got.hit != nil)
	}
	p.how = got.how
	if got.err != nil { // what comes after it would break it no less
		one := r.tried(p.due, got)
		p.alone = &one
		return levels, nil //nolint:nilerr // it is told as itself
	}
	p.host = got.hostOf(got.since.commands)
	list, _ := r.schedules(got, got.since, p.own(got, before), func(kind ScheduleKind, at int) (counts, due bool) {
		return true, kind.pairs() && r.plan.tries(kind)
	})
	for _, s := range list {
		if s.place == 0 { // what is left of the decision in which the first part happened, and the beginning of a resume
			s.step = p.step
		}
		risk := p.risk(s, got)
		levels[risk] = append(levels[risk], s)
	}
	return levels, nil
}

// own are the places behind a first part, up to a state in which another run was.
func (p *paired) own(got rehearsed, before states) (places []passed) {
	end := len(got.passed)
	for _, a := range got.arrivals {
		if before[a.key].serves(a.left) && !a.out {
			end = a.place + 1
			break
		}
		if before[a.key].end == nil {
			before[a.key] = state{end: got.end, left: a.left}
		}
	}
	for _, at := range got.passed[:end] {
		if at.records >= got.since.records && at.commands >= got.since.commands {
			places = append(places, at)
		}
	}
	if end == len(got.passed) && !got.merged {
		places = append(places, got.reached)
	}
	return places
}

// risks is how many levels of risk there are: see risk.
const risks = 3

// risk is how risky it is that something happens after a first part: 0 in the recovery, 1 later at another machine, 2 later elsewhere.
func (p *paired) risk(s due, got rehearsed) int {
	host := ""
	if !s.Kind.atRecords() {
		host = got.hostOf(s.At)
	}
	switch {
	case s.step == p.step:
		return 0
	case host != "" && p.host != "" && host != p.host:
		return 1
	}
	return 2
}

// hostOf is the machine to which a command went; empty for a document.
func (r *rehearsed) hostOf(command int) string {
	if i := command - 1 - r.before; i >= 0 && i < len(r.sent) {
		return r.sent[i].host
	}
	return ""
}

// riskiest chooses among what can happen after a first part: of each four, two of the highest risk and one of either other. Where a level
// has no more, the riskiest that has takes its place. Each turn begins elsewhere in each level.
func riskiest(levels [risks][]due, most, turn int) (list []due) {
	for i, level := range levels {
		levels[i] = scattered(level, turn)
	}
	for n := 0; len(list) < most; n++ {
		level := []int{0, 1, 0, 2}[n%4]
		if len(levels[level]) == 0 {
			level = slices.IndexFunc(levels[:], func(l []due) bool { return len(l) > 0 })
		}
		if level < 0 {
			break
		}
		list, levels[level] = append(list, levels[level][0]), levels[level][1:]
	}
	return list
}

// overSteps orders schedules so that each beginning of the list is spread over all steps, and within them.
func overSteps(all []due) (list []due) {
	var steps []string
	of := map[string][]due{}
	for _, s := range all {
		if of[s.step] == nil {
			steps = append(steps, s.step)
		}
		of[s.step] = append(of[s.step], s)
	}
	for i, step := range steps {
		of[step] = scattered(of[step], i)
	}
	for len(list) < len(all) {
		for _, step := range steps {
			if rest := of[step]; len(rest) > 0 {
				list, of[step] = append(list, rest[0]), rest[1:]
			}
		}
	}
	return list
}

// scattered orders a list so that each beginning of it is spread over the whole, from another place each turn: it goes on by the golden
// section, rounded to a number that comes by every place.
func scattered[T any](all []T, turn int) (list []T) {
	stride := max(1, len(all)*618/1000)
	for divisor(stride, len(all)) > 1 {
		stride++
	}
	for i := range all {
		list = append(list, all[(turn*stride/2+turn+i*stride)%len(all)])
	}
	return list
}

// divisor is the greatest common one.
func divisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// takePairs gives a worker the next first part; nil where there is none.
func (t *tries) takePairs() *paired {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.paired == len(t.queue) {
		return nil
	}
	t.paired++
	return t.queue[t.paired-1]
}

// pairsWhenChosen tries pairs once they are known.
func (r *rehearsal) pairsWhenChosen(ctx context.Context, t *tries) error {
	select {
	case <-t.chosen:
		return r.pairs(ctx, t, len(t.queue))
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pairs tries what can happen after first parts, as far as no other worker does: of as many at most.
func (r *rehearsal) pairs(ctx context.Context, t *tries, most int) error {
	w := r.walk(ctx, r.start, r.way)
	defer func() { w.close() }()
	for range most {
		p := t.takePairs()
		if p == nil {
			return nil
		}
		if p.behind(w.from) { // another round through the run
			w.close()
			w = r.walk(ctx, r.start, r.way)
		}
		if err := w.reach(p.Schedule); err != nil {
			return err
		}
		r.near, r.nth = states{}, p.first
		for i, second := range p.list {
			r.nth++
			one, happened, err := r.pair(ctx, w.from, p, second)
			if err != nil {
				return err
			}
			if !happened && t.only {
				return fmt.Errorf("%w %q: its second part is not reached after the first, or that command cannot meet it", ErrNoSchedule, one.Schedule)
			}
			t.found(&p.done[i], one, r.plan.Progress)
		}
		r.near = nil
	}
	return nil
}

// pair tries a pair from a moment before its first part, and tells whether both happened.
func (r *rehearsal) pair(ctx context.Context, from moment, p *paired, second due) (one tried, happened bool, err error) {
	s := p.due
	s.Then = Interruption{second.Kind, second.At}
	if p.how == "" { // the pair was asked for by its name
		p.how = r.playTo(ctx, from, p.Schedule, r.known, true, false).how
	}
	r.byItself = p.how
	defer func() { r.byItself = "" }()
	one, got, err := r.fault(ctx, from, course{"the straight run", r.known, r.end, false}, s)
	return one, got.pending == 0, err
}

// reportPairs counts the pairs, in the order of the run.
func (t *tries) reportPairs(report *RehearsalReport) {
	for _, p := range t.pairs {
		if p.alone != nil {
			report.also(RehearsalFailure{Schedule: p.alone.Schedule, Step: p.alone.step, Err: p.alone.err})
		}
		if slices.ContainsFunc(p.done, func(one *tried) bool { return one != nil }) {
			report.Pairs.Firsts++
		}
		for i, one := range p.done {
			if one != nil {
				report.pair(*one, p.shrunk[i])
			}
		}
	}
}
