package lustre

import (
	"slices"

	"github.com/evenkeel-ha/evenkeel"
)

// switchOver is the outage: node 2 lets go of the targets, and node 1 takes them (lustre:1120-1168).
func (p *Pair) switchOver() (evenkeel.Step, error) {
	n1, n2 := p.node(0), p.node(1)
	old2 := p.old(n2.Name)
	s := evenkeel.Step{
		ID: "switch-over", Title: "Move every target from " + n2.Name + " to " + n1.Name, Host: n1.Name, Ref: "lustre:1120",
		Why: "The two clusters share no fencing: nothing but the order of these commands keeps a target from being mounted twice. " +
			"What proves that the whole cluster of node 2 has stopped is read again immediately before anything starts here.",
		Needs:  append(n2.autostarts(), n2.bootSeen, n1.fenced),
		Opens:  []evenkeel.Window{{ID: "switch-over", Invariant: "served", Limit: p.Config.Outage, Reason: "every target stops on node 2 before it starts on node 1 (lustre:1131)"}},
		Closes: []string{"switch-over"},
	}
	s.Actions = append(p.able(n1),
		seeCIB("disabled", "The new cluster still touches no target", "maintenance-mode=true; target-role=Stopped on each", p.harmless),
		p.calm(),
		at(n2.Name, from("lustre:1125", disrupt("standby", "Put "+old2+" into standby in the old cluster", "pcs", "cluster", "standby", old2))),
		at(n2.Name, seeCIB("stored", "The standby is stored, so that it outlives a restart", "standby=on for "+old2, inStandby(old2))),
		waitFor(p.Config.Outage, n2.Name, seeMounts("stopped", "Node 2 has let go of every target", "no Lustre target", noneMounted)),
		at(n2.Name, from("lustre:1126", disrupt("pacemaker", "Stop Pacemaker on node 2", "service", "pacemaker", "stop"))),
		at(n2.Name, from("lustre:1127", disrupt("corosync", "Stop Corosync on node 2", "service", "corosync", "stop"))),
		at(n2.Name, from("lustre:1128", change("disable", "Keep the old cluster from starting on node 2 at boot", "pcs", "cluster", "disable"))))
	for _, a := range append(seeStopped(n2.Name), seeFree("free", n2.Name)) {
		s.Actions = append(s.Actions, guard(a))
	}
	start, err := p.planned(p.Plan.SwitchOver)
	for i := range start {
		start[i].Cmd.Effect = evenkeel.Disruptive // a target starts
	}
	s.Actions = slices.Concat(s.Actions, start, []evenkeel.Action{
		within(p.Config.Outage, seeMounts("serving", "Every target is mounted here", "every target", allMounted(p.enabled()))),
	})
	s.Verify = []evenkeel.Action{from("lustre:1155", within(p.Config.Outage, seeStatus("status", "Every target runs on "+n1.Name, "every target Started on "+n1.Name, p.placed(everywhere(n1.Name)))))}
	s.Undo = p.switchBack()
	return s, err
}

// switchBack gives the targets back to the old cluster on node 2, as long as that is there. Node 2 comes up in standby, and leaves that only when node 1
// has provably let go.
func (p *Pair) switchBack() []evenkeel.Action {
	n1, n2 := p.node(0), p.node(1)
	old2 := p.old(n2.Name)
	var undo []evenkeel.Action
	for _, t := range p.enabled() {
		undo = append(undo, disrupt("disable-"+t.Resource, "Disable "+t.Resource+" in the new cluster", "pcs", "resource", "disable", t.Resource))
	}
	undo = append(undo,
		within(p.Config.Outage, seeMounts("let-go", "Node 1 has let go of every target", "no Lustre target", noneMounted)),
		disrupt("maintenance", "Put the new cluster into maintenance again", "pcs", "property", "set", "maintenance-mode=true"))
	undo = append(undo, p.startOld(n2)...)
	undo = append(undo, n2.autostartBack()...)
	return append(undo,
		guard(seeCIB("disabled", "The new cluster touches no target", "maintenance-mode=true; target-role=Stopped on each", p.harmless)),
		guard(seeFree("free", n1.Name)),
		at(n2.Name, disrupt("unstandby", "Take "+old2+" out of standby", "pcs", "cluster", "unstandby", old2)),
		waitFor(p.Config.Outage, n2.Name, seeMounts("serving", "Every target is mounted on node 2", "every target", allMounted(p.enabled()))))
}
