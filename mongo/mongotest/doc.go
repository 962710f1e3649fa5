// Package mongotest simulates MongoDB replica sets: the state machine of internal/replsim, with elections, majorities,
// takeovers by priority, oplog windows and the servers' refusals, behind the commands and the wire protocol of a real
// server.
//
// A [Set] is one replica set. Package mongo/live reaches it in two ways:
//
//   - [Set.Dial] runs commands in the process, without a connection, a goroutine or a clock: with Options.Speed 0 the
//     time passes only by [Set.Advance] and [Set.Sleep], and the same calls give the same answers. For scenarios by the
//     thousand.
//   - [Set.DialContext] is a dialer for the official driver: the real wire protocol (OP_MSG, and OP_QUERY for the first
//     handshake) over connections in memory. [Set.Listen] serves the same on loopback ports, for programs of their own.
//
// A server that is stopped refuses connections and closes those it has. [Set.Fail] makes single commands fail as
// connections do: before they take effect, or after it and before the answer.
//
// Nothing is answered from a list: every reply is made from the state of the set, and what the simulation does not know
// is refused with CommandNotFound, never shrugged off.
package mongotest
