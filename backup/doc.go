// Package backup takes, reads, checks and restores the configuration backups on which an upgrade with a fresh operating system rests.
//
// Both guides begin with a backup that must not be skipped, because every later step reads it (lustre:96, lustre:403). The archives of this
// package are named and laid out exactly as the scripts of the Lustre guide make them (lustre:60-94, lustre:367-399):
//
//	bck-HOST-YYYYmmdd-HHMMSS.tgz
//	└── bck-HOST-YYYYmmdd-HHMMSS/
//	    ├── etc/hosts, etc/shadow, root/.ssh, var/lib/chroma, …
//	    ├── cluster-cfg-HOST.xml          what "cibadmin --query" printed (servers)
//	    ├── pgbackup-YYYY-mm-dd-HH:MM:SS.sql.gz   what pg_dumpall printed (manager)
//	    └── evenkeel-manifest.json        what was taken, what was absent, and the sha256 of every file
//
// so each side reads what the other wrote. Archives without evenkeel-manifest.json are those of the guides' scripts.
//
// [Create] streams from a machine to the place evenkeel runs on: the archive never lies on the disk that is about to be reinstalled
// (lustre:100, lustre:405). [Open] reads an archive without extracting it and refuses a hostile or a damaged one. [Archive.Verify] compares every
// file with its digest, [Archive.Covers] proves that all that later steps read is there, and [RestoreServer] and [RestoreManager] give
// the guide's restore commands as data.
//
// The archives hold /etc/shadow and private keys: they are written with mode 0600, and no content of theirs appears in an error or a log. They are no
// comprehensive backup of an operating system (lustre:98, lustre:401), and worth taking as a matter of routine (lustre:47).
package backup
