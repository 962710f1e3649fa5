package issm_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// simulated is a simulated cluster as a World for runs and rehearsals.
type simulated struct{ *cpstest.Deployment }

func (w simulated) Clock() evenkeel.Clock { return w.Deployment }
func (w simulated) Clone() evenkeel.World { return simulated{w.Deployment.Clone()} }

// Hash is of what matters in the end, however long the way was.
func (w simulated) Hash() string { return w.EndState() }

// deploy makes a cluster from the very files that the plan is made from.
func deploy(t testing.TB, opts cpstest.Options) simulated {
	t.Helper()
	opts.HostsCSV = printed(t, guideHosts(t))
	opts.MongoConfig = printed(t, guideMongo(t))
	d, err := cpstest.New(opts)
	require.NoError(t, err)
	return simulated{d}
}

// technician is the person at the keyboard of a simulated cluster: waits for what the world does by itself, makes users, and attests.
type technician struct {
	world  simulated
	hold   string // hold at this step
	asked  []string
	booted map[string]bool // OpenStack: the sets whose VMs were booted
}

func (a *technician) Prompt(ctx context.Context, ask evenkeel.Prompt) (string, error) {
	a.asked = append(a.asked, ask.Step.ID+"/"+ask.Action.ID)
	if len(a.asked) > 2000 {
		return "", errors.New("the technician was asked too often: " + ask.Why)
	}
	if ask.Step.ID == a.hold {
		return "", evenkeel.NeedsOperator("as the test wants it")
	}
	if strings.HasPrefix(ask.Action.ID, "heartbeat-") {
		r, err := a.world.Runner(ask.Action.Host)
		if err == nil {
			_, err = r.Run(ctx, sshexec.Command(sshexec.Mutating, "systemctl", "stop", "qns_hb"))
		}
		return "stopped", err
	}
	if strings.HasPrefix(ask.Action.ID, "network-") {
		r, err := a.world.Runner(ask.Action.Host)
		if err == nil {
			_, err = r.Run(ctx, sshexec.Command(sshexec.Mutating, "systemctl", "restart", "network"))
		}
		return "restarted", err
	}
	if strings.HasPrefix(ask.Action.ID, "users-") {
		return "made", a.makeUsers(ctx, ask)
	}
	if ask.Action.ID == "old-cluman" && strings.HasPrefix(ask.Step.ID, "undo-") && a.world.Report().Manager.Release != "19.4.0" {
		if err := a.world.RestoreManager(); err != nil {
			return "", err
		}
		return "brought back", a.world.Sleep(ctx, 5*time.Minute)
	}
	if set, ok := strings.CutPrefix(ask.Step.ID, "redeploy-set-"); ok && strings.HasPrefix(ask.Action.ID, "deploy") && !a.booted[set] {
		a.booted = map[string]bool{set: true} // nova boot, as the simulated cluster knows it
		r, err := a.world.Runner("cluman")
		if err != nil {
			return "", err
		}
		_, err = r.Run(ctx, sshexec.Command(sshexec.Disruptive, "deploy_all.py", "--vms", "/var/tmp/cluster-upgrade-set-"+set+".txt"))
		return "booted", err
	}
	if ask.Why != "" {
		return "waiting", a.world.Sleep(ctx, 2*time.Minute)
	}
	return "so it is", nil
}

// makeUsers is adduser.sh.
func (a *technician) makeUsers(ctx context.Context, ask evenkeel.Prompt) error {
	r, err := a.world.Runner(ask.Action.Host)
	if err != nil {
		return err
	}
	_, names, _ := strings.Cut(ask.Why, " lacks ")
	for _, name := range strings.Split(names, ", ") {
		if _, err := r.Run(ctx, sshexec.Command(sshexec.Mutating, "useradd", name)); err != nil {
			return err
		}
	}
	return nil
}

type outcome struct {
	world    simulated
	rb       *evenkeel.Runbook
	journal  *evenkeel.MemJournal
	events   []string
	report   *evenkeel.Report
	err      error
	force    bool // resume although machines are down
	prompted []string
}

// testRun is the name of every run here.
const testRun = "migration"

// runOn runs a runbook on a simulated cluster to its end, or to the hold of the technician.
func runOn(t testing.TB, rb *evenkeel.Runbook, w simulated, hold string) outcome {
	t.Helper()
	return life(t, evenkeel.Run, rb, outcome{world: w, journal: &evenkeel.MemJournal{}}, hold)
}

// rollBack rolls a run back.
func rollBack(t testing.TB, rb *evenkeel.Runbook, o outcome, hold string) outcome {
	t.Helper()
	return life(t, evenkeel.Rollback, rb, outcome{world: o.world, journal: o.journal}, hold)
}

func life(t testing.TB, start func(context.Context, *evenkeel.Runbook, evenkeel.Hosts,
	evenkeel.Options) (*evenkeel.Report, error), rb *evenkeel.Runbook, o outcome, hold string) outcome {
	t.Helper()
	w := o.world
	o.rb = rb
	operator := &technician{world: w, hold: hold}
	opts := evenkeel.Options{
		Journal: o.journal, Clock: w.Clock(), Operator: operator, Serial: true, RunID: testRun, Holder: "test",
		Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
			if e.Kind == evenkeel.EventFailed || e.Kind == evenkeel.EventAlarm || e.Kind == evenkeel.EventPause {
				o.events = append(o.events, string(e.Kind)+": "+e.Text)
			}
		}),
	}
	o.report, o.err = start(context.Background(), rb, w, opts)
	o.prompted = operator.asked
	return o
}

// TestISSMOnTheSimulatedCluster is the whole migration (WF-001, CPS-200..206, CPS-230..233): at the end everything runs
// the new release, and no rule was broken.
func TestISSMOnTheSimulatedCluster(t *testing.T) {
	w := deploy(t, cpstest.Options{})
	o := runOn(t, runbook(t, issm.Config{ArchiveDir: t.TempDir()}), w, "")
	require.NoError(t, o.err, "%v", o.events)
	require.NoError(t, w.Check())
	require.Empty(t, o.events)
	requireMigrated(t, w)
	require.Greater(t, o.report.Checks, 50)
}

func requireMigrated(t testing.TB, w simulated) {
	t.Helper()
	requireAllMigrated(t, w)
	require.Empty(t, w.Report().Violations)
}

// requireAllMigrated is the same, whatever happened on the way.
func requireAllMigrated(t testing.TB, w simulated) {
	t.Helper()
	r := w.Report()
	require.Equal(t, "21.1.0", r.Manager.Release)
	for _, vm := range r.VMs {
		require.Equal(t, "21.1.0", vm.Release, vm.Alias)
		require.True(t, vm.Serving, vm.Alias)
	}
	require.True(t, r.Sets[0].Traffic && r.Sets[1].Traffic)
	require.Equal(t, r.BumpsOwed, r.Bumps, "MON-029: the version is raised exactly once for each set")
	for _, s := range r.Sharding {
		require.True(t, s.Settled, s.Set)
	}
}

// MON-028: with two ADMIN sets the three writes are made on the primary of each, once for each.
func TestShardingFixOnEveryAdminSet(t *testing.T) {
	sets := fixture(t, "mongoConfig-six-sets.cfg") + strings.Join([]string{
		"", "[ADMIN-SET2]", "SETNAME=set07", "OPLOG_SIZE=5120", "ARBITER=arbitervip:27722", "ARBITER_DATA_PATH=/var/data/admin.27722",
		"MEMBER1=sessionmgr01:27722", "MEMBER2=sessionmgr02:27722", "DATA_PATH=/var/data/admin.2", "[ADMIN-SET2-END]", "",
	}, "\n")
	mc, err := cps.ParseMongoConfig(text("mongoConfig.cfg", sets))
	require.NoError(t, err)
	m, err := issm.New(issm.Config{ArchiveDir: t.TempDir()}, guideHosts(t), mc)
	require.NoError(t, err)
	rb, err := m.Runbook()
	require.NoError(t, err)
	d, err := cpstest.New(cpstest.Options{HostsCSV: printed(t, guideHosts(t)), MongoConfig: printed(t, mc)})
	require.NoError(t, err)
	o := runOn(t, rb, simulated{d}, "")
	require.NoError(t, o.err, "%v", o.events)
	require.NoError(t, d.Check())
	requireMigrated(t, o.world)
	var names []string
	for _, s := range d.Report().Sharding {
		names = append(names, s.Set)
	}
	require.ElementsMatch(t, []string{"ADMIN:set06", "ADMIN:set07"}, names)
}
