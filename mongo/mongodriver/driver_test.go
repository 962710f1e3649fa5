package mongodriver_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	driver "go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.uber.org/goleak"

	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongodriver"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest/conformance"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	sm1 = "sessionmgr01:27718"
	sm2 = "sessionmgr02:27718"
	arb = "arbitervip:27718"
)

func psa(first, second, arbiter string) mongo.Config {
	return mongo.Config{ID: "set02", Version: 7, Members: []mongo.Member{
		mongo.DataMember(1, first, 3), mongo.DataMember(2, second, 2), mongo.ArbiterMember(0, arbiter),
	}}
}

func start(t testing.TB, c mongo.Config, opts mongotest.Options) *mongotest.Set {
	set, err := mongotest.Start(c, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, set.Close()) })
	return set
}

func client(t testing.TB, set *mongotest.Set, d mongodriver.Options, hosts ...string) *live.ReplicaSet {
	d.DialContext = set.DialContext
	rs := live.NewReplicaSet("set02", hosts, mongodriver.Dialer(d), live.Options{Poll: 20 * time.Millisecond})
	t.Cleanup(func() { require.NoError(t, rs.Close(context.Background())) })
	return rs
}

// The scenarios through the official driver and the wire protocol, over connections in memory, sixty times as fast as real time.
func TestConformanceOverTheWire(t *testing.T) {
	for _, wire := range []int32{mongotest.Wire36, mongotest.Wire42, mongotest.Wire44, mongotest.Wire80} {
		t.Run(fmt.Sprintf("wire %d", wire), func(t *testing.T) {
			t.Parallel()
			conformance.Run(t, func(t *testing.T) conformance.Cluster {
				return cluster(t, start(t, psa(sm1, sm2, arb), mongotest.Options{Wire: wire, Speed: 60}), wire, sm1, sm2, arb)
			})
		})
	}
}

func cluster(t testing.TB, set *mongotest.Set, wire int32, first, second, arbiter string) conformance.Cluster {
	t.Cleanup(func() { require.NoError(t, set.Check()) })
	return conformance.Cluster{
		Name: "set02", First: first, Second: second, Arbiter: arbiter,
		Dial: mongodriver.Dialer(mongodriver.Options{DialContext: set.DialContext}),
		Stop: set.StopMember, Start: set.StartMember, Kill: set.KillMember, Wipe: set.WipeMember,
		Suspend: set.SuspendMember, Resume: set.ResumeMember, OneVoterRule: wire >= mongotest.Wire44, Patience: time.Minute,
		Options: live.Options{Poll: 20 * time.Millisecond, Sample: 100 * time.Millisecond},
	}
}

// The driver discovers a set on three loopback ports by itself, and follows when its primary moves.
func TestDriverDiscoversTheSet(t *testing.T) {
	hosts := freePorts(t, 3)
	set := start(t, psa(hosts[0], hosts[1], hosts[2]), mongotest.Options{Speed: 30})
	require.NoError(t, set.Listen(t.Context()))
	c, err := driver.Connect(t.Context(), options.Client().SetHosts(hosts[1:]).SetReplicaSet("set02").
		SetHeartbeatInterval(500*time.Millisecond))
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Disconnect(context.Background())) }()
	coll := c.Database("app").Collection("things")
	_, err = coll.InsertOne(t.Context(), bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 1}})
	require.NoError(t, err)

	rs := live.NewReplicaSet("set02", hosts[:1], mongodriver.Dialer(mongodriver.Options{}), live.Options{Poll: 20 * time.Millisecond})
	defer func() { require.NoError(t, rs.Close(context.Background())) }()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err = rs.SetPriorities(ctx, map[string]float64{hosts[1]: 4}, nil)
	require.NoError(t, err)
	require.Equal(t, hosts[1], set.Truth().Primary)
	require.Eventually(t, func() bool {
		_, err := coll.UpdateOne(ctx, bson.D{{Key: "_id", Value: 1}}, bson.D{{Key: "$set", Value: bson.D{{Key: "moved", Value: true}}}})
		return err == nil
	}, 20*time.Second, 50*time.Millisecond, "the driver writes to the new primary")
	docs, err := set.Documents(hosts[1], "app.things")
	require.NoError(t, err)
	require.Len(t, docs, 1)
	require.True(t, docs[0].Lookup("moved").Boolean())
}

// freePorts are addresses on the loopback interface that nobody listens on.
func freePorts(t testing.TB, n int) []string {
	hosts := make([]string, n)
	for i := range hosts {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { require.NoError(t, l.Close()) }()
		hosts[i] = l.Addr().String()
	}
	return hosts
}

// MON-032: every call authenticates, by SCRAM; a wrong password ends at once with ErrAuth; and the password shows nowhere.
func TestMON032Credentials(t *testing.T) {
	const canary = "k3nnw0rt-canary"
	right := &live.Credential{User: "admin", Password: canary}
	set := start(t, psa(sm1, sm2, arb), mongotest.Options{Speed: 60, User: right, Wire: mongotest.Wire40})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	rs := client(t, set, mongodriver.Options{Credential: right}, arb, sm1)
	_, err := rs.SetPriorities(ctx, map[string]float64{sm2: 1}, nil)
	require.NoError(t, err, "although nobody can authenticate to an arbiter")
	_, err = rs.Oplog(ctx, arb)
	require.ErrorIs(t, err, mongo.ErrOnArbiter)

	var texts []string
	for name, cr := range map[string]*live.Credential{
		"wrong": {User: "admin", Password: canary + "-wrong"}, "other database": {User: "admin", Password: canary, Source: "else"}, "none": nil,
	} {
		rs := client(t, set, mongodriver.Options{Credential: cr}, sm1, sm2)
		_, err := rs.Status(ctx)
		require.ErrorIs(t, err, live.ErrAuth, name)
		require.NotErrorIs(t, err, live.ErrNoPrimary, name)
		_, err2 := rs.SetPriorities(ctx, map[string]float64{sm2: 2}, nil)
		require.ErrorIs(t, err2, live.ErrAuth, name)
		texts = append(texts, fmt.Sprintf("%v %+v %#v %s %v", err, err, err, err2, cr))
	}
	require.NotContains(t, strings.Join(texts, "\n"), canary)
}

// A server that is too old is named as such.
func TestTooOldServer(t *testing.T) {
	set := start(t, psa(sm1, sm2, arb), mongotest.Options{Wire: mongotest.Wire34})
	_, err := client(t, set, mongodriver.Options{ConnectTimeout: 2 * time.Second}, sm1).Status(t.Context())
	require.ErrorIs(t, err, mongo.ErrTooOld)
	require.ErrorContains(t, err, "3.6")
}

// What is lost on the way is told from what was never sent.
func TestOutcomes(t *testing.T) {
	set := start(t, psa(sm1, sm2, arb), mongotest.Options{Speed: 60})
	rs := client(t, set, mongodriver.Options{ConnectTimeout: time.Second}, sm1)
	ping := bson.D{{Key: "ping", Value: 1}}
	_, err := rs.RunCommand(t.Context(), sm1, "admin", ping)
	require.NoError(t, err)
	for _, f := range []mongotest.Failure{mongotest.LostBefore, mongotest.LostAfter} {
		set.Fail(func(mongotest.Call) mongotest.Failure { return f })
		_, err = rs.RunCommand(t.Context(), sm1, "admin", ping)
		require.ErrorContains(t, err, "not known whether it took effect")
	}
	set.Fail(nil)
	require.NoError(t, set.StopMember(sm1))
	_, err = rs.RunCommand(t.Context(), sm1, "admin", ping)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "not known")
	require.NoError(t, set.StartMember(sm1))
	_, err = rs.RunCommand(t.Context(), sm1, "admin", ping)
	require.NoError(t, err)
}

// A driver that has used several sessions says goodbye to a member that hangs; the call that failed on it still ends a
// second after its context at most. On a clock of the test's own.
func TestCallsOfAHungMemberEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, err := mongotest.Start(psa(sm1, sm2, arb), mongotest.Options{Wire: mongotest.Wire42})
		require.NoError(t, err)
		rs := live.NewReplicaSet("set02", []string{sm1, sm2},
			mongodriver.Dialer(mongodriver.Options{DialContext: set.DialContext}), live.Options{})
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() { _, _ = rs.StatusFrom(t.Context(), sm1) })
		}
		wg.Wait()
		for _, h := range []string{sm1, sm2, arb} {
			require.NoError(t, set.SuspendMember(h))
		}
		for name, call := range map[string]func(context.Context) error{
			"StatusFrom": func(ctx context.Context) error { _, err := rs.StatusFrom(ctx, sm1); return err },
			"Primary":    func(ctx context.Context) error { _, err := rs.Primary(ctx); return err },
			"WaitState":  func(ctx context.Context) error { return rs.WaitState(ctx, sm1, mongo.StateDown) },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			began := time.Now()
			require.Error(t, call(ctx), name)
			require.LessOrEqual(t, time.Since(began), 3*time.Second, name)
			cancel()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = rs.Close(ctx)
		require.NoError(t, set.Close())
	})
}

// BenchmarkStatusOf100Sets polls a hundred sets at once, each over one client of its own; TestMain finds goroutines that stay.
func BenchmarkStatusOf100Sets(b *testing.B) {
	var clients []*live.ReplicaSet
	for range 100 {
		set := start(b, psa(sm1, sm2, arb), mongotest.Options{Speed: 1})
		clients = append(clients, client(b, set, mongodriver.Options{}, sm1))
	}
	poll := func() {
		errs := make(chan error, len(clients))
		for _, c := range clients {
			go func() {
				_, err := c.Status(b.Context())
				errs <- err
			}()
		}
		for range clients {
			require.NoError(b, <-errs)
		}
	}
	poll()
	b.ResetTimer()
	for b.Loop() {
		poll()
	}
}
