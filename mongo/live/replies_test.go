package live_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
)

// canned answers by the name of the command.
type canned map[string]bson.D

func (c canned) Close(context.Context) error { return nil }
func (c canned) RunCommand(_ context.Context, _ string, cmd bson.D) (bson.Raw, error) {
	d, ok := c[cmd[0].Key]
	if !ok {
		d = bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: 59}, {Key: "codeName", Value: "CommandNotFound"}}
	}
	return bson.Marshal(d)
}

func of(c canned) *live.ReplicaSet {
	return live.NewReplicaSet("set02", []string{sm1}, func(context.Context, string) (live.Conn, error) { return c, nil }, live.Options{})
}

// An answer of an unknown shape is an error, never an empty list or a zero.
func TestUnknownShapesAreErrors(t *testing.T) {
	ok := bson.E{Key: "ok", Value: 1}
	hello := bson.D{ok, {Key: "setName", Value: "set02"}, {Key: "ismaster", Value: true}, {Key: "maxWireVersion", Value: 6}}
	stats := bson.D{ok, {Key: "maxSize", Value: 100}, {Key: "size", Value: 50}, {Key: "capped", Value: true}}
	first := func(docs ...any) bson.D {
		return bson.D{ok, {Key: "cursor", Value: bson.D{{Key: "firstBatch", Value: append(bson.A{}, docs...)}}}}
	}
	for _, tc := range []struct {
		name string
		c    canned
		ask  func(*live.ReplicaSet) error
		want string
	}{
		{"status of another set", canned{"replSetGetStatus": {ok, {Key: "set", Value: "set09"}}}, status1,
			`another replica set: "set09", not "set02"`},
		{"status without members", canned{"replSetGetStatus": {ok, {Key: "set", Value: "set02"}}}, status1, "it has no members"},
		{"status of a wrong type", canned{"replSetGetStatus": {ok, {Key: "members", Value: "many"}}}, status1, "cannot read the status"},
		{"no configuration", canned{"replSetGetConfig": {ok}}, config1, "no field config"},
		{"another set's configuration",
			canned{"replSetGetConfig": {ok, {Key: "config", Value: mongo.Config{ID: "x", Version: 1}}}}, config1, "another replica set"},
		{"a configuration without members",
			canned{"replSetGetConfig": {ok, {Key: "config", Value: bson.D{{Key: "_id", Value: "set02"}}}}}, config1, "is missing"},
		{"another set's member", canned{"isMaster": {ok, {Key: "setName", Value: "set09"},
			{Key: "maxWireVersion", Value: 6}}}, hello1, "another replica set"},
		{"too old", canned{"isMaster": {ok, {Key: "setName", Value: "set02"}, {Key: "maxWireVersion", Value: 5}}}, hello1,
			"older than MongoDB 3.6"},
		{"no hello at all", canned{}, hello1, "CommandNotFound"},
		{"nothing said", canned{"isMaster": {{Key: "x", Value: 1}}}, hello1, "does not say how it went"},
		{"no version", canned{"buildInfo": {ok}},
			func(r *live.ReplicaSet) error { _, err := r.ServerVersion(context.Background(), sm1); return err }, "has no version"},
		{"an oplog that is not capped", canned{"isMaster": hello, "collStats": {ok, {Key: "size", Value: 1}}}, oplog1,
			"maxSize or size is missing"},
		{"an empty oplog", canned{"isMaster": hello, "collStats": stats, "find": first()}, oplog1, "the oplog is empty"},
		{"an entry without a time", canned{"isMaster": hello, "collStats": stats,
			"find": first(bson.D{{Key: "op", Value: "n"}})}, oplog1, "no timestamp ts"},
		{"no batch", canned{"isMaster": hello, "collStats": stats, "find": {ok, {Key: "cursor", Value: bson.D{}}}}, oplog1,
			"no cursor.firstBatch"},
	} {
		t.Run(tc.name, func(t *testing.T) { require.ErrorContains(t, tc.ask(of(tc.c)), tc.want) })
	}
}

func status1(r *live.ReplicaSet) error {
	_, err := r.StatusFrom(context.Background(), sm1)
	return err
}

func config1(r *live.ReplicaSet) error {
	_, _, err := r.ConfigFrom(context.Background(), sm1)
	return err
}

func hello1(r *live.ReplicaSet) error {
	_, err := r.Hello(context.Background(), sm1)
	return err
}

func oplog1(r *live.ReplicaSet) error {
	_, err := r.Oplog(context.Background(), sm1)
	return err
}

// What waiting does not mend ends a search for the primary at once, and is no "no primary".
func TestHopelessSearchEnds(t *testing.T) {
	for want, c := range map[error]canned{
		mongo.ErrTooOld:  {"isMaster": {{Key: "ok", Value: 1}, {Key: "maxWireVersion", Value: 5}}},
		live.ErrWrongSet: {"isMaster": {{Key: "ok", Value: 1}, {Key: "setName", Value: "x"}, {Key: "maxWireVersion", Value: 6}}},
		live.ErrAuth:     {"isMaster": {{Key: "ok", Value: 0}, {Key: "code", Value: 18}}},
	} {
		_, err := of(c).SetPriorities(t.Context(), map[string]float64{sm1: 1}, nil)
		require.ErrorIs(t, err, want)
		require.NotErrorIs(t, err, live.ErrNoPrimary)
	}
}
