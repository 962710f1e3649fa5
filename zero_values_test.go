package evenkeel_test

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/mongo"
	mongolive "github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/live"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/pacemaker/placement"
	"github.com/evenkeel-ha/evenkeel/pacemaker/rebuild"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// TestZeroIsNoAllClear: what judges a value says of an empty one, or of nil, that there is nothing to judge.
func TestZeroIsNoAllClear(t *testing.T) {
	cib, err := pacemaker.ParseCIB(strings.NewReader(`<cib><configuration><crm_config/><nodes/><resources/><constraints/></configuration></cib>`))
	require.NoError(t, err)
	for name, diff := range map[string][]pacemaker.Difference{
		"nil and a CIB": pacemaker.Diff(nil, cib), "a CIB and nil": pacemaker.Diff(cib, nil),
		"nil and nil": pacemaker.Diff(nil, nil), "empty and empty": pacemaker.Diff(&pacemaker.CIB{}, &pacemaker.CIB{}),
	} {
		require.Len(t, diff, 1, name)
		require.NotEmpty(t, diff[0].String(), name)
	}
	require.Empty(t, pacemaker.Diff(cib, cib))
	conf, err := corosync.Parse(strings.NewReader("# nothing\n"))
	if err == nil {
		for major := range 4 {
			require.False(t, conf.Releases().Fits(major), "an empty corosync.conf is for no release")
		}
		require.NotEmpty(t, conf.Problems(), "an empty corosync.conf")
	}
	require.False(t, mongo.Predict(mongo.Oplog{}, 0, 0, 0).CatchesUp)
	require.NotEmpty(t, mongo.Predict(mongo.Oplog{}, 0, 0, 0).Why)
	require.NotEmpty(t, lustre.Audit(nil, nil, nil))
	for stage := range cps.Stage(7) {
		list := cps.ReviewDiagnostics(&cps.Diagnostics{}, stage)
		require.NotEmpty(t, list)
		require.Equal(t, cps.Error, list[0].Severity, "%s", stage)
	}
	fine, err := cps.ParseDiagnostics(strings.NewReader("Checking disk...[PASS]\n"))
	require.NoError(t, err)
	require.Empty(t, cps.ReviewDiagnostics(fine, cps.StageAfter))
	require.NotEmpty(t, cps.ReviewDiagnostics(fine, cps.Stage(99)), "there is no such stage")
	require.NotEmpty(t, cps.ReviewHosts(&cps.Hosts{}, nil, nil))
	require.NotEmpty(t, (&cps.ReplicaTable{}).Findings())
	require.NotEmpty(t, (&cps.About{}).CheckHalves(nil, cps.Release{}, cps.Release{}))
}

// TestNothingGivesAnError: every exported function that reads, plans or judges, called with nil and zero values, gives
// an error: it does not panic, and it does not say that all is well.
func TestNothingGivesAnError(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // what would wait for a machine ends at once
	nothing := pacemaker.CIB{}
	for name, f := range map[string]any{
		"evenkeel.ReadState": evenkeel.ReadState, "evenkeel.Next": evenkeel.Next, "Runbook.Validate": (*evenkeel.Runbook)(nil).Validate,
		"Runbook.Timetable": (&evenkeel.Runbook{}).Timetable, "Took.Add": (evenkeel.Took)(nil).Add,
		"Runbook.RollbackPlan": (&evenkeel.Runbook{}).RollbackPlan, "Runbook.UndoPlan": (&evenkeel.Runbook{}).UndoPlan,
		"change.Await": change.Await, "pacemaker.ParseCIB": pacemaker.ParseCIB, "corosync.Parse": corosync.Parse,
		"pcs.ParseVersion": pcs.ParseVersion, "pcs.DialectOf": pcs.DialectOf, "live.ParseFencingHistory": live.ParseFencingHistory,
		"pcs.ParseCommands": pcs.ParseCommands, "pcs.ParseConstraints": pcs.ParseConstraints, "pcs.ParseProperties": pcs.ParseProperties,
		"pcs.ParseDefaults": pcs.ParseDefaults, "pcs.ParseResources": pcs.ParseResources, "rebuild.New": rebuild.New,
		"pcs.ParseResourceRows": pcs.ParseResourceRows, "pacemaker.ParseScore": pacemaker.ParseScore,
		"pacemaker.ParseStatus": pacemaker.ParseStatus,
		"placement.CanLose":     placement.CanLose, "placement.Of": placement.Of, "placement.Relocate": placement.Relocate,
		"CIB.Validate":  nothing.Validate,
		"mongo.CanLose": mongo.CanLose, "mongo.ParseSlaveReplicationInfo": mongo.ParseSlaveReplicationInfo,
		"mongo.Next": mongo.Next, "mongo.ParseReplicationInfo": mongo.ParseReplicationInfo,
		"mongo.ParseShardingState": mongo.ParseShardingState, "mongo.ParseMemberState": mongo.ParseMemberState,
		"mongo.CheckStep": mongo.CheckStep, "mongo.Validate": mongo.Validate,
		"ReplicaSet.ReadSharding":  mongolive.NewReplicaSet("", nil, nil, mongolive.Options{}).ReadSharding,
		"ReplicaSet.WriteSharding": mongolive.NewReplicaSet("", nil, nil, mongolive.Options{}).WriteSharding,
		"ReplicaSet.FixSharding":   mongolive.NewReplicaSet("", nil, nil, mongolive.Options{}).FixSharding,
		"ReplicaSet.Config":        mongolive.NewReplicaSet("", nil, nil, mongolive.Options{}).Config,
		"ReplicaSet.Hello":         mongolive.NewReplicaSet("", nil, nil, mongolive.Options{}).Hello,
		"ReplicaSet.RunCommand":    mongolive.NewReplicaSet("", nil, nil, mongolive.Options{}).RunCommand,
		"ReplicaSet.StatusFrom":    mongolive.NewReplicaSet("", nil, nil, mongolive.Options{}).StatusFrom,
		"sshexec.NewClient":        sshexec.NewClient, "sshexec.Dial": sshexec.Dial, "sshexec.Each": sshexec.Each,
		"sshexec.Parallel":    sshexec.Parallel,
		"backup.ReadAccounts": backup.ReadAccounts, "backup.NotEmpty": backup.NotEmpty, "backup.Open": backup.Open,
		"backup.OpenFile": backup.OpenFile, "backup.PlanRestore": backup.PlanRestore,
		"lustre.ParseDF": lustre.ParseDF, "lustre.ParseDKMS": lustre.ParseDKMS, "lustre.CheckDKMS": lustre.CheckDKMS,
		"lustre.HostID": lustre.HostID, "lustre.CheckHostID": lustre.CheckHostID,
		"lustre.ParseMounts": lustre.ParseMounts, "upgrade.Load": upgrade.Load, "lustre.ParseRepo": lustre.ParseRepo,
		"lustre.ParseTarget": lustre.ParseTarget,
		"lustre.ParseLabel":  lustre.ParseLabel, "lustre.ResourceLabel": lustre.ResourceLabel,
		"lustre.TargetUUID": lustre.TargetUUID, "lustre.StoreOf": lustre.StoreOf,
		"cps.ParseAbout": cps.ParseAbout, "cps.ParseArchiveName": cps.ParseArchiveName,
		"cps.ParseClusterSet": cps.ParseClusterSet, "cps.SplitClusterSets": cps.SplitClusterSets,
		"cps.ParseCreatedSets": cps.ParseCreatedSets, "cps.ParseConfiguration": cps.ParseConfiguration,
		"cps.ParseDiagnostics": cps.ParseDiagnostics, "cps.ParseAIDO": cps.ParseAIDO,
		"cps.ParseGRTable": cps.ParseGRTable, "cps.ParseHAProxy": cps.ParseHAProxy, "cps.ParseHosts": cps.ParseHosts,
		"issm.New": issm.New, "cps.ParseMigrateLog": cps.ParseMigrateLog,
		"cps.ParseMongoConfig": cps.ParseMongoConfig, "cps.CheckUUID": cps.CheckUUID, "cps.ParsePorts": cps.ParsePorts,
		"cps.ParseUpdatedPort": cps.ParseUpdatedPort,
		"cps.ParseOSRelease":   cps.ParseOSRelease, "cps.ParseArbiterDate": cps.ParseArbiterDate,
		"cps.ParsePatchUndo": cps.ParsePatchUndo, "cps.ParsePatchList": cps.ParsePatchList,
		"cps.ParseRepositories": cps.ParseRepositories, "cps.ReviewDiagnostics": cps.ReviewDiagnostics,
		"cps.ParseFreeSpace": cps.ParseFreeSpace, "cps.CheckMigration": cps.CheckMigration,
		"cps.ParseReplicaTable": cps.ParseReplicaTable, "cps.ReviewSets": cps.ReviewSets, "cps.ReviewHosts": cps.ReviewHosts,
		"cps.ParseSetList":       cps.ParseSetList,
		"cps.ParseClusterStatus": cps.ParseClusterStatus, "Migration.Runbook": (&issm.Migration{}).Runbook,
		"Migration.Rollback": (&issm.Migration{}).Rollback,
	} {
		t.Run(name, func(t *testing.T) {
			fn := reflect.ValueOf(f)
			var in []reflect.Value
			for i := range fn.Type().NumIn() {
				switch arg := fn.Type().In(i); {
				case fn.Type().IsVariadic() && i == fn.Type().NumIn()-1:
				case arg == reflect.TypeFor[context.Context]():
					in = append(in, reflect.ValueOf(ctx))
				default:
					in = append(in, reflect.Zero(arg))
				}
			}
			var out []reflect.Value
			require.NotPanics(t, func() { out = fn.Call(in) })
			last := out[len(out)-1]
			if last.Type() == reflect.TypeFor[error]() {
				require.False(t, last.IsNil(), "it says that all is well")
				require.NotEmpty(t, last.Interface().(error).Error())
				return
			}
			require.NotZero(t, last.Len(), "it finds nothing wrong") // findings
		})
	}
}

// TestNothingIsNoRunbook: nothing to do is not "sound", and nothing to run it with is an error: never a success, never a panic.
func TestNothingIsNoRunbook(t *testing.T) {
	ctx, hosts := context.Background(), evenkeel.HostMap{}
	require.ErrorContains(t, (*evenkeel.Runbook)(nil).Validate(), "no runbook")
	require.ErrorContains(t, (&evenkeel.Runbook{}).Validate(), "needs a name of one word")
	require.ErrorContains(t, (&evenkeel.Runbook{}).Validate(), "has no steps")
	look := []evenkeel.Step{{ID: "a", Host: "h",
		Actions: []evenkeel.Action{{ID: "b", Change: evenkeel.Change{Title: "b", Cmd: sshexec.Command(sshexec.ReadOnly, "true")}}}}}
	require.NoError(t, (&evenkeel.Runbook{Name: "x", Steps: look}).Validate())
	for _, name := range []string{"", "x y", "../x", "x\n"} {
		require.Error(t, (&evenkeel.Runbook{Name: name, Steps: look}).Validate(), "%q", name)
	}
	opts := func() evenkeel.Options { return evenkeel.Options{Journal: &evenkeel.MemJournal{}} }
	for _, rb := range []*evenkeel.Runbook{nil, {}, {Name: "x"}} {
		_, err := evenkeel.Run(ctx, rb, hosts, opts())
		require.Error(t, err)
		_, err = evenkeel.Resume(ctx, rb, hosts, opts())
		require.Error(t, err)
		_, err = evenkeel.Rehearse(ctx, rb, nil, evenkeel.RehearsalPlan{})
		require.Error(t, err)
	}
	rb := &evenkeel.Runbook{Name: "x", Steps: look}
	_, err := evenkeel.Run(ctx, rb, nil, opts())
	require.Error(t, err)
	_, err = evenkeel.Run(ctx, rb, evenkeel.HostMap{"h": nil}, opts())
	var unknown *evenkeel.UnknownHostError
	require.ErrorAs(t, err, &unknown)
	_, err = evenkeel.Rehearse(ctx, rb, nil, evenkeel.RehearsalPlan{})
	require.Error(t, err)
}
