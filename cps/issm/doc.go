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
//
// # What the operator watches
//
// The guide asks whether calls drop (cps:564,991,1831), and has no command that tells. [Config.KPIs] are the site's own:
// commands that print one number each, with limits in their unit (AtLeast, AtMost) or against the value before the
// migration (MayFall, MayRise, in percent). They are gates:
//
//   - in the first step, before anything is changed: the values are journalled as a fact, for all gates of all lives
//   - before each half is disabled; it is a precondition, and read again after an interruption
//   - when the traffic was moved to set 1, before the operator judges the calls
//   - at the end, when both halves take traffic
//
// [Config.KPILooks] says how often in a row every KPI must be good. A bad look begins a new row, until the time is over:
// then the run stops there, and the next resume looks again. What is not exactly one finite number stops it at once.
// Before a rollback the KPIs are noted and shown to the operator, and stop nothing.
//
// A KPI that follows the load of the day, such as transactions a second, does not suit MayFall and MayRise: a migration takes
// a day. One whose value before was 0 has no percentage to rise by: give it AtMost. The machines of the cluster are
// replaced on the way, with the site's programs on them; the review names those that are asked.
//
// [Config.Alarms] are the commands that silence the alarms of the site, in the step after the confirmations, and let
// them sound again at the end, and at the end of a rollback. Its Check proves both: an exit status does not. The machine
// that runs them keeps a lease file, as every machine does that a run changes.
//
// Licences are confirmed by the operator: the guide names Smart Licensing (cps:312), and no command that shows it.
package issm
