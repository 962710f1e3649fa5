package simhost

import (
	"fmt"
	"slices"
	"time"
)

// Event is something that happens to a whole host.
type Event uint8

// The events that layers are told of.
const (
	WentDown  Event = iota + 1 // power was cut, or the host halts or restarts: all that runs on it is gone
	CameUp                     // the kernel runs and the enabled services are about to start
	Installed                  // the disk holds a fresh operating system
)

// Layer is a part of the world above the single host, such as a cluster stack. It holds no pointer to a State: every call passes it.
type Layer interface {
	Name() string
	Clone() Layer                    // a deep copy
	Encode(e *Encoder)               // writes all that decides what happens next
	Next(s *State) (time.Time, bool) // when something is due next, if anything is
	Tick(s *State)                   // does what is due at s.Now(), and must then no longer be due
	HostEvent(*State, *Host, Event)  // a host went down, came up or was installed
}

// State is the pure state machine: hosts, clock, layers, log. It is not safe for concurrent use; World is.
type State struct {
	Registry *Registry // the programs, services and packages; shared between clones and never changed after the start

	now        time.Time
	hosts      []*Host // by name
	layers     []Layer // in the order added
	log        []Entry
	violations []Violation
	faults     []Fault
	said       *said    // what looks printed, the last first; shared between clones
	seq        int      // commands so far
	changes    []string // what the running command has changed so far
	current    string   // the running command, for violations
	ticking    int      // how deep inside something that fell due
	acted      bool     // whether the running command itself changed something
}

// NewState is an empty world at the given time.
func NewState(reg *Registry, start time.Time) *State { return &State{Registry: reg, now: start} }

// Now is the virtual time.
func (s *State) Now() time.Time { return s.now }

// Seq is the number of commands that runners were asked to run so far.
func (s *State) Seq() int { return s.seq }

// AddHost adds a host by its full name; the part before the first dot is its short name.
func (s *State) AddHost(fqdn string, os OS) *Host {
	h := newHost(fqdn)
	s.hosts = append(s.hosts, h)
	slices.SortFunc(s.hosts, func(a, b *Host) int { return compareText(a.Name, b.Name) })
	h.install(s, os)
	h.boot(s)
	return h
}

// Host finds a host by its full or its short name; nil when there is none.
func (s *State) Host(name string) *Host {
	for _, h := range s.hosts {
		if h.Name == name {
			return h
		}
	}
	for _, h := range s.hosts {
		if h.Short() == name {
			return h
		}
	}
	return nil
}

// Hosts are all hosts in the order of their names.
func (s *State) Hosts() []*Host { return s.hosts }

// AddLayer puts a layer on top of those there are.
func (s *State) AddLayer(l Layer) { s.layers = append(s.layers, l) }

// Layer finds a layer by its name; nil when there is none.
func (s *State) Layer(name string) Layer {
	for _, l := range s.layers {
		if l.Name() == name {
			return l
		}
	}
	return nil
}

// LayerOf is the layer of type T, its zero value when there is none.
func LayerOf[T Layer](s *State) T {
	for _, l := range s.layers {
		if t, ok := l.(T); ok {
			return t
		}
	}
	var none T
	return none
}

func (s *State) tell(h *Host, e Event) {
	for _, l := range s.layers {
		l.HostEvent(s, h, e)
	}
}

// Sleep lets virtual time pass; whatever falls due meanwhile happens at its instant.
func (s *State) Sleep(d time.Duration) {
	if d < 0 {
		d = 0
	}
	end := s.now.Add(d)
	for ticks := 0; ; ticks++ {
		at, act := s.nextDue()
		if act == nil || at.After(end) {
			break
		}
		if at.After(s.now) {
			s.now, ticks = at, 0
		}
		if ticks > 10_000 {
			panic("simhost: something stays due for ever at " + s.now.String())
		}
		s.ticking++
		act()
		s.ticking--
	}
	if end.After(s.now) { // a handler inside may have slept past the end
		s.now = end
	}
}

// Until sleeps second by second until the condition holds, at most for limit, and tells whether it holds.
func (s *State) Until(limit time.Duration, holds func() bool) bool {
	for end := s.now.Add(limit); ; {
		if holds() {
			return true
		}
		if !s.now.Before(end) {
			return false
		}
		s.Sleep(min(time.Second, end.Sub(s.now)))
	}
}

// nextDue is the earliest thing that is due. Hosts come before layers, both in their order, where the times are equal.
func (s *State) nextDue() (at time.Time, act func()) {
	for _, h := range s.hosts {
		if h.Power == Booting && (act == nil || h.bootAt.Before(at)) {
			at, act = h.bootAt, func() { h.boot(s) }
		}
	}
	for _, l := range s.layers {
		if t, ok := l.Next(s); ok && (act == nil || t.Before(at)) {
			at, act = t, func() { l.Tick(s) }
		}
	}
	return at, act
}

// Note records that the running command, or time, changed something on a host. Commands that note nothing changed nothing.
func (s *State) Note(host, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if host != "" {
		text = host + ": " + text
	}
	s.changes = append(s.changes, maskSecrets(text))
	if s.ticking == 0 {
		s.acted = true
	}
}

// Behind lets f change what the running command does not: as if it fell due by itself meanwhile.
func (s *State) Behind(f func()) {
	s.ticking++
	defer func() { s.ticking-- }()
	f()
}

// Violate records that a rule which must always hold was broken just now.
func (s *State) Violate(format string, args ...any) {
	s.violations = append(s.violations, Violation{Time: s.now, Seq: s.seq, Command: s.current, What: fmt.Sprintf(format, args...)})
}

// Violations are the broken rules, in the order of time.
func (s *State) Violations() []Violation { return slices.Clone(s.violations) }

// Log is what ran and what it changed, in the order of time.
func (s *State) Log() []Entry { return slices.Clone(s.log) }

// Forget drops the log, the violations and the command counter: what happened while a world was built is no part of its story.
func (s *State) Forget() { s.log, s.violations, s.changes, s.seq = nil, nil, nil, 0 }

// Clone is a deep copy: the two share nothing that either may change.
func (s *State) Clone() *State {
	c := *s
	c.hosts = make([]*Host, len(s.hosts))
	for i, h := range s.hosts {
		c.hosts[i] = h.clone()
	}
	c.layers = make([]Layer, len(s.layers))
	for i, l := range s.layers {
		c.layers[i] = l.Clone()
	}
	// Appending to a slice without spare room copies it, so the entries, which never change, may be shared.
	c.log, s.log = slices.Clip(s.log), slices.Clip(s.log)
	c.violations, s.violations = slices.Clip(s.violations), slices.Clip(s.violations)
	c.faults = slices.Clone(s.faults)
	c.changes = slices.Clone(s.changes)
	return &c
}

// Hash is a digest of all that decides what happens next, but for the clock and the times of files, the log and the command counter.
func (s *State) Hash() [32]byte { return s.HashWithout("") }

// HashWithout is Hash without the files whose path begins with a prefix.
func (s *State) HashWithout(prefix string) [32]byte {
	e := newEncoder(s.now, prefix)
	e.Int(len(s.hosts))
	for _, h := range s.hosts {
		h.encode(e)
	}
	e.Int(len(s.layers))
	for _, l := range s.layers {
		e.Text(l.Name())
		l.Encode(e)
	}
	e.Int(len(s.violations))
	for _, f := range s.faults {
		if f.At > s.seq {
			e.Int(f.At - s.seq)
			e.Text(f.Kind.String())
		}
	}
	return e.sum()
}
