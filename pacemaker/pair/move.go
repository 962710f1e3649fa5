package pair

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/live"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// tick is how long the hand-over waits between two looks: what it costs is part of the outage.
const tick = 50 * time.Millisecond

// moves are the steps in which the units move from node 2 to node 1: the new cluster comes to act, every unit disabled;
// each unit that can be proven to be gone moves by itself; the old cluster stops, and the rest starts.
func (p *Pair) moves() ([]evenkeel.Step, error) {
	ready, err := p.ready()
	steps := []evenkeel.Step{ready}
	for _, u := range p.proven() {
		s, err1 := p.move(u)
		steps, err = append(steps, s), errors.Join(err, err1)
	}
	last, err1 := p.stopOld()
	return append(steps, last), errors.Join(err, err1)
}

// set makes an action of a change of a CIB in one command. cib has the ids of what is changed.
func set(id, title string, cib *pacemaker.CIB, s pcs.Settings) (evenkeel.Action, error) {
	o, err := pcs.Set(cib, s)
	a := evenkeel.Disrupt(id, title)
	a.Cmd = o.Cmd("")
	a.Cmd.Timeout = time.Minute
	return a, err
}

// ready lets the new cluster act, with every unit disabled but those of which each node has its own.
func (p *Pair) ready() (evenkeel.Step, error) {
	n1, n2 := p.node(0), p.node(1)
	now := p.newCluster(n1.Name)
	prepared, err := p.Plan.Prepared()
	if err != nil {
		return evenkeel.Step{}, err
	}
	act := pcs.Settings{Properties: []pacemaker.NVPair{{Name: "maintenance-mode", Value: "false"}}}
	still := []Unit{}
	for _, u := range p.Units {
		if u.PerNode && u.Disabled == "" {
			act.Roles = append(act.Roles, pcs.Roles("Started", u.runs...)...)
		} else {
			still = append(still, u)
		}
	}
	end, err := set("ready", "End the maintenance of the new cluster", prepared, act)
	disabled := now.InCIB("target-role=Stopped on each", func(cib *pacemaker.CIB) error { return stopped(cib, still...) })
	actions := append(p.spareNode1(), n1.seeAble("able", p.moved()),
		evenkeel.Prove("disabled", "Verify that the new cluster still touches no unit", disabled), end)
	for i, proof := range now.Settled() {
		actions = append(actions, evenkeel.Await(p.Config.Outage, fmt.Sprintf("settled-%d", i+1),
			"Wait until the new cluster acts, and has nothing left to do", proof))
	}
	return evenkeel.Step{ID: "ready-node1", Title: "Let the new cluster act, with every unit disabled", Host: n1.Name,
		Why: "What is not part of an outage comes before it: the cluster looks for the units, finds each disabled, and has nothing " +
			"more to find out.",
		Needs: []evenkeel.FactKey{n2.bootSeen, n1.fenced}, Actions: actions,
		Verify: []evenkeel.Action{evenkeel.Prove("still-disabled", "Verify that every unit is still disabled", disabled)},
		Undo:   changed("maintenance", "Put the new cluster into maintenance again", now.Maintenance(true)),
	}, err
}

// side is a node with its cluster: one that gives a unit away, or one that takes it.
type side struct {
	live.Cluster
	host, node string         // node is what its cluster calls the host
	cib        *pacemaker.CIB // with the ids of its settings
	fresh      bool           // of the new cluster: what it has not started since it was made, its node never had
}

// switches are the resources by whose target-role the side starts and stops units: of those at the top the ones that are to run, and
// what says Started for itself within one, which counts before what that says. The rebuild takes such words out of the new cluster.
func (s side) switches(units ...Unit) (ids []string) {
	for _, u := range units {
		for _, id := range u.runs {
			top, _ := s.cib.Resource(id)
			ids = append(ids, id)
			for inner := range pacemaker.Walk(top.Members) {
				if role, said := inner.Meta.Get("target-role"); said && !strings.EqualFold(role, "Stopped") {
					ids = append(ids, inner.ID)
				}
			}
		}
	}
	return ids
}

// roles are what starts or stops units on the side.
func (s side) roles(role string, units ...Unit) pcs.Settings {
	return pcs.Settings{Roles: pcs.Roles(role, s.switches(units...)...)}
}

// sides are the node of the old cluster and that of the new one.
func (p *Pair) sides() (was, now side, err error) {
	prepared, err := p.Plan.Prepared()
	n1, n2 := p.Config.Node1.Name, p.Config.Node2.Name
	return side{p.oldCluster(n2), n2, p.old(n2), p.CIB, false}, side{p.newCluster(n1), n1, n1, prepared, true}, err
}

// move is the outage of one unit: the old cluster disables it, and the new one enables it as soon as it is proven gone.
func (p *Pair) move(u Unit) (evenkeel.Step, error) {
	n1, n2 := p.node(0), p.node(1)
	was, now, err := p.sides()
	if err != nil {
		return evenkeel.Step{}, err
	}
	there, err1 := p.handOver(u, was, now)
	back, err2 := p.handOver(u, now, was)
	own := "move-" + u.ID
	s := evenkeel.Step{ID: own, Title: fmt.Sprintf("Move %s from %s to %s", u.name(), n2.Name, n1.Name), Host: n1.Name,
		Why: "Neither cluster can fence the other node: nothing but the order of these commands keeps the unit from being active on both. " +
			"So it is enabled here only when it is disabled there, stored, and gone, all of it read immediately before.",
		Needs: []evenkeel.FactKey{n2.bootSeen, n1.fenced},
		Opens: []evenkeel.Window{{ID: own, Invariant: "served", Stop: evenkeel.StopAtClose, Down: u.Serves(), Completion: there[1:],
			Reason: "the unit stops on " + n2.Name + " before it starts on " + n1.Name}},
		Closes: []string{own}, Actions: append([]evenkeel.Action{p.calm().AsPreconditionThrough("disable"), n1.seeAble("able", []Unit{u})},
			there...),
		Undo: back,
	}
	return s, errors.Join(err1, err2)
}

// handOver moves a unit from one side to the other.
func (p *Pair) handOver(u Unit, from, to side) ([]evenkeel.Action, error) {
	off, err1 := set("disable", "Disable "+u.name()+" on "+from.host, from.cib, from.roles("Stopped", u))
	on, err2 := set("", "", to.cib, to.roles("Started", u))
	over := evenkeel.Action{ID: "enable", Change: evenkeel.Change{
		Title: "Enable " + u.name() + " on " + to.host + " as soon as it is proven gone from " + from.host, Host: to.host,
		Repeat: evenkeel.Idempotent,
		Limit:  p.Config.Outage,
		Op: &evenkeel.Op{Effect: evenkeel.Disruptive, Cmds: evenkeel.Here(on.Cmd),
			Text: "Look at " + from.host + " until none of this is so: " + proofs([]Unit{u}) + ". See that `cibadmin --query` there says " +
				"target-role=Stopped of " + strings.Join(from.switches(u), ", ") + ", and that no operation of it is under way or failed in its " +
				"status (or that the cluster there has stopped altogether, and does not start at boot). Look once more, and at once, on " +
				to.host + ": pcs resource enable " + strings.Join(to.switches(u), " ") + ".",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				if err := p.let(ctx, at, u, from); err != nil {
					return sshexec.Result{}, lost(ctx, err, from.host)
				}
				return at.Run(ctx, to.host, on.Cmd)
			}},
	}}
	enabled := to.InCIB(u.name()+" is enabled in the cluster of "+to.host, func(cib *pacemaker.CIB) error {
		if stopped(cib, u) == nil {
			return evenkeel.NotYet(0, "it is disabled")
		}
		return nil
	}).Probe()
	over.Probe = &enabled
	return []evenkeel.Action{off.On(from.host), over,
		evenkeel.Await(p.Config.Outage, "placed", "Wait until "+u.name()+" runs on "+to.host, to.Placed(p.placed(to.node, u))),
		p.holds("served", u, to.host)}, errors.Join(err1, err2)
}

// lost makes of a lost connection one more look: the unit is down, and the next round looks at everything anew.
func lost(ctx context.Context, err error, host string) error {
	var failed *sshexec.CommandError
	if o := sshexec.OutcomeOf(err); errors.As(err, &failed) && (o == evenkeel.NotStarted || o == evenkeel.Unknown) && ctx.Err() == nil {
		cause := err
		if failed.Err != nil {
			cause = failed.Err
		}
		return &evenkeel.Retry{After: tick, Key: "lost",
			Reason: fmt.Sprintf("%s does not answer (%v). Until it can be seen on %s that the unit is gone, it is enabled nowhere; "+
				"enable nothing by hand. If it has lost its power, switch it on", failed.Host, cause, host)}
	}
	return err
}

// let wants a unit to be gone from a side, provably, looking once.
func (p *Pair) let(ctx context.Context, at evenkeel.Site, u Unit, from side) error {
	look := func() error {
		held, err := Holding(ctx, at, from.host, []Unit{u})
		if err == nil && len(held) > 0 {
			err = evenkeel.NotYet(tick, "%s still holds %s", from.host, held)
		}
		return err
	}
	if err := look(); err != nil {
		return err
	}
	cib, err := p.said(ctx, at, from)
	if err != nil {
		return err
	}
	if cib == nil {
		err = staysDown(ctx, at, from)
	} else if err = stopped(cib, u); err == nil {
		held := Held{}
		recorded(cib, from.node, from.host, []Unit{u}, held)
		if len(held) > 0 {
			err = evenkeel.NotYet(tick, "%s still holds %s", from.host, held)
		}
	}
	if err != nil {
		return err
	}
	return look() // immediately before
}

// said is what the cluster of a side says; nil when it has stopped altogether and there is nobody to ask. Where it
// neither answers nor has stopped, it is waited for.
func (p *Pair) said(ctx context.Context, at evenkeel.Site, from side) (cib *pacemaker.CIB, _ error) {
	e := from.InCIB("", func(c *pacemaker.CIB) error { cib = c; return nil })
	res, err := at.Run(ctx, from.host, Brief(e.Cmd.Argv...))
	if err != nil && res.Outcome != evenkeel.Exited {
		return nil, err
	}
	down := e.Read(res)
	if down == nil {
		return cib, nil
	}
	if err := ask(ctx, at, from.host, from.Stopped(from.node)); err != nil {
		return nil, unanswered(err, "the cluster on %s does not answer (%v), and has not stopped either (%v): start it there, or stop it whole",
			from.host, down, err)
	}
	return nil, nil //nolint:nilnil // there is none, and that is no error
}

// staysDown wants a cluster that has stopped altogether not to start again by itself. A host that lost its power is reached before its
// cluster runs, which then takes back what was gone from it.
func staysDown(ctx context.Context, at evenkeel.Site, from side) error {
	err := ask(ctx, at, from.host, from.AtBoot(from.node, false))
	return unanswered(err, "the cluster on %s has stopped, and could start again by itself (%v): wait until it runs, or start it; or keep it "+
		"from starting by systemctl disable %s there", from.host, err, strings.Join(services, " "))
}

// unanswered makes one more look of what a host said, and leaves alone that it said nothing.
func unanswered(err error, format string, args ...any) error {
	var failed *sshexec.CommandError
	if err == nil || errors.As(err, &failed) {
		return err
	}
	return evenkeel.NotYet(time.Second, format, args...)
}

// ask looks for proofs on a host, once.
func ask(ctx context.Context, at evenkeel.Site, host string, proofs []change.Proof) error {
	for _, proof := range proofs {
		res, err := at.Run(ctx, host, Brief(proof.Cmd.Argv...))
		if err != nil && res.Outcome != evenkeel.Exited {
			return err
		}
		if err := proof.AtOnce().Check(evenkeel.Observed{Result: res, Host: host}); err != nil {
			return err
		}
	}
	return nil
}

// holds wants a host to have all of a unit that users see.
func (p *Pair) holds(id string, u Unit, host string) evenkeel.Action {
	one := *p
	one.Units = []Unit{u}
	a := one.serves(id, host)
	a.Title = "Wait until " + host + " serves " + u.name()
	return a
}
