// Package upgrade upgrades a Lustre HA pair, one server at a time, while the file system serves (LUS rows of the guide
// "Upgrading EE for Lustre 2.4.2.7 to Lustre LTS").
//
// [Load] reads the backups of both servers of a pair, finds everything that would stop an upgrade in the middle, and
// touches no machine. [Pair.Runbook] is the upgrade as an [evenkeel.Runbook]: node 1 is rebuilt while node 2 serves,
// all targets move to it, then node 2 is rebuilt, and the targets go where they belong (WF-006, lustre:353-1760). It
// can be reviewed, rehearsed on a simulated pair (package lustretest), run, resumed after a crash, and rolled back up
// to where a system is erased. With [Config.Offline] every target is stopped, both nodes are rebuilt at the same time,
// and the targets are started once (lustre:347).
//
// Two things can cost data, and the runbook is built against them. While both clusters exist they share no fencing: so
// a target is enabled on node 1 only when it is proven gone from node 2: there in standby and disabled, not in the
// mount table, no operation on it under way or failed in the cluster's record, no process at work that mounts or
// unmounts it, no device of Lustre's left of it, and the old cluster not started at boot, read again immediately
// before. A record that is not there proves nothing (H27). And the old cluster could shoot node 1 while it is rebuilt:
// so it is made to hold its fire, and before every disruptive step on node 1 it is looked whether it still does,
// whether it has restarted, and whether it has fenced anybody.
//
// Who made a pair is told by its CIB ([MadeByHand]). Targets of ocf:chroma:Target are IML's, and their facts are in its
// store. Those of ocf:lustre:Lustre are made by hand, or by IML from 5.0 on: their facts are their parameters, and those of
// ocf:heartbeat:ZFS in the same group. Such a group is started and stopped as one, and is gone only when its pool is
// exported; clones of the health agents, and the rules on what they say, are carried over. What is not understood is a
// finding of [AuditTargets], and is never planned.
package upgrade
