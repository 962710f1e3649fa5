// Package pacemaker reads, edits, checks and compares the configuration of a Pacemaker cluster, and reads what it says
// of itself.
//
//   - The CIB, as `cibadmin --query` prints it ([ParseCIB]): an unedited document prints byte for byte, an edited one
//     keeps its other bytes. [Diff] tells what two of them mean differently, and [CIB.Validate] what is wrong with one.
//   - The XML of crm_mon 1.1, 2.x and 3.x ([ParseStatus]), and what the cluster last did to a resource on a node
//     ([CIB.LastOperation]).
//
// Its rooms:
//
//   - corosync: corosync.conf, and its move to knet;
//   - pcs: the commands of pcs 0.9 to 0.12 and of cibadmin as data, what they refuse, what their exit status means, and
//     the text that they print;
//   - readiness: what of a pair a release of a distribution does not take, and which ways lead there;
//   - placement: where resources run and would run, and what is lost with a node;
//   - rebuild: from the files of a cluster to the commands, or the one CIB, that make it again;
//   - live: changes of a running cluster, each with its proof;
//   - pacemakertest: the simulator.
//
// # Secrets
//
// Fencing passwords stand in a CIB in plain text. Every value whose name looks like a secret ([SecretName]) is masked
// in String, in errors, in differences, in JSON and in rendered commands. Only [CIB.WriteTo], [CIB.Query], the fields
// of the views and the Argv of an operation hold it.
package pacemaker
