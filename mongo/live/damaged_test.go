package live_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/mongo/live"
)

// answered is a connection that answers every command with the same bytes.
type answered []byte

func (r answered) Close(context.Context) error { return nil }

func (r answered) RunCommand(context.Context, string, bson.D) (bson.Raw, error) {
	return bson.Raw(r), nil
}

func ofRaw(answer []byte) *live.ReplicaSet {
	return live.NewReplicaSet("set02", []string{sm1},
		func(context.Context, string) (live.Conn, error) { return answered(answer), nil }, live.Options{})
}

// wholeAnswer is one document that is an answer to all of the questions, with fields that nobody knows at every depth.
func wholeAnswer(t testing.TB) []byte {
	t.Helper()
	strange := bson.E{Key: "strange",
		Value: bson.D{{Key: "text", Value: "of a later server"}, {Key: "list", Value: bson.A{"a", bson.D{{Key: "b", Value: "c"}}}}}}
	data, err := bson.Marshal(bson.D{
		{Key: "ok", Value: 1}, {Key: "set", Value: "set02"}, {Key: "setName", Value: "set02"}, {Key: "ismaster", Value: true},
		{Key: "maxWireVersion", Value: 6}, {Key: "maxSize", Value: 100}, {Key: "size", Value: 50}, {Key: "capped", Value: true},
		{Key: "members", Value: bson.A{bson.D{{Key: "_id", Value: 0}, {Key: "name", Value: sm1}, {Key: "state", Value: 1},
			{Key: "optimeDate", Value: time.Unix(1, 0)}, strange}}},
		{Key: "config", Value: bson.D{{Key: "_id", Value: "set02"}, {Key: "version", Value: 1},
			{Key: "members", Value: bson.A{bson.D{{Key: "_id", Value: 0}, {Key: "host", Value: sm1}, strange}}}, strange}},
		strange,
	})
	require.NoError(t, err)
	return data
}

var questions = []func(*live.ReplicaSet) error{status1, config1, hello1, oplog1}

// Lengths that lie, at any place of an answer, are an error at the most: the driver's own decoder panics on some.
func TestDamagedAnswers(t *testing.T) {
	whole := wholeAnswer(t)
	for _, ask := range questions[:3] {
		require.NoError(t, ask(ofRaw(whole)))
	}
	refused := 0
	for at := range whole {
		for _, b := range []byte{0, 1, 0x7f, 0x80, 0xff} {
			damaged := append([]byte{}, whole...)
			damaged[at] = b
			for _, ask := range questions {
				if ask(ofRaw(damaged)) != nil {
					refused++
				}
			}
		}
	}
	require.Greater(t, refused, len(whole))
}

func FuzzAnswer(f *testing.F) {
	f.Add(wholeAnswer(f))
	f.Add([]byte("\x14\x00\x00\x00\x02_iddmin\x00s\x002\x97e0t\x02$db\x00"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		for _, ask := range questions {
			_ = ask(ofRaw(data))
		}
	})
}
