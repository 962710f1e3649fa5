// Package pairtest simulates a pair that serves NFS and a PostgreSQL database with shared disks and addresses, on EL8,
// and the technician who installs EL9 on a node that was shut down. It is where the runbook of package pair is rehearsed.
//
// The file systems, addresses, servers and exports are real to the simulated hosts: their programs (cat /proc/mounts, ip,
// ps, grep) show them. The layer "shared" keeps the truth: a disk that is mounted on two hosts, an address that two
// hosts have, and a database with two servers are violations at that instant; so is a host that is fenced while it is
// rebuilt, and an agent that is to start what it cannot. [World.Check] returns them.
package pairtest
