package pair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
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
		Invariants: []evenkeel.Invariant{p.once(), p.served()}, Compare: p.compareRolled, Secrets: p.secrets(),
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
		"one. " +
		"A node is stopped only when it is proven to hold no unit, and the other is seen to serve every one. Fencing stays on. While a node is " +
		"away the other is alone: if that restarts, it serves nothing until this node is back (wait_for_all)." +
		"\n\nPoint of no return: " + n2.Name + " leaves the cluster. It is the last node with the old software: the feature set of the cluster " +
		"rises, and the old software cannot join it any more. Before that a rollback undoes everything; of a node that is updated you " +
		"install the old packages again, and the rollback looks for them." +
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
	return "the last node with the old software leaves, the feature set of the cluster rises, and the old software cannot join it any " +
		"more; every unit runs on the other node: go on"
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
		evenkeel.Prove("same", "Verify that the cluster is configured as before", was.InCIB("no difference to the backup", p.sameAs(nil))),
		evenkeel.Prove("active", "Verify that every resource runs, on one node each", was.Active(ids(p.placed("", p.moved()...))...)))
	if where := p.homes(p.old); len(where) > 0 {
		s.Actions = append(s.Actions, evenkeel.Prove("home", "Verify that each unit runs on the node that it prefers", was.Placed(where)))
	}
	return s
}

// compareRolled says, at the end of a rollback, what differs from the state before the run, the packages with the rest.
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
		case err != nil:
			differs = append(differs, fmt.Sprintf("%s: which packages it has is not known: %v", n.Name, err))
		case res.Text() != was:
			differs = append(differs, fmt.Sprintf("%s has other packages than before: %s", n.Name, printable.Line(res.Text())))
		}
	}
	return differs, err
}

// refuseRolling says what keeps a pair from this way, beside its releases.
func (p *Pair) refuseRolling() error {
	var errs []error
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
