package live_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/internal/casetest"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
)

func balance() mongo.Config {
	return config(mongo.DataMember(1, sm1, 3), mongo.DataMember(2, sm2, 2), mongo.ArbiterMember(0, arb))
}

// running starts a simulated set and a client of it in simulated time; patience is how much of that a wait may take.
func running(t require.TestingT, c mongo.Config, opts mongotest.Options, watch func(live.Event)) (*mongotest.Set, *live.ReplicaSet) {
	set, err := mongotest.Start(c, opts)
	require.NoError(t, err)
	hosts := make([]string, len(c.Members))
	for i, m := range c.Members {
		hosts[i] = m.Host
	}
	return set, live.NewReplicaSet(c.ID, hosts, set.Dial, live.Options{
		Poll: 2 * time.Second, Sleep: patient(set, 4*time.Hour), Watch: watch,
	})
}

var errPatience = errors.New("simulated patience is at an end")

// patient lets simulated time pass for a wait, up to a limit.
func patient(set *mongotest.Set, limit time.Duration) func(context.Context, time.Duration) error {
	return func(ctx context.Context, d time.Duration) error {
		if set.Truth().Now > limit {
			return errPatience
		}
		return set.Sleep(ctx, d)
	}
}

// Whatever is lost on the way, the whole way is gone exactly once: no version is skipped or made twice, at most one voter changes from one
// version to the next, a majority and no second primary are there all the time, and in the end the set has what was wished.
func TestConvergeThroughLostAnswers(t *testing.T) {
	ways, losses := 0, 0
	casetest.ThinOut(t, 20)
	rapid.Check(t, func(t *rapid.T) {
		from, to := casetest.DrawLegal(t, "from"), casetest.DrawLegal(t, "to")
		wire := rapid.SampledFrom([]int32{mongotest.Wire36, mongotest.Wire42, mongotest.Wire44, mongotest.Wire70}).Draw(t, "wire")
		set, rs := running(t, from, mongotest.Options{Wire: wire, DataSize: 1e9}, nil)
		chance := rapid.IntRange(0, 8).Draw(t, "losses of 32")
		luck := rapid.Uint64().Draw(t, "luck")
		lost := 0
		set.Fail(func(c mongotest.Call) mongotest.Failure {
			luck = luck*6364136223846793005 + 1442695040888963407
			if int(luck>>59) >= chance || lost > 100 {
				return mongotest.Served
			}
			lost++
			return mongotest.LostBefore + mongotest.Failure(luck>>58&1)
		})
		seen := []mongo.Config{set.Truth().Config}
		for try := 0; ; try++ {
			require.Less(t, try, 200, "the way does not end")
			_, err := rs.Converge(t.Context(), to, func(live.Step) error {
				truth := set.Truth()
				require.NoError(t, set.Check())
				require.True(t, truth.Majority)
				if truth.Config.Version > seen[len(seen)-1].Version {
					seen = append(seen, truth.Config)
				}
				return nil
			})
			if err == nil {
				break
			}
			require.Positive(t, lost, "%v", err) // somebody takes it up again
			require.NotErrorIs(t, err, errPatience)
		}
		truth := set.Truth()
		if truth.Config.Version > seen[len(seen)-1].Version {
			seen = append(seen, truth.Config)
		}
		want := to.Clone()
		want.Version = truth.Config.Version
		next, _, done, err := mongo.Next(truth.Config, want)
		require.NoError(t, err)
		require.True(t, done, "%v is left of the way to %v", next, to)
		for i := 1; i < len(seen); i++ {
			casetest.RequireLegalStep(t, seen[i-1], seen[i])
		}
		require.LessOrEqual(t, truth.Outage, time.Second, "no longer than elections")
		ways, losses = ways+1, losses+lost
	})
	t.Logf("%d ways, %d losses", ways, losses)
}

func TestApplyRefusesUnsafeSteps(t *testing.T) {
	set, rs := running(t, balance(), mongotest.Options{}, nil)
	from, err := rs.Config(t.Context())
	require.NoError(t, err)
	for want, edit := range map[string]func(*mongo.Config){
		"the votes of 2 members change at once (sessionmgr02:27718, arbitervip:27718)": func(c *mongo.Config) { c.Members = c.Members[:1] },
		"the version after 7 is 8":                        func(c *mongo.Config) { c.Version = 9 },
		`it is for the set "set03"`:                       func(c *mongo.Config) { c.ID = "set03" },
		"priority -1 is not in 0":                         func(c *mongo.Config) { c.Members[0].Priority = -1 },
		"the _id of sessionmgr01:27718 changes from 1 to": func(c *mongo.Config) { c.Members[0].ID = 9 },
		"the votes of 2 members change at once (sessionmgr02:27718, new:1)": func(c *mongo.Config) {
			c.Members[1] = mongo.Member{ID: 2, Host: sm2}
			c.Members = append(c.Members, mongo.DataMember(7, "new:1", 0))
		},
	} {
		to := from.Clone()
		to.Version++
		edit(&to)
		err := rs.Apply(t.Context(), from, to)
		require.ErrorIs(t, err, mongo.ErrUnsafeStep)
		require.ErrorContains(t, err, want)
	}
	for _, c := range set.Calls() {
		require.NotEqual(t, "replSetReconfig", c.Name)
	}
}

// A refusal that repeating does not mend is sent once; a lost answer is probed for, and what took effect is not sent again.
func TestApplySendsNoMoreThanItMust(t *testing.T) {
	sent := func(set *mongotest.Set) (n int) {
		for _, c := range set.Calls() {
			if c.Name == "replSetReconfig" {
				n++
			}
		}
		return n
	}
	for _, tc := range []struct {
		name    string
		failure mongotest.Failure
		want    int
	}{{"served", mongotest.Served, 1}, {"lost before", mongotest.LostBefore, 2}, {"lost after", mongotest.LostAfter, 1}} {
		t.Run(tc.name, func(t *testing.T) {
			set, rs := running(t, balance(), mongotest.Options{}, nil)
			set.Fail(func(c mongotest.Call) mongotest.Failure {
				if c.Name == "replSetReconfig" && c.N == 0 {
					return tc.failure
				}
				return mongotest.Served
			})
			_, err := rs.SetPriorities(t.Context(), map[string]float64{sm2: 1}, nil)
			require.NoError(t, err)
			require.Equal(t, tc.want, sent(set))
			require.EqualValues(t, 8, set.Truth().Config.Version)
		})
	}
	t.Run("always lost", func(t *testing.T) {
		set, rs := running(t, balance(), mongotest.Options{}, nil)
		set.Fail(func(c mongotest.Call) mongotest.Failure {
			if c.Name == "replSetReconfig" {
				return mongotest.LostBefore
			}
			return mongotest.Served
		})
		_, err := rs.SetPriorities(t.Context(), map[string]float64{sm2: 1}, nil)
		require.ErrorContains(t, err, "gave up after 5 attempts")
		require.Equal(t, 5, sent(set))
	})
	t.Run("refused", func(t *testing.T) {
		set, rs := running(t, balance(), mongotest.Options{Wire: mongotest.Wire50}, nil)
		from, err := rs.Config(t.Context())
		require.NoError(t, err)
		to := from.Clone()
		to.Version++
		to.Members[1].Priority = 1
		to.Members[1].Extra = mongo.Fields{"slaveDelay": raw(t, int64(0))} // gone in 5.0
		require.True(t, live.HasCode(rs.Apply(t.Context(), from, to), live.CodeInvalidConfig))
		require.Equal(t, 1, sent(set))
	})
}

// While a member hangs, the server waits 30 s for it at each reconfiguration; and where that was cut short, it is busy
// for a while with what nobody waits for any more.
func TestReconfigurationWhileAMemberHangs(t *testing.T) {
	for _, wire := range []int32{mongotest.Wire36, mongotest.Wire42, mongotest.Wire60} {
		set, rs := running(t, balance(), mongotest.Options{Wire: wire}, nil)
		require.NoError(t, set.SuspendMember(sm2))
		set.Advance(time.Minute)
		at := set.Truth().Now
		c, err := rs.SetPriorities(t.Context(), map[string]float64{sm1: 4}, nil)
		require.NoError(t, err)
		require.EqualValues(t, 8, c.Version)
		require.GreaterOrEqual(t, set.Truth().Now-at, 30*time.Second)

		c.Version++
		_, err = rs.RunCommand(t.Context(), sm1, "admin", bson.D{{Key: "replSetReconfig", Value: c}, {Key: "maxTimeMS", Value: 5000}})
		require.True(t, live.HasCode(err, live.CodeMaxTimeMSExpired), "%v", err)
		_, err = rs.RunCommand(t.Context(), sm1, "admin", bson.D{{Key: "replSetReconfig", Value: c}})
		require.True(t, live.HasCode(err, live.CodeConfigurationInProgress), "%v", err)
		c, err = rs.SetPriorities(t.Context(), map[string]float64{sm1: 5}, nil)
		require.NoError(t, err)
		require.EqualValues(t, 9, c.Version)
		require.NoError(t, set.ResumeMember(sm2))
		set.Advance(10 * time.Second)
		require.NoError(t, rs.WaitCaughtUp(t.Context(), time.Minute))
		require.NoError(t, set.Check())
		require.NoError(t, set.Close())
	}
}

// Code 103 is a server's word for every document that it does not like: it is sent once, and the server's text is the
// error. Unless the version is there: then it was ours, whose answer was lost.
func TestADocumentThatTheServerDoesNotLikeIsSentOnce(t *testing.T) {
	set, _ := running(t, balance(), mongotest.Options{Wire: mongotest.Wire50}, nil)
	sent := 0
	for _, taken := range []bool{false, true} {
		rs := live.NewReplicaSet("set02", []string{sm1, sm2}, answering(set.Dial, func(c live.Conn, cmd bson.D) (bson.Raw, error) {
			if cmd[0].Key != "replSetReconfig" {
				return nil, nil
			}
			sent++
			if taken {
				if _, err := c.RunCommand(t.Context(), "admin", cmd); err != nil {
					return nil, err
				}
			}
			return bson.Marshal(bson.D{{Key: "ok", Value: 0.0}, {Key: "code", Value: 103},
				{Key: "errmsg", Value: "Reconfig attempted to install a config that would change the implicit default write concern."}})
		}), live.Options{Sleep: set.Sleep})
		sent = 0
		_, err := rs.SetPriorities(t.Context(), map[string]float64{sm2: 2.5}, nil)
		require.Equal(t, 1, sent)
		if taken {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "implicit default write concern")
			require.NotErrorIs(t, err, live.ErrConflict)
		}
	}
}

// A step after which the members that are up would be no majority is not sent: alone it is refused, on a way it waits.
func TestNoStepWithoutAMajorityOfTheNextConfiguration(t *testing.T) {
	var set *mongotest.Set
	var told []string
	set, rs := running(t, balance(), mongotest.Options{}, func(e live.Event) {
		if told = append(told, e.Text); strings.Contains(e.Text, "are up") {
			require.NoError(t, set.StartMember(sm2))
		}
	})
	from, err := rs.Config(t.Context())
	require.NoError(t, err)
	to := from.Clone()
	to.Version++
	to.Members = to.Members[:2]
	require.NoError(t, set.StopMember(sm2))
	set.Advance(time.Minute)
	require.ErrorIs(t, rs.Apply(t.Context(), from, to), mongo.ErrUnsafeStep)
	require.Equal(t, from.Version, set.Truth().Config.Version)
	_, err = rs.RunCommand(t.Context(), sm1, "admin", bson.D{{Key: "replSetReconfig", Value: to}})
	require.True(t, live.HasCode(err, live.CodeNodeNotFound), "%v", err)
	_, err = rs.RemoveMember(t.Context(), arb, nil)
	require.NoError(t, err)
	require.Contains(t, strings.Join(told, "\n"), "members with 1 votes of version 8 are up, and it needs 2 for a primary")
	require.Zero(t, set.Truth().Outage)
}

// Settings are the same whatever number type they are given in: one reconfiguration, and none the second time.
func TestSettingsAreComparedByValue(t *testing.T) {
	for _, value := range []any{int64(12000), 12000.0, int32(12000)} {
		_, rs := running(t, balance(), mongotest.Options{}, nil)
		wish := balance()
		wish.Extra = mongo.Fields{"settings": raw(t, bson.D{
			{Key: "catchUpTimeoutMillis", Value: value}, {Key: "electionTimeoutMillis", Value: value},
		})}
		for range 2 {
			c, err := rs.Converge(t.Context(), wish, nil)
			require.NoError(t, err)
			require.EqualValues(t, 8, c.Version)
			require.Equal(t, int32(12000), c.Extra["settings"].Document().Lookup("catchUpTimeoutMillis").Int32())
		}
	}
}

// Every member must name the same horizons: they change at once, and a new member joins when the others have its.
func TestHorizonsChangeTogether(t *testing.T) {
	set, rs := running(t, balance(), mongotest.Options{Wire: mongotest.Wire42}, nil)
	wish := func(extra func(i int) mongo.Fields, members ...mongo.Member) mongo.Config {
		c := balance()
		c.Members = append(c.Members, members...)
		for i := range c.Members {
			c.Members[i].Extra = extra(i)
		}
		return c
	}
	outside := func(i int) mongo.Fields {
		return mongo.Fields{"horizons": raw(t, bson.D{{Key: "outside", Value: fmt.Sprintf("gate:%d", i)}})}
	}
	c, err := rs.Converge(t.Context(), wish(outside), nil)
	require.NoError(t, err)
	require.EqualValues(t, 8, c.Version)
	_, err = rs.RunCommand(t.Context(), sm1, "admin", bson.D{{Key: "replSetReconfig", Value: func() mongo.Config {
		c := c.Clone()
		c.Version++
		delete(c.Members[2].Extra, "horizons")
		return c
	}()}})
	require.True(t, live.HasCode(err, live.CodeConfigIncompatible), "%v", err)
	both := func(i int) mongo.Fields {
		return mongo.Fields{"horizons": raw(t, bson.D{
			{Key: "inside", Value: fmt.Sprintf("desk:%d", i)}, {Key: "outside", Value: fmt.Sprintf("gate:%d", i)},
		})}
	}
	c, err = rs.Converge(t.Context(), wish(both, mongo.DataMember(7, "new:1", 1)), nil)
	require.NoError(t, err)
	require.EqualValues(t, 12, c.Version, "the horizons, the member, its vote, its priority")
	require.NoError(t, set.Check())
}

// From 4.4 on a new primary refuses reconfigurations (308) until a majority has reported the configuration of its
// term, at the next heartbeat: Apply waits for it however long that takes, and sends once.
func TestReconfigurationAfterAnElectionWaits(t *testing.T) {
	set, _ := running(t, balance(), mongotest.Options{Wire: mongotest.Wire44, HeartbeatInterval: 10 * time.Second}, nil)
	require.NoError(t, set.StopMember(sm1))
	for set.Truth().Primary == "" {
		set.Advance(50 * time.Millisecond)
	}
	rs := live.NewReplicaSet("set02", []string{sm1, sm2}, set.Dial, live.Options{Sleep: set.Sleep}) // all defaults
	from, committed, err := rs.ConfigFrom(t.Context(), sm2)
	require.NoError(t, err)
	require.Nil(t, committed, "its release is not known yet")
	to := from.Clone()
	to.Version++
	to.Members[1].Priority = 2.5
	_, err = rs.RunCommand(t.Context(), sm2, "admin", bson.D{{Key: "replSetReconfig", Value: to}})
	require.True(t, live.HasCode(err, live.CodeConfigNotCommitted), "%v", err)
	require.NoError(t, rs.Apply(t.Context(), from, to))
	sent := 0
	for _, c := range set.Calls() {
		if c.Name == "replSetReconfig" {
			sent++
		}
	}
	require.Equal(t, 2, sent, "the one of this test, and one")
}

// A secondary of 4.4 or later refuses to say whether a majority has its configuration: it is asked without that.
func TestConfigFromASecondary(t *testing.T) {
	for _, wire := range []int32{mongotest.Wire36, mongotest.Wire44, mongotest.Wire80} {
		_, rs := running(t, balance(), mongotest.Options{Wire: wire}, nil)
		for host, tells := range map[string]bool{sm1: wire >= mongotest.Wire44, sm2: false, arb: false} {
			_, err := rs.Hello(t.Context(), host)
			require.NoError(t, err)
			c, committed, err := rs.ConfigFrom(t.Context(), host)
			require.NoError(t, err)
			require.EqualValues(t, 7, c.Version)
			require.Equal(t, tells, committed != nil)
		}
	}
}

// A member of the highest priority that cannot take over, as an operator has frozen it: its priority can be lowered at
// once; other changes wait as long as a takeover takes, and go on. Only where it would have to take over are they
// refused.
func TestAMemberThatCannotTakeOverStopsNoWay(t *testing.T) {
	for _, tc := range []struct {
		name  string
		wish  map[string]float64
		waits bool
	}{{"lowered", map[string]float64{sm1: 1}, false}, {"another raised", map[string]float64{sm2: 2.5}, true}} {
		t.Run(tc.name, func(t *testing.T) {
			var told []string
			set, rs := running(t, balance(), mongotest.Options{Wire: mongotest.Wire42}, func(e live.Event) { told = append(told, e.Text) })
			p, err := rs.StepDown(t.Context(), sm1, time.Hour, 10*time.Second)
			require.NoError(t, err)
			require.Equal(t, sm2, p)
			_, err = rs.SetPriorities(t.Context(), tc.wish, nil)
			require.NoError(t, err)
			require.Less(t, set.Truth().Now, 5*time.Minute)
			require.Equal(t, sm2, set.Truth().Primary)
			require.Equal(t, tc.waits, strings.Contains(strings.Join(told, "\n"), "it is frozen or behind"))
			c := set.Truth().Config
			for host, want := range tc.wish {
				m, _ := c.Member(host)
				require.Equal(t, want, m.Priority)
			}
		})
	}
	set, rs := running(t, balance(), mongotest.Options{Wire: mongotest.Wire42}, nil)
	_, err := rs.StepDown(t.Context(), sm1, 24*time.Hour, 10*time.Second)
	require.NoError(t, err)
	_, err = rs.RemoveMember(t.Context(), sm2, nil)
	require.ErrorIs(t, err, errPatience, "the only other one cannot take over")
	require.ErrorContains(t, err, sm1+" has a higher priority than the primary "+sm2)
	require.Equal(t, sm2, set.Truth().Primary)
}

// A delayed member is caught up when it is behind by its delay.
func TestWaitCaughtUpAllowsADelay(t *testing.T) {
	for delay, want := range map[int64]error{3600: nil, 60: errPatience} {
		c := balance()
		c.Members[1].Priority, c.Members[1].Extra = 0, mongo.Fields{"slaveDelay": raw(t, delay)}
		set, rs := running(t, c, mongotest.Options{OplogWindow: 24 * time.Hour}, nil)
		set.SetApplyRate(0.0001)
		set.Advance(10 * time.Minute)
		require.ErrorIs(t, rs.WaitCaughtUp(t.Context(), 10*time.Second), want)
	}
}

// silent is a member that hangs: neither commands nor the end of the connection are answered.
type silent struct{}

func (silent) RunCommand(ctx context.Context, _ string, _ bson.D) (bson.Raw, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (silent) Close(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// Every call returns within its context and a second for closing the connection, on a clock of the test's own.
func TestCallsEndWithTheirContext(t *testing.T) {
	for name, call := range map[string]func(context.Context, *live.ReplicaSet) error{
		"StatusFrom": func(ctx context.Context, rs *live.ReplicaSet) error { _, err := rs.StatusFrom(ctx, sm1); return err },
		"Primary":    func(ctx context.Context, rs *live.ReplicaSet) error { _, err := rs.Primary(ctx); return err },
		"WaitState":  func(ctx context.Context, rs *live.ReplicaSet) error { return rs.WaitState(ctx, sm1, mongo.StateDown) },
		"SeenBy":     func(ctx context.Context, rs *live.ReplicaSet) error { _, err := rs.SeenBy(ctx, sm1); return err },
		"Recovering": func(ctx context.Context, rs *live.ReplicaSet) error { _, err := rs.Recovering(ctx); return err },
		"Converge": func(ctx context.Context, rs *live.ReplicaSet) error {
			_, err := rs.Converge(ctx, balance(), nil)
			return err
		},
	} {
		for _, limit := range []time.Duration{2 * time.Second, 25 * time.Second} {
			t.Run(fmt.Sprintf("%s, %v", name, limit), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					dial := func(context.Context, string) (live.Conn, error) { return silent{}, nil }
					rs := live.NewReplicaSet("set02", []string{sm1, sm2, arb}, dial, live.Options{})
					ctx, cancel := context.WithTimeout(t.Context(), limit)
					defer cancel()
					began := time.Now()
					require.Error(t, call(ctx, rs))
					require.LessOrEqual(t, time.Since(began), limit+time.Second)
				})
			})
		}
	}
}

// answering is a dialer to connections of which some answers are not the server's: those that answer gives.
func answering(dial live.Dialer, answer func(live.Conn, bson.D) (bson.Raw, error)) live.Dialer {
	return func(ctx context.Context, host string) (live.Conn, error) {
		c, err := dial(ctx, host)
		return substitute{c, answer}, err
	}
}

type substitute struct {
	live.Conn
	answer func(live.Conn, bson.D) (bson.Raw, error)
}

func (s substitute) RunCommand(ctx context.Context, db string, cmd bson.D) (bson.Raw, error) {
	if raw, err := s.answer(s.Conn, cmd); raw != nil || err != nil {
		return raw, err
	}
	return s.Conn.RunCommand(ctx, db, cmd)
}

// Compare-and-set: a term that has moved on is a conflict on servers that have terms.
func TestApplyComparesTheTerm(t *testing.T) {
	_, rs := running(t, balance(), mongotest.Options{Wire: mongotest.Wire44}, nil)
	from, err := rs.Config(t.Context())
	require.NoError(t, err)
	term, ok := from.Term()
	require.True(t, ok)
	to := from.Clone()
	to.Version++
	to.Members[1].Priority = 1
	stale := from.Clone()
	stale.Extra["term"] = raw(t, term-1)
	require.ErrorIs(t, rs.Apply(t.Context(), stale, to), live.ErrConflict)
	require.NoError(t, rs.Apply(t.Context(), from, to))
	p, _, err := rs.Probe(t.Context(), from, to)
	require.NoError(t, err)
	require.Equal(t, live.Committed, p, "after a crash the two configurations tell")
	require.NoError(t, rs.Apply(t.Context(), from, to), "again, and nothing happens")
}

// What a server fills into a new member's document is no change by somebody else.
func TestAddMemberKnowsItsOwnWork(t *testing.T) {
	for _, wire := range []int32{mongotest.Wire36, mongotest.Wire70} {
		var told []string
		set, rs := running(t, balance(), mongotest.Options{Wire: wire, DataSize: 1e9}, func(e live.Event) { told = append(told, e.Text) })
		c, err := rs.AddMember(t.Context(), mongo.DataMember(5, "new:1", 1), nil)
		require.NoError(t, err)
		require.EqualValues(t, 10, c.Version, "added, given its vote, given its priority")
		require.Equal(t, mongo.StateSecondary, set.StateOf("new:1"))
		require.NotContains(t, strings.Join(told, "\n"), "anew")
		require.Contains(t, strings.Join(told, "\n"), "new:1 is not SECONDARY yet", "it copies the data before it counts")
	}
}

// The tool crashes while a new member copies its data; the next run gives no vote before that is done.
func TestResumedWayWaitsForTheData(t *testing.T) {
	set, rs := running(t, balance(), mongotest.Options{DataSize: 50e9}, nil)
	wish := balance()
	wish.Members = append(wish.Members, mongo.DataMember(5, "new:1", 1))
	dying := live.NewReplicaSet("set02", []string{sm1}, set.Dial,
		live.Options{Sleep: func(context.Context, time.Duration) error { return errDied }})
	_, err := dying.Converge(t.Context(), wish, nil)
	require.ErrorIs(t, err, errDied)
	require.ErrorContains(t, err, "new:1 is not SECONDARY yet")
	require.Equal(t, mongo.StateStartup2, set.StateOf("new:1"))
	steps := 0
	_, err = rs.Converge(t.Context(), wish, func(live.Step) error {
		steps++
		require.Equal(t, mongo.StateSecondary, set.StateOf("new:1"))
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 2, steps)
}

// The present write rate, from a quiet oplog to a very busy one, each seen through a thousand entries at most.
func TestWriteRate(t *testing.T) {
	for _, window := range []time.Duration{100 * time.Hour, time.Hour, time.Minute, 10 * time.Second} {
		_, rs := running(t, balance(), mongotest.Options{OplogSize: 100_000_000, OplogWindow: window}, nil)
		rate, err := rs.WriteRate(t.Context(), sm1)
		require.NoError(t, err)
		require.InDelta(t, 1, rate/(100_000_000/window.Seconds()), 0.4, "%v: %v B/s", window, rate)
	}
	_, rs := running(t, balance(), mongotest.Options{Idle: true}, nil)
	rate, err := rs.WriteRate(t.Context(), sm1)
	require.NoError(t, err)
	require.Zero(t, rate)
	_, err = rs.WriteRate(t.Context(), arb)
	require.ErrorIs(t, err, mongo.ErrOnArbiter)
}

// Somebody else reconfigures between our reading and our sending, again and again.
func TestConvergePlansAnew(t *testing.T) {
	var told []string
	set, rs := running(t, balance(), mongotest.Options{}, func(e live.Event) { told = append(told, e.Text) })
	other := live.NewReplicaSet("set02", []string{sm1}, set.Dial, live.Options{Sleep: set.Sleep})
	rivals, most := 0, 2
	rival := func(live.Step) error {
		if rivals++; rivals > most {
			return nil
		}
		_, err := other.SetPriorities(t.Context(), map[string]float64{sm1: 4 + float64(rivals%2)}, nil)
		return err
	}
	c, err := rs.SetPriorities(t.Context(), map[string]float64{sm2: 1}, rival)
	require.NoError(t, err)
	require.EqualValues(t, 10, c.Version)
	first, _ := c.Member(sm1)
	require.Equal(t, 4.0, first.Priority, "the other's change stays")
	require.Contains(t, strings.Join(told, "\n"), "planning anew")

	rivals, most = 0, 1000
	_, err = rs.SetPriorities(t.Context(), map[string]float64{sm2: 0.5}, rival)
	require.ErrorIs(t, err, live.ErrConflict, "not forever")

	veto := errors.New("the reviewer says no")
	_, err = rs.SetPriorities(t.Context(), map[string]float64{sm2: 1.5}, func(live.Step) error { return veto })
	require.ErrorIs(t, err, veto)
}

// A wait ends with the context and says what it waited for.
func TestWaitsSayWhatTheyWaitFor(t *testing.T) {
	set, rs := running(t, balance(), mongotest.Options{}, nil)
	require.NoError(t, set.KillMember(sm2))
	require.NoError(t, set.KillMember(arb))
	set.Advance(time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	stuck := live.NewReplicaSet("set02", []string{sm1}, set.Dial, live.Options{Sleep: func(context.Context, time.Duration) error {
		cancel()
		return ctx.Err()
	}})
	_, err := stuck.SetPriorities(ctx, map[string]float64{sm2: 1}, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "gave up waiting")
	require.ErrorContains(t, err, "no primary")
	_, err = rs.Status(t.Context())
	require.ErrorIs(t, err, live.ErrNoPrimary)
	s, err := rs.StatusFrom(t.Context(), sm1)
	require.NoError(t, err)
	require.Equal(t, mongo.StateSecondary, s.MyState)
	rec, err := rs.Recovering(t.Context())
	require.NoError(t, err, "any member may say so")
	require.Empty(t, rec)
}

// MON-033: a member that one cannot reach and others can is up, and the way is cut.
func TestMON033SeenBy(t *testing.T) {
	set, rs := running(t, balance(), mongotest.Options{}, nil)
	set.Cut("sessionmgr02", "arbitervip")
	set.Advance(time.Minute)
	seen, err := rs.SeenBy(t.Context(), arb)
	require.NoError(t, err)
	states := map[string]mongo.MemberState{}
	for _, s := range seen {
		states[s.By] = s.State
	}
	require.Equal(t, map[string]mongo.MemberState{sm1: mongo.StateArbiter, sm2: mongo.StateDown, arb: mongo.StateArbiter}, states)
	_, err = rs.SeenBy(t.Context(), "nobody:1")
	require.ErrorContains(t, err, "has no member")
	for _, h := range []string{sm1, sm2, arb} {
		require.NoError(t, set.KillMember(h))
	}
	_, err = rs.SeenBy(t.Context(), arb)
	require.ErrorContains(t, err, "no member answers")
}

// MON-024: a member that the oplog has rolled over is stuck until it is removed, wiped and added again.
func TestMON024StuckMember(t *testing.T) {
	set, rs := running(t, balance(), mongotest.Options{OplogWindow: 10 * time.Minute, DataSize: 5e9}, nil)
	look, err := rs.RollingOver(t.Context(), sm2, 5*time.Minute)
	require.NoError(t, err)
	require.True(t, look.CatchesUp, look.Why)
	look, err = rs.RollingOver(t.Context(), sm2, 15*time.Minute)
	require.NoError(t, err)
	require.False(t, look.CatchesUp, look.Why)
	require.InDelta(t, -5*time.Minute, look.Spare, float64(10*time.Second))

	require.NoError(t, set.StopMember(sm2))
	set.Advance(15 * time.Minute)
	require.NoError(t, set.StartMember(sm2))
	require.NoError(t, rs.WaitState(t.Context(), sm2, mongo.StateRecovering))
	rec, err := rs.Recovering(t.Context())
	require.NoError(t, err)
	require.Len(t, rec, 1)
	set.Advance(time.Hour)
	require.Equal(t, mongo.StateRecovering, set.StateOf(sm2), "it does not mend by itself")

	before, err := rs.Config(t.Context())
	require.NoError(t, err)
	m, _ := before.Member(sm2)
	require.NoError(t, set.StopMember(sm2))
	_, err = rs.RemoveMember(t.Context(), sm2, nil)
	require.NoError(t, err)
	require.NoError(t, set.WipeMember(sm2))
	require.NoError(t, set.StartMember(sm2))
	after, err := rs.AddMember(t.Context(), m, nil)
	require.NoError(t, err)
	require.True(t, after.Equal(before))
	require.NoError(t, rs.WaitCaughtUp(t.Context(), 0))
	require.Less(t, set.Truth().Outage, time.Second)
}

// The prediction agrees with what comes true, at any traffic.
func TestRollingOverComesTrue(t *testing.T) {
	casetest.ThinOut(t, 20)
	rapid.Check(t, func(t *rapid.T) {
		window := time.Duration(rapid.IntRange(5, 120).Draw(t, "window")) * time.Minute
		outage := time.Duration(rapid.IntRange(1, 200).Draw(t, "outage")) * time.Minute
		set, rs := running(t, balance(), mongotest.Options{OplogWindow: time.Hour}, nil)
		set.SetTraffic(window)
		look, err := rs.RollingOver(t.Context(), sm2, outage)
		require.NoError(t, err)
		if (outage - window).Abs() < window/20+time.Minute {
			t.Skip("too close to call")
		}
		require.NoError(t, set.KillMember(sm2))
		set.Advance(outage)
		require.NoError(t, set.StartMember(sm2))
		set.Advance(10 * time.Second)
		require.Equal(t, look.CatchesUp, set.StateOf(sm2) != mongo.StateRecovering, "%s: %v", look.Why, set.StateOf(sm2))
	})
}

// Forced reconfigurations have a door of their own, and it is not open while there is a primary.
func TestForceReconfig(t *testing.T) {
	var told []string
	set, rs := running(t, balance(), mongotest.Options{}, func(e live.Event) { told = append(told, e.Text) })
	c, err := rs.Config(t.Context())
	require.NoError(t, err)
	alone := c.Clone()
	alone.Members = alone.Members[1:2]
	force := func(host, reason string, c mongo.Config) error {
		return rs.ForceReconfigMayLoseWrites(t.Context(), host, c, reason)
	}
	const reason = "site 1 burnt down, Meyer has seen it"
	require.ErrorContains(t, force(sm2, reason, alone), "has the primary sessionmgr01:27718: use Apply")
	require.NoError(t, set.KillMember(sm1))
	require.NoError(t, set.KillMember(arb))
	set.Advance(time.Minute)
	require.ErrorContains(t, force(sm2, "", alone), "needs a reason")
	bad := alone.Clone()
	bad.Members[0].Priority = 0
	require.ErrorContains(t, force(sm2, reason, bad), "no member can be elected")
	require.NoError(t, force(sm2, reason, alone))
	require.Contains(t, strings.Join(told, "\n"), reason)
	require.NoError(t, rs.WaitState(t.Context(), sm2, mongo.StatePrimary))
}

func TestStepDown(t *testing.T) {
	for _, wire := range []int32{mongotest.Wire36, mongotest.Wire42} {
		for _, f := range []mongotest.Failure{mongotest.Served, mongotest.LostBefore, mongotest.LostAfter} {
			t.Run(fmt.Sprintf("wire %d, failure %d", wire, f), func(t *testing.T) {
				set, rs := running(t, balance(), mongotest.Options{Wire: wire}, nil)
				set.Fail(func(c mongotest.Call) mongotest.Failure {
					if c.Name == "replSetStepDown" {
						return f
					}
					return mongotest.Served
				})
				primary, err := rs.StepDown(t.Context(), sm1, time.Minute, 10*time.Second)
				n := 0
				for _, c := range set.Calls() {
					if c.Name == "replSetStepDown" {
						n++
					}
				}
				require.Equal(t, 1, n, "it is sent once, whatever the answer")
				if f == mongotest.LostBefore {
					require.ErrorContains(t, err, "is still, or again, the primary")
					return
				}
				require.NoError(t, err)
				require.Equal(t, sm2, primary)
			})
		}
	}
	_, rs := running(t, balance(), mongotest.Options{}, nil)
	_, err := rs.StepDown(t.Context(), sm1, 5*time.Second, 10*time.Second)
	require.ErrorContains(t, err, "must not be shorter")
}

// A server waits all of the catch-up time before it refuses: the answer is awaited, though it takes as long as a
// command may take otherwise. Without an electable secondary it is the same, on a server that is asked directly.
func TestStepDownWaitsOutTheCatchUp(t *testing.T) {
	for wire, code := range map[int32]int{mongotest.Wire36: live.CodeMaxTimeMSExpired, mongotest.Wire42: live.CodeExceededTimeLimit} {
		set, rs := running(t, balance(), mongotest.Options{Wire: wire}, nil)
		set.SetApplyRate(0.0001)
		set.Advance(time.Minute)
		_, err := rs.StepDown(t.Context(), sm1, time.Minute, 10*time.Second)
		require.True(t, live.HasCode(err, code), "%v", err)
		require.Equal(t, sm1, set.Truth().Primary)

		require.NoError(t, set.StopMember(sm2))
		at := set.Truth().Now
		_, err = rs.RunCommand(t.Context(), sm1, "admin", bson.D{
			{Key: "replSetStepDown", Value: 20}, {Key: "secondaryCatchUpPeriodSecs", Value: 7},
		})
		require.True(t, live.HasCode(err, code), "%v", err)
		require.Equal(t, 7*time.Second, set.Truth().Now-at)
	}
	set, rs := running(t, balance(), mongotest.Options{}, nil)
	for _, times := range [][2]time.Duration{{0, 0}, {time.Second / 2, 0}, {-time.Second, 0}, {time.Minute, -1}} {
		_, err := rs.StepDown(t.Context(), sm1, times[0], times[1])
		require.ErrorContains(t, err, "a server takes 0 for 60 s")
		require.ErrorContains(t, err, fmt.Sprintf("for %s, with %s for", times[0], times[1]), "half a second is not told as 1 s")
	}
	require.ErrorContains(t, rs.Freeze(t.Context(), sm2, -time.Millisecond), "for -1ms: it is 0 or more")
	require.Empty(t, set.Calls())
	_, err := rs.RunCommand(t.Context(), sm1, "admin", bson.D{{Key: "replSetStepDown", Value: 0}})
	require.ErrorContains(t, err, "not known", "a 3.6 closes the connection")
	set.Advance(50 * time.Second)
	require.Equal(t, sm2, set.Truth().Primary)
	set.Advance(30 * time.Second)
	require.Equal(t, sm1, set.Truth().Primary)
}

// CommandErrors name the command and never what it carried.
func TestErrorsHoldNoArguments(t *testing.T) {
	set, rs := running(t, balance(), mongotest.Options{}, nil)
	set.Fail(func(mongotest.Call) mongotest.Failure { return mongotest.LostBefore })
	_, err := rs.RunCommand(t.Context(), sm1, "admin", bson.D{{Key: "createUser", Value: "app"}, {Key: "pwd", Value: "canary"}})
	require.Error(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "canary")
	require.ErrorContains(t, err, "cannot run createUser")
}

// MON-007: the priorities 0 to 3 of the guide's tables, set one after the other; at 0 a member is not elected whatever
// happens to the primary.
func TestMON007Priorities(t *testing.T) {
	set, rs := running(t, balance(), mongotest.Options{}, nil)
	for _, p := range []float64{0, 1, 2, 3} {
		c, err := rs.SetPriorities(t.Context(), map[string]float64{sm2: p}, nil)
		require.NoError(t, err)
		m, _ := c.Member(sm2)
		require.Equal(t, p, m.Priority)
		require.Equal(t, p > 0, m.Electable())
		if p == 0 {
			_, err := rs.StepDown(t.Context(), sm1, time.Minute, 10*time.Second)
			require.ErrorIs(t, err, live.ErrNoSuccessor)
		}
		require.Equal(t, sm1, set.Truth().Primary, "3 is not outranked, nor by an equal")
	}
	_, err := rs.SetPriorities(t.Context(), map[string]float64{"nobody:1": 1}, nil)
	require.ErrorContains(t, err, "has no member nobody:1")
}
