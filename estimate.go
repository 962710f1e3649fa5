package evenkeel

import (
	"encoding/json"
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
}

func (e Estimate) known() bool { return e.Most > 0 }

// span is what a plan counts: the upper number.
func (e Estimate) span() Span { return Span{For: e.Most, AtLeast: e.Part || !e.known()} }

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

// Span is a time, or the part of it that is known.
type Span struct {
	For     time.Duration
	AtLeast bool // something in it is unknown, or has no limit, and was counted as nothing
}

func (s Span) plus(o Span) Span { return Span{s.For + o.For, s.AtLeast || o.AtLeast} }

// beside is how long two take that begin at the same time.
func (s Span) beside(o Span) Span { return Span{max(s.For, o.For), s.AtLeast || o.AtLeast} }

// String is the time in words: "2 h", "at least 2 h", or "unknown" where nothing of it is known.
func (s Span) String() string {
	switch {
	case s.AtLeast && s.For == 0:
		return "unknown"
	case s.AtLeast:
		return "at least " + inWords(s.For)
	}
	return inWords(s.For)
}

// limit is the time as a limit in words.
func (s Span) limit() string {
	if s.AtLeast {
		return "no limit"
	}
	return inWords(s.For)
}

// MarshalJSON is {"seconds": 7200, "at_least": true}.
func (s Span) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Seconds float64 `json:"seconds"`
		AtLeast bool    `json:"at_least"`
	}{s.For.Seconds(), s.AtLeast})
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
	}{e.Least.Seconds(), e.Most.Seconds(), e.From, e.Part})
}

// inWords is a time for the reader, rounded up: to seconds, and from an hour on to minutes.
func inWords(d time.Duration) string {
	if rest := d % time.Minute; d >= time.Hour && rest > 0 {
		d += time.Minute - rest
	}
	return printable.Duration(d)
}

// estimate checks what a step says of its time.
func (v *validator) estimate(s *Step) {
	e := s.Takes
	switch {
	case e == Estimate{}:
	case e.Most <= 0 || e.Least < 0 || e.Least > e.Most:
		v.add("step %s: takes from %s to %s, which is no estimate: the longer time comes second", s.ID, e.Least, e.Most)
	case e.From == "":
		v.add("step %s: says how long it takes, and not who says so", s.ID)
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
