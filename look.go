package evenkeel

import (
	"context"
	"errors"
	"time"
)

// look is one look of an invariant. It journals what is seen otherwise than the journal tells, and what cannot be seen any more. A journal
// that takes no record ends the run at its next one.
type look struct {
	e           *engine
	by          string
	begun, from time.Time // from is when what is told next began to be looked at
	told        map[string]bool
}

func (e *engine) beginLook(by string, now time.Time) *look {
	return &look{e: e, by: by, begun: now, from: now, told: map[string]bool{}}
}

// tell is what Site.Saw comes to. Of two things of one name the first counts.
func (l *look) tell(saw []Serving) {
	e, once := l.e, map[string]bool{}
	var list []Serving
	for _, s := range saw {
		s = Serving{What: e.own(s.What), Where: e.own(s.Where), State: e.shown(s.State), Home: e.own(s.Home)}
		if !once[s.What] {
			list, once[s.What] = append(list, s), true
		}
	}
	e.mu.Lock()
	r := Record{Kind: KindSaw, By: l.by, From: l.from, Saw: e.whole.news(l.by, list)}
	for what := range once {
		l.told[what] = true
	}
	l.from = e.opts.Clock.Now()
	e.mu.Unlock()
	if len(r.Saw) > 0 {
		_ = e.append(r)
	}
	ev := e.newEvent(EventServing, nil, nil, "", "")
	ev.Serving = list
	e.teller.tell(ev)
}

// end ends the look with what came of it. Where that is no answer, what it has told of before and not now could not be seen. Where it saw
// all else, the next record tells when.
func (l *look) end(ctx context.Context, err error) {
	e, all := l.e, len(l.told) > 0
	var broken *Violation
	blind := err != nil && !errors.As(err, &broken) && ctx.Err() == nil
	r := Record{Kind: KindSaw, By: l.by, From: l.begun}
	e.mu.Lock()
	for _, s := range e.whole.Serving {
		if s.by[l.by] && !l.told[s.What] {
			all = all && blind
			r.Saw = append(r.Saw, Sight{Serving: Serving{What: s.What}, Unseen: true})
		}
	}
	e.mu.Unlock()
	if blind && len(r.Saw) > 0 {
		_ = e.append(r)
	}
	if all {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.looked == nil {
			e.looked = map[string]time.Time{}
		}
		e.looked[l.by] = l.begun
	}
}
