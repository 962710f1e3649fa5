package mongo_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/mongo"
)

// What internal/mutate found nobody to miss in Next: ties, the order of the steps, and what is refused.

func data(id int, host string, priority float64) mongo.Member {
	return mongo.DataMember(id, host, priority)
}

// quiet is a member without a vote.
func quiet(id int, host string) mongo.Member { return mongo.Member{ID: id, Host: host} }

// reachedAt is a member with a horizon.
func reachedAt(t require.TestingT, m mongo.Member, network, name string) mongo.Member {
	m.Extra = mongo.Fields{"horizons": raw(t, bson.D{{Key: network, Value: name}})}
	return m
}

func TestTheOrderOfSteps(t *testing.T) {
	hidden := quiet(3, "c:1")
	hidden.Hidden = true
	for _, tc := range []struct {
		name     string
		from, to []mongo.Member
		want     []string
	}{
		{
			"of equal wishes the one that stands higher leads",
			[]mongo.Member{data(1, "a:1", 1), data(2, "b:1", 2)}, []mongo.Member{data(1, "a:1", 3), data(2, "b:1", 3)},
			[]string{"raise the priority of b:1 from 2 to 3, the wished primary, before any other is lowered", "raise the priority of a:1 from 1 to 3"},
		},
		{
			"of those that stand equal, too, the lower _id",
			[]mongo.Member{data(1, "a:1", 1), data(2, "b:1", 1)}, []mongo.Member{data(2, "b:1", 3), data(1, "a:1", 3)},
			[]string{"raise the priority of a:1 from 1 to 3, the wished primary, before any other is lowered", "raise the priority of b:1 from 1 to 3"},
		},
		{
			"one that is there leads one that is to come",
			[]mongo.Member{data(1, "a:1", 1), data(2, "b:1", 0)}, []mongo.Member{data(1, "a:1", 1), data(2, "b:1", 2), data(0, "c:1", 2)},
			[]string{
				"add c:1 without a vote, so that it copies the data before it counts", "give c:1 its vote; it cannot be elected yet",
				"raise the priority of c:1 from 0 to 2, the wished primary, before any other is lowered", "raise the priority of b:1 from 0 to 2",
			},
		},
		{
			"of two that leave the lower _id goes first",
			[]mongo.Member{data(1, "a:1", 3), data(5, "c:1", 1), data(4, "b:1", 1)}, []mongo.Member{data(1, "a:1", 3)},
			[]string{"remove b:1", "remove c:1"},
		},
		{
			"one that may be primary with another goes behind it first",
			[]mongo.Member{data(1, "a:1", 2), data(2, "b:1", 2)}, []mongo.Member{data(2, "b:1", 2)},
			[]string{"put a:1 behind the others with priority 1, so that it is not primary when it has to go", "remove a:1"},
		},
		{
			"one that another stands above goes at once",
			[]mongo.Member{data(1, "a:1", 3), data(2, "b:1", 2), data(3, "c:1", 1)}, []mongo.Member{data(1, "a:1", 3), data(3, "c:1", 1)},
			[]string{"remove b:1"},
		},
		{
			"a priority that has no half",
			[]mongo.Member{data(1, "a:1", 2), data(2, "b:1", math.SmallestNonzeroFloat64)}, []mongo.Member{data(2, "b:1", math.SmallestNonzeroFloat64)},
			[]string{"remove a:1"},
		},
		{
			"an arbiter's priority of 1 is none, and is not lowered",
			[]mongo.Member{{ID: 0, Host: "arb:1", ArbiterOnly: true, Priority: 1, Votes: 1}, data(1, "a:1", 3), data(2, "b:1", 1)},
			[]mongo.Member{mongo.ArbiterMember(0, "arb:1"), data(1, "a:1", 2), data(2, "b:1", 1)},
			[]string{"lower the priority of a:1 from 3 to 2"},
		},
		{
			"a host is named as the configuration does it",
			[]mongo.Member{data(1, "a:27017", 1), data(2, "b", 2)}, []mongo.Member{data(1, "a", 1.5), data(2, "b:27017", 2)},
			[]string{"raise the priority of a:27017 from 1 to 1.5"},
		},
		{
			"one without a vote",
			[]mongo.Member{data(1, "a:1", 1)}, []mongo.Member{data(1, "a:1", 1), quiet(2, "b:1")},
			[]string{"add b:1, which has no vote"},
		},
		{
			"a vote is taken",
			[]mongo.Member{data(1, "a:1", 1), data(2, "b:1", 0)}, []mongo.Member{data(1, "a:1", 1), quiet(2, "b:1")},
			[]string{"take the vote of b:1"},
		},
		{
			"a hidden one is shown before it can be elected",
			[]mongo.Member{data(1, "a:1", 1), hidden}, []mongo.Member{data(1, "a:1", 1), data(3, "c:1", 0.5)},
			[]string{
				"change the fields of c:1 that have no part in elections", "give c:1 its vote; it cannot be elected yet",
				"raise the priority of c:1 from 0 to 0.5",
			},
		},
		{
			"the names of horizons, which all members must have alike, change when who has others has left",
			[]mongo.Member{reachedAt(t, data(1, "a:1", 1), "out", "x:1"), reachedAt(t, data(2, "b:1", 0), "out", "x:2")},
			[]mongo.Member{reachedAt(t, data(1, "a:1", 1), "away", "x:1")},
			[]string{"remove b:1", "change the horizons of all members at once"},
		},
		{
			"horizons of the same names change at once, and nothing else does",
			[]mongo.Member{reachedAt(t, data(1, "a:1", 1), "out", "x:1"), reachedAt(t, data(2, "b:1", 0), "out", "x:2")},
			[]mongo.Member{reachedAt(t, data(1, "a:1", 1), "out", "y:1")},
			[]string{"change the horizons of all members at once", "remove b:1"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			from, to := config(tc.from...), config(tc.to...)
			was, wish := from.Clone(), to.Clone()
			require.Equal(t, tc.want, walk(t, from, to))
			require.Equal(t, was, from, "what is given is not touched")
			require.Equal(t, wish, to)
		})
	}
}

// One who leaves keeps its horizons while those of the others change.
func TestHorizonsOfOneThatLeaves(t *testing.T) {
	from := config(reachedAt(t, data(1, "a:1", 1), "out", "x:1"), reachedAt(t, data(2, "b:1", 0), "out", "x:2"))
	next, _, _, err := mongo.Next(from, config(reachedAt(t, data(1, "a:1", 1), "out", "y:1")))
	require.NoError(t, err)
	require.Equal(t, "y:1", next.Members[0].Extra["horizons"].Document().Lookup("out").StringValue())
	require.Equal(t, from.Members[1], next.Members[1])
	require.Equal(t, "x:1", from.Members[0].Extra["horizons"].Document().Lookup("out").StringValue(), "the current one is not touched")
}

// The first horizons of a member leave its other fields as they are.
func TestTheFirstHorizons(t *testing.T) {
	tagged, plain := data(1, "a:1", 1), data(2, "b:1", 0)
	tagged.Extra = mongo.Fields{"x": raw(t, 1)}
	next, why, _, err := mongo.Next(config(tagged, plain), config(reachedAt(t, tagged, "out", "x:1"), reachedAt(t, plain, "out", "x:2")))
	require.NoError(t, err)
	require.Equal(t, "change the horizons of all members at once", why)
	require.Len(t, next.Members[0].Extra, 2)
	require.Equal(t, raw(t, 1), next.Members[0].Extra["x"])
	require.Equal(t, reachedAt(t, plain, "out", "x:2"), next.Members[1])
}

// A vote is lent by a member with data that has one and cannot be elected, and by no other.
func TestWhoLendsAVote(t *testing.T) {
	from := config(data(0, "a:1", 1), quiet(11, "n:1"), mongo.ArbiterMember(12, "arb:1"))
	for i := 1; i < 6; i++ {
		from.Members = append(from.Members, data(i, fmt.Sprintf("m%d:1", i), 0))
	}
	to := from.Clone()
	to.Members[0] = data(9, "b:1", 1)
	require.Contains(t, walk(t, from, to), "take the vote of m1:1 for a while: all 7 are in use and b:1 needs one")
}

func TestWishesThatCannotCome(t *testing.T) {
	seven := func(electable mongo.Member, others ...mongo.Member) mongo.Config {
		c := config(append([]mongo.Member{electable}, others...)...)
		for i := 1; i < 7; i++ {
			c.Members = append(c.Members, data(i, fmt.Sprintf("m%d:1", i), 0))
		}
		return c
	}
	at := func(version int64) mongo.Config {
		return mongo.Config{ID: "set02", Version: version, Members: []mongo.Member{data(1, "a:1", 1)}}
	}
	indexed := func(yes bool) mongo.Config {
		m := data(2, "b:1", 0)
		m.Extra = mongo.Fields{"buildIndexes": raw(t, yes)}
		return config(data(1, "a:1", 1), m)
	}
	for _, tc := range []struct {
		name     string
		from, to mongo.Config
		want     string
	}{
		{"no vote is lent to one that cannot come, nor to one that wants none", seven(data(0, "a:1", 1), quiet(20, "n:1")),
			seven(data(0, "b:1", 1), quiet(20, "n:1")), "b:1 is to take the _id 0 of a:1, which cannot leave first: give it an unused _id"},
		{"an _id that is taken, beside one that comes", config(data(0, "a:1", 1)), config(data(0, "b:1", 1), quiet(1, "c:1")),
			"b:1 is to take the _id 0 of a:1, which cannot leave first"},
		{"an illegal present", config(data(1, "a:1", 1), data(1, "b:1", 1)), config(data(1, "a:1", 1)),
			"the present configuration is not legal"},
		{"no version yet", at(0), at(0), "the present version 0 has no legal successor"},
		{"the last version", at(math.MaxInt32), at(1), "has no legal successor"},
		{"indexes", indexed(true), indexed(false), "buildIndexes of b:1 cannot change in place"},
		{"no indexes", indexed(false), indexed(true), "buildIndexes of b:1 cannot change in place"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			from := tc.from
			for range 20 { // some steps may come before
				next, _, done, err := mongo.Next(from, tc.to)
				if err != nil {
					require.ErrorIs(t, err, mongo.ErrImpossible)
					require.ErrorContains(t, err, tc.want)
					require.Equal(t, from, next)
					return
				}
				require.False(t, done)
				from = next
			}
			require.Fail(t, "the way does not end")
		})
	}
	for _, version := range []int64{1, math.MaxInt32 - 1} {
		next, _, done, err := mongo.Next(at(version), config(data(1, "a:1", 2)))
		require.NoError(t, err)
		require.False(t, done)
		require.Equal(t, version+1, next.Version)
	}
}

// What a wish says of the set: a term is the server's, and settings are merged.
func TestWhatAWishSaysOfTheSet(t *testing.T) {
	settings := func(fields ...bson.E) bson.RawValue { return raw(t, bson.D(fields)) }
	x1, x2, y := bson.E{Key: "x", Value: int32(1)}, bson.E{Key: "x", Value: int32(2)}, bson.E{Key: "y", Value: int32(3)}
	for name, tc := range map[string]struct{ from, wish, want mongo.Fields }{
		"a term of a server that has none": {nil, mongo.Fields{"term": raw(t, 4), "x": raw(t, 1)}, mongo.Fields{"x": raw(t, 1)}},
		"another term": {mongo.Fields{"term": raw(t, 4)}, mongo.Fields{"term": raw(t, 9), "x": raw(t, 1)},
			mongo.Fields{"term": raw(t, 4), "x": raw(t, 1)}},
		"the first settings": {nil, mongo.Fields{"settings": settings(x1)}, mongo.Fields{"settings": settings(x1)}},
		"a setting changed, one more": {mongo.Fields{"settings": settings(y, x1)}, mongo.Fields{"settings": settings(x2)},
			mongo.Fields{"settings": settings(y, x2)}},
		"a setting more": {mongo.Fields{"settings": settings(x1)}, mongo.Fields{"settings": settings(y)}, mongo.Fields{"settings": settings(x1, y)}},
		"settings that are none": {mongo.Fields{"settings": raw(t, 1)}, mongo.Fields{"settings": settings(y)},
			mongo.Fields{"settings": settings(y)}},
		"a wish that is no settings": {mongo.Fields{"settings": settings(x1)}, mongo.Fields{"settings": raw(t, "x")},
			mongo.Fields{"settings": raw(t, "x")}},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := config(data(1, "a:1", 1)), config(data(1, "a:1", 1))
			from.Extra, to.Extra = tc.from, tc.wish
			next, why, done, err := mongo.Next(from, to)
			require.NoError(t, err)
			require.False(t, done)
			require.Equal(t, "change the settings of the set", why)
			require.Equal(t, tc.want, next.Extra)
		})
	}
}
