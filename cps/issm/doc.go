// Package issm is the in-service migration of a Cisco Policy Suite cluster, from release 19.4 or 19.5 to 21.1, as the
// CPS Migration and Upgrade Guide for 21.1.0 describes it (cps:200-1350). One half of the VMs is redeployed while the
// other one serves, then the traffic is swapped, and the other half follows.
//
// [New] plans a migration from the cluster's own Hosts.csv and mongoConfig.cfg, and refuses what must not be acted on.
// [Migration.Runbook] is the migration as an [evenkeel.Runbook]: it can be reviewed, rehearsed on a simulated cluster
// (package cpstest), run, resumed after a crash, and rolled back. [MigrateArbiter] plans what comes after both sites of a
// GR system: the migration of the arbiter at the third site (cps:1561-1662).
//
// # arbitervip
//
// Where the address of arbitervip is known (Config.Deploy, Config.ArbiterVIP) the run watches that exactly one host has
// it: two are a violation at once, none is one outside the windows in which it moves. When the old corosync is stopped is
// Config.CorosyncOrder: the step says what was weighed.
package issm
