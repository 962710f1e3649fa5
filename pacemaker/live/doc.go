// Package live changes a running cluster, one change at a time, and sees that each has come to pass.
//
// A [Cluster] makes changes: the command, what must be so before, and the proof that it is done. [change.Do] carries
// one out, [change.Await] waits for a proof. The exit status of a command never counts as proof: pcs exits 0 where it
// started nothing, and returns before the cluster has followed.
package live
