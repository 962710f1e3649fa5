package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The states of a pair of a fleet, beside those of a run.
const (
	statePending = "not begun"
	stateWaiting = "waiting" // at work, before a step that would open a window which another pair keeps from it
)

// fleet is what a fleet file asks for, with what its configurations say: all that the scheduler goes by.
type fleet struct {
	Limit    int  // pairs at work at once
	Failures int  // so many pairs may fail before nothing new begins
	InWave   bool // in their own wave, and not in the whole fleet
	Waves    []fleetWave
	Pairs    []fleetPair // of earlier waves first
}

// fleetWave is a wave. The next one begins when it is done, has soaked and, where it wants that, is confirmed.
type fleetWave struct {
	Name    string
	Soak    time.Duration
	Confirm bool
}

// fleetPair is what of a pair decides when it may begin.
type fleetPair struct {
	Name     string
	Wave     int
	Site     *fleetSite // nil: at any time
	Takes    time.Duration
	Machines []string // that it takes a lease on, by their addresses
	// Keys are what its windows keep from other pairs: by window "filesystem=lustre1".
	Keys map[string][]string
}

// keys are what the windows of a pair keep from others. Those of a rollback undo the windows of the run.
func (p *fleetPair) keys(windows ...string) (keys []string) {
	for _, w := range windows {
		keys = append(keys, p.Keys[strings.TrimPrefix(w, undoing)]...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// pairNow is where a pair stands.
type pairNow struct {
	State string
	Take  bool     // it has begun, does not run, and is to be taken up
	Holds []string // keys: its windows are open, or it may open them
	Wants []string // keys: it waits to open their windows
	Other bool     // its configuration makes another runbook than that of its run
	Turn  int      // of those that wait the lowest is first
}

// atWork tells that a tool works on it in this process.
func (p pairNow) atWork() bool { return p.State == stateRunning || p.State == stateWaiting }

// failed tells that it counts as a failure.
func (p pairNow) failed() bool {
	return !p.Take && (p.State == stateFailed || p.State == stateRolledBack)
}

// settled tells that nothing is left to be done of it in its wave.
func (p pairNow) settled() bool { return p.State == stateFinished || p.failed() }

// under tells that it has begun, and that what it does to its machines is not over.
func (p pairNow) under() bool {
	return p.State != statePending && p.State != stateFinished && p.State != stateRolledBack
}

// waveNow is what the journal of the fleet knows of a wave.
type waveNow struct {
	Done      time.Time // zero while it is not
	Confirmed bool
	Refused   bool // it was asked for in this life, and not given: what has begun goes on
}

// fleetNow is where a fleet stands; Pairs and Waves are in the order of the fleet.
type fleetNow struct {
	At    time.Time
	Stop  bool // asked to stop: nothing begins, and no window opens
	Pairs []pairNow
	Waves []waveNow
}

// running counts the pairs that are carried out, and do not wait.
func (now fleetNow) running() (n int) {
	for _, p := range now.Pairs {
		if p.State == stateRunning {
			n++
		}
	}
	return n
}

// fleetNext is what may be done now.
type fleetNext struct {
	Stop   bool           // nothing begins any more
	Begin  []int          // pairs to begin or to take up
	Open   []int          // pairs that wait and may open their windows
	GiveUp []int          // pairs that wait for one which nobody here brings to an end: they stop where they are
	Done   int            // this wave is done, and nobody has noted it; -1: none
	Ask    int            // this wave waits for its confirmation; -1: none
	Wake   time.Time      // when time alone changes the answer; zero: never
	Why    map[int]string // why a pair does not begin, or does not go on
}

// over tells that nothing will happen any more by itself.
func (n fleetNext) over(now fleetNow) bool {
	return len(n.Begin)+len(n.Open)+len(n.GiveUp) == 0 && n.Done < 0 && n.Ask < 0 && n.Wake.IsZero() &&
		!slices.ContainsFunc(now.Pairs, pairNow.atWork)
}

// next decides what may be done now. It looks at nothing but its arguments.
func (f *fleet) next(now fleetNow) fleetNext {
	n := fleetNext{Stop: now.Stop, Done: -1, Ask: -1, Why: map[int]string{}}
	f.open(now, &n)
	if now.Stop {
		n.Open, n.GiveUp = nil, f.waiting(now)
		return n
	}
	f.takeUp(now, &n)
	if now.running() == 0 && len(n.Begin)+len(n.Open) == 0 {
		n.GiveUp = f.waiting(now) // they wait for each other, or keep those from beginning that they wait for
	}
	wave := f.wave(now, &n)
	for i := range f.Pairs {
		p := &f.Pairs[i]
		switch {
		case now.Pairs[i].State != statePending:
		case p.Wave > wave:
			n.Why[i] = "waits for wave " + f.Waves[wave].Name
		default:
			f.begin(now, &n, i)
		}
	}
	return n
}

// open lets the pairs that wait open their windows, the first that came first.
func (f *fleet) open(now fleetNow, n *fleetNext) {
	held := map[string]int{}
	for i, p := range now.Pairs {
		for _, key := range p.Holds {
			held[key] = i
		}
	}
	waiting := f.waiting(now)
	running := now.running()
	for _, i := range waiting {
		free := running+len(n.Open) < f.Limit
		if !free { // one that had something open was taken up beside those that wait
			n.Why[i] = fmt.Sprintf("waits for one of the %s at work: the limit is %d", counted(running, "pair", "pairs"), f.Limit)
		}
		for _, key := range now.Pairs[i].Wants {
			by, taken := held[key]
			if !taken || by == i {
				continue
			}
			free = false
			n.Why[i] = fmt.Sprintf("waits for %s, which has a window of %s open", f.Pairs[by].Name, key)
			if other := now.Pairs[by]; !other.atWork() && !other.Take {
				n.Why[i] = fmt.Sprintf("%s is %s with a window of %s open: bring that one to its end first", f.Pairs[by].Name, other.State, key)
				n.GiveUp = append(n.GiveUp, i)
			}
			break
		}
		if free {
			n.Open = append(n.Open, i)
			for _, key := range now.Pairs[i].Wants {
				held[key] = i
			}
		}
	}
}

// waiting are the pairs that wait, the first that came first.
func (f *fleet) waiting(now fleetNow) (list []int) {
	for i, p := range now.Pairs {
		if p.State == stateWaiting {
			list = append(list, i)
		}
	}
	slices.SortStableFunc(list, func(a, b int) int { return now.Pairs[a].Turn - now.Pairs[b].Turn })
	return list
}

// takeUp goes on with what has begun. It is half done: neither a failure elsewhere nor the maintenance window keeps it so.
func (f *fleet) takeUp(now fleetNow, n *fleetNext) {
	var list, others []int // who has something open first: others may wait for it
	for i, p := range now.Pairs {
		switch {
		case p.Take && len(p.Holds) > 0:
			list = append(list, i)
		case p.Take:
			others = append(others, i)
		}
	}
	for _, i := range append(list, others...) {
		if why := f.noRoom(now, n, i); why != "" {
			n.Why[i] = why
			continue
		}
		n.Begin = append(n.Begin, i)
	}
}

// noRoom is why a pair cannot be worked on beside those that are, be it one that is to be. Those that wait take no room from one that has
// something open: they may wait for it.
func (f *fleet) noRoom(now fleetNow, n *fleetNext, i int) string {
	is := now.Pairs[i]
	busy := len(n.Begin)
	for j, p := range now.Pairs {
		if p.State == stateRunning || p.State == stateWaiting && (len(is.Holds) == 0 || slices.Contains(n.Open, j)) {
			busy++
		}
	}
	for j, p := range now.Pairs {
		if beside := p.atWork() || slices.Contains(n.Begin, j); j != i && (beside || p.under() && !is.Take) {
			if host := shared(f.Pairs[i].Machines, f.Pairs[j].Machines); host != "" {
				return fmt.Sprintf("waits for %s, which works on %s too", f.Pairs[j].Name, host)
			}
		}
	}
	if busy >= f.Limit {
		return fmt.Sprintf("waits for one of the %s at work: the limit is %d", counted(busy, "pair", "pairs"), f.Limit)
	}
	return ""
}

// shared is something that is in both lists; empty where nothing is.
func shared(one, other []string) string {
	for _, s := range one {
		if slices.Contains(other, s) {
			return s
		}
	}
	return ""
}

// wave is the wave of which pairs may begin: the first that is not behind us.
func (f *fleet) wave(now fleetNow, n *fleetNext) int {
	for w := range f.Waves {
		if w == len(f.Waves)-1 || !f.passed(now, n, w) {
			return w
		}
	}
	return 0
}

// passed tells whether a wave is done, has soaked and is confirmed.
func (f *fleet) passed(now fleetNow, n *fleetNext, w int) bool {
	for i, p := range now.Pairs {
		left := p.State == statePending && f.InWave && f.tripped(now, w)
		if f.Pairs[i].Wave == w && !p.settled() && !left {
			return false
		}
	}
	switch wave, is := f.Waves[w], now.Waves[w]; {
	case f.tripped(now, w) && !f.InWave:
		return false
	case is.Done.IsZero():
		n.Done = w
	case now.At.Before(is.Done.Add(wave.Soak)):
		n.wake(is.Done.Add(wave.Soak))
	case wave.Confirm && !is.Confirmed && is.Refused:
	case wave.Confirm && !is.Confirmed:
		n.Ask = w
	default:
		return true
	}
	return false
}

func (n *fleetNext) wake(at time.Time) {
	if n.Wake.IsZero() || at.Before(n.Wake) {
		n.Wake = at
	}
}

// tripped tells whether as many pairs have failed as the rule lets: nothing new begins, in the fleet or in that wave.
func (f *fleet) tripped(now fleetNow, wave int) bool {
	failed := 0
	for i, p := range now.Pairs {
		if p.failed() && (!f.InWave || f.Pairs[i].Wave == wave) {
			failed++
		}
	}
	return failed >= f.Failures
}

// begin begins a pair of the wave that is on, where nothing keeps it.
func (f *fleet) begin(now fleetNow, n *fleetNext, i int) {
	p := &f.Pairs[i]
	if f.tripped(now, p.Wave) {
		n.Why[i] = "is not begun: " + f.failures(now)
		return
	}
	for _, keys := range p.Keys {
		for j, other := range now.Pairs {
			if key := shared(keys, other.Holds); key != "" && !other.atWork() && !other.Take {
				n.Why[i] = fmt.Sprintf("%s is %s with a window of %s open: bring that one to its end first", f.Pairs[j].Name, other.State, key)
				return
			}
		}
	}
	if why := f.noRoom(now, n, i); why != "" {
		n.Why[i] = why
		return
	}
	if p.Site != nil {
		if open, at := p.Site.fits(now.At, p.Takes); !open {
			n.Why[i] = "no maintenance window of " + p.Site.Name + " is long enough"
			if !at.IsZero() {
				n.Why[i] = fmt.Sprintf("waits for the maintenance window of %s: %s", p.Site.Name, at.Format(time.RFC1123))
				n.wake(at)
			}
			return
		}
	}
	n.Begin = append(n.Begin, i)
}

// failures names the pairs that failed.
func (f *fleet) failures(now fleetNow) string {
	var names []string
	for i, p := range now.Pairs {
		if p.failed() {
			names = append(names, f.Pairs[i].Name+" "+p.State)
		}
	}
	return strings.Join(names, ", ")
}
