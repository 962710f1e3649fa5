// Package cpstest simulates a Cisco Policy Suite deployment: a Cluster Manager, the VMs of Hosts.csv and the replica
// sets of mongoConfig.cfg, with the person at vCenter who deletes and deploys machines.
//
//	d, err := cpstest.New(cpstest.Options{})      // the guide's own cluster on 19.4.0; give your own files in the options
//	cluman, err := d.Runner("cluman")             // an sshexec.Runner; so are "lb02", "qns01", … and "world"
//	res, err := cluman.Run(ctx, sshexec.Command(sshexec.Disruptive, "/mnt/iso/migrate.sh", "disable", "set", "1"))
//	err = d.Check()                               // nil while no rule was broken
//
// # What it is
//
// A pure, deterministic state machine on a virtual clock. Commands act on state, and answers are made from that state,
// in the guide's words: a wrong order of commands fails, or breaks a rule, as it would on a real cluster. Clone copies
// it in full, Hash names its state and EndState what matters at the end, so that a rehearsal can branch, prune and
// compare. A Deployment is itself the clock to run by.
//
// A [Size] makes the files of a bigger cluster, or of a site of a GR system.
//
// # What is simulated
//
// migrate.sh with its stages, logs, archives and refusals; deploy_all.py, deploy.sh and create-cluster-sets.sh;
// diagnostics.sh, about.sh and the status API; six replica sets with elections, priorities, initial sync and oplog
// windows; arbitervip, which moves with corosync between the pcrfclients and is absent while no eligible one runs, as
// old and new corosync do not form one cluster (cps:576), and which two of them have with Options.CorosyncCollides; the
// traffic of the two halves; the sharding documents of the ADMIN sets; the SkRings and endpoints behind the OSGi
// consoles; files, services and power of every machine (package simhost); the two Cluster Managers, each with its own
// disk and host key.
//
// # What it checks
//
// Whatever the tool believes, the deployment knows the truth and records each breach of these rules with its time and
// command:
//
//   - a replica set is not without a primary for more than an election, but while arbitervip is absent for a reason the
//     guide gives
//   - never are both upgrade sets disabled; some half takes traffic, always
//   - an archive is read off its machine before the machine is replaced; VMs are deleted only when disabled and
//     archived
//   - mixed versions only as the guide has them: set 1 before set 2
//   - traffic is restored only when every member is back with its priority; the sharding version is raised once for
//     each set
//   - no two hosts have arbitervip
//   - rollback only between "enable set 1" and "disable set 2"
//
// Each stretch of time in which a set had no primary is recorded as an [Outage], excused or not.
//
// # Host "world"
//
// The commands of this host tell and steer the simulation: now, sleep DURATION, report (JSON), log, check, delete-vms
// SET, deploy-cluman, restore-cluman, power-on HOST, power-off HOST. Others make something untrue that a command has
// said: traffic SET on|off, release VM RELEASE, image VM RELEASE, priority HOST:PORT N, recovering HOST:PORT, archive
// cluman|set-1|set-2 lost|cut.
//
// # Lies
//
// [Deployment.Lie] makes a program lie from then on: it prints what it always prints, and does nothing, or prints
// something else, or something is undone behind its back. It is for tests of what a procedure notices.
package cpstest
