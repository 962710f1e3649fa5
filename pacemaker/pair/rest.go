package pair

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// rest are the units that move when the whole old cluster has stopped.
func (p *Pair) rest() []Unit { return unproven(p.moved()) }

// stopOld stops the old cluster, and enables what moves only then.
func (p *Pair) stopOld() (evenkeel.Step, error) {
	n1, n2 := p.node(0), p.node(1)
	was, now, err := p.sides()
	if err != nil {
		return evenkeel.Step{}, err
	}
	s := evenkeel.Step{ID: "stop-old-node2", Title: "Stop the old cluster on " + n2.Name, Host: n2.Name,
		Needs: []evenkeel.FactKey{n2.autostart, n2.bootSeen, n1.fenced}, Verify: p.seeStopped("stopped", n2.Name)}
	s.Actions = append([]evenkeel.Action{p.servesProven("served")}, changed("no-boot",
		"Keep the old cluster from starting on "+n2.Name+" at boot", was.Disable(was.node))...)
	down := p.stop(n2.Name)
	s.Undo = append(p.startOld(n2), n2.autostartBack())
	rest := p.rest()
	if len(rest) == 0 {
		s.Actions = append(s.Actions, down...)
		return s, nil
	}
	names := strings.Join(now.switches(rest...), ", ")
	off, err1 := set("disable", "Disable what moves last on "+n2.Name+": "+names, was.cib, was.roles("Stopped", rest...))
	on, err2 := set("enable", "Enable what moves only now that the whole old cluster has stopped: "+names, now.cib,
		now.roles("Started", rest...))
	placed := evenkeel.Await(p.Config.Outage, "placed", "Wait until all of it runs on "+n1.Name, now.Placed(p.placed(n1.Name, rest...)))
	s.Actions = append(s.Actions, p.calm().AsPreconditionThrough("disable"), off.On(n2.Name))
	outage := len(s.Actions) // what completes it sees again that it was stopped
	s.Actions = append(append(s.Actions, p.stoppedBy("released", was, rest)), down...)
	for _, a := range p.seeStopped("gone", n2.Name) {
		s.Actions = append(s.Actions, a.AsPrecondition())
	}
	s.Actions = append(s.Actions, p.unseen("unseen", n2.Name, rest).AsPrecondition(), on.On(n1.Name), placed)
	var serves []string
	for _, u := range rest {
		serves = append(serves, u.Serves()...)
	}
	s.Opens = []evenkeel.Window{{ID: s.ID, Invariant: "served", Stop: evenkeel.StopAtClose, Down: serves, Completion: s.Actions[outage:],
		Reason: "what cannot be proven to be gone starts on " + n1.Name + " only when the whole cluster of " + n2.Name + " has stopped"}}
	s.Closes = []string{s.ID}
	offNow, err3 := set("disable-new", "Disable it in the new cluster", now.cib, now.roles("Stopped", rest...))
	onOld, err4 := set("enable-old", "Enable it in the old cluster", was.cib, was.roles("Started", rest...))
	s.Undo = append([]evenkeel.Action{offNow.On(n1.Name), p.stoppedBy("released-new", now, rest),
		p.unseen("unseen-new", n1.Name, rest)}, s.Undo...)
	s.Undo = append(s.Undo, onOld.On(n2.Name), evenkeel.Await(p.Config.Outage, "placed-old", "Wait until all of it runs on "+n2.Name,
		was.Placed(p.placed(was.node, rest...))))
	return s, errors.Join(err1, err2, err3, err4)
}

// servesProven wants node 1 to serve every unit that has moved already.
func (p *Pair) servesProven(id string) evenkeel.Action {
	moved := *p
	moved.Units = p.proven()
	return moved.serves(id, p.Config.Node1.Name)
}

// stoppedBy wants the cluster of a side to have disabled and stopped units of which not every look can tell: by its record the last of
// each of their resources is a stop that succeeded, and no look that there is sees any of them.
func (p *Pair) stoppedBy(id string, from side, units []Unit) evenkeel.Action {
	return evenkeel.Action{ID: id, Change: evenkeel.Change{
		Title: "Wait until the cluster of " + from.host + " has stopped what it was told to stop", Host: from.host, Limit: p.Config.Outage,
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: "`cibadmin --query` on " + from.host + " says target-role=Stopped of " +
			strings.Join(from.switches(units...), ", ") + ", and in its status the last operation of each of their resources there is a " +
			"stop with rc-code=0. None of this is so: " + proofs(units) + ".",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				held, err := seen(ctx, at, from.host, units)
				if err != nil {
					return sshexec.Result{}, err
				}
				cib, err := p.said(ctx, at, from)
				switch {
				case err != nil:
					return sshexec.Result{}, err
				case cib == nil:
					return sshexec.Result{}, evenkeel.NeedsOperator("the cluster of %s has stopped before it was seen to stop %s: start it there, "+
						"wait until it is idle, and resume", from.host, strings.Join(from.switches(units...), ", "))
				}
				if err := stopped(cib, units...); err != nil {
					return sshexec.Result{}, err
				}
				from.unstopped(cib, units, p.placed("", units...), held)
				if len(held) > 0 {
					err = evenkeel.NotYet(time.Second, "%s still holds %s", from.host, held)
				}
				return sshexec.Result{}, err
			}},
	}}
}

// unstopped adds the units of which the record of a side does not say that they were stopped there.
func (s side) unstopped(cib *pacemaker.CIB, units []Unit, runs map[string]string, held Held) {
	for _, u := range units {
		for _, m := range u.Members {
			_, is := cib.LastOperation(s.node, m.ID)
			why, done := Recorded(cib, s.node, m.ID)
			_, ran := runs[m.ID]
			switch {
			case why != "":
			case !done && ran && !(s.fresh && is == pacemaker.RecordNotFound):
				why = fmt.Sprintf("the cluster did not record that it stopped it (%s): enable it there, wait until it runs, and disable it again", is)
			}
			if why != "" {
				held.add(u, "%s: %s", m.ID, why)
			}
		}
	}
}

// unseen wants no look that there is to see units on a host.
func (p *Pair) unseen(id, host string, units []Unit) evenkeel.Action {
	return evenkeel.Action{ID: id, Change: evenkeel.Change{
		Title: "Verify that nothing is left of them on " + host, Host: host, Limit: p.Config.Outage,
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: "On " + host + ", none of this is so: " + proofs(units) + ".",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				held, err := seen(ctx, at, host, units)
				if err == nil && len(held) > 0 {
					err = evenkeel.NotYet(time.Second, "%s still holds %s", host, held)
				}
				return sshexec.Result{}, err
			}},
	}}
}
