package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// fleetRun is one life of the tool with a fleet. fleet.next decides what is to be done; each pair is carried out as it would be alone.
type fleetRun struct {
	app     *App
	fleet   *loadedFleet
	path    string // the fleet file
	noWait  bool
	verbose bool
	events  string
	// finished: pairs that were finished before this fleet are its own.
	finished bool
	without  []string // pairs that have begun, and were taken out of the fleet
	sure     []string // waves that are confirmed on the command line
	lines    *lineWriter
	journal  *evenkeel.FileJournal

	mu      sync.Mutex
	now     fleetNow
	turns   int
	seen    []seen          // of each pair's journal, at the last look
	resumes []bool          // pairs that are resumed, and not begun
	open    []chan struct{} // of each pair that waits: closed when it may open its windows
	giveUp  []func()        // of each pair that is at work: ends its wait for good
	reason  []string        // why a pair stopped or failed that has no journal to tell
	asking  bool            // the operator is asked to confirm a wave
	asked   string          // the wave that waits for its confirmation
	broken  error           // the journal of the fleet cannot be written: nothing new begins

	stop <-chan struct{} // somebody asked to stop
	poke chan struct{}   // something has changed
}

// carryOut begins or resumes the fleet.
func (r *fleetRun) carryOut(ctx context.Context, resume, changed, failed bool) (int, error) {
	var err error
	if r.fleet, err = r.app.readFleet(r.path, resume); err != nil {
		return ExitInput, err
	}
	if err := r.eventsApart(); err != nil {
		return ExitInput, err
	}
	journal, memory, err := r.fleet.openFleet(resume)
	if err != nil {
		return ExitInput, err
	}
	defer func() { _ = journal.Close() }()
	r.journal = journal
	r.lines = newLineWriter(r.app.Stdout, r.names())
	if err := r.begin(memory, resume, changed, failed); err != nil {
		return ExitInput, err
	}
	r.app.carried = true
	stop, hard, done := r.app.interrupts(ctx, r.app.fleetCommandLine("resume", r.path))
	defer done()
	r.lines = newLineWriter(r.app.Stdout, r.names()) // interrupts has put something between
	r.app.terminal(r.noWait)                         // one for all
	r.stop = stop
	r.loop(hard, stop)
	return r.end()
}

// eventsApart refuses to write events into what the fleet keeps or reads: a line of another kind would make a journal unreadable.
func (r *fleetRun) eventsApart() error {
	kept := []string{r.path, r.fleet.journal()}
	for i, m := range r.fleet.members {
		kept = append(kept, r.fleet.config(i), m.cfg.Path(m.cfg.Journal))
	}
	for _, path := range kept {
		if r.events != "" && samePlace(r.events, path) {
			return fmt.Errorf("--events %s: it is %s, which the fleet keeps: name another file", r.events, path)
		}
	}
	return nil
}

func (r *fleetRun) names() (names []string) {
	for _, m := range r.fleet.members {
		names = append(names, m.Name)
	}
	return names
}

func stamped(r evenkeel.Record) evenkeel.Record {
	r.Time = time.Now()
	return r
}

// note journals what no journal of a pair tells. Where that cannot be written nothing new begins.
func (r *fleetRun) note(record evenkeel.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.noted(record)
}

// noted is note; the caller holds the lock.
func (r *fleetRun) noted(record evenkeel.Record) error {
	if r.broken == nil {
		r.broken = r.journal.Append(stamped(record))
	}
	return r.broken
}

// loop does what may be done, until nothing will happen any more by itself. A question goes on beside what is at work.
func (r *fleetRun) loop(ctx context.Context, stop <-chan struct{}) {
	var work sync.WaitGroup
	defer work.Wait()
	asks, end := context.WithCancel(ctx)
	defer end()
	for {
		next, over := r.decide(ctx, stop)
		if over {
			return
		}
		for _, i := range next.Begin {
			work.Go(func() { r.carryOutPair(ctx, i) })
		}
		if next.Ask >= 0 {
			work.Go(func() { r.confirm(asks, stop, next.Ask) })
		}
		var wake <-chan time.Time
		if !next.Wake.IsZero() {
			wake = time.After(min(time.Until(next.Wake), time.Minute)) // the clock of the machine may be set meanwhile
		}
		asked, ended := stop, ctx.Done()
		if next.Stop {
			asked, ended = nil, nil
		}
		select {
		case <-r.poke:
		case <-wake:
		case <-asked:
		case <-ended:
		}
	}
}

// decide decides, and does what needs no waiting.
func (r *fleetRun) decide(ctx context.Context, stop <-chan struct{}) (next fleetNext, over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-stop:
		r.now.Stop = true
	default:
	}
	r.now.Stop = r.now.Stop || r.broken != nil || ctx.Err() != nil
	r.lookAnew()
	r.now.At = time.Now()
	next = r.fleet.next(r.now)
	if next.over(r.now) {
		return next, true
	}
	if next.Done >= 0 {
		wave := r.fleet.Waves[next.Done]
		r.now.Waves[next.Done].Done = r.now.At
		_ = r.noted(evenkeel.Record{Kind: evenkeel.KindStepDone, Step: wave.Name}) // see broken
		r.tell("wave %s is done%s", wave.Name, soaks(wave))
		r.again()
	}
	for _, i := range next.Begin {
		p := &r.now.Pairs[i]
		r.resumes[i] = p.Take
		*p = pairNow{State: stateRunning, Holds: p.Holds}
	}
	for _, i := range next.Open {
		p := &r.now.Pairs[i]
		p.State, p.Holds, p.Wants = stateRunning, append(slices.Clone(p.Holds), p.Wants...), nil
		close(r.open[i])
	}
	for _, i := range next.GiveUp {
		if why := cmp.Or(next.Why[i], "it stops before a window"); r.reason[i] != why {
			r.reason[i] = why
			r.lines.say(i, "STOPS before a window: "+why)
		}
		r.giveUp[i]()
	}
	r.whys(next)
	if r.asking { // that question is still there
		next.Ask = -1
	}
	if r.asking = r.asking || next.Ask >= 0; r.asking { // what is asked about may be rolled back meanwhile
		next.wake(r.now.At.Add(time.Minute))
	}
	return next, false
}

func soaks(w fleetWave) string {
	if w.Soak > 0 {
		return fmt.Sprintf("; it soaks for %s", short(w.Soak))
	}
	return ""
}

// whys says why pairs wait, once each.
func (r *fleetRun) whys(next fleetNext) {
	for i, why := range next.Why {
		if r.now.Pairs[i].State == stateWaiting && r.reason[i] != why {
			r.reason[i] = why
			_ = r.noted(evenkeel.Record{Kind: evenkeel.KindPause, Step: r.wave(i), Action: r.fleet.Pairs[i].Name, Error: why}) // see broken
			r.lines.say(i, "WAITING before a window: "+why)
		}
	}
}

func (r *fleetRun) wave(i int) string { return r.fleet.Waves[r.fleet.Pairs[i].Wave].Name }

// tell says something of the fleet itself.
func (r *fleetRun) tell(format string, args ...any) { r.lines.say(-1, fmt.Sprintf(format, args...)) }

// again has the loop decide once more.
func (r *fleetRun) again() {
	select {
	case r.poke <- struct{}{}:
	default:
	}
}
