package replsim

import (
	"slices"
	"time"
)

// Steady tells that nothing is decided any more, however much time passes, until somebody acts on the set: it serves, and
// every member that copies is where the primary is. It is noticed when time passes.
func (s *Set) Steady() bool { return s.steady }

// settled finds out whether the set is steady.
func (s *Set) settled() bool {
	if !s.serving || s.nextEvent() != forever { // a member that falls behind has an event: when the oplog rolls over it
		return false
	}
	head := s.primary()
	for i := range s.procs {
		switch p := &s.procs[i]; {
		case !p.up || i == head:
		case p.state == Primary || p.work > 0:
			return false
		case s.follows(p) && (s.source(i) != head || p.op != s.procs[head].op):
			return false
		}
	}
	return true
}

// glide lets time pass in a steady set: what flow and settle come to there.
func (s *Set) glide(d time.Duration) {
	if d <= 0 {
		return
	}
	s.now += d
	s.outNow = 0
	if s.opt.Idle {
		return
	}
	head := &s.procs[slices.IndexFunc(s.procs, func(p proc) bool { return p.up && p.state == Primary })] // the only one
	head.op.At += d
	for i := range s.procs {
		if p := &s.procs[i]; p.up && s.follows(p) {
			p.op = head.op
		}
	}
}
