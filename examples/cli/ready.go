package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// Ready is a configuration that an engine of one's own can carry out: one that keeps its own loop and its own journal
// (evenkeel.Life).
type Ready struct {
	Config  *Config
	Runbook *evenkeel.Runbook
	Hosts   evenkeel.Hosts
	// Options are those of the configuration: clock, lease path, who holds the lease, and an operator that answers with
	// what the configuration attests and else pauses. Journal, Observer and Stop are the engine's.
	Options evenkeel.Options

	hosts *hosts
}

// Book is the runbook of a configuration file, as plan prints it. No machine is reached.
func (a *App) Book(path string) (*evenkeel.Runbook, error) {
	_, rb, err := a.load(path)
	return rb, err
}

// ErrApproval says that a configuration wants a plan to be signed (require_approval), and here no signed digest can be given.
var ErrApproval = errors.New("the configuration has require_approval, and there is no place for the digest that was signed: run the " +
	"pair with its binary and --approved-digest")

// Ready makes a configuration file ready. A machine is reached when it is first needed; nobody is asked at a terminal. One with
// require_approval is refused with ErrApproval.
func (a *App) Ready(ctx context.Context, path string) (*Ready, error) {
	cfg, rb, err := a.load(path)
	if err != nil {
		return nil, err
	}
	if cfg.RequireApproval {
		return nil, fmt.Errorf("%s: %w", path, ErrApproval)
	}
	h := connect(cfg)
	machines, err := a.within(h)
	if err == nil {
		err = h.ready(ctx, rb.HostNames())
	}
	if err != nil {
		h.Close()
		return nil, err
	}
	real := cfg.World == ""
	at := operator{cfg: cfg, clock: h.Clock(), noWait: real, asked: map[string]time.Time{}}
	if !real && a.Person != nil {
		at.person = func(ctx context.Context, ask evenkeel.Prompt) error { return a.Person(ctx, machines, ask) }
	}
	return &Ready{Config: cfg, Runbook: rb, Hosts: machines, hosts: h, Options: evenkeel.Options{
		Clock: h.Clock(), LeasePath: cfg.LeasePath, Holder: holder(cfg), Simulated: !real, Operator: at,
	}}, nil
}

// Close closes the connections.
func (r *Ready) Close() { r.hosts.Close() }

// Simulation is a simulated world that this process serves over SSH.
type Simulation struct{ s *served }

// Serve makes the example in a new directory and serves its world, as simulate does.
func (a *App) Serve(ctx context.Context, into string) (*Simulation, error) {
	s, err := a.serve(ctx, into, "")
	if err != nil {
		return nil, err
	}
	return &Simulation{s}, nil
}

// Config is the configuration file by which the world is reached.
func (s *Simulation) Config() string { return s.s.ConfigFile }

// Do does something in the world, such as taking the power from a machine, between two commands.
func (s *Simulation) Do(do func(SimWorld) error) error {
	s.s.turn.Lock()
	defer s.s.turn.Unlock()
	if err := do(s.s.world); err != nil {
		return err
	}
	return s.s.follow()
}

// Commands is how many commands were sent to the world's machines.
func (s *Simulation) Commands() int {
	s.s.turn.Lock()
	defer s.s.turn.Unlock()
	return s.s.commands
}

// Close ends it.
func (s *Simulation) Close() { s.s.Close() }

// Hold stops the world at the first command that has a word in it, before or after its effect, until Release: whoever
// sent it can be killed meanwhile. The channel is closed when the world stands still.
func (s *Simulation) Hold(when, word string) (reached <-chan struct{}) {
	s.s.hold.ask(when, 0, word, 1)
	return s.s.hold.waits()
}

// Release lets the held command go; nobody hears of its effect.
func (s *Simulation) Release() { s.s.hold.release() }
