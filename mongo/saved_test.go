package mongo_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/mongo"
)

// A configuration is the same after it was saved: also what is not named here, and the type of each number.
func TestASavedConfiguration(t *testing.T) {
	raw, err := bson.Marshal(bson.D{
		{Key: "_id", Value: "set02"}, {Key: "version", Value: int32(7)}, {Key: "protocolVersion", Value: int64(1)},
		{Key: "members", Value: bson.A{
			bson.D{{Key: "_id", Value: 0}, {Key: "host", Value: "arbitervip:27718"}, {Key: "arbiterOnly", Value: true}},
			bson.D{{Key: "_id", Value: 1}, {Key: "host", Value: "sessionmgr01:27718"}, {Key: "priority", Value: 2.5},
				{Key: "tags", Value: bson.D{{Key: "site", Value: "1"}}}, {Key: "slaveDelay", Value: int64(0)}},
		}},
		{Key: "settings", Value: bson.D{{Key: "heartbeatTimeoutSecs", Value: int32(1)}, {Key: "catchUpTimeoutMillis", Value: int64(-1)}}},
	})
	require.NoError(t, err)
	var c mongo.Config
	require.NoError(t, bson.Unmarshal(raw, &c))
	var text, again bytes.Buffer
	_, err = c.WriteTo(&text)
	require.NoError(t, err)
	back, err := mongo.ParseConfig(bytes.NewReader(text.Bytes()))
	require.NoError(t, err)
	require.Equal(t, c, back)
	_, err = back.WriteTo(&again)
	require.NoError(t, err)
	require.Equal(t, text.String(), again.String())
	require.True(t, strings.HasSuffix(text.String(), "\n}\n"))
	require.Contains(t, text.String(), `"catchUpTimeoutMillis": {`+"\n"+`      "$numberLong": "-1"`)
}

func TestNoSavedConfiguration(t *testing.T) {
	const member = `{"_id":1,"host":"a:1"}`
	for text, want := range map[string]string{
		"": "unexpected end of JSON input",
		"{\n \"_id\" : \"set02\",\n \"version\" : NumberLong(7)\n}": "f.json:3:14: no Extended JSON, as a saved " +
			"configuration is, and what the shell prints of rs.conf() is not: invalid character 'N'",
		`{"_id":"s","version":1,"members":[` + member + `]} {"_id":"s"}`: "f.json:1:60: ",
		`["x"]`:                   "no Extended JSON",
		`{"_id":"s","version":1}`: "_id, version or members is missing",
		`{"_id":"s","version":1,"members":[` + member + `,` + member + `]}`:       "1",
		`{"_id":"s","version":1,"version":2,"members":[` + member + `]}`:          `the field is there twice: near "version"`,
		`{"_id":"s","version":"1","members":[` + member + `]}`:                    "version",
		`{"_id":"s","version":1,"members":[{"_id":1,"host":"a:1","votes":9}]}`:    "votes",
		`{"_id":"s","version":1,"members":[{"_id":1,"host":"a:1","host":"b:1"}]}`: `the field is there twice: near "host"`,
		"\x00":  "not a text file",
		"\xff{": "not a text file",
		`{"_id":"s","version":1,"members":[` + member + `,{"_id":2,"host":"b:1","host":"b:1"}]}`: `the field is there twice: near "host"`,
	} {
		_, err := mongo.ParseConfig(srcerr.Named("f.json", strings.NewReader(text)))
		require.ErrorContains(t, err, want, text)
		var at *mongo.ParseError
		require.ErrorAs(t, err, &at, text)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(`{"_id":"s","version":{"$numberLong":"1"},"members":[{"_id":1,"host":"a:1","priority":{"$numberDouble":"2.0"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := mongo.ParseConfig(bytes.NewReader(data))
		if err != nil {
			return
		}
		var text bytes.Buffer
		_, err = c.WriteTo(&text)
		require.NoError(t, err)
		back, err := mongo.ParseConfig(&text)
		require.NoError(t, err)
		require.True(t, c.Equal(back))
	})
}
