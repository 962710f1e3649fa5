package replsim

import (
	"errors"
	"slices"
	"time"
)

// Stop ends the process at host cleanly. A primary that stops hands over where the servers do so.
func (s *Set) Stop(host string) error {
	i, err := s.find(host)
	if err != nil || !s.procs[i].up {
		return err
	}
	if s.procs[i].state == Primary && s.opt.ElectionHandoff {
		s.demote(&s.procs[i], Secondary)
		s.handOver(i)
	}
	s.end(i, false)
	return nil
}

// Kill ends the process at host as a power loss does: nobody is told.
func (s *Set) Kill(host string) error {
	i, err := s.find(host)
	if err != nil || !s.procs[i].up && !s.procs[i].hung {
		return err
	}
	s.end(i, true)
	return nil
}

// Suspend stops the process at host as SIGSTOP does, or a host that swaps: it keeps its state and its connections, and
// neither acts nor answers until it is resumed.
func (s *Set) Suspend(host string) error {
	i, err := s.running(host)
	if err != nil {
		return err
	}
	p := &s.procs[i]
	p.up, p.hung, p.silent, p.goneAt = false, true, true, s.now
	s.settle()
	return nil
}

// Resume lets a suspended process go on.
func (s *Set) Resume(host string) error {
	i, err := s.find(host)
	if err != nil || !s.procs[i].hung {
		return err
	}
	p := &s.procs[i]
	p.up, p.hung, p.silent, p.goneAt = true, false, false, never
	p.electedAt, p.takeoverAt, p.minorityAt = never, never, never
	s.settle()
	return nil
}

func (s *Set) end(i int, silent bool) {
	p := &s.procs[i]
	s.demote(p, Down)
	p.up, p.hung, p.silent, p.goneAt = false, false, silent, s.now
	p.work, p.copying, p.maint = 0, false, false
	p.lostAt, p.stoodAt, p.barredUntil = never, never, never
	s.settle()
}

// Start starts the process at host. It joins with the data it has; without data it copies them first.
func (s *Set) Start(host string) error {
	i, err := s.find(host)
	if err != nil || s.procs[i].up || s.procs[i].hung {
		return err
	}
	p := &s.procs[i]
	p.up, p.goneAt, p.silent = true, never, false
	p.state = Startup
	if p.cfg != nil {
		s.begin(i)
	}
	s.settle()
	return nil
}

// Wipe empties the disk of a stopped process, as a redeployed machine comes: no data, no configuration.
func (s *Set) Wipe(host string) error {
	i, err := s.find(host)
	if err != nil {
		return err
	}
	if s.procs[i].up || s.procs[i].hung {
		return refuse(CodeInvalidConfig, "%s runs: stop it before its data are wiped", host)
	}
	gone, silent := s.procs[i].goneAt, s.procs[i].silent
	s.procs[i] = newProc(host)
	s.procs[i].state, s.procs[i].goneAt, s.procs[i].silent = Down, gone, silent
	s.settle()
	return nil
}

// StepDown makes the primary at host a secondary that does not stand for a while. It is refused while no other member
// could take its place.
func (s *Set) StepDown(host string, d time.Duration) error {
	i, err := s.running(host)
	if err != nil {
		return err
	}
	if s.procs[i].state != Primary {
		return refuse(CodeNotPrimary, "not primary so can't step down")
	}
	if s.successor(i) < 0 {
		return refuse(CodeExceededTimeLimit, "No electable secondaries caught up")
	}
	s.demote(&s.procs[i], Secondary)
	s.procs[i].barredUntil = s.now + d
	if s.opt.ElectionHandoff {
		s.handOver(i)
	}
	s.settle()
	return nil
}

// successor is the caught-up member with the highest priority that sees the process at i and could be elected.
func (s *Set) successor(i int) int {
	best, bestPriority := -1, 0.0
	for j := range s.procs {
		p := &s.procs[j]
		if j == i || !s.mayStand(j) || !s.sees(i, j) || p.barredUntil > s.now ||
			s.procs[i].op.At-p.op.At > takeoverFreshness {
			continue
		}
		if pr := p.cfg.Members[p.cfg.index(p.host)].Priority; pr > bestPriority {
			best, bestPriority = j, pr
		}
	}
	return best
}

// handOver lets the best successor of i stand at once, with every write of i.
func (s *Set) handOver(i int) {
	j := s.successor(i)
	if j < 0 {
		return
	}
	p := &s.procs[j]
	p.op, p.docs = s.procs[i].op, s.procs[i].docs
	p.lostAt, p.stoodAt = s.now-s.opt.ElectionTimeout, never
}

// Freeze keeps the secondary at host from standing for a while; 0 ends it.
func (s *Set) Freeze(host string, d time.Duration) error {
	i, err := s.running(host)
	if err != nil {
		return err
	}
	if s.procs[i].state == Primary {
		return refuse(CodeNotSecondary, "cannot freeze node when primary or running for election. state: Primary")
	}
	s.procs[i].barredUntil, s.procs[i].takeoverAt = never, never
	if d > 0 {
		s.procs[i].barredUntil = s.now + d
	}
	s.settle()
	return nil
}

// Maintenance puts the secondary at host into RECOVERING, or back.
func (s *Set) Maintenance(host string, on bool) error {
	i, err := s.running(host)
	if err != nil {
		return err
	}
	p := &s.procs[i]
	switch {
	case p.state == Arbiter: // it takes it, and nothing changes
	case on && p.state == Secondary:
		p.maint = true
		s.demote(p, Recovering)
	case !on && p.maint:
		p.maint = false
		if p.state == Recovering && !p.stale {
			p.state = Secondary
		}
	case !on && p.state != Primary:
		return refuse(CodeOperationFailed, "already out of maintenance mode")
	default:
		return refuse(CodeNotSecondary, "cannot change maintenance mode in state %s", p.state)
	}
	s.settle()
	return nil
}

// SetIdle stops or resumes the clients' writes.
func (s *Set) SetIdle(idle bool) {
	s.opt.Idle = idle
	s.settle()
}

// SetOplogWindow changes how far back the oplog reaches: shorter when the clients write more. It holds at once, as if
// they had always written so.
func (s *Set) SetOplogWindow(d time.Duration) {
	if d > 0 {
		s.opt.OplogWindow = d
	}
	s.settle()
}

// SetApplyRate changes how fast members apply the oplog.
func (s *Set) SetApplyRate(r float64) {
	if r > 0 {
		s.opt.ApplyRate = r
	}
	s.settle()
}

// Reconfig asks the member at host to install a configuration, as replSetReconfig without force does. A process that
// the configuration names and that does not exist yet is made, running and empty.
func (s *Set) Reconfig(host string, cfg Config) error {
	i, err := s.running(host)
	if err != nil {
		return err
	}
	p := &s.procs[i]
	if p.state != Primary {
		return refuse(CodeNotPrimary,
			"replSetReconfig should only be run on PRIMARY, but my state is %s; use the \"force\" argument to override", p.state)
	}
	cfg = cfg.Clone()
	cfg.Term = p.term
	if err := cfg.validate(); err != nil {
		return incompatible(err)
	}
	if s.opt.OneVoterRule && !s.committed(p.cfg) {
		return refuse(CodeConfigUncommitted, "Cannot run replSetReconfig because the current config is not majority committed")
	}
	if err := cfg.succeeds(p.cfg, s.opt.OneVoterRule); err != nil {
		return err
	}
	k := cfg.index(host)
	if k < 0 {
		return refuse(CodeConfigIncompatible, "No host described in new configuration maps to this node %s", host)
	}
	if !cfg.Members[k].electable() {
		return refuse(CodeConfigIncompatible, "This node, %s, is not electable under the new configuration", host)
	}
	if err := s.quorum(i, &cfg); err != nil {
		return err
	}
	s.install(host, &cfg)
	return nil
}

// quorum refuses a configuration of whose voters no majority answers the process at i. One that does not exist yet
// will.
func (s *Set) quorum(i int, cfg *Config) error {
	if !s.opt.QuorumCheck {
		return nil
	}
	up := 0
	for _, m := range cfg.Members {
		if j, err := s.find(m.Host); err != nil || s.sees(i, j) {
			up += m.Votes
		}
	}
	if need := cfg.votes()/2 + 1; up < need {
		return refuse(CodeNodeNotFound,
			"Quorum check failed because not enough voting nodes responded; required %d but only %d responded", need, up)
	}
	return nil
}

// install makes the processes that the configuration names where there are none, and gives it to the one at host.
func (s *Set) install(host string, cfg *Config) {
	for _, m := range cfg.Members {
		if _, err := s.find(m.Host); err != nil {
			s.insert(m.Host)
		}
	}
	i, _ := s.find(host)
	s.adopt(i, cfg)
	s.settle()
}

// Adopt gives every member a configuration with the same members as the one it has, as it is: the version and the document before a
// scenario begins.
func (s *Set) Adopt(cfg Config) error {
	have := s.Config()
	cfg = cfg.Clone()
	cfg.Term = have.Term
	if err := cfg.validate(); err != nil {
		return err
	}
	if !slices.Equal(cfg.Members, have.Members) {
		return refuse(CodeConfigIncompatible, "the members are not those of the set")
	}
	for i := range s.procs {
		s.procs[i].cfg = &cfg
	}
	s.settle()
	return nil
}

// forcedLeap is what a forced reconfiguration adds to the version, so that it wins against what others may have done meanwhile; a
// server adds a random number from 10000 to 100000.
const forcedLeap = 10000

// ForceReconfig asks the member at host, primary or not, to install a configuration as replSetReconfig with force does.
// Neither a majority nor the rule of one voter is asked for: Check may find two primaries afterwards.
func (s *Set) ForceReconfig(host string, cfg Config) error {
	i, err := s.running(host)
	if err != nil {
		return err
	}
	p := &s.procs[i]
	if p.cfg == nil {
		return refuse(CodeNotYetInitialized, "no replset config has been received")
	}
	cfg = cfg.Clone()
	cfg.Term = p.cfg.Term
	cfg.Version = max(cfg.Version, p.cfg.Version) + forcedLeap
	if err := cfg.validate(); err != nil {
		return incompatible(err)
	}
	if err := cfg.succeeds(p.cfg, false); err != nil {
		return err
	}
	if cfg.index(host) < 0 {
		return refuse(CodeConfigIncompatible, "No host described in new configuration maps to this node %s", host)
	}
	s.install(host, &cfg)
	return nil
}

// incompatible is a refusal as a server gives it for a configuration that is not legal: whatever the reason, with one
// code.
func incompatible(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return refuse(CodeConfigIncompatible, "%s", e.Text)
	}
	return err
}

// committed tells whether a majority of the configuration's voters have it on disk, running or not.
func (s *Set) committed(cfg *Config) bool {
	if s.now < s.reported {
		return false
	}
	have := 0
	for _, m := range cfg.Members {
		if j, err := s.find(m.Host); err == nil && m.Votes > 0 && s.procs[j].cfg != nil &&
			!cfg.newerThan(s.procs[j].cfg) {
			have++
		}
	}
	return 2*have > cfg.votes()
}

func (s *Set) insert(host string) {
	p := newProc(host)
	p.up = true
	at := 0
	for at < len(s.procs) && s.procs[at].host < host {
		at++
	}
	s.procs = append(s.procs, proc{})
	copy(s.procs[at+1:], s.procs[at:])
	s.procs[at] = p
}

// change reconfigures on the primary.
func (s *Set) change(edit func(*Config) error) error {
	host, ok := s.Primary()
	if !ok {
		return refuse(CodeNotPrimary, "replica set %s has no primary", s.name)
	}
	i, err := s.find(host)
	if err != nil {
		return err
	}
	cfg := s.procs[i].cfg.Clone()
	cfg.Version++
	if err := edit(&cfg); err != nil {
		return err
	}
	return s.Reconfig(host, cfg)
}

// Add adds a member on the primary; its process is made, running and empty, unless there is one.
func (s *Set) Add(m MemberSpec) error {
	return s.change(func(c *Config) error {
		c.Members = append(c.Members, m)
		return nil
	})
}

// Remove removes a member on the primary; its process goes on as REMOVED.
func (s *Set) Remove(host string) error {
	return s.change(func(c *Config) error {
		k := c.index(host)
		if k < 0 {
			return refuse(CodeNodeNotFound, "no member %s", host)
		}
		c.Members = append(c.Members[:k], c.Members[k+1:]...)
		return nil
	})
}

// SetPriority changes the priority of a member on the primary.
func (s *Set) SetPriority(host string, priority float64) error {
	return s.change(func(c *Config) error {
		k := c.index(host)
		if k < 0 {
			return refuse(CodeNodeNotFound, "no member %s", host)
		}
		c.Members[k].Priority = priority
		return nil
	})
}
