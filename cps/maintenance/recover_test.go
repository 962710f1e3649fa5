package maintenance_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/papertest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// stuck is a cluster in which sessionmgr02 of set02 was away for longer than the oplog reaches back (MON-023).
func stuck(t testing.TB) simulated {
	t.Helper()
	w := deploy(t, cpstest.Options{Data: map[string]cpstest.Data{"set02": {OplogWindow: 10 * time.Minute, Bytes: 50 << 30}}})
	on(t, w, "sessionmgr02", "systemctl", "stop", "sessionmgr-27718")
	require.NoError(t, w.Sleep(t.Context(), 20*time.Minute))
	on(t, w, "sessionmgr02", "systemctl", "start", "sessionmgr-27718")
	require.NoError(t, w.Sleep(t.Context(), 2*time.Minute))
	require.Contains(t, w.EndState(), "sessionmgr02:27718 RECOVERING")
	return w
}

func on(t testing.TB, w simulated, host string, argv ...string) {
	t.Helper()
	r, err := w.Runner(host)
	require.NoError(t, err)
	_, err = r.Run(t.Context(), sshexec.Command(sshexec.Mutating, argv...))
	require.NoError(t, err)
}

func mongoConfig(t testing.TB, edit ...string) *cps.MongoConfig {
	t.Helper()
	c, err := cps.ParseMongoConfig(strings.NewReader(strings.NewReplacer(edit...).Replace(deploy(t, cpstest.Options{}).read("/etc/broadhop/mongoConfig.cfg"))))
	require.NoError(t, err)
	return c
}

func recovering(t testing.TB, cfg maintenance.RecoverConfig) *evenkeel.Runbook {
	t.Helper()
	cfg.Set, cfg.Member = "set02", "sessionmgr02:27718"
	rb, err := maintenance.Recover(cfg, hosts(t), mongoConfig(t))
	require.NoError(t, err)
	return rb
}

// TestRecover (CPS-091, MON-024): a member that fell off the oplog comes back, as it was; by the engine and by hand.
func TestRecover(t *testing.T) {
	w := stuck(t)
	byHand, rb := w.Clone().(simulated), recovering(t, maintenance.RecoverConfig{})
	_, err := evenkeel.Run(t.Context(), rb, w, options(w, &evenkeel.MemJournal{}))
	require.NoError(t, err)
	require.NoError(t, w.Check())
	require.Contains(t, w.EndState(), "BALANCE:set02: primary sessionmgr01:27718")
	require.Contains(t, w.EndState(), "sessionmgr02:27718 SECONDARY")
	require.Equal(t, deploy(t, cpstest.Options{}).EndState(), w.EndState(), "priorities and all the rest are as before")
	var md strings.Builder
	require.NoError(t, rb.Markdown(&md))
	golden.Check(t, "recover.md", md.String())
	papertest.Follow(t, md.String(), byHand, papertest.Person{Dir: t.TempDir(), Pause: time.Minute, Unset: true,
		Secret: func(string) string { return "" }, ByHand: func(string, string) error { return nil }})
	require.Equal(t, w.Hash(), byHand.Hash())
}

func TestRecoverRehearsed(t *testing.T) {
	plan := evenkeel.RehearsalPlan{Operator: func(evenkeel.World) evenkeel.Operator { return confirming{} }, Every: 3}
	if testing.Short() {
		plan.Every = 9
	}
	report, err := evenkeel.Rehearse(t.Context(), recovering(t, maintenance.RecoverConfig{}), stuck(t), plan)
	require.NoError(t, err)
	require.Greater(t, report.Schedules, 20)
	for _, f := range report.Failures {
		t.Error(f)
	}
}
