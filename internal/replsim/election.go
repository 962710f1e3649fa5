package replsim

import "time"

// settle brings everything that follows from the present instant up to date: what members hear from each other, who
// steps down, who begins to wait. It does not move the time.
func (s *Set) settle() {
	s.steady = false
	for s.spread() {
	}
	for i := range s.procs {
		p := &s.procs[i]
		if !p.up {
			continue
		}
		s.settleRole(i, p)
	}
	for i := range s.procs {
		if s.procs[i].up {
			s.settleData(i)
			s.settleWaiting(i)
		}
	}
	s.trimBranches()
	s.commit()
	s.serving = s.primary() >= 0
}

// spread passes terms and configurations between members that see each other; it tells whether anything changed.
func (s *Set) spread() bool {
	changed := false
	for i := range s.procs {
		for j := range s.procs {
			if i == j || !s.sees(i, j) {
				continue
			}
			p, q := &s.procs[i], &s.procs[j]
			if q.cfg != nil && (p.cfg == nil && q.cfg.index(p.host) >= 0 || p.cfg != nil && q.cfg.newerThan(p.cfg)) {
				s.adopt(i, q.cfg)
				changed = true
			}
			if q.term > p.term && p.cfg != nil {
				p.term = q.term
				changed = true
			}
		}
	}
	return changed
}

// adopt makes a process believe in a configuration, and enter or leave the set with it.
func (s *Set) adopt(i int, cfg *Config) {
	p := &s.procs[i]
	p.cfg = cfg
	k := cfg.index(p.host)
	switch {
	case k < 0:
		s.demote(p, Removed)
	case p.state == Removed || p.state == Startup:
		s.begin(i)
	}
	p.takeoverAt = never // priorities may have changed: the delay counts anew
}

func (s *Set) demote(p *proc, to State) {
	p.state = to
	p.electedAt, p.takeoverAt, p.minorityAt = never, never, never
}

// settleRole ends roles that the present view does not allow, and notes since when a primary sees no majority.
func (s *Set) settleRole(i int, p *proc) {
	majority := s.seesMajority(i)
	if p.electedAt != never && (!majority || p.term > p.bid) {
		p.electedAt = never
	}
	if p.state != Primary {
		return
	}
	switch {
	case p.term > p.op.Term: // somebody was elected after it
		s.demote(p, Secondary)
	case majority:
		p.minorityAt = never
	case p.minorityAt == never:
		p.minorityAt = s.now
	}
}

// settleWaiting notes since when a member has had no primary, and plans its takeover of one with a lower priority.
func (s *Set) settleWaiting(i int) {
	p := &s.procs[i]
	if !s.mayStand(i) {
		p.lostAt, p.stoodAt, p.takeoverAt = never, never, never
		return
	}
	lead := s.leader(i)
	if lead >= 0 {
		p.lostAt, p.stoodAt = never, never
	} else if p.lostAt == never {
		p.lostAt = s.now
		if own := p.cfg.Members[p.cfg.index(p.host)].Votes; 2*own > p.cfg.votes() {
			p.lostAt = s.now - s.opt.ElectionTimeout // alone, it need not wait for anyone
		}
	}
	rank, ok := s.outranks(i, lead)
	switch {
	case !ok:
		p.takeoverAt = never
	case p.takeoverAt == never:
		p.takeoverAt = max(s.now+time.Duration(rank+1)*s.opt.ElectionTimeout, p.barredUntil)
	}
}

// mayStand tells whether a member could be elected at all.
func (s *Set) mayStand(i int) bool {
	p := &s.procs[i]
	if !p.up || p.state != Secondary || p.cfg == nil || p.electedAt != never {
		return false
	}
	k := p.cfg.index(p.host)
	return k >= 0 && p.cfg.Members[k].electable()
}

// leader is the primary, or the winner of an election under way, that a member is in contact with.
func (s *Set) leader(i int) int {
	linked := s.linked(i)
	best := -1
	for j := range s.procs {
		q := &s.procs[j]
		if j != i && linked[j] && q.up && (q.state == Primary || q.electedAt != never) && q.term >= s.procs[i].term {
			if best < 0 || q.term > s.procs[best].term {
				best = j
			}
		}
	}
	return best
}

// takeoverFreshness is how close to the primary's a member's data must be before it takes over.
const takeoverFreshness = 2 * time.Second

// outranks tells whether member i should take over from the primary, and how many members rank above it.
func (s *Set) outranks(i, lead int) (rank int, ok bool) {
	if lead < 0 || s.procs[lead].state != Primary || !s.sees(i, lead) || !s.seesMajority(i) {
		return 0, false
	}
	p := &s.procs[i]
	k := p.cfg.index(s.procs[lead].host)
	if k < 0 {
		return 0, false
	}
	mine := p.cfg.Members[p.cfg.index(p.host)].Priority
	if mine <= p.cfg.Members[k].Priority || s.procs[lead].op.At-p.op.At > takeoverFreshness {
		return 0, false
	}
	for _, m := range p.cfg.Members {
		if m.Priority > mine {
			rank++
		}
	}
	return rank, true
}

// standAt is when a member will stand for want of a primary: the election timeout after it lost contact, and again
// every election timeout after an attempt that failed or could not be made.
func (s *Set) standAt(i int) time.Duration {
	p := &s.procs[i]
	if p.lostAt == never || !s.mayStand(i) || !s.seesMajority(i) {
		return never
	}
	step := s.opt.ElectionTimeout
	t := max(p.lostAt+step, p.barredUntil)
	if t < s.now {
		t += (s.now - t + step - 1) / step * step
	}
	if p.stoodAt != never && t <= p.stoodAt {
		t += ((p.stoodAt-t)/step + 1) * step
	}
	return t
}

// elect lets member i ask for votes; it tells whether it won.
func (s *Set) elect(i int) bool {
	p := &s.procs[i]
	me := p.cfg.Members[p.cfg.index(p.host)]
	term, yes := p.term, 0
	for _, m := range p.cfg.Members {
		j, err := s.find(m.Host)
		if err != nil || m.Votes == 0 || !s.votable(j) || !s.sees(i, j) {
			continue
		}
		term = max(term, s.procs[j].term)
		if j == i || s.grants(j, i, me.Priority) {
			yes += m.Votes
		}
	}
	if 2*yes <= p.cfg.votes() {
		p.stoodAt = s.now
		return false
	}
	p.term, p.bid = term+1, term+1
	p.electedAt = s.now + s.opt.ElectionTime
	p.takeoverAt = never
	return true
}

// grants tells whether voter j votes for member i.
func (s *Set) grants(j, i int, priority float64) bool {
	voter := &s.procs[j]
	if voter.state == Arbiter {
		for k := range s.procs {
			if q := &s.procs[k]; k != i && q.state == Primary && s.sees(j, k) {
				if m := voter.cfg.index(q.host); m >= 0 && voter.cfg.Members[m].Priority >= priority {
					return false
				}
			}
		}
		return true
	}
	return !voter.data || !s.procs[i].op.before(voter.op)
}

// crown makes the winner of an election primary: its term begins where its data end.
func (s *Set) crown(i int) {
	p := &s.procs[i]
	p.electedAt, p.lostAt, p.stoodAt = never, never, never
	p.state = Primary
	s.branches = append(s.branches, branch{term: p.term, from: p.op.At})
	p.op = OpTime{Term: p.term, At: p.op.At + tick}
	s.crowned = s.now
	if s.opt.OneVoterRule { // it writes the configuration again with its term; members report it with their next heartbeat
		cfg := p.cfg.Clone()
		cfg.Term = p.term
		p.cfg, s.reported = &cfg, s.now+s.opt.HeartbeatInterval
	}
}
