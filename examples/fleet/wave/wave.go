// Package wave decides which pairs of a fleet begin, and when: in waves, the first of which is the canary, never more
// at the same time than the limit, and none while one is in trouble. It is pure: no clock, no I/O, nothing of a durable
// engine.
package wave

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Plan is a fleet.
type Plan struct {
	Waves [][]string    `json:"waves"`             // the names of the pairs; a wave begins when the one before has ended
	Limit int           `json:"limit,omitempty"`   // how many pairs at the same time; a whole wave when 0
	Soak  time.Duration `json:"soak,omitempty"`    // how long the first wave is watched after its end
	Ask   bool          `json:"confirm,omitempty"` // an operator confirms the first wave before the second begins
}

// Check says what is wrong with a plan.
func (p Plan) Check() error {
	seen := map[string]bool{}
	for i, w := range p.Waves {
		if len(w) == 0 {
			return fmt.Errorf("wave %d is empty", i+1)
		}
		for _, name := range w {
			if name == "" || seen[name] {
				return fmt.Errorf("wave %d: pair %q has no name, or is there twice", i+1, name)
			}
			seen[name] = true
		}
	}
	if len(p.Waves) == 0 || p.Limit < 0 || p.Soak < 0 {
		return fmt.Errorf("a fleet has at least one wave, and no negative limit or soak time")
	}
	return nil
}

// Mark is how far a pair has come.
type Mark string

// The marks. A pair without one has not begun.
const (
	Going   Mark = "going"   // it was begun, and is not in trouble; one that waits for an operator goes too
	Trouble Mark = "trouble" // it failed, was kept out, stopped, or rolled back
	Passed  Mark = "passed"  // it is finished, or an operator said to go on without it
)

// Progress is where a fleet stands.
type Progress struct {
	Marks     map[string]Mark
	Soaked    bool // the soak time is over
	Confirmed bool // an operator confirmed the first wave
	Stopped   bool // an operator wants nothing more to begin
}

// Kind says what a fleet does next.
type Kind string

// The kinds.
const (
	Start   Kind = "start"   // begin pairs
	Soak    Kind = "soak"    // let the soak time pass
	Confirm Kind = "confirm" // wait until an operator confirms the first wave
	Hold    Kind = "hold"    // wait for an operator: a pair is in trouble, or the fleet was stopped
	Wait    Kind = "wait"    // until a pair ends
	Over    Kind = "over"
)

// Move is what a fleet does next.
type Move struct {
	Kind  Kind
	Pairs []string // of Start
	Why   string   // of Hold
}

// Confirm takes the confirmation of the first wave, where the fleet waits for it. Elsewhere it is refused: nobody can have
// seen yet what is to be confirmed.
func (at *Progress) Confirm(p Plan) error {
	if is := Next(p, *at).Kind; is != Confirm {
		return fmt.Errorf("the fleet does not wait for a confirmation of its first wave (%s)", is)
	}
	at.Confirmed = true
	return nil
}

// Next decides.
func Next(p Plan, at Progress) Move {
	troubled, going := at.with(p, Trouble), at.with(p, Going)
	for i, w := range p.Waves {
		var left []string
		for _, name := range w {
			if at.Marks[name] == "" {
				left = append(left, name)
			}
		}
		ended := !slices.ContainsFunc(w, func(name string) bool { return at.Marks[name] != Passed })
		switch {
		case ended && i == 0 && len(p.Waves) > 1 && p.Soak > 0 && !at.Soaked:
			return Move{Kind: Soak}
		case ended && i == 0 && len(p.Waves) > 1 && p.Ask && !at.Confirmed:
			return Move{Kind: Confirm}
		case ended:
			continue
		case len(troubled) > 0:
			return Move{Kind: Hold, Why: "nothing more begins while this is in trouble: " + strings.Join(troubled, ", ")}
		case at.Stopped:
			return Move{Kind: Hold, Why: "stopped as asked: nothing more begins"}
		}
		room := len(left)
		if p.Limit > 0 {
			room = min(room, p.Limit-len(going))
		}
		if room > 0 {
			return Move{Kind: Start, Pairs: left[:room]}
		}
		return Move{Kind: Wait}
	}
	return Move{Kind: Over}
}

// with are the pairs with a mark, in the order of the plan.
func (at Progress) with(p Plan, m Mark) (names []string) {
	for _, w := range p.Waves {
		for _, name := range w {
			if at.Marks[name] == m {
				names = append(names, name)
			}
		}
	}
	return names
}
