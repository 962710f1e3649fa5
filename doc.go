// Package evenkeel upgrades systems that run as two halves, one half while the other serves, and proves it before it touches them.
//
// A [Runbook] is the whole job as data: steps, and in each step the actions, every one a single command or typed operation with its effect, whether it may
// be repeated, what must be seen, and how to tell afterwards whether it ran. A person reads it (see [Runbook.Markdown]) and signs it; [Run] carries
// out exactly that, over the runners of package sshexec; [Resume] takes it up after a crash, a lost connection or a manual step; [Rollback] undoes it as far
// as possible; [Rehearse] runs it in a simulated world and kills the tool at every point.
//
// # What a run promises
//
// Every action is journalled before it begins and after it ends, on disk, before anything goes on. An action that had begun when the tool died is
// never blindly repeated: a [Safe] one runs again, a [ProbeFirst] one runs unless the probe finds it done or cannot tell, a [Never] one only where the probe proves that it never took effect;
// otherwise the run holds for a person. A lost connection leaves the outcome [Unknown], which only a probe or a person
// answers.
//
// Invariants are checked before the first change, after every one, and before a window closes. A step that must break one opens a [Window]: declared, bounded, journalled, seen by
// the reviewer. A violation outside a window stops the run; an overdue window raises an alarm and stops nothing, because stopping there would freeze the outage.
//
// A lease on the managed machines keeps a second operator out. Facts carry what one step finds out to the step that needs it; a secret can be no fact.
//
// Packages cps and lustre make runbooks for their systems; users compose their own from the same words.
package evenkeel
