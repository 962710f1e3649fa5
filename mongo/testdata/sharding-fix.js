// read
var me = db.isMaster();
if (!me.ismaster) { throw new Error("not the primary, which is " + me.primary); }
if (me.setName !== "set06") { throw new Error("this is the set " + me.setName); }
var s = db.getSiblingDB("sharding");
var wc = {"writeConcern": {"w": 1, "j": true}};
var num = function (x) {
  if (x === null || x === undefined) { return 0; }
  return typeof x === "number" ? x : (typeof x.toNumber === "function" ? x.toNumber() : Number(x));
};
var conf = s.config.findOne({"_id": 1});
var versions = [];
s.versions.find({}).sort({"_id": 1}).forEach(function (v) {
  versions.push({"_id": String(v._id), "version": num(v.version), "previousVersion": num(v.previousVersion),
    "migrationStatus": String(v.migrationStatus)});
});
print("evenkeel-sharding-state " + JSON.stringify({
  "set": String(me.setName), "primary": String(me.me),
  "cacheConfigs": num(s.cache_config.find({}).itcount()),
  "migratingShards": num(s.cache_config.find({"migratingShards": {"$exists": true}}).itcount()),
  "hasConfig": conf !== null, "configVersion": conf === null ? 0 : num(conf.version),
  "versions": versions}));

// unset migratingShards (cps:928-932), idempotent
var me = db.isMaster();
if (!me.ismaster) { throw new Error("not the primary, which is " + me.primary); }
if (me.setName !== "set06") { throw new Error("this is the set " + me.setName); }
var s = db.getSiblingDB("sharding");
var wc = {"writeConcern": {"w": 1, "j": true}};
print(tojson(s.cache_config.updateMany({}, {"$unset": {"migratingShards": 1}}, wc)));

// bump the configuration version (cps:934-938), probe-first
var me = db.isMaster();
if (!me.ismaster) { throw new Error("not the primary, which is " + me.primary); }
if (me.setName !== "set06") { throw new Error("this is the set " + me.setName); }
var s = db.getSiblingDB("sharding");
var wc = {"writeConcern": {"w": 1, "j": true}};
print(tojson(s.config.updateOne({"_id": 1, "version": 4}, {"$inc": {"version": 1}}, wc)));

// replace versions (cps:940-946), probe-first
var me = db.isMaster();
if (!me.ismaster) { throw new Error("not the primary, which is " + me.primary); }
if (me.setName !== "set06") { throw new Error("this is the set " + me.setName); }
var s = db.getSiblingDB("sharding");
var wc = {"writeConcern": {"w": 1, "j": true}};
print(tojson(s.versions.deleteMany({}, wc)));
print(tojson(s.versions.insertOne({"_id": "cache_config", "version": NumberInt(0), "previousVersion": NumberInt(0),
  "migrationStatus": "COMPLETE"}, wc)));
