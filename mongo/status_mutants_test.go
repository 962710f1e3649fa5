package mongo_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/evenkeel-ha/evenkeel/mongo"
)

// What internal/mutate found nobody to miss in what is read out of a status: who lags, what is lost, what is awaited.

// member is one of a status; behind is in seconds.
func member(host string, state mongo.MemberState, behind uint32) mongo.MemberStatus {
	return mongo.MemberStatus{Name: host, Health: 1, State: state, ConfigVersion: 7, Optime: mongo.OpTime{TS: primitive.Timestamp{T: 10000 - behind}}}
}

func dead(m mongo.MemberStatus) mongo.MemberStatus { m.Health = 0; return m }

func of(members ...mongo.MemberStatus) mongo.Status {
	return mongo.Status{Set: "set02", Members: members}
}

func TestWhatIsLost(t *testing.T) {
	c := config(mongo.ArbiterMember(0, "arb:1"), data(1, "a:1", 3), data(2, "b:1", 2))
	arbiter := member("arb:1", mongo.StateArbiter, 0)
	for name, tc := range map[string]struct {
		lost   []string
		status mongo.Status
		want   []string
	}{
		"as far behind as one may be": {[]string{"a"}, of(arbiter, member("a:1", mongo.StatePrimary, 0), member("b:1", mongo.StateSecondary, 60)),
			[]string{"set02: primary moves: without a:1 the primary a:1 is gone and another member has to be elected."}},
		"a second more": {[]string{"a"}, of(arbiter, member("a:1", mongo.StatePrimary, 0), member("b:1", mongo.StateSecondary, 61)),
			[]string{"set02: all data: without a:1 none of its 1 current copies of the data is left (b:1 is 1 m 1 s behind)."}},
		"the one that lags is lost, too": {[]string{"a", "b"}, of(arbiter, member("a:1", mongo.StatePrimary, 0), member("b:1", mongo.StateSecondary, 61)),
			[]string{"set02: all data: without a:1, b:1 none of its 1 current copies of the data is left.",
				"set02: majority: without a:1, b:1 1 of 3 votes are left (arb:1) and 2 are needed for a primary."}},
		"an arbiter has no data, whatever is said of it": {[]string{"a", "b"},
			of(member("arb:1", mongo.StateSecondary, 0), member("a:1", mongo.StatePrimary, 0), member("b:1", mongo.StateSecondary, 0)),
			[]string{"set02: all data: without a:1, b:1 none of its 2 current copies of the data is left.",
				"set02: majority: without a:1, b:1 1 of 3 votes are left (arb:1) and 2 are needed for a primary."}},
		"a primary that does not answer is none": {[]string{"arb"},
			of(arbiter, dead(member("a:1", mongo.StatePrimary, 0)), member("b:1", mongo.StateSecondary, 0)),
			[]string{"set02: majority: without arb:1 and with a:1 down 1 of 3 votes are left (b:1) and 2 are needed for a primary."}},
		"nothing is lost, and it has no primary": {nil, of(arbiter, dead(member("a:1", mongo.StatePrimary, 0)), member("b:1", mongo.StateSecondary, 0)),
			[]string{"set02: primary: without any further host and with a:1 down there is no primary, as there is none now."}},
		"how far a dead one came does not count": {nil, of(arbiter, member("a:1", mongo.StatePrimary, 3600), dead(member("b:1", mongo.StateSecondary, 0))), nil},
		"how far one came that recovers does not count": {nil, of(arbiter, member("a:1", mongo.StatePrimary, 3600), member("b:1", mongo.StateRecovering, 0)),
			nil},
		"one that is up and does not vote": {[]string{"arb"}, of(arbiter, member("a:1", mongo.StatePrimary, 0), member("b:1", mongo.StateRemoved, 0)),
			[]string{"set02: majority: without arb:1 1 of 3 votes are left (a:1, b:1) and 2 are needed for a primary."}},
		"the data are lost, and it has no primary": {[]string{"a"}, of(arbiter, member("a:1", mongo.StateSecondary, 0), member("b:1", mongo.StateSecondary, 61)),
			[]string{"set02: all data: without a:1 none of its 1 current copies of the data is left (b:1 is 1 m 1 s behind).",
				"set02: primary: without a:1 there is no primary, as there is none now."}},
		"a status that names no set": {nil, mongo.Status{Members: of(arbiter, member("a:1", mongo.StatePrimary, 0), member("b:1", mongo.StateSecondary, 0)).Members},
			nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, l := range canLose(t, tc.lost, mongo.SetView{Config: c, Status: &tc.status}) {
				got = append(got, l.String())
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// A copy that lags beside an arbiter that a status calls a copy: the arbiter is not named among the copies.
func TestTheCopiesThatAreLeft(t *testing.T) {
	c := config(mongo.ArbiterMember(0, "arb:1"), data(1, "a:1", 3), data(2, "b:1", 2))
	s := of(member("arb:1", mongo.StateSecondary, 9000), member("a:1", mongo.StatePrimary, 0), member("b:1", mongo.StateSecondary, 600))
	require.Contains(t, canLose(t, []string{"a"}, mongo.SetView{Config: c, Status: &s})[0].Why, "is left (b:1 is 10 m behind).")
	s.Members[2].State = mongo.StateRecovering // it is no copy
	require.Contains(t, canLose(t, []string{"a"}, mongo.SetView{Config: c, Status: &s})[0].Why, "is left.")
}

func TestLagsOfTheDead(t *testing.T) {
	lags := of(member("a:1", mongo.StateSecondary, 60), dead(member("b:1", mongo.StateSecondary, 0))).Lags()
	require.Equal(t, []mongo.MemberLag{{Host: "a:1", State: mongo.StateSecondary, Known: true}, {Host: "b:1", State: mongo.StateSecondary}}, lags)
	_, ok := of(dead(member("a:1", mongo.StatePrimary, 0))).Primary()
	require.False(t, ok)
}

// Places in the oplog: by the term where both have one, then by the time, then by the counter.
func TestPlacesInTheOplog(t *testing.T) {
	at := func(term int64, sec, n uint32) mongo.OpTime {
		return mongo.OpTime{TS: primitive.Timestamp{T: sec, I: n}, Term: term}
	}
	for _, tc := range [][2]mongo.OpTime{
		{at(0, 9, 9), at(1, 1, 1)}, {at(1, 9, 9), at(2, 1, 1)}, {at(2, 1, 1), at(2, 2, 0)}, {at(2, 1, 1), at(2, 1, 2)},
		{at(-1, 1, 1), at(2, 2, 0)}, {at(2, 1, 9), at(-1, 2, 0)}, {at(-1, 1, 1), at(0, 1, 2)}, {at(2, 1, 1), at(-1, 1, 2)},
	} {
		require.True(t, tc[0].Before(tc[1]), "%v", tc)
		require.False(t, tc[1].Before(tc[0]), "%v", tc)
	}
	require.False(t, at(2, 1, 1).Before(at(2, 1, 1)))

	type answer struct{ O mongo.OpTime }
	data, err := bson.Marshal(answer{at(0, 5, 6)})
	require.NoError(t, err)
	var back answer
	require.NoError(t, bson.Unmarshal(data, &back))
	require.Equal(t, at(0, 5, 6), back.O)
	data, err = bson.Marshal(answer{at(-1, 5, 6)})
	require.NoError(t, err)
	require.Equal(t, bson.TypeTimestamp, bson.Raw(data).Lookup("o").Type, "as servers with protocol version 0 have it")
	data, err = bson.Marshal(bson.D{{Key: "o", Value: bson.D{{Key: "ts", Value: primitive.Timestamp{T: 5, I: 6}}}}})
	require.NoError(t, err)
	require.NoError(t, bson.Unmarshal(data, &back))
	require.Equal(t, at(-1, 5, 6), back.O)
}

func TestWhatHelloSays(t *testing.T) {
	require.True(t, mongo.Hello{IsMaster: true}.Primary())
	require.True(t, mongo.Hello{Writable: true}.Primary())
	require.False(t, mongo.Hello{Secondary: true}.Primary())
	require.Equal(t, []string{"a", "b", "c"}, mongo.Hello{Hosts: []string{"a"}, Passives: []string{"b"}, Arbiters: []string{"c"}}.Members())
	require.NoError(t, mongo.Hello{MaxWire: mongo.Wire36}.Supported("a:1"))
	require.ErrorIs(t, mongo.Hello{MaxWire: mongo.Wire36 - 1}.Supported("a:1"), mongo.ErrTooOld)
}

// Who is about to take over from the primary, and how long that takes at most.
func TestTakeovers(t *testing.T) {
	c := config(data(1, "a:1", 2), data(2, "b:1", 3), data(3, "c:1", 4), data(4, "d:1", 5))
	primary, timeout := member("a:1", mongo.StatePrimary, 0), func(ms int) mongo.Fields {
		return mongo.Fields{"settings": raw(t, bson.D{{Key: "electionTimeoutMillis", Value: ms}})}
	}
	b, cc, d := member("b:1", mongo.StateSecondary, 0), member("c:1", mongo.StateSecondary, 0), member("d:1", mongo.StateSecondary, 0)
	recovers := func(m mongo.MemberStatus) mongo.MemberStatus { m.State = mongo.StateRecovering; return m }
	for name, tc := range map[string]struct {
		status mongo.Status
		extra  mongo.Fields
		top    string
		within time.Duration
	}{
		"the highest":                      {of(primary, b, cc, d), nil, "d:1", 20 * time.Second},
		"it is dead":                       {of(primary, b, cc, dead(d)), nil, "c:1", 30 * time.Second},
		"and the next recovers":            {of(primary, b, recovers(cc), dead(d)), nil, "b:1", 40 * time.Second},
		"in the order that comes":          {of(primary, d, cc, b), nil, "d:1", 20 * time.Second},
		"of a set that elects fast":        {of(primary, b, cc, d), timeout(500), "d:1", time.Second},
		"of a set without a limit":         {of(primary, b, cc, d), timeout(0), "d:1", 20 * time.Second},
		"nobody is well that stands above": {of(primary, recovers(b), recovers(cc), dead(d)), nil, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := c.Clone()
			c.Extra = tc.extra
			why, within := mongo.SettledStep(c, c, tc.status)
			require.Equal(t, tc.within, within)
			if tc.top == "" {
				require.Empty(t, why)
			} else {
				require.Equal(t, tc.top+" has a higher priority than the primary a:1 and is about to take over", why)
			}
		})
	}
	equal := config(data(1, "a:1", 2), data(2, "b:1", 2))
	why, _ := mongo.SettledStep(equal, equal, of(primary, b))
	require.Empty(t, why, "one that stands as high takes over from nobody")
}

// Of the members without a vote only those have to hold their data that the step has added, or that get a vote by the next one.
func TestWhoMustHoldTheData(t *testing.T) {
	old := config(data(1, "a:1", 2), data(2, "b:1", 1), quiet(3, "old:1"))
	joined := old.Clone()
	joined.Members = append(joined.Members, quiet(4, "new:1"))
	voting := joined.Clone()
	voting.Members[3].Votes = 1
	well := of(member("a:1", mongo.StatePrimary, 0), member("b:1", mongo.StateSecondary, 0), member("old:1", mongo.StateSecondary, 0),
		member("new:1", mongo.StateSecondary, 0))
	with := func(i int, m mongo.MemberStatus) mongo.Status {
		s := of(append([]mongo.MemberStatus{}, well.Members...)...)
		s.Members[i] = m
		return s
	}
	for name, tc := range map[string]struct {
		status        mongo.Status
		settled, step string // what is awaited
	}{
		"all are well":       {well, "", ""},
		"the old one is not": {with(2, member("old:1", mongo.StateStartup2, 0)), "old:1 is not SECONDARY yet", ""},
		"the new one is not": {with(3, member("new:1", mongo.StateStartup2, 0)), "new:1 is not SECONDARY yet", "new:1 is not SECONDARY yet"},
		"the new one is dead": {with(3, dead(member("new:1", mongo.StateSecondary, 0))), "new:1 is not SECONDARY yet",
			"new:1 is not SECONDARY yet"},
		"the new one is unknown": {of(well.Members[:3]...), "new:1 is not SECONDARY yet", "new:1 is not SECONDARY yet"},
	} {
		_, why := mongo.Settled(joined, tc.status)
		require.Equal(t, tc.settled, why, name)
		why, _ = mongo.SettledStep(old, joined, tc.status)
		require.Equal(t, tc.step, why, name)
		why, _ = mongo.Ready(joined, voting, tc.status)
		require.Equal(t, tc.step, why, name)
	}
	odd := config(data(1, "a:1", 2), mongo.Member{ID: 2, Host: "arb:1", ArbiterOnly: true}) // as servers once took it
	ok, why := mongo.Settled(odd, of(member("a:1", mongo.StatePrimary, 0), member("arb:1", mongo.StateArbiter, 0)))
	require.True(t, ok, why)
}

// What is awaited before a step is sent: a takeover, but not one that the step calls off, nor one that it brings about.
func TestReadyForAStep(t *testing.T) {
	c := func(a, b float64) mongo.Config {
		return config(data(1, "a:1", a), data(2, "b:1", b), data(3, "c:1", 0))
	}
	s := of(member("a:1", mongo.StatePrimary, 0), member("b:1", mongo.StateSecondary, 0), member("c:1", mongo.StateSecondary, 0))
	gone := config(c(2, 3).Members[1:]...)
	const over = "b:1 has a higher priority than the primary a:1 and is about to take over"
	for name, tc := range map[string]struct {
		from, to mongo.Config
		status   mongo.Status
		want     string
		within   time.Duration
	}{
		"it is as it was":               {c(2, 1), c(2, 1), s, "", 0},
		"a takeover is on its way":      {c(2, 3), c(1, 3), s, over, 20 * time.Second},
		"the step calls it off":         {c(2, 3), c(2, 2), s, "", 0},
		"the step brings one about":     {c(2, 1), c(2, 3), s, "", 0},
		"nor of one that stood as high": {c(2, 2), c(2, 3), s, "", 0},
		"the primary is to leave":       {c(2, 3), gone, s, over, 0},
		"nor be elected any more":       {c(2, 3), c(0, 3), s, over, 0},
		"more than half is up":          {c(2, 1), c(2, 1), of(s.Members[0], dead(s.Members[1]), s.Members[2]), "", 0},
		"less than half is up": {c(2, 1), c(2, 1), of(s.Members[0], dead(s.Members[1]), dead(s.Members[2])),
			"members with 1 votes of version 7 are up, and it needs 2 for a primary", 0},
		"nothing is known of two":   {c(2, 1), c(2, 1), of(s.Members[0]), "version 7 is on members with 1 votes, and 2 are needed", 0},
		"nobody is primary":         {c(2, 1), c(2, 1), of(s.Members[1], s.Members[2]), "there is no primary", 0},
		"a status of another set's": {c(2, 1), c(2, 1), mongo.Status{Set: "x", Members: s.Members}, `the status is of the set "x", not of "set02"`, 0},
		"the primary is no member":  {gone, gone, s, "the primary a:1 is no member of version 7", 0},
	} {
		why, within := mongo.Ready(tc.from, tc.to, tc.status)
		require.Equal(t, tc.want, why, name)
		require.Equal(t, tc.within, within, name)
	}
}
