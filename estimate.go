package evenkeel

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// Estimate is how long a step is expected to take, and who says so. The zero value says that nobody knows. It is for
// the plan of a maintenance window alone: nothing runs otherwise because of it, so that no digest holds it.
type Estimate struct {
	Least, Most time.Duration // Least is zero where only one number is known
	From        string        // the place in the guide, or the journals of earlier runs
	// Part says that it is known of a part of the step alone: the whole takes longer, and nobody knows by how much.
	Part bool
	// Guessed says that nobody has said or measured it: what is counted from it is called guessed, and whether a run fits
	// into a window by it is a finding.
	Guessed bool
}

func (e Estimate) known() bool { return e.Most > 0 }

// span is what a plan counts: the upper number.
func (e Estimate) span() Span {
	return Span{For: e.Most, AtLeast: e.Part || !e.known(), Guessed: e.Guessed}
}

func (e Estimate) String() string {
	if !e.known() {
		return "unknown"
	}
	text := inWords(e.Most)
	if least := inWords(e.Least); e.Least > 0 && least != text {
		text = least + " to " + text
	}
	if e.Part {
		text += " and more"
	}
	return text
}

// fromAll stands between those that say of a time together.
const fromAll = "; "

// Estimate gives every action that says nothing of its time what of knows of it: the zero value where that is nothing.
func (rb *Runbook) Estimate(of func(*Action) Estimate) {
	rb.eachAction(func(a *Action) {
		if !a.Takes.known() {
			a.Takes = of(a)
		}
	})
}

// Guess is an estimate of an action by its kind, for a runbook of which nobody has said anything better. It says that it
// is a guess. What waits for something else, installs something or copies much takes what it takes: nothing is known of it.
func Guess(a *Action) Estimate {
	const from = "a guess: 1 to 3 s for a look, 1 to 10 s for a change, 2 to 10 m for what is done by hand"
	switch {
	case a.Detached, a.Expect.Awaits, a.Cmd.Timeout > 30*time.Minute, a.Manual == "" && a.Limit > 0 && a.effect() == ReadOnly:
		return Estimate{}
	case a.Manual != "":
		return Estimate{Least: 2 * time.Minute, Most: 10 * time.Minute, From: from, Guessed: true}
	case a.effect() == ReadOnly:
		return Estimate{Least: time.Second, Most: 3 * time.Second, From: from, Guessed: true}
	}
	return Estimate{Least: time.Second, Most: 10 * time.Second, From: from, Guessed: true}
}

// takes is what is known of the step's time: what it says itself, or the sum of what its actions say.
func (s *Step) takes() Estimate {
	if s.Takes.known() {
		return s.Takes
	}
	var sum Estimate
	var from []string
	for _, list := range [][]Action{s.Actions, s.Verify} {
		for i := range list {
			e := list[i].Takes
			sum.Part, sum.Guessed = sum.Part || e.Part || !e.known(), sum.Guessed || e.Guessed
			sum.Least, sum.Most = sum.Least+cmp.Or(e.Least, e.Most), sum.Most+e.Most
			if e.known() && !slices.Contains(from, e.From) {
				from = append(from, e.From)
			}
		}
	}
	if !sum.known() {
		return Estimate{}
	}
	slices.Sort(from) // the same sources are one, in whatever order they come
	sum.From = strings.Join(from, fromAll)
	return sum
}

// Span is a time, or the part of it that is known.
type Span struct {
	For     time.Duration
	AtLeast bool // something in it is unknown, or has no limit, and was counted as nothing
	Guessed bool // something in it is a guess
}

func (s Span) plus(o Span) Span {
	return Span{s.For + o.For, s.AtLeast || o.AtLeast, s.Guessed || o.Guessed}
}

// beside is how long two take that begin at the same time.
func (s Span) beside(o Span) Span {
	return Span{max(s.For, o.For), s.AtLeast || o.AtLeast, s.Guessed || o.Guessed}
}

// String is the time in words: "2 h", "at least 2 h", "2 h (guessed)", or "unknown" where nothing of it is known.
func (s Span) String() string {
	if s.AtLeast && s.For == 0 {
		return "unknown"
	}
	text := inWords(s.For)
	if s.AtLeast {
		text = "at least " + text
	}
	if s.Guessed {
		text += " (guessed)"
	}
	return text
}

// limit is the time as a limit in words.
func (s Span) limit() string {
	if s.AtLeast {
		return "no limit"
	}
	return inWords(s.For)
}

// MarshalJSON is {"seconds": 7200, "at_least": true}, with "guessed": true where something in it is a guess.
func (s Span) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Seconds float64 `json:"seconds"`
		AtLeast bool    `json:"at_least"`
		Guessed bool    `json:"guessed,omitempty"`
	}{s.For.Seconds(), s.AtLeast, s.Guessed})
}

// MarshalJSON has seconds, and nothing where nobody knows.
func (e Estimate) MarshalJSON() ([]byte, error) {
	if !e.known() {
		return []byte("null"), nil
	}
	return json.Marshal(struct {
		Least float64 `json:"least_seconds,omitempty"`
		Most  float64 `json:"most_seconds"`
		From  string  `json:"from"`
		Part  bool    `json:"part,omitempty"`
		Guess bool    `json:"guessed,omitempty"`
	}{e.Least.Seconds(), e.Most.Seconds(), e.From, e.Part, e.Guessed})
}

// inWords is a time for the reader, rounded up: to seconds, and from an hour on to minutes.
func inWords(d time.Duration) string {
	if rest := d % time.Minute; d >= time.Hour && rest > 0 {
		d += time.Minute - rest
	}
	return printable.Duration(d)
}

// estimates checks what a step, its actions and its windows say of their time.
func (v *validator) estimates(s *Step) {
	check := func(what string, e Estimate) {
		switch {
		case e == Estimate{}:
		case e.Most <= 0 || e.Least < 0 || e.Least > e.Most:
			v.add("%s: takes from %s to %s, which is no estimate: the longer time comes second", what, e.Least, e.Most)
		case e.From == "":
			v.add("%s: says how long it takes, and not who says so", what)
		}
	}
	check("step "+s.ID, s.Takes)
	for _, part := range s.parts() {
		for i := range part.actions {
			check("action "+s.ID+"/"+part.actions[i].ID, part.actions[i].Takes)
		}
	}
	for _, w := range s.Opens {
		check("window "+w.ID, w.Each)
	}
}

// limit is how long the tool lets the step run in one life, when no connection is lost: the limits of its commands, and
// of what it waits for. The operator has none, nor has a command that changes something and was given none.
func (s *Step) limit() Span {
	var sum Span
	for _, list := range [][]Action{s.Actions, s.Verify} {
		for i := range list {
			sum = sum.plus(list[i].limit())
		}
	}
	return sum
}

func (a *Action) limit() Span {
	if a.Op != nil {
		return Span{For: within(a)}
	}
	cmd := bounded(a.Cmd)
	if a.Manual != "" || cmd.Timeout <= 0 {
		return Span{AtLeast: true}
	}
	limit := Span{For: cmd.Timeout}
	looksAgain := a.effect() == ReadOnly || a.Repeat == Idempotent && !a.Detached
	if looksAgain && (a.Expect.Check != nil || a.Expect.Awaits) {
		limit.For += within(a)
	}
	return limit
}
