package pair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

// rolling tells the way on which the pair is one cluster all along.
func (p *Pair) rolling() bool { return p.Config.Way == readiness.Rolling }

// rollingRunbook is the update of the pair node by node: each gives its units away, leaves the cluster, is updated, and comes back,
// while the other serves. Fencing is never held.
func (p *Pair) rollingRunbook() (*evenkeel.Runbook, error) {
	n1, n2 := p.node(0), p.node(1)
	first, err := p.rollingPreflight()
	if err != nil {
		return nil, err
	}
	rb := &evenkeel.Runbook{
		Name: "pacemaker-pair-rolling", Title: fmt.Sprintf("Rolling update of the pair %s and %s", n1.Name, n2.Name),
		Intro: p.rollingIntro(), Inputs: p.inputs(), LeaseHosts: []string{n1.Name, n2.Name},
		Invariants: []evenkeel.Invariant{p.once(), p.served(), p.redundant()}, Compare: p.compareRolled, MayRollBack: p.mayRollBack,
		Secrets: p.secrets(),
		Steps: slices.Concat([]evenkeel.Step{first, n1.backupStep(), n2.backupStep()}, n1.roll(n2), n2.roll(n1),
			[]evenkeel.Step{p.rebalance(p.oldCluster(n1.Name), p.old), p.rolled()}),
	}
	BoundCommands(rb, p.provisions)
	LimitWindows(rb)
	rb.MarkWide(Wide)
	return rb, rb.Validate()
}

func (p *Pair) rollingIntro() string {
	n1, n2 := p.node(0), p.node(1)
	return "One node is updated while the other serves, in one cluster all along. " + n1.Name + " comes first. A unit is what is moved as " +
		"one. A node is stopped only when it is proven to hold no unit, and the other is seen to serve every one. Fencing stays on. While a " +
		"node is away the other is alone. Do not restart Pacemaker or the machine there: it would serve nothing until it sees this node again " +
		"(wait_for_all), and a restarted Pacemaker may fence the node under update." +
		"\n\nPoint of no return: " + n2.Name + " leaves the cluster. It is the last node with the old software: the feature set of the cluster " +
		"may rise, and then the old software cannot join it any more. The tool rolls back no further in any case. Before that a rollback " +
		"undoes everything, as long as the feature set has not risen: of a node that is updated you install the cluster's old packages again, " +
		"and the rollback compares those packages and no others. Keep the old packages reachable." +
		p.unitTable(func(u Unit) string {
			if u.PerNode || u.Disabled != "" {
				return u.How()
			}
			return "twice, with the node that it runs on"
		}) + p.remarks()
}

// roll are the steps of one node. The other serves meanwhile.
func (n *node) roll(other *node) []evenkeel.Step {
	list := []evenkeel.Step{n.giveAway(other), n.leaveRolling(other), n.updateStep(other), n.rejoin(other), n.takeBack(other)}
	if n.index == 0 {
		return list
	}
	for i := range list[1:] { // what the second node does from there on cannot be undone: the old software has left
		s := &list[1+i]
		s.Undo, s.Irreversible = nil, n.lastOld()
	}
	return list
}

// lastOld says why nothing can be rolled back from when the second node has left.
func (n *node) lastOld() string {
	return "the last node with the old software leaves. The feature set of the cluster may rise, and then the old software cannot join it " +
		"any more; the tool rolls back no further in any case. Every unit runs on the other node. Go on with `resume`"
}

// updateWindow is open while the pair is one node short, or may be.
const updateWindow = "update"

// reduced is that window. It spans both turns: where the last node with the old software is lost between them, it comes back by its own.
func (p *Pair) reduced() evenkeel.Window {
	return evenkeel.Window{ID: updateWindow, Invariant: "redundant", Stop: evenkeel.StopBetweenSteps,
		Reason: "one node at a time is away: no second node stands by"}
}

// redundant is what the pair lacks while a node is away.
func (p *Pair) redundant() evenkeel.Invariant {
	return evenkeel.Invariant{ID: "redundant", Title: "Both nodes are online, and may run units.", Check: func(ctx context.Context,
		at evenkeel.Site) error {
		var unseen []error
		for _, s := range p.servers() {
			var away []string
			look := p.oldCluster(s.Name).InStatus("", func(st *pacemaker.Status) error {
				for _, of := range p.servers() {
					if why := unable(st, p.old(of.Name)); why != "" {
						away = append(away, of.Name+" "+why)
					}
				}
				return nil
			})
			switch err := ask(ctx, at, s.Name, []evenkeel.Proof{look}); {
			case err != nil:
				unseen = append(unseen, fmt.Errorf("%s: %w", s.Name, err))
			case len(away) > 0:
				return evenkeel.Violated("no second node stands by: %s, as %s sees it", strings.Join(away, ", "), s.Name)
			}
		}
		return errors.Join(unseen...)
	}}
}

// rolled looks at the whole once more.
func (p *Pair) rolled() evenkeel.Step {
	n1, n2 := p.node(0), p.node(1)
	was := p.oldCluster(n1.Name)
	s := evenkeel.Step{ID: "finish", Title: "Verify that the pair is updated", Host: n1.Name}
	for _, n := range []*node{n1, n2} {
		s.Actions = append(s.Actions, n.seeUpdated("software-"+n.no),
			evenkeel.Await(p.Config.Outage, "online-"+n.no, "Verify that both nodes are online, seen from "+n.Name,
				p.oldCluster(n.Name).Online(p.old(n1.Name), p.old(n2.Name))))
	}
	s.Actions = append(s.Actions, n1.seeRisen("features", n2),
		p.alike("alike", "Verify that both nodes have the same cluster software", "", func(map[string]string) error { return nil }),
		evenkeel.Prove("same", "Verify that the cluster is configured as before", was.InCIB("no difference to the backup", p.sameAs(nil))),
		evenkeel.Prove("active", "Verify that every resource runs, on one node each", was.Active(ids(p.placed("", p.moved()...))...)))
	if where := p.homes(p.old); len(where) > 0 {
		s.Actions = append(s.Actions, evenkeel.Prove("home", "Verify that each unit runs on the node that it prefers", was.Placed(where)))
	}
	return s
}

// compareRolled says, at the end of a rollback, what differs from the state before the run, the cluster's packages with the rest.
func (p *Pair) compareRolled(ctx context.Context, at evenkeel.Site) ([]string, error) {
	differs, err := p.compare(ctx, at)
	for i := range p.servers() {
		n := p.node(i)
		was, unknown := n.software.Get(at.Facts)
		if unknown != nil {
			continue // it was not reached: nothing of it was changed
		}
		res, err := at.Run(ctx, n.Name, Brief(n.listing()...))
		switch {
		case err != nil && res.Outcome != evenkeel.Exited:
			differs = append(differs, fmt.Sprintf("%s: which of the cluster's packages it has is not known: %v", n.Name, err))
		case res.Text() != was:
			differs = append(differs, fmt.Sprintf("%s has other versions of the cluster's packages than before: %s", n.Name,
				printable.Line(res.Text())))
		}
	}
	return differs, err
}

// refuseRolling says what keeps a pair from this way, beside its releases.
func (p *Pair) refuseRolling() error {
	errs := []error{p.refuseQuorum()}
	for _, u := range p.Units {
		if u.bound() && !u.PerNode && u.Disabled == "" {
			errs = append(errs, fmt.Errorf("%s: %s. That its copy on an updated node has caught up, before the other node goes, nothing here "+
				"proves: go this way by hand", u.ID, u.Unproven))
		}
	}
	homes := map[string]int{}
	for _, u := range p.moved() {
		homes[p.home(u)]++
	}
	if one, two := p.Config.Node1.Name, p.Config.Node2.Name; homes[one] > homes[two] {
		p.Notes = append(p.Notes, fmt.Sprintf("%s is updated first, and more units prefer it than %s. Name %s as node 1 if you want to begin "+
			"with the node that serves less", one, two, two))
	}
	return errors.Join(errs...)
}

// refuseQuorum refuses a pair that does not wait for both nodes when it starts: a node that restarts alone would start every unit, and
// fence the node under update.
func (p *Pair) refuseQuorum() error {
	q, err := p.Corosync.Quorum()
	if err != nil || q.WaitForAll || !q.TwoNode {
		return err
	}
	const text = "corosync.conf says two_node without wait_for_all: a node that restarts while the other is away fences that in the middle " +
		"of its update"
	if p.Config.InSpite {
		p.InSpite = append(p.InSpite, text)
		return nil
	}
	return errors.New(text + ". Set wait_for_all: 1 in the section quorum on both nodes, or go on in spite of it")
}

// rollingDefaults refuses what has no meaning on this way, and on the other.
func (c *Config) rollingDefaults() error {
	if c.Way != readiness.Rolling {
		if len(c.Versions) > 0 || c.Restart {
			return errors.New("versions and restart are for the way rolling: the other installs a node anew")
		}
		return nil
	}
	var errs []error
	if len(c.Addresses) > 0 || len(c.Repositories) > 0 {
		errs = append(errs, errors.New("addresses and repositories are for the way of two clusters: on the way rolling the cluster stays as "+
			"it is, and the update is the site's"))
	}
	if c.Versions["pacemaker"] == "" {
		errs = append(errs, errors.New("versions: name the version of pacemaker that the update brings, such as 2.1.7-5.el9: it is what "+
			"shows that a node is updated"))
	}
	for name, version := range c.Versions {
		if _, err := readiness.ParseVersion(version); err != nil || !hostName.MatchString(name) || strings.ContainsAny(version, " \t\n") {
			errs = append(errs, fmt.Errorf("versions: %s %q is no version of a package, such as pacemaker: 2.1.7-5.el9", name, version))
		}
	}
	return errors.Join(errs...)
}
