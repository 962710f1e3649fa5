package flow

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
)

// Books has the runbooks of the pairs. It answers from memory, the same each time: workflow code asks it.
type Books interface {
	Book(pair string) (*evenkeel.Runbook, error)
}

// pair is the workflow of a pair.
type pair struct {
	in    In
	book  *evenkeel.Runbook
	place *course.Place
	doing map[string]evenkeel.Decision // by step
	life  int                          // the one whose records are taken; 0 for none
	moved int                          // counts what may change what comes next
	now   workflow.CancelFunc          // stops what is being performed at once
	ctx   workflow.Context             // that now cancels
	tells int                          // words to a life that are under way
	told  shown                        // what was shown last
	deaf  bool                         // its fleet does not hear it; that is said once
	busy  int                          // lives in a row that a command of an earlier one kept out
	ends  int                          // lives in a row that a worker did not begin because it ends
	waits string                       // for that command, where it begins again by itself
}

// mostBusy is how many lives a command of an earlier one may keep out before an operator is asked: half an hour, where each
// waits for evenkeel.Options.TakeoverWait.
const mostBusy = 15

// Pair is the workflow of a pair.
func (f *Flows) Pair(ctx workflow.Context, in In) (Out, error) {
	isWhole(workflow.GetInfo(ctx))
	p, err := f.newPair(in)
	if err != nil {
		return Out{}, err
	}
	if err := p.listen(ctx); err != nil {
		return Out{}, err
	}
	p.ctx, p.now = workflow.WithCancel(ctx)
	for {
		m, err := p.place.Next()
		if err != nil { // not the runbook of the journal, or no journal
			return Out{}, temporal.NewNonRetryableApplicationError(err.Error(), "Journal", nil)
		}
		p.show(ctx, m)
		if p.tooLong(ctx, m) {
			return Out{}, p.anew(ctx)
		}
		if m.Kind == course.Over {
			return p.out(m.State), nil
		}
		if err := p.do(ctx, m); err != nil {
			return Out{}, err
		}
	}
}

// isWhole refuses a workflow that was reset: its journal ends at an earlier point, and machines were changed after that.
func isWhole(is *workflow.Info) {
	if was := is.OriginalRunID; was != "" && was != is.WorkflowExecution.RunID {
		panic(fmt.Sprintf("%s was reset: what run %s did after that point is not in its journal. Terminate it, and begin it anew with the "+
			"journal of that run (start --journal)", is.WorkflowExecution.ID, was))
	}
}

// newPair is the pair of a workflow, on a worker that has its runbook. Any other worker cannot go on: the task waits for
// one that can.
func (f *Flows) newPair(in In) (*pair, error) {
	book, err := f.Books.Book(in.Pair)
	if err != nil {
		panic(fmt.Sprintf("this worker has no runbook for %s: %v", in.Pair, err))
	}
	if is := book.Digest(); is != in.Digest {
		panic(fmt.Sprintf("this worker has another runbook for %s: its digest is %s, and the run has %s", in.Pair, is, in.Digest))
	}
	records, err := Unpack(in.Journal)
	if err != nil {
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), "Journal", nil)
	}
	place, err := course.New(book, records)
	if err != nil {
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), "Journal", nil)
	}
	place.Stop, place.Now, place.Back, place.Held, place.Life = in.Stop, in.Now, in.Back, in.Held, in.Life
	for name, w := range in.Confirmed {
		place.Confirmed[name] = w
	}
	p := &pair{in: in, book: book, place: place, doing: map[string]evenkeel.Decision{}}
	if in.Life != nil {
		p.life = in.Lives
		in.Life.Busy = map[string]bool{}
		if in.Life.Spent == nil { // one without steps is left out on its way to a new history
			in.Life.Spent = map[string]bool{}
		}
	}
	return p, nil
}

// do does what comes next, and returns when there is something new to decide.
func (p *pair) do(ctx workflow.Context, m course.Move) error {
	switch m.Kind {
	case course.Begin:
		return p.begin(ctx, m.Verb)
	case course.AskStop:
		p.askStop(ctx)
		return nil
	case course.Perform:
		for _, d := range m.Decisions {
			p.perform(ctx, d)
		}
		return nil
	case course.End:
		return p.end(ctx)
	default:
		was := p.moved
		return workflow.Await(ctx, func() bool { return p.moved != was })
	}
}

// askStop asks the life to stop. Where it did not hear and is not given up it is asked again: else it would go on to its end.
func (p *pair) askStop(ctx workflow.Context) {
	life := p.place.Life
	life.Told = true
	p.tells++
	ask := p.task()
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer func() { p.tells-- }()
		err := workflow.ExecuteActivity(p.onLife(ctx, time.Minute), activityStop, ask).Get(ctx, nil)
		if err != nil && workflow.Sleep(ctx, time.Second) == nil && p.place.Life == life {
			life.Told = false
			p.moved++
		}
	})
}

// begin begins a life on any worker that has the pair.
func (p *pair) begin(ctx workflow.Context, verb course.Verb) error {
	was := p.moved
	if wait := p.patience(); wait > 0 {
		if heard, err := p.rest(ctx, wait, was); err != nil || heard {
			return err
		}
	}
	p.in.Lives++
	p.life = p.in.Lives
	row := p.in.Losses.Row
	to := start{Pair: p.in.Pair, Digest: p.in.Digest, Life: p.life, Verb: verb, First: workflow.GetInfo(ctx).FirstRunID,
		Beat: p.limits().heartbeat() / 4, Confirmed: p.place.Confirmed}
	opts := once(time.Hour, p.limits())
	var b began
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, opts), activityBegin, to).Get(ctx, &b)
	switch {
	case temporal.IsCanceledError(err) && ctx.Err() != nil:
		return err
	case err != nil:
		p.lose(err)
		return nil
	}
	if b.Ending.How != course.Well {
		p.life = 0
		p.place.Begun(verb, false)
		e := p.keptOut(b.Ending)
		p.place.Ended(e)
		if e.How == course.WasAsked {
			_, err = p.rest(ctx, p.between(), was)
			return err
		}
		return nil
	}
	p.place.Begun(verb, b.Over)
	p.place.Life.Row = row
	p.ctx, p.now = workflow.WithCancel(ctx) // a stop at once that came before is the life's own (Life.Cut)
	p.in.Queue, p.busy, p.ends, p.waits = b.Queue, 0, 0, ""
	return nil
}

// rest waits so long, or until there is something to decide that was not there before: then it was heard.
func (p *pair) rest(ctx workflow.Context, long time.Duration, was int) (heard bool, err error) {
	return workflow.AwaitWithTimeout(ctx, long, func() bool { return p.moved != was })
}

// keptOut is what a life that did not begin comes to. Where its worker ends, another begins. So it is where a command of an
// earlier life still runs: that one was given up, and the command has an end of its own; but not for ever.
func (p *pair) keptOut(e course.Ending) course.Ending {
	was := p.busy
	p.busy, p.waits = 0, ""
	if e.How == course.WasAsked {
		p.ends++
	} else {
		p.ends = 0
	}
	switch {
	case e.How != course.WasBusy:
		return e
	case was+1 >= mostBusy:
		return course.Ending{How: course.WasHeld, Held: e.Held}
	}
	p.busy, p.waits = was+1, "it begins again by itself: "+e.Held.Why
	return course.Ending{How: course.WasAsked}
}

// between is how long to wait before a life that did not begin begins again. Where workers end and no other has come yet it is ever
// longer: of many pairs that wait for one, none is to keep the server from those that still work.
func (p *pair) between() time.Duration {
	if p.ends == 0 {
		return time.Second
	}
	return time.Second << min(p.ends-1, 5)
}

// patience is how long to wait after workers were lost; none at first.
func (p *pair) patience() time.Duration {
	if p.in.Losses.Row == 0 {
		return 0
	}
	return time.Second << (p.in.Losses.Row - 1)
}

// perform has a decision performed by the life's worker, once.
func (p *pair) perform(ctx workflow.Context, d evenkeel.Decision) {
	life, n := p.place.Life, p.life
	life.Busy[d.Step] = true
	p.doing[d.Step] = d
	t := p.task()
	t.Decision = d
	if w, ok := p.place.Confirmed[d.Step+"/"+d.Action]; ok {
		t.Word = &w
	}
	st, _ := p.place.State() // it was read to decide this
	limit := course.Limit(p.book, st, d)
	f := workflow.ExecuteActivity(p.onLife(p.ctx, limit), activityPerform, t)
	workflow.Go(ctx, func(ctx workflow.Context) {
		var e course.Ending
		err := f.Get(ctx, &e)
		if p.life != n { // it was given up meanwhile
			return
		}
		p.moved++
		delete(life.Busy, d.Step)
		delete(p.doing, d.Step)
		switch {
		case err != nil:
			p.lose(err)
		case e.How != course.Well:
			life.Spent[d.Step] = true
		}
	})
}

// end ends the life, which ends an outage in which a step failed.
func (p *pair) end(ctx workflow.Context) error {
	var e course.Ending
	n := p.life
	err := workflow.ExecuteActivity(p.onLife(ctx, 2*time.Hour), activityEnd, p.task()).Get(ctx, &e)
	switch {
	case temporal.IsCanceledError(err) && ctx.Err() != nil:
		return err
	case p.life != n:
		return nil
	case err != nil:
		p.lose(err)
		return nil
	}
	p.place.Ended(e)
	if p.place.Life == nil {
		p.life, p.in.Queue = 0, ""
	}
	return nil
}

// lose gives the life up, for a reason: nothing that it still sends is taken. The next one asks what became of what it had begun.
func (p *pair) lose(why error) {
	p.life, p.in.Queue = 0, ""
	p.in.Lost++
	p.place.Lost()
	p.doing = map[string]evenkeel.Decision{}
	if p.in.Losses.Lose(p.place.Done()) {
		p.place.Held = &course.Held{State: course.Failed,
			Why: fmt.Sprintf("workers were lost one after the other, and nothing was done between: look at the workers before you resume. "+
				"The last one: %v", why)}
	}
}

func (p *pair) task() task {
	return task{Pair: p.in.Pair, Life: p.life, Beat: p.limits().heartbeat() / 4}
}

// limits are those of the life that is under way, else of the next one. What an operator says in a life changes nothing for it.
func (p *pair) limits() Limits {
	row := p.in.Losses.Row
	if p.place.Life != nil {
		row = p.place.Life.Row
	}
	return p.in.Limits.after(row)
}

// onLife is for an activity on the queue of the life's worker.
func (p *pair) onLife(ctx workflow.Context, limit time.Duration) workflow.Context {
	opts := once(limit, p.limits())
	opts.TaskQueue = p.in.Queue
	opts.ScheduleToStartTimeout = p.limits().start()
	return workflow.WithActivityOptions(ctx, opts)
}

// once are the options of an activity that is never repeated by itself.
func once(limit time.Duration, l Limits) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		StartToCloseTimeout: limit, HeartbeatTimeout: l.heartbeat(), WaitForCancellation: true,
		RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	}
}

// tooLong tells whether the history is long enough for another, and this is a place to begin it.
func (p *pair) tooLong(ctx workflow.Context, m course.Move) bool {
	info := workflow.GetInfo(ctx)
	long := info.GetContinueAsNewSuggested() || p.in.Events > 0 && info.GetCurrentHistoryLength() >= p.in.Events
	atRest := m.Kind == course.Perform || m.Kind == course.Begin || m.Kind == course.Hold
	return long && atRest && len(p.doing) == 0 && p.tells == 0 && workflow.AllHandlersFinished(ctx)
}

// anew goes on with a new history.
func (p *pair) anew(ctx workflow.Context) error {
	packed, err := Pack(p.place.Records())
	if err != nil {
		return err
	}
	asks := workflow.GetSignalChannel(ctx, SignalAsk)
	for a := (Ask{}); asks.ReceiveAsync(&a); a = (Ask{}) {
		p.hear(a)
	}
	in := p.in
	in.Journal, in.Stop, in.Now, in.Back, in.Held = packed, p.place.Stop, p.place.Now, p.place.Back, p.place.Held
	in.Confirmed, in.Life = p.place.Confirmed, p.place.Life
	return workflow.NewContinueAsNewError(ctx, PairWorkflow, in)
}

// out is what the pair came to.
func (p *pair) out(state course.State) Out {
	o := Out{State: state, Standing: p.standing()}
	if st, err := p.place.State(); err == nil && st != nil {
		o.Differs = slices.Clone(st.Differs)
	}
	return o
}
