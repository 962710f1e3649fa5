// Package live reads and changes running MongoDB replica sets. What a set should have next is planned by package mongo.
//
// A [ReplicaSet] reaches the members through a [Dialer]: package mongodriver has the official driver's, [ShellDialer]
// is one over the mongo shell for sites where the driver cannot reach the port, and package mongotest simulates whole
// sets. This package links no driver, but for its BSON types.
//
//	rs := live.NewReplicaSet("set02", []string{"sessionmgr01:27718"}, mongodriver.Dialer(mongodriver.Options{}), live.Options{})
//	defer rs.Close(ctx)
//	_, err := rs.SetPriorities(ctx, map[string]float64{"sessionmgr02:27718": 4}, nil)
//
// # A way of reconfigurations
//
// [ReplicaSet.Converge] goes from what a set has to what is wished, one step of [mongo.Next] after the other, each by
// [ReplicaSet.Apply]: a compare-and-set on version and term, which waits until a majority has the configuration and a
// primary stands. Before each step the caller may journal it. After a crash [ReplicaSet.Probe] tells how far a step has
// come, and Converge to the same wish goes on.
//
// # Changes in a runbook
//
// [Changes] makes of configurations a list of change.Change: one reconfiguration each, whose whole document the reviewer
// reads and signs, with what it needs, its probe and its proof. change.Do carries one out, and evenkeel.Actions makes
// actions of it. They are planned from a configuration that was read before: another version or content, or another
// term where one was known, and nothing is sent. The machines of all members with data check the lease of the run
// immediately before a document is sent, that of its member last; it is not locked while the member works on it, as it
// is for a command. The version in the document covers that time: a server takes each version once. A run offers the
// way to the members by a change.Dialer, which [Documents] makes of a Dialer; what passes it can be rehearsed on a
// simulated set.
//
// # What is repeated, and what never
//
// A command that changes something is sent once. It is sent again only where a look has shown that it did not take
// effect and a second one could not count twice: a reconfiguration, which bears its version, and the three writes of
// the sharding fix. Errors say what is known: a [CommandError] has an outcome. Nothing is ever forced but by
// [ReplicaSet.ForceReconfigMayLoseWrites].
package live
