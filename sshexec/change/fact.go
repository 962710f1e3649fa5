package change

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// A Fact is something that one step finds out and a later one needs: the path of an archive, a version before it was
// raised. It is declared on both sides, checked when the runbook is built, and journalled before anything relies on it.
// T is a string, number, bool or a plain struct of these, never a secret.
type Fact[T any] struct{ name, doc string }

// NewFact declares a fact. The name is lower case with dots ("archive.set-1"); doc says in a few words what it is, for
// the reader of a runbook. It panics for a type that can hold a secret: facts are written to the journal.
func NewFact[T any](name, doc string) Fact[T] {
	if holdsSecret(reflect.TypeFor[T](), map[reflect.Type]bool{}) {
		panic(fmt.Sprintf("change: fact %q: %v can hold a secret, and facts are journalled", name, reflect.TypeFor[T]()))
	}
	if name == "" || strings.ContainsAny(name, "⟪⟫ \t\n") {
		panic(fmt.Sprintf("change: %q is no name for a fact", name))
	}
	return Fact[T]{name, doc}
}

func holdsSecret(t reflect.Type, seen map[reflect.Type]bool) bool {
	if t == reflect.TypeFor[sshexec.Secret]() {
		return true
	}
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return holdsSecret(t.Elem(), seen)
	case reflect.Map:
		return holdsSecret(t.Key(), seen) || holdsSecret(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if holdsSecret(t.Field(i).Type, seen) {
				return true
			}
		}
	case reflect.Interface:
		return true // nobody knows what will be in it
	default:
	}
	return false
}

// Name is the fact's name.
func (f Fact[T]) Name() string { return f.name }

// Doc says what the fact is.
func (f Fact[T]) Doc() string { return f.doc }

// Ref is the text that stands for the fact's value in a command; the value is put in its place when the command runs,
// and a runbook on paper shows it as a shell variable.
func (f Fact[T]) Ref() string { return RefOpen + f.name + RefClose }

// Variable is the shell variable that stands for the fact where the operator follows the runbook by hand.
func (f Fact[T]) Variable() string { return Variable(f.name) }

// From declares that an action makes this fact, and how it is read out of what the action printed.
func (f Fact[T]) From(read func(Observed) (T, error)) Make {
	return Make{Key: f, Read: func(o Observed) (any, error) { return read(o) }}
}

// Get is the fact's value.
func (f Fact[T]) Get(facts Facts) (T, error) {
	var v T
	raw, ok := facts[f.name]
	if !ok {
		return v, fmt.Errorf("fact %s (%s) is not known yet", f.name, f.doc)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("fact %s: cannot read %s: %w", f.name, raw, err)
	}
	return v, nil
}

// FactKey is a Fact of any type.
type FactKey interface {
	Name() string
	Doc() string
	Ref() string
}

// Make says that an action makes a fact.
type Make struct {
	Key    FactKey
	Read   func(Observed) (any, error)
	Script string // what the operator types to find it out; empty where it is what the action's command prints
}

// Facts are the values known so far, as journalled.
type Facts map[string]json.RawMessage

// What stands around the name of a fact where its value is to be put in.
const (
	RefOpen  = "⟪"
	RefClose = "⟫"
)

// Refs lists the names of the facts that a text refers to.
func Refs(text string) []string {
	var names []string
	for {
		_, rest, _ := strings.Cut(text, RefOpen)
		name, tail, ok := strings.Cut(rest, RefClose)
		if !ok {
			return names
		}
		names = append(names, name)
		text = tail
	}
}

// Expand puts the values of facts in place of their references. A fact that is not known is an error: a command with a
// hole never runs. What a value holds is not looked into: it is never taken for a reference.
func (f Facts) Expand(text string) (string, error) {
	var b strings.Builder
	for {
		before, rest, _ := strings.Cut(text, RefOpen)
		name, tail, whole := strings.Cut(rest, RefClose)
		if !whole {
			b.WriteString(text)
			return b.String(), nil
		}
		raw, ok := f[name]
		if !ok {
			return "", fmt.Errorf("fact %s is not known yet", name)
		}
		value := string(raw)
		var s string
		if json.Unmarshal(raw, &s) == nil {
			value = s
		}
		b.WriteString(before + value)
		text = tail
	}
}

// ExpandCmd fills a command in.
func (f Facts) ExpandCmd(cmd sshexec.Cmd) (sshexec.Cmd, error) {
	var first error
	out := cmd.Expand(func(s string) string {
		t, err := f.Expand(s)
		if err != nil && first == nil {
			first = err
		}
		return t
	})
	return out, first
}

// CmdRefs lists the facts that a command refers to.
func CmdRefs(cmd sshexec.Cmd) []string {
	var names []string
	cmd.Expand(func(s string) string {
		names = append(names, Refs(s)...)
		return s
	})
	return names
}

// Typed is the Make with the script by which the operator finds the fact out: what it prints is the value. Without one
// it is what the action's command prints.
func (m Make) Typed(script string) Make {
	m.Script = script
	return m
}

// Variable is the shell variable that stands for a fact.
func Variable(name string) string {
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name))
}

// Missing is the first of the named facts that is not known; empty when all are.
func (f Facts) Missing(names []string) string {
	for _, name := range names {
		if _, ok := f[name]; !ok {
			return name
		}
	}
	return ""
}

// Named is the key of a fact of which nothing but its name is known.
func Named(name string) FactKey { return Fact[any]{name: name} }
