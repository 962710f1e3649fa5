// Package sshexec runs commands on other machines, in a way that leaves no doubt about what happened.
//
// A [Cmd] is a program with its arguments, never a line of shell; it declares its [Effect], and runs with LC_ALL=C. A [Runner] runs it: [Client] over SSH, [Local] on this machine, [Replay] out of
// a recording. [DryRun], [Record] and [Audit] wrap any of them. Start with [Dial] and [Command].
//
// # What is known afterwards
//
// A command that did not exit with status 0 is a [*CommandError], and its [Outcome] says what is known. NotStarted is certain: nothing was sent, or the host refused it. Exited and Signalled are
// the host's own words. Unknown is the rest: the connection was lost (errors.Is [ErrDisconnected]), or the command was cancelled or ran out of time and the host did not say that it ended. An Unknown
// command may have run, or may still be running. The package never sends a command twice; whoever calls must look before trying again.
//
// # Host keys
//
// The check is strict: an unknown key is [ErrHostKeyUnknown], another one than the known is [ErrHostKeyChanged], and there is no switch to go on. known_hosts is read anew at every connection.
//
// # Secrets
//
// A [Secret] prints as "[redacted]". It reaches a command by its standard input only ([SecretText]); a command that masks a secret and has it among its arguments is refused.
//
// # Login shells
//
// The remote user's login shell may be any Bourne shell, csh or fish; the command line is written so that they all read the same and hand it to /bin/sh.
package sshexec
