// A stand-in for what the mongo shell gives a script: db, print, tojson, NumberInt, and collections just able enough.
function Int(n) { this.n = n; }
Int.prototype.toNumber = function () { return this.n; };
const plain = (x) => (x instanceof Int ? x.n : x);
const store = {
  cache_config: [{_id: 1, migratingShards: ["shard-1"]}, {_id: 2}],
  config: [{_id: 1, version: new Int(4)}],
  versions: [{_id: "cache_config", version: 7, previousVersion: new Int(6), migrationStatus: "MIGRATING"}],
};
function matches(doc, query) {
  return Object.entries(query).every(([k, v]) =>
    v !== null && typeof v === "object" && "$exists" in v ? (k in doc) === v.$exists : plain(doc[k]) === plain(v));
}
function update(doc, change) {
  Object.keys(change.$unset || {}).forEach((k) => delete doc[k]);
  Object.entries(change.$inc || {}).forEach(([k, v]) => { doc[k] = plain(doc[k]) + plain(v); });
}
function collection(name) {
  const found = (q) => store[name].filter((d) => matches(d, q));
  return {
    find: (q) => ({itcount: () => found(q).length, sort: () => found(q), forEach: (f) => found(q).forEach(f)}),
    findOne: (q) => found(q)[0] || null,
    updateMany: (q, c) => { found(q).forEach((d) => update(d, c)); return {acknowledged: true}; },
    updateOne: (q, c) => { found(q).slice(0, 1).forEach((d) => update(d, c)); return {matchedCount: found(q).length}; },
    deleteMany: (q) => { store[name] = store[name].filter((d) => !matches(d, q)); return {acknowledged: true}; },
    insertOne: (d) => {
      if (store[name].some((o) => o._id === d._id)) { throw new Error("E11000 duplicate key"); }
      store[name].push(d);
      return {acknowledged: true};
    },
  };
}
globalThis.print = (x) => console.log(String(x));
globalThis.tojson = JSON.stringify;
globalThis.NumberInt = (n) => new Int(n);
function shell(options) {
  globalThis.db = {
    isMaster: () => ({ismaster: options.ismaster, setName: options.set, me: "sessionmgr01:27721", primary: "sessionmgr02:27721"}),
    getSiblingDB: (name) => {
      if (name !== "sharding") { throw new Error("wrong database " + name); }
      return {cache_config: collection("cache_config"), config: collection("config"), versions: collection("versions")};
    },
  };
}
function run(text) { new Function(text)(); }
