// Package placement tells where Pacemaker runs the resources of a cluster, where it would run them, and what is lost
// when a node goes away.
//
// [Of] computes the placement from the configuration and the status of a CIB, [Relocate] what `pcs resource relocate
// run` would move, and [CanLose] what would not be served without a node. Nothing is guessed: a feature that this
// package does not compute is an [Error] that is [pacemaker.ErrUnsupported].
package placement
