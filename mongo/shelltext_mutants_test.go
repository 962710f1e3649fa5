package mongo_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/mongo"
)

// What internal/mutate found nobody to miss in what shells print, and in what is computed of it.

const goodInfo = "configured oplog size: 5120MB\nlog length start to end: 600secs (0.17hrs)\n" +
	"oplog first event time: Mon Feb 27 2017 22:04:17 GMT+0530 (IST)\noplog last event time: Mon Feb 27 2017 22:14:17 GMT+0530\n" +
	"now: Mon Feb 27 2017 22:14:25 GMT+0530 (IST)\n"

var (
	endless = strings.Repeat("9", 400) // no float64 holds it
	century = int64(100 * 365 * 24 * 3600)
)

func TestLinesOfReplicationInfo(t *testing.T) {
	for _, tc := range []struct{ old, new, want string }{
		{"5120MB", "5120", "cannot read size"},
		{"5120MB", "-1MB", "cannot read size"},
		{"5120MB", "InfMB", "cannot read size"},
		{"5120MB", "0MB", ""},
		{"600secs", endless + "secs", "cannot read length"},
		{"0.17hrs", endless + "hrs", "cannot read length"},
		{"600secs", fmt.Sprint(century, "secs"), "more than a century"},
		{"600secs", fmt.Sprint(century-1, "secs"), ""},
		{"5120MB\n", "5120MB\n'1MB'\n", `unknown line, expected "name: value"`},
		{"22:14:25 GMT+0530 (IST)\n", "22:14:25 GMT+0530 (IST)\nno more", `unknown line, expected "name: value"`},
		{"now:", "now :", ""}, {"now:", "x: ''\nnow:", ""}, {"now:", "x:\nnow:", ""}, {"now:", "x: '\nnow:", ""},
		{goodInfo, "uncaught exception: x", "printed an error"},
		{goodInfo, "MongoServerError: x", "printed an error"},
		{goodInfo, "exception: connect failed", "printed an error"},
		{goodInfo, "x: exception: connect failed", "printed an error"},
		{goodInfo, "this is a secondary, printing secondary replication info.", "not on the primary"},
	} {
		_, err := mongo.ParseReplicationInfo(strings.NewReader(strings.Replace(goodInfo, tc.old, tc.new, 1)))
		if tc.want == "" {
			require.NoError(t, err, tc.new)
		} else {
			require.ErrorContains(t, err, tc.want, tc.new)
		}
	}
	for value, want := range map[string]string{`''`: "", `""`: "", `'`: "'", ``: "", `'a'`: "a", `"a"`: "a", `aba`: "aba", `'a"`: `'a"`, `a'`: "a'", `'a',`: "a"} {
		info, err := mongo.ParseReplicationInfo(strings.NewReader(goodInfo + "x: " + value + "\n"))
		require.NoError(t, err, value)
		require.Equal(t, []mongo.Field{{Name: "x", Value: want}}, info.Unknown, value)
	}
}

func TestLinesOfSlaveReplicationInfo(t *testing.T) {
	for text, want := range map[string]string{
		"source: a:1\nsource: b:1\n\t0 secs (0 hrs) behind the primary": "1:1: this member has no line that says how far",
		"\x00":                    "not a text file",
		"source: a:1\n\tsyncedTo": "unknown line", "source: a:1\n\treplLag": "unknown line", "source: a:1\n\treplLag: soon": "unknown line",
		"source: a:1\n\tnonsense": "unknown line", "source: a:1\n\tno line: x": "unknown line",
		"source: a:1\n\t" + endless + " secs (0 hrs) behind the primary":                "cannot read lag",
		"source: a:1\n\t0 secs (" + endless + " hrs) behind the primary":                "cannot read lag",
		fmt.Sprint("source: a:1\n\t", century, " secs (0 hrs) behind the primary"):      "more than a century",
		fmt.Sprint("source: a:1\n\t", -century, " secs (0 hrs) behind the primary"):     "more than a century",
		"source: a:1\n\t0 secs (0 hrs) behind the primary\nMongoServerError: it is off": "printed an error",
	} {
		infos, err := mongo.ParseSlaveReplicationInfo(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
		require.Nil(t, infos)
	}
	infos, err := mongo.ParseSlaveReplicationInfo(strings.NewReader(fmt.Sprintf(`this is a secondary, printing secondary replication info.
source: a:1
	doing initial sync
source: b:1
	InitialSyncSyncSource: a:1
source: c:1
	new: 1
	%d secs (0 hrs) behind the primary
`, 1-century)))
	require.NoError(t, err)
	require.Equal(t, []mongo.SecondaryInfo{
		{Source: "a:1", State: mongo.StateStartup2, InitialSync: true},
		{Source: "b:1", State: mongo.StateSecondary, InitialSync: true, Unknown: []mongo.Field{{Name: "InitialSyncSyncSource", Value: "a:1"}}},
		{Source: "c:1", State: mongo.StateSecondary, Lag: time.Duration(1-century) * time.Second, Unknown: []mongo.Field{{Name: "new", Value: "1"}}},
	}, infos)
}

// What fits together in the printed values, just and just not.
func TestFindingsOfReplicationInfo(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		edit func(*mongo.ReplicationInfo)
		want int
	}{
		"as it is":                     {func(*mongo.ReplicationInfo) {}, 0},
		"a second":                     {func(i *mongo.ReplicationInfo) { i.Last = i.Last.Add(time.Second) }, 0},
		"more than a second":           {func(i *mongo.ReplicationInfo) { i.Last = i.Last.Add(time.Second + 1) }, 1},
		"more than a second less":      {func(i *mongo.ReplicationInfo) { i.Last = i.Last.Add(-time.Second - 1) }, 1},
		"hours that are rounded":       {func(i *mongo.ReplicationInfo) { i.LengthHours = 1.01 }, 0},
		"other hours":                  {func(i *mongo.ReplicationInfo) { i.LengthHours = 1.012 }, 1},
		"a clock that is a minute off": {func(i *mongo.ReplicationInfo) { i.Now = i.Last.Add(-time.Minute) }, 0},
		"a clock further off":          {func(i *mongo.ReplicationInfo) { i.Now = i.Last.Add(-time.Minute - 1) }, 1},
		"hours to the limit":           {func(i *mongo.ReplicationInfo) { i.Length, i.Last, i.LengthHours = 0, i.First, 0.011 }, 0},
	} {
		i := mongo.ReplicationInfo{Length: time.Hour, LengthHours: 1, First: at, Last: at.Add(time.Hour), Now: at.Add(time.Hour)}
		tc.edit(&i)
		require.Len(t, i.Findings(), tc.want, name)
	}
	i := mongo.ReplicationInfo{Length: time.Hour, First: at, Last: at.Add(time.Hour)}
	for load, want := range map[float64]time.Duration{0: time.Hour, 1: time.Hour, 2: 30 * time.Minute, 0.5: 2 * time.Hour} {
		ok, spare := i.Covers(want, load)
		require.True(t, ok, load)
		require.Zero(t, spare, load)
		ok, spare = i.Covers(want+1, load)
		require.False(t, ok, load)
		require.Equal(t, -time.Duration(1), spare, load)
	}
}

// A trend is told where the lag changes by more than the lag of a healthy member may.
func TestTrendsToTheLimit(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		first, last time.Duration
		want        mongo.Trend
	}{
		{20 * time.Second, 30 * time.Second, mongo.Lagging}, {20 * time.Second, 31 * time.Second, mongo.FallingBehind},
		{30 * time.Second, 20 * time.Second, mongo.Lagging}, {31 * time.Second, 20 * time.Second, mongo.CatchingUp},
		{10 * time.Second, 10 * time.Second, mongo.KeepingUp}, {11 * time.Second, 11 * time.Second, mongo.Lagging},
		{0, time.Hour, mongo.FallingBehind}, {0, time.Hour + 1, mongo.RolledOver},
	} {
		got := mongo.RollingOver([]mongo.LagSample{{At: at, Lag: tc.first}, {At: at.Add(64 * time.Second), Lag: tc.last}}, time.Hour)
		require.Equal(t, tc.want, got.Trend, "%v", tc)
	}
}

// What an oplog cannot be asked has an answer that is on the safe side, or is none.
func TestOplogsOfWhichLittleIsKnown(t *testing.T) {
	require.EqualValues(t, math.MaxInt64, mongo.Oplog{}.Reach(0))
	require.EqualValues(t, math.MaxInt64, mongo.Oplog{MaxSize: 5}.Reach(-1))
	require.EqualValues(t, math.MaxInt64, mongo.Oplog{MaxSize: math.MaxInt64}.Reach(float64(time.Second)))
	require.Equal(t, 5*time.Second, mongo.Oplog{MaxSize: 10}.Reach(2))

	p := mongo.Predict(mongo.Oplog{}, time.Second, time.Minute, 1)
	require.False(t, p.CatchesUp)
	require.Equal(t, mongo.Outlook{Lag: time.Second, Spare: -61 * time.Second, WriteRate: 1, Why: "nothing is known of the oplog: it has no size"}, p)
	idle := mongo.Predict(mongo.Oplog{MaxSize: 1}, 0, time.Hour, 0)
	require.Equal(t, "nothing is written into the oplog", idle.Why)
	require.True(t, idle.CatchesUp)
}

// What may have happened to a sharding configuration between two looks at it.
func TestWhatMayHaveHappenedToSharding(t *testing.T) {
	changed := mongo.ErrShardingChanged
	has := func(version int64) mongo.ShardingState {
		return mongo.ShardingState{HasConfig: true, ConfigVersion: version}
	}
	complete, other := mongo.CompleteVersions, mongo.VersionsDoc{ID: "x"}
	with := func(docs ...mongo.VersionsDoc) mongo.ShardingState { return mongo.ShardingState{Versions: docs} }
	for _, tc := range []struct {
		op          mongo.ShardingOp
		before, now mongo.ShardingState
		done        bool
		err         error
	}{
		{mongo.BumpConfigVersion, mongo.ShardingState{}, has(0), false, changed},
		{mongo.BumpConfigVersion, mongo.ShardingState{}, has(1), false, changed},
		{mongo.BumpConfigVersion, has(0), mongo.ShardingState{}, false, changed},
		{mongo.BumpConfigVersion, has(-1), mongo.ShardingState{}, false, changed},
		{mongo.BumpConfigVersion, has(3), has(3), false, nil},
		{mongo.BumpConfigVersion, has(3), has(4), true, nil},
		{mongo.BumpConfigVersion, has(3), has(2), false, changed},
		{mongo.ReplaceVersions, with(other), with(complete), true, nil},
		{mongo.ReplaceVersions, with(other), with(complete, other), false, changed},
		{mongo.ReplaceVersions, with(other), with(), false, nil},
	} {
		done, err := mongo.ShardingStep{Op: tc.op, Before: tc.before}.Probe(tc.now)
		require.Equal(t, tc.done, done, "%v", tc)
		require.ErrorIs(t, err, tc.err)
	}
	_, err := mongo.ShardingStep{Op: mongo.BumpConfigVersion}.Probe(has(1))
	require.ErrorContains(t, err, "config was missing before the step and is at version 1")
	_, err = mongo.ShardingStep{Op: 9}.Probe(mongo.ShardingState{})
	require.EqualError(t, err, "unknown step ShardingOp(9)")

	for _, s := range []mongo.ShardingState{
		{MigratingShards: 1, Versions: []mongo.VersionsDoc{complete}}, with(), with(complete, complete), with(mongo.VersionsDoc{ID: "cache_config"}),
		with(mongo.VersionsDoc{ID: "x", MigrationStatus: "COMPLETE"}),
	} {
		require.False(t, s.Fixed(), "%v", s)
	}
	require.True(t, with(complete).Fixed())
}

func TestWhatASetSaysOfItsSharding(t *testing.T) {
	for _, tc := range []struct{ old, new, want string }{
		{`"migratingShards":1`, `"migratingShards":2`, ""},
		{`"migratingShards":1`, `"migratingShards":-1`, "-1 of 2 documents"},
		{stateLine, "\x00", "not a text file"},
		{`evenkeel-sharding`, `  evenkeel-sharding`, ""},
		{`evenkeel-sharding`, `x evenkeel-sharding`, "did not print the state"},
		{`"configVersion":4`, `"configVersion":"4"`, "1:143: cannot read state"},
		{`}],"more":[1]}`, ``, "cannot read state: unexpected end of JSON input"},
	} {
		_, err := mongo.ParseShardingState(strings.NewReader(strings.Replace(stateLine, tc.old, tc.new, 1)))
		if tc.want == "" {
			require.NoError(t, err, tc.new)
		} else {
			require.ErrorContains(t, err, tc.want, tc.new)
		}
	}
}

// The three writes as commands, which a driver sends instead of the scripts: the same as MON-025, MON-026 and MON-027 have there.
func TestShardingCommands(t *testing.T) {
	fix := mongo.ShardingFix{Set: "set06"}
	lines := func(fix mongo.ShardingFix, before mongo.ShardingState) (all []string) {
		for _, s := range fix.Steps(before) {
			for _, c := range fix.Commands(s) {
				text, err := bson.MarshalExtJSON(c, false, false)
				require.NoError(t, err)
				all = append(all, string(text))
			}
		}
		return all
	}
	const journalled, majority = `,"writeConcern":{"w":1,"j":true}}`, `,"writeConcern":{"w":"majority","wtimeout":5000}}`
	const (
		unset   = `{"update":"cache_config","updates":[{"q":{},"u":{"$unset":{"migratingShards":1}},"multi":true,"upsert":false}]`
		bump    = `{"update":"config","updates":[{"q":{"_id":1,"version":4},"u":{"$inc":{"version":1}},"multi":false,"upsert":false}]`
		removal = `{"delete":"versions","deletes":[{"q":{},"limit":0}]`
		insert  = `{"insert":"versions","documents":[{"_id":"cache_config","version":0,"previousVersion":0,"migrationStatus":"COMPLETE"}]`
	)
	require.Equal(t, []string{unset + journalled, bump + journalled, removal + journalled, insert + journalled}, lines(fix, before()))
	fix.Majority = 5 * time.Second
	require.Equal(t, []string{unset + majority, removal + majority, insert + majority}, lines(fix, mongo.ShardingState{}), "nothing to count up")
	require.Empty(t, fix.Commands(mongo.ShardingStep{Op: 9}))
}

// Where the text stands that was not understood, no password stands either.
func TestTheTextOfAnErrorHoldsNoPassword(t *testing.T) {
	for line, want := range map[string]string{
		"Error: cannot reach mongodb://admin:canary@a:1/": "Error: cannot reach mongodb://[redacted]@a:1/", "db.auth('admin', 'canary')": "[redacted]",
		"password canary": "[redacted]", "run mongo -u admin -p canary": "[redacted]",
	} {
		_, err := mongo.ParseReplicationInfo(strings.NewReader(goodInfo + "what\n" + line))
		var all interface{ Unwrap() []error }
		require.ErrorAs(t, err, &all)
		var near []string
		for _, e := range all.Unwrap() {
			var at *mongo.ParseError
			require.ErrorAs(t, e, &at)
			near = append(near, at.Near)
		}
		require.Equal(t, []string{"what", want}, near, line)
	}
}
