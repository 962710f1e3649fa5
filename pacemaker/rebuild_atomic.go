package pacemaker

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/op"
)

// Stage is how far a rebuild has come.
type Stage uint8

// The stages.
const (
	// StagePrepared is after the constraints: the cluster is in maintenance, and every target is disabled, because the other node still serves.
	StagePrepared Stage = iota + 1
	// StageServing is after the switch-over: the targets are as they were in the old cluster.
	StageServing
	// StageComplete is the end: the nodes have their fencing attributes as well.
	StageComplete
)

// ErrNotFresh says that the running cluster has resources or constraints that the rebuilt one does not: a push would remove them.
var ErrNotFresh = errors.New("the running cluster has what the backup does not")

// Configuration is the rebuilt cluster as a whole, at a stage, on the basis of the running one: of that it keeps what a cluster writes by
// itself, the nodes with their ids, the schema and the status. It is what the list of commands makes up to that stage, but
// for [ExpectStonithByPCS]: Diff finds nothing else between the two. live must be the CIB of the new cluster, fresh or partly rebuilt.
func (p *RebuildPlan) Configuration(live *CIB, stage Stage) (*CIB, error) {
	if stage < StagePrepared || stage > StageComplete {
		return nil, fmt.Errorf("there is no stage %d", stage)
	}
	if err := p.checkFresh(live); err != nil {
		return nil, err
	}
	out := live.Clone()
	out.edit()
	owned := out.Properties()
	for _, section := range sectionOrder {
		if section == "nodes" {
			continue
		}
		if e := out.section(section); e != nil {
			e.Child = nil
		}
		from := p.want.section(section)
		if from == nil {
			continue
		}
		to := out.ensureSection(section)
		if len(to.Child) == 0 {
			to.AddChild(etree.NewText("\n"))
		}
		for _, child := range from.ChildElements() {
			to.AddChild(child.Copy())
			to.AddChild(etree.NewText("\n"))
		}
	}
	out = out.reindexed()
	for _, property := range owned {
		if _, is := clusterOwned[property.Name]; is {
			out.SetProperty(property.Name, property.Value)
		}
	}
	out.SetProperty("maintenance-mode", fmt.Sprint(stage == StagePrepared))
	if stage > StagePrepared {
		for _, r := range p.roles {
			if err := out.giveBack(r); err != nil {
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
func (c *CIB) reindexed() *CIB {
	out := c.Clone()
	out.edit()
	return out
}

// giveBack sets what a resource was meant to do in the old cluster.
func (c *CIB) giveBack(r targetRole) error {
	if r.was == "" {
		c.RemoveMeta(r.id, "target-role")
		return nil
	}
	return c.SetMeta(r.id, "target-role", r.was)
}

// checkFresh refuses a running cluster with things of its own: a mistake in the choice of the cluster would remove them.
func (p *RebuildPlan) checkFresh(live *CIB) error {
	var strange []string
	for _, section := range []string{"resources", "constraints"} {
		known := make(map[string]bool)
		for _, e := range p.want.children(section) {
			known[e.SelectAttrValue("id", "")] = true
		}
		for _, e := range live.children(section) {
			id := e.SelectAttrValue("id", "")
			// pcs gives constraints ids of its own (H9): location-RESOURCE-NODE-SCORE.
			if resource := e.SelectAttrValue("rsc", ""); section == "constraints" && resource != "" && strings.HasPrefix(id, "location-"+resource+"-") {
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

// Push is [RebuildPlan.Configuration] as one change of the running cluster. Pacemaker refuses it when the cluster has changed since live was
// read ([ErrOutdated]): read again, and make the push anew. The secrets go by standard input.
func (p *RebuildPlan) Push(live *CIB, stage Stage) (Operation, error) {
	want, err := p.Configuration(live, stage)
	if err != nil {
		return Operation{}, err
	}
	var text bytes.Buffer
	if _, err := want.WriteTo(&text); err != nil {
		return Operation{}, err
	}
	o := operation("the whole configuration", "lustre:861", op.Mutating, op.Safe, "cibadmin", "--replace", "--xml-pipe")
	o.Stdin, o.Hidden, o.Node = text.String(), hasSecret(want.doc.Root()), p.Maintenance[0].Node
	o.Why = "one change in the place of many (H25); refused when the cluster has changed since it was read"
	if stage > StagePrepared {
		o.Effect = op.Disruptive
		o.Why += "; from here on the cluster acts: the other node must have stopped (H8)"
	}
	return o, nil
}

// SwitchOverPush is SwitchOver as one change: maintenance ends and every target is enabled in the same moment, where a command for each
// would add about two seconds of outage (H25). Nothing else is touched. live is the CIB of the new cluster, which knows the ids.
func (p *RebuildPlan) SwitchOverPush(live *CIB) (Operation, error) {
	after := live.Clone()
	after.SetProperty("maintenance-mode", "false")
	conf := etree.NewElement("configuration")
	config := conf.CreateElement("crm_config")
	for _, set := range after.children("crm_config") {
		if pair := pairElement(set, "maintenance-mode"); pair != nil && set.SelectElement("rule") == nil {
			config.AddChild(withOnly(set, pair))
		}
	}
	resources := conf.CreateElement("resources")
	for _, r := range p.roles {
		if strings.EqualFold(r.was, "Stopped") {
			continue
		}
		role := r.was
		if role == "" {
			role = "Started" // a change by ids cannot remove it; it is what nothing means, unless something else decides
			if by := p.want.defaultRole(r.id); by != "" {
				return Operation{}, fmt.Errorf("cannot enable %s by itself: %s decides its role: %w; push the stage instead", r.id, by, ErrUnsupported)
			}
		}
		if err := after.SetMeta(r.id, "target-role", role); err != nil {
			return Operation{}, fmt.Errorf("cannot enable %s: %w", r.id, err)
		}
		e := after.resourceElement(r.id)
		for _, set := range e.SelectElements("meta_attributes") {
			if pair := pairElement(set, "target-role"); pair != nil {
				resources.AddChild(inPlace(e, withOnly(set, pair)))
			}
		}
	}
	o := operation("switch over", "lustre:1136", op.Disruptive, op.Safe, "cibadmin", "--modify", "--allow-create", "--xml-pipe")
	o.Stdin, o.Node = compactXML(conf), p.Maintenance[0].Node
	o.Why = "maintenance ends and every target is enabled in one change (H25): they must all be stopped on the other node (H8)"
	return o, nil
}

// inPlace is an element's skeleton with one child, inside the skeletons of what it stands in: cibadmin finds each by its id.
func inPlace(e, child *etree.Element) *etree.Element {
	for ; e != nil && isResource(e); e = e.Parent() {
		out := etree.NewElement(e.Tag)
		out.CreateAttr("id", e.SelectAttrValue("id", ""))
		out.AddChild(child)
		child = out
	}
	return child
}

// withOnly is a copy of a set with one pair.
func withOnly(set, pair *etree.Element) *etree.Element {
	out := etree.NewElement(set.Tag)
	out.Attr = slices.Clone(set.Attr)
	out.AddChild(pair.Copy())
	return out
}
