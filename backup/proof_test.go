package backup_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// R16: a probe whose run is an error (the audit log is full) is not "done", whatever its exit status.
func TestProbeWithError(t *testing.T) {
	full := errors.New("cannot write the audit log")
	run := sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		return sshexec.Result{Outcome: sshexec.Exited}, full
	})
	ops := []backup.Operation{{Change: change.Change{
		Title: "t", Cmd: sshexec.Command(sshexec.Mutating, "x"), Repeat: op.ProbeFirst,
		Proof: []change.Proof{change.ByExit("x", sshexec.Command(sshexec.ReadOnly, "test", "-e", "/x"))},
	}}}
	assert.ErrorIs(t, backup.Carry(t.Context(), run, ops, nil), full)
}
