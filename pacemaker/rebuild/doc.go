// Package rebuild makes a cluster again: from its CIB and its corosync.conf to what a freshly installed node needs, in
// the order of the Lustre server upgrade guide (lustre:861-1101, 1122-1166, 1599-1666, 1697-1760).
//
// [New] plans it. A [Plan] is the list of commands, or, by [Plan.Configuration] and [Plan.Push], one CIB for each
// stage. Nothing runs here.
package rebuild
