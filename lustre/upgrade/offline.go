package upgrade

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// offline makes the runbook of an announced outage (lustre:347): every target is stopped, both nodes are rebuilt at the
// same time, and the targets are started once, where they belong. It is shorter than the upgrade in service and has no
// moment in which two clusters know the same targets; what it costs is that nothing is served meanwhile.
type offline struct{ *Pair }

// The steps in which nothing is served.
const (
	stopTargets  = "stop-targets"
	startTargets = "start-targets"
)

// runbook is the whole.
func (p offline) runbook() (*evenkeel.Runbook, error) {
	n1, n2 := p.node(0), p.node(1)
	first, err1 := p.preflight()
	first.Actions = slices.DeleteFunc(first.Actions, func(a evenkeel.Action) bool { return a.ID == "carries" }) // nothing is moved
	stop, err2 := p.stop()
	cluster, err3 := p.makeCluster()
	join, err4 := p.join()
	start, err5 := p.start()
	fencing, err6 := p.fencing()
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return nil, err
	}
	rb := &evenkeel.Runbook{
		Name:  "lustre-hapair-offline",
		Title: fmt.Sprintf("Upgrade of the Lustre pair %s and %s, its targets stopped", n1.Name, n2.Name),
		Intro: p.intro(), Dropped: p.dropped(), Inputs: p.inputs(), LeaseHosts: []string{n1.Name, n2.Name}, Secrets: p.secrets(),
		Invariants: watching(p).once(),
		Absences: []evenkeel.Absence{{What: "every target of the pair, as announced", From: stopTargets, Until: startTargets,
			Ref: "lustre:347", Stopped: true}},
		Compare: comparison(p).compare, Functions: paperFunctions,
	}
	add := func(group string, steps ...evenkeel.Step) {
		for _, s := range steps {
			s.Parallel = group
			rb.Steps = append(rb.Steps, s)
		}
	}
	add("", first)
	add("backup", n1.backupStep(), n2.backupStep())
	add("", stop)
	add("shutdown", p.shutDown(n1, "lustre:452"), p.shutDown(n2, "lustre:1174"))
	add("install", n1.installStep("lustre:453"), n2.installStep("lustre:1175"))
	add("restore", n1.restoreStep("lustre:455"), n2.restoreStep("lustre:1180"))
	add("agent", n1.agentStep("lustre:520"), n2.agentStep("lustre:1243"))
	add("lustre", n1.lustreStep("lustre:585"), n2.lustreStep("lustre:1306"))
	add("ha", n1.haStep("lustre:800"), n2.haStep("lustre:1535"))
	add("", cluster, join, start, fencing, p.finish())
	pair.BoundCommands(rb, installs)
	pair.LimitWindows(rb)
	rb.MarkWide(pair.Wide)
	rb.MarkDetached(installs)
	p.estimates(rb)
	return rb, rb.Validate()
}

// stop stops every target in the old cluster, and then that cluster, on both nodes.
func (p offline) stop() (evenkeel.Step, error) {
	n1, n2 := p.node(0), p.node(1)
	was := p.oldCluster(n1.Name)
	off, err1 := pcs.Set(p.CIB, pcs.Settings{Roles: pcs.Roles("Stopped", p.switches(p.Targets)...)})
	on, err2 := pcs.Set(p.CIB, pcs.Settings{Roles: pcs.Roles("Started", p.switches(p.enabled())...)})
	down, err1 := pushed("stop", "Stop every target, for the announced outage", n1.Name, off, err1)
	up, err2 := pushed("start", "Start the targets again", n1.Name, on, err2)
	s := evenkeel.Step{
		ID: stopTargets, Title: "Stop every target, and the old cluster on both nodes", Host: n1.Name, Ref: "lustre:347",
		Why: "From here to the end of step " + startTargets + " nothing is served. Clients wait, and go on when the targets are back; " +
			"quiesce them before (lustre:359).",
		Needs: append(n1.autostarts(), n2.autostarts()...),
	}
	s.Actions = []evenkeel.Action{
		// No preconditions: when corosync has stopped, at the end of this step, no ring can be seen.
		p.seeRings("rings-1", n1.Name, p.rings), p.seeRings("rings-2", n2.Name, p.rings),
		down,
	}
	for _, n := range []*node{n1, n2} {
		s.Actions = append(s.Actions,
			waits(showsMounts(seeMounts("empty-"+n.no, "Wait until nothing is mounted on "+n.Name+" any more", "no Lustre target", noneMounted),
				nil)).
				On(n.Name).Waiting(p.Config.Outage),
			departure{Pair: p.Pair, host: n.Name, node: p.old(n.Name), in: p.oldCluster(n.Name)}.see("released-"+n.no))
	}
	hold := p.Config.OldPCS.SetProperty(pacemaker.NVPair{Name: "stonith-enabled", Value: "false"})
	s.Actions = append(s.Actions, evenkeel.Do("hold", "Hold fencing in the old cluster", hold.Argv...),
		showsSettings(was.seeCIB("held", "Verify that the old cluster fences nobody", "stonith-enabled=false", func(cib *pacemaker.CIB) error {
			if v, _ := cib.Property("stonith-enabled"); v != "false" {
				return fmt.Errorf("stonith-enabled is %q in the old cluster: it could fence a node that leaves", v)
			}
			return nil
		}), "property stonith-enabled=false"))
	for _, n := range []*node{n1, n2} {
		s.Actions = append(s.Actions, evenkeel.Do("disable-"+n.no, "Keep the old cluster from starting on "+n.Name+" at boot",
			p.Config.OldPCS.ClusterDisable("").Argv...).On(n.Name).From("lustre:444"))
	}
	for _, service := range []string{"pacemaker", "corosync"} { // each on both nodes: neither is left alone with the other gone
		for _, n := range []*node{n1, n2} {
			s.Actions = append(s.Actions, evenkeel.Disrupt(service+"-"+n.no, "Stop "+service+" on "+n.Name, "service", service, "stop").On(n.Name))
		}
	}
	for _, n := range []*node{n1, n2} {
		for _, a := range p.seeStopped(n.Name) {
			a.ID += "-" + n.no
			s.Verify = append(s.Verify, a)
		}
	}
	for _, n := range []*node{n1, n2} {
		for _, a := range slices.Concat(p.startOld(n), n.autostartBack()) {
			if a.ID != "up-"+n.no {
				a.ID += "-" + n.no
			}
			s.Undo = append(s.Undo, a)
		}
	}
	s.Undo = append(s.Undo, up,
		waits(showsPlaced(evenkeel.Await(p.Config.Outage, "status", "Wait until every target runs where it belongs, in the old cluster",
			was.Placed(p.placed(func(t Target) string { return p.old(t.Preferred) }))),
			p.placed(func(t Target) string { return p.old(t.Preferred) }))))
	s.Undo = append(s.Undo, p.unsaid(n1.Name)...)
	s.Undo = append(s.Undo,
		evenkeel.Do("release", "Let the old cluster fence as before",
			p.Config.OldPCS.SetProperty(pacemaker.NVPair{Name: "stonith-enabled", Value: p.oldFencing()}).Argv...))
	return s, errors.Join(err1, err2)
}

// shutDown shuts a node down whose cluster has stopped. Up to the installation it can be switched on again as it was.
func (p offline) shutDown(n *node, ref string) evenkeel.Step {
	return n.shutDown(ref, []evenkeel.FactKey{n.archivePath, n.archiveSum}, seeFree("free", n.Name))
}

// start starts the targets in the new cluster, each on the node that it prefers, and ends the outage.
func (p offline) start() (evenkeel.Step, error) {
	n1, n2 := p.node(0), p.node(1)
	now := p.newCluster(n1.Name)
	prepared, err := p.Plan.Prepared()
	if err != nil {
		return evenkeel.Step{}, err
	}
	ready, err1 := moving(p).readyPush()
	o, err2 := pcs.Set(prepared, pcs.Settings{Roles: started(p.units(p.enabled())...)})
	enable, err2 := pushed("enable", "Enable the targets in the new cluster", "", o, err2)
	s := evenkeel.Step{
		ID: startTargets, Title: "Start the targets in the new cluster", Host: n1.Name, Ref: "lustre:1133", Irreversible: n1.gone(),
		Needs: []evenkeel.FactKey{n1.nidsSeen, n2.nidsSeen, n1.hostID, n2.hostID},
		Why:   "Both nodes are there before the first target starts, so that each starts where it belongs, and none moves afterwards.",
	}
	if !p.hasHostIDs() {
		s.Needs = s.Needs[:2]
	}
	s.Actions = slices.Concat(p.able(n1), p.able(n2), p.differentHostIDs(), p.seeNoPool(n1), p.seeNoPool(n2), []evenkeel.Action{
		showsOnline(now.seeStatus("nodes", "Verify that both nodes are there", "online, and not in standby", p.online(n1.Name, n2.Name)),
			n1.Name, n2.Name),
		showsIDs(now.seeCIB("ids", "Verify that the new cluster's settings have the ids by which they are about to be changed",
			"the ids of the plan", moving(p).newIDs), ready.Cmd.Stdin.PlainText()),
		ready.Noting("every target stays disabled").From("lustre:1136"),
		untilShows(now.seeStatus("settled", "Wait until the new cluster acts, and has nothing left to do",
			"no maintenance, and nothing is being started or stopped", moving(p).settled),
			"| status | grep -E '^maintenance-mode|^[^ ]+ (Starting|Stopping) '", "maintenance-mode false").Waiting(p.Config.Outage),
	}, p.seeHealth("health-1", n1.Name), p.seeHealth("health-2", n2.Name), []evenkeel.Action{
		seeFree("free-1", n1.Name), seeFree("free-2", n2.Name),
		enable.From("lustre:1142").Noting(firstMount),
		waits(showsPlaced(evenkeel.Await(p.Config.Outage, "status", "Wait until every target runs where it belongs",
			now.Placed(p.placed(preferred))), p.placed(preferred))).From("lustre:1155"),
	}, throttle(p).throttleAgain(n1.Name, p.Config.NewPCS))
	for i, server := range p.servers() {
		mine := p.of(server)
		s.Verify = append(s.Verify, waits(showsMounts(seeMounts(fmt.Sprintf("mounts-%d", i+1),
			"Verify that its own targets are mounted on "+server.Name, "its targets, and no other", exactly(mine)), mine)).On(server.Name))
		s.Verify = append(s.Verify, p.waitServing(fmt.Sprintf("recovered-%d", i+1), server.Name, mine)...)
	}
	return s, errors.Join(err1, err2)
}

// online wants nodes online in the new cluster, which need not act yet.
func (p offline) online(nodes ...string) func(*pacemaker.Status) error {
	return func(st *pacemaker.Status) error {
		for _, name := range nodes {
			if n, ok := st.Node(name); !ok || !n.Online || n.Standby || n.Unclean {
				return evenkeel.NotYet(time.Second, "node %s is not online in the new cluster", name)
			}
		}
		return nil
	}
}
