// A stand-in for the mongo shell (argument "legacy") and for mongosh ("mongosh"): it runs the scripts that come on its standard input, and hands every
// runCommand to whoever started it, with the value types that the shell in question has. One JSON document on a line each way:
//   in {"script"} … out {"run": {db, cmd}}, in {"reply"} or {"lost"} … out {"done": what was printed}
const fs = require("fs");
const legacy = process.argv[2] === "legacy";

let rest = "";
function readLine() {
  const chunk = Buffer.alloc(1 << 16);
  for (;;) {
    const end = rest.indexOf("\n");
    if (end >= 0) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      return JSON.parse(line);
    }
    const n = fs.readSync(0, chunk, 0, chunk.length, null);
    if (n === 0) { process.exit(0); }
    rest += chunk.toString("latin1", 0, n);
  }
}
function writeLine(o) { fs.writeSync(1, JSON.stringify(o) + "\n"); }

// What scripts write: the same calls in both shells.
class NumberIntType { constructor(n) { this.n = n; } toString() { return legacy ? "NumberInt(" + this.n + ")" : String(this.n); } }
class NumberLongType { constructor(s) { this.s = String(s); } toString() { return legacy ? "NumberLong(\"" + this.s + "\")" : this.s; } }
class TimestampType { constructor(t, i) { if (legacy || t % 2 === 0) { this.t = t; this.i = i; } else { this.high = t | 0; this.low = i | 0; } } }
class ObjectIdType { constructor(hex) { if (legacy) { this.str = hex; } else { this.toHexString = () => hex; } this.hex = () => hex; } }
class BinDataType {
  constructor(sub, text) {
    this.text = text;
    if (legacy) { this.subtype = () => sub; this.base64 = () => text; } else { this.sub_type = sub; }
    this.sub = () => sub;
  }
  toString() { return this.text; }
}
if (!legacy) {
  NumberLongType.prototype._bsontype = "Long";
  NumberIntType.prototype._bsontype = "Int32";
  TimestampType.prototype._bsontype = "Timestamp";
  ObjectIdType.prototype._bsontype = "ObjectId";
  BinDataType.prototype._bsontype = "Binary";
}
// In the older shell the names are the types; in mongosh they are functions that make a value of another type.
globalThis.NumberInt = legacy ? new Proxy(NumberIntType, {apply: (_, __, a) => new NumberIntType(...a)}) : (n) => new NumberIntType(n);
globalThis.NumberLong = legacy ? new Proxy(NumberLongType, {apply: (_, __, a) => new NumberLongType(...a)}) : (s) => new NumberLongType(s);
globalThis.Timestamp = legacy ? new Proxy(TimestampType, {apply: (_, __, a) => new TimestampType(...a)}) : (t, i) => new TimestampType(t, i);
globalThis.ObjectId = legacy ? new Proxy(ObjectIdType, {apply: (_, __, a) => new ObjectIdType(...a)}) : (h) => new ObjectIdType(h);
globalThis.BinData = legacy ? new Proxy(BinDataType, {apply: (_, __, a) => new BinDataType(...a)}) : (s, t) => new BinDataType(s, t);
if (!legacy) { globalThis.EJSON = {}; }

function toEJSON(v) {
  if (v === null || typeof v === "boolean" || typeof v === "string") { return v; }
  if (typeof v === "number") { return {"$numberDouble": String(v)}; }
  if (v instanceof NumberIntType) { return {"$numberInt": String(v.n)}; }
  if (v instanceof NumberLongType) { return {"$numberLong": v.s}; }
  if (v instanceof TimestampType) { return {"$timestamp": {t: v.t === undefined ? v.high >>> 0 : v.t, i: v.i === undefined ? v.low >>> 0 : v.i}}; }
  if (v instanceof ObjectIdType) { return {"$oid": v.hex()}; }
  if (v instanceof BinDataType) { return {"$binary": {base64: v.text, subType: ("0" + v.sub().toString(16)).slice(-2)}}; }
  if (v instanceof Date) { return {"$date": {"$numberLong": String(v.getTime())}}; }
  if (Array.isArray(v)) { return v.map(toEJSON); }
  return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, toEJSON(x)]));
}
function fromEJSON(v) {
  if (v === null || typeof v !== "object") { return v; }
  if (Array.isArray(v)) { return v.map(fromEJSON); }
  if ("$numberInt" in v) { return Number(v.$numberInt); }
  if ("$numberDouble" in v) { return Number(v.$numberDouble); }
  if ("$numberLong" in v) { return new NumberLongType(v.$numberLong); }
  if ("$timestamp" in v) { return new TimestampType(v.$timestamp.t, v.$timestamp.i); }
  if ("$oid" in v) { return new ObjectIdType(v.$oid); }
  if ("$date" in v) { return new Date(Number(v.$date.$numberLong)); }
  if ("$binary" in v) { return new BinDataType(parseInt(v.$binary.subType, 16), v.$binary.base64); }
  return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, fromEJSON(x)]));
}

let secondaryOK = false;
let printed = "";
globalThis.print = (s) => { printed += (legacy ? "" : "set02 [direct: primary] test> ") + s + "\n"; };
function database(name) {
  return {
    getMongo: () => ({setSlaveOk: () => { secondaryOK = true; }, setReadPref: (p) => { secondaryOK = p === "primaryPreferred"; }}),
    getSiblingDB: database,
    auth: (c) => { if (c.pwd !== "right") { if (legacy) { return 0; } throw new Error("Authentication failed."); } return legacy ? 1 : {ok: 1}; },
    runCommand: (cmd) => {
      if (!secondaryOK) { throw new Error("this shell reads from primaries only"); }
      writeLine({run: {db: name, cmd: toEJSON(cmd)}});
      const answer = readLine();
      if ("lost" in answer) { throw new Error("network error while attempting to run command on host"); }
      const reply = fromEJSON(answer.reply);
      reply.$clusterTime = {clusterTime: new TimestampType(1, 1)};
      if (!legacy && reply.ok !== 1) { throw Object.assign(new Error(reply.errmsg), {code: reply.code, codeName: reply.codeName, errmsg: reply.errmsg}); }
      return reply;
    },
  };
}
for (;;) {
  const {script} = readLine();
  printed = legacy ? "MongoDB shell version v3.6.17\n" : "";
  secondaryOK = false;
  globalThis.db = database("test");
  for (const line of script.trimEnd().split("\n")) { // a shell reads its standard input line by line
    new Function(line)();
  }
  writeLine({done: printed + (legacy ? "bye\n" : "")});
}
