// Package cps reads the files and the outputs of a Cisco Policy Suite cluster, and says what is wrong with them before anyone
// acts on them.
//
// The formats are those of the CPS Migration and Upgrade Guide for 21.1.0; comments such as cps:617 name a line of it.
//
// # Files
//
// [ParseHosts] reads Hosts.csv, [ParseConfiguration] Configuration.csv, [ParseMongoConfig] mongoConfig.cfg, [ParseClusterSet] a
// cluster-upgrade-set file, [ParseRepositories] /etc/broadhop/repositories, [ParseSetList] the mon_db lists and [ParseSetScript]
// the script that makes them, [ParseLogback] logback.xml, [ParseInstallConfig] /var/install.cfg, [ParseRoutes] a route-<iface>,
// [ParseUserData] an <alias>-cloud.cfg. [ReadDeploy] reads the deploy folder: Hosts.csv and the tables beside it. Each of them prints
// back, through WriteTo, what it read: comments, blanks and fields that this package does not know are kept.
//
// # Outputs
//
// [ParseReplicaTable], [ParseAbout], [ParseMigrateLog], [ParseHAProxy], [ParseDiagnostics], [ParseAIDO] and a handful of small ones
// read what the commands of the guide print. Captures of a terminal are accepted: colours, cursor moves, shell prompts and wrapped
// lines, as far as what was meant is certain.
//
// # Errors and findings
//
// A parser returns a [ParseError] (or several) where the input does not have the shape it must have: it never answers with an empty
// list what it did not understand. Input that reads well but should not be acted on gives a [Finding]: [ReviewSets], [ReviewHosts],
// the Findings methods, [CheckMigration].
//
// # Secrets
//
// Passwords are a [Secret]: printed, logged or marshalled they are "[redacted]". Only WriteTo of a file that holds them writes them.
package cps
