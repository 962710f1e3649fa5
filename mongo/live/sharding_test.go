package live_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
)

// admin is an ADMIN set in the middle of a migration.
func admin(t require.TestingT, opts mongotest.Options) *mongotest.Set {
	c := balance()
	c.ID = "set06"
	set, err := mongotest.Start(c, opts)
	require.NoError(t, err)
	require.NoError(t, set.Insert("sharding.cache_config", bson.M{"_id": 1, "migratingShards": bson.A{"shard-1"}},
		bson.M{"_id": 2, "kept": true}))
	require.NoError(t, set.Insert("sharding.config", bson.M{"_id": 1, "version": int32(4), "kept": "x"}))
	require.NoError(t, set.Insert("sharding.versions",
		bson.M{"_id": "cache_config", "version": 7, "previousVersion": 6, "migrationStatus": "MIGRATING"}))
	return set
}

func adminClient(set *mongotest.Set) *live.ReplicaSet {
	return live.NewReplicaSet("set06", []string{sm1, sm2}, set.Dial, live.Options{Sleep: patient(set, 2*time.Hour)})
}

var errDied = errors.New("the tool crashed")

// MON-029: the tool crashes at every command of the fix, before its effect and after it, and a new one goes on from the
// record: the version counts up once.
func TestMON029CountsOnceWhereverTheToolDies(t *testing.T) {
	for _, failure := range []mongotest.Failure{mongotest.LostBefore, mongotest.LostAfter} {
		for at := 0; ; at++ {
			set := admin(t, mongotest.Options{})
			var recorded *mongo.ShardingState
			fix := mongo.ShardingFix{Set: "set06"}
			died := false
			calls := 0
			set.Fail(func(mongotest.Call) mongotest.Failure {
				calls++
				switch {
				case died:
					return mongotest.LostBefore
				case calls == at+1:
					died = true
					return failure
				}
				return mongotest.Served
			})
			dying := live.NewReplicaSet("set06", []string{sm1, sm2}, set.Dial, live.Options{Sleep: func(context.Context, time.Duration) error {
				if died {
					return errDied
				}
				return nil
			}})
			record := func(s mongo.ShardingState) error {
				recorded = &s
				return nil
			}
			err := dying.FixSharding(t.Context(), fix, nil, record)
			if !died {
				require.NoError(t, err)
				require.Greater(t, at, 10)
				t.Logf("%d commands, each lost", at)
				break
			}
			require.Error(t, err, "command %d", at)
			set.Fail(nil)
			require.NoError(t, adminClient(set).FixSharding(t.Context(), fix, recorded, record))
			requireFixed(t, set, sm1, fmt.Sprintf("command %d, failure %d", at, failure))
		}
	}
}

func requireFixed(t *testing.T, set *mongotest.Set, host, when string) {
	t.Helper()
	docs, err := set.Documents(host, "sharding.config")
	require.NoError(t, err)
	require.Len(t, docs, 1)
	n, ok := docs[0].Lookup("version").AsInt64OK()
	require.True(t, ok)
	require.EqualValues(t, 5, n, when)
	require.Equal(t, "x", docs[0].Lookup("kept").StringValue())
	docs, err = set.Documents(host, "sharding.cache_config")
	require.NoError(t, err)
	require.Len(t, docs, 2)
	for _, d := range docs {
		require.Equal(t, bson.RawValue{}, d.Lookup("migratingShards"), when)
	}
	docs, err = set.Documents(host, "sharding.versions")
	require.NoError(t, err)
	require.Len(t, docs, 1, when)
	require.Equal(t, "COMPLETE", docs[0].Lookup("migrationStatus").StringValue())
}

// Two runs from the same record, at once: the one that comes too late changes nothing.
func TestShardingWritesCountOnceWhenMadeTwice(t *testing.T) {
	set := admin(t, mongotest.Options{})
	rs := adminClient(set)
	fix := mongo.ShardingFix{Set: "set06"}
	before, err := rs.ReadSharding(t.Context(), fix)
	require.NoError(t, err)
	for _, step := range fix.Steps(before) {
		require.NoError(t, rs.WriteSharding(t.Context(), fix, step))
		require.NoError(t, rs.WriteSharding(t.Context(), fix, step))
	}
	requireFixed(t, set, sm1, "twice")
}

// A write that a failover has rolled back is made again; one that a majority has is not.
func TestShardingFixSurvivesARollback(t *testing.T) {
	set := admin(t, mongotest.Options{})
	rs := adminClient(set)
	fix := mongo.ShardingFix{Set: "set06"}
	before, err := rs.ReadSharding(t.Context(), fix)
	require.NoError(t, err)
	set.Cut("sessionmgr01", "sessionmgr02")
	set.Cut("sessionmgr01", "arbitervip")
	for _, step := range fix.Steps(before) { // on a primary that is alone and does not know it yet
		require.NoError(t, rs.WriteSharding(t.Context(), fix, step))
	}
	set.Advance(time.Minute)
	set.Join("sessionmgr01", "sessionmgr02")
	set.Join("sessionmgr01", "arbitervip")
	set.Advance(time.Minute)
	require.NoError(t, rs.FixSharding(t.Context(), fix, &before, nil))
	requireFixed(t, set, set.Truth().Primary, "after the rollback")
}

// With Majority the fix is not done before a majority has it.
func TestShardingFixWaitsForAMajority(t *testing.T) {
	set := admin(t, mongotest.Options{})
	require.NoError(t, set.StopMember(sm2))
	fix := mongo.ShardingFix{Set: "set06", Majority: 30 * time.Second}
	var recorded mongo.ShardingState
	record := func(s mongo.ShardingState) error {
		recorded = s
		return nil
	}
	err := adminClient(set).FixSharding(t.Context(), fix, nil, record)
	require.ErrorIs(t, err, live.ErrNotReplicated)
	requireFixed(t, set, sm1, "on the primary")
	require.NoError(t, set.StartMember(sm2))
	require.NoError(t, adminClient(set).FixSharding(t.Context(), fix, &recorded, nil))
	requireFixed(t, set, sm2, "on the other")
}

// Without a majority each write waits for all of Majority. The removal is not left without its insertion, and the
// timeout is the error.
func TestShardingWritesHaveTheTimeOfTheMajority(t *testing.T) {
	set := admin(t, mongotest.Options{})
	require.NoError(t, set.StopMember(sm2))
	rs := adminClient(set)
	fix := mongo.ShardingFix{Set: "set06", Majority: 30 * time.Second}
	before, err := rs.ReadSharding(t.Context(), fix)
	require.NoError(t, err)
	for _, step := range fix.Steps(before) {
		err := rs.WriteSharding(t.Context(), fix, step)
		require.True(t, live.HasCode(err, live.CodeWriteConcernFailed), "%v", err)
	}
	requireFixed(t, set, sm1, "on the primary")
}

// The primary dies while the fix waits for a majority, and a failover undoes the writes: they are made again, and count
// once. Where that never ends, Apply says so.
func TestShardingFixIsNotDoneWhenAFailoverHasUndoneIt(t *testing.T) {
	for name, opts := range map[string]mongotest.Options{
		"3.6": {}, "4.2": {Wire: mongotest.Wire42}, "8.0": {Wire: mongotest.Wire80}, "mmapv1": {NoMajorityReads: true},
	} {
		for _, deaths := range []int{1, 1000} {
			t.Run(fmt.Sprintf("%s, %d", name, deaths), func(t *testing.T) {
				set := admin(t, opts)
				died := 0
				rs := live.NewReplicaSet("set06", []string{sm1, sm2}, set.Dial, live.Options{
					Sleep: patient(set, 2*time.Hour),
					Watch: func(e live.Event) {
						primary := set.Truth().Primary
						other := map[string]string{sm1: sm2, sm2: sm1}[primary]
						switch {
						case died >= deaths:
						case strings.Contains(e.Text, "unset"): // from here on nothing reaches the other member
							set.Cut(sm1, sm2)
						case strings.Contains(e.Text, "have the writes"):
							died++
							require.NoError(t, set.KillMember(primary))
							set.Join(sm1, sm2)
							set.Advance(time.Minute)
							require.Equal(t, other, set.Truth().Primary)
							require.NoError(t, set.StartMember(primary))
							set.Advance(10 * time.Second)
						}
					},
				})
				fix := mongo.ShardingFix{Set: "set06", Majority: 2 * time.Minute}
				err := rs.FixSharding(t.Context(), fix, nil, func(mongo.ShardingState) error { return nil })
				if deaths > 1 {
					require.ErrorIs(t, err, live.ErrRolledBack)
					return
				}
				require.NoError(t, err)
				require.Equal(t, 1, died)
				requireFixed(t, set, sm1, "on one")
				requireFixed(t, set, sm2, "on the other")
			})
		}
	}
}

func TestShardingFixRefusals(t *testing.T) {
	set := admin(t, mongotest.Options{})
	rs := adminClient(set)
	writes := func() (n int) {
		for _, c := range set.Calls() {
			if c.Name == "update" || c.Name == "delete" || c.Name == "insert" {
				n++
			}
		}
		return n
	}
	err := rs.FixSharding(t.Context(), mongo.ShardingFix{Set: "set06"}, nil, func(mongo.ShardingState) error { return errDied })
	require.ErrorIs(t, err, errDied)
	require.Zero(t, writes(), "nothing is written before the state is recorded")
	err = rs.FixSharding(t.Context(), mongo.ShardingFix{Set: "set07"}, nil, nil)
	require.ErrorContains(t, err, "for the set set07 and this is set06")
	other := mongo.ShardingState{Set: "set05", HasConfig: true, ConfigVersion: 4}
	for _, step := range (mongo.ShardingFix{}).Steps(other) {
		require.ErrorContains(t, rs.WriteSharding(t.Context(), mongo.ShardingFix{}, step), "made for the set set05")
	}
	changed := mongo.ShardingState{Set: "set06", HasConfig: true, ConfigVersion: 1}
	require.ErrorIs(t, rs.FixSharding(t.Context(), mongo.ShardingFix{}, &changed, nil), mongo.ErrShardingChanged)

	require.NoError(t, set.Insert("sharding.versions", bson.M{"_id": "odd", "version": "seven"}))
	_, err = rs.ReadSharding(t.Context(), mongo.ShardingFix{})
	require.ErrorContains(t, err, `"odd" of sharding.versions: version is no number`)
	require.NoError(t, set.Insert("sharding.versions", bson.M{"_id": 5}))
	_, err = rs.ReadSharding(t.Context(), mongo.ShardingFix{})
	require.Error(t, err)
}
