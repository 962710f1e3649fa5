package rebuild

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// Stage is how far a rebuild has come.
type Stage uint8

// The stages.
const (
	// StagePrepared is after the constraints: the cluster is in maintenance, and every target is disabled, because the
	// other node still serves.
	StagePrepared Stage = iota + 1
	// StageServing is after the switch-over: the targets are as they were in the old cluster.
	StageServing
	// StageComplete is the end: the nodes have their fencing attributes as well.
	StageComplete
)

// ErrNotFresh says that the running cluster has resources or constraints that the rebuilt one does not: a push would remove them.
var ErrNotFresh = errors.New("the running cluster has what the backup does not")

// Configuration is the rebuilt cluster as a whole, at a stage, on the basis of the running one: of that it keeps what a
// cluster writes by itself, the nodes with their ids, the schema and the status. It is what the list of commands makes
// up to that stage, but for [pacemaker.ExpectStonithByPCS]: Diff finds nothing else between the two. live must be the
// CIB of the new cluster, fresh or partly rebuilt.
func (p *Plan) Configuration(live *pacemaker.CIB, stage Stage) (*pacemaker.CIB, error) {
	if stage < StagePrepared || stage > StageComplete {
		return nil, fmt.Errorf("there is no stage %d", stage)
	}
	if err := p.checkFresh(live); err != nil {
		return nil, err
	}
	out := live.Clone()
	out.Edit()
	owned := out.Properties()
	for _, section := range pacemaker.SectionNames {
		if section == "nodes" {
			continue
		}
		if e := out.Section(section); e != nil {
			e.Child = nil
		}
		from := p.want.Section(section)
		if from == nil {
			continue
		}
		to := out.EnsureSection(section)
		if len(to.Child) == 0 {
			to.AddChild(etree.NewText("\n"))
		}
		for _, child := range from.ChildElements() {
			to.AddChild(child.Copy())
			to.AddChild(etree.NewText("\n"))
		}
	}
	out = reindexed(out)
	for _, property := range owned {
		if _, is := pacemaker.ClusterOwned(property.Name); is {
			out.SetProperty(property.Name, property.Value)
		}
	}
	out.SetProperty("maintenance-mode", fmt.Sprint(stage == StagePrepared))
	if stage > StagePrepared {
		for _, r := range p.roles {
			if err := giveBack(out, r); err != nil {
				return nil, err
			}
		}
	}
	if stage == StageComplete {
		for _, n := range p.fencing {
			for _, pair := range n.pairs {
				if err := out.SetNodeAttribute(n.node, pair.Name, pair.Value); err != nil {
					return nil, fmt.Errorf("cannot set fencing attributes: %w", err)
				}
			}
		}
	}
	out.BumpEpoch()
	return out, nil
}

// reindexed is the same document with its ids looked up anew.
func reindexed(c *pacemaker.CIB) *pacemaker.CIB {
	out := c.Clone()
	out.Edit()
	return out
}

// giveBack sets what a resource was meant to do in the old cluster.
func giveBack(c *pacemaker.CIB, r targetRole) error {
	if r.was == "" {
		c.RemoveMeta(r.id, "target-role")
		return nil
	}
	return c.SetMeta(r.id, "target-role", r.was)
}

// checkFresh refuses a running cluster with things of its own: a mistake in the choice of the cluster would remove them.
func (p *Plan) checkFresh(live *pacemaker.CIB) error {
	var strange []string
	for _, section := range []string{"resources", "constraints"} {
		known := make(map[string]bool)
		for _, e := range p.want.SectionChildren(section) {
			known[e.SelectAttrValue("id", "")] = true
		}
		for _, e := range live.SectionChildren(section) {
			id := e.SelectAttrValue("id", "")
			// pcs gives constraints ids of its own (H9): location-RESOURCE-NODE-SCORE.
			if resource := e.SelectAttrValue("rsc", ""); section == "constraints" && resource != "" &&
				strings.HasPrefix(id, "location-"+resource+"-") {
				continue
			}
			if !known[id] {
				strange = append(strange, e.Tag+" "+id)
			}
		}
	}
	if len(strange) > 0 {
		return fmt.Errorf("%w: %s", ErrNotFresh, strings.Join(strange, ", "))
	}
	return nil
}

// Push is [Plan.Configuration] as one change of the running cluster. Pacemaker refuses it when the cluster has changed since live was
// read ([pacemaker.ErrOutdated]): read again, and make the push anew. The secrets go by standard input.
func (p *Plan) Push(live *pacemaker.CIB, stage Stage) (pcs.Operation, error) {
	want, err := p.Configuration(live, stage)
	if err != nil {
		return pcs.Operation{}, err
	}
	var text bytes.Buffer
	if _, err := want.WriteTo(&text); err != nil {
		return pcs.Operation{}, err
	}
	o := pcs.NewOperation("the whole configuration", "lustre:861", op.Mutating, op.Idempotent, "cibadmin", "--replace", "--xml-pipe")
	o.Stdin, o.Hidden, o.Node = text.String(), pacemaker.HasSecret(want.Root()), p.Maintenance[0].Node
	o.Why = "one change in the place of many (H25); refused when the cluster has changed since it was read"
	if stage > StagePrepared {
		o.Effect = op.Disruptive
		o.Why += "; from here on the cluster acts: the other node must have stopped (H8)"
	}
	return o, nil
}

// SwitchOverPush is SwitchOver as one change: maintenance ends and every target is enabled in the same moment, where a command for each
// would add about two seconds of outage (H25). Nothing else is touched. live is the CIB of the new cluster, which knows the ids.
func (p *Plan) SwitchOverPush(live *pacemaker.CIB) (pcs.Operation, error) {
	roles, err := p.givenBack()
	if err != nil {
		return pcs.Operation{}, err
	}
	o, err := pcs.Set(live, pcs.Settings{Properties: []pacemaker.NVPair{{Name: "maintenance-mode", Value: "false"}}, Roles: roles})
	if err != nil {
		return pcs.Operation{}, err
	}
	o.Name, o.Ref, o.Node = "switch over", "lustre:1136", p.Maintenance[0].Node
	o.Why = "maintenance ends and every target is enabled in one change (H25): they must all be stopped on the other node (H8)"
	return o, nil
}

// givenBack are the roles of the resources that were meant to run in the old cluster.
func (p *Plan) givenBack() ([]pcs.RoleSetting, error) {
	var roles []pcs.RoleSetting
	for _, r := range p.roles {
		if strings.EqualFold(r.was, "Stopped") {
			continue
		}
		role := r.was
		if role == "" {
			role = "Started" // a change by ids cannot remove it; it is what nothing means, unless something else decides
			if by := defaultRole(p.want, r.id); by != "" {
				return nil, fmt.Errorf("cannot enable %s by itself: %s decides its role: %w; push the stage instead", r.id, by,
					pacemaker.ErrUnsupported)
			}
		}
		roles = append(roles, pcs.RoleSetting{Resource: r.id, Role: role})
	}
	return roles, nil
}

// Prepared is the new cluster's configuration at [StagePrepared] as the plan makes it, without anything that a running
// cluster writes by itself: what pcs.Set takes for a change of a cluster that is yet to be.
func (p *Plan) Prepared() (*pacemaker.CIB, error) {
	empty, err := p.empty()
	if err != nil {
		return nil, err
	}
	return p.Configuration(empty, StagePrepared)
}
