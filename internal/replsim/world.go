package replsim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"
)

// World is many replica sets on shared machines and one clock.
type World struct {
	now  time.Duration
	sets []*Set // in the order of their names
}

// NewWorld puts sets together. They must be at the same time, and have different names.
func NewWorld(sets ...*Set) (*World, error) {
	w := &World{sets: slices.Clone(sets)}
	slices.SortStableFunc(w.sets, func(a, b *Set) int { return compareHosts(a.name, b.name) })
	for i, s := range w.sets {
		if i > 0 && w.sets[i-1].name == s.name {
			return nil, fmt.Errorf("two replica sets are called %s", s.name)
		}
		if s.now != w.sets[0].now {
			return nil, fmt.Errorf("replica sets %s and %s are at different times", w.sets[0].name, s.name)
		}
		w.now = s.now
	}
	return w, nil
}

// Set finds a set by its name, nil when there is none.
func (w *World) Set(name string) *Set {
	for _, s := range w.sets {
		if s.name == name {
			return s
		}
	}
	return nil
}

// Sets are all sets in the order of their names.
func (w *World) Sets() []*Set { return slices.Clone(w.sets) }

// Now is the common virtual time.
func (w *World) Now() time.Duration { return w.now }

// Advance lets time pass in every set.
func (w *World) Advance(d time.Duration) {
	for _, s := range w.sets {
		s.Advance(d)
	}
	w.now += d
}

// StopMachine ends every process on a machine cleanly.
func (w *World) StopMachine(machine string) { w.each(machine, (*Set).Stop) }

// KillMachine ends every process on a machine as a power loss does.
func (w *World) KillMachine(machine string) { w.each(machine, (*Set).Kill) }

// StartMachine starts every process on a machine.
func (w *World) StartMachine(machine string) { w.each(machine, (*Set).Start) }

// WipeMachine empties the disks of a machine, which is stopped for it: a redeployed virtual machine.
func (w *World) WipeMachine(machine string) {
	w.each(machine, (*Set).Kill)
	w.each(machine, (*Set).Wipe)
}

// each does something to every process on a machine. Its errors are for unknown hosts and for running ones, and hosts
// come from the set itself.
func (w *World) each(machine string, do func(*Set, string) error) {
	for _, s := range w.sets {
		for _, host := range s.Hosts() {
			if Machine(host) == machine {
				_ = do(s, host)
			}
		}
	}
}

// Cut separates two machines in every set.
func (w *World) Cut(a, b string) {
	for _, s := range w.sets {
		s.Cut(a, b)
	}
}

// Join ends the cut between two machines.
func (w *World) Join(a, b string) {
	for _, s := range w.sets {
		s.Join(a, b)
	}
}

// Outage is the longest time on end that one of the sets was without a primary, and that set's name.
func (w *World) Outage() (longest time.Duration, set string) {
	for _, s := range w.sets {
		if _, l := s.Outage(); l > longest {
			longest, set = l, s.name
		}
	}
	return longest, set
}

// Clone copies the world in full.
func (w *World) Clone() *World {
	c := &World{now: w.now, sets: make([]*Set, len(w.sets))}
	for i, s := range w.sets {
		c.sets[i] = s.Clone()
	}
	return c
}

// Hash names the state of all sets; see [Set.Hash].
func (w *World) Hash() uint64 {
	h := fnv.New64a()
	var buf [8]byte
	for _, s := range w.sets {
		binary.LittleEndian.PutUint64(buf[:], s.Hash())
		_, _ = h.Write(buf[:])
	}
	return h.Sum64()
}

// Check tells which invariants the sets break, nil when none.
func (w *World) Check() error {
	var broken []error
	for _, s := range w.sets {
		broken = append(broken, s.Check())
	}
	return errors.Join(broken...)
}
