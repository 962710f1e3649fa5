package replsim

import (
	"math"
	"slices"
	"time"
)

// Advance lets time pass, with every election, step-down and synchronisation that falls into it, in order.
func (s *Set) Advance(d time.Duration) {
	if s.steady {
		s.glide(d)
		return
	}
	end := s.now + d
	for {
		next := s.nextEvent()
		if next > end {
			s.flow(end - s.now)
			s.settle()
			s.steady = s.settled()
			return
		}
		s.flow(next - s.now)
		s.settle()
		s.fire()
		s.settle()
	}
}

// AdvanceUntil lets time pass until the condition holds, looking after each event, at most for the limit; it tells whether it holds.
func (s *Set) AdvanceUntil(limit time.Duration, holds func(*Set) bool) bool {
	end := s.now + limit
	for !holds(s) {
		next := s.nextEvent()
		if next > end {
			s.Advance(end - s.now)
			return holds(s)
		}
		s.Advance(max(next-s.now, 0))
	}
	return true
}

const forever = time.Duration(math.MaxInt64)

// nextEvent is the first instant from now on at which something is decided.
func (s *Set) nextEvent() time.Duration {
	next := forever
	at := func(t time.Duration) {
		if t != never && t >= s.now {
			next = min(next, t)
		}
	}
	for i := range s.procs {
		p := &s.procs[i]
		if !p.up {
			continue
		}
		if p.work > 0 && (!p.copying || s.source(i) >= 0) {
			at(s.now + p.work)
		}
		if p.minorityAt != never {
			at(p.minorityAt + s.opt.ElectionTimeout)
		}
		at(p.electedAt)
		at(p.takeoverAt)
		at(s.standAt(i))
		at(s.dataEvent(i))
	}
	return next
}

// dataEvent is when a follower catches up, or falls off the oplog.
func (s *Set) dataEvent(i int) time.Duration {
	p := &s.procs[i]
	if !s.follows(p) || p.work > 0 {
		return never
	}
	src := s.source(i)
	if src < 0 {
		return never
	}
	lag, gain := s.procs[src].op.At-p.op.At, s.rate(src)
	switch {
	case gain > 0 && lag > 0:
		return s.now + ceilDiv(lag, gain)
	case gain < 0 && lag <= s.opt.OplogWindow:
		return s.now + ceilDiv(s.opt.OplogWindow-lag, -gain) + tick
	}
	return never
}

func ceilDiv(d time.Duration, by float64) time.Duration {
	return max(scale(d, 1/by)+1, 1)
}

// fire does what is due at the present instant.
func (s *Set) fire() {
	var stand, takeover []int
	for i := range s.procs {
		p := &s.procs[i]
		switch {
		case !p.up:
		case p.state == Startup2 && p.work == 0:
			s.finish(i)
		case p.state == Primary && p.minorityAt != never && p.minorityAt+s.opt.ElectionTimeout <= s.now:
			s.demote(p, Secondary)
		case p.electedAt != never && p.electedAt <= s.now:
			s.crown(i)
		case p.takeoverAt != never && p.takeoverAt <= s.now:
			takeover = append(takeover, i)
		case s.standAt(i) == s.now:
			stand = append(stand, i)
		}
	}
	s.firstElected(stand)
	for _, i := range takeover {
		s.procs[i].takeoverAt = never // planned anew by settle if it fails
	}
	s.firstElected(takeover)
}

// firstElected lets candidates of the same instant ask for votes, the freshest first, until one has won.
func (s *Set) firstElected(candidates []int) {
	slices.SortStableFunc(candidates, func(i, j int) int {
		a, b := &s.procs[i], &s.procs[j]
		switch {
		case b.op.before(a.op):
			return -1
		case a.op.before(b.op):
			return 1
		}
		pa := a.cfg.Members[a.cfg.index(a.host)].Priority
		pb := b.cfg.Members[b.cfg.index(b.host)].Priority
		switch {
		case pa > pb:
			return -1
		case pa < pb:
			return 1
		}
		return 0
	})
	for _, i := range candidates {
		if s.elect(i) {
			for s.spread() {
			}
			return
		}
	}
}
