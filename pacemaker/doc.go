// Package pacemaker reads, edits, compares and rebuilds the configuration of a Pacemaker and Corosync cluster, and changes one that runs.
//
// It knows four documents:
//
//   - the CIB, as `cibadmin --query` prints it ([ParseCIB]): an unedited document prints byte for byte, an edited one keeps its
//     other bytes; [Diff] tells what two of them mean differently, and [CIB.Validate] what is wrong with one;
//   - corosync.conf ([ParseCorosyncConf]): lossless, with repeated sections, comments, tabs and line ends kept;
//   - the XML of crm_mon 1.1, 2.x and 3.x ([ParseStatus]);
//   - the text of pcs 0.9 to 0.12 ([ParsePCSResources], [ParsePCSConstraints], [ParsePCSProperties], [ParseResourceRows]).
//
// [Rebuild] turns the first two into the commands that make the same cluster again on a freshly installed node, in the order of the
// Lustre server upgrade guide (lustre:861-1101, 1122-1166, 1599-1666, 1697-1760). The commands are data.
//
// [Live] makes the changes of a running cluster, each a [Change]: the command, and the state that proves it. It plans only, too. [Change.Apply] and
// [Await] are all of the package that talks to a node, by a Runner of sshexec: look whether it is done, do it once, look until it is seen.
//
// # Secrets
//
// Fencing passwords stand in a CIB in plain text. Every value whose name looks like a secret ([SecretName]) is masked in String,
// in errors, in differences, in JSON and in rendered commands. Only [CIB.WriteTo], [CIB.Query], the fields of the views and
// [Operation.Argv] hold it.
package pacemaker
