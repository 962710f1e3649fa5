package replsim

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// never marks an instant that is not set.
const never = time.Duration(math.MinInt64)

// Options are the times and rules of a set. A zero field takes the default that is named beside it.
type Options struct {
	ElectionTimeout   time.Duration // 10 s: how long a member waits for a primary, or a primary for a majority
	ElectionTime      time.Duration // 100 ms: from standing to being writable
	HeartbeatInterval time.Duration // 2 s: after which a closed connection is noticed in the status
	HeartbeatTimeout  time.Duration // 10 s: after which a silent loss is noticed in the status
	StartTime         time.Duration // 2 s: from process start to SECONDARY or ARBITER
	OplogWindow       time.Duration // 1 h: how far back the oplog reaches under the present traffic
	ApplyRate         float64       // 10: seconds of oplog applied in a second; under 1 the lag grows
	DataSize          int64         // bytes copied by an initial sync, 0 for an empty set
	SyncRate          int64         // 50 MB/s: bytes copied in a second
	Idle              bool          // no client writes: the oplog stands still

	OneVoterRule    bool // servers from 4.4 on: one voter a reconfig, and only on a committed configuration
	QuorumCheck     bool // a reconfig asks the voters that it names, and is refused without a majority, as by every server
	ElectionHandoff bool // servers from 4.0 on: a primary that steps down or stops cleanly lets a secondary stand at once
}

func (o Options) withDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.ElectionTimeout, 10*time.Second)
	def(&o.ElectionTime, 100*time.Millisecond)
	def(&o.HeartbeatInterval, 2*time.Second)
	def(&o.HeartbeatTimeout, 10*time.Second)
	def(&o.StartTime, 2*time.Second)
	def(&o.OplogWindow, time.Hour)
	if !(o.ApplyRate > 0) {
		o.ApplyRate = 10
	}
	if o.SyncRate <= 0 {
		o.SyncRate = 50_000_000
	}
	return o
}

// OpTime names an operation in the oplog: the term that wrote it, and when, on the axis of the oplog.
type OpTime struct {
	Term int64
	At   time.Duration
}

func (o OpTime) before(p OpTime) bool {
	if o.Term != p.Term {
		return o.Term < p.Term
	}
	return o.At < p.At
}

// proc is one mongod with its own view of the set.
type proc struct {
	host  string
	cfg   *Config // what it believes; immutable and shared; nil when it knows none
	state State
	up    bool
	hung  bool // suspended: not up, but its state and connections stay
	data  bool // it holds a copy of the data, however old
	stale bool // its data are older than every oplog reaches
	maint bool // in maintenance mode
	term  int64
	bid   int64 // the term of the election that it won last
	op    OpTime
	docs  documents

	work        time.Duration // of the start-up or initial sync still to do
	copying     bool          // the work is an initial sync
	lostAt      time.Duration // since when it has had no contact with a primary
	stoodAt     time.Duration // its last failed attempt since then
	barredUntil time.Duration // frozen or stepped down until then
	takeoverAt  time.Duration // when it will stand against a primary of lower priority
	electedAt   time.Duration // when the election that it won takes effect
	minorityAt  time.Duration // since when this primary has seen no majority
	goneAt      time.Duration // when the process ended
	silent      bool          // it ended without closing its connections
}

type cut struct {
	a, b string // hosts or machines, a <= b
	at   time.Duration
}

type branch struct {
	term int64
	from time.Duration // the oplog position at which the term's primary began
}

// Set is one replica set. The zero value is not usable; see NewSet.
type Set struct {
	name     string
	opt      Options
	now      time.Duration
	procs    []proc // in the order of their hosts
	cuts     []cut
	branches []branch
	writes   []written     // those that some copy of the data has not reached yet, in order
	durable  Payload       // what a majority has
	crowned  time.Duration // when the last election was won
	reported time.Duration // when the members will have told the primary that they have the configuration of its term

	serving  bool // a primary sees a majority
	steady   bool // see Steady; whatever acts on the set takes it back
	outTotal time.Duration
	outLong  time.Duration
	outNow   time.Duration
}

// NewSet makes a set in its steady state: every member up and in sync, the one with the highest priority primary.
func NewSet(name string, members []MemberSpec, opts Options) (*Set, error) {
	cfg := &Config{Version: 1, Term: 1, Members: slices.Clone(members)}
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("replica set %s: %w", name, err)
	}
	s := &Set{name: name, opt: opts.withDefaults(), crowned: never, reported: never}
	best := -1
	for i, m := range cfg.Members {
		if m.electable() && (best < 0 || m.Priority > cfg.Members[best].Priority) {
			best = i
		}
	}
	for i, m := range cfg.Members {
		p := newProc(m.Host)
		p.cfg, p.up, p.term, p.state = cfg, true, 1, Secondary
		switch {
		case m.ArbiterOnly:
			p.state = Arbiter
		case i == best:
			p.state = Primary
		}
		if !m.ArbiterOnly {
			p.data, p.op, p.docs = true, OpTime{Term: 1}, documents{sharding: DefaultShardingData()}
		}
		s.procs = append(s.procs, p)
	}
	slices.SortFunc(s.procs, func(a, b proc) int { return compareHosts(a.host, b.host) })
	s.settle()
	return s, nil
}

func newProc(host string) proc {
	return proc{
		host: host, state: Startup, lostAt: never, stoodAt: never, barredUntil: never, takeoverAt: never,
		electedAt: never, minorityAt: never, goneAt: never,
	}
}

func compareHosts(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Name is the name of the set.
func (s *Set) Name() string { return s.name }

// Now is the virtual time since the set was made.
func (s *Set) Now() time.Duration { return s.now }

// Clone copies the set in full; the copy and the original share nothing that changes.
func (s *Set) Clone() *Set {
	c := *s
	c.procs = slices.Clone(s.procs)
	c.cuts = slices.Clone(s.cuts)
	c.branches = slices.Clone(s.branches)
	c.writes = slices.Clone(s.writes)
	return &c
}

func (s *Set) find(host string) (int, error) {
	for i := range s.procs {
		if s.procs[i].host == host {
			return i, nil
		}
	}
	return -1, refuse(CodeNodeNotFound, "replica set %s has no process at %s", s.name, host)
}

// running finds a process that answers.
func (s *Set) running(host string) (int, error) {
	i, err := s.find(host)
	if err == nil && !s.procs[i].up {
		return -1, refuse(CodeHostUnreachable, "%s does not answer", host)
	}
	return i, err
}

// Primary is the primary that can commit: the one that sees a majority of the votes.
func (s *Set) Primary() (host string, ok bool) {
	if i := s.primary(); i >= 0 {
		return s.procs[i].host, true
	}
	return "", false
}

func (s *Set) primary() int {
	best := -1
	for i := range s.procs {
		p := &s.procs[i]
		if p.state == Primary && s.seesMajority(i) && (best < 0 || p.term > s.procs[best].term) {
			best = i
		}
	}
	return best
}

// HasMajority tells whether some member sees a majority of the votes of the configuration that it believes in.
func (s *Set) HasMajority() bool {
	for i := range s.procs {
		if s.procs[i].up && s.seesMajority(i) {
			return true
		}
	}
	return false
}

// Outage is how long the set has had no primary that can commit: in all, and the longest time on end.
func (s *Set) Outage() (total, longest time.Duration) { return s.outTotal, s.outLong }

// Hosts are the processes of the set, also those that are down or no longer configured, in order.
func (s *Set) Hosts() []string {
	hosts := make([]string, len(s.procs))
	for i := range s.procs {
		hosts[i] = s.procs[i].host
	}
	return hosts
}

// Heard tells whether the other members have had a heartbeat of the primary at host since it was elected: until then an
// arbiter, which reads no oplog, knows of no primary.
func (s *Set) Heard(host string) bool {
	i, err := s.find(host)
	return err == nil && s.procs[i].state == Primary && (s.crowned == never || s.now >= s.crowned+s.opt.HeartbeatInterval)
}

// Config is the newest configuration that any process knows.
func (s *Set) Config() Config {
	newest := &Config{}
	for i := range s.procs {
		if c := s.procs[i].cfg; c != nil && c.newerThan(newest) {
			newest = c
		}
	}
	return newest.Clone()
}

// StateOf is the true state of a process: Down when it does not run.
func (s *Set) StateOf(host string) State {
	i, err := s.find(host)
	if err != nil {
		return Unknown
	}
	return s.stateAt(i)
}

func (s *Set) stateAt(i int) State {
	if !s.procs[i].up && !s.procs[i].hung {
		return Down
	}
	return s.procs[i].state
}

// Seen is the state of a process at some time.
type Seen struct {
	Host  string
	State State
}

// See is the state of every process, in the order of Hosts.
func (s *Set) See() []Seen {
	list := make([]Seen, len(s.procs))
	for i := range s.procs {
		list[i] = Seen{s.procs[i].host, s.stateAt(i)}
	}
	return list
}

// Unchanged tells whether See would give the same.
func (s *Set) Unchanged(seen []Seen) bool {
	if len(seen) != len(s.procs) {
		return false
	}
	for i := range s.procs {
		if seen[i].State != s.stateAt(i) || seen[i].Host != s.procs[i].host {
			return false
		}
	}
	return true
}

// Silent tells whether the process at host gets no answer at all from another one: that hangs, or the network drops
// what is sent. From one that does not run it gets a refusal.
func (s *Set) Silent(host, other string) bool {
	i, err := s.find(host)
	j, err2 := s.find(other)
	return err == nil && err2 == nil && (s.procs[j].hung || s.procs[j].up && !s.sees(i, j))
}

// Term is the highest term of the set.
func (s *Set) Term() int64 {
	var t int64
	for i := range s.procs {
		t = max(t, s.procs[i].term)
	}
	return t
}

// Lag is how far the data of a member are behind the primary's, or behind the freshest when there is none.
func (s *Set) Lag(host string) time.Duration {
	i, err := s.find(host)
	if err != nil || !s.procs[i].data {
		return 0
	}
	var head time.Duration
	if p := s.primary(); p >= 0 {
		head = s.procs[p].op.At
	} else {
		for j := range s.procs {
			head = max(head, s.procs[j].op.At)
		}
	}
	return max(0, head-s.procs[i].op.At)
}

// MemberView is a member as another one reports it.
type MemberView struct {
	ID            int
	Host          string
	Healthy       bool
	State         State // Down when not healthy
	Op            OpTime
	ConfigVersion int64
	ConfigTerm    int64
	Self          bool
}

// Status is what the member at host would answer: its own configuration's members as it believes them to be. A loss
// shows with the delay of the heartbeats.
func (s *Set) Status(host string) ([]MemberView, error) {
	i, err := s.running(host)
	if err != nil {
		return nil, err
	}
	me := &s.procs[i]
	if me.cfg == nil {
		return nil, refuse(CodeNotYetInitialized, "no replset config has been received")
	}
	views := make([]MemberView, 0, len(me.cfg.Members))
	for _, m := range me.cfg.Members {
		v := MemberView{ID: m.ID, Host: m.Host, State: Down, Self: m.Host == host}
		if j, err := s.find(m.Host); err == nil && s.looksAlive(i, j) {
			p := &s.procs[j]
			v.Healthy, v.State, v.Op = true, p.state, p.op
			if p.cfg != nil {
				v.ConfigVersion, v.ConfigTerm = p.cfg.Version, p.cfg.Term
			}
		}
		views = append(views, v)
	}
	return views, nil
}

// looksAlive is sees, with the delay after which a loss is noticed.
func (s *Set) looksAlive(i, j int) bool {
	if p := &s.procs[j]; !p.up {
		delay := s.opt.HeartbeatInterval
		if p.silent {
			delay = s.opt.HeartbeatTimeout
		}
		return p.goneAt != never && s.now-p.goneAt < delay
	}
	for _, c := range s.cuts {
		if s.joins(c, i, j) && s.now-c.at >= s.opt.HeartbeatTimeout {
			return false
		}
	}
	return true
}

// TermOf is the highest term that the process at host has heard of.
func (s *Set) TermOf(host string) int64 {
	if i, err := s.find(host); err == nil {
		return s.procs[i].term
	}
	return 0
}

// ConfigOf is the configuration that the process at host has; ok is false when it has none.
func (s *Set) ConfigOf(host string) (c Config, ok bool) {
	i, err := s.find(host)
	if err != nil || s.procs[i].cfg == nil {
		return Config{}, false
	}
	return s.procs[i].cfg.Clone(), true
}

// ConfigCommitted tells whether a majority of the voters has the configuration of the process at host.
func (s *Set) ConfigCommitted(host string) bool {
	i, err := s.find(host)
	return err == nil && s.procs[i].cfg != nil && s.committed(s.procs[i].cfg)
}
