package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// moving makes the steps in which the targets move to node 1.
type moving struct{ *Pair }

// switchOver is the outage: node 2 lets go of the targets, and node 1 takes them (lustre:1120-1168). What is not part
// of the outage comes before it or after it: the new cluster leaves maintenance first, with every target disabled, and
// node 2's cluster stops when its targets serve on node 1 already.
func (p moving) switchOver() (evenkeel.Step, error) {
	n1, n2 := p.node(0), p.node(1)
	now := p.newCluster(n1.Name)
	s := evenkeel.Step{
		ID: "switch-over", Title: "Move every target from " + n2.Name + " to " + n1.Name, Host: n1.Name, Ref: "lustre:1120",
		Why: "The two clusters share no fencing: nothing but the order of these commands keeps a target from being mounted " +
			"twice. So a target is enabled here only when it is proven gone there: " +
			"node 2 in standby and the target disabled in the old cluster, stored, the old cluster not started at boot, " +
			"nothing mounted, and nothing at work that mounts or unmounts it, all of it read immediately before. " +
			"One change of the CIB on each side takes the place of the guide's commands, which take about two seconds of " +
			"outage each (H25), with Pacemaker's throttle lifted (H26). From the end of its maintenance on, the new cluster " +
			"acts: it leaves the targets alone because each is disabled, and for no other reason.",
		Needs: append(n2.autostarts(), n2.bootSeen, n1.fenced, n1.nidsSeen), Remains: onDisk,
		Makes: []evenkeel.FactKey{p.letGoAt()},
		Opens: []evenkeel.Window{{ID: "switch-over", Invariant: "served", Stop: evenkeel.StopAtClose,
			Reason: "every target stops on node 2 before it starts on node 1 (lustre:1131); a target serves again when its recovery is over"}},
		Closes: []string{"switch-over"},
	}
	ready, err1 := p.readyPush()
	letGo, err2 := p.letGo()
	over, err3 := p.handOverAction()
	over = over.Noting(firstMount)
	if err := errors.Join(err1, err2, err3); err != nil {
		return s, err
	}
	// It sees a start that failed, which the mount table does not show.
	status := waits(showsPlaced(evenkeel.Await(p.Config.Outage, "status", "Wait until every target runs on "+n1.Name,
		now.Placed(p.placed(everywhere(n1.Name)))), p.placed(everywhere(n1.Name)))).From("lustre:1155")
	// Once node 2 was told to release its targets, the outage ends on node 1: to undo it would take down what serves there already.
	s.Opens[0].Completion = []evenkeel.Action{over, status}
	s.Actions = slices.Concat(p.able(n1), p.seeNoPool(n1), []evenkeel.Action{
		showsSettings(now.seeCIB("disabled", "Verify that the new cluster still touches no target", "target-role=Stopped on each",
			p.disabled), p.roles("Stopped")...),
		showsIDs(now.seeCIB("ids", "Verify that the new cluster's settings have the ids by which they are about to be changed",
			"the ids of the plan", p.newIDs), ready.Cmd.Stdin.PlainText()),
		evenkeel.Do("disable", "Keep the old cluster from starting on node 2 at boot", p.Config.OldPCS.ClusterDisable("").
			Argv...).From("lustre:1128").On(n2.Name),
		ready.Noting("every target stays disabled").From("lustre:1136"),
		untilShows(now.seeStatus("settled", "Wait until the new cluster acts, and has nothing left to do",
			"no maintenance, and nothing is being started or stopped", p.settled),
			"| status | grep -E '^maintenance-mode|^[^ ]+ (Starting|Stopping) '", "maintenance-mode false").Waiting(p.Config.Outage),
		// No precondition: once the targets are enabled, this is no longer so.
		showsSettings(now.seeCIB("still-disabled", "Verify that every target is still disabled, and the cluster is out of maintenance",
			"target-role=Stopped on each; maintenance-mode=false", p.waiting), p.roles("Stopped", "property maintenance-mode=false")...),
	}, p.seeHealth("health", n1.Name), []evenkeel.Action{
		p.takes(),
		p.calm(),
		letGo,
		over,
		status,
		waits(showsMounts(seeMounts("serving", "Wait until every target is mounted here", "every target", allMounted(p.enabled())),
			p.enabled())).Waiting(p.Config.Outage),
	}, p.stopOld(n2), p.waitServing("recovered", n1.Name, p.enabled()))
	s.Verify = append([]evenkeel.Action{
		showsPlaced(evenkeel.Prove("still-there", "Verify that every target runs on "+n1.Name, now.Placed(p.placed(everywhere(n1.Name)))),
			p.placed(everywhere(n1.Name))).From("lustre:1155"),
	}, p.seeStopped(n2.Name)...)
	var err error
	s.Undo, err = p.switchBack()
	return s, err
}

// stopOld stops the old cluster on node 2; its targets serve on node 1 already.
func (p moving) stopOld(n2 *node) []evenkeel.Action {
	return []evenkeel.Action{
		evenkeel.Disrupt("pacemaker", "Stop Pacemaker on node 2", "service", "pacemaker", "stop").From("lustre:1126").On(n2.Name),
		evenkeel.Disrupt("corosync", "Stop Corosync on node 2", "service", "corosync", "stop").From("lustre:1127").On(n2.Name),
	}
}

// pushed makes an action of a change of a CIB.
func pushed(id, title, host string, o pcs.Operation, err error) (evenkeel.Action, error) {
	a := evenkeel.Disrupt(id, title)
	a.Host, a.Cmd = host, o.Cmd("")
	return a, err
}

// readyPush ends maintenance on node 1, every target disabled: the cluster looks for them, finds them stopped there,
// and has nothing more to find out when the outage begins.
func (p moving) readyPush() (evenkeel.Action, error) {
	prepared, err := p.Plan.Prepared()
	if err != nil {
		return evenkeel.Action{}, err
	}
	o, err := pcs.Set(prepared, pcs.Settings{
		Properties: []pacemaker.NVPair{{Name: "maintenance-mode", Value: "false"}},
		Roles:      append(pcs.Roles("Stopped", p.switches(p.Targets)...), p.watch("Started")...),
	})
	return pushed("ready", "End the maintenance of the new cluster", "", o, err)
}

// letGo makes node 2 stop every target, and keeps it from starting one again, in one change.
func (p moving) letGo() (evenkeel.Action, error) {
	n2 := p.Config.Node2.Name
	o, err := pcs.Set(p.CIB, p.lettingGo())
	push := o.Cmd("")
	push.Timeout = time.Minute
	fact := p.letGoAt()
	told := func(cib *pacemaker.CIB) bool { return inStandby(p.old(n2))(cib) == nil && p.disabled(cib) == nil }
	does := p.oldCluster(n2).cibProbe("the old cluster says so", told)
	read := does.Read
	does.Read = func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
		if o.ExitCode != 0 {
			return evenkeel.NotRun, nil // it does not run: the action sees what that means
		}
		return read(o)
	}
	does.Paper = showsSettings(evenkeel.Action{Change: evenkeel.Change{Cmd: does.Cmd}},
		p.roles("Stopped", "node "+p.old(n2)+" standby=on")...).Paper
	does.Makes = []evenkeel.Make{fact.From(func(o evenkeel.Observed) (string, error) {
		return o.Now.UTC().
			Format(time.RFC3339Nano), nil
	}).Typed("date")}
	return evenkeel.Action{
		ID: "let-go", Makes: does.Makes, Paper: p.letGoPaper(push),
		Change: evenkeel.Change{
			Title: "Put " + p.old(n2) + " into standby and disable every target in the old cluster", Host: n2, Ref: "lustre:1125",
			Repeat: evenkeel.Idempotent, Limit: p.Config.Outage, Probe: &does,
			Op: &evenkeel.Op{
				Effect: evenkeel.Disruptive, Cmds: evenkeel.Here(push),
				Text: "Wait until every target is mounted on " + n2 +
					" and nothing is being started or stopped there (/proc/mounts; the last operation of each in `cibadmin --query` " +
					"is a start or a monitor that succeeded), " +
					"for what is just being started shows nowhere. Then put " + p.old(n2) +
					" into standby and disable each target there, at once. (The tool does it in one change of the CIB.)",
				Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
					cib, err := p.steady(ctx, at, told)
					if err != nil || cib == nil || told(cib) {
						return sshexec.Result{}, err
					}
					return at.Run(ctx, n2, push)
				},
			},
		},
	}, err
}

// lettingGo is what the old cluster is told.
func (p moving) lettingGo() pcs.Settings {
	return pcs.Settings{
		Attributes: []pcs.NodeSetting{{Node: p.old(p.Config.Node2.Name), NVPair: pacemaker.NVPair{Name: "standby", Value: "on"}}},
		Roles:      pcs.Roles("Stopped", p.switches(p.Targets)...),
	}
}

// steady wants node 2 to have every target mounted, and to be doing nothing with any: a target that is just being
// started there shows in no mount table, and would be taken for gone. It returns the old cluster's CIB, at once where
// that says already that node 2 was told; none where that cluster has stopped altogether and there is nobody to tell.
func (p moving) steady(ctx context.Context, at evenkeel.Site, told func(*pacemaker.CIB) bool) (*pacemaker.CIB, error) {
	n2 := p.Config.Node2.Name
	cib, err := p.oldCIB(ctx, at)
	if err != nil || cib == nil || told(cib) {
		return cib, err
	}
	if err := p.oldIDs(cib); err != nil {
		return nil, err
	}
	for _, t := range p.enabled() {
		if _, is := cib.LastOperation(p.old(n2), t.Resource); is != pacemaker.RecordRunning {
			return nil, evenkeel.NotYet(time.Second, "%s is not steady on %s: by the cluster's record it is %s", t.Resource, n2, is)
		}
	}
	res, err := at.Run(ctx, n2, brief("cat", "/proc/mounts"))
	if err != nil {
		return nil, err
	}
	mounted, err := mountedTargets(res.Stdout)
	if m := missing(p.enabled(), mounted); err == nil && m != "" {
		err = evenkeel.NotYet(time.Second, "not mounted yet: %s", m)
	}
	return cib, err
}

// oldIDs wants the settings that the switch-over changes in the old cluster to have the ids that they have in the
// backup: cibadmin finds them by these.
func (p moving) oldIDs(live *pacemaker.CIB) error {
	same, err := sameIDs(p.CIB, live, p.lettingGo())
	if err == nil && !same {
		err = evenkeel.NeedsOperator("the old cluster keeps the standby of a node, or a target-role, under another id than "+
			"its backup does: it has been changed by hand. Compare `cibadmin --query` on %s with the backup, put the ids back, and resume",
			p.Config.Node2.Name)
	}
	return err
}

// letGoAt is when node 2 was told to release its targets.
func (p moving) letGoAt() evenkeel.Fact[string] {
	return evenkeel.NewFact[string]("switch-over.began", "when "+p.Config.Node2.Name+" was told to release its targets")
}

// waiting wants the new cluster to act, and every target to be disabled.
func (p moving) waiting(cib *pacemaker.CIB) error {
	if v, _ := cib.Property("maintenance-mode"); v != "false" {
		return fmt.Errorf("maintenance-mode is %q in the new cluster, not false", v)
	}
	return p.disabled(cib)
}

// settled wants a cluster that acts and is not at work. It looked for the targets when they were made: what is stopped
// here needs no look any more.
func (p moving) settled(st *pacemaker.Status) error {
	if !st.DC.Present {
		return evenkeel.NotYet(tick, "the cluster has not elected a DC")
	}
	if st.MaintenanceMode {
		return evenkeel.NotYet(tick, "the cluster is still in maintenance")
	}
	for _, t := range p.Targets {
		if _, ok := st.Resource(t.Resource); !ok {
			return evenkeel.NotYet(tick, "crm_mon does not show %s", t.Resource)
		}
	}
	for _, r := range st.Resources {
		if r.Role == "Starting" || r.Role == "Stopping" || r.Pending != "" {
			return evenkeel.NotYet(tick, "%s is %s", r.ID, r.Role)
		}
	}
	return nil
}

// newIDs wants the same of the new cluster, compared with the plan.
func (p moving) newIDs(live *pacemaker.CIB) error {
	prepared, err := p.Plan.Prepared()
	if err != nil {
		return err
	}
	same, err := sameIDs(prepared, live,
		pcs.Settings{Properties: []pacemaker.NVPair{{Name: "maintenance-mode", Value: "false"}},
			Roles: append(started(p.units(p.Targets)...), p.watch("Started")...)})
	if err == nil && !same {
		err = evenkeel.NeedsOperator("the new cluster keeps maintenance-mode or a target-role under another id than the " +
			"plan has: it has been changed by hand. Compare `cibadmin --query` with the plan")
	}
	return err
}

// sameIDs tells whether two configurations have these settings under the same ids.
func sameIDs(a, b *pacemaker.CIB, s pcs.Settings) (bool, error) {
	one, err1 := pcs.Set(a, s)
	other, err2 := pcs.Set(b, s)
	return one.Stdin == other.Stdin, errors.Join(err1, err2)
}

// switchBack gives the targets back to the old cluster on node 2, as long as that is there. Node 2 comes up in standby
// with every target disabled, and leaves that only when node 1 has provably released them.
func (p moving) switchBack() ([]evenkeel.Action, error) {
	n1, n2 := p.node(0), p.node(1)
	old2 := p.old(n2.Name)
	now := p.newCluster(n1.Name)
	prepared, err1 := p.Plan.Prepared()
	if err1 != nil {
		return nil, err1
	}
	off, err1 := pcs.Set(prepared, pcs.Settings{Roles: append(pcs.Roles("Stopped", p.switches(p.Targets)...), p.watch("Stopped")...)})
	back, err2 := pcs.Set(p.CIB, pcs.Settings{
		Attributes: []pcs.NodeSetting{{Node: old2, NVPair: pacemaker.NVPair{Name: "standby", Value: "off"}}},
		Roles:      pcs.Roles("Started", p.switches(p.enabled())...),
	})
	disable, err1 := pushed("disable", "Disable every target in the new cluster", n1.Name, off, err1)
	giveBack, err2 := pushed("give-back", "End the standby of "+old2+" and enable the targets in the old cluster", n2.Name, back, err2)
	left := departure{Pair: p.Pair, host: n1.Name, node: n1.Name, in: now}
	undo := []evenkeel.Action{
		disable,
		waits(showsMounts(seeMounts("unmounted", "Wait until "+n1.Name+" has released every target", "no Lustre target", noneMounted),
			nil)).Waiting(p.Config.Outage),
		p.idle("start it there, every target stays disabled"),
		left.see("released"),
		evenkeel.Disrupt("maintenance", "Put the new cluster into maintenance again", p.Config.NewPCS.Maintenance(true).Argv...),
	}
	undo = append(undo, p.startOld(n2)...)
	undo = append(undo, n2.autostartBack()...)
	undo = append(undo,
		showsSettings(now.seeCIB("disabled", "Verify that the new cluster touches no target",
			"maintenance-mode=true; target-role=Stopped on each", p.harmless),
			p.roles("Stopped", "property maintenance-mode=true")...).AsPrecondition(),
		left.see("still-released").AsPrecondition(),
		giveBack.Noting(backAgain),
		waitFor(p.Config.Outage, n2.Name,
			waits(showsMounts(seeMounts("serving", "Wait until every target is mounted on "+n2.Name, "every target", allMounted(p.enabled())),
				p.enabled()))))
	undo = append(undo, p.unsaid(n2.Name)...)
	undo = append(undo,
		evenkeel.Disrupt("unstandby", "Leave no trace of the standby of "+old2, p.Config.OldPCS.Unstandby(old2).Argv...).On(n2.Name),
		waits(showsPlaced(evenkeel.Await(p.Config.Outage, "status", "Wait until every target runs on "+n2.Name+", in the old cluster",
			p.oldCluster(n2.Name).Placed(p.placed(everywhere(old2)))), p.placed(everywhere(old2)))))
	undo = append(undo, p.recovering(n2.Name, p.enabled()).tell("recovering"))
	return undo, errors.Join(err1, err2)
}

// unsaid takes from the old cluster, through a node, every target-role that was not said in it before.
func (p *Pair) unsaid(node string) []evenkeel.Action {
	var undo []evenkeel.Action
	for _, id := range p.switches(p.enabled()) {
		if r, _ := p.CIB.Resource(id); !said(r) {
			undo = append(undo, evenkeel.Disrupt("enable-"+id, "Enable "+id+" as it was", p.unsay(id).Argv...).On(node))
		}
	}
	return undo
}

// idle waits until the new cluster is at rest; where it does not answer, the operator is told what to do then.
func (p *Pair) idle(silent string) evenkeel.Action {
	return untilShows(evenkeel.Look("idle", "Wait until the new cluster has nothing left to do", "crm_resource", "--wait").
		Expecting("no action is pending", func(o evenkeel.Observed) error {
			if o.ExitCode != 0 || o.Text() != "" { // at rest it says nothing
				return evenkeel.NotYet(0, "crm_resource --wait: exit status %d: the cluster on %s is still at work, or it does "+
					"not answer: then %s", o.ExitCode, p.Config.Node1.Name, silent)
			}
			return nil
		}), "&& echo idle", "idle").Waiting(p.Config.Outage)
}

func said(r pacemaker.Resource) bool {
	_, is := r.Meta.Get("target-role")
	return is
}
