package upgrade

import (
	"errors"
	"fmt"
	"slices"

	"github.com/evenkeel-ha/evenkeel"
)

// join takes node 2 into the new cluster (lustre:1596-1650).
func (p *Pair) join() (evenkeel.Step, error) {
	n1, n := p.Config.Node1.Name, p.node(1)
	now := p.newCluster(n1)
	s := evenkeel.Step{
		ID: "join-node2", Title: "Take " + n.Name + " into the new cluster", Host: n.Name, Ref: "lustre:1596", Irreversible: n.gone(),
		Needs: []evenkeel.FactKey{n.nidsSeen},
		Why: "The mount points and modules come before the node joins, not after it as in the guide (lustre:1628, 1646): " +
			"without them a target that fails over would fail.",
	}
	if !p.Config.Offline && p.movesByItself() {
		s.Opens = []evenkeel.Window{{ID: "join", Invariant: "served", Stop: evenkeel.StopAtClose,
			Reason: "the stickiness is not greater than the preference: targets move as soon as node 2 is there"}}
		s.Closes = []string{"join"}
	}
	ops := p.bootFirst(p.Plan.Join)
	start := startOf(ops)
	before, err1 := p.planned(ops[:start])
	after, err2 := p.planned(ops[start:])
	s.Actions = slices.Concat(n.mountPoints("lustre:1632"), n.startAgent("lustre:1640"), p.able(n),
		p.seeNoPool(n), n.seeRingLinks("links"), []evenkeel.Action{now.seeUnused(n.Name)}, before,
		[]evenkeel.Action{p.there(n1)},
		after)
	s.Verify = []evenkeel.Action{
		showsOnline(evenkeel.Await(startLimit, "online", "Wait until both nodes are online", now.Online(n1, n.Name)), n1, n.Name),
		p.seeRings("rings-1", n1, p.newRings()), p.seeRings("rings-2", n.Name, p.newRings()),
	}
	if len(s.Opens) > 0 {
		// Before the health agents have said that node 2 is well, nothing moves there; it would move after the window.
		s.Verify = append(s.Verify, p.seeHealth("health-2", n.Name)...)
		// What is on its way is mounted nowhere, and in no recovery.
		s.Verify = append(s.Verify, p.idle("start it there").On(n1), p.noneRecovers("recovered-1", n1), p.noneRecovers("recovered-2", n.Name))
	}
	return s, errors.Join(err1, err2)
}

// there wants node 1 in the new cluster before node 2 joins it. Offline, that is still in maintenance.
func (p *Pair) there(n1 string) evenkeel.Action {
	const why = " is there to be joined: alone, node 2 would begin a cluster of its own"
	now := p.newCluster(n1)
	if p.Config.Offline {
		return showsOnline(now.seeStatus("serving", "Verify that "+n1+why, "online", offline{p}.online(n1)), n1).AsPrecondition()
	}
	return showsReady(now.seeStatus("serving", "Verify that "+n1+why, "online", ready(n1)), n1).AsPrecondition()
}

// rebalance moves the targets to the nodes that they prefer (lustre:1652-1695).
func (p *Pair) rebalance() (evenkeel.Step, error) {
	n1, n2 := p.node(0), p.node(1)
	now := p.newCluster(n1.Name)
	s := evenkeel.Step{
		ID: "rebalance", Title: "Move the targets to the nodes that they prefer", Host: n1.Name, Ref: "lustre:1652",
		Why: "Nothing moves back by itself: a stickiness of 1000 beats a preference of 20 against 10 (H17). One target " +
			"goes first: node 2 has never had one since it was rebuilt.",
		Opens: []evenkeel.Window{{ID: "rebalance", Invariant: "served", Stop: evenkeel.StopAtClose,
			Reason: "a target stops on one node before it starts on the other; a target serves again when its recovery is over"}},
		Closes: []string{"rebalance"}, Needs: []evenkeel.FactKey{n2.nidsSeen},
	}
	ops, err := p.planned(p.Plan.Rebalance)
	s.Actions = append(p.able(n2), p.seeHealth("health-2", n2.Name)...)
	s.Actions = append(s.Actions, p.seeRings("rings-1", n1.Name, p.newRings()).AsPrecondition(),
		p.seeRings("rings-2", n2.Name, p.newRings()).AsPrecondition(),
		showsReady(now.seeStatus("ready", "Verify that both nodes can take targets", "online, and not in standby",
			ready(n1.Name, n2.Name)), n1.Name, n2.Name).AsPrecondition())
	for _, a := range ops {
		if a.Cmd.Effect != evenkeel.ReadOnly {
			s.Actions = append(s.Actions, p.canary()...)
		}
		s.Actions = append(s.Actions, a)
	}
	s.Actions = append(s.Actions,
		waits(showsPlaced(evenkeel.Await(p.Config.Outage, "placed", "Wait until every target runs where it should",
			now.Placed(p.placed(preferred))), p.placed(preferred))).Noting("a target that failed over is moved by `pcs resource relocate run`"),
		evenkeel.Do("clear", "Remove what a move that was interrupted may have left in the configuration", "pcs", "resource",
			"relocate", "clear"))
	for i, server := range p.servers() {
		s.Actions = append(s.Actions, p.waitServing(fmt.Sprintf("recovered-%d", i+1), server.Name, p.of(server))...)
	}
	s.Actions = append(s.Actions, throttle{p}.throttleAgain(n1.Name, p.Config.NewPCS)...)
	for i, server := range p.servers() {
		mine := p.of(server)
		s.Verify = append(s.Verify, waits(showsMounts(seeMounts(fmt.Sprintf("mounts-%d", i+1),
			"Verify that its own targets are mounted on "+server.Name, "its targets, and no other", exactly(mine)), mine)).On(server.Name))
	}
	s.Harmless = "every target runs on an upgraded node, whichever it is"
	return s, err
}

// of are the targets that belong on a server.
func (p *Pair) of(s Server) []Target {
	return slices.DeleteFunc(p.enabled(), func(t Target) bool { return t.Preferred != s.Name })
}

// canary moves one target to node 2 before the others (H17).
func (p *Pair) canary() []evenkeel.Action {
	for _, t := range p.enabled() {
		if t.Preferred != p.Config.Node2.Name {
			continue
		}
		where, moved := map[string]string{t.Resource: t.Preferred}, []Target{t}
		for _, other := range p.enabled() { // those that stand in a group with it move along
			if other.Switch == t.Switch && other.Resource != t.Resource {
				where[other.Resource], moved = t.Preferred, append(moved, other)
			}
		}
		there := p.newCluster(p.Config.Node1.Name).Placed(where)
		move := evenkeel.Disrupt("canary", "Move one target first: "+t.Resource, "pcs", "resource", "relocate", "run",
			t.Switch).Probed(relocated(there, where))
		return append([]evenkeel.Action{
			move.From("lustre:1665"),
			waits(showsPlaced(evenkeel.Await(p.Config.Outage, "canary-there", "Wait until "+t.Resource+" runs on "+t.Preferred, there), where)),
		}, p.waitServing("canary-recovered", t.Preferred, moved)...)
	}
	return nil
}
