// Package backup takes, reads, checks and restores the configuration backups on which an upgrade with a fresh operating
// system rests.
//
// Both guides begin with a backup that must not be skipped, because every later step reads it (lustre:96, lustre:403).
// The archives of this package are named and laid out exactly as the scripts of the Lustre guide make them
// (lustre:60-94, lustre:367-399):
//
//	bck-HOST-YYYYmmdd-HHMMSS.tgz
//	└── bck-HOST-YYYYmmdd-HHMMSS/
//	    ├── etc/hosts, etc/shadow, root/.ssh, var/lib/chroma, …
//	    ├── cluster-cfg-HOST.xml          what "cibadmin --query" printed (servers)
//	    ├── pgbackup-YYYY-mm-dd-HH:MM:SS.sql.gz   what pg_dumpall printed (manager)
//	    ├── evenkeel-manifest.json        what was taken, what was absent, and the digest, mode, owner and time of every file
//	    └── evenkeel-sha256sums.txt       the digests once more, for "sha256sum -c" where there is no evenkeel
//
// so each side reads what the other wrote. Archives without the last two are those of the guides' scripts.
//
// # Taking
//
// [Create] streams from a machine, or from this one with [sshexec.Local], to the place evenkeel runs on: the archive
// never lies on the disk that is about to be reinstalled (lustre:100, lustre:405). GNU tar reads the files there, 1.23
// (EL6) or later; where there is none, a shell does. Modes, owners by name and number, times, links, holes, extended
// attributes, ACLs and SELinux labels are kept, and names of any bytes. A [Manifest] says what belongs into a backup:
// [ServerManifest] and [ManagerManifest] are the guide's. [Fetch] and [Item.Fetch] take archives off a machine that
// other programs made there, [CopyOff] puts one on a further machine and reads it back; its [Proof] is what steps that
// destroy something need.
//
// A file that changes while it is read is read again by itself, until it holds still; one that never does is named in
// [Record]. An archive comes into being complete and on the disk, or not at all: on Linux it has no name before.
//
// # Reading and checking
//
// [Open] reads an archive to its end without extracting it, and refuses a hostile or a damaged one with the entry's
// name. [Archive.Verify] compares every entry with what was noted when the backup was taken. [Archive.Covers] proves
// that all that later steps read is there and whole, in archives of either origin; what is missing is named with the
// step that needs it. [Archive.ExtractTo] extracts below an [os.Root].
//
// # Restoring
//
// [RestoreServer] and [RestoreManager] give the guide's restore commands as data, each with what may be done when
// nobody knows whether it ran, and with its undo. A runbook carries them out; without one, [PlanRestore] makes a
// [Plan] to read, [Carry] carries it out and takes it up again, and [Undo] leads back. [MergeAccounts] joins users and
// groups by rule, and reports what has one number for two, where the guide puts the old files in place of the new ones.
//
// # Secrets
//
// The archives hold /etc/shadow and private keys: they are written with mode 0600, and no content of theirs appears in
// an error or a log. They are no comprehensive backup of an operating system (lustre:98, lustre:401), and worth taking
// as a matter of routine (lustre:47).
package backup
