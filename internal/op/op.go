// Package op holds the three small words that both a command and a runbook action need: what it does to the world
// (Effect), whether it may be done again (Repeat), and how it ended (Outcome). sshexec and the root package alias them.
package op

import "fmt"

// Effect says what a command does to the system it runs on. There is no default: the zero value is refused.
type Effect uint8

// The effects, from harmless to grave.
const (
	EffectUnset Effect = iota
	ReadOnly           // changes nothing; may be run at any time and again
	Mutating           // changes configuration or state, without taking a service away
	Disruptive         // takes a service, a node or data away, if only for a moment
)

func (e Effect) String() string {
	return name(e, "unset", "read-only", "mutating", "disruptive")
}

// MarshalText writes the effect as its word, for journals and plans.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (e *Effect) UnmarshalText(b []byte) error {
	return parse(e, string(b), "effect", Disruptive)
}

// Repeat says what may be done when it is not known whether a mutating command ran.
type Repeat uint8

// The ways to repeat. There is no default: the zero value is refused for anything that is not read-only.
const (
	RepeatUnset Repeat = iota
	Idempotent         // running it twice is the same as running it once
	ProbeFirst         // look first; run it (again) unless the probe finds it done
	Never              // run it only when the probe proves that it never took effect; a half-done one is for the operator
)

func (r Repeat) String() string {
	return name(r, "unset", "idempotent", "probe-first", "never")
}

// MarshalText writes the repeatability as its word.
func (r Repeat) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (r *Repeat) UnmarshalText(b []byte) error {
	return parse(r, string(b), "repeatability", Never)
}

// Outcome says what is known of a command after the call returned.
type Outcome uint8

// The outcomes. Unknown is never answered by trying again: a probe or the operator answers it.
const (
	NotStarted Outcome = iota // it is certain that the command did not start
	Exited                    // it ran and ended with an exit code
	Signalled                 // it ran and was ended by a signal
	Unknown                   // it may or may not have run, or may still be running
)

func (o Outcome) String() string {
	return name(o, "not-started", "exited", "signalled", "unknown")
}

// MarshalText writes the outcome as its word.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (o *Outcome) UnmarshalText(b []byte) error {
	return parse(o, string(b), "outcome", Unknown)
}

func name[T ~uint8](v T, names ...string) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("%T(%d)", v, uint8(v))
}

func parse[T interface {
	~uint8
	fmt.Stringer
}](dst *T, s, what string, last T) error {
	for v := T(0); v <= last; v++ {
		if v.String() == s {
			*dst = v
			return nil
		}
	}
	return fmt.Errorf("%q is not an %s", s, what)
}
