package mongo_test

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/mongo"
)

// What internal/mutate found nobody to miss in configurations: what is just legal, and what is just not.

func TestValidateToTheLimit(t *testing.T) {
	second := func(edit func(*mongo.Member)) func(*mongo.Config) {
		return func(c *mongo.Config) { edit(&c.Members[1]) }
	}
	arbiter := func(edit func(*mongo.Member)) func(*mongo.Config) {
		return func(c *mongo.Config) { edit(&c.Members[2]) }
	}
	extra := func(name string, value any) func(*mongo.Config) {
		return second(func(m *mongo.Member) { m.Extra = mongo.Fields{name: raw(t, value)} })
	}
	prior := func(name string, value any) func(*mongo.Config) { // of a member that has a priority
		return func(c *mongo.Config) { c.Members[0].Extra = mongo.Fields{name: raw(t, value)} }
	}
	setting := func(name string, value any) func(*mongo.Config) {
		return func(c *mongo.Config) { c.Extra = mongo.Fields{"settings": raw(t, bson.D{{Key: name, Value: value}})} }
	}
	members := func(n, votes int) func(*mongo.Config) {
		return func(c *mongo.Config) {
			for i := len(c.Members); i < n; i++ {
				c.Members = append(c.Members, mongo.Member{ID: i + 10, Host: fmt.Sprintf("m%d:1", i), Votes: votes})
			}
		}
	}
	for name, tc := range map[string]struct {
		edit func(*mongo.Config)
		want string // none: it is legal
	}{
		"no name":                    {func(c *mongo.Config) { c.ID = "" }, "the set has no name"},
		"50 members":                 {members(50, 0), ""},
		"51 members":                 {members(51, 0), "not 51"},
		"7 voters":                   {members(7, 1), ""},
		"8 voters":                   {members(8, 1), "8 members vote"},
		"_id 0":                      {second(func(m *mongo.Member) { m.ID = 0 }), ""},
		"_id 255":                    {second(func(m *mongo.Member) { m.ID = 255 }), ""},
		"_id -1":                     {second(func(m *mongo.Member) { m.ID = -1 }), "_id -1 is not in 0 to 255"},
		"_id 256":                    {second(func(m *mongo.Member) { m.ID = 256 }), "_id 256 is not in 0 to 255"},
		"a vote less than none":      {second(func(m *mongo.Member) { m.Votes = -1 }), "votes must be 0 or 1, not -1"},
		"two votes":                  {second(func(m *mongo.Member) { m.Votes = 2 }), "votes must be 0 or 1, not 2"},
		"priority 1000":              {second(func(m *mongo.Member) { m.Priority = 1000 }), ""},
		"priority 1000.5":            {second(func(m *mongo.Member) { m.Priority = 1000.5 }), "priority 1000.5 is not in 0 to 1000"},
		"no number":                  {second(func(m *mongo.Member) { m.Priority = math.NaN() }), "priority NaN is not in 0 to 1000"},
		"hidden":                     {second(func(m *mongo.Member) { m.Hidden = true }), ""},
		"hidden, with a priority":    {func(c *mongo.Config) { c.Members[0].Hidden = true }, "a hidden member must have priority 0"},
		"port 65535":                 {second(func(m *mongo.Member) { m.Host = "b:65535" }), ""},
		"port 65536":                 {second(func(m *mongo.Member) { m.Host = "b:65536" }), `"65536" is no port`},
		"no host":                    {second(func(m *mongo.Member) { m.Host = "" }), "is not a host"},
		"a port alone":               {second(func(m *mongo.Member) { m.Host = ":5" }), `":5" is not a host`},
		"a blank in the host":        {second(func(m *mongo.Member) { m.Host = "b c:1" }), `"b c:1" is not a host`},
		"the same host, by its port": {func(c *mongo.Config) { c.Members[0].Host, c.Members[1].Host = "a", "a:27017" }, "a:27017 is a member twice"},
		"an arbiter with a priority": {arbiter(func(m *mongo.Member) { m.Priority = 2 }), "an arbiter must have priority 0"},
		"an arbiter of old":          {arbiter(func(m *mongo.Member) { m.Priority = 1 }), ""},
		"an arbiter without a vote":  {arbiter(func(m *mongo.Member) { m.Votes = 0 }), "an arbiter must vote"},
		"an arbiter with tags": {arbiter(func(m *mongo.Member) {
			m.Extra = mongo.Fields{"tags": raw(t, bson.D{{Key: "dc", Value: "1"}})}
		}), "an arbiter must have no tags"},
		"tags":                              {extra("tags", bson.D{{Key: "dc", Value: "1"}}), ""},
		"the longest delay":                 {extra("slaveDelay", int64(mongo.MaxDelay.Seconds())), ""},
		"a second more":                     {extra("slaveDelay", int64(mongo.MaxDelay.Seconds())+1), "is not in 0 to 8784h0m0s"},
		"delayed, with a priority":          {prior("secondaryDelaySecs", 1), "a delayed member must have priority 0"},
		"no delay, with a priority":         {prior("secondaryDelaySecs", 0), ""},
		"without indexes":                   {extra("buildIndexes", false), ""},
		"without indexes, with a priority":  {prior("buildIndexes", false), "builds no indexes must have priority 0"},
		"with indexes":                      {prior("buildIndexes", true), ""},
		"with indexes, in another language": {prior("buildIndexes", "yes"), ""},
		"horizons of one alone": {extra("horizons", bson.D{{Key: "outside", Value: "gate:1"}}),
			"b:1 names other horizons (outside) than a:1 (none)"},
		"a protocol in letters":              {func(c *mongo.Config) { c.Extra = mongo.Fields{"protocolVersion": raw(t, "1")} }, "neither 1 nor 0"},
		"electionTimeoutMillis 1":            {setting("electionTimeoutMillis", 1), ""},
		"electionTimeoutMillis 0":            {setting("electionTimeoutMillis", 0), "must be a number from 1 on, not"},
		"the longest electionTimeoutMillis":  {setting("electionTimeoutMillis", int64(math.MaxInt32)), ""},
		"a longer electionTimeoutMillis":     {setting("electionTimeoutMillis", int64(math.MaxInt32)+1), "must be a number from 1 on"},
		"catchUpTimeoutMillis -1":            {setting("catchUpTimeoutMillis", -1), ""},
		"catchUpTimeoutMillis -2":            {setting("catchUpTimeoutMillis", -2), "must be a number from -1 on"},
		"catchUpTimeoutMillis in letters":    {setting("catchUpTimeoutMillis", "0"), "must be a number from -1 on"},
		"a setting that nobody has heard of": {setting("x", -7), ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := config(mongo.DataMember(1, "a:1", 3), mongo.DataMember(2, "b:1", 0), mongo.ArbiterMember(3, "c:1"))
			tc.edit(&c)
			err := mongo.Validate(c)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// What two configurations differ by; and what one has more than the other, which it includes then.
func TestConfigurationsThatAreTheSame(t *testing.T) {
	edited := func(edit func(*mongo.Config)) mongo.Config {
		c := config(mongo.DataMember(1, "a:1", 3), mongo.DataMember(2, "b", 2), mongo.ArbiterMember(3, "c:1"))
		c.Extra = mongo.Fields{"term": raw(t, int64(4)), "n": raw(t, int32(0)), "list": raw(t, bson.A{int32(1)}),
			"settings": raw(t, bson.D{{Key: "x", Value: 1}, {Key: "y", Value: "z"}})}
		edit(&c)
		return c
	}
	set := func(name string, value any) func(*mongo.Config) {
		return func(c *mongo.Config) { c.Extra[name] = raw(t, value) }
	}
	base := edited(func(*mongo.Config) {})
	for name, edit := range map[string]func(*mongo.Config){
		"the version, and no term":    func(c *mongo.Config) { c.Version = 9; delete(c.Extra, "term") },
		"another term":                set("term", int64(5)),
		"another order":               func(c *mongo.Config) { c.Members[0], c.Members[1] = c.Members[1], c.Members[0] },
		"a port that goes unsaid":     func(c *mongo.Config) { c.Members[1].Host = "b:27017" },
		"an arbiter's priority of 1":  func(c *mongo.Config) { c.Members[2].Priority = 1 },
		"a number of another type":    set("n", 0.0),
		"one within a list":           set("list", bson.A{1.0}),
		"fields of another order":     set("settings", bson.D{{Key: "y", Value: "z"}, {Key: "x", Value: int64(1)}}),
		"nothing but a clone of each": func(c *mongo.Config) { *c = c.Clone() },
	} {
		require.True(t, base.Equal(edited(edit)), name)
		require.True(t, edited(edit).Equal(base), name)
	}
	for name, edit := range map[string]func(*mongo.Config){
		"another set":               func(c *mongo.Config) { c.ID = "set03" },
		"a host":                    func(c *mongo.Config) { c.Members[1].Host = "d:1" },
		"an _id":                    func(c *mongo.Config) { c.Members[1].ID = 9 },
		"an arbiter":                func(c *mongo.Config) { c.Members[1].ArbiterOnly = true },
		"hidden":                    func(c *mongo.Config) { c.Members[1].Hidden = true },
		"a priority":                func(c *mongo.Config) { c.Members[1].Priority = 3 },
		"a vote":                    func(c *mongo.Config) { c.Members[1].Votes = 0 },
		"letters for a number":      set("n", "0"),
		"another string":            set("settings", bson.D{{Key: "x", Value: 1}, {Key: "y", Value: "Z"}}),
		"another name in a setting": set("settings", bson.D{{Key: "x", Value: 1}, {Key: "Y", Value: "z"}}),
		"a list for a document":     set("list", bson.D{{Key: "0", Value: int32(1)}}),
	} {
		require.False(t, base.Includes(edited(edit)), name)
		require.False(t, edited(edit).Includes(base), name)
	}
	for name, edit := range map[string]func(*mongo.Config){
		"a field more":             set("chaining", true),
		"a field of a member more": func(c *mongo.Config) { c.Members[0].Extra = mongo.Fields{"slaveDelay": raw(t, int64(0))} },
	} {
		require.True(t, edited(edit).Includes(base), name)
		require.False(t, base.Includes(edited(edit)), name)
		require.False(t, base.Equal(edited(edit)), name)
		require.False(t, edited(edit).Equal(base), name)
	}
	for name, edit := range map[string]func(*mongo.Config){
		"a member more":                 func(c *mongo.Config) { c.Members = append(c.Members, mongo.Member{ID: 4, Host: "d:1"}) },
		"a setting more in a document":  set("settings", bson.D{{Key: "x", Value: 1}, {Key: "y", Value: "z"}, {Key: "z", Value: 1}}),
		"another element more in lists": set("list", bson.A{int32(1), int32(2)}),
	} {
		require.False(t, base.Includes(edited(edit)), name)
		require.False(t, edited(edit).Includes(base), name)
	}
}

// The votes of one member may change in a step, and no more.
func TestCheckStepToTheLimit(t *testing.T) {
	from := config(mongo.DataMember(1, "a:1", 3), mongo.DataMember(2, "b:1", 0), mongo.ArbiterMember(3, "c:1"), mongo.Member{ID: 4, Host: "d:1"})
	for name, tc := range map[string]struct {
		edit func(*mongo.Config)
		want string
	}{
		"nothing":                          {func(*mongo.Config) {}, ""},
		"a voter leaves":                   {func(c *mongo.Config) { c.Members = append(c.Members[:1:1], c.Members[2:]...) }, ""},
		"one without a vote leaves":        {func(c *mongo.Config) { c.Members = c.Members[:3] }, ""},
		"a voter leaves and one without":   {func(c *mongo.Config) { c.Members = c.Members[:2] }, ""},
		"a voter leaves and another joins": {func(c *mongo.Config) { c.Members[1] = mongo.DataMember(9, "e:1", 0) }, "of 2 members change at once (b:1, e:1)"},
		"a vote is lost and one is given":  {func(c *mongo.Config) { c.Members[1].Votes, c.Members[3].Votes = 0, 1 }, "of 2 members change at once (b:1, d:1)"},
		"a vote is given":                  {func(c *mongo.Config) { c.Members[3].Votes = 1 }, ""},
		"a vote is given, one without joins": {func(c *mongo.Config) {
			c.Members[3].Votes = 1
			c.Members = append(c.Members, mongo.Member{ID: 5, Host: "e:1"})
		}, ""},
		"another set":      {func(c *mongo.Config) { c.ID = "set03" }, `for the set "set03"`},
		"the same version": {func(c *mongo.Config) { c.Version-- }, "the version after 7 is 8"},
		"an illegal one":   {func(c *mongo.Config) { c.Members[0].Priority = 0 }, "no member can be elected"},
		"another _id":      {func(c *mongo.Config) { c.Members[3].ID = 5 }, "the _id of d:1 changes from 4 to 5"},
	} {
		t.Run(name, func(t *testing.T) {
			to := from.Clone()
			to.Version++
			tc.edit(&to)
			err := mongo.CheckStep(from, to)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, mongo.ErrUnsafeStep)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// A document with a value of the wrong kind is refused, and is not read with the default in its place.
func TestDocumentsOfAnotherKind(t *testing.T) {
	member := func(name string, value any) bson.D {
		return bson.D{{Key: "_id", Value: 1}, {Key: "host", Value: "a:1"}, {Key: name, Value: value}}
	}
	for _, tc := range []struct {
		into any
		doc  bson.D
		want string
	}{
		{&mongo.Config{}, bson.D{{Key: "_id", Value: "x"}, {Key: "version", Value: 1.5}, {Key: "members", Value: bson.A{}}}, "version"},
		{&mongo.Config{}, bson.D{{Key: "version", Value: 1}, {Key: "members", Value: bson.A{}}}, "_id, version or members is missing"},
		{&mongo.Member{}, member("votes", "1"), "votes"},
		{&mongo.Member{}, member("priority", "1"), "priority"},
		{&mongo.Member{}, bson.D{{Key: "_id", Value: 1}}, "_id or host is missing"},
		{&mongo.MemberStatus{}, bson.D{{Key: "optime", Value: "soon"}}, "cannot read optime: it is a string"},
		{&mongo.MemberStatus{}, bson.D{{Key: "optime", Value: bson.D{{Key: "t", Value: 1}}}}, "it has no timestamp ts"},
	} {
		data, err := bson.Marshal(tc.doc)
		require.NoError(t, err)
		require.ErrorContains(t, bson.Unmarshal(data, tc.into), tc.want)
	}
	data, err := bson.Marshal(member("arbiterOnly", true))
	require.NoError(t, err)
	var m mongo.Member
	require.NoError(t, bson.Unmarshal(data, &m))
	require.Equal(t, mongo.ArbiterMember(1, "a:1"), m)
}

// What is written of a configuration: its own fields come from itself, and a set without members has none, and not nothing.
func TestWhatIsWrittenOfAConfiguration(t *testing.T) {
	c := mongo.Config{ID: "s", Version: 3, Extra: mongo.Fields{"version": raw(t, 9), "b": raw(t, 1), "a": raw(t, 2)}}
	text, err := bson.MarshalExtJSON(c, false, false)
	require.NoError(t, err)
	require.JSONEq(t, `{"_id":"s","version":3,"members":[],"a":2,"b":1}`, string(text))
	_, ok := c.Term()
	require.False(t, ok)

	c.Extra = mongo.Fields{"damaged": {Type: bson.TypeString, Value: []byte{9}}}
	_, err = c.WriteTo(&bytes.Buffer{})
	require.Error(t, err)
}

// A clone shares nothing that a change of it would reach.
func TestACloneIsApart(t *testing.T) {
	c := config(mongo.Member{ID: 1, Host: "a:1", Extra: mongo.Fields{"x": raw(t, 1)}})
	c.Extra = mongo.Fields{"y": raw(t, 1)}
	d := c.Clone()
	d.Members[0].Host = "b:1"
	d.Members[0].Extra["x"], d.Extra["y"] = raw(t, 2), raw(t, 2)
	require.Equal(t, "a:1", c.Members[0].Host)
	require.Equal(t, raw(t, 1), c.Members[0].Extra["x"])
	require.Equal(t, raw(t, 1), c.Extra["y"])
	_, ok := c.Member("c:1")
	require.False(t, ok)
	first, ok := c.Member("a:1")
	require.True(t, ok)
	require.Equal(t, c.Members[0], first)
	require.False(t, mongo.DataMember(1, "a:1", 0).Electable())
	require.False(t, mongo.Member{Priority: 1}.Electable())
}

func TestMembersInWords(t *testing.T) {
	require.Equal(t, "set02 v7: a:1 p0 no vote, b:1 p0 hidden, c:1 arbiter",
		config(mongo.Member{Host: "a:1"}, mongo.Member{Host: "b:1", Votes: 1, Hidden: true}, mongo.ArbiterMember(3, "c:1")).String())
	for text, word := range map[string]fmt.Stringer{
		"all data": mongo.LosesData, "primary moves": mongo.MovesPrimary, "LossKind(-1)": mongo.LossKind(-1), "LossKind(4)": mongo.LossKind(4),
		"unknown": mongo.TrendUnknown, "rolled over": mongo.RolledOver, "Trend(-1)": mongo.Trend(-1), "Trend(6)": mongo.Trend(6),
		"unset migratingShards": mongo.UnsetMigratingShards, "replace versions": mongo.ReplaceVersions,
		"ShardingOp(-1)": mongo.ShardingOp(-1), "ShardingOp(3)": mongo.ShardingOp(3),
		"STARTUP": mongo.StateStartup, "REMOVED": mongo.StateRemoved, "MemberState(-1)": mongo.MemberState(-1), "MemberState(11)": mongo.MemberState(11),
	} {
		require.Equal(t, text, word.String())
	}
}
