package replsim

import (
	"math"
	"time"
)

// tick is the length that a single write takes in the oplog.
const tick = time.Microsecond

// rate is how fast a follower gains on its source: seconds of oplog for each second, under 0 when it falls behind.
func (s *Set) rate(source int) float64 {
	if s.procs[source].state == Primary && !s.opt.Idle {
		return s.opt.ApplyRate - 1
	}
	return s.opt.ApplyRate
}

// flow lets time pass in which nothing is decided: writes arrive, members copy and apply, outages grow.
func (s *Set) flow(d time.Duration) {
	if d <= 0 {
		return
	}
	if !s.serving {
		s.outTotal += d
		s.outNow += d
		s.outLong = max(s.outLong, s.outNow)
	} else {
		s.outNow = 0
	}
	sources := make([]int, len(s.procs))
	for i := range s.procs {
		sources[i] = s.source(i)
	}
	s.now += d
	if !s.opt.Idle {
		for i := range s.procs {
			if s.procs[i].state == Primary && s.procs[i].up {
				s.procs[i].op.At += d
			}
		}
	}
	for i := range s.procs {
		p := &s.procs[i]
		switch {
		case !p.up:
		case p.work > 0:
			if !p.copying || sources[i] >= 0 {
				p.work = max(0, p.work-d)
			}
		case sources[i] >= 0 && s.follows(p):
			s.apply(p, &s.procs[sources[i]], d)
		}
	}
}

// follows tells whether a process applies the oplog of others.
func (s *Set) follows(p *proc) bool {
	return p.data && !p.stale && (p.state == Secondary || p.state == Recovering)
}

// apply moves a follower along its source's oplog for a while.
func (s *Set) apply(p, src *proc, d time.Duration) {
	p.op.At = min(src.op.At, p.op.At+scale(d, s.opt.ApplyRate))
	p.op.Term = s.termAt(p.op, src.op.Term)
	if p.op.At == src.op.At {
		p.op, p.docs = src.op, src.docs
	} else {
		p.docs = s.docsAt(p.docs, p.op, src.op.Term)
	}
}

func scale(d time.Duration, by float64) time.Duration {
	f := float64(d) * by
	if f >= math.MaxInt64/2 {
		return math.MaxInt64 / 2
	}
	return time.Duration(f)
}

// termAt is the term of the operation that a follower reached, on the branch of the oplog that leads to term last.
func (s *Set) termAt(op OpTime, last int64) int64 {
	term := op.Term
	for _, b := range s.branches {
		if b.term <= last && op.At > b.from {
			term = max(term, b.term)
		}
	}
	return term
}

// settleData rolls back what the new primary does not have, and notices data that no oplog reaches any more.
func (s *Set) settleData(i int) {
	p := &s.procs[i]
	if !s.follows(p) {
		return
	}
	src := s.source(i)
	if src < 0 {
		return
	}
	q := &s.procs[src]
	for _, b := range s.branches {
		if b.term > p.op.Term && b.term <= q.op.Term && p.op.At > b.from {
			p.op.At = b.from // its own writes after this point are lost
		}
	}
	if q.op.At-p.op.At > s.opt.OplogWindow {
		p.stale = true
		s.demote(p, Recovering)
	}
}

// trimBranches forgets the beginnings of terms that every copy of the data has passed.
func (s *Set) trimBranches() {
	oldest := int64(math.MaxInt64)
	for i := range s.procs {
		if s.procs[i].data {
			oldest = min(oldest, s.procs[i].op.Term)
		}
	}
	k := 0
	for k < len(s.branches) && s.branches[k].term <= oldest {
		k++
	}
	s.branches = s.branches[k:]
	s.trimWrites()
}

// begin starts the work of a process that has just been started or configured.
func (s *Set) begin(i int) {
	p := &s.procs[i]
	p.state = Startup2
	p.work, p.copying = s.opt.StartTime, false
	k := p.cfg.index(p.host)
	if k >= 0 && !p.cfg.Members[k].ArbiterOnly && !p.data {
		p.copying = true
		p.work += s.copyTime()
	}
}

// copyTime is how long an initial sync takes for the set's size.
func (s *Set) copyTime() time.Duration {
	return scale(time.Second, float64(s.opt.DataSize)/float64(s.opt.SyncRate))
}

// finish gives a process that has done its work its state.
func (s *Set) finish(i int) {
	p := &s.procs[i]
	k := p.cfg.index(p.host)
	switch {
	case k < 0:
		p.state = Removed
	case p.cfg.Members[k].ArbiterOnly:
		p.state = Arbiter
	default:
		if p.copying {
			if src := s.source(i); src >= 0 {
				p.op, p.docs = s.procs[src].op, s.procs[src].docs
			}
			p.data, p.stale = true, false
		}
		p.state = Secondary
		if p.stale || p.maint {
			p.state = Recovering
		}
	}
	p.copying = false
}
