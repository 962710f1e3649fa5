package sshexec

import (
	"context"
)

// DryRun is a Runner that cannot change anything: it forwards read-only commands to r, and hands every other one to
// report (which may be nil) and answers that it exited with status 0 and printed nothing.
func DryRun(r Runner, report func(Cmd)) Runner {
	return RunnerFunc(func(ctx context.Context, cmd Cmd) (Result, error) {
		if err := cmd.Validate(); err != nil {
			return Result{}, Failure("", cmd, Result{}, err)
		}
		if cmd.Effect == ReadOnly {
			return r.Run(ctx, cmd)
		}
		if err := ctx.Err(); err != nil {
			return Result{}, Failure("", cmd, Result{}, contextCause(ctx))
		}
		if report != nil {
			report(cmd)
		}
		return Result{Outcome: Exited}, nil
	})
}
