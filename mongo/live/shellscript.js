(function () {
  var mark = "evenkeel" + "-reply ";
  function put(o) { print(mark + JSON.stringify(o)); }
  function is(v, bson, legacy) { return v._bsontype === bson || (typeof legacy === "function" && !!legacy.prototype && v instanceof legacy); }
  function digits(v) { return String(v).match(/-?\d+/)[0]; }
  function number(v) {
    if (isNaN(v)) { return {"$numberDouble": "NaN"}; }
    if (v === Infinity || v === -Infinity) { return {"$numberDouble": String(v)}; }
    if (Math.floor(v) !== v || Math.abs(v) > 9007199254740991) { return {"$numberDouble": String(v)}; }
    return Math.abs(v) < 2147483648 ? {"$numberInt": String(v)} : {"$numberLong": String(v)};
  }
  function ej(v) {
    if (v === null || v === undefined) { return null; }
    if (typeof v === "boolean" || typeof v === "string") { return v; }
    if (typeof v === "number") { return number(v); }
    if (typeof v === "bigint") { return {"$numberLong": String(v)}; }
    if (v instanceof Date) { return {"$date": {"$numberLong": String(v.getTime())}}; }
    if (Array.isArray(v)) { return v.map(ej); }
    if (is(v, "Timestamp", typeof Timestamp === "undefined" ? null : Timestamp)) {
      return {"$timestamp": {"t": Number(v.t === undefined ? v.high >>> 0 : v.t), "i": Number(v.i === undefined ? v.low >>> 0 : v.i)}};
    }
    if (is(v, "Long", typeof NumberLong === "undefined" ? null : NumberLong)) { return {"$numberLong": digits(v)}; }
    if (is(v, "Int32", typeof NumberInt === "undefined" ? null : NumberInt)) { return {"$numberInt": digits(v)}; }
    if (v._bsontype === "Double") { return number(Number(v)); }
    if (is(v, "Decimal128", typeof NumberDecimal === "undefined" ? null : NumberDecimal)) {
      return {"$numberDecimal": String(v).replace(/^NumberDecimal\("|"\)$/g, "")};
    }
    if (is(v, "ObjectId", typeof ObjectId === "undefined" ? null : ObjectId) || v._bsontype === "ObjectID") {
      return {"$oid": typeof v.toHexString === "function" ? v.toHexString() : v.str};
    }
    if (is(v, "Binary", typeof BinData === "undefined" ? null : BinData)) {
      var sub = v.sub_type === undefined ? v.subtype() : v.sub_type;
      return {"$binary": {"base64": v._bsontype ? v.toString("base64") : v.base64(), "subType": ("0" + sub.toString(16)).slice(-2)}};
    }
    var out = {};
    Object.keys(v).forEach(function (k) { if (typeof v[k] !== "function") { out[k] = ej(v[k]); } });
    return out;
  }
  var conn = db.getMongo();
  if (typeof EJSON !== "undefined") { conn.setReadPref("primaryPreferred"); } else { conn.setSlaveOk(); }
  AUTH
  put({"started": true});
  var reply;
  try {
    reply = db.getSiblingDB(DATABASE).runCommand(COMMAND);
  } catch (e) {
    if (typeof e.code !== "number") { put({"lost": String(e.message || e)}); return; }
    reply = {"ok": 0, "code": e.code, "codeName": e.codeName || "", "errmsg": e.errmsg || e.message || ""};
  }
  var shown = {};
  Object.keys(reply).forEach(function (k) { if (k.charAt(0) !== "$") { shown[k] = reply[k]; } });
  put({"reply": ej(shown)});
})();
