package cli

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// patience is how long a write waits for whoever reads the output. A terminal that was halted by Ctrl-S, a hung link or
// less that waits for a key must not keep a run from ending an outage.
const patience = time.Second

// patienceRoom is how many bytes are kept for an output that nobody reads.
const patienceRoom = 1 << 20

// patient is an output that may be stuck. What is written while it is goes into its room, and is printed when somebody
// reads again; nobody waits for it until then. What there is no room for is lost, and that is said in its place.
type patient struct {
	w     io.Writer
	stuck func() // called each time that it gets stuck

	mu      sync.Mutex
	pending []byte
	lost    int           // bytes
	idle    chan struct{} // closed when all is written; nil when nobody writes
	waived  bool          // it is stuck
	err     error
}

// Write writes, or keeps what nobody reads now.
func (p *patient) Write(b []byte) (int, error) {
	p.mu.Lock()
	if p.err != nil {
		defer p.mu.Unlock()
		return 0, p.err
	}
	if p.lost > 0 || len(p.pending)+len(b) > patienceRoom {
		p.lost += len(b)
	} else {
		p.pending = append(p.pending, b...)
	}
	if p.idle == nil {
		p.idle = make(chan struct{})
		go p.work()
	}
	p.mu.Unlock()
	p.settle()
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(b), p.err
}

// settle waits, and not for long, until all is written.
func (p *patient) settle() {
	p.mu.Lock()
	idle, waived := p.idle, p.waived
	p.mu.Unlock()
	if idle == nil || waived {
		return
	}
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-idle:
	case <-limit.C:
		p.mu.Lock()
		first := p.idle == idle && !p.waived
		p.waived = p.waived || first
		p.mu.Unlock()
		if first && p.stuck != nil {
			go p.stuck()
		}
	}
}

// close waits, and not for long, until all is written, and closes what it is written to. The error says that it is not whole.
func (p *patient) close(c io.Closer) error {
	p.settle()
	p.mu.Lock()
	lost, err := p.idle != nil, p.err
	p.mu.Unlock()
	if lost && err == nil {
		err = errors.New("nobody reads it")
	}
	return errors.Join(err, c.Close())
}

// isStuck tells that nobody reads now.
func (p *patient) isStuck() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waived
}

// work writes all that is pending: there is never more than one that does.
func (p *patient) work() {
	for {
		p.mu.Lock()
		b := p.pending
		p.pending = nil
		if len(b) == 0 && p.lost > 0 && p.err == nil {
			b = fmt.Appendf(nil, "... %d bytes are lost here, since nobody read the output\n", p.lost)
			p.lost = 0
		}
		if len(b) == 0 || p.err != nil {
			close(p.idle)
			p.idle, p.waived = nil, false
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		if _, err := p.w.Write(b); err != nil {
			p.mu.Lock()
			p.err = err
			p.mu.Unlock()
		}
	}
}
