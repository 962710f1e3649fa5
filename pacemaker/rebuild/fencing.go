package rebuild

import (
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// fencing sets the node attributes. Of each fence device the agent comes last, in a command of its own: fence_chroma takes a device
// as configured when it has an agent (H10), and pcs does not promise to keep the order inside one command.
func (b *rebuilder) fencing() {
	for _, n := range b.want.Nodes() {
		if len(n.Utilization) > 0 {
			b.cannot.Add("node %s has utilization attributes", n.Uname)
		}
		if ruled(n.Attributes) {
			b.cannot.Add("node %s has attributes under a rule", n.Uname)
		}
		var first, agents []pacemaker.NVPair
		for _, p := range n.Attributes.Effective() {
			if strings.HasSuffix(p.Name, "_fence_agent") {
				agents = append(agents, p)
			} else {
				first = append(first, p)
			}
		}
		b.plan.fencing = append(b.plan.fencing, nodeAttributes{n.Uname, append(slices.Clone(first), agents...)})
		for _, pairs := range [][]pacemaker.NVPair{first, agents} {
			b.plan.Fencing = append(b.plan.Fencing, b.on1(b.d.SetNodeAttributes(n.Uname, pairs)...)...)
		}
	}
}

// FencingPush is Fencing as one atomic change of the CIB, with the secrets on standard input instead of in the arguments of a
// command, where every user of the node can read them. live is the CIB of the new cluster: it knows the ids of the nodes.
func (p *Plan) FencingPush(live *pacemaker.CIB) (pcs.Operation, error) {
	after := live.Clone()
	nodes := etree.NewElement("nodes")
	for _, n := range p.fencing {
		if len(n.pairs) == 0 {
			continue
		}
		for _, pair := range n.pairs {
			if err := after.SetNodeAttribute(n.node, pair.Name, pair.Value); err != nil {
				return pcs.Operation{}, fmt.Errorf("cannot set fencing attributes: %w", err)
			}
		}
		e := after.NodeElement(n.node).Copy()
		keepPairs(e, n.pairs)
		nodes.AddChild(e)
	}
	return pcs.Operation{
		Name: "fencing attributes", Argv: []string{"cibadmin", "--modify", "--allow-create", "--scope", "nodes", "--xml-pipe"},
		Stdin: pacemaker.RawXML(nodes), Hidden: true, Effect: op.Mutating, Repeat: op.Idempotent, Ref: "lustre:1697",
		Why: "one change: no agent is seen without its parameters (H10)",
	}, nil
}

// keepPairs leaves of a node only its plain attribute sets with the named pairs.
func keepPairs(node *etree.Element, pairs []pacemaker.NVPair) {
	for _, set := range node.ChildElements() {
		if set.Tag != "instance_attributes" || set.SelectElement("rule") != nil {
			pacemaker.RemoveElement(set)
			continue
		}
		for _, e := range set.SelectElements("nvpair") {
			if !slices.ContainsFunc(pairs, func(p pacemaker.NVPair) bool { return p.Name == e.SelectAttrValue("name", "") }) {
				pacemaker.RemoveElement(e)
			}
		}
	}
}
