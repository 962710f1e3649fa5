// Package mongo knows MongoDB replica sets as far as an upgrade of one half can hurt them: what a configuration may be, how to get
// from one to another without losing a primary, what would be lost with a host, how far an oplog reaches, and how to
// repair a CPS sharding configuration exactly once. Servers from 3.6 to 8.x.
//
// Everything here is pure: documents and texts in, decisions and documents out. The bson types come from the official
// driver; how they travel to a server is the caller's choice.
//
//   - [Config], [Member] and [Status] are the server's documents. Priorities are float64, and what this package has
//     no name for survives a read, a change and a write.
//   - [Next] plans one legal reconfiguration at a time, [Settled] tells when the next may follow, [Validate] judges a
//     document.
//   - [CanLose] tells which sets would lose their data, their majority or their primary with some hosts.
//   - [ParseReplicationInfo] and [ParseSlaveReplicationInfo] read what the shells print (cps:1392-1413); [RollingOver] and
//     [ReplicationInfo.Covers] say whether a member will catch up.
//   - [ShardingFix] is the guide's repair (cps:924-945) as scripts for a mongo shell, in a form that cannot count twice.
//
// # A way of reconfigurations
//
//	for {
//		current := …                                   // replSetGetConfig
//		next, why, done, err := mongo.Next(current, desired)
//		if done || err != nil {
//			return err
//		}
//		…                                              // show why, replSetReconfig(next)
//		…                                              // replSetGetStatus until mongo.Settled(next, status)
//	}
//
// A reconfiguration bears the current version plus 1, so the server refuses it when somebody else was faster; ask Next
// again then, with what the server has now.
package mongo
