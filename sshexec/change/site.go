package change

import (
	"context"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Op is a typed operation: more than one command, or none at all, but one thing to the reviewer.
type Op struct {
	Effect sshexec.Effect
	Text   string // what it does, in words that the operator could follow by hand
	// Cmds are the commands that are not read-only which Do may run, each on its host, as its user and to the last byte of
	// its input; any other is refused. Of an input that is a secret only that it is one is compared: what it is may be
	// known only when it is needed. See Here and On.
	Cmds []OpCmd
	// Docs are the documents that are not read-only which Do may send, each to one of its servers and to the last byte.
	// Reads are servers that Do may ask beside those. See Site.Dial.
	Docs  []OpDoc
	Reads []Endpoint
	Do    func(ctx context.Context, at Site) (sshexec.Result, error)
}

// OpCmd is a command that an operation declares: what the reviewer is shown is what runs, where it is shown to run.
type OpCmd struct {
	Host string // the action's when empty
	Cmd  sshexec.Cmd
}

// Here declares commands on the action's own host.
func Here(cmds ...sshexec.Cmd) []OpCmd { return On("", cmds...) }

// On declares commands on a host.
func On(host string, cmds ...sshexec.Cmd) []OpCmd {
	out := make([]OpCmd, len(cmds))
	for i, c := range cmds {
		out[i] = OpCmd{Host: host, Cmd: c}
	}
	return out
}

// Site is where an operation or an invariant works: the machines, behind the gate, and what is known.
type Site struct {
	Host  string
	Facts Facts
	Now   time.Time
	Clock Clock // that of the run, which in a simulated world is virtual
	Exec  func(ctx context.Context, host string, cmd sshexec.Cmd) (sshexec.Result, error)
	// Connect is what Dial calls; nil where there is no way to servers. Over leaves it nil: set it to a Dialer's Dial.
	Connect func(ctx context.Context, host, address string) (Conn, error)
	// Tell is what Saw calls; nil where nobody listens.
	Tell func([]Serving)
	// Serial: who would ask several servers at once asks them one after the other, always in the same order. A rehearsal wants that: each
	// of its commands has a number.
	Serial bool
}

// Serving is what a look saw of one thing that users need: a target, a replica set, an address.
type Serving struct {
	What  string `json:"what"`            // as its users call it; it stays the same in every look
	Where string `json:"where,omitempty"` // the machine that serves it; empty: none
	State string `json:"state,omitempty"` // what was seen, in a word or a few: "mounted"
	Home  string `json:"home,omitempty"`  // the machine that normally serves it; empty where it has no such place
}

// Saw tells what serves where, as it was seen just now. What a look could not see is left out.
func (s Site) Saw(serving ...Serving) {
	if s.Tell != nil && len(serving) > 0 {
		s.Tell(serving)
	}
}

// Run runs a command on a host. A command that is not read-only must be one that the action declared, for that host and
// user; a read-only one that has no time limit gets two minutes.
func (s Site) Run(ctx context.Context, host string, cmd sshexec.Cmd) (sshexec.Result, error) {
	return s.Exec(ctx, host, cmd)
}

// Runner is Run for one host, in the form that the other packages take.
func (s Site) Runner(host string) sshexec.Runner {
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) { return s.Exec(ctx, host, cmd) })
}

// Sleep waits on the clock of the run.
func (s Site) Sleep(ctx context.Context, d time.Duration) error { return s.Clock.Sleep(ctx, d) }

// Over is a site without a gate, for what is done outside of a runbook: whatever is asked for runs. The clock is the machine's when nil.
func Over(runner func(host string) (sshexec.Runner, error), clock Clock) Site {
	if clock == nil {
		clock = WallClock{}
	}
	return Site{Clock: clock, Now: clock.Now(), Exec: func(ctx context.Context, host string, cmd sshexec.Cmd) (sshexec.Result, error) {
		r, err := runner(host)
		if err != nil {
			return sshexec.Result{}, err
		}
		return r.Run(ctx, cmd)
	}}
}

// At is the host of a declared command of an action whose host is given.
func (c OpCmd) At(host string) string {
	if c.Host != "" {
		return c.Host
	}
	return host
}
