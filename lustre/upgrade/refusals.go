package upgrade

import (
	"errors"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/rebuild"
)

// Refusals are what an upgrade refuses of the configuration of a cluster: each is what [Load] would say of a backup with this CIB,
// whatever else is in the backup. An error that has a place in the CIB is a [*pacemaker.ParseError]. A cluster without any is not
// fit for an upgrade yet: the rest of its files, and the live cluster, have a say.
func Refusals(c *pacemaker.CIB) []error {
	p := loading{&Pair{CIB: c, byHand: MadeByHand(c)}}
	if !p.byHand {
		if err := p.agents(); err != nil { // nothing else of it matters
			return apart(err)
		}
	}
	if err := c.CheckNames(); err != nil {
		return apart(err) // it could mislead in all that is said
	}
	refused := apart(errors.Join(p.noOtherNodes(), p.atWork(), p.rebuildRefuses()))
	if p.byHand {
		b := readByHand(c)
		p.health, p.Targets = b.health, b.targets
		return append(append(refused, b.found...), apart(p.ownTargets())...)
	}
	return append(refused, apart(p.homes())...)
}

// apart takes apart what errors.Join has joined.
func apart(err error) []error {
	joined, is := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !is:
		return []error{err}
	}
	var out []error
	for _, err := range joined.Unwrap() {
		out = append(out, apart(err)...)
	}
	return out
}

// refuse is an error about the cluster in the backup of node 1, which it names where there is one.
func (p loading) refuse(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if from := p.Config.Node1.Backup; from != "" {
		return fmt.Errorf("%s: %w", from, err)
	}
	return err
}

// noOtherNodes wants the cluster to be a pair: two nodes, and no resource that is a node of its own.
func (p loading) noOtherNodes() error {
	var errs []error
	if n := len(p.CIB.Nodes()); n != 2 {
		errs = append(errs, p.refuse("a pair has two nodes, and this cluster has %d", n))
	}
	for _, r := range p.CIB.Primitives() {
		if guest, is := r.Meta.Get("remote-node"); is || r.Agent() == "ocf:pacemaker:remote" {
			errs = append(errs, p.CIB.ErrorAt(r.ID, "%s is a node of its own (%s): this runbook moves what runs on two nodes, and knows no "+
				"others", r.ID, strings.TrimSpace("remote "+guest)))
		}
	}
	return errors.Join(errs...)
}

// homes wants each of IML's targets to prefer a node, and one at least to run: what is left of targets when only the CIB is there.
func (p loading) homes() error {
	var errs []error
	preferences := p.CIB.Preferences()
	for _, r := range p.CIB.Wanted() {
		if !p.isTarget(r.Resource) {
			continue
		}
		if _, _, err := preferences.Node(r.ID); err != nil {
			errs = append(errs, err)
		}
		p.Targets = append(p.Targets, Target{Resource: r.ID, Disabled: r.Disabled != ""})
	}
	return errors.Join(append(errs, p.together()...)...)
}

// rebuildRefuses is what the rebuild cannot express. The full names of the nodes are not known, but that they have a domain.
func (p loading) rebuildRefuses() error {
	nodes := p.CIB.Nodes()
	if len(nodes) != 2 {
		return nil // that is said
	}
	full := func(name string) string {
		if strings.Contains(name, ".") {
			return name
		}
		return name + ".DOMAIN"
	}
	one, two := full(nodes[0].Uname), full(nodes[1].Uname)
	names, err := pacemaker.ShortNames(one, two)
	if err != nil {
		return err
	}
	return rebuild.Refuses(p.CIB, rebuild.Options{Node1: one, Node2: two, Names: names, ByXML: p.byHand})
}
