package sshexec

import (
	"context"
	"errors"
	"fmt"
)

// ErrGate is the cause when a Gate did not let a command through.
var ErrGate = errors.New("the command was not allowed")

// Question is a command that waits at a Gate.
type Question struct {
	Host   string
	Cmd    string // as Cmd.String shows it: secrets masked
	Effect Effect // Mutating or Disruptive
}

// Gate is a Runner that asks before every command that changes something, and runs it when the answer is nil. Otherwise
// the command is not started, and its error is ErrGate and the answer; where the context has ended it is the context's
// error alone, for nobody said no. Read-only commands are not asked about. The secrets given are masked beside those of
// each command.
//
// The function may be called by several commands at a time.
func Gate(host string, r Runner, allow func(ctx context.Context, q Question) error, secrets ...Secret) Runner {
	return RunnerFunc(func(ctx context.Context, cmd Cmd) (Result, error) {
		if err := cmd.Validate(); err != nil {
			return Result{}, Failure(host, cmd, Result{}, err)
		}
		if ctx.Err() != nil {
			return Result{}, Failure(host, cmd, Result{}, contextCause(ctx))
		}
		if cmd.Effect == ReadOnly {
			return r.Run(ctx, cmd)
		}
		err := allow(ctx, Question{Host: host, Cmd: cmd.shown(secrets), Effect: cmd.Effect})
		switch {
		case ctx.Err() != nil:
			return Result{}, Failure(host, cmd, Result{}, contextCause(ctx))
		case err != nil:
			return Result{}, Failure(host, cmd, Result{}, fmt.Errorf("%w: %w", ErrGate, err))
		}
		return r.Run(ctx, cmd)
	})
}
