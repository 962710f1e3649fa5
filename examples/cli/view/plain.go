package view

import (
	"fmt"
	"io"
	"sync"

	"github.com/evenkeel-ha/evenkeel"
)

// Plain prints a line for each thing that is over and done, and for one that is not every few minutes of the run's clock.
type Plain struct {
	mu sync.Mutex
	w  io.Writer
	m  *model
}

// NewPlain prints to w, which may be a pipe, a file or any terminal.
func NewPlain(w io.Writer, o Options) *Plain { return &Plain{w: w, m: newModel(o)} }

// Event prints an event.
func (p *Plain) Event(e evenkeel.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.m.opts.glyphs()
	for _, l := range p.m.take(e) {
		_, _ = fmt.Fprintln(p.w, l.plain(g))
	}
}

// Serving says what serves where, as it was last seen; empty where nothing was seen.
func (p *Plain) Serving() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.m.serving.seenAt()
}
