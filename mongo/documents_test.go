package mongo_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/internal/casetest"
)

// A configuration read, changed and written back keeps term, settings, tags and what nobody has heard of yet.
func TestConfigKeepsUnknownFields(t *testing.T) {
	doc := bson.D{
		{Key: "_id", Value: "set02"}, {Key: "version", Value: int32(3)}, {Key: "term", Value: int64(12)},
		{Key: "members", Value: bson.A{
			bson.D{
				{Key: "_id", Value: int32(0)}, {Key: "host", Value: sm1}, {Key: "arbiterOnly", Value: false}, {Key: "buildIndexes", Value: true},
				{Key: "hidden", Value: false}, {Key: "priority", Value: 0.5}, {Key: "tags", Value: bson.D{{Key: "dc", Value: "east"}}},
				{Key: "slaveDelay", Value: int64(0)}, {Key: "votes", Value: int32(1)}, {Key: "futureField", Value: bson.A{1, "x"}},
			},
			bson.D{{Key: "_id", Value: 1.0}, {Key: "host", Value: sm2}},
			bson.D{{Key: "_id", Value: 2}, {Key: "host", Value: arb}, {Key: "arbiterOnly", Value: true}},
		}},
		{Key: "settings", Value: bson.D{{Key: "z", Value: 1}, {Key: "a", Value: 2}}},
	}
	data, err := bson.Marshal(doc)
	require.NoError(t, err)
	var c mongo.Config
	require.NoError(t, bson.Unmarshal(data, &c))
	require.Equal(t, "set02 v3: sessionmgr01:27718 p0.5, sessionmgr02:27718 p1, arbitervip:27718 arbiter", c.String())
	require.Equal(t, 2, c.Majority())
	term, ok := c.Term()
	require.True(t, ok)
	require.EqualValues(t, 12, term)

	c.Version++
	out, err := bson.Marshal(c)
	require.NoError(t, err)
	again, err := bson.Marshal(c)
	require.NoError(t, err)
	require.Equal(t, out, again, "the same bytes each time")
	var back bson.M
	require.NoError(t, bson.Unmarshal(out, &back))
	require.EqualValues(t, 4, back["version"])
	require.EqualValues(t, 12, back["term"])
	m := bson.Raw(out).Lookup("members", "0").Document()
	require.Equal(t, "east", m.Lookup("tags", "dc").StringValue())
	require.Equal(t, "x", m.Lookup("futureField", "1").StringValue())
	require.InDelta(t, 0.5, m.Lookup("priority").Double(), 0)
	els, err := bson.Raw(out).Lookup("settings").Document().Elements()
	require.NoError(t, err)
	require.Equal(t, "z", els[0].Key(), "the order inside a document stays")
}

func TestConfigRefusesOtherDocuments(t *testing.T) {
	for _, doc := range []bson.D{
		{},
		{{Key: "_id", Value: "x"}, {Key: "version", Value: 1}},
		{{Key: "_id", Value: "x"}, {Key: "version", Value: 1.5}, {Key: "members", Value: bson.A{}}},
		{{Key: "_id", Value: "x"}, {Key: "version", Value: 1}, {Key: "members", Value: bson.A{bson.D{{Key: "host", Value: "h"}}}}},
		{{Key: "_id", Value: "x"}, {Key: "version", Value: 1}, {Key: "members", Value: "none"}},
	} {
		data, err := bson.Marshal(doc)
		require.NoError(t, err)
		var c mongo.Config
		require.Error(t, bson.Unmarshal(data, &c), "%v", doc)
	}
}

func TestConfigRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := casetest.DrawLegal(t, "c")
		data, err := bson.Marshal(c)
		require.NoError(t, err)
		var back mongo.Config
		require.NoError(t, bson.Unmarshal(data, &back))
		require.Equal(t, c, back)
	})
}

// MON-004: every state that the guide's tables show, and the texts of a real server.
func TestMON004States(t *testing.T) {
	for text, want := range map[string]mongo.MemberState{
		"PRIMARY": 1, "SECONDARY": 2, "ARBITER": 7, "RECOVERING": 3, "UNKNOWN": 6, " startup2 ": 5, "(not reachable/healthy)": 8,
		"REMOVED": 10, "ROLLBACK": 9,
	} {
		got, err := mongo.ParseMemberState(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"", "PRIM", "REPLICHA STATE"} {
		_, err := mongo.ParseMemberState(bad)
		require.Error(t, err)
	}
	require.Equal(t, "MemberState(11)", mongo.MemberState(11).String())
}

// MON-001, MON-002 and MON-023: the guide's six sets, their ports, and the huge ones among them.
func TestMON001Kinds(t *testing.T) {
	type row struct {
		set  string
		port int
		huge bool
	}
	got := map[mongo.Kind]row{}
	for _, k := range mongo.Kinds() {
		set, port, ok := k.Example()
		require.True(t, ok)
		got[k] = row{set, port, k.Huge()}
	}
	require.Equal(t, map[mongo.Kind]row{
		"ADMIN": {"set06", 27721, false}, "AUDIT": {"set05", 27017, false}, "BALANCE": {"set02", 27718, true},
		"REPORTING": {"set03", 27719, true}, "SESSION": {"set01", 27717, false}, "SPR": {"set04", 27720, true},
	}, got)
	_, _, ok := mongo.Kind("OTHER").Example()
	require.False(t, ok)
	require.False(t, mongo.Kind("OTHER").Huge())
}

// MON-003: member fields, in the answer of a server of today and of one with protocol version 0.
func TestMON003Status(t *testing.T) {
	ts := primitive.Timestamp{T: 1500000000, I: 3}
	data, err := bson.Marshal(bson.D{
		{Key: "set", Value: "set02"}, {Key: "myState", Value: 1}, {Key: "term", Value: int64(4)}, {Key: "ok", Value: 1.0},
		{Key: "members", Value: bson.A{
			bson.D{
				{Key: "_id", Value: 0}, {Key: "name", Value: sm1}, {Key: "health", Value: 1.0}, {Key: "state", Value: 1},
				{Key: "stateStr", Value: "PRIMARY"}, {Key: "uptime", Value: 77}, {Key: "self", Value: true}, {Key: "configVersion", Value: 3},
				{Key: "optime", Value: bson.D{{Key: "ts", Value: ts}, {Key: "t", Value: int64(4)}}}, {Key: "newField", Value: "kept"},
			},
			bson.D{
				{Key: "_id", Value: 1}, {Key: "name", Value: sm2}, {Key: "health", Value: 0}, {Key: "state", Value: 8},
				{Key: "stateStr", Value: "(not reachable/healthy)"}, {Key: "optime", Value: ts},
			},
		}},
	})
	require.NoError(t, err)
	var s mongo.Status
	require.NoError(t, bson.Unmarshal(data, &s))
	p, ok := s.Primary()
	require.True(t, ok)
	require.Equal(t, sm1, p.Name)
	require.Equal(t, mongo.OpTime{TS: ts, Term: 4}, p.Optime)
	require.Equal(t, "kept", p.Extra["newField"].StringValue())
	require.Equal(t, 1.0, s.Extra["ok"].Double())
	m, ok := s.Member(sm2)
	require.True(t, ok)
	require.Equal(t, mongo.StateDown, m.State)
	require.Equal(t, mongo.OpTime{TS: ts, Term: -1}, m.Optime)
	require.False(t, m.Healthy())
}

func TestOptimeRoundTrip(t *testing.T) {
	for _, o := range []mongo.OpTime{{TS: primitive.Timestamp{T: 5, I: 6}, Term: 3}, {TS: primitive.Timestamp{T: 5, I: 6}, Term: -1}} {
		data, err := bson.Marshal(bson.D{{Key: "o", Value: o}})
		require.NoError(t, err)
		var back struct{ O mongo.OpTime }
		require.NoError(t, bson.Unmarshal(data, &back))
		require.Equal(t, o, back.O)
	}
}

func TestLags(t *testing.T) {
	m := func(name string, state mongo.MemberState, health float64, at uint32) mongo.MemberStatus {
		return mongo.MemberStatus{Name: name, State: state, Health: health, Optime: mongo.OpTime{TS: primitive.Timestamp{T: at}}}
	}
	s := mongo.Status{Members: []mongo.MemberStatus{
		m("p:1", mongo.StatePrimary, 1, 1000), m("s:1", mongo.StateSecondary, 1, 940), m("ahead:1", mongo.StateSecondary, 1, 1001),
		m("new:1", mongo.StateStartup2, 1, 0), m("down:1", mongo.StateDown, 0, 500), m("a:1", mongo.StateArbiter, 1, 0),
	}}
	require.Equal(t, []mongo.MemberLag{
		{Host: "p:1", State: mongo.StatePrimary, Known: true}, {Host: "s:1", State: mongo.StateSecondary, Lag: 60e9, Known: true},
		{Host: "ahead:1", State: mongo.StateSecondary, Known: true}, {Host: "new:1", State: mongo.StateStartup2},
		{Host: "down:1", State: mongo.StateDown},
	}, s.Lags())
	s.Members = s.Members[1:]
	require.Equal(t, int64(61e9), int64(s.Lags()[0].Lag), "behind the freshest, without a primary")
}
