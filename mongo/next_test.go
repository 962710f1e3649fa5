package mongo_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/internal/replsim"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/internal/casetest"
)

const (
	sm1 = "sessionmgr01:27718"
	sm2 = "sessionmgr02:27718"
	arb = "arbitervip:27718"
)

func config(members ...mongo.Member) mongo.Config {
	return mongo.Config{ID: "set02", Version: 7, Members: members}
}

// walk takes every step and gives their reasons.
func walk(t require.TestingT, from, to mongo.Config) []string {
	var whys []string
	for range 200 {
		next, why, done, err := mongo.Next(from, to)
		require.NoError(t, err)
		if done {
			return whys
		}
		casetest.RequireLegalStep(t, from, next)
		whys = append(whys, why)
		from = next
	}
	require.FailNow(t, "the way does not end")
	return nil
}

func TestNextSteps(t *testing.T) {
	for _, tc := range []struct {
		name     string
		from, to mongo.Config
		want     []string
	}{
		{
			"nothing to do, MON-008: an arbiter's 1 is a 0",
			config(mongo.Member{ID: 0, Host: arb, ArbiterOnly: true, Priority: 1, Votes: 1}, mongo.DataMember(1, sm1, 3)),
			config(mongo.DataMember(1, sm1, 3), mongo.ArbiterMember(0, arb)),
			nil,
		},
		{
			"MON-035 swap priorities: the wished primary is raised, then the other lowered",
			config(mongo.DataMember(1, sm1, 3), mongo.DataMember(2, sm2, 2), mongo.ArbiterMember(0, arb)),
			config(mongo.DataMember(1, sm1, 2), mongo.DataMember(2, sm2, 3), mongo.ArbiterMember(0, arb)),
			[]string{
				"raise the priority of sessionmgr02:27718 from 2 to 3, the wished primary, before any other is lowered",
				"lower the priority of sessionmgr01:27718 from 3 to 2",
			},
		},
		{
			"PSA: a secondary comes back in three steps",
			config(mongo.DataMember(1, sm1, 3), mongo.ArbiterMember(0, arb)),
			config(mongo.DataMember(1, sm1, 3), mongo.DataMember(2, sm2, 2), mongo.ArbiterMember(0, arb)),
			[]string{
				"add sessionmgr02:27718 without a vote, so that it copies the data before it counts",
				"give sessionmgr02:27718 its vote; it cannot be elected yet",
				"raise the priority of sessionmgr02:27718 from 0 to 2",
			},
		},
		{
			"the primary leaves: it goes behind the others first",
			config(mongo.DataMember(1, sm1, 3), mongo.DataMember(2, sm2, 2), mongo.ArbiterMember(0, arb)),
			config(mongo.DataMember(2, sm2, 2), mongo.ArbiterMember(0, arb)),
			[]string{
				"put sessionmgr01:27718 behind the others with priority 1, so that it is not primary when it has to go",
				"remove sessionmgr01:27718",
			},
		},
		{
			"a lower secondary is lowered before the primary, so that the primary moves once",
			config(mongo.DataMember(0, "a:1", 5), mongo.DataMember(1, "b:1", 4), mongo.DataMember(2, "c:1", 1)),
			config(mongo.DataMember(0, "a:1", 1), mongo.DataMember(1, "b:1", 2), mongo.DataMember(2, "c:1", 3)),
			[]string{
				"raise the priority of c:1 from 1 to 3, the wished primary, before any other is lowered",
				"lower the priority of b:1 from 4 to 2",
				"lower the priority of a:1 from 5 to 1",
			},
		},
		{
			"the same _id for another host: the old one leaves first",
			config(mongo.DataMember(0, "a:1", 2), mongo.DataMember(1, "b:1", 1)),
			config(mongo.DataMember(0, "a:1", 2), mongo.DataMember(1, "c:1", 1)),
			[]string{
				"remove b:1",
				"add c:1 without a vote, so that it copies the data before it counts",
				"give c:1 its vote; it cannot be elected yet",
				"raise the priority of c:1 from 0 to 1",
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, walk(t, tc.from, tc.to)) })
	}
}

func TestNextRefusesImpossibleWishes(t *testing.T) {
	base := config(mongo.DataMember(1, sm1, 3), mongo.DataMember(2, sm2, 2), mongo.ArbiterMember(0, arb))
	wish := func(change func(c *mongo.Config)) mongo.Config {
		c := base.Clone()
		change(&c)
		return c
	}
	many := func(n, votes int) mongo.Config {
		return wish(func(c *mongo.Config) {
			for i := range n {
				m := mongo.Member{ID: 10 + i, Host: fmt.Sprintf("m%d:1", i), Votes: votes}
				c.Members = append(c.Members, m)
			}
		})
	}
	for _, tc := range []struct {
		wish mongo.Config
		want string
	}{
		{wish(func(c *mongo.Config) { c.ID = "set03" }), `it is for the set "set03"`},
		{wish(func(c *mongo.Config) { c.Members[0].Priority, c.Members[1].Priority = 0, 0 }), "no member can be elected"},
		{many(5, 1), "8 members vote, at most 7 may"},
		{many(48, 0), "a set has 1 to 50 members, not 51"},
		{wish(func(c *mongo.Config) { c.Members[1].ID = 1 }), "have the same _id 1"},
		{wish(func(c *mongo.Config) { c.Members[1].Host = sm1 }), "is a member twice"},
		{wish(func(c *mongo.Config) { c.Members[1].ArbiterOnly, c.Members[1].Priority = true, 0 }),
			"arbiterOnly of sessionmgr02:27718 cannot change in place"},
		{wish(func(c *mongo.Config) { c.Members[1].Votes = 0 }), "without a vote the priority must be 0"},
		{wish(func(c *mongo.Config) { c.Members[1].ID = 9 }), "has the _id 2 and cannot get 9"},
		{wish(func(c *mongo.Config) { c.Members[1].Priority = -1 }), "priority -1 is not in 0 to 1000"},
		{wish(func(c *mongo.Config) { c.Members[1].Hidden = true }), "a hidden member must have priority 0"},
		{wish(func(c *mongo.Config) { c.Members[1].Extra = mongo.Fields{"buildIndexes": raw(t, false)} }), "builds no indexes"},
		{wish(func(c *mongo.Config) { c.Members = nil }), "a set has 1 to 50 members, not 0"},
		{wish(func(c *mongo.Config) { c.Members[1].Host = "localhost:1" }), "either all hosts are localhost or none is"},
	} {
		t.Run(tc.want, func(t *testing.T) {
			next, _, done, err := mongo.Next(base, tc.wish)
			require.ErrorIs(t, err, mongo.ErrImpossible)
			require.ErrorContains(t, err, tc.want)
			require.False(t, done)
			require.Equal(t, base, next)
		})
	}
	single := config(mongo.DataMember(0, "a:1", 1))
	_, _, _, err := mongo.Next(single, config(mongo.DataMember(0, "b:1", 1)))
	require.ErrorContains(t, err, "give it an unused _id")
	require.Len(t, walk(t, single, config(mongo.DataMember(1, "b:1", 1))), 5)
}

// All seven votes are in use and only the leaving primary can be elected: a vote is lent.
func TestNextLendsAVote(t *testing.T) {
	from := config(mongo.DataMember(0, "a:1", 1))
	for i := 1; i < 7; i++ {
		from.Members = append(from.Members, mongo.DataMember(i, fmt.Sprintf("m%d:1", i), 0))
	}
	to := from.Clone()
	to.Members[0] = mongo.DataMember(9, "b:1", 1)
	whys := walk(t, from, to)
	require.Contains(t, whys, "take the vote of m1:1 for a while: all 7 are in use and b:1 needs one")
	require.Contains(t, whys, "give m1:1 its vote; it cannot be elected yet")
}

func raw(t require.TestingT, v any) bson.RawValue {
	typ, data, err := bson.MarshalValue(v)
	require.NoError(t, err)
	return bson.RawValue{Type: typ, Value: data}
}

func TestNextKeepsWhatTheWishDoesNotMention(t *testing.T) {
	from := config(mongo.DataMember(1, sm1, 3), mongo.DataMember(2, sm2, 2))
	from.Extra = mongo.Fields{
		"term": raw(t, int64(4)), "protocolVersion": raw(t, int64(1)),
		"settings": raw(t, bson.D{{Key: "replicaSetId", Value: "x"}, {Key: "electionTimeoutMillis", Value: 10000}}),
	}
	from.Members[0].Extra = mongo.Fields{"tags": raw(t, bson.D{{Key: "dc", Value: "1"}})}
	to := config(mongo.DataMember(1, sm1, 3), mongo.DataMember(2, sm2, 2))
	require.Empty(t, walk(t, from, to))

	to.Extra = mongo.Fields{"settings": raw(t, bson.D{{Key: "electionTimeoutMillis", Value: 5000}})}
	next, why, done, err := mongo.Next(from, to)
	require.NoError(t, err)
	require.False(t, done)
	require.Equal(t, "change the settings of the set", why)
	require.Equal(t, raw(t, bson.D{{Key: "replicaSetId", Value: "x"}, {Key: "electionTimeoutMillis", Value: 5000}}), next.Extra["settings"])
	require.Equal(t, from.Members, next.Members)
	term, ok := next.Term()
	require.True(t, ok)
	require.EqualValues(t, 4, term)

	to.Members[1].Hidden, to.Members[1].Priority = true, 0
	require.Equal(t, []string{
		"lower the priority of sessionmgr02:27718 from 2 to 0",
		"change the fields of sessionmgr02:27718 that have no part in elections",
		"change the settings of the set",
	}, walk(t, from, to))
}

func simConfig(c mongo.Config) replsim.Config {
	out := replsim.Config{Version: c.Version}
	for _, m := range c.Members {
		out.Members = append(out.Members, replsim.MemberSpec{
			ID: m.ID, Host: m.Host, ArbiterOnly: m.ArbiterOnly, Hidden: m.Hidden, Priority: m.Priority, Votes: m.Votes,
		})
	}
	return out
}

// status is what the simulated primary would answer.
func status(t require.TestingT, s *replsim.Set) mongo.Status {
	out := mongo.Status{Set: s.Name()}
	host, ok := s.Primary()
	if !ok {
		return out
	}
	views, err := s.Status(host)
	require.NoError(t, err)
	for _, v := range views {
		m := mongo.MemberStatus{ID: v.ID, Name: v.Host, State: mongo.MemberState(v.State), ConfigVersion: v.ConfigVersion, Self: v.Self}
		if v.Healthy {
			m.Health = 1
		}
		out.Members = append(out.Members, m)
	}
	return out
}

// MON-016: on every way from any legal configuration to any other, no server with or without the one-voter rule refuses
// a step, a majority is there all the time, the primary moves for the time of an election only, and in the end the wish is reached.
func TestMON016EveryWayKeepsAMajority(t *testing.T) {
	ways, steps := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		from, to := casetest.DrawLegal(t, "from"), casetest.DrawLegal(t, "to")
		strict := rapid.Bool().Draw(t, "one voter rule")
		s, err := replsim.NewSet("rs", simConfig(from).Members, replsim.Options{OneVoterRule: strict, DataSize: 1e9})
		require.NoError(t, err)
		ways++
		for range 100 {
			next, why, done, err := mongo.Next(from, to)
			require.NoError(t, err, "%v → %v", from, to)
			if done {
				require.True(t, from.Equal(to), "%v instead of %v", from, to)
				_, longest := s.Outage()
				require.LessOrEqual(t, longest, 100*time.Millisecond)
				return
			}
			steps++
			casetest.RequireLegalStep(t, from, next)
			primary, ok := s.Primary()
			require.True(t, ok)
			require.NoError(t, s.Reconfig(primary, simConfig(next)), "%s: %v → %v", why, from, next)
			require.True(t, s.AdvanceUntil(10*time.Minute, func(s *replsim.Set) bool {
				require.True(t, s.HasMajority(), "%s: %v → %v", why, from, next)
				require.NoError(t, s.Check())
				settled, _ := mongo.Settled(next, status(t, s))
				primary, _ := s.Primary()
				return settled && s.ConfigCommitted(primary) // what the server's commitmentStatus says, where there is one
			}), "%s: %v → %v does not settle", why, from, next)
			from = next
		}
		require.Fail(t, "the way does not end")
	})
	t.Logf("%d ways, %d steps", ways, steps)
}

// With a wish that is unique at the top the primary moves at most once.
func TestPrimaryMovesAtMostOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 5).Draw(t, "members")
		var from, to mongo.Config
		from.ID, from.Version, to.ID = "rs", 1, "rs"
		perm := rapid.Permutation([]float64{1, 2, 3, 4, 5})
		a, b := perm.Draw(t, "from"), perm.Draw(t, "to")
		for i := range n {
			host := fmt.Sprintf("h%d:1", i)
			from.Members = append(from.Members, mongo.DataMember(i, host, a[i]))
			to.Members = append(to.Members, mongo.DataMember(i, host, b[i]))
		}
		s, err := replsim.NewSet("rs", simConfig(from).Members, replsim.Options{})
		require.NoError(t, err)
		moves := 0
		was, _ := s.Primary()
		for {
			next, _, done, err := mongo.Next(from, to)
			require.NoError(t, err)
			if done {
				break
			}
			require.NoError(t, s.Reconfig(was, simConfig(next)))
			s.Advance(2 * time.Minute)
			is, ok := s.Primary()
			require.True(t, ok)
			if is != was {
				moves++
			}
			was, from = is, next
		}
		require.LessOrEqual(t, moves, 1)
	})
}

func TestSettled(t *testing.T) {
	c := config(mongo.DataMember(1, sm1, 3), mongo.DataMember(2, sm2, 2), mongo.Member{ID: 3, Host: "new:1"}, mongo.ArbiterMember(0, arb))
	good := func() mongo.Status {
		return mongo.Status{Set: "set02", Members: []mongo.MemberStatus{
			{Name: sm1, Health: 1, State: mongo.StatePrimary, ConfigVersion: 7},
			{Name: sm2, Health: 1, State: mongo.StateSecondary, ConfigVersion: 7},
			{Name: "new:1", Health: 1, State: mongo.StateSecondary, ConfigVersion: 7},
			{Name: arb, Health: 1, State: mongo.StateArbiter, ConfigVersion: 7},
		}}
	}
	ok, why := mongo.Settled(c, good())
	require.True(t, ok, why)
	for want, change := range map[string]func(s *mongo.Status){
		`the status is of the set "x"`:         func(s *mongo.Status) { s.Set = "x" },
		"there is no primary":                  func(s *mongo.Status) { s.Members[0].State = mongo.StateSecondary },
		"new:1 is not SECONDARY yet":           func(s *mongo.Status) { s.Members[2].State = mongo.StateStartup2 },
		"version 7 is on members with 1 votes": func(s *mongo.Status) { s.Members[1].ConfigVersion = 6; s.Members[3].Health = 0 },
		"is about to take over":                func(s *mongo.Status) { s.Members[0].State, s.Members[1].State = 2, 1 },
		"the primary gone:1 is no member":      func(s *mongo.Status) { s.Members[0].Name = "gone:1" },
	} {
		s := good()
		change(&s)
		ok, why := mongo.Settled(c, s)
		require.False(t, ok)
		require.Contains(t, why, want)
	}
	dead := good()
	dead.Members[1].Health = 0
	ok, why = mongo.Settled(c, dead)
	require.True(t, ok, "a dead voter is not awaited: %s", why)
}

// BenchmarkNext plans the first step of a hundred sets of seven members each; the time is for one set.
func BenchmarkNext(b *testing.B) {
	from, to := make([]mongo.Config, 100), make([]mongo.Config, 100)
	for i := range from {
		from[i] = mongo.Config{ID: fmt.Sprintf("set%02d", i), Version: 1}
		for k := range 7 {
			m := mongo.DataMember(k, fmt.Sprintf("sessionmgr%02d:%d", k, 27000+i), float64(1+(k+i)%7))
			from[i].Members = append(from[i].Members, m)
		}
		to[i] = from[i].Clone()
		for k := range to[i].Members {
			to[i].Members[k].Priority = float64(1 + (k+i+3)%7)
		}
	}
	i := 0
	for b.Loop() {
		if _, _, _, err := mongo.Next(from[i%100], to[i%100]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
