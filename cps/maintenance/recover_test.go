package maintenance_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// stuck is a cluster in which sessionmgr02 of set02 was away for longer than the oplog reaches back (MON-023).
func stuck(t testing.TB) simulated { t.Helper(); return stuckIn(t, cpstest.Options{}) }

func stuckIn(t testing.TB, opts cpstest.Options) simulated {
	t.Helper()
	opts.Data = map[string]cpstest.Data{"set02": {OplogWindow: 10 * time.Minute, Bytes: 50 << 30}}
	w := deploy(t, opts)
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
	c, err := cps.ParseMongoConfig(strings.NewReader(strings.NewReplacer(edit...).
		Replace(deploy(t, cpstest.Options{}).read("/etc/broadhop/mongoConfig.cfg"))))
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
	report, err := evenkeel.Run(t.Context(), rb, w, options(w, &evenkeel.MemJournal{}))
	require.NoError(t, err)
	require.NoError(t, w.Check())
	require.Contains(t, w.EndState(), "BALANCE:set02: primary sessionmgr01:27718")
	require.Equal(t, []string{"BALANCE:set02 on sessionmgr01:27718"}, served(report))
	require.Contains(t, w.EndState(), "sessionmgr02:27718 SECONDARY")
	require.Equal(t, deploy(t, cpstest.Options{}).EndState(), w.EndState(), "priorities and all the rest are as before")
	followedByHand(t, rb, "recover", byHand, true)
	require.Equal(t, w.Hash(), byHand.Hash())
}

// CPS-012: in a cluster whose databases want a login the member comes back by a shell that logs in.
func TestRecoverWithALogin(t *testing.T) {
	w := stuckIn(t, cpstest.Options{DBUser: &live.Credential{User: "admin", Password: "correct-horse"}})
	rb := recovering(t, maintenance.RecoverConfig{Tools: maintenance.Tools{Mongo: "mongo-login"}})
	_, err := evenkeel.Run(t.Context(), rb, w, options(w, &evenkeel.MemJournal{}))
	require.NoError(t, err)
	require.NoError(t, w.Check())
	require.Contains(t, w.EndState(), "sessionmgr02:27718 SECONDARY")
}

func TestRecoverRehearsed(t *testing.T) {
	plan := evenkeel.RehearsalPlan{Operator: func(evenkeel.World) evenkeel.Operator { return confirming{} }, Every: 3}
	if testing.Short() {
		plan.Every = 19
	}
	report, err := evenkeel.Rehearse(t.Context(), recovering(t, maintenance.RecoverConfig{}), stuck(t), plan)
	require.NoError(t, err)
	require.Greater(t, report.Schedules, 20)
	for _, f := range report.Failures {
		t.Error(f)
	}
}

// TestOnlyAStuckMemberIsEmptied (CPS-091, MON-024): where the member is well, may still come back, or holds what the
// others lack, nothing is changed.
func TestOnlyAStuckMemberIsEmptied(t *testing.T) {
	for name, tc := range map[string]struct {
		world func(t *testing.T) simulated
		want  string
	}{
		"it is at work": {func(t *testing.T) simulated { t.Helper(); return deploy(t, cpstest.Options{}) }, "is SECONDARY, and not RECOVERING"},
		"it is no member": {func(t *testing.T) simulated {
			t.Helper()
			w := stuck(t)
			on(t, w, "cluman", "mongo", "--quiet", "--host", "sessionmgr01", "--port", "27718", "--eval", `rs.remove("sessionmgr02:27718")`)
			return w
		}, "is not a member of BALANCE:set02"},
		"the primary is down": {func(t *testing.T) simulated {
			t.Helper()
			w := stuck(t)
			on(t, w, "sessionmgr01", "systemctl", "stop", "sessionmgr-27718")
			require.NoError(t, w.Sleep(t.Context(), time.Minute))
			return w
		}, "set02"},
		"the arbiter is down": {func(t *testing.T) simulated {
			t.Helper()
			w := stuck(t)
			require.NoError(t, w.Power("pcrfclient01", false))
			require.NoError(t, w.Power("pcrfclient02", false))
			require.NoError(t, w.Sleep(t.Context(), time.Minute))
			return w
		}, "cannot do without sessionmgr02:27718"},
		"it may catch up": {func(t *testing.T) simulated {
			t.Helper()
			w := stuck(t)
			require.NoError(t, w.Lie(cpstest.Lie{Command: "mongo * rs.printSlaveReplicationInfo()", Says: func(truth string) string {
				return regexp.MustCompile(`\d+ secs \([\d.]+ hrs\)`).ReplaceAllString(truth, "60 secs (0.02 hrs)")
			}}))
			return w
		}, "it may still catch up"},
		"the databases want a login": {func(t *testing.T) simulated {
			t.Helper()
			return stuckIn(t, cpstest.Options{DBUser: &live.Credential{User: "admin", Password: "correct-horse"}})
		}, "let tools.mongo name a program that logs in and is called as mongo is"},
		"a document that could run": {func(t *testing.T) simulated {
			t.Helper()
			w := stuck(t)
			require.NoError(t, w.Lie(cpstest.Lie{Command: "mongo * print(tojson*", Says: func(string) string {
				return `{ "_id" : 2, "host" : "sessionmgr02:27718", "x" : rs.stepDown() }; db.dropDatabase()` + "\n"
			}}))
			return w
		}, "not the document of a member"},
	} {
		t.Run(name, func(t *testing.T) {
			w := tc.world(t)
			before := w.EndState()
			report, err := evenkeel.Run(t.Context(), recovering(t, maintenance.RecoverConfig{}), w, options(w, &evenkeel.MemJournal{}))
			require.ErrorContains(t, err, tc.want)
			require.False(t, report.State.Changed)
			require.Equal(t, before, w.EndState())
		})
	}
}

// TestRecoverIsLiedTo: each program says that it has done its work, and has not; the run stops at the check that looks for it.
func TestRecoverIsLiedTo(t *testing.T) {
	for stops, lie := range map[string]cpstest.Lie{
		"step stop, action stopped":   {Command: "systemctl stop sessionmgr-27718", Idle: true},
		"step remove, action removed": {Command: "mongo * rs.remove*", Idle: true},
		"step empty, action empty":    {Command: "find *", Idle: true},
		"step start, action running":  {Command: "systemctl start sessionmgr-27718", Idle: true},
		"step back, action as-before": {Command: "mongo * rs.add*", Idle: true},
		"was { \"_id\"":               {Command: "mongo * rs.add*", Then: []string{"world priority sessionmgr02:27718 9"}},
		"not the document of a member": {Command: "mongo * print(tojson*", Says: func(truth string) string {
			return strings.Replace(truth, `"host" : "sessionmgr02:27718"`, `"host" : "sessionmgr01:27718"`, 1)
		}},
		"step preflight, action keeps": {Command: "mongo --quiet --host *", Says: func(string) string { return "" }},
	} {
		t.Run(stops, func(t *testing.T) {
			w := stuck(t)
			require.NoError(t, w.Lie(lie))
			_, err := evenkeel.Run(t.Context(), recovering(t, maintenance.RecoverConfig{}), w, options(w, &evenkeel.MemJournal{}))
			require.ErrorContains(t, err, stops)
			require.NoError(t, w.Check())
		})
	}
}

// meddling adds the member again while it is asked to confirm that its data are deleted.
type meddling struct {
	t *testing.T
	w simulated
}

func (m meddling) Prompt(_ context.Context, ask evenkeel.Prompt) (string, error) {
	if ask.Action.ID == "confirm" {
		on(m.t, m.w, "cluman", "mongo", "--quiet", "--host", "sessionmgr01", "--port", "27718", "--eval", `rs.add("sessionmgr02:27718")`)
	}
	return "so it is", nil
}

// TestWhatIsAMemberIsNotEmptied: what was so when the member was removed is looked at again right before its data are deleted.
func TestWhatIsAMemberIsNotEmptied(t *testing.T) {
	w := stuck(t)
	opts := options(w, &evenkeel.MemJournal{})
	opts.Operator = meddling{t, w}
	_, err := evenkeel.Run(t.Context(), recovering(t, maintenance.RecoverConfig{}), w, opts)
	require.ErrorContains(t, err, "step empty, action outside")
	require.ErrorContains(t, err, "is a member")
}

// TestRecoverCannotBePlanned: nobody empties a directory that is not the member's own, nor the only copy.
func TestRecoverCannotBePlanned(t *testing.T) {
	for want, edit := range map[string][]string{
		`DATA_PATH "/var/data"`:            {"DATA_PATH=/var/data/balance.1", "DATA_PATH=/var/data"},
		`DATA_PATH "/var/data/../x"`:       {"DATA_PATH=/var/data/balance.1", "DATA_PATH=/var/data/../x"},
		"stand in one another":             {"DATA_PATH=/var/data/balance.1", "DATA_PATH=/var/data/sessions.1/balance"},
		"holds the only data of":           {"MEMBER1=sessionmgr01:27718\n", ""},
		`set "set02" is not in`:            {"SETNAME=set02", "SETNAME=set22"},
		`member "sessionmgr02:27718" hold`: {"sessionmgr02:27718", "sessionmgr02:27788"},
	} {
		_, err := maintenance.Recover(maintenance.RecoverConfig{Set: "set02", Member: "sessionmgr02:27718"}, hosts(t), mongoConfig(t, edit...))
		require.ErrorContains(t, err, want)
	}
	_, err := maintenance.Recover(maintenance.RecoverConfig{}, hosts(t), nil)
	require.ErrorContains(t, err, "mongoConfig.cfg is needed")
	_, err = maintenance.Recover(maintenance.RecoverConfig{Set: "set02", Member: "sessionmgr02:27718", CopyTime: -1}, hosts(t), mongoConfig(t))
	require.ErrorContains(t, err, "copy_time -1ns")
}
