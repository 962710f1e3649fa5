package pair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// giveAway moves every unit to the other node.
func (n *node) giveAway(other *node) evenkeel.Step {
	window := n.id("move")
	actions := append([]evenkeel.Action{
		// Not that the node itself is: one with old software that was lost after the other was updated cannot join any more, and goes on.
		evenkeel.Prove("ready", "Verify that "+other.Name+" can run the units",
			n.oldCluster(other.Name).Online(other.called())).AsPrecondition(),
		n.steady(other).AsPreconditionThrough("standby"), n.onlyOne("only", other).AsPreconditionThrough("standby"),
		n.carries("carries", n, other, other.Name).AsPrecondition(),
	}, n.standAside(other)...)
	s := evenkeel.Step{ID: n.id("evacuate"), Title: "Move every unit to " + other.Name, Host: n.Name,
		Needs: []evenkeel.FactKey{other.bootSeen, n.fenced},
		Opens: []evenkeel.Window{{ID: window, Invariant: "served", Stop: evenkeel.StopAtClose,
			Reason: "the units of " + n.Name + " stop there before they start on " + other.Name}},
		Closes: []string{window}, Actions: actions, Undo: n.comeBack(other.Name),
	}
	if n.index == 0 {
		s.Opens = append([]evenkeel.Window{n.reduced()}, s.Opens...)
	}
	return s
}

// standAside puts the node into standby, and wants every unit to be gone from it and served by the other.
func (n *node) standAside(other *node) []evenkeel.Action {
	was := n.oldCluster(other.Name)
	return append(changed("standby", "Put "+n.called()+" into standby", disrupting(was.Standby(n.called()))),
		evenkeel.Await(n.Config.Outage, "placed", "Wait until every unit runs on "+other.Name,
			was.Placed(n.placed(other.called(), n.moved()...))),
		n.emptied("empty", other), n.serves("served", other.Name))
}

// comeBack ends the standby of the node, and waits until the cluster is idle. It asks the cluster of a host.
func (n *node) comeBack(host string) []evenkeel.Action {
	was := n.oldCluster(host)
	return append(changed("unstandby", "Take "+n.called()+" out of standby", disrupting(was.Unstandby(n.called()))), n.settled(was)...)
}

// leaveRolling stops the cluster on the node, when the other serves without it.
func (n *node) leaveRolling(other *node) evenkeel.Step {
	s := evenkeel.Step{ID: n.id("leave"), Title: "Stop the cluster on " + n.Name, Host: n.Name,
		Why: "It leaves cleanly, so it is not fenced for that. Fencing stays on, but no node is left that could fence " + other.Name + ". " +
			n.Name + " can be fenced during its update if Pacemaker restarts on " + other.Name + ": do not restart it there meanwhile.",
		Needs: []evenkeel.FactKey{n.autostart, other.bootSeen, n.fenced, n.features},
		Actions: slices.Concat(n.mayGo(other), changed("disable", "Keep the cluster from starting on "+n.Name+" at boot",
			n.oldCluster(n.Name).Disable(n.called())), n.stop(n.Name)),
		Verify: []evenkeel.Action{n.leftWell("left", other), n.serves("served", other.Name)},
		Undo: slices.Concat([]evenkeel.Action{n.unrisen("features", other), n.packaged("packaged"), n.bootsAsBefore(), n.bootsSo()},
			n.startCluster(), n.online(other)),
	}
	return s
}

// mayGo are the preconditions of every step that leaves the other node alone.
func (n *node) mayGo(other *node) []evenkeel.Action {
	return []evenkeel.Action{n.steady(other).AsPrecondition(), n.onlyOne("only", other).AsPrecondition(),
		n.emptied("empty", other).AsPrecondition(), n.allOn("placed", other).AsPrecondition(),
		n.serves("serving", other.Name).AsPrecondition()}
}

// allOn wants the cluster to run every unit on the other node: of one without a look of its own nothing else tells.
func (n *node) allOn(id string, other *node) evenkeel.Action {
	return evenkeel.Await(n.Config.Outage, id, "Verify that the cluster runs every unit on "+other.Name,
		n.oldCluster(other.Name).Placed(n.placed(other.called(), n.moved()...)))
}

// startCluster starts it there; where it runs already, nothing happens.
func (n *node) startCluster() []evenkeel.Action {
	return changed("start", "Start the cluster on "+n.Name, disrupting(n.oldCluster(n.Name).Start(n.called())))
}

// bootsAsBefore lets the cluster start at boot as it did before the run.
func (n *node) bootsAsBefore() evenkeel.Action {
	a := n.autostartBack()
	a.Title = "Let the cluster start at boot on " + n.Name + " as it did"
	return a
}

// bootsSo wants the cluster to start at boot on the node as it did before the run.
func (n *node) bootsSo() evenkeel.Action {
	return evenkeel.Look("boots", "Verify that the cluster starts at boot on "+n.Name+" as it did", append([]string{"systemctl", "is-enabled"},
		services...)...).On(n.Name).Expecting("as $"+n.autostart.Variable()+" says, both services", func(o evenkeel.Observed) error {
		was, err1 := n.autostart.Get(o.Facts)
		is, err2 := n.autostartVerb(o)
		if err := errors.Join(err1, err2); err != nil || was == is {
			return err
		}
		return fmt.Errorf("on %s the cluster does not start at boot as it did (systemctl %s of %s)", n.Name, was, strings.Join(services, " "))
	})
}

// online waits until both nodes are members, seen from each.
func (n *node) online(other *node) (actions []evenkeel.Action) {
	for _, from := range []*node{n, other} {
		actions = append(actions, evenkeel.Await(n.Config.Outage, "online-"+from.no, "Wait until both nodes are online, seen from "+from.Name,
			n.oldCluster(from.Name).Online(n.called(), other.called())))
	}
	return actions
}

// rejoin starts the cluster on the updated node. It stays in standby until the cluster is idle. No stop is taken before it is out of
// standby: were the other node lost then, nothing would serve. Where that happens, the end of the standby ends the outage.
func (n *node) rejoin(other *node) evenkeel.Step {
	// At boot first: a node that loses power between the two comes back with it.
	actions := append([]evenkeel.Action{n.steady(other).AsPreconditionThrough("start"), n.onlyOne("only", other).AsPrecondition(),
		n.allOn("placed", other).AsPrecondition(), n.serves("serving", other.Name).AsPrecondition(),
		n.packaged("packaged").AsPreconditionThrough("start"), n.joins("features", other).AsPrecondition(), n.bootsAsBefore()},
		n.startCluster()...)
	return evenkeel.Step{ID: n.id("rejoin"), Title: "Take " + n.Name + " into the cluster again", Host: n.Name,
		Needs: []evenkeel.FactKey{n.autostart, other.bootSeen, n.fenced, n.features}, Actions: actions,
		Opens: []evenkeel.Window{{ID: n.id("return"), Invariant: "served", Stop: evenkeel.StopAtClose, Completion: n.comeBack(n.Name),
			Reason: n.Name + " is in standby; where the stickiness is not greater than a preference, units move as soon as it may run them"}},
		Verify: append(append([]evenkeel.Action{n.standbyCalm("still-calm", other), n.bootsSo()}, n.online(other)...), evenkeel.Prove("same",
			"Verify that the cluster is configured as before",
			n.oldCluster(n.Name).InCIB("no difference to the backup but the standby", n.sameAs(n)))),
		Undo: slices.Concat([]evenkeel.Action{n.unrisen("features", other), n.emptied("empty", other), n.allOn("placed", other),
			n.serves("serving", other.Name)},
			changed("disable", "Keep the cluster from starting on "+n.Name+" at boot", n.oldCluster(n.Name).Disable(n.called())), n.stop(n.Name),
			[]evenkeel.Action{n.leftWell("left", other)}),
	}
}

// takeBack lets the node run units again, and notes what the other's turn begins with.
func (n *node) takeBack(other *node) evenkeel.Step {
	window := n.id("return")
	s := evenkeel.Step{ID: window, Title: "Let " + n.Name + " run units again", Host: n.Name,
		Needs:  []evenkeel.FactKey{other.bootSeen, n.fenced, n.features},
		Closes: []string{window}, Actions: append([]evenkeel.Action{n.standbyCalm("calm", other).AsPreconditionThrough("unstandby")},
			n.comeBack(n.Name)...),
		Undo: append([]evenkeel.Action{n.stillMember(other), n.unrisen("features", other), n.steady(other).AsPreconditionThrough("standby"),
			n.onlyOne("only", other).AsPreconditionThrough("standby"), n.carries("carries", n, other, other.Name).AsPrecondition()},
			n.standAside(other)...),
	}
	if n.index == 1 {
		s.Actions = append(s.Actions, n.seeRisen("features", other))
		s.Closes = append(s.Closes, updateWindow)
		return s
	}
	s.Actions = append(s.Actions, steps.Boot("boot-id", n.bootSeen), other.noteFenced().On(n.Name))
	s.Makes = []evenkeel.FactKey{n.bootSeen, other.fenced}
	return s
}

// standbyCalm is calm, while the node itself is in standby: where the other is lost then, nothing may be served.
func (n *node) standbyCalm(id string, other *node) evenkeel.Action {
	a := n.calm(other)
	a.ID = id
	op, calm := *a.Op, a.Op.Do
	op.Do = func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
		res, err := calm(ctx, at)
		if err == nil {
			return res, nil
		}
		alone := false
		look := n.oldCluster(n.Name).InStatus("", func(st *pacemaker.Status) error {
			own, _ := st.Node(n.called())
			its, _ := st.Node(other.called())
			alone = own.Online && !its.Online
			return nil
		})
		if ask(ctx, at, n.Name, []evenkeel.Proof{look}) == nil && alone {
			err = evenkeel.NeedsOperator("%s is not a member of the cluster. Nothing may be served: run `pcs node unstandby %s` now. %v", other.Name,
				n.called(), err)
		}
		return res, err
	}
	a.Op = &op
	return a
}

// stillMember wants the other node to be there to run the units. When the last node with the old software was lost, it cannot join.
func (n *node) stillMember(other *node) evenkeel.Action {
	a := evenkeel.Prove("member", "Verify that "+other.Name+" is there to run the units", n.oldCluster(n.Name).Online(other.called()))
	check := a.Expect.Check
	a.Expect.Check = func(o evenkeel.Observed) error {
		if err := check(o); err != nil {
			return evenkeel.NeedsOperator("%s is not a member of the cluster (%v). If its software is too old for the cluster by now, nothing can "+
				"be rolled back: update it by hand, and start the cluster there", other.Name, err)
		}
		return nil
	}
	return a
}

// called is what the cluster calls the node.
func (n *node) called() string { return n.old(n.Name) }

// onlyOne wants the other node to be able to run units, by the stored configuration and by the state of the cluster: never neither.
func (n *node) onlyOne(id string, other *node) evenkeel.Action {
	was := n.oldCluster(other.Name)
	no := func(why string) error {
		return evenkeel.NeedsOperator("%s %s: with %s away nothing would serve. Put that right, and resume", other.called(), why, n.called())
	}
	stored := was.InCIB("", func(cib *pacemaker.CIB) error {
		if o, known := cib.Node(other.called()); !known || standby(o) {
			return no("is in standby, or not in the CIB")
		}
		return nil
	})
	state := was.InStatus("", func(st *pacemaker.Status) error {
		if why := unable(st, other.called()); why != "" {
			return no(why)
		}
		return nil
	})
	return evenkeel.Action{ID: id, Change: evenkeel.Change{
		Title: "Verify that " + other.Name + " may run units", Host: other.Name,
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: "Neither the node attributes in `cibadmin --query` nor crm_mon say of " + other.called() +
			" that it is in standby (standby, standby_onfail) or in maintenance, and crm_mon says that it is online.",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				return sshexec.Result{}, ask(ctx, at, other.Name, []evenkeel.Proof{stored, state})
			}},
	}}
}

// unable says why a node runs no units, by the state of its cluster; empty where it may run them.
func unable(st *pacemaker.Status, node string) string {
	switch n, known := st.Node(node); {
	case !known || !n.Online:
		return "is not online"
	case n.Standby:
		return "is in standby"
	case n.StandbyOnFail:
		return "is in standby after a failure (on-fail=standby)"
	case n.Maintenance || st.MaintenanceMode:
		return "is in maintenance"
	}
	return ""
}

// leftWell wants the cluster to know that the node left cleanly: it is not fenced.
func (n *node) leftWell(id string, other *node) evenkeel.Action {
	return evenkeel.Await(n.Config.Outage, id, "Verify that the cluster knows that "+n.Name+" left cleanly", n.awayWell(other))
}

func (n *node) awayWell(other *node) evenkeel.Proof {
	return n.oldCluster(other.Name).InStatus("offline, and not unclean", func(st *pacemaker.Status) error {
		return left(st, n.called(), other.called())
	})
}

// emptied wants the node to hold no unit: no look sees any, and by the cluster's record each resource that is not to be proven by looks
// was stopped there, or never ran there.
func (n *node) emptied(id string, other *node) evenkeel.Action {
	units := n.moved()
	from := side{n.oldCluster(other.Name), other.Name, n.called(), n.CIB, true}
	return evenkeel.Action{ID: id, Change: evenkeel.Change{
		Title: "Verify that " + n.Name + " holds no unit", Host: n.Name, Limit: n.Config.Outage,
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: "On " + n.Name + ", none of this is so: " + proofs(units) + ". `cibadmin --query` on " +
			other.Name + " records of every resource of the units that its last operation on " + n.called() + " is a stop with rc-code=0, or " +
			"that it was not found there (or Pacemaker does not run on " + n.Name + ", and left cleanly).",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				held, err := seen(ctx, at, n.Name, units)
				if err != nil {
					return sshexec.Result{}, err
				}
				var cib *pacemaker.CIB
				look := from.InCIB("", func(c *pacemaker.CIB) error { cib = c; return nil })
				if err := ask(ctx, at, other.Name, []evenkeel.Proof{look}); err != nil {
					return sshexec.Result{}, err
				}
				if !n.isDown(ctx, at, other) {
					from.unstopped(cib, units, n.placed("", units...), held)
				}
				if len(held) > 0 {
					err = evenkeel.NotYet(time.Second, "%s still holds %s", n.Name, held)
				}
				return sshexec.Result{}, err
			}},
	}}
}

// isDown tells whether Pacemaker is seen not to run on the node, and not to be missed by the other. Its record has gone with it. Corosync
// may run: it does where a node was turned away because its software is too old.
func (n *node) isDown(ctx context.Context, at evenkeel.Site, other *node) bool {
	res, err := at.Run(ctx, n.Name, Brief("systemctl", "is-active", "pacemaker"))
	if err != nil && res.Outcome != evenkeel.Exited || res.Text() != "inactive" {
		return false
	}
	return ask(ctx, at, other.Name, []evenkeel.Proof{n.awayWell(other)}) == nil
}

// calm wants, on the turn of this node, that the other has not restarted, and that this one was not fenced, since it began.
func (n *node) calm(other *node) evenkeel.Action {
	noted := "in the first step"
	if n.index == 1 {
		noted = "when " + other.Name + " was back"
	}
	return n.calmWith(n, other, "since its turn began", noted)
}

// steady is calm, and wants the cluster to run on the other node: it is the one that serves.
func (n *node) steady(other *node) evenkeel.Action {
	a := n.calm(other)
	op, calm := *a.Op, a.Op.Do
	op.Text += " `crm_mon` there says that " + other.called() + " is online."
	op.Do = func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
		res, err := calm(ctx, at)
		if err != nil {
			return res, err
		}
		var failed *sshexec.CommandError
		err = ask(ctx, at, other.Name, []evenkeel.Proof{n.oldCluster(other.Name).Online(other.called())})
		if err != nil && (!errors.As(err, &failed) || failed.Outcome == evenkeel.Exited) {
			err = evenkeel.NeedsOperator("the cluster does not run on %s, which is to serve every unit (%v). Start it there, wait until every unit "+
				"runs, and resume", other.Name, err)
		}
		return res, err
	}
	a.Op = &op
	return a
}

// noteFenced notes whom the cluster has fenced so far.
func (n *node) noteFenced() evenkeel.Action {
	past := evenkeel.Look("history", "Note whom the cluster has fenced so far", history(n.called())...)
	past.Makes = []evenkeel.Make{n.fenced.From(func(o evenkeel.Observed) (string, error) { return string(o.Stdout), nil })}
	return past
}

// sameAs wants the cluster to be configured as it was when the plan was made, but for what it writes itself, and the standby of a node
// that is away.
func (p *Pair) sameAs(away *node) func(*pacemaker.CIB) error {
	return func(live *pacemaker.CIB) error {
		aside := pacemaker.Expectation{Name: "standby", Why: "the node is being updated", Matches: func(d pacemaker.Difference) bool {
			return away != nil && d.Subject == away.called() && strings.HasSuffix(d.Field, "attribute standby")
		}}
		diff := pacemaker.Diff(p.CIB, live, pacemaker.Expect(pacemaker.ExpectClusterOwned, aside))
		if len(diff) > 0 {
			return fmt.Errorf("the cluster is not configured as before: %s (%d differences in all)", diff[0], len(diff))
		}
		return nil
	}
}
