package course

import (
	"context"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// runner does what it is told, but for one thing.
func runner(fail string) sshexec.Runner {
	return sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res := sshexec.Result{Outcome: sshexec.Exited}
		if len(cmd.Argv) == 2 && cmd.Argv[1] == fail {
			res.ExitCode = 1
			return res, sshexec.Failure("h", cmd, res, nil)
		}
		return res, nil
	})
}
