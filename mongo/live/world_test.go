package live_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// world is a simulated replica set and the machines of its members, which keep the leases.
type world struct {
	*simhost.World
	set    *mongotest.Set
	before meanwhile
}

// meanwhile is what happens once, immediately before the next document is sent to a member, behind the gate. Members are
// queried side by side, so it has a lock.
type meanwhile struct {
	mu sync.Mutex
	do func()
}

func (m *meanwhile) set(do func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.do = do
}

// happen holds the lock while it happens: no document is sent before it has.
func (m *meanwhile) happen() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if do := m.do; do != nil {
		m.do = nil
		do()
	}
}

func newWorld(c mongo.Config, opts mongotest.Options) (*world, error) {
	set, err := mongotest.Start(c, opts)
	if err != nil {
		return nil, err
	}
	s := simhost.NewState(simhost.NewRegistry(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	for _, m := range c.Members {
		s.AddHost(m.Host[:len(m.Host)-len(":27718")], simhost.EL7())
	}
	return &world{World: simhost.NewWorld(s), set: set}, nil
}

// Dial connects to a member: it makes the world one whose operations can send documents.
func (w *world) Dial(ctx context.Context, host, address string) (change.Conn, error) {
	conn, err := live.Documents(w.set.Dial).Dial(ctx, host, address)
	return watched{conn, w, address}, err
}

type watched struct {
	change.Conn
	w       *world
	address string
}

func (c watched) Send(ctx context.Context, d change.Doc) (string, error) {
	c.w.before.happen()
	return c.Conn.Send(ctx, d)
}

// Sleep lets time pass for the machines and for the set.
func (w *world) Sleep(ctx context.Context, d time.Duration) error {
	w.set.Advance(d)
	return w.World.Sleep(ctx, d)
}

func (w *world) Clock() evenkeel.Clock { return w }
func (w *world) Clone() evenkeel.World { return &world{World: w.World.Clone(), set: w.set.Clone()} }

// Fingerprint is that of the machines and of the set.
func (w *world) Fingerprint(without string) string {
	return fmt.Sprint(w.World.HashWithout(without), w.set.Hash())
}

// Hash is what the set has in the end.
func (w *world) Hash() string {
	t := w.set.Truth()
	return fmt.Sprint(t.Config, t.Primary)
}

// reconfigurations are how many the members got, also those that they refused.
func (w *world) reconfigurations() int {
	n := 0
	for _, c := range w.set.Calls() {
		if c.Name == "replSetReconfig" {
			n++
		}
	}
	return n
}

// Check wants one primary at most, and none of the two reconfigurations sent twice.
func (w *world) Check() error {
	if n := w.reconfigurations(); n > 2 {
		return fmt.Errorf("%d reconfigurations were sent", n)
	}
	return w.set.Check()
}
