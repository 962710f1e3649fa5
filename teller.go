package evenkeel

import (
	"sync"
	"time"
)

// tellingTime is how long the run waits until an observer has taken an event. One that is stuck, on a terminal that was
// halted by Ctrl-S say, must not keep the run from ending an outage, nor from stopping.
const tellingTime = 2 * time.Second

// tellingRoom is how many events are kept for an observer that is stuck.
const tellingRoom = 1000

// teller tells the observer: one event at a time, in their order, and the run waits for it. An observer that is stuck
// is told the rest when it returns, as far as there is room, and nobody waits for it until it has heard all.
type teller struct {
	observer Observer

	mu     sync.Mutex
	queue  []telling
	busy   bool // there is somebody who tells: never more than one
	stuck  bool
	missed int // events since the last in the queue, for which there was no room
}

type telling struct {
	event Event
	told  chan struct{} // closed when the observer has returned
}

func (t *teller) tell(ev Event) {
	t.mu.Lock()
	if len(t.queue) >= tellingRoom {
		t.missed++
		t.mu.Unlock()
		return
	}
	ev.Missed, t.missed = t.missed, 0
	told := make(chan struct{})
	t.queue = append(t.queue, telling{ev, told})
	if !t.busy {
		t.busy, t.stuck = true, false
		go t.work()
	}
	stuck := t.stuck
	t.mu.Unlock()
	if !stuck {
		t.wait(told)
	}
}

// pulse tells an event that nobody misses: it waits for nothing, and is dropped where the observer has not heard all that came before.
func (t *teller) pulse(ev Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy {
		return
	}
	t.busy, t.stuck = true, false
	t.queue = append(t.queue, telling{ev, make(chan struct{})})
	go t.work()
}

// wait waits for an event to be told, and not for long.
func (t *teller) wait(told <-chan struct{}) {
	limit := time.NewTimer(tellingTime)
	defer limit.Stop()
	select {
	case <-told:
	case <-limit.C:
		t.mu.Lock()
		t.stuck = true
		t.mu.Unlock()
	}
}

// work tells all that is in the queue.
func (t *teller) work() {
	for {
		t.mu.Lock()
		if len(t.queue) == 0 {
			t.busy = false
			t.mu.Unlock()
			return
		}
		next := t.queue[0]
		t.queue = t.queue[1:]
		t.mu.Unlock()
		t.observer.Event(next.event)
		close(next.told)
	}
}

// end waits, and not for long, until all is told. After it nothing is told any more.
func (t *teller) end() {
	t.mu.Lock()
	var last <-chan struct{}
	if n := len(t.queue); n > 0 {
		last = t.queue[n-1].told
	}
	t.mu.Unlock()
	if last != nil {
		t.wait(last)
	}
	t.mu.Lock()
	t.queue = nil
	t.mu.Unlock()
}
