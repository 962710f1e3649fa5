// Package mongo knows MongoDB replica sets as far as an upgrade of one half can hurt them: what a configuration may be,
// how to get from one to another without losing a primary, what would be lost with a host, how far an oplog reaches,
// and how to repair a CPS sharding configuration exactly once. Servers from 3.6 to 8.x.
//
// Planning is pure: documents and texts in, decisions and documents out.
//
//   - [Config], [Member], [Status] and [Hello] are the server's documents. Priorities are float64, and what this
//     package has no name for survives a read, a change and a write.
//   - [Next] plans one legal reconfiguration at a time, [CheckStep] judges one, [Settled] tells when the next may
//     follow, [Validate] judges a document.
//   - [CanLose] tells which sets would lose their data, their majority or their primary with some hosts.
//   - [ParseReplicationInfo] and [ParseSlaveReplicationInfo] read what the shells print (cps:1392-1413); [RollingOver],
//     [ReplicationInfo.Covers] and [Predict] say whether a member will catch up.
//   - [ShardingFix] is the guide's repair (cps:924-945), as scripts for a mongo shell and as commands, in a form that
//     cannot count twice.
//
// A [ReplicaSet] does it to live servers. It reaches them through a [Dialer]: package mongodriver has the official
// driver's, [ShellDialer] is one over the mongo shell for sites where the driver cannot reach the port, and package
// mongotest simulates whole sets. Only package mongodriver links the driver; here are no more than its BSON types.
//
//	rs := mongo.NewReplicaSet("set02", []string{"sessionmgr01:27718"}, mongodriver.Dialer(mongodriver.Options{}), mongo.Options{})
//	defer rs.Close(ctx)
//	_, err := rs.SetPriorities(ctx, map[string]float64{"sessionmgr02:27718": 4}, nil)
//
// # A way of reconfigurations
//
// [ReplicaSet.Converge] goes from what a set has to what is wished, one step of [Next] after the other, each by
// [ReplicaSet.Apply]: a compare-and-set on version and term, which waits until a majority has the configuration and a
// primary stands. Before each step the caller may journal it. After a crash [ReplicaSet.Probe] tells how far a step has
// come, and Converge to the same wish goes on.
//
// # What is repeated, and what never
//
// A command that changes something is sent once. It is sent again only where a look has shown that it did not take
// effect and a second one could not count twice: a reconfiguration, which bears its version, and the three writes of
// the sharding fix. Errors say what is known: a [CommandError] has an outcome. Nothing is ever forced but by
// [ReplicaSet.ForceReconfigMayLoseWrites].
package mongo
