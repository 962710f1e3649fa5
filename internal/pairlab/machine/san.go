//go:build linux

package machine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// san is the storage that both nodes are cabled to. It mounts what it is told to, and keeps the truth.
type san struct {
	began time.Time

	mu      sync.Mutex
	targets map[string]*disk
	truth   wire.Truth
}

// disk is one target, or one pool: the storage treats them alike.
type disk struct {
	behaviour wire.Behaviour
	changed   chan struct{}   // closed and made anew with every change of behaviour
	mounted   map[string]bool // by node that has it in use: false while the mount goes on
	turns     map[string]chan struct{}
}

var (
	errPower   = errors.New("the power went")
	errStorage = errors.New("I/O error")
)

func newSAN(began time.Time, targets []wire.Target, b wire.Behaviour, nodes ...string) *san {
	s := &san{began: began, targets: map[string]*disk{}, truth: wire.Truth{Began: began, Disks: targets}}
	names := map[string]bool{}
	for _, t := range targets {
		names[t.UUID] = true
		if pool := t.Pool(); pool != "" {
			names[pool] = true
		}
	}
	for name := range names {
		d := &disk{behaviour: b, changed: make(chan struct{}), mounted: map[string]bool{}, turns: map[string]chan struct{}{}}
		for _, n := range nodes {
			d.turns[n] = make(chan struct{}, 1)
		}
		s.targets[name] = d
	}
	return s
}

func (s *san) now() time.Duration { return time.Since(s.began) }

// note records a change; s.mu is held.
func (s *san) note(target, node string, event wire.TargetEvent) {
	s.truth.Changes = append(s.truth.Changes, wire.Change{At: s.now(), Target: target, Node: node, Event: event})
}

// turn waits until nothing else is being done to a target on a node; life ends with the node's power.
func (s *san) turn(life context.Context, node, target string) (d *disk, done func(), err error) {
	d, ok := s.targets[target]
	if !ok {
		return nil, nil, fmt.Errorf("no target %q on the storage", target)
	}
	select {
	case d.turns[node] <- struct{}{}:
		return d, func() { <-d.turns[node] }, nil
	case <-life.Done():
		return nil, nil, errPower
	}
}

// start mounts a target on a node. That it is in use on the other one keeps it from nothing: the accident happens, and is recorded.
func (s *san) start(life context.Context, node, target string) error {
	d, done, err := s.turn(life, node, target)
	if err != nil {
		return err
	}
	defer done()
	s.mu.Lock()
	if d.mounted[node] {
		s.mu.Unlock()
		return nil
	}
	for other := range d.mounted {
		s.truth.DoubleMounts = append(s.truth.DoubleMounts, wire.DoubleMount{At: s.now(), Target: target, Nodes: [2]string{other, node}})
	}
	d.mounted[node] = false
	s.note(target, node, wire.StartBegin)
	delay := d.behaviour.StartDelay
	s.mu.Unlock()
	if !sleep(life, delay) {
		return errPower
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case life.Err() != nil: // lose has recorded it
		return errPower
	case d.behaviour.FailStart:
		delete(d.mounted, node)
		s.note(target, node, wire.StartFailed)
		return fmt.Errorf("mount: %w", errStorage)
	}
	d.mounted[node] = true
	s.note(target, node, wire.Started)
	return nil
}

// stop unmounts a target.
func (s *san) stop(life context.Context, node, target string) error {
	d, done, err := s.turn(life, node, target)
	if err != nil {
		return err
	}
	defer done()
	s.mu.Lock()
	if !d.mounted[node] {
		s.mu.Unlock()
		return nil
	}
	s.note(target, node, wire.StopBegin)
	delay := d.behaviour.StopDelay
	s.mu.Unlock()
	if !sleep(life, delay) || !s.unhang(life, d) {
		return errPower
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case life.Err() != nil:
		return errPower
	case d.behaviour.FailStop:
		s.note(target, node, wire.StopFailed)
		return fmt.Errorf("umount: %w", errStorage)
	}
	delete(d.mounted, node)
	s.note(target, node, wire.Stopped)
	return nil
}

// unhang waits while unmounts of the target hang.
func (s *san) unhang(life context.Context, d *disk) bool {
	for {
		s.mu.Lock()
		hangs, changed := d.behaviour.HangStop, d.changed
		s.mu.Unlock()
		if !hangs {
			return true
		}
		select {
		case <-changed:
		case <-life.Done():
			return false
		}
	}
}

func sleep(life context.Context, d time.Duration) bool {
	if d <= 0 {
		return life.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-life.Done():
		return false
	}
}

// mounted are the targets that are mounted, and the pools that are imported, on a node.
func (s *san) mounted(node string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for uuid, d := range s.targets {
		if d.mounted[node] {
			all = append(all, uuid)
		}
	}
	return all
}

// lose takes everything from a node whose power has gone; end ends its life, so that nothing that was going on there is
// recorded after that.
func (s *san) lose(node string, end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end()
	for uuid, d := range s.targets {
		if _, inUse := d.mounted[node]; inUse {
			delete(d.mounted, node)
			s.note(uuid, node, wire.Lost)
		}
	}
}

func (s *san) behave(target string, b wire.Behaviour) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.targets[target]
	if !ok {
		return fmt.Errorf("no target %q on the storage", target)
	}
	d.behaviour = b
	close(d.changed)
	d.changed = make(chan struct{})
	return nil
}

func (s *san) power(node string, on bool, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.truth.Power = append(s.truth.Power, wire.PowerChange{At: s.now(), Node: node, On: on, Why: why})
}

func (s *san) fenced(f wire.Fencing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.At = s.now()
	s.truth.Fencings = append(s.truth.Fencings, f)
}

// tell gives the truth so far.
func (s *san) tell() wire.Truth {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.truth
	t.Now = s.now()
	t.Changes = append([]wire.Change(nil), t.Changes...)
	t.DoubleMounts = append([]wire.DoubleMount(nil), t.DoubleMounts...)
	t.Fencings = append([]wire.Fencing(nil), t.Fencings...)
	t.Power = append([]wire.PowerChange(nil), t.Power...)
	return t
}
