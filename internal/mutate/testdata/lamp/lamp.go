// Package lamp is a small runbook for the tests of mutate.
package lamp

import (
	"errors"
	"fmt"
	"time"
)

// ProbeResult is what a probe found.
type ProbeResult int

const (
	Inconclusive ProbeResult = iota
	NotRun
	Done
)

// Action is one change of a lamp.
type Action struct {
	ID, Host     string
	Precondition bool
	Limit        time.Duration
}

// AsPrecondition is the action as a guard.
func (a Action) AsPrecondition() Action { a.Precondition = true; return a }

// On is the action on another host.
func (a Action) On(host string) Action { a.Host = host; return a }

// Step is some actions, and how they are taken back.
type Step struct {
	Actions, Undo []Action
}

// Pair are two lamps.
type Pair struct {
	hosts   [2]string
	journal []string
}

func (p *Pair) node(i int) string { return p.hosts[i] }

// Switch lights one lamp after the other.
func (p *Pair) Switch() Step {
	n1, n2 := p.node(0), p.node(1)
	return Step{
		Actions: append([]Action{{ID: "dark"}, Action{ID: "bulb", Host: n1}.AsPrecondition()},
			Action{ID: "light", Limit: time.Minute}.On(n1), Action{ID: "light"}.On(n2)),
		Undo: []Action{{ID: "off", Host: n1}, {ID: "off", Host: n2}},
	}
}

// note writes into the journal.
func (p *Pair) note(text string) error {
	if text == "" {
		return errors.New("nothing to note")
	}
	p.journal = append(p.journal, text)
	return nil
}

// Light journals first.
func (p *Pair) Light(host string) error {
	if err := p.note("light " + host); err != nil {
		return err
	}
	p.journal = append(p.journal, "lit")
	return nil
}

// Probe tells whether a lamp is lit.
func Probe[T ~string](_ int, answer T) (ProbeResult, error) {
	switch {
	case answer == "on":
		return Done, nil
	case answer == "off":
		return NotRun, nil
	case answer == "" || answer == "?":
		return Inconclusive, nil
	}
	return Inconclusive, fmt.Errorf("no answer of a lamp: %q", string(answer))
}

// Brighter is the larger of two; where both are the same, either is.
func Brighter(a, b int) int {
	if a > b {
		return a
	}
	return b
}

// Endless counts down.
func Endless(n int) {
	for n > 0 {
		n--
	}
}

// Watts is not tested.
func Watts(n int) int {
	n *= 60
	return n
}
