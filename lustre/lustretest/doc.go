// Package lustretest simulates a pair of Lustre servers that Integrated Manager for Lustre (IML) 2.4 set up on EL6, the
// shared disks, and the technician who installs EL7 on a server that was shut down. It is where the pair runbook is
// rehearsed, and where the guide's commands can be typed to see what they do.
//
// [NewPair] gives ct6-mds1.lfs.intl and ct6-mds2.lfs.intl with a running cluster and both targets mounted on the nodes
// that they prefer. Commands go through [Pair.Runner]; a further host named "world" takes
//
//	world now | sleep DURATION | report | log | install HOST | power-off HOST | power-on HOST
//
// [NewManager] gives the manager with the servers that it knows, for the runbook of package lustre/manager: its
// database, certificates and web server are files and services of its disk, so that an installation takes them away.
//
// # Truth
//
// The layer "lustre" knows what is mounted where, by looking at the mounts of the hosts and at nothing that a program
// prints. A target that comes to be mounted on two hosts is a violation at that instant; so is a host that is fenced
// while it is being rebuilt (from its shutdown until it is a member of the new cluster). [Pair.Check] returns them;
// [Pair.Report] tells who mounts what, and for how long each target was down.
//
// # Pairs that people made
//
// [ZFSGroups] and [LdiskfsByHand] are pairs without IML: targets of ocf:lustre:Lustre, in groups with the pools that
// ocf:heartbeat:ZFS imports, or alone, and health clones that keep an attribute of each node. Their zpool knows list,
// import and export. An import takes no notice of another host, as ZFS's by force: a pool that is imported on two hosts is
// a violation at that instant. [Pair.HoldPool] keeps one from being exported.
//
// # Releases
//
// Options.OldPCS and NewPCS give the old and the new system another pcs than 0.9, with the Pacemaker and corosync that
// go with it: corosync 3 and knet from pcs 0.10 on. The names stay as they are: short before, full after.
//
// # Mounting
//
// ocf:chroma:Target starts on a host where the agent is installed, the target store holds the target's file, its mount
// point exists, and the Lustre modules are loaded (lustre:1064, lustre:1112); nothing else holds it back, and least of
// all another host that has the target mounted.
//
// # Recovery
//
// After each mount a target is in recovery until its clients are back, or have been evicted (H28): Options.Recovery says
// how many come back, and when, and whether it ever ends. `lctl get_param` tells of it in the kernel's own words, those
// of Lustre 2.5 on EL6 and of 2.10 and later on EL7; the MGS has no recovery_status.
package lustretest
