// Package maintenance has the small runbooks of the CPS guide that are no migration: each is planned from the cluster's
// own Hosts.csv, and is reviewed, rehearsed, run, resumed and rolled back as a migration is.
//
//   - [ApplyPatch] and [UndoPatch] change the patch of a cluster (cps:2037-2293) while it serves.
//   - [RestoreEndpoints] brings Diameter endpoints back that stay down after the traffic was moved (cps:1710-1794).
//   - [Recover] brings a member of a replica set back that is stuck in RECOVERING (cps:1382-1421).
//   - [Priorities] makes another member the primary of a replica set (cps:715-752).
//   - [DisableMonitoring] and [EnableMonitoring] are the first and the last step of a GR migration (cps:1470-1475,1498-1500).
//   - [RestartAll] restarts the processes of every VM, which drops messages (cps:1348-1354).
//   - [ChangeKeys] changes the SSH keys of a cluster, of both sites of a GR deployment and of the third site's arbiter
//     (cps:1362-1381,1514-1559,1665-1693).
package maintenance
