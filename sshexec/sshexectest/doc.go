// Package sshexectest is an SSH server in this process, for tests and for simulated machines.
//
// It is a real server on a real port: [ServeRunner] puts any [sshexec.Runner] behind it, so that a simulated machine
// can be reached by an sshexec.Client or looked into with a plain "ssh -p PORT root@127.0.0.1 'pcs status'". [Server]
// has the switches to misbehave the way networks and machines do: [Faults], [Server.Drop], [Server.SetHostKeys].
//
// The package does not import testing. The tests that every Runner has to pass are in package conformance below it.
package sshexectest
