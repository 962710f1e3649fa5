package sshexec

// privateScript writes standard input to a new file that nobody else can read at any time: dd alone would make it with
// the mode that the login's umask leaves.
const privateScript = `umask 077; rm -f -- "$1" && exec dd of="$1" conv=fsync status=none`

// PrivateFile is the command that writes its standard input to a file: a new one, with mode 0600 from the first byte
// on, on the disk when the command ends. Its Stdin is still to be given.
func PrivateFile(path string) Cmd { return Script(Mutating, privateScript, path) }
