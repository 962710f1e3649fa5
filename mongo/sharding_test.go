package mongo_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/internal/replsim"
	"github.com/evenkeel-ha/evenkeel/mongo"
)

const stateLine = `evenkeel-sharding-state {"set":"set06","primary":"sessionmgr01:27721","cacheConfigs":2,"migratingShards":1,` +
	`"hasConfig":true,"configVersion":4,"versions":[{"_id":"cache_config","version":7,"previousVersion":6,"migrationStatus":"MIGRATING"}],"more":[1]}`

func before() mongo.ShardingState {
	return mongo.ShardingState{
		Set: "set06", Primary: "sessionmgr01:27721", CacheConfigs: 2, MigratingShards: 1, HasConfig: true, ConfigVersion: 4,
		Versions: []mongo.VersionsDoc{{ID: "cache_config", Version: 7, PreviousVersion: 6, MigrationStatus: "MIGRATING"}},
	}
}

// MON-025, MON-026, MON-027, MON-028, MON-029: the scripts as a reviewer sees them, in the guide's order.
func TestMON028ShardingScripts(t *testing.T) {
	fix := mongo.ShardingFix{Set: "set06"}
	steps := fix.Steps(before())
	require.Len(t, steps, 3)
	require.Equal(t, []op.Repeat{op.Idempotent, op.ProbeFirst, op.ProbeFirst}, []op.Repeat{steps[0].Repeat, steps[1].Repeat, steps[2].Repeat})
	require.Contains(t, steps[0].Script, `cache_config.updateMany({}, {"$unset": {"migratingShards": 1}}`)
	require.Contains(t, steps[1].Script, `config.updateOne({"_id": 1, "version": 4}, {"$inc": {"version": 1}}`)
	require.Contains(t, steps[2].Script, `versions.deleteMany({}`)
	require.Contains(t, steps[2].Script, `"migrationStatus": "COMPLETE"`)
	var all strings.Builder
	all.WriteString("// read\n" + fix.ReadScript())
	for _, s := range steps {
		all.WriteString("\n// " + s.Op.String() + " (" + s.Guide + "), " + s.Repeat.String() + "\n" + s.Script)
	}
	golden.Check(t, "sharding-fix.js", all.String())

	require.Contains(t, mongo.ShardingFix{Majority: 30 * time.Second}.UnsetScript(), `{"w": "majority", "wtimeout": 30000}`)
	require.NotContains(t, mongo.ShardingFix{}.UnsetScript(), "setName")
	require.Contains(t, mongo.ShardingFix{Set: `x"); evil("`}.UnsetScript(), `!== "x\"); evil(\""`)
	require.NotContains(t, fix.Steps(mongo.ShardingState{})[1].Script, "$inc")
}

func TestParseShardingState(t *testing.T) {
	text := "MongoDB shell version v3.6.17\nconnecting to: mongodb://sessionmgr01:27721/sharding\n" + stateLine + "\n"
	got, err := mongo.ParseShardingState(strings.NewReader(text))
	require.NoError(t, err)
	want := before()
	want.Unknown = []mongo.Field{{Name: "more", Value: "[1]"}}
	require.Equal(t, &want, got)
	require.False(t, got.Fixed())
	got.MigratingShards, got.Versions = 0, []mongo.VersionsDoc{mongo.CompleteVersions}
	require.True(t, got.Fixed())

	for _, tc := range []struct{ old, new, want string }{
		{text, "", "the shell did not print the state"},
		{stateLine, stateLine + "\n" + stateLine, "4:1: a second state"},
		{`"configVersion":4,`, "", `3:25: cannot read state: no field "configVersion"`},
		{`"configVersion":4`, `"configVersion":null`, "no field"},
		{`"configVersion":4`, `"configVersion":4.5`, "cannot read state"},
		{`"configVersion":4`, `"configVersion":"4"`, "cannot read state"},
		{`"versions":[`, `"versions":[}`, "3:155: cannot read state: invalid character '}'"},
		{`"migratingShards":1`, `"migratingShards":3`, "3 of 2 documents"},
	} {
		s, err := mongo.ParseShardingState(strings.NewReader(strings.Replace(text, tc.old, tc.new, 1)))
		require.ErrorContains(t, err, tc.want)
		require.Nil(t, s)
	}
}

func TestShardingProbe(t *testing.T) {
	steps := mongo.ShardingFix{Set: "set06"}.Steps(before())
	for _, tc := range []struct {
		step    int
		change  func(s *mongo.ShardingState)
		done    bool
		changed bool
	}{
		{0, func(*mongo.ShardingState) {}, false, false},
		{0, func(s *mongo.ShardingState) { s.MigratingShards = 0 }, true, false},
		{1, func(*mongo.ShardingState) {}, false, false},
		{1, func(s *mongo.ShardingState) { s.ConfigVersion = 5 }, true, false},
		{1, func(s *mongo.ShardingState) { s.ConfigVersion = 6 }, false, true},
		{1, func(s *mongo.ShardingState) { s.HasConfig = false }, false, true},
		{2, func(*mongo.ShardingState) {}, false, false},
		{2, func(s *mongo.ShardingState) { s.Versions = nil }, false, false},
		{2, func(s *mongo.ShardingState) { s.Versions = []mongo.VersionsDoc{mongo.CompleteVersions} }, true, false},
		{2, func(s *mongo.ShardingState) { s.Versions[0].Version = 9 }, false, true},
	} {
		now := before()
		tc.change(&now)
		done, err := steps[tc.step].Probe(now)
		require.Equal(t, tc.done, done, "%v", tc)
		if tc.changed {
			require.ErrorIs(t, err, mongo.ErrShardingChanged)
		} else {
			require.NoError(t, err)
		}
	}
	other := before()
	other.Set = "set07"
	_, err := steps[0].Probe(other)
	require.ErrorContains(t, err, `of the set "set07"`)
	empty := mongo.ShardingFix{}.Steps(mongo.ShardingState{})
	done, err := empty[1].Probe(mongo.ShardingState{})
	require.NoError(t, err)
	require.True(t, done, "no document, nothing to bump")
}

// read is what ReadScript would print on the simulated primary.
func read(s *replsim.Set) (mongo.ShardingState, string, bool) {
	host, ok := s.Primary()
	if !ok {
		return mongo.ShardingState{}, "", false
	}
	d, err := s.Sharding(host)
	if err != nil {
		return mongo.ShardingState{}, "", false
	}
	st := mongo.ShardingState{
		Set: s.Name(), Primary: host, CacheConfigs: int64(d.CacheConfigs), MigratingShards: int64(d.MigratingShards),
		HasConfig: d.HasConfig, ConfigVersion: d.ConfigVersion,
	}
	for _, v := range d.Versions {
		st.Versions = append(st.Versions, mongo.VersionsDoc(v))
	}
	return st, host, true
}

// write does a step on the simulated primary; when torn, it dies in the middle.
func write(s *replsim.Set, host string, step mongo.ShardingStep, torn bool) {
	switch step.Op {
	case mongo.UnsetMigratingShards:
		_, _ = s.UnsetMigratingShards(host)
	case mongo.BumpConfigVersion:
		_, _ = s.IncConfigVersion(host, &step.Before.ConfigVersion)
	case mongo.ReplaceVersions:
		_, _ = s.RemoveVersions(host)
		if !torn {
			_ = s.InsertVersions(host, replsim.VersionsDoc(mongo.CompleteVersions))
		}
	}
}

// MON-027, MON-029: whatever crashes, whatever is sent twice, whichever primary dies with the last write: in the end the version has
// gone up by one, exactly, and the other two writes are there.
func TestMON029ShardingFixCountsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := replsim.NewSet("set06", []replsim.MemberSpec{
			replsim.ArbiterAt(0, "arbitervip:27721"), replsim.Data(1, "sessionmgr01:27721", 3), replsim.Data(2, "sessionmgr02:27721", 2),
		}, replsim.Options{Idle: true})
		require.NoError(t, err)
		start, _, ok := read(s)
		require.True(t, ok)
		journal := start // written before the first write
		for range rapid.IntRange(1, 8).Draw(t, "runs") {
			run(t, s, journal, true)
			s.JoinAll()
			for _, h := range s.Hosts() {
				_ = s.Start(h)
			}
			s.Advance(2 * time.Minute)
		}
		run(t, s, journal, false)
		end, _, ok := read(s)
		require.True(t, ok)
		require.True(t, end.Fixed())
		require.Equal(t, start.ConfigVersion+1, end.ConfigVersion)
	})
}

// run is one attempt that resumes from the journal; a faulty one may stop anywhere.
func run(t *rapid.T, s *replsim.Set, journal mongo.ShardingState, faulty bool) {
	for _, step := range (mongo.ShardingFix{Set: "set06"}).Steps(journal) {
		fault := 0
		if faulty {
			fault = rapid.IntRange(0, 7).Draw(t, "fault")
		}
		now, host, ok := read(s)
		if !ok {
			return
		}
		done, err := step.Probe(now)
		require.NoError(t, err)
		switch {
		case done && fault != 4:
			continue
		case fault == 1: // the tool crashes before the write
			return
		case fault == 2: // the tool crashes after the write
			write(s, host, step, false)
			return
		case fault == 3: // the tool crashes in the middle
			write(s, host, step, true)
			return
		case fault == 4 && step.Op == mongo.BumpConfigVersion: // sent twice, even when done
			write(s, host, step, false)
			write(s, host, step, false)
		case fault == 5: // the primary is cut off, writes, and loses the write
			for _, other := range s.Hosts() {
				if other != host {
					s.Cut(host, other)
				}
			}
			write(s, host, step, false)
			s.Advance(time.Minute)
			return
		case done:
		default:
			write(s, host, step, false)
		}
	}
}

// The scripts are run by a JavaScript engine against a small stand-in for the shell's db, where there is an engine.
func TestShardingScriptsRun(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node on PATH: the scripts are compared with their golden file only")
	}
	fix := mongo.ShardingFix{Set: "set06"}
	harness := testdata(t, "fakeshell.js")
	exe := func(primary bool, set string, scripts ...string) (string, error) {
		var b strings.Builder
		b.WriteString(harness)
		args, err := json.Marshal(map[string]any{"ismaster": primary, "set": set})
		require.NoError(t, err)
		b.WriteString("shell(" + string(args) + ");\n")
		for _, s := range scripts {
			text, err := json.Marshal(s)
			require.NoError(t, err)
			b.WriteString("run(" + string(text) + ");\n")
		}
		cmd := exec.Command(node, "-")
		cmd.Stdin = strings.NewReader(b.String())
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	parse := func(out string) mongo.ShardingState {
		s, err := mongo.ParseShardingState(strings.NewReader(out))
		require.NoError(t, err, out)
		return *s
	}
	out, err := exe(true, "set06", fix.ReadScript())
	require.NoError(t, err, out)
	first := parse(out)
	require.Equal(t, before(), first)
	steps := fix.Steps(first)
	bump := steps[1].Script
	out, err = exe(true, "set06", steps[0].Script, bump, bump, bump, steps[2].Script, steps[2].Script, fix.ReadScript())
	require.NoError(t, err, out)
	last := parse(out)
	require.True(t, last.Fixed())
	require.EqualValues(t, 5, last.ConfigVersion)
	for _, s := range append([]string{fix.ReadScript()}, steps[0].Script, bump, steps[2].Script) {
		out, err = exe(false, "set06", s)
		require.Error(t, err)
		require.Contains(t, out, "not the primary")
		out, err = exe(true, "set09", s)
		require.Error(t, err)
		require.Contains(t, out, "this is the set set09")
	}
}

func FuzzParseShardingState(f *testing.F) {
	f.Add(stateLine)
	f.Add("evenkeel-sharding-state {}")
	f.Add("evenkeel-sharding-state ")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := mongo.ParseShardingState(strings.NewReader(text))
		if (s == nil) == (err == nil) {
			t.Fatalf("%v and %v", s, err)
		}
	})
}
