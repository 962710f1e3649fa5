package replsim

import "slices"

// joins tells whether the cut lies between two processes.
func (s *Set) joins(c cut, i, j int) bool {
	is := func(name string, k int) bool {
		host := s.procs[k].host
		return name == host || name == Machine(host)
	}
	return is(c.a, i) && is(c.b, j) || is(c.a, j) && is(c.b, i)
}

// sees tells whether two running processes can talk.
func (s *Set) sees(i, j int) bool {
	if !s.procs[i].up || !s.procs[j].up {
		return false
	}
	if i == j {
		return true
	}
	for _, c := range s.cuts {
		if s.joins(c, i, j) {
			return false
		}
	}
	return true
}

// seesMajority tells whether process i sees a majority of the votes of the configuration it believes in.
func (s *Set) seesMajority(i int) bool {
	cfg := s.procs[i].cfg
	if cfg == nil || cfg.index(s.procs[i].host) < 0 {
		return false
	}
	seen := 0
	for _, m := range cfg.Members {
		if m.Votes == 0 {
			continue
		}
		if j, err := s.find(m.Host); err == nil && s.votable(j) && s.sees(i, j) {
			seen += m.Votes
		}
	}
	return 2*seen > cfg.votes()
}

// votable tells whether a running process takes part in votes: it must know a configuration that names it.
func (s *Set) votable(j int) bool {
	p := &s.procs[j]
	return p.up && p.cfg != nil && p.state != Removed && p.state != Startup
}

// linked is the set of processes that hear from i by oplog or heartbeat: directly, or passed on by members with data.
func (s *Set) linked(i int) []bool {
	seen := make([]bool, len(s.procs))
	seen[i] = true
	queue := []int{i}
	for len(queue) > 0 {
		k := queue[0]
		queue = queue[1:]
		if k != i && !s.passesOn(k) {
			continue
		}
		for j := range s.procs {
			if !seen[j] && s.sees(k, j) {
				seen[j] = true
				queue = append(queue, j)
			}
		}
	}
	return seen
}

func (s *Set) passesOn(k int) bool {
	p := &s.procs[k]
	return p.data && (p.state == Secondary || p.state == Primary)
}

// source is the process that i would copy from: the newest primary it is linked to, else the freshest secondary that has
// more than it; -1 when there is none.
func (s *Set) source(i int) int {
	var linked []bool
	if len(s.cuts) > 0 { // else whoever is up hears from whoever is up
		linked = s.linked(i)
	}
	best := -1
	for j := range s.procs {
		hears := linked == nil && s.sees(i, j) || linked != nil && linked[j]
		if j != i && hears && s.passesOn(j) && (best < 0 || s.better(j, best)) {
			best = j
		}
	}
	if best >= 0 && s.procs[best].state != Primary && s.procs[i].data && !s.procs[i].op.before(s.procs[best].op) {
		return -1
	}
	return best
}

func (s *Set) better(j, k int) bool {
	a, b := &s.procs[j], &s.procs[k]
	if (a.state == Primary) != (b.state == Primary) {
		return a.state == Primary
	}
	if a.state == Primary && a.term != b.term {
		return a.term > b.term
	}
	return b.op.before(a.op)
}

// Cut separates two members, or two machines, from now on. A silent cut is noticed by missing heartbeats only.
func (s *Set) Cut(a, b string) {
	c := cutBetween(a, b)
	c.at = s.now
	if s.cutIndex(c) < 0 {
		s.cuts = append(s.cuts, c)
		slices.SortFunc(s.cuts, func(x, y cut) int {
			if x.a != y.a {
				return compareHosts(x.a, y.a)
			}
			return compareHosts(x.b, y.b)
		})
	}
	s.settle()
}

// Join ends the cut between two members or machines.
func (s *Set) Join(a, b string) {
	if i := s.cutIndex(cutBetween(a, b)); i >= 0 {
		s.cuts = slices.Delete(s.cuts, i, i+1)
	}
	s.settle()
}

// JoinAll ends every cut.
func (s *Set) JoinAll() {
	s.cuts = nil
	s.settle()
}

func cutBetween(a, b string) cut {
	if a > b {
		a, b = b, a
	}
	return cut{a: a, b: b}
}

func (s *Set) cutIndex(c cut) int {
	return slices.IndexFunc(s.cuts, func(x cut) bool { return x.a == c.a && x.b == c.b })
}
