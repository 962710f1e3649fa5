package pair

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/live"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/pacemaker/rebuild"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// evacuate moves every unit to node 2, in the old cluster.
func (p *Pair) evacuate() evenkeel.Step {
	n1, n2 := p.node(0), p.node(1)
	old1, old2 := p.old(n1.Name), p.old(n2.Name)
	was := p.oldCluster(n2.Name)
	actions := []evenkeel.Action{
		evenkeel.Prove("ready", "Verify that "+n2.Name+" can run the units", was.Online(old2)).AsPrecondition(),
		p.carries("carries", n1, n2, n2.Name).AsPrecondition(), p.calm().AsPrecondition(),
	}
	actions = append(actions, changed("standby", "Put "+old1+" into standby", disrupting(was.Standby(old1)))...)
	actions = append(actions,
		evenkeel.Await(p.Config.Outage, "placed", "Wait until every unit runs on "+n2.Name, was.Placed(p.placed(old2, p.moved()...))),
		p.free("free", n1.Name), p.serves("served", n2.Name))
	actions = append(actions, changed("disable", "Keep the old cluster from starting on "+n1.Name+" at boot",
		p.oldCluster(n1.Name).Disable(old1))...)
	return evenkeel.Step{ID: "evacuate-node1", Title: "Move every unit to " + n2.Name, Host: n1.Name,
		Needs: []evenkeel.FactKey{n1.autostart, n2.bootSeen, n1.fenced},
		Opens: []evenkeel.Window{{ID: "evacuation", Invariant: "served", Stop: evenkeel.StopAtClose,
			Reason: "the units of node 1 stop there before they start on node 2"}},
		Closes: []string{"evacuation"}, Actions: actions,
		Undo: append([]evenkeel.Action{n1.autostartBack()}, changed("unstandby", "Take "+old1+" out of standby",
			disrupting(was.Unstandby(old1)))...),
	}
}

// leave takes node 1 out of the old cluster cleanly, and keeps that from shooting it while it is rebuilt (H1).
func (p *Pair) leave() evenkeel.Step {
	n1, n2 := p.node(0), p.node(1)
	old1, old2 := p.old(n1.Name), p.old(n2.Name)
	was := p.oldCluster(n2.Name)
	actions := changed("hold", "Hold fencing in the old cluster", was.Property(pacemaker.NVPair{Name: "stonith-enabled", Value: "false"}))
	actions = append(actions, changed("alone", "Let the old cluster act without a quorum: node 1 does not come back to it",
		was.Property(ignoreQuorum))...)
	actions = append(actions, p.held().AsPrecondition(), p.free("free", n1.Name))
	actions = append(actions, p.stop(n1.Name)...)
	gone := was.InStatus("offline, and not unclean", func(st *pacemaker.Status) error {
		return left(st, old1, old2)
	})
	return evenkeel.Step{ID: "leave-node1", Title: "Take " + n1.Name + " out of the old cluster, cleanly, with fencing held", Host: n1.Name,
		Why: "The old cluster on node 2, if it is ever restarted alone, would power-cycle node 1 in the middle of its rebuild (H1). And " +
			"it would serve " +
			"nothing: a cluster of two waits at its start until it has seen both nodes (wait_for_all), and node 1 does not come back to it.",
		Actions: actions,
		Verify: []evenkeel.Action{evenkeel.Await(p.Config.Outage, "left",
			"Verify that the old cluster knows that node 1 left cleanly", gone),
			p.serves("served", n2.Name)},
		Undo: slices.Concat(p.startOld(n1), changed("release", "Let the old cluster fence as before", p.asBefore(was, "stonith-enabled")),
			changed("quorum", "Restore no-quorum-policy in the old cluster", p.asBefore(was, ignoreQuorum.Name))),
	}
}

// left wants a cluster to show one of its nodes online, and the other as one that left cleanly.
func left(st *pacemaker.Status, node, stays string) error {
	n, known := st.Node(node)
	other, there := st.Node(stays)
	switch {
	case !there || !other.Online || !st.DC.Present:
		return evenkeel.NotYet(0, "the cluster does not show its own node %s online", stays)
	case known && n.Unclean:
		return evenkeel.NeedsOperator("the cluster takes %s for lost, and would fence it as soon as it may. Let it leave cleanly: start "+
			"the cluster there, wait until it is online, stop it, and resume", node)
	case known && n.Online:
		return evenkeel.NotYet(0, "%s is still online in the cluster", node)
	}
	return nil
}

// ignoreQuorum lets a cluster act alone: the node that it waits for is off, and is kept from coming back.
var ignoreQuorum = pacemaker.NVPair{Name: "no-quorum-policy", Value: "ignore"}

// asBefore gives a cluster the property that the old one had in the backup.
func (p *Pair) asBefore(in live.Cluster, name string) change.Change {
	if v, said := p.CIB.Property(name); said {
		return in.Property(pacemaker.NVPair{Name: name, Value: v})
	}
	return in.UnsetProperty(name)
}

// planned is the operation of a list that makes something.
func planned(ops []pcs.Operation, kind pcs.Kind) (pcs.Operation, error) {
	i := slices.IndexFunc(ops, func(o pcs.Operation) bool { return o.Makes.Kind == kind })
	if i < 0 {
		return pcs.Operation{}, errors.New("the plan of the new cluster lacks an operation that makes it")
	}
	return ops[i], nil
}

// makeCluster makes the cluster on node 1, of one CIB that lies in place when it starts for the first time: nothing is
// ever there that is not disabled and in maintenance (H5, H25).
func (p *Pair) makeCluster() (evenkeel.Step, error) {
	n, n2 := p.node(0), p.node(1)
	now := p.newCluster(n.Name)
	setup, err1 := planned(p.Plan.Setup, pcs.NewCluster)
	seed, err2 := p.Plan.Seed(fencingHeld)
	if err := errors.Join(err1, err2); err != nil {
		return evenkeel.Step{}, err
	}
	unused := now.Unused(n.Name)
	made := now.Change(setup, change.Change{Needs: []change.Proof{unused}, Proof: []change.Proof{now.Configured(n.Name, p.cluster, n.Name)}})
	actions := p.spareNode1()
	actions = append(actions, changed("auth", "Authorise pcs on "+n.Name, now.Auth(n.Name))...)
	actions = append(actions, changed("setup", "Set up the new cluster "+p.cluster+" on "+n.Name, made)...)
	actions = append(actions, changed("seed", "Put the whole configuration in place, before the first start", now.Seed(seed))...)
	actions = append(actions, changed("enable", "Start the cluster at boot on "+n.Name, now.Enable(n.Name))...)
	actions = append(actions, changed("start", "Start the cluster on "+n.Name, now.Start(n.Name))...)
	if _, its := p.CIB.Property(rebuild.SeedProperty); !its {
		actions = append(actions, changed("unset", "Remove what made the first start short", now.UnsetProperty(rebuild.SeedProperty))...)
	}
	return evenkeel.Step{ID: "cluster-node1", Title: "Make the cluster again on " + n.Name + ", with every unit disabled",
		Host: n.Name, Irreversible: n.gone(),
		Why:   "Every unit is made disabled, and the cluster is in maintenance: node 2 still has them (H8). Fencing comes with node 2.",
		Needs: []evenkeel.FactKey{n2.bootSeen, n.fenced}, Actions: actions,
		Verify: []evenkeel.Action{
			evenkeel.Prove("disabled", "Verify that every unit is disabled, and the cluster is in maintenance and fences nobody", now.InCIB(
				"maintenance-mode=true; stonith-enabled=false; target-role=Stopped on each", func(cib *pacemaker.CIB) error {
					if v, _ := cib.Property(fencingHeld.Name); v != fencingHeld.Value {
						return fmt.Errorf("stonith-enabled is %q in the new cluster: it could fence node 2, which serves", v)
					}
					if v, _ := cib.Property("maintenance-mode"); v != "true" {
						return fmt.Errorf("maintenance-mode is %q", v)
					}
					return stopped(cib, p.Units...)
				})),
			evenkeel.Prove("same", "Verify that the configuration is the backed-up one, but for what is expected", now.InCIB("no other difference",
				func(live *pacemaker.CIB) error {
					return p.same(live, pacemaker.ExpectDisabled, pacemaker.ExpectNodeLater(n2.Name), pacemaker.ExpectRole("Stopped", p.switches()...))
				})),
		}}, nil
}

// fencingHeld keeps a cluster from fencing until both nodes are in it.
var fencingHeld = pacemaker.NVPair{Name: "stonith-enabled", Value: "false"}

// stopped wants units to be disabled, each of their members by what decides for it.
func stopped(cib *pacemaker.CIB, units ...Unit) error {
	disabled := map[string]string{}
	for _, w := range cib.Wanted() {
		disabled[w.ID] = w.Disabled
	}
	for _, u := range units {
		for _, id := range u.runs {
			r, _ := cib.Resource(id)
			if role, _ := r.Meta.Get("target-role"); !strings.EqualFold(role, "Stopped") {
				return fmt.Errorf("%s is not disabled (target-role %q): it could be active on two nodes", id, role)
			}
		}
		for _, m := range u.Members {
			if disabled[m.ID] == "" {
				return fmt.Errorf("%s is not disabled: it could be active on two nodes", m.ID)
			}
		}
	}
	return nil
}

// switches are all by whose target-role units are started and stopped in the old cluster, and in the new one.
func (p *Pair) switches() (ids []string) {
	for _, u := range p.Units {
		ids = append(ids, u.Tops...)
	}
	return append(ids, side{cib: p.CIB}.switches(p.Units...)...)
}

// same wants the live configuration to be the backed-up one but for named differences. Fencing is compared when it is restored.
func (p *Pair) same(live *pacemaker.CIB, also ...pacemaker.Expectation) error {
	live = live.Clone()
	if v, _ := live.Property("stonith-enabled"); v == "false" {
		if was, said := p.CIB.Property("stonith-enabled"); said {
			live.SetProperty("stonith-enabled", was)
		} else {
			live.RemoveProperty("stonith-enabled")
		}
	}
	diff := pacemaker.Diff(p.CIB, live, pacemaker.RenameNodes(p.Names), pacemaker.ManagedIDs(),
		pacemaker.Expect(pacemaker.RebuildExpectations()...),
		pacemaker.Expect(pacemaker.ExpectRenamed(p.Names)), pacemaker.Expect(also...))
	if len(diff) > 0 {
		return fmt.Errorf("the configuration is not the backed-up one: %s (%d differences in all)", diff[0], len(diff))
	}
	return nil
}
