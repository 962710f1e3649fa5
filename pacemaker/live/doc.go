// Package live changes a running cluster, one change at a time, and sees that each has come to pass.
//
// A [Cluster] makes [Change] values: the command, what must be so before, and what shows that it is done. [Change.Apply] carries one out; [Await] waits for
// [Evidence]. The exit status of a command never counts as proof: pcs exits 0 where it started nothing, and returns before the cluster has followed.
package live
