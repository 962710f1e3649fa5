package mongotest_test

import (
	"context"
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
)

func start(t testing.TB, opts mongotest.Options) *mongotest.Set {
	set, err := mongotest.Start(balance(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, set.Close()) })
	return set
}

// ask runs a command on a member and gives the reply, or the code of the refusal.
func ask(t testing.TB, set *mongotest.Set, host, db string, cmd bson.D) (bson.Raw, int) {
	rs := live.NewReplicaSet("set02", []string{host}, set.Dial, live.Options{})
	raw, err := rs.RunCommand(t.Context(), host, db, cmd)
	var refused *live.CommandError
	if err != nil {
		require.ErrorAs(t, err, &refused)
		return nil, refused.Code
	}
	return raw, 0
}

// The refusals of servers, with their codes.
func TestRefusals(t *testing.T) {
	next := balance()
	next.Version = 8
	with := func(edit func(*mongo.Config)) mongo.Config {
		c := next.Clone()
		edit(&c)
		return c
	}
	reconfig := func(c mongo.Config) bson.D { return bson.D{{Key: "replSetReconfig", Value: c}} }
	for _, tc := range []struct {
		name     string
		host, db string
		cmd      bson.D
		want     int
	}{
		{"unknown command", sm1, "admin", bson.D{{Key: "replSetMagic", Value: 1}}, 59},
		{"hello on 3.6", sm1, "admin", bson.D{{Key: "hello", Value: 1}}, 59},
		{"not against admin", sm1, "test", bson.D{{Key: "replSetGetStatus", Value: 1}}, 13},
		{"reconfig on a secondary", sm2, "admin", reconfig(next), 10107},
		{"same version", sm1, "admin", reconfig(with(func(c *mongo.Config) { c.Version = 7 })), 103},
		{"another name", sm1, "admin", reconfig(with(func(c *mongo.Config) { c.ID = "other" })), 93},
		{"no members", sm1, "admin", reconfig(with(func(c *mongo.Config) { c.Members = nil })), 103},
		{"without the primary", sm1, "admin", reconfig(with(func(c *mongo.Config) { c.Members = c.Members[1:] })), 103},
		{"the primary not electable", sm1, "admin", reconfig(with(func(c *mongo.Config) { c.Members[0].Priority = 0 })), 103},
		{"buildIndexes in place", sm1, "admin", reconfig(with(func(c *mongo.Config) {
			c.Members[1].Priority, c.Members[1].Extra = 0, mongo.Fields{"buildIndexes": rawValue(t, false)}
		})), 103},
		{"delayed and electable", sm1, "admin",
			reconfig(with(func(c *mongo.Config) { c.Members[1].Extra = mongo.Fields{"slaveDelay": rawValue(t, 60)} })), 103},
		{"no configuration", sm1, "admin", bson.D{{Key: "replSetReconfig", Value: 1}}, 0},
		{"step down on a secondary", sm2, "admin", bson.D{{Key: "replSetStepDown", Value: 60}}, 10107},
		{"step down for less than no time", sm1, "admin", bson.D{{Key: "replSetStepDown", Value: -1}}, 2},
		{"step down shorter than the catch-up", sm1, "admin",
			bson.D{{Key: "replSetStepDown", Value: 5}, {Key: "secondaryCatchUpPeriodSecs", Value: 10}}, 2},
		{"freeze the primary", sm1, "admin", bson.D{{Key: "replSetFreeze", Value: 5}}, 95},
		{"maintenance of the primary", sm1, "admin", bson.D{{Key: "replSetMaintenance", Value: true}}, 95},
		{"maintenance off when it is off", sm2, "admin", bson.D{{Key: "replSetMaintenance", Value: false}}, 96},
		{"write on a secondary", sm2, "app",
			bson.D{{Key: "insert", Value: "c"}, {Key: "documents", Value: bson.A{bson.D{{Key: "_id", Value: 1}}}}}, 10107},
		{"unknown operator", sm1, "app",
			bson.D{{Key: "find", Value: "c"}, {Key: "filter", Value: bson.D{{Key: "x", Value: bson.D{{Key: "$regexp", Value: 1}}}}}}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set := start(t, mongotest.Options{})
			require.NoError(t, set.Insert("app.c", bson.D{{Key: "_id", Value: 7}, {Key: "x", Value: 1}}))
			raw, code := ask(t, set, tc.host, tc.db, tc.cmd)
			require.Nil(t, raw)
			require.Equal(t, tc.want, code)
			require.EqualValues(t, 7, set.Truth().Config.Version)
		})
	}
}

func rawValue(t testing.TB, v any) bson.RawValue {
	typ, data, err := bson.MarshalValue(v)
	require.NoError(t, err)
	return bson.RawValue{Type: typ, Value: data}
}

// What a real server takes, although one would not think so.
func TestServersTake(t *testing.T) {
	for _, tc := range []struct {
		name     string
		host, db string
		cmd      bson.D
	}{
		{"commitmentStatus on 3.6", sm1, "admin", bson.D{{Key: "replSetGetConfig", Value: 1}, {Key: "commitmentStatus", Value: true}}},
		{"maintenance of an arbiter", arb, "admin", bson.D{{Key: "replSetMaintenance", Value: true}}},
		{"the oplog of an arbiter", arb, "local", bson.D{{Key: "collStats", Value: "oplog.rs"}}},
	} {
		raw, code := ask(t, start(t, mongotest.Options{}), tc.host, tc.db, tc.cmd)
		require.Zero(t, code, tc.name)
		require.NotNil(t, raw, tc.name)
	}
}

// Hidden and delayed members are not in hello; an oplog of 1 MB holds 104 MB; and an arbiter names no primary before
// its heartbeat.
func TestAnswersOfARealServer(t *testing.T) {
	c := balance()
	c.Members = append(c.Members, mongo.Member{ID: 7, Host: "late:1", Extra: mongo.Fields{"slaveDelay": rawValue(t, int64(60))}},
		mongo.Member{ID: 8, Host: "hidden:1", Hidden: true}, mongo.Member{ID: 9, Host: "seen:1"})
	set, err := mongotest.Start(c, mongotest.Options{OplogSize: 1 << 20})
	require.NoError(t, err)
	defer func() { require.NoError(t, set.Close()) }()
	rs := live.NewReplicaSet("set02", []string{sm1}, set.Dial, live.Options{})
	h, err := rs.Hello(t.Context(), sm1)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{sm1, sm2, "seen:1", arb}, h.Members())
	o, err := rs.Oplog(t.Context(), sm1)
	require.NoError(t, err)
	require.EqualValues(t, 1<<20, o.MaxSize)
	require.EqualValues(t, 104_000_000, o.Size)

	require.NoError(t, set.StopMember(sm1))
	for set.Truth().Primary == "" {
		set.Advance(50 * time.Millisecond)
	}
	for _, want := range []string{"", sm2} {
		h, err = rs.Hello(t.Context(), arb)
		require.NoError(t, err)
		require.Equal(t, want, h.PrimaryHost)
		set.Advance(2 * time.Second)
	}
}

// Nothing that a client wrote into a configuration is lost, and the server's own fields are there.
func TestConfigurationIsCarried(t *testing.T) {
	c := balance()
	c.Members[0].Extra = mongo.Fields{"tags": rawValue(t, bson.D{{Key: "dc", Value: "east"}}), "futureField": rawValue(t, int32(5))}
	c.Extra = mongo.Fields{"settings": rawValue(t, bson.D{{Key: "electionTimeoutMillis", Value: 7000}}), "futureSetting": rawValue(t, "x")}
	set, err := mongotest.Start(c, mongotest.Options{Wire: mongotest.Wire44})
	require.NoError(t, err)
	defer func() { require.NoError(t, set.Close()) }()
	rs := live.NewReplicaSet("set02", []string{sm1}, set.Dial, live.Options{Sleep: set.Sleep})
	_, err = rs.SetPriorities(t.Context(), map[string]float64{sm2: 1.5}, nil)
	require.NoError(t, err)
	got, committed, err := rs.ConfigFrom(t.Context(), sm1)
	require.NoError(t, err)
	require.True(t, *committed)
	m, _ := got.Member(sm1)
	require.Equal(t, "east", m.Extra["tags"].Document().Lookup("dc").StringValue())
	require.EqualValues(t, 5, m.Extra["futureField"].Int32())
	require.Equal(t, "x", got.Extra["futureSetting"].StringValue())
	require.NoError(t, set.KillMember(sm1))
	set.Advance(7500 * time.Millisecond)
	require.Equal(t, sm2, set.Truth().Primary, "after the election timeout of the settings")
	require.EqualValues(t, 7000, got.Extra["settings"].Document().Lookup("electionTimeoutMillis").AsInt64())
	term, ok := got.Term()
	require.True(t, ok)
	require.EqualValues(t, 1, term)
}

func TestDocuments(t *testing.T) {
	set := start(t, mongotest.Options{})
	run := func(cmd bson.D) bson.Raw {
		raw, code := ask(t, set, sm1, "app", cmd)
		require.Zero(t, code)
		return raw
	}
	n := func(r bson.Raw) int64 { v, _ := r.Lookup("n").AsInt64OK(); return v }
	docs := bson.A{}
	for i := range 4 {
		docs = append(docs, bson.D{{Key: "_id", Value: i}, {Key: "v", Value: float64(i) / 2},
			{Key: "ts", Value: primitive.Timestamp{T: uint32(i)}}})
	}
	run(bson.D{{Key: "insert", Value: "c"}, {Key: "documents", Value: docs}})
	_, code := ask(t, set, sm1, "app", bson.D{{Key: "insert", Value: "c"}, {Key: "documents", Value: docs[:1]}})
	require.Equal(t, 11000, code)
	count := func(filter bson.D) int64 {
		return n(run(bson.D{{Key: "count", Value: "c"}, {Key: "query", Value: filter}}))
	}
	op := func(field, op string, v any) bson.D { return bson.D{{Key: field, Value: bson.D{{Key: op, Value: v}}}} }
	require.EqualValues(t, 4, count(bson.D{}))
	require.EqualValues(t, 1, count(bson.D{{Key: "_id", Value: int64(2)}}))
	require.EqualValues(t, 2, count(op("v", "$gt", 0.5)))
	require.EqualValues(t, 3, count(op("v", "$gte", 0.5)))
	require.EqualValues(t, 1, count(op("v", "$lt", 0.5)))
	require.EqualValues(t, 2, count(op("ts", "$lte", primitive.Timestamp{T: 1})))
	require.EqualValues(t, 3, count(op("_id", "$ne", 0)))
	require.EqualValues(t, 0, count(op("nothing", "$exists", true)))
	require.EqualValues(t, 0, count(op("v", "$gt", "text")), "no order between types")
	update := func(q, u bson.D, multi bool) bson.Raw {
		return run(bson.D{{Key: "update", Value: "c"},
			{Key: "updates", Value: bson.A{bson.D{{Key: "q", Value: q}, {Key: "u", Value: u}, {Key: "multi", Value: multi}}}}})
	}
	require.EqualValues(t, 4, n(update(bson.D{}, bson.D{{Key: "$inc", Value: bson.D{{Key: "hits", Value: 2}}}}, true)))
	require.EqualValues(t, 1, n(update(bson.D{}, bson.D{{Key: "$unset", Value: bson.D{{Key: "hits", Value: 1}}}}, false)))
	require.EqualValues(t, 3, count(bson.D{{Key: "hits", Value: 2}}))
	update(bson.D{{Key: "_id", Value: 3}}, bson.D{{Key: "whole", Value: "new"}}, false)
	require.EqualValues(t, 2, count(bson.D{{Key: "hits", Value: 2}}))
	require.EqualValues(t, 1, count(bson.D{{Key: "whole", Value: "new"}}))
	remove := bson.D{{Key: "delete", Value: "c"},
		{Key: "deletes", Value: bson.A{bson.D{{Key: "q", Value: bson.D{}}, {Key: "limit", Value: 1}}}}}
	require.EqualValues(t, 1, n(run(remove)))
	require.EqualValues(t, 3, count(bson.D{}))
	on2, err := set.Documents(sm2, "app.c")
	require.NoError(t, err)
	require.Len(t, on2, 3, "they replicate")
}

// A cut between members is theirs, not the client's; the minority's primary goes.
func TestCut(t *testing.T) {
	set := start(t, mongotest.Options{})
	set.Cut("sessionmgr01", "sessionmgr02")
	set.Cut("sessionmgr01", "arbitervip")
	set.Advance(30 * time.Second)
	require.Equal(t, sm2, set.Truth().Primary)
	require.Equal(t, mongo.StateSecondary, set.StateOf(sm1))
	_, code := ask(t, set, sm1, "admin", bson.D{{Key: "replSetGetStatus", Value: 1}})
	require.Zero(t, code)
	set.Join("sessionmgr01", "sessionmgr02")
	set.Join("sessionmgr01", "arbitervip")
	set.Advance(time.Minute)
	require.Equal(t, sm1, set.Truth().Primary)
	require.NoError(t, set.Check())
}

// Up to 4.0 a primary that gives way closes its connections; from 4.2 on it keeps them.
func TestStepDownClosesConnections(t *testing.T) {
	ping, err := bson.Marshal(bson.D{{Key: "ping", Value: 1}, {Key: "$db", Value: "admin"}})
	require.NoError(t, err)
	message := make([]byte, 21, 21+len(ping)) // header, flags and the kind of section are zero but for length and code
	binary.LittleEndian.PutUint32(message, uint32(21+len(ping)))
	binary.LittleEndian.PutUint32(message[12:], 2013)
	message = append(message, ping...)
	for wire, closes := range map[int32]bool{mongotest.Wire36: true, mongotest.Wire40: true, mongotest.Wire42: false} {
		set := start(t, mongotest.Options{Wire: wire})
		c, err := set.DialContext(t.Context(), "tcp", sm1)
		require.NoError(t, err)
		alive := func() bool {
			if _, err := c.Write(message); err != nil {
				return false
			}
			var size [4]byte
			if _, err := io.ReadFull(c, size[:]); err != nil {
				return false
			}
			_, err := io.CopyN(io.Discard, c, int64(binary.LittleEndian.Uint32(size[:]))-4)
			return err == nil
		}
		require.True(t, alive())
		rs := live.NewReplicaSet("set02", []string{sm1, sm2}, set.Dial, live.Options{Sleep: set.Sleep})
		_, err = rs.StepDown(t.Context(), sm1, time.Minute, time.Second)
		require.NoError(t, err)
		require.Equal(t, !closes, alive(), "wire %d", wire)
		require.NoError(t, c.Close())
	}
}

// TestWireLengthsThatLie: a document sequence whose length is none is hung up on. FuzzWire found the first.
func TestWireLengthsThatLie(t *testing.T) {
	set := start(t, mongotest.Options{})
	for _, length := range []uint32{0, 1, 3, 4, 5, 1 << 20, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff} {
		c, err := set.DialContext(t.Context(), "tcp", sm1)
		require.NoError(t, err)
		message := binary.LittleEndian.AppendUint32(make([]byte, 12, 32), 2013)
		message = append(message, 0, 0, 0, 0, 1) // flags, and the kind of the section
		message = binary.LittleEndian.AppendUint32(message, length)
		message = append(message, "updates\x00"...)
		binary.LittleEndian.PutUint32(message, uint32(len(message)))
		_, err = c.Write(message)
		require.NoError(t, err)
		answer, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Empty(t, answer, "length %#x", length)
		require.NoError(t, c.Close())
	}
}

// FuzzWire feeds a server with what no driver sends. It answers or hangs up.
func FuzzWire(f *testing.F) {
	set := start(f, mongotest.Options{User: &live.Credential{User: "u", Password: "p"}})
	open := start(f, mongotest.Options{})
	msg := func(code uint32, body string) []byte {
		b := make([]byte, 16, 16+len(body))
		binary.LittleEndian.PutUint32(b, uint32(16+len(body)))
		binary.LittleEndian.PutUint32(b[12:], code)
		return append(b, body...)
	}
	doc := func(d bson.D) string {
		data, err := bson.Marshal(d)
		require.NoError(f, err)
		return string(data)
	}
	for _, d := range []bson.D{
		{{Key: "isMaster", Value: 1}, {Key: "$db", Value: "admin"}},
		{{Key: "saslStart", Value: 1}, {Key: "mechanism", Value: "SCRAM-SHA-256"},
			{Key: "payload", Value: []byte("n,,n=u,r=abc")}, {Key: "$db", Value: "admin"}},
		{{Key: "saslContinue", Value: 1}, {Key: "payload", Value: []byte("c=biws,r=abc,p=AAAA")}, {Key: "$db", Value: "admin"}},
		{{Key: "replSetReconfig", Value: bson.D{{Key: "_id", Value: "set02"}}}, {Key: "$db", Value: "admin"}},
		{{Key: "find", Value: "oplog.rs"}, {Key: "filter", Value: bson.D{{Key: "ts", Value: bson.D{{Key: "", Value: 1}}}}},
			{Key: "$db", Value: "local"}},
	} {
		f.Add(msg(2013, "\x00\x00\x00\x00\x00"+doc(d)))
		f.Add(msg(2004, "\x00\x00\x00\x00admin.$cmd\x00\x00\x00\x00\x00\xff\xff\xff\xff"+doc(d)))
	}
	f.Add(msg(2013, "\x00\x00\x00\x00\x01\x10\x00\x00\x00updates\x00"))
	f.Add(msg(2013, "\x00\x00\x00\x00\x01\x01\x00\x00\x80\xff\xff\xffates\x00"))
	f.Add([]byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, s := range []*mongotest.Set{set, open} {
			c, err := s.DialContext(context.Background(), "tcp", sm1)
			require.NoError(t, err)
			done := make(chan struct{})
			go func() {
				_, _ = io.Copy(io.Discard, c)
				close(done)
			}()
			_, _ = c.Write(data)
			_ = c.Close()
			<-done
		}
		require.Equal(t, sm1, set.Truth().Primary, "nobody has authenticated")
	})
}

// A clone hangs where its original hangs, and its hash tells what the server is still at.
func TestACloneHangsToo(t *testing.T) {
	set, err := mongotest.Start(balance(), mongotest.Options{})
	require.NoError(t, err)
	require.NoError(t, set.SuspendMember(sm2))
	twin := set.Clone()
	conn, err := twin.Dial(t.Context(), sm2)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = conn.RunCommand(ctx, "admin", bson.D{{Key: "ping", Value: 1}})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, twin.ResumeMember(sm2))
	_, err = conn.RunCommand(t.Context(), "admin", bson.D{{Key: "ping", Value: 1}})
	require.NoError(t, err)

	twin = set.Clone()
	require.Equal(t, set.Hash(), twin.Hash())
	twin.SetRelease(sm1, "3.6.9")
	require.NotEqual(t, set.Hash(), twin.Hash())
}
