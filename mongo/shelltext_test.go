package mongo_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/internal/replsim"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/mongo"
)

func testdata(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return string(data)
}

func ist(day, hour, minute, sec int) time.Time {
	return time.Date(2017, time.February, day, hour, minute, sec, 0, time.FixedZone("", 5*3600+1800))
}

// MON-018, MON-019: the guide's own output, with the prompts around it.
func TestMON019ReplicationInfo(t *testing.T) {
	got, err := mongo.ParseReplicationInfo(strings.NewReader(testdata(t, "cps-printReplicationInfo.txt")))
	require.NoError(t, err)
	want := &mongo.ReplicationInfo{
		SizeMB: 5120, Length: 600 * time.Second, LengthHours: 0.16,
		First: ist(24, 19, 51, 25), Last: ist(27, 22, 14, 17), Now: ist(27, 22, 14, 25),
	}
	require.Empty(t, cmp.Diff(want, got))
	require.Equal(t, 10*time.Minute, got.Window(), "the shorter one of two that disagree")
	require.Len(t, got.Findings(), 1)
	require.Contains(t, got.Findings()[0], "10 m")
	require.Equal(t, "rs.printReplicationInfo()", mongo.PrintReplicationInfo)
}

// MON-020, MON-021.
func TestMON021SlaveReplicationInfo(t *testing.T) {
	got, err := mongo.ParseSlaveReplicationInfo(strings.NewReader(testdata(t, "cps-printSlaveReplicationInfo.txt")))
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]mongo.SecondaryInfo{{
		Source: sm2, SyncedTo: ist(27, 22, 13, 17), Lag: 10 * time.Second, State: mongo.StateSecondary,
	}}, got))
	require.Equal(t, "rs.printSlaveReplicationInfo()", mongo.PrintSlaveReplicationInfo)
}

func TestReplicationInfoVariants(t *testing.T) {
	text := corpus(t, "mongo/printReplicationInfo-variants.txt")
	want := []struct {
		mb   float64
		secs time.Duration
	}{{2048, 1517}, {1354.0509757995605, 183}, {192, 65422}}
	parts := regexp.MustCompile(`(?m)^### .*\n`).Split(text, -1)[1:]
	require.Len(t, parts, len(want))
	for i, p := range parts {
		got, err := mongo.ParseReplicationInfo(strings.NewReader(p))
		require.NoError(t, err)
		require.InDelta(t, want[i].mb, got.SizeMB, 1e-9)
		require.Equal(t, want[i].secs*time.Second, got.Window())
		require.Empty(t, got.Findings())
	}
}

func TestMemberStateTable(t *testing.T) {
	for _, line := range strings.Split(strings.TrimSpace(corpus(t, "mongo/member-state-table.txt")), "\n") {
		var n int
		var name string
		_, err := fmt.Sscan(line, &n, &name)
		require.NoError(t, err)
		require.Equal(t, name, mongo.MemberState(n).String())
	}
}

const mongoshInfo = `rs0 [direct: primary] test> rs.printReplicationInfo()
actual oplog size
'990.5 MB'
---
configured oplog size
'990 MB'
---
log length start to end
'171367.00000023842 secs (47.6 hrs)'
---
oplog first event time
'Mon Oct 21 2024 14:21:12 GMT+0200 (heure d’été d’Europe centrale)'
---
oplog last event time
'Wed Oct 23 2024 13:57:19 GMT+0200 (heure d’été d’Europe centrale)'
---
now
'Wed Oct 23 2024 13:57:20 GMT+0200 (heure d’été d’Europe centrale)'
`

func TestReplicationInfoOfMongosh(t *testing.T) {
	got, err := mongo.ParseReplicationInfo(strings.NewReader(mongoshInfo))
	require.NoError(t, err)
	require.InDelta(t, 990.5, got.ActualSizeMB, 0)
	require.Equal(t, 171367*time.Second, got.Length)
	require.Empty(t, got.Findings())
}

func TestReplicationInfoErrors(t *testing.T) {
	good := "configured oplog size: 5120MB\nlog length start to end: 600secs (0.17hrs)\n" +
		"oplog first event time: Mon Feb 27 2017 22:04:17 GMT+0530 (IST)\noplog last event time: Mon Feb 27 2017 22:14:17 GMT+0530\n" +
		"now: Mon Feb 27 2017 22:14:25 GMT+0530 (IST)\nsomething new: 4\n"
	info, err := mongo.ParseReplicationInfo(strings.NewReader(good))
	require.NoError(t, err)
	require.Equal(t, []mongo.Field{{Name: "something new", Value: "4"}}, info.Unknown)
	for _, tc := range []struct{ old, new, want string }{
		{"5120MB", "5120 lots", `in.txt:1:24: cannot read size like "5120MB": near "5120 lots"`},
		{"5120MB", "NaNMB", "cannot read size"},
		{"600secs", "-600secs", `in.txt:2:26: cannot read length`},
		{"Feb 27 2017 22:04", "Feb 31 2017 22:04", `in.txt:3:25: cannot read date`},
		{"(IST)", "(IST", "the name of the zone is not closed"},
		{"now: Mon Feb", "what is this\nnow: Mon Feb", `in.txt:5:1: unknown line, expected "name: value": near "what is this"`},
		{"now: ", "then: ", `no line "now"`},
		{"something new: 4", "now: 5", "a second time"},
		{good, "", `no line "configured oplog size"`},
		{good, "600\x00", "not a text file"},
	} {
		_, err := mongo.ParseReplicationInfo(srcerr.Named("in.txt", strings.NewReader(strings.Replace(good, tc.old, tc.new, 1))))
		require.ErrorContains(t, err, tc.want)
		var pe *mongo.ParseError
		require.ErrorAs(t, err, &pe)
	}
	for text, want := range map[string]error{
		"cannot provide replication status from an arbiter.":                         mongo.ErrOnArbiter,
		"this is a slave, printing slave replication info.\nsource: a:1":             mongo.ErrOnSecondary,
		`{ "errmsg" : "local.oplog.$main, or its options, not found" }`:              mongo.ErrShellMessage,
		"Error: couldn't connect to server sessionmgr01:27718, connection attempt 1": mongo.ErrShellMessage,
	} {
		_, err := mongo.ParseReplicationInfo(strings.NewReader(text))
		require.ErrorIs(t, err, want)
	}
}

func TestErrorsShowNoPassword(t *testing.T) {
	for _, line := range []string{
		"Error: cannot reach mongodb://admin:canary@sessionmgr01:27721/", "db.auth('admin', 'canary')", "password: canary lots",
		"run mongo -u admin -p canary", "what is mongodb://a:can@ary@b and canary-free",
	} {
		for _, parse := range []func(string) error{
			func(s string) error { _, err := mongo.ParseReplicationInfo(strings.NewReader(s)); return err },
			func(s string) error { _, err := mongo.ParseSlaveReplicationInfo(strings.NewReader(s)); return err },
		} {
			err := parse(line)
			require.Error(t, err)
			require.NotRegexp(t, "canary($|[^-])|can@", err.Error())
		}
	}
}

func TestSlaveReplicationInfoForms(t *testing.T) {
	text := `WARNING: printSlaveReplicationInfo is deprecated and may be removed in the next major release. Please use printSecondaryReplicationInfo instead.
source: a:1
	syncedTo: Mon Apr 16 2018 15:04:30 GMT+0800 (CST)
	-7 secs (0 hrs) behind the freshest member (no primary available at the moment)
source: b:1
	no replication info, yet.  State: (not reachable/healthy)
source: c:1
	no replication info, yet.  State: STARTUP2
	InitialSyncSyncSource: a:1
source: d:1
{
  syncedTo: 'Mon Mar 01 2021 16:30:50 GMT-0800 (PST)',
  replLag: '7200 secs (2 hrs) behind the primary '
}
---
source: e:1
{ 
  'no replication info, yet.  State': 'RECOVERING'
}
source:   f:1
	 syncedTo: Thu Aug 16 2012 18:33:27 GMT+0000 (UTC)
		 = 18 secs ago (0.01hrs)
`
	got, err := mongo.ParseSlaveReplicationInfo(strings.NewReader(text))
	require.NoError(t, err)
	var lines []string
	for _, s := range got {
		lines = append(lines, fmt.Sprint(s.Source, " ", s.Lag, " ", s.NoPrimary, " ", s.State, " ", s.InitialSync))
	}
	require.Equal(t, []string{
		"a:1 -7s true SECONDARY false", "b:1 0s false DOWN false", "c:1 0s false STARTUP2 true",
		"d:1 2h0m0s false SECONDARY false", "e:1 0s false RECOVERING false", "f:1 18s false SECONDARY false",
	}, lines)
}

func TestSlaveReplicationInfoErrors(t *testing.T) {
	for text, want := range map[string]string{
		"": "the shell printed no secondary",
		"mongo sessionmgr01:27718\nset02:PRIMARY> rs.printSlaveReplicationInfo()\nset02:PRIMARY>": "the shell printed no secondary",
		"hello":                         `1:1: unknown line before the first "source:"`,
		"source: a:1\n":                 "1:1: this member has no line that says how far behind it is",
		"source: a:1\n\tsyncedTo: soon": "2:2: cannot read date",
		"source: a:1\n\tten secs behind the primary":                   "2:2: unknown line",
		"source: a:1\n\t1e9 secs (0 hrs) behind the primary":           "unknown line",
		"source: a:1\n\t9999999999999 secs (0 hrs) behind the primary": "more than a century",
		"source:\n\t1 secs (0 hrs) behind the primary":                 "a member without a name",
		"source: a:1\n\tno replication info, yet.  State: ODD":         "cannot read member state",
	} {
		infos, err := mongo.ParseSlaveReplicationInfo(strings.NewReader(text))
		require.ErrorContains(t, err, want)
		require.Nil(t, infos)
	}
	_, err := mongo.ParseSlaveReplicationInfo(strings.NewReader(""))
	require.ErrorIs(t, err, mongo.ErrNoSecondary)
}

// MON-022: lag rising and not catching up means that the oplog is rolling over.
func TestMON022RollingOver(t *testing.T) {
	at := func(minutes int, lagSecs ...int) (ss []mongo.LagSample) {
		for i, l := range lagSecs {
			ss = append(ss, mongo.LagSample{At: ist(27, 10, i*minutes, 0), Lag: time.Duration(l) * time.Second})
		}
		return ss
	}
	for _, tc := range []struct {
		samples []mongo.LagSample
		window  time.Duration
		want    mongo.Trend
		left    time.Duration
	}{
		{nil, time.Hour, mongo.TrendUnknown, 0},
		{at(1, 50), time.Hour, mongo.TrendUnknown, 0},
		{at(1, 3601), time.Hour, mongo.RolledOver, 0},
		{at(1, 0, 10, 0, 10), time.Hour, mongo.KeepingUp, 0},
		{at(1, 60, 90, 120), 10 * time.Minute, mongo.FallingBehind, 16 * time.Minute},
		{at(1, 300, 240, 180), time.Hour, mongo.CatchingUp, 3 * time.Minute},
		{at(1, 300, 299, 300), time.Hour, mongo.Lagging, 0},
	} {
		got := mongo.RollingOver(tc.samples, tc.window)
		require.Equal(t, tc.want, got.Trend, got.Why)
		require.InDelta(t, tc.left.Seconds(), got.Left.Seconds(), 0.01)
		require.NotEmpty(t, got.Why)
		require.Equal(t, tc.want >= mongo.FallingBehind, got.RollingOver())
	}
}

// MON-022, MON-023: the forecasts come true on the simulator: when the oplog rolls over, and who comes back RECOVERING.
func TestMON023ForecastsComeTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		window := time.Duration(rapid.IntRange(120, 3600).Draw(t, "window")) * time.Second
		rate := float64(rapid.IntRange(1, 9).Draw(t, "apply rate")) / 10
		members := []replsim.MemberSpec{replsim.ArbiterAt(0, arb), replsim.Data(1, sm1, 3), replsim.Data(2, sm2, 2)}
		s, err := replsim.NewSet("set02", members, replsim.Options{OplogWindow: window, ApplyRate: rate})
		require.NoError(t, err)
		var samples []mongo.LagSample
		for range 3 {
			s.Advance(window / 20)
			samples = append(samples, mongo.LagSample{At: ist(1, 0, 0, 0).Add(s.Now()), Lag: s.Lag(sm2)})
		}
		if got := mongo.RollingOver(samples, window); got.RollingOver() {
			s.Advance(got.Left - 2*time.Second)
			require.Equal(t, replsim.Secondary, s.StateOf(sm2))
			s.Advance(4 * time.Second)
			require.Equal(t, replsim.Recovering, s.StateOf(sm2))
		} else {
			require.LessOrEqual(t, samples[2].Lag-samples[0].Lag, 11*time.Second)
		}

		healthy, err := replsim.NewSet("set02", members, replsim.Options{OplogWindow: window})
		require.NoError(t, err)
		away := window + time.Duration(rapid.IntRange(-2, 2).Draw(t, "off"))*time.Second
		require.NoError(t, healthy.Kill(sm2))
		healthy.Advance(away - 2*time.Second) // the start takes two seconds
		require.NoError(t, healthy.Start(sm2))
		healthy.Advance(3 * time.Second)
		info := mongo.ReplicationInfo{Length: window, First: ist(1, 0, 0, 0), Last: ist(1, 0, 0, 0).Add(window)}
		covered, spare := info.Covers(away, 1)
		require.Equal(t, window-away, spare)
		require.Equal(t, covered, healthy.StateOf(sm2) == replsim.Secondary, "away %v of %v", away, window)
		covered, _ = info.Covers(away, 2)
		require.False(t, covered, "twice the writes halve the window")
	})
}

func FuzzParseReplicationInfo(f *testing.F) {
	f.Add(testdata(f, "cps-printReplicationInfo.txt"))
	f.Add(mongoshInfo)
	f.Add("this is a slave, printing slave replication info.")
	f.Fuzz(func(t *testing.T, text string) {
		info, err := mongo.ParseReplicationInfo(strings.NewReader(text))
		if (info == nil) == (err == nil) {
			t.Fatalf("%v and %v", info, err)
		}
		if info != nil {
			info.Findings()
			if info.Window() < 0 {
				t.Fatal("a negative window")
			}
		}
	})
}

func FuzzParseSlaveReplicationInfo(f *testing.F) {
	f.Add(testdata(f, "cps-printSlaveReplicationInfo.txt"))
	f.Add("source: a:1\n{\n  syncedTo: 'Mon Mar 01 2021 16:30:50 GMT-0800 (PST)',\n  replLag: '0 secs (0 hrs) behind the primary '\n}\n")
	f.Add("source: b:1\n\tno replication info, yet.  State: STARTUP2\n")
	f.Fuzz(func(t *testing.T, text string) {
		infos, err := mongo.ParseSlaveReplicationInfo(strings.NewReader(text))
		if (len(infos) == 0) == (err == nil) {
			t.Fatalf("%v and %v", infos, err)
		}
	})
}

func TestPredict(t *testing.T) {
	o := mongo.Oplog{Host: "a:1", MaxSize: 3600_000, Size: 3600_000}
	o.First.T, o.Last.T = 1000, 1000+7200
	require.Equal(t, 2*time.Hour, o.Window())
	require.Equal(t, 500.0, o.Rate())
	for _, tc := range []struct {
		rate        float64
		lag, outage time.Duration
		window      time.Duration
		ok          bool
	}{
		{0, 0, 2 * time.Hour, 2 * time.Hour, true},
		{0, time.Second, 2 * time.Hour, 2 * time.Hour, false},
		{1000, 0, 2 * time.Hour, time.Hour, false},    // the traffic has doubled since
		{100, 0, 3 * time.Hour, 2 * time.Hour, false}, // a quiet hour promises nothing
	} {
		p := mongo.Predict(o, tc.lag, tc.outage, tc.rate)
		require.Equal(t, tc.window, p.Window)
		require.Equal(t, tc.ok, p.CatchesUp, p.Why)
	}
	idle := mongo.Predict(mongo.Oplog{MaxSize: 1}, 0, 1000*time.Hour, 0)
	require.True(t, idle.CatchesUp)
	require.Equal(t, "the oplog of a:1 reaches back 2 h at 500 B/s, and 1 h 5 s is needed: 1 h away and 5 s behind already",
		mongo.Predict(o, 5*time.Second, time.Hour, 0).Why)
}
