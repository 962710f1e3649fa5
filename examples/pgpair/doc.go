// Package pgpair upgrades a pair of PostgreSQL servers that stream from one to the other, the standby first. It is an
// example of a runbook and of a simulated world that use only the public parts of this library.
//
// [Pair.Runbook] makes the runbook. One server is the primary; keepalived holds the service address on it and moves the
// address when the other server becomes primary. keepalived never promotes a server: that is what the runbook does. The
// upgrade stays within one major version: streaming replication does not work between two major versions.
//
// The runbook upgrades the standby, switches over to it, and upgrades the old primary. At the end the roles have
// changed. At most one server is primary, always; the pair serves, but for the switchover.
//
// [NewWorld] makes a simulated pair to rehearse the runbook in.
package pgpair
