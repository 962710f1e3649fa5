// Package sshexec runs commands on other machines, in a way that leaves no doubt about what happened.
//
// A [Cmd] is a program with its arguments, never a line of shell; it declares its [Effect], and runs with LC_ALL=C. A
// [Runner] runs it: [Client] over SSH, [Local] on this machine, [Replay] out of a recording, [Console] on a console
// behind a telnet port. [DryRun], [Gate], [Record], [Audit] and [RetryReadOnly] wrap any of them. Start with [Dial] and
// [Command].
//
// # What is known afterwards
//
// A command that did not exit with status 0 is a [*CommandError], and its [Outcome] says what is known. NotStarted is
// certain: nothing was sent, or the host refused it. Exited and Signalled are the host's own words. Unknown is the
// rest: the connection was lost (errors.Is [ErrDisconnected]), or the command was cancelled or ran out of time and the
// host did not say that it ended. An Unknown command may have run, or may still be running. The package never sends a
// command twice, but for one that declares that it only reads, and where [RetryReadOnly] was asked for; whoever calls
// must look before trying again.
//
// # Many hosts
//
// [Each] runs a command on many hosts, so many at a time, and [Parallel] several commands side by side. Results keep
// the order of the hosts and say of each what is known of it; after a failure nothing new is started, unless the
// [Policy] is [GoOn].
//
// # Files
//
// [Upload] and [Download] carry a file as a stream through a command, so that sudo and a dry run work as for any other.
// A copy is whole or not there: temporary file, sync, sha256, rename. [UploadResumable] and [DownloadResumable] are for
// images so big that a lost link must not cost what was sent. [UploadTree] and [DownloadTree] carry a directory with
// thousands of files as one stream. [List], [Stat], [Mkdir], [Remove] and their like are commands too, of coreutils and
// findutils as old as EL6's, and take any name that a file can have. Package sftpfiles is for machines that give files
// but no commands.
//
// # Consoles
//
// [OpenConsole] opens a console that listens on a machine's localhost, through the machine ([Client.DialContext]). A
// [Console] is a Runner too, so that a dry run does not type into it, and an answer that did not come is Unknown. Its
// session is left with Disconnect, which lets the process behind it go on.
//
// # Cancelling
//
// When the context of a command ends, or its Timeout passes, its process group is ended on the machine: found from a
// second session by a mark in its environment (EVENKEEL_RUN), since OpenSSH passes signals on only since 7.9 and to
// root's commands not even now. [Result].Ending says what came of it; where that is not certain, the error is
// [ErrMayRun].
//
// # Commands that take hours
//
// [Supervise] runs a command detached from the connection, and finds it again after a lost link or in another run of
// the program ([Attach]): by its ID it runs once, however often it is started. [WaitReboot] proves a reboot by the boot
// id. [Cmd].Lines shows output as it comes, and [Cmd].Plain takes the terminal's sequences out of it.
//
// # Another user
//
// [Cmd].Sudo or [WithSudo] runs commands through sudo. The password is sent when sudo asks for it, once, and apart from
// the command's input; a refusal is [ErrSudo], with the outcome NotStarted.
//
// # Hosts by their names in ~/.ssh/config
//
// [LoadSSHConfig] reads ssh_config(5) files, and [SSHConfig.Client] makes clients of what they say, jump hosts
// included.
//
// # Host keys
//
// The check is strict by default: an unknown key is [ErrHostKeyUnknown], another one than the known is
// [ErrHostKeyChanged]. [AcceptNew] writes the key of a machine down that is not known; [Pinned] takes given keys only.
// A changed key is refused under every [HostKeyPolicy]. known_hosts is read anew at every connection.
//
// # Secrets
//
// A [Secret] prints as "[redacted]". It reaches a command by its standard input only ([SecretText]); a command that
// masks a secret and has it among its arguments is refused.
//
// # Login shells
//
// The remote user's login shell may be any Bourne shell, csh or fish; the command line is written so that they all read
// the same and hand it to /bin/sh.
package sshexec
