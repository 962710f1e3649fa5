// Package change is one word for a change of a machine or a cluster: what runs, what must be so before, how to tell
// whether it ran, and what proves that it is done.
//
// A [Change] is data. The packages that know a system make them, such as pacemaker/live; [Do] carries one out over a
// [Site]: it looks whether it is done, runs the command once, and looks until the [Proof] is seen. A runbook makes
// actions of the same parts: [Probe], [Expect], [Fact] and [Op] are the engine's words too.
//
// A server that takes documents and no commands, such as a member of a replica set, is reached by [Site.Dial]. What may
// be sent there is declared to the letter, as an [OpDoc].
package change
