// Package lustre reads what a Lustre server and Integrated Manager for Lustre (IML) keep and print: the target store
// ([ParseTarget], [Store]), mount tables ([ParseMounts], [ParseDF]), kernel modules ([ParseDKMS]), package source files
// ([ParseRepo], [ManagerRepo]), and the install profiles of a server as data ([Profile.Commands]). Parsing never runs a
// command, and a parser's error is a [ParseError] with file, line, column and the offending text.
//
// Package lustre/upgrade makes a runbook of it: the upgrade of a pair. Package lustre/manager has that of the manager,
// which comes first.
//
// # Targets
//
// A Lustre target (MGS, demo-MDT0000, demo-OST0001) is known in three places: as a resource of the cluster, whose
// parameter is the target's UUID; as a file of the target store /var/lib/chroma/targets, named after the UUID in
// URL-safe base64; and, where it runs, in /proc/mounts. [Audit] compares the three, because the guide's loop over the
// store hides a file that is missing (lustre:1098).
package lustre
