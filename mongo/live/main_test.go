package live_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/internal/casetest"
)

func TestMain(m *testing.M) { casetest.Main(m) }

const (
	sm1 = "sessionmgr01:27718"
	sm2 = "sessionmgr02:27718"
	arb = "arbitervip:27718"
)

func config(members ...mongo.Member) mongo.Config {
	return mongo.Config{ID: "set02", Version: 7, Members: members}
}

func raw(t require.TestingT, v any) bson.RawValue {
	typ, data, err := bson.MarshalValue(v)
	require.NoError(t, err)
	return bson.RawValue{Type: typ, Value: data}
}
