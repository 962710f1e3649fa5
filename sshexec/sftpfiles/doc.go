// Package sftpfiles carries files over the sftp subsystem of an SSH server, for machines that give files but no
// commands.
//
// Elsewhere the functions of package sshexec are the better choice: they need commands only that every machine has,
// work with sudo, compare sums on the machine itself, go on after a lost link, and they are commands, so that a dry
// run, a gate and an audit log see them. What is done over sftp is seen by none of these.
//
// Start with [Open]. Every call ends with its context; when that happens in the middle of a call, the session is over.
package sftpfiles
