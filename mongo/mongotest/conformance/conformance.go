// Package conformance holds what package mongo/live must do with any replica set that it can reach: simulated, in the
// process or behind the wire protocol or a shell, or of real servers. The same scenarios on all of them show that the
// simulation is honest.
package conformance

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
)

// Cluster is a new replica set that a scenario may do with as it likes: two members with data, of the priorities 3 and 2, and an
// arbiter, in their steady state.
type Cluster struct {
	Name         string
	First        string // the primary, priority 3
	Second       string // priority 2
	Arbiter      string
	Dial         live.Dialer
	Options      live.Options
	Stop         func(host string) error // ends a process cleanly
	Start        func(host string) error
	Kill         func(host string) error // as a power loss does
	Wipe         func(host string) error // empties the data directory of a stopped process
	Suspend      func(host string) error // as SIGSTOP does; nil where a scenario that needs it is to be left out
	Resume       func(host string) error
	OneVoterRule bool // servers from 4.4 on refuse two voters at once
	Patience     time.Duration
}

// scenario is one of the tests.
type scenario struct {
	*testing.T
	Cluster
	rs  *live.ReplicaSet
	ctx context.Context //nolint:containedctx // of one test
}

// Run runs every scenario on a cluster of its own.
func Run(t *testing.T, start func(t *testing.T) Cluster) {
	for _, s := range []struct {
		name string
		run  func(scenario)
	}{
		{"status and configuration", scenario.reads},
		{"MON-018 the oplog can be read", scenario.oplog},
		{"a reconfiguration on a secondary is refused", scenario.reconfigOnSecondary},
		{"a version that is not greater is refused", scenario.sameVersion},
		{"what Validate refuses the server refuses, and nothing else", scenario.validate},
		{"MON-035 priorities move the primary", scenario.swapPriorities},
		{"step down and take over again", scenario.stepDown},
		{"no step-down without a successor", scenario.noSuccessor},
		{"freeze", scenario.freeze},
		{"MON-004 maintenance shows as RECOVERING", scenario.maintenance},
		{"MON-024 remove a member and add it again", scenario.removeAndAdd},
		{"two voters at once", scenario.twoVoters},
		{"a member goes down and comes back", scenario.downAndUp},
		{"somebody else was faster", scenario.conflict},
		{"MON-025 to MON-029 the sharding fix counts once", scenario.shardingFix},
		{"the primary is killed on a way", func(s scenario) { s.killedOnAWay(s.First) }},
		{"a secondary is killed on a way", func(s scenario) { s.killedOnAWay(s.Second) }},
		{"two clients at once", scenario.twoClients},
		{"a way that was cut off is taken up", scenario.takenUp},
		{"a hidden and delayed member", scenario.hiddenAndDelayed},
		{"MON-024 remove, wipe, add", scenario.removeWipeAdd},
		{"a secondary hangs", scenario.hangs},
		{"a failover undoes the sharding fix", scenario.undone},
	} {
		t.Run(s.name, func(t *testing.T) {
			c := start(t)
			ctx, cancel := context.WithTimeout(t.Context(), c.Patience)
			defer cancel()
			rs := live.NewReplicaSet(c.Name, []string{c.First, c.Second, c.Arbiter}, c.Dial, c.Options)
			defer func() { require.NoError(t, rs.Close(context.WithoutCancel(ctx))) }()
			s.run(scenario{T: t, Cluster: c, rs: rs, ctx: ctx})
		})
	}
}

// until looks again and again, while the time of the cluster passes.
func (s scenario) until(what string, holds func() bool) {
	s.Helper()
	for !holds() {
		if s.Options.Sleep != nil {
			require.NoError(s, s.Options.Sleep(s.ctx, time.Second), what)
			continue
		}
		select {
		case <-s.ctx.Done():
			require.Fail(s, "awaited in vain: "+what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s scenario) requirePrimary(want string) {
	s.Helper()
	got, err := s.rs.Primary(s.ctx)
	require.NoError(s, err)
	require.Equal(s, want, got)
}

func (s scenario) config() mongo.Config {
	s.Helper()
	c, err := s.rs.Config(s.ctx)
	require.NoError(s, err)
	return c
}

func (s scenario) reads() {
	status, err := s.rs.Status(s.ctx)
	require.NoError(s, err)
	states := map[string]mongo.MemberState{}
	for _, m := range status.Members {
		states[m.Name] = m.State
		require.True(s, m.Healthy(), m.Name)
	}
	require.Equal(s, map[string]mongo.MemberState{
		s.First: mongo.StatePrimary, s.Second: mongo.StateSecondary, s.Arbiter: mongo.StateArbiter,
	}, states)
	c := s.config()
	require.NoError(s, mongo.Validate(c))
	require.Equal(s, 2, c.Majority())
	first, ok := c.Member(s.First)
	require.True(s, ok)
	require.Equal(s, 3.0, first.Priority)
	for host, arbiter := range map[string]bool{s.First: false, s.Arbiter: true} {
		var h mongo.Hello
		s.until("the primary in the hello of "+host, func() bool { // an arbiter names none until its next heartbeat
			h, err = s.rs.Hello(s.ctx, host)
			require.NoError(s, err)
			return h.PrimaryHost != ""
		})
		require.Equal(s, []any{s.Name, s.First, arbiter, host == s.First}, []any{h.Set, h.PrimaryHost, h.ArbiterOnly, h.Primary()})
	}
	lags, err := s.rs.Lag(s.ctx)
	require.NoError(s, err)
	require.Len(s, lags, 2, "an arbiter has no lag")
	require.NoError(s, s.rs.WaitCaughtUp(s.ctx, 10*time.Second))
	_, err = s.rs.RunCommand(s.ctx, s.First, "admin", bson.D{{Key: "evenkeelHasNoSuchCommand", Value: 1}})
	require.True(s, live.HasCode(err, live.CodeCommandNotFound), "%v", err)
}

func (s scenario) oplog() {
	for _, host := range []string{s.First, s.Second} {
		o, err := s.rs.Oplog(s.ctx, host)
		require.NoError(s, err)
		require.Positive(s, o.MaxSize)
		require.LessOrEqual(s, o.First.T, o.Last.T)
	}
	_, err := s.rs.Oplog(s.ctx, s.Arbiter)
	require.ErrorIs(s, err, mongo.ErrOnArbiter)
	look, err := s.rs.RollingOver(s.ctx, s.Second, time.Second)
	require.NoError(s, err)
	require.NotEmpty(s, look.Why)
	_, err = s.rs.RollingOver(s.ctx, "nobody:1", time.Second)
	require.ErrorContains(s, err, "has no member")
}

func (s scenario) send(host string, c mongo.Config) error {
	s.until("a majority that has the configuration", func() bool { // from 4.4 on; after an election it takes a heartbeat
		_, committed, err := s.rs.ConfigFrom(s.ctx, s.First)
		return err == nil && (committed == nil || *committed)
	})
	_, err := s.rs.RunCommand(s.ctx, host, "admin", bson.D{{Key: "replSetReconfig", Value: c}})
	return err
}

func (s scenario) reconfigOnSecondary() {
	c := s.config()
	c.Version++
	err := s.send(s.Second, c)
	require.True(s, live.HasCode(err, live.CodeNotPrimary), "%v", err)
}

func (s scenario) sameVersion() {
	err := s.send(s.First, s.config())
	require.True(s, live.HasCode(err, live.CodeConfigIncompatible), "%v", err)
}

func (s scenario) validate() {
	field := func(name string, value any) mongo.Fields {
		typ, data, err := bson.MarshalValue(value)
		require.NoError(s, err)
		return mongo.Fields{name: bson.RawValue{Type: typ, Value: data}}
	}
	setting := func(name string, value any) func(*mongo.Config) {
		return func(c *mongo.Config) { c.Extra = field("settings", bson.D{{Key: name, Value: value}}) }
	}
	for name, edit := range map[string]func(*mongo.Config){
		"as it is":                func(*mongo.Config) {},
		"a fraction":              func(c *mongo.Config) { c.Members[0].Priority += 0.25 },
		"a setting as a double":   setting("catchUpTimeoutMillis", 5000.0),
		"a setting as a long":     setting("catchUpTimeoutMillis", int64(4000)),
		"no catch-up limit":       setting("catchUpTimeoutMillis", -1),
		"below no limit":          setting("catchUpTimeoutMillis", -2),
		"no election timeout":     setting("electionTimeoutMillis", 0),
		"no heartbeat interval":   setting("heartbeatIntervalMillis", 0),
		"no heartbeat timeout":    setting("heartbeatTimeoutSecs", 0),
		"no members":              func(c *mongo.Config) { c.Members = nil },
		"a port that is no one":   func(c *mongo.Config) { c.Members[1].Host += "x" },
		"a port too high":         func(c *mongo.Config) { c.Members[1].Host += "0000" },
		"no host":                 func(c *mongo.Config) { c.Members[1].Host = ":1" },
		"a host twice":            func(c *mongo.Config) { c.Members[1].Host = c.Members[0].Host },
		"an _id twice":            func(c *mongo.Config) { c.Members[1].ID = c.Members[0].ID },
		"two votes":               func(c *mongo.Config) { c.Members[1].Votes = 2 },
		"a priority too high":     func(c *mongo.Config) { c.Members[0].Priority = 1001 },
		"a priority without vote": func(c *mongo.Config) { c.Members[1].Votes = 0 },
		"hidden and electable":    func(c *mongo.Config) { c.Members[1].Hidden = true },
		"an arbiter's tags":       func(c *mongo.Config) { c.Members[2].Extra = field("tags", bson.D{{Key: "dc", Value: "x"}}) },
		"an arbiter's vote":       func(c *mongo.Config) { c.Members[2].Votes = 0 },
		"one's horizons": func(c *mongo.Config) {
			c.Members[1].Extra = field("horizons", bson.D{{Key: "outside", Value: "gate.example:1"}})
		},
	} {
		s.Run(name, func(t *testing.T) {
			now, err := s.rs.Config(s.ctx)
			require.NoError(t, err)
			slices.SortFunc(now.Members, func(a, b mongo.Member) int { return s.place(a) - s.place(b) })
			to := now.Clone()
			to.Version++
			edit(&to)
			legal := mongo.Validate(to)
			err = s.send(s.First, to)
			var refused *live.CommandError
			if legal == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorAs(t, err, &refused, "Validate says: %v", legal)
			require.Equal(t, op.Exited, refused.Outcome, "%v", err)
		})
	}
}

// place is the order of members in which scenarios name them.
func (s scenario) place(m mongo.Member) int {
	return slices.Index([]string{s.First, s.Second, s.Arbiter}, m.Host)
}

func (s scenario) swapPriorities() {
	before := s.config()
	var steps []string
	c, err := s.rs.SetPriorities(s.ctx, map[string]float64{s.First: 2, s.Second: 3}, func(st live.Step) error {
		steps = append(steps, st.Why)
		return nil
	})
	require.NoError(s, err)
	require.Len(s, steps, 2)
	require.Contains(s, steps[0], "raise the priority of "+s.Second)
	require.Contains(s, steps[1], "lower the priority of "+s.First)
	require.Equal(s, before.Version+2, c.Version)
	s.requirePrimary(s.Second)
	_, err = s.rs.SetPriorities(s.ctx, map[string]float64{s.Second: 3}, func(live.Step) error {
		require.Fail(s, "nothing is left to do")
		return nil
	})
	require.NoError(s, err)
}

func (s scenario) stepDown() {
	primary, err := s.rs.StepDown(s.ctx, s.First, 11*time.Second, 10*time.Second)
	require.NoError(s, err)
	require.Equal(s, s.Second, primary)
	again, err := s.rs.StepDown(s.ctx, s.First, 11*time.Second, 10*time.Second)
	require.NoError(s, err)
	require.Equal(s, s.Second, again, "it is not the primary: nothing to do")
	require.NoError(s, s.rs.WaitState(s.ctx, s.First, mongo.StatePrimary), "the higher priority takes over again")
}

func (s scenario) noSuccessor() {
	require.NoError(s, s.Stop(s.Second))
	require.NoError(s, s.rs.WaitState(s.ctx, s.Second, mongo.StateDown))
	_, err := s.rs.StepDown(s.ctx, s.First, 11*time.Second, 10*time.Second)
	require.ErrorIs(s, err, live.ErrNoSuccessor)
	s.requirePrimary(s.First)
}

func (s scenario) freeze() {
	err := s.rs.Freeze(s.ctx, s.First, 10*time.Second)
	require.True(s, live.HasCode(err, live.CodeNotSecondary), "%v", err)
	require.NoError(s, s.rs.Freeze(s.ctx, s.Second, 60*time.Second))
	require.NoError(s, s.rs.Freeze(s.ctx, s.Second, 0))
}

func (s scenario) maintenance() {
	mode := func(on bool) {
		_, err := s.rs.RunCommand(s.ctx, s.Second, "admin", bson.D{{Key: "replSetMaintenance", Value: on}})
		require.NoError(s, err)
	}
	none, err := s.rs.Recovering(s.ctx)
	require.NoError(s, err)
	require.Empty(s, none)
	mode(true)
	require.NoError(s, s.rs.WaitState(s.ctx, s.Second, mongo.StateRecovering))
	one, err := s.rs.Recovering(s.ctx)
	require.NoError(s, err)
	require.Len(s, one, 1)
	require.Equal(s, s.Second, one[0].Name)
	mode(false)
	require.NoError(s, s.rs.WaitCaughtUp(s.ctx, 10*time.Second, s.Second))
}

func (s scenario) removeAndAdd() {
	before := s.config()
	m, ok := before.Member(s.Second)
	require.True(s, ok)
	c, err := s.rs.RemoveMember(s.ctx, s.Second, nil)
	require.NoError(s, err)
	_, ok = c.Member(s.Second)
	require.False(s, ok)
	_, err = s.rs.RemoveMember(s.ctx, s.Second, func(live.Step) error {
		require.Fail(s, "it is gone already")
		return nil
	})
	require.NoError(s, err)
	c, err = s.rs.AddMember(s.ctx, m, nil)
	require.NoError(s, err)
	require.True(s, c.Equal(before), "%v instead of %v", c, before)
	require.NoError(s, s.rs.WaitCaughtUp(s.ctx, 10*time.Second))
	s.requirePrimary(s.First)
}

func (s scenario) twoVoters() {
	before := s.config()
	both := before.Clone()
	both.Version++
	both.Members = both.Members[:0]
	for _, m := range before.Members {
		if m.Host == s.First {
			both.Members = append(both.Members, m)
		}
	}
	require.ErrorIs(s, s.rs.Apply(s.ctx, before, both), mongo.ErrUnsafeStep)
	require.Equal(s, before.Version, s.config().Version, "nothing was sent")
	err := s.send(s.First, both)
	if s.OneVoterRule {
		require.True(s, live.HasCode(err, live.CodeInvalidConfig, live.CodeConfigIncompatible), "%v", err)
	} else {
		require.NoError(s, err, "servers before 4.4 take it, so nobody may rely on their refusal")
	}
}

func (s scenario) downAndUp() {
	require.NoError(s, s.Stop(s.Second))
	require.NoError(s, s.rs.WaitState(s.ctx, s.Second, mongo.StateDown))
	require.NotEmpty(s, s.losses(), "one more loss is too much")
	require.NoError(s, s.Start(s.Second))
	require.NoError(s, s.rs.WaitCaughtUp(s.ctx, 10*time.Second))
	require.Empty(s, s.losses())
}

// losses are those without the arbiter.
func (s scenario) losses() []mongo.Loss {
	losses, err := mongo.CanLose([]string{s.Arbiter}, s.view())
	require.NoError(s, err)
	return losses
}

func (s scenario) view() mongo.SetView {
	status, err := s.rs.Status(s.ctx)
	require.NoError(s, err)
	return mongo.SetView{Config: s.config(), Status: &status}
}

func (s scenario) conflict() {
	from := s.config()
	wish := from.Clone()
	wish.Members[0].Priority += 0.5
	to, _, _, err := mongo.Next(from, wish)
	require.NoError(s, err)
	_, err = s.rs.SetPriorities(s.ctx, map[string]float64{s.Second: 2.25}, nil)
	require.NoError(s, err)
	require.ErrorIs(s, s.rs.Apply(s.ctx, from, to), live.ErrConflict)
	p, _, err := s.rs.Probe(s.ctx, from, to)
	require.NoError(s, err)
	require.Equal(s, live.Overtaken, p)
	second, _ := s.config().Member(s.Second)
	require.Equal(s, 2.25, second.Priority)
}

func (s scenario) insert(db, coll string, docs ...any) {
	s.Helper()
	_, err := s.rs.RunCommand(s.ctx, s.First, db, bson.D{{Key: "insert", Value: coll}, {Key: "documents", Value: bson.A(docs)},
		{Key: "writeConcern", Value: bson.D{{Key: "w", Value: "majority"}}}})
	require.NoError(s, err)
}

// insertMigration makes the set an ADMIN set in the middle of a migration.
func (s scenario) insertMigration() {
	s.insert(mongo.ShardingDatabase, "cache_config", bson.D{{Key: "_id", Value: 1}, {Key: "migratingShards", Value: bson.A{"shard-1"}}},
		bson.D{{Key: "_id", Value: 2}, {Key: "kept", Value: "x"}})
	s.insert(mongo.ShardingDatabase, "config", bson.D{{Key: "_id", Value: 1}, {Key: "version", Value: int32(4)}})
	s.insert(mongo.ShardingDatabase, "versions", bson.D{{Key: "_id", Value: "cache_config"}, {Key: "version", Value: int32(7)},
		{Key: "migrationStatus", Value: "MIGRATING"}})
}

func (s scenario) shardingFix() {
	s.insertMigration()
	fix := mongo.ShardingFix{Set: s.Name, Majority: 10 * time.Second}
	var recorded *mongo.ShardingState
	for range 3 {
		err := s.rs.FixSharding(s.ctx, fix, recorded, func(st mongo.ShardingState) error {
			recorded = &st
			return nil
		})
		require.NoError(s, err)
		now, err := s.rs.ReadSharding(s.ctx, fix)
		require.NoError(s, err)
		require.True(s, now.Fixed())
		require.EqualValues(s, 5, now.ConfigVersion, "however often it is run from the same record")
		require.EqualValues(s, 2, now.CacheConfigs)
	}
	require.EqualValues(s, 4, recorded.ConfigVersion)
	require.False(s, recorded.Fixed())
}

// killedOnAWay kills a member between two steps. The way is gone to its end, and no write that a majority had is lost.
func (s scenario) killedOnAWay(host string) {
	s.insert("app", "things", bson.D{{Key: "_id", Value: "kept"}})
	killed := false
	c, err := s.rs.SetPriorities(s.ctx, map[string]float64{s.First: 1, s.Second: 4}, func(live.Step) error {
		if killed {
			return nil
		}
		killed = true
		if err := s.Kill(host); err != nil {
			return err
		}
		return s.Start(host)
	})
	require.NoError(s, err)
	first, _ := c.Member(s.First)
	second, _ := c.Member(s.Second)
	require.Equal(s, []float64{1, 4}, []float64{first.Priority, second.Priority})
	require.NoError(s, s.rs.WaitState(s.ctx, s.Second, mongo.StatePrimary))
	raw, err := s.rs.RunCommand(s.ctx, s.Second, "app", bson.D{{Key: "find", Value: "things"}})
	require.NoError(s, err)
	kept, err := raw.Lookup("cursor", "firstBatch").Array().Values()
	require.NoError(s, err)
	require.Len(s, kept, 1)
}

// twoClients change the configuration at once: each plans anew when the other was faster, and both changes stay.
func (s scenario) twoClients() {
	wishes := []map[string]float64{{s.First: 3.25}, {s.Second: 2.25}}
	errs := make(chan error)
	for _, w := range wishes {
		go func() {
			_, err := s.rs.SetPriorities(s.ctx, w, nil)
			errs <- err
		}()
	}
	require.NoError(s, errors.Join(<-errs, <-errs))
	c := s.config()
	for _, w := range wishes {
		for host, p := range w {
			m, _ := c.Member(host)
			require.Equal(s, p, m.Priority)
		}
	}
}

// takenUp: a client ends before the second step, and another one goes on from there.
func (s scenario) takenUp() {
	before := s.config()
	wish := map[string]float64{s.First: 2, s.Second: 3}
	cut := errors.New("the client was cut off")
	steps := 0
	_, err := s.rs.SetPriorities(s.ctx, wish, func(live.Step) error {
		if steps++; steps == 2 {
			return cut
		}
		return nil
	})
	require.ErrorIs(s, err, cut)
	other := live.NewReplicaSet(s.Name, []string{s.Second}, s.Dial, s.Options)
	defer func() { require.NoError(s, other.Close(context.WithoutCancel(s.ctx))) }()
	c, err := other.SetPriorities(s.ctx, wish, nil)
	require.NoError(s, err)
	require.Equal(s, before.Version+2, c.Version)
	s.requirePrimary(s.Second)
}

// hiddenAndDelayed: such a member is in no hello, and no current copy of the data.
func (s scenario) hiddenAndDelayed() {
	h, err := s.rs.Hello(s.ctx, s.First)
	require.NoError(s, err)
	name := "slaveDelay"
	if h.MaxWire >= 13 { // MongoDB 5.0
		name = "secondaryDelaySecs"
	}
	typ, data, err := bson.MarshalValue(int64(3600))
	require.NoError(s, err)
	m, ok := s.config().Member(s.Second)
	require.True(s, ok)
	m.Priority, m.Hidden, m.Extra = 0, true, mongo.Fields{name: bson.RawValue{Type: typ, Value: data}}
	_, err = s.rs.AddMember(s.ctx, m, nil)
	require.NoError(s, err)
	h, err = s.rs.Hello(s.ctx, s.First)
	require.NoError(s, err)
	require.NotContains(s, h.Members(), s.Second)
	losses, err := mongo.CanLose([]string{s.First}, s.view())
	require.NoError(s, err)
	require.NotEmpty(s, losses)
	require.Equal(s, mongo.LosesData, losses[0].What)
}

// removeWipeAdd is how a member that is stuck in RECOVERING comes back.
func (s scenario) removeWipeAdd() {
	before := s.config()
	m, _ := before.Member(s.Second)
	require.NoError(s, s.Stop(s.Second))
	require.NoError(s, s.rs.WaitState(s.ctx, s.Second, mongo.StateDown))
	_, err := s.rs.RemoveMember(s.ctx, s.Second, nil)
	require.NoError(s, err)
	require.NoError(s, s.Wipe(s.Second))
	require.NoError(s, s.Start(s.Second))
	c, err := s.rs.AddMember(s.ctx, m, nil)
	require.NoError(s, err)
	require.True(s, c.Equal(before), "%v instead of %v", c, before)
	require.NoError(s, s.rs.WaitCaughtUp(s.ctx, 10*time.Second))
}

func (s scenario) needsSuspend() {
	if s.Suspend == nil {
		s.Skip("a member of this cluster cannot be suspended")
	}
}

// hangs: a reconfiguration is made although one secondary does not answer, for which the server waits.
func (s scenario) hangs() {
	s.needsSuspend()
	require.NoError(s, s.Suspend(s.Second))
	require.NoError(s, s.rs.WaitState(s.ctx, s.Second, mongo.StateDown))
	c, err := s.rs.SetPriorities(s.ctx, map[string]float64{s.First: 3.5}, nil)
	require.NoError(s, err)
	first, _ := c.Member(s.First)
	require.Equal(s, 3.5, first.Priority)
	require.NoError(s, s.Resume(s.Second))
	require.NoError(s, s.rs.WaitCaughtUp(s.ctx, 10*time.Second))
	s.requirePrimary(s.First)
}

// undone: the primary dies while the fix waits for a majority, before the other member has all of its writes. Apply
// is not done before a majority has them, and the version counts up once.
func (s scenario) undone() {
	s.needsSuspend()
	s.insertMigration()
	require.NoError(s, s.rs.WaitCaughtUp(s.ctx, 10*time.Second))
	died := false
	opts := s.Options
	opts.Watch = func(e live.Event) {
		if died || !strings.Contains(e.Text, "have the writes") {
			return
		}
		died = true
		require.NoError(s, s.Kill(s.First))
		require.NoError(s, s.Resume(s.Second))
		s.until(s.Second+" as primary", func() bool {
			h, err := s.rs.Hello(s.ctx, s.Second)
			return err == nil && h.Primary()
		})
		require.NoError(s, s.Start(s.First))
	}
	rs := live.NewReplicaSet(s.Name, []string{s.First, s.Second}, s.Dial, opts)
	defer func() { require.NoError(s, rs.Close(context.WithoutCancel(s.ctx))) }()
	require.NoError(s, s.Suspend(s.Second))
	fix := mongo.ShardingFix{Set: s.Name, Majority: s.Patience}
	require.NoError(s, rs.FixSharding(s.ctx, fix, nil, func(mongo.ShardingState) error { return nil }))
	require.True(s, died)
	now, err := rs.ReadSharding(s.ctx, fix)
	require.NoError(s, err)
	require.True(s, now.Fixed())
	require.EqualValues(s, 5, now.ConfigVersion)
}
