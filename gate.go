package evenkeel

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// lookTimeout bounds every read-only command that does not bound itself: some of them can hang (H19).
const lookTimeout = 2 * time.Minute

// bounded gives a read-only command that has no limit of its own one.
func bounded(cmd sshexec.Cmd) sshexec.Cmd {
	if cmd.Effect == ReadOnly && cmd.Timeout == 0 {
		cmd.Timeout = lookTimeout
	}
	return cmd
}

// site is where an operation on host works: reads are free, changes only as declared. With no operation nothing is
// changed, and of servers those are asked that the runbook names. The limit is that of a document that changes
// something.
func (e *engine) site(host string, op *Op, limit time.Duration) Site {
	if op == nil {
		op = &Op{Reads: e.rb.servers()}
	}
	facts := e.facts()
	allowed := make([]OpCmd, 0, len(op.Cmds))
	for _, c := range op.Cmds {
		if cmd, err := facts.ExpandCmd(c.Cmd); err == nil {
			allowed = append(allowed, OpCmd{Host: c.At(host), Cmd: cmd})
		}
	}
	now := e.opts.Clock.Now()
	return Site{Host: host, Facts: facts, Now: now, Clock: e.opts.Clock, Serial: e.opts.Serial,
		Connect: e.connect(host, op, limit), Tell: e.beginLook("", now).tell,
		Exec: func(ctx context.Context, host string, cmd sshexec.Cmd) (sshexec.Result, error) {
			if err := cmd.Validate(); err != nil {
				return sshexec.Result{}, err
			}
			if cmd.Effect != ReadOnly {
				i := slices.IndexFunc(allowed, func(c OpCmd) bool { return c.Host == host && sameCmd(c.Cmd, cmd) })
				if i < 0 {
					return sshexec.Result{}, fmt.Errorf("%w: on %s: %s", ErrNotInPlan, host, cmd)
				}
				cmd.Wide = cmd.Wide || allowed[i].Cmd.Wide
			}
			return e.exec(ctx, host, bounded(cmd))
		}}
}

// sameCmd tells whether two commands do the same: program, arguments, environment, user, and every byte of the input,
// but for a secret: what it is may be known only when it is needed, and is no part of the plan.
func sameCmd(a, b sshexec.Cmd) bool {
	input := a.Stdin == b.Stdin || a.Stdin.IsSecret() && b.Stdin.IsSecret()
	return input && a.Effect == b.Effect && a.Dir == b.Dir && asUser(a) == asUser(b) && slices.Equal(a.Argv, b.Argv) &&
		slices.Equal(a.Env, b.Env)
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
