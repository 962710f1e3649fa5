// Package pcs knows the commands by which a cluster is made and changed: those of pcs 0.9 to 0.12, and of cibadmin.
//
// A [Dialect] makes an [Operation] of each, as data, and refuses beforehand what its pcs is known to refuse. [Meaning]
// says what an exit status proves and what it does not. [ParseResources], [ParseConstraints], [ParseProperties],
// [ParseCommands] and [ParseResourceRows] read what pcs prints.
package pcs
