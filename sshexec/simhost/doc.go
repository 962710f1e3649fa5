// Package simhost simulates Linux hosts: files, packages, services, modules, mounts, power and a network, on a virtual
// clock.
//
// Nothing is scripted. A command acts on the state of its host, and its answer is made from that state, so a wrong
// order of commands fails as it would on a real machine. Everything is deterministic: no goroutine, no real clock, no
// map walked in random order.
//
// A [State] is the pure state machine: hosts, clock, layers, log. Layers (a cluster stack, a replica set, a technician)
// stand on it and follow the clock; handlers in a [Registry] are the programs of the hosts and may be added by any
// layer. A [World] wraps a State so that several Runners can take turns; it is what a rehearsal holds:
//
//	reg := simhost.NewRegistry()                  // the ordinary programs; layers add theirs
//	reg.Command("greet", 0, func(c *simhost.Call) int { c.Printf("hello from %s\n", c.Host.Name); return 0 })
//	s := simhost.NewState(reg, start)
//	h := s.AddHost("a.example", simhost.EL7())
//	w := simhost.NewWorld(s)
//	run, err := w.Runner("a.example")             // an sshexec.Runner
//
// # Time
//
// Each command costs virtual time (Registry.Command; one second where none is given) before it acts, and may wait
// longer ([State.Sleep], [State.Until]). Whatever falls due meanwhile happens at its instant.
//
// # Outcomes
//
// A host that is off, booting or without sshd answers no connection: the outcome is NotStarted. A host that goes down
// under a command (reboot, shutdown, a fence, a power cut) breaks the connection: the outcome is Unknown. A [Fault]
// breaks any chosen command in a chosen way.
//
// # Hash
//
// [State.Hash] covers all that decides what happens next, but not the clock, the log and the command counter: a
// read-only command leaves it alone unless something was due meanwhile. What is due enters it as the time still to go.
package simhost
