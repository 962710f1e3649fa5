// Package mongo knows MongoDB replica sets as far as an upgrade of one half can hurt them: what a configuration may be,
// how to get from one to another without losing a primary, what would be lost with a host, how far an oplog reaches,
// and how to repair a CPS sharding configuration exactly once. Servers from 3.6 to 8.x.
//
// It is pure: documents and texts in, decisions and documents out. It connects to nothing and links no SSH and no
// driver, but for the driver's BSON types. Package live does to running sets what is decided here.
//
//   - [Config], [Member], [Status] and [Hello] are the server's documents. Priorities are float64, and what this
//     package has no name for survives a read, a change and a write.
//   - [Next] plans one legal reconfiguration at a time, [CheckStep] judges one, [Ready] tells when it may be sent,
//     [Settled] when the next one may follow, [Validate] judges a document.
//   - [CanLose] tells which sets would lose their data, their majority or their primary with some hosts.
//   - [ParseReplicationInfo] and [ParseSlaveReplicationInfo] read what the shells print (cps:1392-1413); [RollingOver],
//     [ReplicationInfo.Covers] and [Predict] say whether a member will catch up.
//   - [ShardingFix] is the guide's repair (cps:924-945), as scripts for a mongo shell and as commands, in a form that
//     cannot count twice.
package mongo
