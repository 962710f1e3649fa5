package pair

import (
	"fmt"
	"maps"
	"slices"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/live"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

func ids(placed map[string]string) []string { return slices.Sorted(maps.Keys(placed)) }

// join takes node 2 into the new cluster.
func (p *Pair) join() (evenkeel.Step, error) {
	n1, n := p.Config.Node1.Name, p.node(1)
	now := p.newCluster(n1)
	member, err := planned(p.Plan.Join, pcs.Member)
	if err != nil {
		return evenkeel.Step{}, err
	}
	member.Node = n1
	add := now.Change(member, change.Change{Needs: []change.Proof{now.Unused(n.Name)},
		Proof: []change.Proof{now.Configured(n1, p.cluster, n1, n.Name), now.Configured(n.Name, p.cluster, n1, n.Name)}})
	actions := []evenkeel.Action{n.seeAble("able", p.moved()),
		evenkeel.Prove("serving", "Verify that "+n1+" is there to be joined: alone, node 2 would begin a cluster of its own",
			now.Online(n1)).AsPrecondition()}
	actions = append(actions, changed("auth", "Authorise pcs on both nodes", now.Auth(n1, n.Name))...)
	actions = append(actions, changed("add", "Add "+n.Name+" to the new cluster", add)...)
	actions = append(actions, changed("enable", "Start the cluster at boot on "+n.Name, now.Enable(n.Name))...)
	// From here on two nodes live in one cluster: cut off from each other, each would start all units.
	for _, device := range p.fenceDevices() {
		actions = append(actions, changed("hold-"+device, "Disable the fence device "+device, now.HoldFencing(device))...)
	}
	actions = append(actions, changed("protect", "Let the cluster start nothing that a lost node may still have",
		p.asBefore(now, "stonith-enabled"))...)
	actions = append(actions, changed("start", "Start the cluster on "+n.Name, disrupting(now.Start(n.Name)))...)
	return evenkeel.Step{ID: "join-node2", Title: "Take " + n.Name + " into the new cluster", Host: n.Name, Irreversible: n.gone(),
		Why: "Where the links are cut, each of two nodes would start every unit. So no unit that a lost node may have is started until that " +
			"is fenced; and nobody is fenced until node 2 has been seen online: what fails meanwhile waits, too.",
		Opens: []evenkeel.Window{{ID: "join", Invariant: "served", Stop: evenkeel.StopAtClose,
			Reason: "where the stickiness is not greater than a preference, units move as soon as node 2 is there"}},
		Closes: []string{"join"}, Actions: actions,
		Verify: append([]evenkeel.Action{evenkeel.Await(p.Config.Outage, "online", "Wait until both nodes are online", now.Online(n1, n.Name))},
			p.settled(now)...)}, nil
}

// fenceDevices are those that were not disabled in the old cluster, where that fenced.
func (p *Pair) fenceDevices() (ids []string) {
	if v, said := p.CIB.Property("stonith-enabled"); said && isFalse(v) {
		return nil
	}
	for _, w := range p.CIB.Wanted() {
		if w.Class == "stonith" && w.Disabled == "" {
			ids = append(ids, w.ID)
		}
	}
	return ids
}

// settled waits until a cluster has nothing left to do, and runs everything.
func (p *Pair) settled(now live.Cluster) (actions []evenkeel.Action) {
	for i, proof := range append(now.Settled(), now.Active(ids(p.placed("", p.moved()...))...)) {
		actions = append(actions, evenkeel.Await(p.Config.Outage, fmt.Sprintf("settled-%d", i+1),
			"Wait until the cluster is idle, and runs every unit", proof))
	}
	return actions
}

// itself is what a new cluster calls a host.
func itself(host string) string { return host }

// homes are the nodes that the units prefer, by resource, as a cluster calls them.
func (p *Pair) homes(called func(host string) string) map[string]string {
	where := map[string]string{}
	for _, u := range p.moved() {
		if home := p.home(u); home != "" {
			maps.Copy(where, p.placed(called(home), u))
		}
	}
	return where
}

// rebalance moves the units to the nodes that they prefer, in a cluster that calls the hosts by names of its own. Those that prefer none
// stay where they are.
func (p *Pair) rebalance(now live.Cluster, called func(host string) string) evenkeel.Step {
	n1, n2 := p.Config.Node1.Name, p.Config.Node2.Name
	where := p.homes(called)
	s := evenkeel.Step{ID: "rebalance", Title: "Move the units to the nodes that they prefer", Host: n1,
		Why: "Nothing moves back by itself where the stickiness beats a preference (H17).",
		Opens: []evenkeel.Window{{ID: "rebalance", Invariant: "served", Stop: evenkeel.StopAtClose,
			Reason: "a unit stops on one node before it starts on the other"}},
		Closes: []string{"rebalance"}, Harmless: "every unit runs on an upgraded node, whichever it is",
		Actions: []evenkeel.Action{evenkeel.Prove("ready", "Verify that both nodes can run units",
			now.Online(called(n1), called(n2))).AsPrecondition()},
		Verify: p.settled(now),
	}
	if len(where) > 0 {
		s.Actions = append(s.Actions, changed("relocate", "Move each unit to the node that it prefers", disrupting(now.RelocateRun(where)))...)
	}
	s.Actions = append(s.Actions, changed("clear", "Remove what a move that was interrupted may have left in the configuration",
		now.RelocateClear())...)
	return s
}

// fencing lets the new cluster fence as the old one did, as soon as both nodes are in it.
func (p *Pair) fencing() evenkeel.Step {
	n1, n2 := p.Config.Node1.Name, p.Config.Node2.Name
	now := p.newCluster(n1)
	actions := []evenkeel.Action{evenkeel.Prove("ready", "Verify that both nodes are well: nothing would be fenced as soon as it can be",
		now.Online(n1, n2)).AsPrecondition()}
	for _, device := range p.fenceDevices() {
		actions = append(actions, changed("release-"+device, "Enable the fence device "+device+" again", now.ReleaseFencing(device))...)
	}
	return evenkeel.Step{ID: "fencing", Title: "Restore fencing", Host: n1, Actions: actions,
		Why:      "As soon as both nodes are seen online, so that nothing is fenced during the work; and before anything moves again.",
		Verify:   []evenkeel.Action{p.restored("same")},
		Harmless: "a pair without fencing is not to be left alone"}
}

// restored wants the new cluster to be configured as the old one was, fencing with the rest.
func (p *Pair) restored(id string) evenkeel.Action {
	return evenkeel.Prove(id, "Verify that the configuration is the backed-up one, but for what is expected",
		p.newCluster(p.Config.Node1.Name).InCIB("no other difference", func(live *pacemaker.CIB) error {
			want, _ := p.CIB.Property("stonith-enabled")
			if is, _ := live.Property("stonith-enabled"); is != want {
				return fmt.Errorf("stonith-enabled is %q, and was %q", is, want)
			}
			return p.same(live, pacemaker.ExpectRole("Started", append(p.switches(), p.fenceDevices()...)...))
		}))
}

// finish looks at the whole once more, and cleans up what the tool brought.
func (p *Pair) finish() evenkeel.Step {
	n1, n2 := p.node(0), p.node(1)
	s := evenkeel.Step{ID: "finish", Title: "Verify that the pair is upgraded", Host: n1.Name,
		Harmless: "the backups themselves are on this machine"}
	for _, n := range []*node{n1, n2} {
		now := p.newCluster(n.Name)
		s.Needs = append(s.Needs, n.archiveName)
		s.Actions = append(s.Actions, evenkeel.Do(n.id("clean"), "Remove the copy of the backup from "+n.Name, "rm", "-rf", n.tree(),
			n.tree()+".tgz").On(n.Name).
			Noting("it holds /etc/shadow and private keys; the backup itself is on this machine"))
		s.Verify = append(s.Verify, p.to.runs(n.id("release"), "Verify that "+n.Name+" runs the new system", n.Name),
			evenkeel.Prove(n.id("boot"), "Verify that the cluster starts at boot on "+n.Name, now.AtBoot(n.Name, true)[0]),
			evenkeel.Prove(n.id("online"), "Verify that both nodes are online, seen from "+n.Name, now.Online(n1.Name, n2.Name)))
	}
	s.Verify = append(s.Verify, p.restored("same"), evenkeel.Prove("active", "Verify that every resource runs, on one node each",
		p.newCluster(n1.Name).Active(ids(p.placed("", p.moved()...))...)))
	return s
}
