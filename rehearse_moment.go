package evenkeel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Fingerprinter is a World that can tell whether two of its states go on alike: the fingerprint is a digest of all that decides what
// happens next. With it a rehearsal takes no schedule further than to a state from which a run went on that ended well. A world that embeds
// one and has state of its own needs its own: what is not in the fingerprint, an early end can hide.
type Fingerprinter interface {
	// Fingerprint leaves out the clock, the times of files, and the files below a path: what this library itself keeps on the machines.
	Fingerprint(without string) string
}

// track is what a life is begun with, and taken up again with.
type track struct {
	first, again starter
	back         bool
}

var (
	forwards  = track{newRun, newResume, false}
	backwards = track{newRollback, newRollback, true}
)

// moment is a point of a run in a simulated world, between two decisions. Any number of schedules go on from it.
type moment struct {
	track             track
	engine            *engine // nil before the first record of the life
	world             World
	journal           []Record
	records, commands int
	local             tree // what stands in the directory that the run writes to
	record            int  // of a rollback: that after which the tool crashed
}

// begun is the life that goes on from a moment.
func (r *rehearsal) begun(ctx context.Context, from moment, tool *crashingTool, opts Options) (*Life, error) {
	if err := from.local.restore(r.plan.Local); err != nil {
		return nil, err
	}
	if from.engine == nil {
		return startLife(ctx, from.track.first, r.rb, tool, opts)
	}
	e, err := from.engine.fork(tool, opts)
	if err != nil {
		return nil, err
	}
	return e.going(ctx), nil
}

// live brings a life to its end. Where meet says so it is left before a decision, and merged; arrives tells that the decision is the life's
// first one in its step.
func live(l *Life, meet func(l *Life, d Decision, arrives bool) bool) (report *Report, merged bool, err error) {
	defer l.close()
	step := ""
	for list := l.Next(); list[0].Work(); list = l.Next() {
		d := list[0]
		if meet(l, d, d.Step != step) {
			return nil, true, nil
		}
		step = d.Step
		_ = l.perform(d) // Next and End know
	}
	report, err = l.End()
	return report, false, err
}

// alone is for a life that meets nobody.
func alone(*Life, Decision, bool) bool { return false }

// states are those in which runs came to a step, by their fingerprints.
type states map[string]state

// state is one in which a run came to a step.
type state struct {
	end  *ending         // of that run: see rehearsed
	left []time.Duration // that the windows which were open then could still stay open, in the order of the fingerprint
	of   int             // of a rollback: the record after which the tool crashed
}

// serves tells whether a run may end early in a state that is alike but for the time that its windows have left: where that run ended, and
// well, and had no more time. Who has less may come too late where that run was in time.
func (s state) serves(left []time.Duration) bool {
	return s.end != nil && s.end.hash != "" && !shorter(left, s.left)
}

// shorter tells whether one of the times is shorter than the other one in its place.
func shorter(a, b []time.Duration) bool {
	for i := range a {
		if a[i] < b[i] {
			return true
		}
	}
	return false
}

// checkEach is how many schedules are played for one that is taken to its end, whatever state it comes to: it checks that the rule holds.
const checkEach = 64

// meeting is when a schedule is not taken further: when what it tries is behind it, and it comes to a step in a state in which another run
// came to it: one without an interruption, or one that goes apart at the same place (near). Each notes its states; end is where it ends.
// A rollback without an interruption meets those from earlier records alone, in whatever order they are played.
func (r *rehearsal) meeting(tool *crashingTool, from moment, known states, out *rehearsed, early, arrivals bool,
) func(*Life, Decision, bool) bool {
	world, can := tool.world.(Fingerprinter)
	straight := tool.schedule == (Schedule{})
	can = can && early
	return func(l *Life, d Decision, arrives bool) bool {
		out.passed = append(out.passed, passed{d.Step, tool.records, tool.commands})
		if !can || !arrives || tool.dead || tool.overtaken || !straight && (!tool.struck() || l.e.opts.Stop != nil && tool.stopped()) {
			return false
		}
		local, err := treeOf(r.plan.Local)
		if err != nil {
			return false // the life itself says what is wrong there
		}
		key, left := l.fingerprint(d, local, r.plan.Local)
		key += world.Fingerprint(LeasePath)
		here := noted{key: key, left: left, place: len(out.passed) - 1}
		if arrivals {
			here.out = r.out(r.outages(tool.world))
			out.arrivals = append(out.arrivals, here)
		}
		for _, s := range []state{known[key], r.near[key]} {
			if !s.serves(left) || straight && s.of >= from.record {
				continue
			}
			if straight && r.plan.Whole || r.out(r.outages(tool.world)) {
				return false // how long it lasts is of this run alone
			}
			*out.end = *s.end // not the same pointer: the states before this one have that of this run
			return true
		}
		switch {
		case !straight:
			out.noted = append(out.noted, here)
		case known[key].end == nil, from.record < known[key].of:
			known[key] = state{out.end, left, from.record}
		}
		return false
	}
}

// fingerprint is a digest of what a life knows, and has written below a directory of this machine, that decides how it goes on from a
// decision; but for the name of that directory, and the time left in which the windows that are open may stay so.
func (l *Life) fingerprint(d Decision, local tree, dir string) (key string, left []time.Duration) {
	l.e.mu.Lock()
	st, mine, away := l.e.st.clone(), l.e.mine.fork(), maps.Clone(l.e.whole.reinstalled)
	l.e.mu.Unlock()
	var all bytes.Buffer
	enc := json.NewEncoder(&all)
	put := func(v ...any) { _ = enc.Encode(v) } // memory never fails to write
	bare := func(text string) string {
		if dir == "" {
			return text
		}
		return strings.ReplaceAll(text, dir, "")
	}
	put(l.e.rb.Name, d, st.Facts, st.Confirmed, l.e.rb.barrier)
	// A machine that is expected to be reinstalled goes on alike with its lease and without: it gets one when it is next seen. Without that
	// expectation a lease that is missing is lost.
	maps.DeleteFunc(mine.held, func(host, _ string) bool { return away[host] })
	put(sorted(mine.held), sorted(mine.unsure), sorted(away), sorted(st.early))
	for _, w := range st.openWindows() {
		put(w.ID)
		left = append(left, l.e.due(w).Sub(l.e.opts.Clock.Now()))
	}
	for _, rel := range sorted(local) {
		put(rel, local[rel].mode, sha256.Sum256([]byte(bare(local[rel].data))))
	}
	for i := range l.e.rb.Steps {
		s := &l.e.rb.Steps[i]
		if ss := st.Step(s.ID); ss.Progress != Did {
			put(s.ID, ss.Progress, ss.undoing, ss.life.begun, ss.life.broke, ss.life.held, ss.decides(s))
		}
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(bare(all.String())))), left
}

// decides is how far the actions of a step have come, as far as that decides how it goes on: not of what is read again anyway.
func (s *StepState) decides(step *Step) (list []string) {
	for key, p := range s.actions {
		a := step.action(Decision{Phase: key.phase, Action: key.id})
		reads := a != nil && a.effect() == ReadOnly && !a.attestation()
		again := key.phase == PhaseVerify || key.phase == PhaseDo && !s.life.begun
		if reads && (p != Did || again && !s.life.ended[key]) {
			continue
		}
		list = append(list, fmt.Sprint(key, p, s.jobs[key] != "", s.life.ended[key], s.life.probed[key]))
	}
	slices.Sort(list)
	return list
}

// sorted are the keys of a map in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// walk is a run without an interruption that stops between its decisions.
type walk struct {
	r       *rehearsal
	ctx     context.Context //nolint:containedctx // of the rehearsal
	tool    *crashingTool
	journal *dyingJournal
	opts    Options
	life    *Life
	from    moment   // before the last decision
	now     moment   // after it
	at      string   // the step of the last decision
	way     []passed // before each decision to come, as the run was that this one repeats
}

// walk begins at a moment at which no life has begun, and goes the same way as a run did.
func (r *rehearsal) walk(ctx context.Context, from moment, way []passed) *walk {
	tool := &crashingTool{world: from.world.Clone()}
	journal := &dyingJournal{tool: tool, MemJournal: MemJournal{records: slices.Clip(from.journal)}}
	w := &walk{r: r, ctx: ctx, tool: tool, journal: journal, from: from, now: from, way: way}
	w.opts = r.options(tool.world, tool, w.journal)
	return w
}

func (w *walk) close() {
	if w.life != nil {
		w.life.close()
	}
}

// reach carries out decisions until the point of a schedule lies between the moment before the last one and where the walk stands. That
// the walk ends before is an error: the schedule would be left out, and nobody would know.
func (w *walk) reach(s Schedule) error {
	for !s.between(w.from, w.now) {
		if err := w.step(); err != nil {
			return err
		}
	}
	return nil
}

// step carries out the next decision.
func (w *walk) step() (err error) {
	w.from = w.now
	if w.life == nil {
		if w.life, err = w.r.begun(w.ctx, w.from, w.tool, w.opts); err != nil {
			return err
		}
		return w.stop()
	}
	d := w.life.Next()[0]
	here := passed{d.Step, w.tool.records, w.tool.commands}
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if !d.Work() || len(w.way) == 0 || w.way[0] != here {
		return fmt.Errorf("the same run went another way the second time (%s, after %d journal records and %d commands): "+
			"the world or its operator is not the same each time", d, here.records, here.commands)
	}
	w.at, w.way = d.Step, w.way[1:]
	if err := w.from.local.restore(w.r.plan.Local); err != nil {
		return err
	}
	_ = w.life.perform(d) // Next knows
	return w.stop()
}

// stop notes the moment at which the run stands now.
func (w *walk) stop() (err error) {
	w.now = moment{
		track: w.now.track, world: w.tool.world.Clone(), journal: w.journal.Records(), records: w.tool.records, commands: w.tool.commands,
	}
	if w.now.engine, err = w.life.e.fork(w.tool, w.opts); err != nil {
		return err
	}
	w.now.local, err = treeOf(w.r.plan.Local)
	return err
}
