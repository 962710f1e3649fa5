// Package evenkeel upgrades systems that run as two halves, one half while the other serves, and proves it before it
// touches them.
//
// A [Runbook] is the whole job as data: steps, and in each step the actions, every one a single command or typed
// operation with its effect, whether it may be repeated, what must be seen, and how to tell afterwards whether it ran.
// A reviewer reads it (see [Runbook.Markdown]) and signs it; [Run] carries out exactly that, over the runners of
// package sshexec; [Resume] takes it up after a crash, a lost connection or a manual step; [Rollback] undoes it as far
// as possible; [Rehearse] runs it in a simulated world and crashes the tool at every point.
//
// # What a run promises
//
// Every action is journalled before it begins and after it ends, on disk, before anything goes on. An action that had
// begun when the tool crashed is never blindly repeated: a [Idempotent] one runs again, a [ProbeFirst] one runs unless
// the probe finds it done or cannot tell, a [Never] one only where the probe proves that it never took effect;
// otherwise the run pauses for the operator. A lost connection leaves the outcome [Unknown], which only a probe or the
// operator answers.
//
// Invariants are checked before the first change and after every one. A step that must break one opens a [Window]:
// declared, bounded, journalled, seen by the reviewer. A violation outside a window stops the run. A window opens right
// before the first change of its step, and closes when its invariant is seen to hold again: the run looks until the
// window's limit, in a rollback too. What cannot be observed has not been seen to hold. An invariant that may never be
// suspended is seen to hold before a run changes anything ([ErrUnseen]).
//
// # Stopping
//
// A request to stop ([Options.Stop]) is taken at a safe point only: between steps, before a step has changed anything,
// or where the run waits for the operator. It is never taken between a change and its proof (the verification of its
// step), with one exception: a step that waits for the operator is stopped there, and an [UnprovenError] names the step.
// While a window is open its [StopRule] decides. An outage ([StopAtClose]) holds the stop until it closes, and
// nobody is waited for inside it. Reduced redundancy ([StopBetweenSteps]) lets a stop be taken between steps; the
// window stays open, and the operator extends its limit. [EventStopping] says what a stop waits for. The end of the
// context stops at once, and says first what that leaves open.
//
// A step that fails inside an outage, or an outage that lasts longer than its limit, is ended by the window's
// Completion, or else by the undo of the steps back to the one that opened it. Where neither is declared the run ends
// with an [OpenWindowsError], which says what is down. An overdue window of reduced redundancy raises an alarm and
// stops nothing.
//
// A step that has only looked, or asked the operator, has not begun: it stays pending, its windows stay closed, and it
// looks anew when the run is taken up.
//
// # Who may change what
//
// Each life of a run (a run, a resume, a rollback) takes a lease on every host that it changes, with an epoch that is
// higher than that of any life before. The machine itself compares the epoch with every command that changes anything:
// a life that was taken over, or a copy of the journal, changes nothing any more ([LeaseLostError]). Each host is bound
// to its machine by host key, machine id and name ([IdentityError]); only a step that Reinstalls a host expects
// another.
//
// # Step by step
//
// What comes next is decided from the runbook and the journal alone ([Next]), and is performed one decision at a time
// ([Life.Perform]). Run, Resume and Rollback are the loop over these two. An engine that keeps its own history drives
// the same runbook through a [Life]: there is no second engine.
//
// A runbook is made to be changed before it is reviewed: [Runbook.Insert], [Runbook.Replace] and [Runbook.Remove] work
// by step ID, and [Runbook.Validate] tells what that breaks.
//
// Facts carry what one step finds out to the step that needs it; a secret can be no fact.
//
// Packages cps/issm and lustre/upgrade make runbooks for their systems; users compose their own from the same words.
package evenkeel
