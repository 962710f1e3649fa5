package upgrade

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

var errChanged = errors.New("the system is not as it was when the plan was made")

// preflight looks whether the pair is what the plan was made for, and sound; it changes nothing. It notes what later steps compare with.
func (p *Pair) preflight() (evenkeel.Step, error) {
	n1, n2 := p.node(0), p.node(1)
	s := evenkeel.Step{ID: "preflight", Title: "Verify that the pair is sound, and as it was when the plan was made", Host: n1.Name,
		Ref: "lustre:363"}
	for _, n := range []*node{n1, n2} {
		s.Actions = append(s.Actions,
			showsText(evenkeel.Look("release-"+n.no, "Verify that "+n.Name+" runs the old system", "cat", "/etc/redhat-release").
				Expecting(p.Config.OldRelease, evenkeel.Contains(p.Config.OldRelease)), p.Config.OldRelease).On(n.Name),
			shows(evenkeel.Look("hostname-"+n.no, "Verify that it is the machine that it should be", "hostname").
				Expecting(n.Short(), evenkeel.Says(n.Short(), n.Name)), "| cut -d. -f1", n.Short()).On(n.Name),
			seeRoot(n),
			p.seePCS(n, p.Config.OldPCS),
			p.seeRings("rings-"+n.no, n.Name, p.rings),
			n.noteNIDs())
		s.Makes = append(s.Makes, n.nidsSeen)
		for i, service := range clusterServices {
			s.Makes = append(s.Makes, n.autostart[i])
			s.Actions = append(s.Actions, autostart("autostart-"+service+"-"+n.no, service, n.autostart[i]).On(n.Name))
		}
	}
	s.Makes = append(s.Makes, n2.bootSeen, n1.fenced)
	past := evenkeel.Look("history", "Note whom the cluster has fenced so far", history(p.old(n1.Name)).Argv...)
	past.Makes = []evenkeel.Make{n1.fenced.From(func(o evenkeel.Observed) (string, error) {
		return string(o.Stdout),
			nil
	}).Typed(p.fencedScript())}
	was := p.oldCluster(n1.Name)
	unchanged, err := p.showsUnchanged(was.seeCIB("cib", "Verify that the cluster is configured as it was when the plan was made",
		"no difference to the backup", p.unchanged))
	s.Actions = append(s.Actions,
		steps.Boot("boot-id", n2.bootSeen).On(n2.Name), past.On(n2.Name),
		unchanged,
		waits(p.showsHealthy(was.seeStatus("status", "Wait until both nodes are ready, and every target runs on one of them",
			"both nodes online, nothing failed; a cluster that is still starting is waited for", p.healthy),
			p.old(n1.Name), p.old(n2.Name))).Waiting(settleLimit),
		p.carries("carries").On(n2.Name).Waiting(settleLimit)) // a start under way counts as running in crm_mon 1.1
	for i, n := range []*node{n1, n2} {
		s.Actions = append(s.Actions, p.audit(i).On(n.Name), p.noneRecovers("recovered-"+n.no, n.Name))
	}
	s.Actions = append(s.Actions, p.expectRecovery())
	return s, err
}

// autostart notes whether a service starts at boot.
func autostart(id, service string, fact evenkeel.Fact[string]) evenkeel.Action {
	a := evenkeel.Look(id, "Note whether "+service+" starts at boot", "chkconfig", service).
		Expecting("exit status 0 for on, 1 for off", func(o evenkeel.Observed) error {
			// it says nothing of a service that it knows
			if text := strings.TrimSpace(string(o.Stdout) + string(o.Stderr)); o.ExitCode > 1 || text != "" {
				return fmt.Errorf("chkconfig %s: exit status %d: %s", service, o.ExitCode, text)
			}
			return nil
		})
	a.Makes = []evenkeel.Make{fact.From(func(o evenkeel.Observed) (string, error) {
		if o.ExitCode == 0 {
			return "on", nil
		}
		return "off", nil
	}).Typed("chkconfig " + service + " >/dev/null; case $? in 0) echo on ;; 1) echo off ;; esac")}
	return a
}

func (p *Pair) unchanged(live *pacemaker.CIB) error {
	if diff := pacemaker.Diff(p.CIB, live); len(diff) > 0 {
		return evenkeel.NeedsOperator("%v: %s (%d differences in all). Make the plan anew from a fresh backup", errChanged, diff[0], len(diff))
	}
	return moving{p}.oldIDs(live) // else it would be found out when node 1 is rebuilt
}

// settleLimit is how long a cluster that is still starting may take: it starts its targets a few at a time.
const settleLimit = 15 * time.Minute

// starting tells of a cluster that has yet to join its nodes, or to agree on its DC.
func starting(st *pacemaker.Status, nodes ...string) error {
	for _, name := range nodes {
		if n, ok := st.Node(name); ok && n.Pending {
			return evenkeel.NotYet(settlePoll, "node %s is still joining the cluster", name)
		}
	}
	if !st.DC.Present {
		return evenkeel.NotYet(settlePoll, "the cluster has no DC yet")
	}
	return nil
}

const settlePoll = 5 * time.Second

// healthy wants two sound nodes, and every target on one of them. What is still starting is waited for; what has failed
// is for the operator at once, and so is a target on both nodes.
func (p *Pair) healthy(st *pacemaker.Status) error {
	nodes := []string{p.old(p.Config.Node1.Name), p.old(p.Config.Node2.Name)}
	if err := starting(st, nodes...); err != nil {
		return err
	}
	if err := ready(nodes...)(st); err != nil {
		return evenkeel.NeedsOperator("%v: an upgrade begins with two sound nodes", err)
	}
	targets := p.enabled()
	var awaited []string // they run nowhere yet
	for _, t := range targets {
		r, _ := st.Resource(t.Resource)
		switch on := st.RunsOn(t.Resource); {
		case len(on) == 0 || r.Pending != "":
			awaited = append(awaited, t.Resource)
		case len(on) > 1:
			return evenkeel.NeedsOperator("target %s runs on %v: it must run on exactly one node", t.Resource, on)
		}
		if r.Failed || r.Blocked || !r.Managed {
			return evenkeel.NeedsOperator("target %s is not sound (failed %v, blocked %v, managed %v)", t.Resource, r.Failed, r.Blocked, r.Managed)
		}
		for _, f := range st.Failures {
			pool := t.Imports != "" && strings.HasPrefix(f.Operation, t.Imports+"_")
			if pool || strings.HasPrefix(f.Operation, t.Resource+"_") { // after a failed start it cannot move there
				return evenkeel.NeedsOperator("%s failed on %s (%s): find out why, and clean it up by pcs resource cleanup %s",
					f.Operation, f.Node, strings.TrimSpace(f.ExitStatus+" "+f.ExitReason), t.Resource)
			}
		}
	}
	if n := len(awaited); n > 0 {
		return evenkeel.NotYet(settlePoll, "%d of %s run on one node, and the cluster has yet to start the others, the first of them %s",
			len(targets)-n, printable.Count(len(targets), "target"), awaited[0])
	}
	return nil
}

// audit compares the target store of the plan, the cluster and the mounts of a node (H24).
func (p *Pair) audit(i int) evenkeel.Action {
	title := "Verify that what is mounted is what the target store and the cluster say (H24)"
	if p.byHand {
		title = "Verify that what is mounted is what the cluster says (H24)"
	}
	resources := map[string]string{}
	for _, t := range p.Targets {
		resources[t.Resource] = t.UUID
	}
	return showsNoOther(evenkeel.Action{
		ID: fmt.Sprintf("audit-%d", i+1),
		Change: evenkeel.Change{
			Title: title,
			Cmd:   sshexec.Command(sshexec.ReadOnly, "cat", "/proc/mounts"),
			Expect: evenkeel.Expect{Text: "only known targets, each where it belongs", Check: evenkeel.Succeeding(func(o evenkeel.Observed) error {
				mounts, err := wholeMounts(o.Stdout)
				if err != nil {
					return err
				}
				for _, f := range lustre.Audit(p.stores[i], resources, mounts) {
					if f.Kind == lustre.MountedUnknown || f.Kind == lustre.MountedOtherwise {
						return evenkeel.NeedsOperator("%s: to move it is not in the plan", f)
					}
				}
				return nil
			})},
		},
	}, p.Targets)
}
