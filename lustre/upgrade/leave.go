package upgrade

import (
	"fmt"
	"slices"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// evacuate moves every target to node 2 (lustre:422-448).
func (p *Pair) evacuate() evenkeel.Step {
	n1, n2 := p.node(0), p.node(1)
	old1, old2 := p.old(n1.Name), p.old(n2.Name)
	was := p.oldCluster(n2.Name)
	s := evenkeel.Step{
		ID: "evacuate-node1", Title: "Move every target to " + n2.Name, Host: n1.Name, Ref: "lustre:422",
		Needs: append(n1.autostarts(), n2.bootSeen, n1.fenced),
		Opens: []evenkeel.Window{{ID: "evacuation", Invariant: "served", Stop: evenkeel.StopAtClose,
			Reason: "the targets of node 1 stop there before they start on node 2; a target serves again when its recovery is over"}},
		Actions: slices.Concat([]evenkeel.Action{
			p.seeRings("rings-1", n1.Name, p.rings).AsPrecondition(), p.seeRings("rings-2", n2.Name, p.rings).AsPrecondition(),
			showsReady(was.seeStatus("ready", "Verify that "+n2.Name+" can take the targets", "online, and not in standby", ready(old2)),
				old2).AsPrecondition(),
			p.carries("carries").On(n2.Name).AsPrecondition(),
			p.calm().AsPrecondition(),
			evenkeel.Disrupt("standby", "Put "+old1+" into standby", p.Config.OldPCS.Standby(old1).Argv...).From("lustre:428"),
			waitFor(p.Config.Outage, n1.Name,
				waits(showsMounts(seeMounts("empty", "Wait until nothing is mounted on "+n1.Name+" any more", "no Lustre target", noneMounted), nil))),
			// It sees a start that failed, which the mount table does not show.
			waits(showsPlaced(evenkeel.Await(p.Config.Outage, "status", "Wait until every target runs on "+n2.Name,
				was.Placed(p.placed(everywhere(old2)))), p.placed(everywhere(old2)))).From("lustre:436"),
			waitFor(p.Config.Outage, n2.Name,
				waits(showsMounts(seeMounts("served", "Wait until every target is mounted on "+n2.Name, "every target",
					allMounted(p.enabled())), p.enabled()))).From("lustre:437"),
		}, p.waitServing("serving", n2.Name, p.enabled()), []evenkeel.Action{
			evenkeel.Do("disable", "Keep the old cluster from starting on "+n1.Name+" at boot",
				p.Config.OldPCS.ClusterDisable("").Argv...).From("lustre:444"),
		}),
		Verify: []evenkeel.Action{showsSettings(was.seeCIB("stored", "Verify that the standby is stored, so that it outlives a restart",
			"standby=on for "+old1, inStandby(old1)), "node "+old1+" standby=on")},
		Closes: []string{"evacuation"},
	}
	s.Undo = append(n1.autostartBack(),
		evenkeel.Disrupt("unstandby", "Take "+old1+" out of standby", p.Config.OldPCS.Unstandby(old1).Argv...).On(n2.Name).
			Noting("with a stickiness of 1000 the targets stay on node 2 until they are moved"))
	return s
}

// autostarts are the facts that autostartBack needs.
func (n *node) autostarts() []evenkeel.FactKey {
	keys := make([]evenkeel.FactKey, len(n.autostart))
	for i := range n.autostart {
		keys[i] = n.autostart[i]
	}
	return keys
}

// autostartBack lets the old cluster start at boot as it did.
func (n *node) autostartBack() []evenkeel.Action {
	var actions []evenkeel.Action
	for i, service := range clusterServices {
		actions = append(actions, evenkeel.Do("boot-"+service, "Let "+service+" start at boot on "+n.Name+" as it did",
			"chkconfig", service, n.autostart[i].Ref()).From("lustre:921").On(n.Name))
	}
	return actions
}

// startOld starts the old cluster on a node; where it runs already, nothing happens.
func (p *Pair) startOld(n *node) []evenkeel.Action {
	var actions []evenkeel.Action
	for _, service := range clusterServices {
		actions = append(actions, evenkeel.Disrupt("start-"+service, "Start "+service+" on "+n.Name, "service", service, "start").On(n.Name))
	}
	return append(actions, showsOnline(evenkeel.Await(p.Config.Outage, "up-"+n.no, "Wait until the old cluster is up on "+n.Name,
		p.oldCluster(n.Name).Online(p.old(n.Name))), p.old(n.Name)))
}

// leave takes node 1 out of the old cluster cleanly, and keeps that from shooting it while it is rebuilt (H1).
func (p *Pair) leave() evenkeel.Step {
	n1, n2 := p.node(0), p.node(1)
	s := evenkeel.Step{
		ID: "leave-node1", Title: "Take " + n1.Name + " out of the old cluster, cleanly, with fencing held", Host: n1.Name, Ref: "lustre:452",
		Why: "Not in the guide (H1): with no-quorum-policy=ignore the old cluster on node 2, if it is ever restarted alone, " +
			"power-cycles node 1 in the middle of its rebuild.",
		Actions: []evenkeel.Action{
			evenkeel.Do("hold", "Hold fencing in the old cluster",
				p.Config.OldPCS.SetProperty(pacemaker.NVPair{Name: "stonith-enabled", Value: "false"}).Argv...).On(n2.Name),
			p.held(),
			seeFree("free", n1.Name).AsPrecondition(),
			evenkeel.Disrupt("pacemaker", "Stop Pacemaker", "service", "pacemaker", "stop").From("lustre:1126"),
			evenkeel.Disrupt("corosync", "Stop Corosync", "service", "corosync", "stop").From("lustre:1127"),
		},
		Verify: append(p.seeStopped(n1.Name),
			untilShows(p.oldCluster(n2.Name).
				seeStatus("left", "Verify that the old cluster knows that node 1 left in good order", "offline, and not unclean",
					p.leftCleanly), "| status | sed -nE "+
				shellescape.Quote("s/^(node "+p.old(n1.Name)+" online=[a-z]*) .*(unclean=[a-z]*) .*/\\1 \\2/p"), "node "+
				p.old(n1.Name)+" online=false unclean=false").Waiting(p.Config.Outage),
			waitFor(p.Config.Outage, n2.Name,
				waits(showsMounts(seeMounts("served", "Wait until every target is still mounted on "+n2.Name, "every target",
					allMounted(p.enabled())), p.enabled())))),
	}
	s.Undo = append(p.startOld(n1),
		evenkeel.Do("release", "Let the old cluster fence as before",
			p.Config.OldPCS.SetProperty(pacemaker.NVPair{Name: "stonith-enabled", Value: p.oldFencing()}).Argv...).On(n2.Name))
	return s
}

func (p *Pair) leftCleanly(st *pacemaker.Status) error {
	n, ok := st.Node(p.old(p.Config.Node1.Name))
	if stays, there := st.Node(p.old(p.Config.Node2.Name)); !there || !stays.Online || !st.DC.Present {
		return evenkeel.NotYet(0, "the old cluster does not show its own node %s online", p.old(p.Config.Node2.Name))
	}
	switch {
	case !ok:
		return nil // the cluster has forgotten it: better still
	case n.Unclean:
		return evenkeel.NeedsOperator("the old cluster takes %s for lost, and would fence it as soon as it may. Let it "+
			"leave in good order: on %s, start corosync and pacemaker, wait until it is online, "+
			"stop pacemaker and then corosync; then resume", n.Name, p.Config.Node1.Name)
	case n.Online:
		return evenkeel.NotYet(0, "%s is still online in the old cluster", n.Name)
	}
	return nil
}

// shutDownStep shuts a node down. It is a step of its own, because up to the installation that follows the node can be
// switched on again as it was.
func (n *node) shutDownStep(ref string, before ...evenkeel.Action) evenkeel.Step {
	other := n.node(1 - n.index)
	return n.shutDown(ref, []evenkeel.FactKey{n.node(1).bootSeen, n.node(0).fenced, n.archivePath, n.archiveSum}, append([]evenkeel.Action{
		// No precondition: once it is down, nobody can look there.
		seeFree("free", n.Name),
		showsMounts(seeMounts("served", "Verify that every target is mounted on "+other.Name, "every target", stillMounted(n.enabled())),
			n.enabled()).On(other.Name).AsPrecondition(),
	}, before...)...)
}

// shutDown shuts the node down after looks of the caller's. Up to the installation it can be switched on again as it was.
func (n *node) shutDown(ref string, needs []evenkeel.FactKey, before ...evenkeel.Action) evenkeel.Step {
	down := evenkeel.Disrupt("shutdown", "Shut "+n.Name+" down", "shutdown", "-h", "now").
		Probed(steps.BootProbe(n.bootOld, evenkeel.Done)).From(ref)
	down.DropsConnection, down.Limit = true, n.Config.Install
	on := evenkeel.Look("switch-on", "Switch "+n.Name+" on again, as it was", "cat", "/etc/redhat-release")
	on.Manual = fmt.Sprintf("Switch %s on again if it is off, without installing anything, and wait until its old system is up.", n.Name)
	on = waits(showsText(on.Expecting("the release is the old one: "+n.Config.OldRelease,
		evenkeel.Contains(n.Config.OldRelease)), n.Config.OldRelease))
	return evenkeel.Step{
		ID: n.id("shutdown"), Title: "Shut " + n.Name + " down", Host: n.Name, Ref: ref, Reinstalls: []string{n.Name},
		Needs: needs, Makes: []evenkeel.FactKey{n.bootOld},
		Actions: append(append([]evenkeel.Action{steps.Boot("boot-id", n.bootOld), n.stillSafe()}, before...), down),
		Undo:    []evenkeel.Action{on},
	}
}
