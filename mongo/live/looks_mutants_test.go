package live_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
)

// What internal/mutate found nobody to miss in looks at members whose answers are given.

// seen is a member in a status; behind is in seconds.
func seen(host string, health float64, state mongo.MemberState, behind uint32) bson.D {
	return bson.D{{Key: "_id", Value: 0}, {Key: "name", Value: host}, {Key: "health", Value: health}, {Key: "state", Value: int(state)},
		{Key: "optime", Value: primitive.Timestamp{T: 10000 - behind}}}
}

// answers are those of sm1, the primary of a set whose status has the members.
func answers(c mongo.Config, members ...bson.D) canned {
	ok, list := bson.E{Key: "ok", Value: 1}, bson.A{}
	for _, m := range members {
		list = append(list, m)
	}
	return canned{
		"isMaster": {ok, {Key: "setName", Value: "set02"}, {Key: "ismaster", Value: true}, {Key: "maxWireVersion", Value: 6},
			{Key: "hosts", Value: bson.A{sm1}}},
		"replSetGetStatus": {ok, {Key: "set", Value: "set02"}, {Key: "myState", Value: 1}, {Key: "members", Value: list}},
		"replSetGetConfig": {ok, {Key: "config", Value: c}},
		"collStats":        {ok, {Key: "maxSize", Value: 7200}, {Key: "size", Value: 50}, {Key: "capped", Value: true}},
		"find": {ok, {Key: "cursor", Value: bson.D{{Key: "firstBatch", Value: bson.A{
			bson.D{{Key: "ts", Value: primitive.Timestamp{T: 9000}}},
		}}}}},
	}
}

var errWaited = errors.New("it would wait")

// asking is a client of these answers that does not wait but for the seconds in which an oplog is watched; told is what it waits for.
func asking(c canned) (rs *live.ReplicaSet, told *[]string) {
	told = &[]string{}
	return live.NewReplicaSet("set02", []string{sm1}, func(context.Context, string) (live.Conn, error) { return c, nil }, live.Options{
		Watch: func(e live.Event) { *told = append(*told, e.Text) },
		Sleep: func(_ context.Context, d time.Duration) error {
			if d == 10*time.Second {
				return nil
			}
			return errWaited
		},
	}), told
}

func TestWhoCouldTakeThePrimarysPlace(t *testing.T) {
	other := func(edit func(*mongo.Member)) mongo.Config {
		c := balance()
		edit(&c.Members[1])
		return c
	}
	primary, arbiter := seen(sm1, 1, mongo.StatePrimary, 0), seen(arb, 1, mongo.StateArbiter, 0)
	for name, tc := range map[string]struct {
		config  mongo.Config
		members []bson.D
	}{
		"a dead one":                  {balance(), []bson.D{primary, seen(sm2, 0, mongo.StateSecondary, 0), arbiter}},
		"one that recovers":           {balance(), []bson.D{primary, seen(sm2, 1, mongo.StateRecovering, 0), arbiter}},
		"one without a priority":      {other(func(m *mongo.Member) { m.Priority = 0 }), []bson.D{primary, seen(sm2, 1, mongo.StateSecondary, 0), arbiter}},
		"one that nobody sees":        {balance(), []bson.D{primary, arbiter}},
		"the primary itself, no more": {balance(), []bson.D{seen(sm1, 1, mongo.StateSecondary, 0), arbiter}},
	} {
		rs, _ := asking(answers(tc.config, tc.members...))
		_, err := rs.StepDown(t.Context(), sm1, time.Minute, 0)
		require.ErrorIs(t, err, live.ErrNoSuccessor, name)
	}
}

// The shortest times are asked for; and of a member that is not the primary nothing is.
func TestAStepDownOfTheShortestTimes(t *testing.T) {
	set, rs := running(t, balance(), mongotest.Options{}, nil)
	for _, times := range [][2]time.Duration{{time.Second, 0}, {time.Second, time.Second}} {
		primary, err := rs.StepDown(t.Context(), sm2, times[0], times[1])
		require.NoError(t, err)
		require.Equal(t, sm1, primary)
	}
	require.NoError(t, rs.Freeze(t.Context(), sm2, 0))
	for _, c := range set.Calls() {
		require.NotEqual(t, "replSetStepDown", c.Name)
	}
}

func TestWhoIsCaughtUp(t *testing.T) {
	primary, arbiter := seen(sm1, 1, mongo.StatePrimary, 0), seen(arb, 1, mongo.StateArbiter, 0)
	for name, tc := range map[string]struct {
		two   bson.D
		hosts []string
		why   string
	}{
		"as far behind as is allowed":          {seen(sm2, 1, mongo.StateSecondary, 20), nil, "a second look"},
		"further behind":                       {seen(sm2, 1, mongo.StateSecondary, 21), nil, sm2 + " is 21 s behind, and 20 s is allowed"},
		"further behind, and named":            {seen(sm2, 1, mongo.StateSecondary, 21), []string{sm2}, sm2 + " is 21 s behind, and 20 s is allowed"},
		"further behind, and another is named": {seen(sm2, 1, mongo.StateSecondary, 21), []string{sm1}, "a second look"},
		"one that recovers":                    {seen(sm2, 1, mongo.StateRecovering, 0), nil, sm2 + " is RECOVERING"},
		"a dead one":                           {seen(sm2, 0, mongo.StateSecondary, 0), nil, sm2 + " is SECONDARY"},
	} {
		rs, told := asking(answers(balance(), primary, tc.two, arbiter))
		require.ErrorIs(t, rs.WaitCaughtUp(t.Context(), 20*time.Second, tc.hosts...), errWaited, name)
		require.Equal(t, []string{"waiting: " + tc.why}, *told, name)
	}
	rs, _ := asking(answers(balance(), primary, arbiter))
	require.ErrorContains(t, rs.WaitCaughtUp(t.Context(), 0, "nobody:1"), "has no member nobody:1")
}

func TestWaitForAState(t *testing.T) {
	up, dead := seen(sm2, 1, mongo.StateRecovering, 0), seen(sm2, 0, mongo.StateRecovering, 0)
	for name, tc := range map[string]struct {
		two   bson.D
		state []mongo.MemberState
		why   string
	}{
		"it is so":                 {up, []mongo.MemberState{mongo.StateSecondary, mongo.StateRecovering}, ""},
		"it is not":                {up, []mongo.MemberState{mongo.StateSecondary, mongo.StateDown}, sm2 + " is RECOVERING, not SECONDARY or DOWN"},
		"it is dead, and was so":   {dead, []mongo.MemberState{mongo.StateRecovering}, sm2 + " is RECOVERING, not RECOVERING"},
		"it is dead, and is to be": {dead, []mongo.MemberState{mongo.StateDown}, ""},
	} {
		rs, told := asking(answers(balance(), seen(sm1, 1, mongo.StatePrimary, 0), tc.two))
		err := rs.WaitState(t.Context(), sm2, tc.state...)
		if tc.why == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorIs(t, err, errWaited, name)
			require.Equal(t, []string{"waiting: " + tc.why}, *told, name)
		}
	}
	rs, _ := asking(answers(balance(), seen(sm1, 1, mongo.StatePrimary, 0)))
	require.ErrorContains(t, rs.WaitState(t.Context(), sm2, mongo.StateDown), "has no member "+sm2)
}

// Of whom it cannot be told whether the oplog rolls over, it is not told.
func TestWhomTheOplogRollsOver(t *testing.T) {
	primary, arbiter := seen(sm1, 1, mongo.StatePrimary, 0), seen(arb, 1, mongo.StateArbiter, 0)
	ask := func(host string, two bson.D) (mongo.Outlook, error) {
		rs, _ := asking(answers(balance(), primary, two, arbiter))
		return rs.RollingOver(t.Context(), host, time.Minute)
	}
	look, err := ask(sm2, seen(sm2, 1, mongo.StateSecondary, 40))
	require.NoError(t, err)
	require.Equal(t, 40*time.Second, look.Lag)
	require.Positive(t, look.WriteRate)
	_, err = ask(sm2, seen(sm2, 0, mongo.StateDown, 40))
	require.ErrorContains(t, err, sm2+" is DOWN: how far it is behind cannot be told")
	_, err = ask(arb, seen(sm2, 1, mongo.StateSecondary, 0))
	require.ErrorIs(t, err, mongo.ErrOnArbiter)
	_, err = ask("nobody:1", seen(sm2, 1, mongo.StateSecondary, 0))
	require.ErrorContains(t, err, "has no member nobody:1")
}

// An oplog that is not capped, or without its size, is none; and who says that it is an arbiter has none, though nobody knew.
func TestOplogsThatAreNone(t *testing.T) {
	stats := func(maxSize int64, capped bool) canned {
		c := answers(balance(), seen(sm1, 1, mongo.StatePrimary, 0))
		c["collStats"] = bson.D{{Key: "ok", Value: 1}, {Key: "maxSize", Value: maxSize}, {Key: "size", Value: 1}, {Key: "capped", Value: capped}}
		return c
	}
	for _, c := range []canned{stats(1, false), stats(0, true), stats(-1, true)} {
		rs, _ := asking(c)
		_, err := rs.Oplog(t.Context(), sm1)
		require.ErrorContains(t, err, "maxSize or size is missing, or it is not capped")
	}
	rs, _ := asking(stats(1, true))
	o, err := rs.Oplog(t.Context(), sm1)
	require.NoError(t, err)
	require.Equal(t, mongo.Oplog{Host: sm1, MaxSize: 1, Size: 1, First: primitive.Timestamp{T: 9000}, Last: primitive.Timestamp{T: 9000}}, o)

	c := stats(1, true)
	c["isMaster"] = append(c["isMaster"], bson.E{Key: "arbiterOnly", Value: true})
	rs, _ = asking(c)
	_, err = rs.Oplog(t.Context(), sm1)
	require.ErrorIs(t, err, mongo.ErrOnArbiter)
}
