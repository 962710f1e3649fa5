package pcs

import (
	"io"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// Properties is what pcs prints of the cluster properties and the node attributes.
type Properties struct {
	Properties []pacemaker.NVPair
	Nodes      []NodeAttributes
}

// NodeAttributes are the attributes of one node.
type NodeAttributes struct {
	Node  string
	Pairs []pacemaker.NVPair
}

// ParseProperties reads what `pcs property show` of pcs 0.9 prints, which has both (lustre:1713-1725, PCM-043), or `pcs property config`
// or `pcs node attribute` of later releases. Up to 0.9.152 the attributes are in the order of the CIB, later sorted. An attribute whose
// value has blanks cannot always be told from two: then the line is an error. Any heading or line that is not understood is one, too.
func ParseProperties(r io.Reader) (*Properties, error) {
	o, err := readOutline(r)
	if err != nil {
		return nil, err
	}
	if len(o.top) == 0 {
		return nil, o.empty("the heading Cluster Properties: or Node Attributes:")
	}
	p := &Properties{}
	for _, l := range o.top {
		heading, rest, ok := l.label()
		switch {
		case ok && strings.HasPrefix(heading, "Cluster Properties"): // pcs 0.11.6 adds the id of the set
			for _, child := range l.children {
				p.Properties = append(p.Properties, o.property(child)...)
			}
		case ok && heading == "Node Attributes" && rest == "":
			for _, child := range l.children {
				p.Nodes = append(p.Nodes, o.nodeAttributes(child)...)
			}
		default:
			o.fail(l, "not a heading of properties: want Cluster Properties: or Node Attributes:")
		}
	}
	if err := o.errs.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// property reads "name: value", or "name=value" from pcs 0.11.6 on.
func (o *outline) property(l *outlineLine) []pacemaker.NVPair {
	name, value, ok := l.label()
	if !ok || strings.ContainsAny(name, " =") {
		name, value, ok = strings.Cut(l.text, "=")
	}
	if !ok || name == "" || strings.Contains(name, " ") || len(l.children) > 0 {
		o.fail(l, "not a property: want \"name: value\"")
		return nil
	}
	return []pacemaker.NVPair{{Name: name, Value: value}}
}

func (o *outline) nodeAttributes(l *outlineLine) []NodeAttributes {
	node, rest, ok := l.label()
	pairs, pairsOK := pairsOf(rest)
	if !ok || !pairsOK || len(pairs) == 0 || len(l.children) > 0 {
		o.fail(l, "not the attributes of a node: want \"node: name=value name=value\"; a value with a blank cannot be read from text")
		return nil
	}
	return []NodeAttributes{{Node: node, Pairs: pairs}}
}

// ParseDefaults reads what `pcs resource defaults` and `pcs resource op defaults` print: "name: value" up to pcs 0.9.158 and in 0.10.1,
// "name=value" in 0.9.169, and below a heading "Meta Attrs: id" from 0.10.8 on. No defaults are an empty list, an empty output is an error.
func ParseDefaults(r io.Reader) (pacemaker.AttributeSets, error) {
	o, err := readOutline(r)
	if err != nil {
		return nil, err
	}
	if len(o.top) == 0 {
		return nil, o.empty("defaults, or \"No defaults set\"")
	}
	var sets pacemaker.AttributeSets
	var flat []pacemaker.NVPair
	for _, l := range o.top {
		name, rest, ok := l.label()
		switch {
		case l.text == "No defaults set":
		case ok && (name == "Meta Attrs" || name == "Meta Attributes") && !strings.Contains(rest, "="):
			sets = o.set(l, rest, sets)
		default:
			flat = append(flat, o.property(l)...)
		}
	}
	if err := o.errs.Err(); err != nil {
		return nil, err
	}
	if len(flat) > 0 {
		sets = append(sets, pacemaker.AttributeSet{Pairs: flat})
	}
	return sets, nil
}
