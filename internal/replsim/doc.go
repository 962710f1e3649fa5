// Package replsim is a pure model of MongoDB replica sets: the elections, majorities, priorities, synchronisation and
// oplog windows that an upgrade of one half can break, in virtual time.
//
// A [Set] is one replica set, a [World] many of them on shared machines. Nothing here sleeps, starts a goroutine, reads a
// clock or draws a random number: Advance moves the virtual time, every other call takes effect at the present instant,
// and the same calls give the same state. Clone copies a state in full, Hash names it, Check tells whether it breaks an
// invariant, so that a rehearsal can branch, prune and judge.
//
// # What is modelled
//
//   - Each member is a process with its own view: its state, the highest term it heard of, and the configuration it
//     believes in. Terms and configurations travel between members that see each other, at once.
//   - A member that has had no contact with a primary for the election timeout stands for election if it may: data, a
//     vote, a priority, not frozen, not lately stepped down, a majority in sight. Voters refuse a candidate that is staler than
//     they are; an arbiter refuses one while it sees a primary of at least the same priority.
//   - A member with a higher priority than the primary's takes over after one election timeout for each rank, once it has caught up.
//   - A primary that sees no majority steps down after the election timeout. What it wrote meanwhile is rolled back.
//   - A member that was away applies the oplog at a set rate when it is back; one that was away longer than the oplog reaches is
//     RECOVERING until its data are wiped and copied anew, which takes time by size.
//   - Documents replicate with the oplog: the guide's sharding database by itself ([ShardingData]), and whatever else a caller
//     keeps there ([Payload]). A rollback loses them, a majority keeps them ([Set.Committed]).
//   - Reconfig refuses what servers refuse, with their codes. The rule of one voter at a time, and of one uncommitted
//     configuration at most, belong to servers from 4.4 on and are an option: a 3.6 accepts reconfigs that make two
//     primaries, and so does this model, until Check says so.
//
// # What is simplified
//
// Timers carry no random part: of two members that would stand at the same instant the one with the newer data stands, then the one
// with the higher priority. An election takes a fixed time. A notice of death that a closed connection gives is counted as
// one heartbeat interval, a silent loss as the heartbeat timeout. The oplog's window is a time, not a size.
package replsim
