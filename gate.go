package evenkeel

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

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

// on is the host of a declared command of an action whose host is given.
func (c OpCmd) on(host string) string {
	if c.Host != "" {
		return c.Host
	}
	return host
}

// lookTimeout bounds every read-only command that does not bound itself: some of them can hang (H19).
const lookTimeout = 2 * time.Minute

// bounded gives a read-only command that has no limit of its own one.
func bounded(cmd sshexec.Cmd) sshexec.Cmd {
	if cmd.Effect == ReadOnly && cmd.Timeout == 0 {
		cmd.Timeout = lookTimeout
	}
	return cmd
}

// site is where an operation on host works: reads are free, changes only as declared.
func (e *engine) site(host string, declared []OpCmd) Site {
	facts := e.facts()
	allowed := make([]OpCmd, 0, len(declared))
	for _, c := range declared {
		if cmd, err := facts.expandCmd(c.Cmd); err == nil {
			allowed = append(allowed, OpCmd{Host: c.on(host), Cmd: cmd})
		}
	}
	return Site{Host: host, Facts: facts, Now: e.opts.Clock.Now(), run: func(ctx context.Context, host string, cmd sshexec.Cmd) (sshexec.Result, error) {
		if err := cmd.Validate(); err != nil {
			return sshexec.Result{}, err
		}
		if cmd.Effect != ReadOnly && !slices.ContainsFunc(allowed, func(c OpCmd) bool { return c.Host == host && sameCmd(c.Cmd, cmd) }) {
			return sshexec.Result{}, fmt.Errorf("%w: on %s: %s", ErrNotInPlan, host, cmd)
		}
		return e.exec(ctx, host, bounded(cmd))
	}}
}

// sameCmd tells whether two commands do the same: program, arguments, environment, user, and every byte of the input, but for a secret: what it is may be known
// only when it is needed, and is no part of the plan.
func sameCmd(a, b sshexec.Cmd) bool {
	input := a.Stdin == b.Stdin || a.Stdin.IsSecret() && b.Stdin.IsSecret()
	return input && a.Effect == b.Effect && a.Dir == b.Dir && asUser(a) == asUser(b) && slices.Equal(a.Argv, b.Argv) && slices.Equal(a.Env, b.Env)
}

// asUser is the user that a command runs as: empty for the login user.
func asUser(cmd sshexec.Cmd) string {
	switch {
	case cmd.Sudo == nil:
		return ""
	case cmd.Sudo.User == "":
		return "root"
	}
	return cmd.Sudo.User
}
