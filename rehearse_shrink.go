package evenkeel

import (
	"context"
	"slices"
	"strings"
	"unicode"
)

// Shrinking takes a few replays for each pair that broke something: of its second part alone, and of pairs with a nearer one.
const (
	mostShrunk = 20 // pairs that are shrunk; the others are told as they are
	mostAlone  = 3  // places in the straight run at which the second part alone is tried
	mostNearer = 6  // nearer points at which the second part is tried
)

// smaller is a shorter schedule that breaks something, too.
type smaller struct{ tried }

// shrink looks for a shorter schedule for each pair that broke something, in the order of the report. First parts broke nothing by
// themselves: see seconds.
func (r *rehearsal) shrink(ctx context.Context, t *tries) error {
	if t.only {
		return nil
	}
	n, alone := 0, map[Schedule]tried{}
	for _, p := range t.pairs {
		for i, one := range p.done {
			if one == nil || one.err == nil {
				continue
			}
			if n++; n > mostShrunk {
				return nil
			}
			var err error
			if p.shrunk[i], err = r.smaller(ctx, t.straight, p, p.list[i], one.err, alone); err != nil {
				return err
			}
		}
	}
	return nil
}

// smaller is the first of the shorter schedules that breaks the same: the second part alone, where the straight run has it, or a pair
// whose second part is of the same kind and nearer; nil where none does. What was tried alone is kept.
func (r *rehearsal) smaller(ctx context.Context, straight rehearsed, p *paired, second due, broke error, alone map[Schedule]tried,
) (*smaller, error) {
	w := r.walk(ctx, r.start, r.way)
	defer w.close()
	if err := w.reach(p.Schedule); err != nil {
		return nil, err
	}
	first := r.playTo(ctx, w.from, p.Schedule, r.known, true, false)
	for _, s := range straight.alike(first, second) {
		if _, known := alone[s.Schedule]; !known {
			one, err := r.alone(ctx, s)
			if err != nil {
				return nil, err
			}
			alone[s.Schedule] = one
		}
		if one := alone[s.Schedule]; sameTrouble(one.err, broke) {
			return &smaller{one}, nil
		}
	}
	nearer, _ := r.schedules(first, first.since, p.own(first, states{}), func(kind ScheduleKind, at int) (counts, due bool) {
		return true, kind == second.Kind && at < second.At
	})
	for _, s := range nearer[:min(mostNearer, len(nearer))] {
		r.near, r.nth = states{}, 0 // to its end
		one, _, err := r.pair(ctx, w.from, p, s)
		if err != nil {
			return nil, err
		}
		if sameTrouble(one.err, broke) {
			return &smaller{one}, nil
		}
	}
	return nil, nil
}

// sameTrouble tells whether two schedules broke the same: what they say differs in numbers alone, and in the command that met a fault.
func sameTrouble(a, b error) bool {
	said := func(err error) string {
		text := err.Error()
		if _, after, struck := strings.Cut(text, ", in step "); struck {
			_, text, _ = strings.Cut(after, ": ")
		}
		return strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return -1
			}
			return r
		}, text)
	}
	return a != nil && b != nil && said(a) == said(b)
}

// alone tries a single schedule.
func (r *rehearsal) alone(ctx context.Context, s due) (tried, error) {
	w := r.walk(ctx, r.start, r.way)
	defer w.close()
	if err := w.reach(s.Schedule); err != nil {
		return tried{}, err
	}
	r.near, r.nth = states{}, 0 // to its end
	s.step = w.at
	one, _, err := r.fault(ctx, w.from, course{"the straight run", r.known, r.end, false}, s)
	return one, err
}

// alike are the schedules of a straight run in which the same record is written, or the same command meets the same, as in the second part
// of a pair.
func (r *rehearsed) alike(first rehearsed, second due) (list []due) {
	n := r.commands
	if second.Kind.atRecords() {
		n = r.records
	}
	for at := 1; at <= n && len(list) < mostAlone; at++ {
		if r.sameAs(first, second, at) {
			list = append(list, due{Schedule: Schedule{Kind: second.Kind, At: at}})
		}
	}
	return list
}

// sameAs tells whether a record or command of a straight run is the one that a second part of a pair meets.
func (r *rehearsed) sameAs(first rehearsed, second due, at int) bool {
	if second.Kind.atRecords() {
		record := first.record(second.At)
		return record != nil && record.Step != "" && record.place() == r.journal[at-1].place()
	}
	i := second.At - 1 - first.before
	if i < 0 || i >= len(first.sent) || first.sent[i].host == "" {
		return false
	}
	here, there := &r.sent[at-1], &first.sent[i]
	return here.host == there.host && here.String() == there.String() && (!second.Kind.fault() || slices.Contains(r.faults(at), second.Kind))
}

// record is a record of a run by its number; nil where it was not written whole.
func (r *rehearsed) record(number int) *Record {
	i := number - 1 - (r.reached.records - r.written)
	if i < 0 || i >= len(r.journal) {
		return nil
	}
	return &r.journal[i]
}
