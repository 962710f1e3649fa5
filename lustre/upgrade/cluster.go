package upgrade

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/live"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/pacemaker/rebuild"
)

// makeCluster makes the cluster again on node 1, with every target disabled (lustre:861-1101).
func (p *Pair) makeCluster() (evenkeel.Step, error) {
	n, n2 := p.node(0), p.node(1)
	s := evenkeel.Step{
		ID: "cluster-node1", Title: "Make the cluster again on " + n.Name + ", with every target disabled", Host: n.Name,
		Ref: "lustre:861", Irreversible: n.gone(),
		Why:   "Every target is made disabled, and the cluster is in maintenance: node 2 still has them mounted (lustre:996, H8).",
		Needs: []evenkeel.FactKey{n2.bootSeen, n.fenced},
	}
	build := p.byCommands
	if p.Config.Atomic {
		build = p.byOneCIB
	}
	made, err := build()
	if err != nil {
		return s, err
	}
	now := p.newCluster(n.Name)
	s.Actions = slices.Concat(
		[]evenkeel.Action{p.seePCS(n, p.Config.NewPCS)},
		p.agentsThere(n),
		p.spareOnline(), n.seeRingLinks("links"),
		[]evenkeel.Action{now.seeUnused(n.Name)},
		made, n.mountPoints("lustre:1098"), n.startAgent("lustre:1108"))
	same, err := p.showsSame(now.seeCIB("same", "Verify that the configuration is the backed-up one, but for what is expected",
		"no other difference", func(live *pacemaker.CIB) error {
			return p.same(throttle{p}.throttled(live), pacemaker.ExpectDisabled, pacemaker.ExpectFencingLater, pacemaker.ExpectNodeLater(n2.Name),
				p.roleOf("Stopped"))
		}), false)
	s.Verify = []evenkeel.Action{
		showsSettings(now.seeCIB("disabled", "Verify that every target is disabled, and the cluster is in maintenance",
			"maintenance-mode=true; target-role=Stopped on each", p.harmless), p.roles("Stopped", "property maintenance-mode=true")...),
		same,
	}
	return s, err
}

// byCommands makes the cluster by the guide's list of commands.
func (p *Pair) byCommands() ([]evenkeel.Action, error) {
	plan := p.Plan
	setup, err1 := p.planned(p.bootFirst(plan.Setup))
	settings, err2 := p.planned(plan.Properties, plan.Defaults, plan.Maintenance)
	content, err3 := p.planned(plan.Stonith, plan.Resources, plan.Constraints)
	prepared, err4 := plan.Prepared()
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	lift, err := throttle{p}.lift(p.Config.Node1.Name, prepared)
	return slices.Concat(
		setup,
		[]evenkeel.Action{p.clusterUp()},
		settings,
		[]evenkeel.Action{showsSettings(p.newCluster(p.Config.Node1.Name).
			seeCIB("maintenance", "Verify that the cluster is in maintenance: it acts on nothing", "maintenance-mode=true", inMaintenance),
			"property maintenance-mode=true").AsPrecondition()},
		content, lift), err
}

// byOneCIB makes the cluster of one CIB that lies in place when the cluster starts for the first time (H5, H25):
// nothing is ever there that is not disabled and in maintenance, and the start does not wait for a second node that is
// not to come yet.
func (p *Pair) byOneCIB() ([]evenkeel.Action, error) {
	setup := p.bootFirst(p.Plan.Setup)
	start := startOf(setup)
	before, err0 := p.planned(setup[:start])
	after, err1 := p.planned(setup[start:])
	seed, err2 := p.Plan.Seed(live.Unthrottled()...)
	put, err3 := p.planned([]pcs.Operation{seed})
	var wait []evenkeel.Action
	var err4 error
	if _, its := p.CIB.Property(rebuild.SeedProperty); !its {
		wait, err4 = p.planned([]pcs.Operation{p.Config.NewPCS.UnsetProperty(rebuild.SeedProperty)})
	}
	if err := errors.Join(err0, err1, err2, err3, err4); err != nil {
		return nil, err
	}
	return slices.Concat(before, put, after, []evenkeel.Action{p.clusterUp()}, wait), nil
}

func (p *Pair) clusterUp() evenkeel.Action {
	n1 := p.Config.Node1.Name
	return showsOnline(evenkeel.Await(startLimit, "online", "Wait until the cluster is up", p.newCluster(n1).Online(n1)),
		n1).From("lustre:924")
}

// seePCS wants the pcs of a node to be of the generation that the plan speaks to: another one would refuse its commands half-way.
func (p *Pair) seePCS(n *node, want pcs.Dialect) evenkeel.Action {
	return showsRelease(evenkeel.Look("pcs-"+n.no, "Verify that the pcs on "+n.Name+" is one that the plan speaks to",
		pcs.QueryVersion().Argv...).Expecting(want.Name(), evenkeel.Succeeding(func(o evenkeel.Observed) error {
		v, err := pcs.ParseVersion(bytes.NewReader(o.Stdout))
		if err != nil {
			return err
		}
		have, err := pcs.DialectOf(v)
		if err == nil && have.Name() != want.Name() {
			err = evenkeel.NeedsOperator("%s has pcs %s, and the plan was made for %s: make the plan anew with that version", n.Name, v, want.Name())
		}
		return err
	})), want).On(n.Name)
}

// startLimit is how long a cluster may take to come up; the first start waits 20 s for other nodes (H5).
const startLimit = 5 * time.Minute

// bootFirst has the cluster start at boot before it is started, unlike in the guide: a node that loses power between
// the two comes back with its cluster. It leaves that out where it is not wanted (LUS-060).
func (p *Pair) bootFirst(ops []pcs.Operation) []pcs.Operation {
	ops = slices.Clone(ops)
	i := slices.IndexFunc(ops, func(o pcs.Operation) bool { return o.Makes.Kind == pcs.AtBoot })
	switch {
	case i < 0:
	case p.Config.NoAutostart:
		return slices.Delete(ops, i, i+1)
	case i > 0 && starts(ops[i-1]):
		ops[i-1], ops[i] = ops[i], ops[i-1]
	}
	return ops
}

// startOf is the place of the operation that starts the cluster; the end where there is none.
func startOf(ops []pcs.Operation) int {
	if i := slices.IndexFunc(ops, starts); i >= 0 {
		return i
	}
	return len(ops)
}

// starts tells an operation that starts the cluster.
func starts(o pcs.Operation) bool { return o.Makes.Kind == pcs.Running }

func inMaintenance(cib *pacemaker.CIB) error {
	if v, _ := cib.Property("maintenance-mode"); v != "true" {
		return fmt.Errorf("maintenance-mode is %q", v)
	}
	return nil
}

// harmless wants a cluster that touches no target.
func (p *Pair) harmless(cib *pacemaker.CIB) error {
	return errors.Join(inMaintenance(cib), p.disabled(cib))
}

// disabled wants every target to be disabled.
func (p *Pair) disabled(cib *pacemaker.CIB) error {
	for _, t := range p.Targets {
		if _, ok := cib.Resource(t.Resource); !ok {
			return fmt.Errorf("target %s is missing", t.Resource)
		}
		if now := role(cib, t); now != "Stopped" {
			return fmt.Errorf("target %s is not disabled (target-role %q of %s): it would be mounted on two nodes", t.Resource, now, t.Switch)
		}
	}
	return nil
}

// same wants the live configuration to be the backed-up one but for named differences.
func (p *Pair) same(live *pacemaker.CIB, also ...pacemaker.Expectation) error {
	if p.byHand { // a role that is said of a group counts for what is in it, and so none is left out by itself
		also = append(also, pacemaker.ExpectRenamed(p.Names))
	}
	opts := []pacemaker.DiffOption{pacemaker.RenameNodes(p.Names), pacemaker.Expect(pacemaker.RebuildExpectations()...),
		pacemaker.Expect(also...)}
	if !p.Config.PlainPCS {
		opts = append(opts, pacemaker.ManagedIDs())
	}
	diff := pacemaker.Diff(p.CIB, live, opts...)
	if len(diff) == 0 {
		return nil
	}
	lines := make([]string, len(diff))
	for i, d := range diff {
		lines[i] = d.String()
	}
	return fmt.Errorf("the configuration is not the backed-up one: %s", strings.Join(lines, "; "))
}
