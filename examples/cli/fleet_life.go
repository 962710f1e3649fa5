package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// session is what carries out a pair, as its own command would.
func (r *fleetRun) session(i int) session {
	m := r.fleet.members[i]
	own := *r.app
	own.screen, own.errors, own.under, own.stuck, own.carried = nil, nil, nil, nil, false // plain lines, each with the pair's name
	own.Stdout, own.Stderr = r.lines.of(i), r.lines.of(i)
	verb := "run"
	if r.resumes[i] {
		verb = "resume"
	}
	return session{app: &own, verb: verb, cfg: m.cfg, rb: m.book, config: r.fleet.config(i), approved: m.Approved, pair: m.Name,
		noWait: r.noWait || own.terminal(false) == nil && m.cfg.World == "", verbose: r.verbose, events: r.events, log: &runLog{}}
}

// carryOutPair lives the life of a pair, and keeps what it came to.
func (r *fleetRun) carryOutPair(ctx context.Context, i int) {
	r.mu.Lock()
	s := r.session(i)
	stop, giveUp := oneShot()
	r.giveUp[i], r.reason[i] = giveUp, ""
	r.mu.Unlock()
	begin := evenkeel.BeginRun
	if s.verb == "resume" {
		begin = evenkeel.BeginResume
	}
	live := func(ctx context.Context, rb *evenkeel.Runbook, hosts evenkeel.Hosts, opts evenkeel.Options) (*evenkeel.Report, error) {
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		opts.Stop = either(inner, opts.Stop, r.stop, stop)
		life, err := begin(ctx, rb, hosts, opts)
		if err != nil {
			return nil, err
		}
		return r.live(ctx, i, life, opts.Stop)
	}
	code, err := s.carryOut(ctx, live)
	if said := (saidError{}); err != nil && code != ExitHeld && code != ExitStopped && !errors.As(err, &said) {
		r.lines.say(i, err.Error()) // those were explained at length
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	is := pairNow{State: map[int]string{ExitDone: stateFinished, ExitHeld: statePaused, ExitStopped: stateStopped}[code]}
	if is.State == "" {
		is.State = stateFailed
		if err != nil && r.reason[i] == "" {
			r.reason[i] = firstLine(err)
		}
	}
	r.see(i, "")
	if left, err := r.fleet.look(i); err == nil {
		is.Holds, r.seen[i].state = left.Holds, left.State
	} else {
		is.Holds = r.now.Pairs[i].Holds // nobody knows what is open
	}
	r.now.Pairs[i] = is
	r.again()
}

// either is closed when one of some channels is, as long as the context has not ended.
func either(ctx context.Context, channels ...<-chan struct{}) <-chan struct{} {
	one, closed := oneShot()
	for _, c := range channels {
		go func() {
			select {
			case <-c:
				closed()
			case <-ctx.Done():
			}
		}()
	}
	return one
}

// live is the loop over Next and Perform. Before a step that would open a window which others are kept from the pair waits for its turn:
// nothing of that step has been read or changed then.
func (r *fleetRun) live(ctx context.Context, i int, life *evenkeel.Life, stop <-chan struct{}) (*evenkeel.Report, error) {
	lost := r.note(evenkeel.Record{Kind: evenkeel.KindStart, Step: r.wave(i), Action: r.fleet.Pairs[i].Name})
	busy, done := map[string]evenkeel.Decision{}, make(chan string)
	for lost == nil {
		list := slices.DeleteFunc(life.Next(), func(d evenkeel.Decision) bool { return !d.Work() })
		if len(list)+len(busy) == 0 {
			break
		}
		if !r.gate(ctx, i, r.fleet.wanted(i, life.State(), slices.Concat(slices.Collect(maps.Values(busy)), list)), stop) {
			list = nil // it stops here; what goes on beside comes to its end
			if len(busy) == 0 {
				break
			}
		}
		r.late(i, list)
		for _, d := range list {
			busy[d.Step] = d
			go func() {
				_ = life.Perform(ctx, d) // the life keeps the error
				done <- d.Step
			}()
		}
		delete(busy, <-done)
	}
	report, err := life.End()
	if lost != nil {
		return report, fmt.Errorf("nothing was changed: the journal of the fleet: %w", lost)
	}
	return report, err
}

// wanted are the keys of the windows that a pair has open, and of those that the steps of these decisions open.
func (f *loadedFleet) wanted(i int, st *evenkeel.State, list []evenkeel.Decision) []string {
	var windows []string
	for _, w := range openWindows(st) {
		windows = append(windows, w.ID)
	}
	return f.Pairs[i].keys(append(windows, f.opened(i, list)...)...)
}

// opened are the windows that the steps of these decisions open.
func (f *loadedFleet) opened(i int, list []evenkeel.Decision) (windows []string) {
	for _, d := range list {
		if d.Kind == evenkeel.DecideUndo || d.Kind == evenkeel.DecideComplete { // they close what is open
			continue
		}
		if s, ok := f.members[i].book.Step(d.Step); ok {
			for _, w := range s.Opens {
				windows = append(windows, w.ID)
			}
		}
	}
	return windows
}

// late says loudly where a pair opens a window when no maintenance window of its site is open: it has waited for another pair, or took
// longer than it was to.
func (r *fleetRun) late(i int, list []evenkeel.Decision) {
	site := r.fleet.Pairs[i].Site
	if site == nil {
		return
	}
	if inside, _ := site.fits(time.Now(), 0); inside {
		return
	}
	for _, name := range r.fleet.opened(i, list) {
		r.lines.say(i, fmt.Sprintf("WARNING: it opens window %s, and no maintenance window of %s is open", name, site.Name))
	}
}

// gate gives back the keys that a pair does not need any more, and waits until it may have those that it needs. It tells whether it has
// them: it has not where the pair is to stop.
func (r *fleetRun) gate(ctx context.Context, i int, keys []string, stop <-chan struct{}) bool {
	r.mu.Lock()
	p := &r.now.Pairs[i]
	held := len(p.Holds)
	p.Holds = slices.DeleteFunc(slices.Clone(p.Holds), func(key string) bool { return !slices.Contains(keys, key) })
	p.Wants = slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return slices.Contains(p.Holds, key) })
	wait := len(p.Wants) > 0
	if wait {
		p.State, p.Turn = stateWaiting, r.turns
		r.turns++
		r.open[i] = make(chan struct{})
	}
	if wait || len(p.Holds) < held {
		r.again()
	}
	open := r.open[i]
	r.mu.Unlock()
	if !wait {
		return true
	}
	select {
	case <-open:
	case <-stop:
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.State == stateWaiting {
		p.State, p.Wants = stateRunning, nil
		return false
	}
	if r.reason[i] != "" {
		r.reason[i] = ""
		_ = r.noted(evenkeel.Record{Kind: evenkeel.KindStart, Step: r.wave(i), Action: r.fleet.Pairs[i].Name}) // see broken
		r.lines.say(i, "goes on")
	}
	return true
}

// lineWriter prints whole lines, each with the name of its pair before it.
type lineWriter struct {
	mu    sync.Mutex
	w     io.Writer
	names []string
	width int
	mid   string // the name before a line that has not ended: a question
}

func newLineWriter(w io.Writer, names []string) *lineWriter {
	l := &lineWriter{w: w, names: names, width: len("fleet")}
	for _, name := range names {
		l.width = max(l.width, len(name))
	}
	return l
}

// of prints the lines of a pair; of -1 those of the fleet itself.
func (l *lineWriter) of(i int) *named {
	name := "fleet"
	if i >= 0 {
		name = l.names[i]
	}
	return &named{l, fmt.Sprintf("%-*s  ", l.width, name)}
}

// say prints a text.
func (l *lineWriter) say(i int, text string) { _, _ = l.of(i).Write([]byte(text + "\n")) }

// named prints the lines of one pair.
type named struct {
	l      *lineWriter
	prefix string
}

// Write prints lines. A last one without an end is a question: what others say meanwhile stands below it.
func (n *named) Write(raw []byte) (int, error) {
	n.l.mu.Lock()
	defer n.l.mu.Unlock()
	var b []byte
	if n.l.mid != "" && n.l.mid != n.prefix {
		b = append(b, '\n')
		n.l.mid = ""
	}
	for line := range bytes.Lines(raw) {
		if n.l.mid == "" && len(bytes.TrimSpace(line)) == 0 {
			continue // one pair parts what it says by empty lines
		}
		if n.l.mid == "" {
			b = append(b, n.prefix...)
		}
		b = append(b, line...)
		if n.l.mid = n.prefix; bytes.HasSuffix(line, []byte("\n")) {
			n.l.mid = ""
		}
	}
	_, err := n.l.w.Write(b)
	return len(raw), err
}
