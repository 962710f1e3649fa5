package issm_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
)

// CPS-012: with db_authentication_enabled TRUE every call to a database logs in, by the program that tools.mongo names;
// without one nothing is begun, and the operator learns how to go on.
func TestAClusterThatWantsALogin(t *testing.T) {
	opts := cpstest.Options{DBUser: &live.Credential{User: "admin", Password: "correct-horse"}}
	w := deploy(t, opts)
	o := runOn(t, runbook(t, issm.Config{ArchiveDir: t.TempDir(), Tools: issm.Tools{Mongo: "mongo-login"}}), w, "")
	require.NoError(t, o.err, "%v", o.events)
	require.NoError(t, w.Check())
	requireMigrated(t, w)
	for _, e := range w.Log() {
		require.NotContains(t, e.Argv, "correct-horse")
	}

	w = deploy(t, opts)
	o = runOn(t, runbook(t, issm.Config{ArchiveDir: t.TempDir()}), w, "")
	require.ErrorContains(t, o.err, "not authorized on admin")
	require.ErrorContains(t, o.err, "let tools.mongo name a program that logs in and is called as mongo is")
	require.False(t, o.report.State.Changed)
}
