package evenkeel

import (
	"context"
	"maps"
	"sync"
)

// fork is this life in another world, which stands where this one does. It is for a rehearsal: a serial life, between two decisions,
// without an error. It is not begun again: see going.
func (e *engine) fork(hosts Hosts, opts Options) (*engine, error) {
	if err := opts.defaults(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	f := &engine{
		rb: e.rb, hosts: hosts, opts: opts, spans: e.spans, life: e.life, ended: func() error { return nil }, redact: e.redact,
		mine: e.mine.fork(), checks: e.checks, unseen: e.unseen, seen: maps.Clone(e.seen), actions: e.actions,
		alarmed: maps.Clone(e.alarmed), looked: maps.Clone(e.looked), watched: e.watched, entered: make(map[string]*entry, len(e.entered)),
		unused: maps.Clone(e.unused),
		teller: teller{observer: opts.Observer},
	}
	for id, in := range e.entered {
		copied := *in
		f.entered[id] = &copied
	}
	f.whole = e.whole.clone()
	f.st = f.whole
	if e.st != e.whole { // a rollback
		f.st = e.st.clone()
		f.whole.Rollback = f.st
	}
	return f, nil
}

// going is a life that has its leases already.
func (e *engine) going(ctx context.Context) *Life {
	l := &Life{e: e, busy: map[string]bool{}, errs: map[string]error{}}
	if len(e.entered) > 0 { // what is confirmed ahead of its turn was asked for before the first step
		l.confirm.Do(func() {})
	}
	l.listen(ctx)
	return l
}

func (l life) fork() life {
	l.held, l.takes, l.unsure = maps.Clone(l.held), maps.Clone(l.takes), maps.Clone(l.unsure)
	l.admitting = map[string]*sync.Mutex{}
	return l
}
