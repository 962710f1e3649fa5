package mongo

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/internal/op"
)

// ShardingDatabase is the database that the sharding fix writes to, on the primary of each ADMIN replica set.
const ShardingDatabase = "sharding"

// ShardingFix is the guide's repair of the sharding configuration after an upgrade (cps:924-945, cps:1297-1311), for
// one ADMIN replica set. It is run for every ADMIN set on its own (cps:926).
//
// # How "exactly once" comes about
//
// The guide's second write, {$inc: {version: 1}}, counts twice when it is sent twice; after a lost connection nobody knows
// whether it was. So:
//
//  1. ReadScript prints the state before. It is journalled before anything is written.
//  2. Steps makes the three writes from that state. The second carries the version that was read in its filter: {_id: 1, version:
//     before}. Once it has taken effect the filter matches no more, so a repeat, by this run or by another one that resumes
//     from the same journal, changes nothing.
//  3. After a crash, ReadScript again and Probe: done, not yet, or [ErrShardingChanged] when somebody else has written. A write that
//     was lost in a failover shows as "not yet", and is made again, once.
//
// Nobody else may write there meanwhile: a bump by another hand cannot be told from this one, and the version has moved on
// then as the guide wants it.
//
// The first write is the same however often it is made. The third, remove and insert, ends in the same document however often both run
// together; it is not repeated once it is there, since CPS goes on counting in that document.
type ShardingFix struct {
	Set string // name of the replica set; when given, a script refuses to run on another one

	// Majority makes the writes wait, for this time at most, until a majority of the members has them; 0 waits for the
	// primary's journal only. Without a majority the write stays on the primary and the shell reports a timeout: Probe then tells.
	Majority time.Duration
}

// ShardingOp names one of the three writes.
type ShardingOp int

// The writes, in the guide's order (MON-028).
const (
	UnsetMigratingShards ShardingOp = iota // db.cache_config.updateMany({}, {$unset: {migratingShards: 1}})
	BumpConfigVersion                      // db.config.update({_id: 1, version: before}, {$inc: {version: 1}})
	ReplaceVersions                        // db.versions.remove({}), db.versions.insert({_id: "cache_config", …})
)

func (o ShardingOp) String() string {
	names := [...]string{"unset migratingShards", "bump the configuration version", "replace versions"}
	if o >= 0 && int(o) < len(names) {
		return names[o]
	}
	return fmt.Sprintf("ShardingOp(%d)", int(o))
}

// ShardingStep is one write as data: for a mongo shell its Script, for a driver its Op and Before.
type ShardingStep struct {
	Op     ShardingOp
	Guide  string // where the guide has it
	Script string // JavaScript for the mongo shell and mongosh
	Effect op.Effect
	Repeat op.Repeat
	Before ShardingState // the state that the step was made from
}

// ErrShardingChanged says that the state is neither what it was before a step nor what the step makes of it.
var ErrShardingChanged = errors.New("somebody else has changed the sharding configuration")

// Steps are the three writes in order, made from the state before. Journal that state first.
func (f ShardingFix) Steps(before ShardingState) []ShardingStep {
	bump := f.BumpScript(strconv.FormatInt(before.ConfigVersion, 10))
	if !before.HasConfig {
		bump = f.script(`print("there was no document with _id 1 in config: nothing to change");
`)
	}
	return []ShardingStep{
		{Op: UnsetMigratingShards, Guide: "cps:928-932", Script: f.UnsetScript(), Effect: op.Mutating, Repeat: op.Idempotent, Before: before},
		{Op: BumpConfigVersion, Guide: "cps:934-938", Script: bump, Effect: op.Mutating, Repeat: op.ProbeFirst, Before: before},
		{Op: ReplaceVersions, Guide: "cps:940-946", Script: f.ReplaceScript(), Effect: op.Mutating, Repeat: op.ProbeFirst, Before: before},
	}
}

// Probe tells from the present state whether the step has taken effect. It errs with [ErrShardingChanged] when the
// state does not follow from the one the step was made from; the operator must look then.
func (s ShardingStep) Probe(now ShardingState) (done bool, err error) {
	if now.Set != s.Before.Set {
		return false, fmt.Errorf("the state is of the set %q and the step for %q", now.Set, s.Before.Set)
	}
	switch s.Op {
	case UnsetMigratingShards:
		return now.MigratingShards == 0, nil
	case BumpConfigVersion:
		switch {
		case s.Before.HasConfig != now.HasConfig:
		case !now.HasConfig, now.ConfigVersion == s.Before.ConfigVersion+1: // the guide's update matches nothing either
			return true, nil
		case now.ConfigVersion == s.Before.ConfigVersion:
			return false, nil
		}
		return false, fmt.Errorf("%w: config was %s before the step and is %s", ErrShardingChanged, s.Before.configText(), now.configText())
	case ReplaceVersions:
		if len(now.Versions) == 1 && now.Versions[0] == CompleteVersions {
			return true, nil
		}
		for _, v := range now.Versions { // what the removal has left, at most
			if !slices.Contains(s.Before.Versions, v) {
				return false, fmt.Errorf("%w: versions holds %+v", ErrShardingChanged, v)
			}
		}
		return false, nil
	}
	return false, fmt.Errorf("unknown step %v", s.Op)
}

// CompleteVersions is the document that the guide inserts (cps:944).
var CompleteVersions = VersionsDoc{ID: "cache_config", MigrationStatus: "COMPLETE"}

// stateMarker begins the line that ReadScript prints, so that banners and warnings cannot be taken for it.
const stateMarker = "evenkeel-sharding-state "

// ReadScript prints the state for [ParseShardingState]. It changes nothing.
func (f ShardingFix) ReadScript() string {
	return f.script(`var num = function (x) {
  if (x === null || x === undefined) { return 0; }
  return typeof x === "number" ? x : (typeof x.toNumber === "function" ? x.toNumber() : Number(x));
};
var conf = s.config.findOne({"_id": 1});
var versions = [];
s.versions.find({}).sort({"_id": 1}).forEach(function (v) {
  versions.push({"_id": String(v._id), "version": num(v.version), "previousVersion": num(v.previousVersion),
    "migrationStatus": String(v.migrationStatus)});
});
print("` + stateMarker + `" + JSON.stringify({
  "set": String(me.setName), "primary": String(me.me),
  "cacheConfigs": num(s.cache_config.find({}).itcount()),
  "migratingShards": num(s.cache_config.find({"migratingShards": {"$exists": true}}).itcount()),
  "hasConfig": conf !== null, "configVersion": conf === null ? 0 : num(conf.version),
  "versions": versions}));
`)
}

// UnsetScript is the guide's first write (MON-025).
func (f ShardingFix) UnsetScript() string {
	return f.script(`print(tojson(s.cache_config.updateMany({}, {"$unset": {"migratingShards": 1}}, wc)));
`)
}

// BumpScript is the guide's second write with the version read before in its filter, so that it counts once (MON-026,
// MON-029). The version is a number, or what stands for it until the script runs.
func (f ShardingFix) BumpScript(version string) string {
	return f.script(fmt.Sprintf(`print(tojson(s.config.updateOne({"_id": 1, "version": %s}, {"$inc": {"version": 1}}, wc)));
`, version))
}

// ReplaceScript is the guide's third write, the removal and the insertion together (MON-027).
func (f ShardingFix) ReplaceScript() string {
	return f.script(`print(tojson(s.versions.deleteMany({}, wc)));
print(tojson(s.versions.insertOne({"_id": "cache_config", "version": NumberInt(0), "previousVersion": NumberInt(0),
  "migrationStatus": "COMPLETE"}, wc)));
`)
}

// script guards a body: it runs on the primary of the right set only, and fails loudly elsewhere.
func (f ShardingFix) script(body string) string {
	var b strings.Builder
	b.WriteString("var me = db.isMaster();\n")
	b.WriteString(`if (!me.ismaster) { throw new Error("not the primary, which is " + me.primary); }` + "\n")
	if f.Set != "" {
		name, err := json.Marshal(f.Set)
		if err != nil { // a string always has a JSON form
			panic(err)
		}
		fmt.Fprintf(&b, "if (me.setName !== %s) { throw new Error(\"this is the set \" + me.setName); }\n", name)
	}
	fmt.Fprintf(&b, "var s = db.getSiblingDB(%q);\n", ShardingDatabase)
	if f.Majority > 0 {
		fmt.Fprintf(&b, "var wc = {\"writeConcern\": {\"w\": \"majority\", \"wtimeout\": %d}};\n", f.Majority.Milliseconds())
	} else {
		b.WriteString("var wc = {\"writeConcern\": {\"w\": 1, \"j\": true}};\n")
	}
	b.WriteString(body)
	return b.String()
}

// Commands are what a step sends, with their write concern; none where there is nothing to change. Each is for the
// database [ShardingDatabase].
func (f ShardingFix) Commands(s ShardingStep) []bson.D {
	cmds := f.commands(s)
	for i := range cmds {
		cmds[i] = append(cmds[i], f.writeConcern())
	}
	return cmds
}

func (f ShardingFix) commands(s ShardingStep) []bson.D {
	update := func(coll string, filter, change bson.D, multi bool) bson.D {
		return bson.D{{Key: "update", Value: coll}, {Key: "updates", Value: bson.A{bson.D{
			{Key: "q", Value: filter}, {Key: "u", Value: change}, {Key: "multi", Value: multi}, {Key: "upsert", Value: false},
		}}}}
	}
	switch s.Op {
	case UnsetMigratingShards:
		return []bson.D{update("cache_config", bson.D{}, bson.D{{Key: "$unset", Value: bson.D{{Key: "migratingShards", Value: 1}}}}, true)}
	case BumpConfigVersion:
		if !s.Before.HasConfig {
			return nil
		}
		return []bson.D{update("config", bson.D{{Key: "_id", Value: 1}, {Key: "version", Value: s.Before.ConfigVersion}},
			bson.D{{Key: "$inc", Value: bson.D{{Key: "version", Value: 1}}}}, false)}
	case ReplaceVersions:
		return []bson.D{
			{{Key: "delete", Value: "versions"}, {Key: "deletes", Value: bson.A{bson.D{{Key: "q", Value: bson.D{}}, {Key: "limit", Value: 0}}}}},
			{{Key: "insert", Value: "versions"}, {Key: "documents", Value: bson.A{bson.D{
				{Key: "_id", Value: CompleteVersions.ID}, {Key: "version", Value: int32(0)}, {Key: "previousVersion", Value: int32(0)},
				{Key: "migrationStatus", Value: CompleteVersions.MigrationStatus},
			}}}},
		}
	}
	return nil
}

func (f ShardingFix) writeConcern() bson.E {
	wc := bson.D{{Key: "w", Value: 1}, {Key: "j", Value: true}}
	if f.Majority > 0 {
		wc = bson.D{{Key: "w", Value: "majority"}, {Key: "wtimeout", Value: f.Majority.Milliseconds()}}
	}
	return bson.E{Key: "writeConcern", Value: wc}
}
