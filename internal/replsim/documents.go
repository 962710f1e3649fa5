package replsim

import (
	"cmp"
	"slices"
	"time"
)

// Payload is what a caller keeps in the data of a set beside the sharding database. It must never be changed in place: every
// member holds the value that belongs to its place in the oplog.
type Payload interface {
	Hash() uint64 // equal for equal contents
}

// documents are one member's copy of the data.
type documents struct {
	sharding ShardingData
	payload  Payload
}

// written is the data as one write has left them.
type written struct {
	op   OpTime
	docs documents
}

// docsAt is what a follower at a place in the oplog holds, on the branch that leads to term last: its own copy with
// every write up to there.
func (s *Set) docsAt(have documents, op OpTime, last int64) documents {
	for _, w := range s.writes {
		if !op.before(w.op) && s.leadsTo(w.op, last) {
			have = w.docs
		}
	}
	return have
}

// leadsTo tells whether an operation lies on the branch of the oplog that leads to term last: no later primary began before it.
func (s *Set) leadsTo(op OpTime, last int64) bool {
	for _, b := range s.branches {
		if b.term > op.Term && b.term <= last && op.At > b.from {
			return false
		}
	}
	return op.Term <= last
}

// trimWrites forgets the writes that every copy of the data has reached.
func (s *Set) trimWrites() {
	k := 0
	for k < len(s.writes) && !s.awaited(s.writes[k].op) {
		k++
	}
	s.writes = s.writes[k:]
}

func (s *Set) awaited(op OpTime) bool {
	for i := range s.procs {
		if p := &s.procs[i]; p.data && !p.stale && p.op.before(op) {
			return true
		}
	}
	return false
}

// Payload reads from the copy of one member.
func (s *Set) Payload(host string) (Payload, error) {
	i, err := s.running(host)
	if err != nil {
		return nil, err
	}
	return s.procs[i].docs.payload, nil
}

// SetPayload replaces it on every member that holds data: the state before a scenario begins.
func (s *Set) SetPayload(p Payload) {
	s.durable = p
	for i := range s.procs {
		if s.procs[i].data {
			s.procs[i].docs.payload = p
		}
	}
}

// WritePayload runs one write on the primary at host.
func (s *Set) WritePayload(host string, edit func(Payload) (Payload, error)) error {
	return s.writeDocuments(host, func(d *documents) (err error) {
		d.payload, err = edit(d.payload)
		return err
	})
}

// writeDocuments runs one write on the primary at host, and gives it to every member that is in sync and in reach.
func (s *Set) writeDocuments(host string, edit func(*documents) error) error {
	i, err := s.running(host)
	if err != nil {
		return err
	}
	p := &s.procs[i]
	if p.state != Primary {
		return refuse(CodeNotPrimary, "not master")
	}
	d := p.docs
	if err := edit(&d); err != nil {
		return err
	}
	s.steady = false
	before := p.op
	p.docs = d
	p.op.At += tick
	s.writes = append(s.writes, written{op: p.op, docs: d})
	for j, linked := range s.linked(i) {
		if q := &s.procs[j]; linked && j != i && s.follows(q) && q.op == before {
			q.op, q.docs = p.op, p.docs
		}
	}
	s.trimWrites()
	s.commit()
	return nil
}

// Committed tells whether a majority of the voters, who must hold data for it, has everything that the member at host
// has: no failover loses it then.
func (s *Set) Committed(host string) bool {
	i, err := s.find(host)
	if err != nil || s.procs[i].cfg == nil {
		return false
	}
	p := &s.procs[i]
	have := 0
	for _, m := range p.cfg.Members {
		j, err := s.find(m.Host)
		if err != nil || m.Votes == 0 || m.ArbiterOnly || !s.sees(i, j) {
			continue
		}
		if q := &s.procs[j]; q.data && !q.stale && !q.op.before(p.op) {
			have += m.Votes
		}
	}
	return 2*have > p.cfg.votes()
}

// CommittedPayload is what a majority has of the data: no failover undoes it.
func (s *Set) CommittedPayload() Payload { return s.durable }

// commit moves on what a majority has: as in the servers, by members that have come into the term of the primary.
func (s *Set) commit() {
	i := s.primary()
	if i < 0 {
		return
	}
	var have []*proc
	for j := range s.procs {
		p := &s.procs[j]
		if k := s.procs[i].cfg.index(p.host); k >= 0 && s.procs[i].cfg.Members[k].Votes > 0 && p.data && !p.stale &&
			s.sees(i, j) && p.op.Term == s.procs[i].op.Term {
			have = append(have, p)
		}
	}
	slices.SortFunc(have, func(p, q *proc) int { return cmp.Compare(q.op.At, p.op.At) })
	if need := s.procs[i].cfg.votes()/2 + 1; len(have) >= need {
		s.durable = have[need-1].docs.payload
	}
}

// Oplog is the place in the oplog that the member at host has reached, and how far back its oplog reaches from there; ok is false for a
// member without data.
func (s *Set) Oplog(host string) (last OpTime, window time.Duration, ok bool) {
	i, err := s.find(host)
	if err != nil || !s.procs[i].data {
		return OpTime{}, 0, false
	}
	return s.procs[i].op, s.opt.OplogWindow, true
}
