package cps_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
)

func sixSets(t testing.TB) *cps.MongoConfig {
	t.Helper()
	mc, err := cps.ParseMongoConfig(text("mongoConfig.cfg", fixture(t, "mongoConfig-six-sets.cfg")))
	require.NoError(t, err)
	return mc
}

// MON-001, MON-002, MON-031.
func TestParseMongoConfigSixSets(t *testing.T) {
	mc := sixSets(t)
	ports := map[string]int{"ADMIN": 27721, "AUDIT": 27017, "BALANCE": 27718, "REPORTING": 27719, "SESSION": 27717, "SPR": 27720}
	require.Len(t, mc.Sets, len(ports))
	for _, set := range mc.Sets {
		require.Equal(t, ports[set.Type], set.Members[0].Port, set.Label)
	}
	session, ok := mc.ByName("set01")
	require.True(t, ok)
	want := cps.ReplicaSet{
		Label: "SESSION-SET1", Type: "SESSION", Name: "set01", OplogMB: 5120, Line: 1,
		Arbiters:        []cps.MongoMember{{Key: "ARBITER", Host: "arbitervip", Port: 27717, Line: 4}},
		ArbiterDataPath: "/var/data/sessions.27717",
		Members: []cps.MongoMember{
			{Key: "MEMBER1", Host: "sessionmgr01", Port: 27717, Line: 6},
			{Key: "MEMBER2", Host: "sessionmgr02", Port: 27717, Line: 7},
		},
		DataPath: "/var/data/sessions.1",
	}
	require.Empty(t, cmp.Diff(want, session))
	spr, ok := mc.ByName("SPR-SET1")
	require.True(t, ok)
	require.Equal(t, "sessionmgr02:27720", spr.Members[1].Address())
	sharded, _ := mc.Sharded()
	require.False(t, sharded)
	require.Empty(t, mc.Findings())
	require.Equal(t, fixture(t, "mongoConfig-six-sets.cfg"), printed(t, mc))
}

const twoSites = `# GR
#site1_START
[SESSION-SET1]
SETNAME = set01a
ARBITER1=arb-site3:27717
PRIMARY-MEMBERS
MEMBER1=sessionmgr01:27717
MEMBER2=sessionmgr02:27717
SECONDARY-MEMBERS
MEMBER3=psessionmgr01:27717
MEMBER4=psessionmgr02:27717
DATA_PATH=/var/data/sessions.1/a
SHARD_COUNT=4
SEEDS=sessionmgr01:sessionmgr02:27717
FUTURE_KEY=kept
[SESSION-SET1-END]
#site1_END
site2_START
[SESSION-SET1]
SETNAME=set01a
MEMBER1=[2345:f170:8306:8118:e0:208:0:100]:27727
[SESSION-SET1-END]
site2_END`

func TestParseMongoConfigSites(t *testing.T) {
	mc, err := cps.ParseMongoConfig(text("mongoConfig.cfg", twoSites))
	require.NoError(t, err)
	require.Len(t, mc.Sets, 2)
	a := mc.Sets[0]
	require.Equal(t, "site1", a.Site)
	require.Equal(t, "site2", mc.Sets[1].Site)
	require.Equal(t, "PRIMARY", a.Members[1].Role)
	require.Equal(t, "SECONDARY", a.Members[2].Role)
	require.Equal(t, "2345:f170:8306:8118:e0:208:0:100", mc.Sets[1].Members[0].Host)
	require.Equal(t, cps.KeyValue{Key: "FUTURE_KEY", Value: "kept", Line: 15}, a.Other[2])
	require.Equal(t, twoSites, printed(t, mc))

	// CPS-247: sharding is found, with its place.
	sharded, why := mc.Sharded()
	require.True(t, sharded)
	require.Equal(t, map[string]int{"CPS-247": 2}, rows(why))
	require.Equal(t, "mongoConfig.cfg:13", why[0].Where)
	// MON-016: a set of one voter.
	require.Equal(t, map[string]int{"MON-016": 1}, rows(mc.Findings()))
}

func TestParseMongoConfigErrors(t *testing.T) {
	set := func(lines string) string { return "[SPR-SET1]\n" + lines + "[SPR-SET1-END]\n" }
	ok := "SETNAME=set04\nMEMBER1=sessionmgr01:27720\n"
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", "m.cfg:1: no replica set is defined"},
		{"comments only", "# nothing\n", "no replica set is defined"},
		{"not ended", "[SPR-SET1]\n" + ok, `m.cfg:1:1: section is not ended by [SPR-SET1-END]: near "[SPR-SET1]"`},
		{"not ended before the next", "[SPR-SET1]\n" + ok + "[SPR-SET2]\n" + ok, `m.cfg:4:1: section [SPR-SET1], begun on line 1, is not ended`},
		{"end without begin", "[SPR-SET1-END]\n", `m.cfg:1:1: end without a beginning [SPR-SET1]`},
		{"wrong end", "[SPR-SET1]\n" + ok + "[SPR-SET2-END]\n", `m.cfg:4:1: section [SPR-SET1], begun on line 1, is ended by another name`},
		{"section twice", set(ok) + set(ok), `m.cfg:5:1: section given twice, first on line 1`},
		{"name twice", set(ok) + strings.ReplaceAll(set(ok), "SPR-SET1", "SPR-SET2"), `SETNAME given twice`},
		{"key twice", set(ok + "MEMBER1=sessionmgr02:27720\n"), `m.cfg:4:1: key given twice in section [SPR-SET1], first on line 3`},
		{"member twice", set(ok + "MEMBER2=sessionmgr01:27720\n"), `member given twice`},
		{"bad label", "[SPR]\n" + ok + "[SPR-END]\n", `not the name of a section`},
		{"outside", "SETNAME=set04\n", `m.cfg:1:1: text outside a section: near "SETNAME=set04"`},
		{"no equals", set(ok + "  DATA_PATH\n"), `m.cfg:4:3: not a KEY=VALUE line in section [SPR-SET1]: near "DATA_PATH"`},
		{"no name", set("MEMBER1=a:1\n"), `section has no SETNAME`},
		{"no members", set("SETNAME=set04\n"), `section has no MEMBER`},
		{"no port", set("SETNAME=s\nMEMBER1=sessionmgr01\n"), `m.cfg:3:9: MEMBER1 must be host:port: near "sessionmgr01"`},
		{"port 0", set("SETNAME=s\nMEMBER1=a:0\n"), `must be host:port`},
		{"port too large", set("SETNAME=s\nMEMBER1=a:65536\n"), `must be host:port`},
		{"oplog", set(ok + "OPLOG_SIZE=5GB\n"), `m.cfg:4:1: OPLOG_SIZE must be a number of megabytes (what stands there may be a secret, and is not shown)`},
		{"site not ended", "site1_START\n" + set(ok), `site is not ended by site1_END`},
		{"site not begun", set(ok) + "#site1_END\n", `end of a site that has not begun`},
		{"nested site", "a_START\nb_START\n", `site b begins before site a has ended`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := cps.ParseMongoConfig(text("m.cfg", tt.in))
			requireError(t, err, tt.want)
		})
	}
}

// The public fragment of the corpus is cut off in its second section.
func TestParseMongoConfigCorpusFragment(t *testing.T) {
	for _, file := range corpus(t, "cps/mongoConfig-*.cfg.fragment") {
		f, err := os.Open(file)
		require.NoError(t, err)
		_, err = cps.ParseMongoConfig(f)
		requireError(t, err, "section is not ended by [SESSION-SET7-END]")
		require.NoError(t, f.Close())

		data, err := os.ReadFile(file)
		require.NoError(t, err)
		mc, err := cps.ParseMongoConfig(text(file, string(data)+"\n[SESSION-SET7-END]\n"))
		require.NoError(t, err)
		sharded, _ := mc.Sharded()
		require.True(t, sharded)
	}
}

func FuzzParseMongoConfig(f *testing.F) {
	f.Add(fixture(f, "mongoConfig-six-sets.cfg"))
	f.Add(twoSites)
	f.Fuzz(func(t *testing.T, in string) {
		mc, err := cps.ParseMongoConfig(strings.NewReader(in))
		if err != nil {
			return
		}
		require.Equal(t, strings.TrimPrefix(in, "\ufeff"), printed(t, mc))
		require.NotEmpty(t, mc.Sets)
		mc.Findings()
		mc.Sharded()
	})
}

// What stands in the place of a number may be a secret.
func TestWhatIsNoOplogSizeIsNotShown(t *testing.T) {
	_, err := cps.ParseMongoConfig(strings.NewReader("[SESSION-SET1]\nOPLOG_SIZE=hunter2\n"))
	require.ErrorContains(t, err, "OPLOG_SIZE must be a number of megabytes")
	require.NotContains(t, err.Error(), "hunter2")
}
