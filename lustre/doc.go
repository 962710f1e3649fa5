// Package lustre upgrades Lustre HA pairs and their manager, one server at a time, while the file system serves (LUS rows of the guide
// "Upgrading EE for Lustre 2.4.2.7 to Lustre LTS").
//
// Its lower half reads what a Lustre server and Integrated Manager for Lustre (IML) keep and print: the target store ([ParseTarget], [Store]), mount
// tables ([ParseMounts], [ParseDF]), kernel modules ([ParseDKMS]), package source files ([ParseRepo], [ManagerRepo]), and the install profiles of a server
// as data ([Profile.Commands]). Parsing never runs a command, and a parser's error is a [ParseError] with file, line, column and the offending text.
//
// # Targets
//
// A Lustre target (MGS, demo-MDT0000, demo-OST0001) is known in three places: as a resource of the cluster, whose parameter is the target's UUID;
// as a file of the target store /var/lib/chroma/targets, named after the UUID in URL-safe base64; and, where it runs, in /proc/mounts. [Audit] compares the three,
// because the guide's loop over the store hides a file that is missing (lustre:1098).
//
// # The upgrade of a pair
//
// [LoadPair] reads the backups of both servers of a pair, finds everything that would stop an upgrade in the middle, and touches no machine. [Pair.Runbook] is the
// upgrade as an [evenkeel.Runbook]: node 1 is rebuilt while node 2 serves, all targets move to it, then node 2 is rebuilt, and the targets go where they belong
// (WF-006, lustre:353-1760). It can be reviewed, rehearsed on a simulated pair (package lustretest), run, resumed after a crash, and rolled back up to where a
// system is erased.
//
// Two things can cost data, and the runbook is built against them. While both clusters exist they share no fencing: so a target is enabled on node 1 only when it is proven gone from
// node 2: there in standby and disabled, not in the mount table, no operation on it under way or failed in the cluster's record, no process at work that mounts or unmounts it, no device of Lustre's left of it, and
// the old cluster not started at boot, read again immediately before. A record that is not there proves nothing (H27). And the old cluster could shoot
// node 1 while it is rebuilt: so it is made to hold its fire, and before every disruptive step on node 1 it is looked whether it still does, whether it has
// restarted, and whether it has fenced anybody.
package lustre
