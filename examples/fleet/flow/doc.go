// Package flow runs evenkeel's runbooks on Temporal: a workflow for each pair, an activity for each decision of the
// runbook, and a workflow over many pairs.
//
// # One pair
//
// The workflow's ID is the pair's name, so a second run of a pair is refused. Workflow code asks package course, and
// that asks the runbook (evenkeel.Next), what comes next; it has no clock and reaches no machine. The worker that begins
// a life (evenkeel.BeginRun, BeginResume, BeginRollback) keeps it, and performs its decisions on a task queue of its
// own, each one once (MaximumAttempts 1).
//
// # The journal
//
// The journal of a pair is in its workflow, and nowhere else. A worker appends a record by an update, which the server
// has stored, and the workflow has taken, before the command that the record announces is sent. The workflow refuses
// the records of any life but the last one that it had begun. So a worker that was given up can begin nothing more:
// its journal refuses it, and where a record was taken just before, the machines do (by the lease's epoch), or the next
// life finds the record and probes.
//
// # A lost worker
//
// Its heartbeat stays out, or nobody takes what is on its queue. The workflow gives the life up, and has another worker
// begin the next one, which does what a resume does: it takes the leases over, and asks the machines what became of
// what had begun.
package flow
