package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// machine is a pair's machine: `do X` does X, `look X` tells whether it was done. It counts what was done.
type machine struct {
	mu    sync.Mutex
	log   []string
	done  map[string]bool
	fail  map[string]bool
	lease sshexec.SimLease
	// hold is called at each command that changes something, before and after its effect.
	hold func(when, what string)
	// door is called at each command, before the machine looks at its lease.
	door func(argv []string)
}

func newMachine() *machine { return &machine{done: map[string]bool{}, fail: map[string]bool{}} }

func (m *machine) run(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	verb, what := cmd.Argv[0], cmd.Argv[1]
	res := sshexec.Result{Outcome: sshexec.Exited}
	switch verb {
	case "look":
		m.mu.Lock()
		defer m.mu.Unlock()
		if !m.done[what] {
			res.ExitCode = 1
		}
	case "do":
		m.pause("before", what)
		m.mu.Lock()
		if m.fail[what] {
			m.log = append(m.log, what+"!")
			res.ExitCode = 1
		} else {
			m.log = append(m.log, what)
			m.done[what] = true
		}
		m.mu.Unlock()
		m.pause("after", what)
	}
	if res.ExitCode != 0 {
		return res, sshexec.Failure("h", cmd, res, nil)
	}
	return res, nil
}

func (m *machine) pause(when, what string) {
	m.mu.Lock()
	hold := m.hold
	m.mu.Unlock()
	if hold != nil {
		hold(when, what)
	}
}

// holdBefore holds the machine before it does something: it closes reached when it comes there, and goes on when goOn is closed.
func (m *machine) holdBefore(something string) (reached, goOn chan struct{}) {
	reached, goOn = make(chan struct{}), make(chan struct{})
	m.hold = func(when, what string) {
		if when == "before" && what == something {
			close(reached)
			<-goOn
		}
	}
	return reached, goOn
}

func (m *machine) mend(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.fail, what)
}

func (m *machine) did() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.log, " ")
}

func (m *machine) hosts() evenkeel.Hosts {
	inside := sshexec.WithSimLease("h", &m.lease, sshexec.RunnerFunc(m.run))
	return evenkeel.HostMap{"h": sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if m.door != nil {
			m.door(cmd.Argv)
		}
		return inside.Run(ctx, cmd)
	})}
}

// book makes a runbook of a line such as "s1[a b.never] s2[m.word c.probe undo:u]": steps with actions that are
// idempotent, probed first, never repeated, or confirmed by an operator.
func book(t testing.TB, name, text string) *evenkeel.Runbook {
	t.Helper()
	rb := &evenkeel.Runbook{Name: name, Title: "Test " + name, Version: "test"}
	for _, part := range strings.SplitAfter(text, "]") {
		id, list, ok := strings.Cut(strings.TrimSpace(strings.TrimSuffix(part, "]")), "[")
		if !ok {
			continue
		}
		s := evenkeel.Step{ID: id, Title: "Do " + id, Host: "h"}
		for _, word := range strings.Fields(list) {
			word, undo := strings.CutPrefix(word, "undo:")
			what, kind, _ := strings.Cut(word, ".")
			probe := evenkeel.ExitProbe("whether "+what+" is done", sshexec.Command(sshexec.ReadOnly, "look", what))
			a := evenkeel.Do(what, "Do "+what, "do", what)
			switch kind {
			case "word":
				a = evenkeel.ByHand(what, "Confirm "+what, "Look at "+what+".")
			case "probe":
				a = a.Probed(probe)
			case "never":
				a = a.Once(probe)
			}
			if undo {
				s.Undo = append(s.Undo, a)
			} else {
				s.Actions = append(s.Actions, a)
			}
		}
		if len(s.Undo) == 0 {
			s.Harmless = "it is a test"
		}
		rb.Steps = append(rb.Steps, s)
	}
	require.NoError(t, rb.Validate())
	return rb
}

// jobs are pairs of such machines.
type jobs struct {
	books    map[string]*evenkeel.Runbook
	machines map[string]*machine
}

func (j jobs) Book(pair string) (*evenkeel.Runbook, error) {
	if rb := j.books[pair]; rb != nil {
		return rb, nil
	}
	return nil, fmt.Errorf("no pair %s", pair)
}

func (j jobs) Open(_ context.Context, pair string) (*Open, error) {
	m := j.machines[pair]
	if m == nil {
		return nil, errors.New("no machines")
	}
	return &Open{Hosts: m.hosts(), Close: func() {}, Options: evenkeel.Options{Holder: "test@here"}}, nil
}

func one(t testing.TB, text string) (jobs, *machine) {
	t.Helper()
	m := newMachine()
	return jobs{map[string]*evenkeel.Runbook{"p1": book(t, "test", text)}, map[string]*machine{"p1": m}}, m
}

func (j jobs) in(pair string) In {
	return In{Pair: pair, Digest: j.books[pair].Digest(), Limits: quick}
}

// kinds are the kinds of a journal's records, in order.
func kinds(records []evenkeel.Record) (list []string) {
	for _, r := range records {
		list = append(list, string(r.Kind))
	}
	return slices.Clip(list)
}
