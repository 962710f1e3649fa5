package mongotest

import (
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/evenkeel-ha/evenkeel/internal/replsim"
	"github.com/evenkeel-ha/evenkeel/mongo"
)

// simConfig is a configuration as the simulation models it, with the document carried along.
func simConfig(c mongo.Config) (replsim.Config, error) {
	doc, err := bson.Marshal(c)
	if err != nil {
		return replsim.Config{}, fmt.Errorf("cannot encode the configuration: %w", err)
	}
	out := replsim.Config{Version: c.Version, Doc: doc}
	for _, m := range c.Members {
		out.Members = append(out.Members, replsim.MemberSpec{
			ID: m.ID, Host: m.Host, ArbiterOnly: m.ArbiterOnly, Hidden: m.Hidden, Priority: m.Priority, Votes: m.Votes,
		})
	}
	return out, nil
}

// mongoConfig is a configuration as a server of the release prints it, with the fields that it fills in.
func (s *Set) mongoConfig(c *replsim.Config) mongo.Config {
	var carried mongo.Config
	if c.Doc != nil {
		if err := bson.Unmarshal(c.Doc, &carried); err != nil { // it was decoded before it was taken
			panic(fmt.Sprintf("mongotest: a carried configuration: %v", err))
		}
	}
	out := mongo.Config{ID: s.sim.Name(), Version: c.Version, Extra: s.settings(carried.Extra)}
	delay := "slaveDelay"
	if s.opt.Wire >= Wire50 {
		delay = "secondaryDelaySecs"
	}
	for _, m := range c.Members {
		extra := mongo.Fields{"buildIndexes": rawValue(true), "tags": rawValue(bson.D{}), delay: rawValue(int64(0))}
		if had, ok := carried.Member(m.Host); ok {
			for k, v := range had.Extra {
				extra[k] = v
			}
		}
		out.Members = append(out.Members, mongo.Member{
			ID: m.ID, Host: m.Host, ArbiterOnly: m.ArbiterOnly, Hidden: m.Hidden, Priority: m.Priority, Votes: m.Votes, Extra: extra,
		})
	}
	if delete(out.Extra, "term"); s.opt.Wire >= Wire44 {
		out.Extra["term"] = rawValue(c.Term)
	}
	return out
}

// setting is a time in the settings of a configuration, 0 when it is not there.
func setting(c mongo.Config, name string) time.Duration {
	doc, ok := c.Extra["settings"].DocumentOK()
	if !ok {
		return 0
	}
	ms, _ := numeric(doc.Lookup(name))
	return time.Duration(ms) * time.Millisecond
}

// settings are the fields of a set with the server's defaults.
func (s *Set) settings(given mongo.Fields) mongo.Fields {
	settings := bson.M{
		"chainingAllowed": true, "heartbeatIntervalMillis": s.opt.HeartbeatInterval.Milliseconds(),
		"electionTimeoutMillis": s.opt.ElectionTimeout.Milliseconds(),
		"replicaSetId":          primitive.ObjectID{0x5c, 0xd1, 0x0d, 0xbd, 0xb6, 0xf7, 0x2b, 0xf0, 0xa1, 0x9e, 0xd7, 0xf7},
	}
	out := mongo.Fields{"protocolVersion": rawValue(int64(1)), "writeConcernMajorityJournalDefault": rawValue(true)}
	for k, v := range given {
		out[k] = v
	}
	if doc, ok := given["settings"].DocumentOK(); ok {
		elements, err := doc.Elements()
		if err == nil {
			for _, e := range elements {
				settings[e.Key()] = e.Value()
			}
		}
	}
	for _, k := range []string{
		"heartbeatIntervalMillis", "heartbeatTimeoutSecs", "electionTimeoutMillis", "catchUpTimeoutMillis", "catchUpTakeoverDelayMillis",
	} { // of whatever number type they were given, a server keeps an int
		if v, ok := settings[k]; ok {
			if n, ok := numeric(rawValue(v)); ok {
				settings[k] = int32(n)
			}
		}
	}
	ordered := bson.D{}
	for _, k := range sortedKeys(settings) {
		ordered = append(ordered, bson.E{Key: k, Value: settings[k]})
	}
	out["settings"] = rawValue(ordered)
	return out
}

func rawValue(v any) bson.RawValue {
	t, data, err := bson.MarshalValue(v)
	if err != nil {
		panic(fmt.Sprintf("mongotest: %T has no BSON form: %v", v, err))
	}
	return bson.RawValue{Type: t, Value: data}
}
