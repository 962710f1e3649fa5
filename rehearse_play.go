package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// rehearsal is what one worker has.
type rehearsal struct {
	original *Runbook
	rb       *Runbook // the same, frozen
	plan     RehearsalPlan
	before   string // Hash of the world before all
	local    tree   // what stood in Local
	start    moment
	known    states
	near     states       // of the schedules that go apart between the same two decisions
	nth      int          // the number of the schedule among those that are due, from 1
	byItself RehearsalEnd // of a pair that is being played: how its first part ends by itself

	way  []passed // of the straight run
	end  ending   // its own
	down []string // what is down after it
}

func newRehearsal(rb *Runbook, world World, plan RehearsalPlan) (*rehearsal, error) {
	local, err := treeOf(plan.Local)
	if err != nil {
		return nil, err
	}
	return &rehearsal{original: rb, rb: rb.frozen(), plan: plan, before: world.Hash(), local: local, known: states{},
		start: moment{track: forwards, world: world.Clone(), local: local}}, nil
}

// done puts back what the run has written, and makes sure that the runbook is what it was.
func (r *rehearsal) done() error { return errors.Join(r.local.restore(r.plan.Local), r.rb.changed()) }

// straight is the run without an interruption.
func (r *rehearsal) straight(ctx context.Context) rehearsed {
	got := r.play(ctx, r.start, Schedule{}, r.known)
	r.way, r.end = got.passed, *got.end
	for _, o := range got.outages {
		if o.Down {
			r.down = append(r.down, o.What)
		}
	}
	return got
}

// out tells whether something is down that is not down after the straight run.
func (r *rehearsal) out(list []RehearsalOutage) bool {
	return slices.ContainsFunc(list, func(o RehearsalOutage) bool { return o.Down && !slices.Contains(r.down, o.What) })
}

// outages are those of a world, where the plan can tell.
func (r *rehearsal) outages(w World) []RehearsalOutage {
	if r.plan.Outages == nil {
		return nil
	}
	return r.plan.Outages(w)
}

// faults walks the straight run once more, and tries what can go wrong at its points, as far as no other worker does: as many batches at
// most.
func (r *rehearsal) faults(ctx context.Context, t *tries, most int) error {
	w := r.walk(ctx, r.start, r.way)
	defer func() { w.close() }()
	straight := course{"the straight run", r.known, r.end, false}
	for range most {
		first, end, more := t.take()
		if !more {
			return nil
		}
		if t.list[first].behind(w.from) { // another round through the run
			w.close()
			w = r.walk(ctx, r.start, r.way)
		}
		r.nth = first
		err := r.batch(ctx, w, straight, t.list[first:end], func(i int, one tried) { t.found(&t.done[first+i], one, r.plan.Progress) })
		if err != nil {
			return err
		}
	}
	return nil
}

// batch tries schedules that go apart from a course between the same two of its decisions, to which the walk goes first.
func (r *rehearsal) batch(ctx context.Context, w *walk, c course, list []due, found func(i int, one tried)) error {
	if err := w.reach(list[0].Schedule); err != nil {
		return err
	}
	r.near = states{}
	defer func() { r.near = nil }()
	for i, s := range list {
		r.nth++
		one, _, err := r.fault(ctx, w.from, c, s)
		if err != nil {
			return err
		}
		found(i, one)
	}
	return nil
}

// fault tries one of the schedules that go apart from a course after a moment of it.
func (r *rehearsal) fault(ctx context.Context, from moment, c course, s due) (one tried, got rehearsed, err error) {
	got = r.play(ctx, from, s.Schedule, c.known)
	if err := ctx.Err(); err != nil {
		return one, got, err // what the schedule came to says nothing
	}
	ends := got.how == Finished || got.how == Resumed || c.back && got.how == RolledBack
	// With one record to come all is undone, and compared with the state before the run: a fault then happens behind the tool's back.
	behind := got.how == RolledBack && got.hit != nil && got.hit.at == got.records-1
	if got.err == nil && ends && !behind {
		got.err = c.endsAs(*got.end, got.hit != nil)
	}
	if got.err == nil && ends && !r.out(got.outages) { // else how long it lasts is of that run alone
		for _, n := range got.noted {
			if was := r.near[n.key]; !was.serves(n.left) { // else that one serves more
				r.near[n.key] = state{end: got.end, left: n.left}
			}
		}
	}
	switch {
	case got.err == nil || got.hit == nil:
	case s.pair(): // the second part may lie in another step than the first
		got.err = fmt.Errorf("%s on %s: %w", got.hit, got.hit.host, got.err)
	default:
		got.err = fmt.Errorf("%s on %s, in step %s: %w", got.hit, got.hit.host, s.step, got.err)
	}
	return r.tried(s, got), got, nil
}

// behind tells whether the point of a schedule lies before a moment of a run.
func (s Schedule) behind(from moment) bool {
	if s.Kind.atRecords() {
		return s.At <= from.records
	}
	return s.At <= from.commands
}

// between tells whether the point of a schedule lies behind a moment of a run, and not behind another.
func (s Schedule) between(from, to moment) bool {
	if s.Kind.atRecords() {
		return from.records < s.At && s.At <= to.records
	}
	return from.commands < s.At && s.At <= to.commands
}

// tried is what a schedule came to.
func (r *rehearsal) tried(s due, got rehearsed) tried {
	one := tried{Schedule: s.Schedule, step: s.step, how: got.how, merged: got.merged, outages: got.outages,
		down: r.out(got.outages), err: got.err}
	if got.hit != nil {
		one.host = got.hit.host
	}
	return one
}

type rehearsed struct {
	world             World
	report            *Report
	journal           []Record
	records, commands int
	end               *ending    // no pointer to another run's: the states in which this one came to a step have it, too
	passed            []passed   // of a run: before each decision
	arrivals          []noted    // where they are noted: the states in which it came to a step
	sent              []dispatch // from the moment on at which it began
	before            int        // commands before that
	since             passed     // where it stood when the last of its schedule happened
	reached           passed     // where it stood when nobody started the tool again
	written           int        // records since the moment at which it began, without what was torn
	pending           int        // parts of its schedule that did not happen
	outages           []RehearsalOutage
	how               RehearsalEnd
	hit               *dispatch // what met the scheduled fault
	merged            bool      // it came to a state in which another run was, and was not taken further
	noted             []noted   // the states in which its last life came to a step; that life reached the end by itself
	err               error
}

// noted is a state in which a run came to a step.
type noted struct {
	key   string
	left  []time.Duration
	place int  // how many decisions came before
	out   bool // something was down that is not down after the straight run
}

// maxResumes bounds how often a schedule is taken up again for each of its parts: once for the crash, and a few times for what the crash
// left behind.
const maxResumes = 6

// play is one schedule from a moment on: the run, the crash, and the resumes to the end, or to a state in which the straight run was.
func (r *rehearsal) play(ctx context.Context, from moment, s Schedule, known states) rehearsed {
	each := checkEach
	if s.Kind == TakenOver {
		each = overEach
	}
	early := r.plan.Only == (Schedule{}) && (s == Schedule{} || !r.plan.Whole && r.nth%each != 0)
	return r.playTo(ctx, from, s, known, early, from.track.back && s == Schedule{})
}

// playTo plays a schedule. Where early says so it ends in a state in which another run was; with arrivals it notes the states in which it
// comes to a step.
func (r *rehearsal) playTo(ctx context.Context, from moment, s Schedule, known states, early, arrivals bool) rehearsed {
	out := rehearsed{world: from.world.Clone(), before: from.commands, end: &ending{}}
	world := out.world
	tool := (&crashingTool{world: world, stop: make(chan struct{})}).goes(from, s)
	journal := &dyingJournal{tool: tool, MemJournal: MemJournal{records: slices.Clip(from.journal)}}
	tool.story = r.story(world, s != Schedule{} || from.track.back && r.plan.Only.Then == Interruption{})
	opts := r.options(world, tool, journal)
	opts.Stop = tool.stop
	if from.track.back {
		tool.story.fault("The tool has crashed, and the operator rolls the run back.")
	}
	meet := r.meeting(tool, from, known, &out, early, arrivals)
	var next *succession
	if s.Kind == TakenOver {
		tool.another = func() { next = r.succeed(ctx, from, tool, journal.Records(), known, early) }
	}
	life, err := r.begun(ctx, from, tool, opts)
	r.lives(ctx, from, life, err, tool, &opts, meet, &out)
	if next != nil {
		next.out.err = next.judge(ctx)
		if next.out.merged && errors.Is(next.out.err, errWoken) { // or the people of the world did, when they saw it look
			return r.playTo(ctx, from, s, known, false, arrivals)
		}
		out, tool, journal, world = next.out, next.tool, next.journal, next.out.world
	}
	out.since, out.reached = tool.since, passed{records: tool.records, commands: tool.commands}
	out.written, out.pending = len(journal.Records())-len(from.journal), len(tool.todo)
	if out.err != nil && len(tool.hits) > 0 && ctx.Err() == nil {
		r.settle(ctx, from.track, tool, opts, &out)
	}
	if out.err == nil && !out.merged && tool.down() { // after the last look of the run: what it did stands, and the machine comes back
		tool.world.(Faulty).Mend() //nolint:forcetypeassert // it has struck
		tool.story.people("People give back the power, and start what does not start by itself.")
		out.noted = nil
	}
	out.journal = journal.Records()[len(from.journal):]
	out.records, out.commands, out.hit, out.sent = tool.records, tool.commands, tool.hit(), tool.sent
	refused := errors.As(out.err, new(*CannotRollBackError))
	if out.err = errors.Join(r.judge(out, tool), world.Check()); out.err == nil && !out.merged {
		*out.end = ending{hash: world.Hash(), refused: refused}
		if from.track.back && out.report != nil {
			out.end.differs = out.report.Differs
		}
		// Where something is down, how long it stays so is this run's fault: no hour mends it.
		if (tool.stopped() || s == (Schedule{}) && r.plan.stops()) && !r.out(r.outages(world)) {
			out.end.later, out.end.broke = later(ctx, world)
		}
	}
	out.outages = r.outages(world)
	tool.story.ends(out)
	return out
}

// lives are those of a schedule, until one comes to its end or is not taken up again.
func (r *rehearsal) lives(ctx context.Context, from moment, life *Life, err error, tool *crashingTool, opts *Options,
	meet func(*Life, Decision, bool) bool, out *rehearsed,
) {
	most := maxResumes * max(1, len(tool.schedule.parts()))
	for lives := 1; ; lives++ {
		if out.err = err; err == nil && life != nil {
			out.noted = nil
			out.report, out.merged, out.err = live(life, meet)
		}
		if out.err != nil || tool.dead || tool.stopped() { // who was asked to stop goes on with more rights
			out.noted = nil
		}
		if out.how = Resumed; lives == 1 {
			out.how = Finished
		}
		if from.track.back {
			out.how = RolledBack
		}
		if out.merged || out.err == nil && !tool.dead || tool.overtaken || lives == most || r.over(ctx, from.track, out, tool, opts) {
			return
		}
		tool.dead = false
		tool.story.people("The operator starts the tool again.")
		start := from.track.first
		if len(opts.Journal.Records()) > 0 {
			start = from.track.again
		}
		life, err = startLife(ctx, start, r.rb, tool, *opts)
	}
}

// over tells whether a schedule is not taken up again after a life that did not come to its end; else it does what the operator does
// before.
func (r *rehearsal) over(ctx context.Context, on track, out *rehearsed, tool *crashingTool, opts *Options) bool {
	if len(tool.hits) > 0 {
		tool.world.(Faulty).Mend() //nolint:forcetypeassert // it has struck
		tool.story.people("People give back the power, and start what does not start by itself.")
		return ctx.Err() != nil
	}
	if errors.Is(out.err, ErrStopped) {
		if err := r.stopped(ctx, tool.world, opts.Journal); err != nil {
			out.err = err
			return true
		}
		tool.stop, opts.Stop = nil, nil // the operator takes it up again
	}
	if kind := tool.schedule.Kind; kind == StopRecord || kind == StopCommand {
		// The operator went on by hand while the run or the rollback was stopped, and took a machine away or replaced it: one that a step
		// to come reinstalls. There is no other operator here, and this one knows. Any other loss of a lease is a finding.
		opts.forcible = r.replaceable(out.report)
	}
	if errors.As(out.err, new(*noHostError)) { // the operator resumes when somebody has switched one of them on
		tool.story.people("Nobody is there for an hour.")
		if err := tool.world.Clock().Sleep(ctx, away); err != nil {
			out.err = err
			return true
		}
	}
	return errors.As(out.err, new(*Violation)) || errors.As(out.err, new(*Pause)) || errors.As(out.err, new(*CannotRollBackError)) ||
		!on.back && tool.schedule == (Schedule{})
}

// options are those of each life in a rehearsal.
func (r *rehearsal) options(world World, tool *crashingTool, journal Journal) Options {
	opts := Options{Journal: journal, Clock: dyingClock{tool, world.Clock()}, Serial: true, RunID: "rehearsal", Holder: "rehearsal"}
	if r.plan.Operator != nil {
		opts.Operator = r.plan.Operator(world)
	}
	if tool.story != nil {
		opts.Observer = tool.story
	}
	return opts
}
