package mongotest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/replsim"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
)

// The wire versions of MongoDB's releases.
const (
	Wire34 = 5
	Wire36 = 6
	Wire40 = 7
	Wire42 = 8
	Wire44 = 9
	Wire50 = 13
	Wire60 = 17
	Wire70 = 21
	Wire80 = 25
)

// Options are the times and rules of a set. A zero field takes the default that is named beside it.
type Options struct {
	Wire              int32            // Wire36: which server release is simulated, with its rules and refusals
	Speed             float64          // 0: seconds of simulated time in a real second; 0 for none but by Advance and Sleep
	Epoch             time.Time        // 2026-01-01 UTC: the simulated clock at the start
	ElectionTimeout   time.Duration    // what the configuration's settings say at the start, or 10 s
	HeartbeatInterval time.Duration    // likewise, or 2 s
	OplogSize         int64            // 200 MB: configured; the oplog is full, and a small one holds 104 MB
	OplogWindow       time.Duration    // 1 h: how far it reaches under the present traffic
	ApplyRate         float64          // 10: seconds of oplog that a member applies in a second
	DataSize          int64            // 0: bytes that an initial sync copies, at 50 MB/s
	Idle              bool             // no client writes
	NoMajorityReads   bool             // as with the storage engine mmapv1, or enableMajorityReadConcern: false
	User              *live.Credential // who must authenticate, by SCRAM-SHA-256; nil for a set without access control

	// Turn answers a command when the larger simulation around the set is ready for it: see Around. nil: at once.
	Turn func(host, command string, answer func())
}

// Set is one simulated replica set. Its methods may be called concurrently.
type Set struct {
	opt   Options
	start time.Time

	mu       sync.Mutex
	sim      *replsim.Set
	raced    time.Duration // of the time since start, what has been given to the simulation
	conns    map[string]map[net.Conn]bool
	lives    map[string]int // how often the process at a host has ended
	began    map[string]time.Duration
	releases map[string]string        // by host, where it is not the one of Options.Wire
	hung     map[string]chan struct{} // closed when the process is resumed
	busy     time.Duration            // until then the primary is at a reconfiguration that nobody waits for any more
	guest    bool                     // a larger simulation holds the set, and its clock
	fail     func(Call) Failure
	log      []Call
	closed   bool
	listened []net.Listener
	serving  sync.WaitGroup
}

// Start makes a set in its steady state: every member up and in sync, the one with the highest priority primary. Close it.
func Start(c mongo.Config, opts Options) (*Set, error) {
	if err := mongo.Validate(c); err != nil {
		return nil, fmt.Errorf("replica set %s: %w", c.ID, err)
	}
	opts.ElectionTimeout = cmp.Or(opts.ElectionTimeout, setting(c, "electionTimeoutMillis"))
	opts.HeartbeatInterval = cmp.Or(opts.HeartbeatInterval, setting(c, "heartbeatIntervalMillis"))
	opts = opts.withDefaults()
	simulated, err := simConfig(c)
	if err != nil {
		return nil, err
	}
	sim, err := replsim.NewSet(c.ID, simulated.Members, replsim.Options{
		ElectionTimeout: opts.ElectionTimeout, HeartbeatInterval: opts.HeartbeatInterval, OplogWindow: opts.OplogWindow,
		ApplyRate: opts.ApplyRate,
		DataSize:  opts.DataSize, Idle: opts.Idle, OneVoterRule: opts.Wire >= Wire44,
		QuorumCheck: true, ElectionHandoff: opts.Wire >= Wire40,
	})
	if err != nil {
		return nil, err
	}
	s := around(sim, opts)
	sim.SetPayload(database{})
	simulated.Version = max(simulated.Version, 1)
	if err := sim.Adopt(simulated); err != nil { // the document as it was given, with what the simulation does not model
		return nil, err
	}
	return s, nil
}

func (o Options) withDefaults() Options {
	o.Wire = cmp.Or(o.Wire, Wire36)
	o.OplogSize = cmp.Or(o.OplogSize, 200_000_000)
	o.ElectionTimeout = cmp.Or(o.ElectionTimeout, 10*time.Second)
	o.HeartbeatInterval = cmp.Or(o.HeartbeatInterval, 2*time.Second)
	if o.Epoch.IsZero() {
		o.Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return o
}

func around(sim *replsim.Set, opts Options) *Set {
	return &Set{
		opt: opts, start: time.Now(), sim: sim, conns: map[string]map[net.Conn]bool{},
		hung: map[string]chan struct{}{}, lives: map[string]int{},
		began: map[string]time.Duration{}, releases: map[string]string{},
	}
}

// Around answers for a set that a larger simulation holds, and advances by itself: of the options only Wire, Epoch,
// OplogSize, User and Turn count. Where the larger simulation can be used concurrently, Turn has to hold its lock.
func Around(sim *replsim.Set, opts Options) *Set {
	opts.Speed = 0
	s := around(sim, opts.withDefaults())
	s.guest = true
	return s
}

// Clone is a copy of the set that goes on apart, for a simulated world that is cloned: its state, its releases and the
// record of its calls, without the connections and without what [Set.Fail] chose.
func (s *Set) Clone() *Set {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	c := around(s.sim.Clone(), s.opt)
	c.start, c.raced, c.busy, c.guest, c.log = s.start, s.raced, s.busy, s.guest, slices.Clone(s.log)
	c.lives, c.began, c.releases = maps.Clone(s.lives), maps.Clone(s.began), maps.Clone(s.releases)
	for host := range s.hung {
		c.hung[host] = make(chan struct{})
	}
	return c
}

// Hash names the state of the simulation: equal for sets that behave alike from here on.
func (s *Set) Hash() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %d", s.sim.Hash(), max(s.busy-s.sim.Now(), 0))
	for _, host := range slices.Sorted(maps.Keys(s.releases)) {
		_, _ = fmt.Fprintf(h, " %q %q", host, s.releases[host])
	}
	return h.Sum64()
}

// Close ends every connection and listener, and waits for what serves them.
func (s *Set) Close() error {
	s.mu.Lock()
	s.closed = true
	for host := range s.hung {
		s.wake(host)
	}
	var errs []error
	for _, l := range s.listened {
		errs = append(errs, l.Close())
	}
	for host := range s.conns {
		s.hangUp(host)
	}
	s.mu.Unlock()
	s.serving.Wait()
	return errors.Join(errs...)
}

// catchUp gives the simulation the real time that has passed; the caller holds the lock.
func (s *Set) catchUp() {
	if s.opt.Speed > 0 {
		due := time.Duration(float64(time.Since(s.start)) * s.opt.Speed)
		s.advance(due - s.raced)
		s.raced = due
	}
}

// advance lets simulated time pass; the caller holds the lock. A member of a release before 4.2 that gave up being
// primary closes its connections.
func (s *Set) advance(d time.Duration) {
	was, _ := s.sim.Primary()
	s.sim.Advance(d)
	s.dropIfDeposed(was)
}

// take lets the time pass that a command takes; the caller holds the lock.
func (s *Set) take(q request, d time.Duration) {
	if s.guest {
		return
	}
	s.advance(d)
	if q.took != nil {
		*q.took += d
	}
}

func (s *Set) dropIfDeposed(was string) {
	if s.opt.Wire < Wire42 && was != "" && s.sim.StateOf(was) != replsim.Primary {
		s.hangUp(was)
	}
}

// Advance lets simulated time pass.
func (s *Set) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	s.advance(d)
}

// Sleep lets simulated time pass in place of real time: for live.Options.Sleep.
func (s *Set) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.Advance(d)
	return nil
}

// do acts on the simulation at the present instant.
func (s *Set) do(act func(*replsim.Set) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	was, _ := s.sim.Primary()
	err := act(s.sim)
	s.dropIfDeposed(was)
	return err
}

// StopMember ends the process at host cleanly.
func (s *Set) StopMember(host string) error { return s.end(host, (*replsim.Set).Stop) }

// KillMember ends the process at host as a power loss does.
func (s *Set) KillMember(host string) error { return s.end(host, (*replsim.Set).Kill) }

func (s *Set) end(host string, how func(*replsim.Set, string) error) error {
	return s.do(func(sim *replsim.Set) error {
		s.lives[host]++
		s.hangUp(host)
		s.wake(host)
		return how(sim, host)
	})
}

// SuspendMember stops the process at host as SIGSTOP does: it takes connections and answers nothing until it is
// resumed.
func (s *Set) SuspendMember(host string) error {
	return s.do(func(sim *replsim.Set) error {
		if err := sim.Suspend(host); err != nil {
			return err
		}
		s.hung[host] = make(chan struct{})
		return nil
	})
}

// ResumeMember lets a suspended process go on, and answer what it got meanwhile.
func (s *Set) ResumeMember(host string) error {
	return s.do(func(sim *replsim.Set) error {
		s.wake(host)
		return sim.Resume(host)
	})
}

// wake lets those go on that wait for a suspended process; the caller holds the lock.
func (s *Set) wake(host string) {
	if c, ok := s.hung[host]; ok {
		close(c)
		delete(s.hung, host)
	}
}

// StartMember starts the process at host.
func (s *Set) StartMember(host string) error {
	return s.do(func(sim *replsim.Set) error {
		s.began[host] = sim.Now()
		return sim.Start(host)
	})
}

// SetRelease gives the process at host the version that its buildInfo names. The rules of all members stay those of
// Options.Wire: within them upgrades are of patch releases, as the guide's from 3.6.9 to 3.6.17.
func (s *Set) SetRelease(host, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.releases[host] = version
}

// WipeMember empties the disk of the stopped process at host.
func (s *Set) WipeMember(host string) error {
	return s.do(func(sim *replsim.Set) error { return sim.Wipe(host) })
}

// Cut separates two members or machines from each other; clients reach both.
func (s *Set) Cut(a, b string) {
	_ = s.do(func(sim *replsim.Set) error { sim.Cut(a, b); return nil })
}

// Join ends the cut between two members or machines.
func (s *Set) Join(a, b string) {
	_ = s.do(func(sim *replsim.Set) error { sim.Join(a, b); return nil })
}

// SetTraffic changes how far back the oplog reaches: shorter when the clients write more.
func (s *Set) SetTraffic(window time.Duration) {
	_ = s.do(func(sim *replsim.Set) error { sim.SetOplogWindow(window); return nil })
}

// SetApplyRate changes how many seconds of oplog a member applies in a second; under 1 it falls behind.
func (s *Set) SetApplyRate(r float64) {
	_ = s.do(func(sim *replsim.Set) error { sim.SetApplyRate(r); return nil })
}

// Truth is what is so, whatever a member believes.
type Truth struct {
	Primary  string // the one that sees a majority; "" when there is none
	Majority bool   // some member sees a majority of the votes
	Config   mongo.Config
	Outage   time.Duration // the longest time on end without a primary, so far
	Now      time.Duration // simulated time since the start
}

// Truth looks into the simulation.
func (s *Set) Truth() Truth {
	var t Truth
	_ = s.do(func(sim *replsim.Set) error {
		t.Primary, _ = sim.Primary()
		t.Majority, t.Now = sim.HasMajority(), sim.Now()
		_, t.Outage = sim.Outage()
		c := sim.Config()
		t.Config = s.mongoConfig(&c)
		return nil
	})
	return t
}

// StateOf is the true state of the process at host.
func (s *Set) StateOf(host string) mongo.MemberState {
	var st mongo.MemberState
	_ = s.do(func(sim *replsim.Set) error { st = mongo.MemberState(sim.StateOf(host)); return nil })
	return st
}

// Check tells which invariants are broken: no two primaries of one term, and none that see a majority each.
func (s *Set) Check() error { return s.do((*replsim.Set).Check) }

// Call is one command that a server got.
type Call struct {
	Host string
	DB   string
	Name string
	N    int           // how many commands of this name the set got before
	At   time.Duration // simulated time
}

// Failure is what becomes of a call.
type Failure int

// The failures.
const (
	Served     Failure = iota // none
	LostBefore                // the connection breaks before the command takes effect
	LostAfter                 // the connection breaks after it, before the answer
)

// Fail lets a function choose what becomes of each call, nil for none. It must not call the set.
func (s *Set) Fail(choose func(Call) Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = choose
}

// Calls are the commands that the servers got so far, without their arguments.
func (s *Set) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}
