// Package manager upgrades the manager server of Integrated Manager for Lustre (IML): the first part of the guide
// "Upgrading EE for Lustre 2.4.2.7 to Lustre LTS" (lustre:51-345). It comes before the pairs, and the file system
// serves throughout: targets need the manager neither to run nor to fail over (lustre:53).
//
// [New] reads the installer's bundle, checks the configuration, and touches no machine. [Manager.Runbook] is the
// upgrade as an [evenkeel.Runbook]: backup, operating system (by hand, with evidence), restore, ./install,
// certificates, database, chroma-config setup, the web interface's own answer, and the repositories in one of three
// ways.
//
// # Rollback
//
// Until the operator installs the new operating system, a rollback undoes every step: the old manager is switched on
// again, and the agents run again. It ends there, and says so: the old system is erased, and all that is left of it is
// the backup.
//
// # The database
//
// The restore drops the database of the fresh installation before it loads the old one. So the dump is read in full
// first, while the old system still runs: its compression is whole, it ends with PostgreSQL's own end mark, it has the
// expected databases and tables ([ReadDump]). What is loaded is proven to be that dump by its digest, immediately
// before. psql exits with 0 whatever a statement came to, and some of a dump of a whole cluster always fail: what
// proves that the database is loaded are the numbers of rows, and at the end what IML itself answers.
//
// # Where it departs from the guide
//
// The guide moves the installation's certificates away and copies the backup's; done twice, that loses the first. Here
// they are copied aside once, and each file is replaced by name. The guide's "cp …/var/lib/chroma/*" fails on
// directories; here the files are named, and a backup that has others stops the run before anything is given up.
package manager
