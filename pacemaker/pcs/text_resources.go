package pcs

import (
	"io"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// ParseResources reads the definitions that `pcs resource show --full` and `pcs stonith show --full` of pcs 0.9 print, and
// `pcs resource config` and `pcs stonith config` of later ones (lustre:1005-1008, PCM-028). The text does not have everything: scores
// of attribute sets, rules, descriptions and the containers of a bundle are missing or not in a form that can be read back, and an
// operation's own attributes stand among its options. A bundle, a rule and any line that is not understood is an error with its place.
// No resource at all is an empty list: pcs prints nothing then. The fencing levels that stand below the fence devices are passed over;
// [pacemaker.CIB.FencingLevels] has them.
func ParseResources(r io.Reader) ([]pacemaker.Resource, error) {
	o, err := readOutline(r)
	if err != nil {
		return nil, err
	}
	var all []pacemaker.Resource
	for _, l := range o.top {
		if l.text == "NO stonith devices configured" || l.text == "NO resources configured" || l.isLevels() {
			continue
		}
		if res, ok := o.resource(l); ok {
			all = append(all, res)
		} else {
			o.fail(l, "not a resource: want \"Resource: id (class=… type=…)\", or Group, Clone, Master")
		}
	}
	if err := o.errs.Err(); err != nil {
		return nil, err
	}
	return all, nil
}

// isLevels says whether a line begins the fencing levels: "Fencing Levels:", or in pcs 0.9 a target at once.
func (l *outlineLine) isLevels() bool {
	name, _, ok := l.label()
	if !ok || name != "Fencing Levels" && name != "Node" && name != "Target" && !strings.HasPrefix(name, "Target (") {
		return false
	}
	for _, child := range l.children {
		if !child.isLevels() && !strings.HasPrefix(child.text, "Level ") {
			return false
		}
	}
	return true
}

// resourceHeadings are the words in front of a resource's id.
var resourceHeadings = map[string]pacemaker.Kind{"Resource": pacemaker.Primitive, "Group": pacemaker.Group,
	"Clone": pacemaker.Clone, "Master": pacemaker.Master}

// resource reads a resource with what belongs to it. It says false for a line that is none.
func (o *outline) resource(l *outlineLine) (pacemaker.Resource, bool) {
	heading, rest, _ := l.label()
	kind, ok := resourceHeadings[heading]
	if !ok {
		return pacemaker.Resource{}, false
	}
	id, groups := parenthesised(rest)
	r := pacemaker.Resource{Kind: kind, ID: strings.TrimSpace(id)}
	switch {
	case r.ID == "" || strings.ContainsAny(r.ID, " \t") || len(groups) > 1:
		o.fail(l, "not a resource: want an id, and its agent between parentheses")
	case len(groups) == 1:
		o.agent(l, &r, groups[0])
	case kind == pacemaker.Primitive:
		o.fail(l, "the agent of %s is missing: want (class=… type=…)", r.ID)
	}
	outer := o.fencing
	o.fencing = o.fencing || r.MayFence() || l.hasFenceDevice()
	for _, child := range l.children {
		o.part(child, &r)
	}
	if o.fencing = outer; r.MayFence() {
		r.Instance = r.Instance.OfFenceDevice()
		for i := range r.Operations {
			r.Operations[i].Instance = r.Operations[i].Instance.OfFenceDevice()
		}
	}
	return r, true
}

// hasFenceDevice says whether a fence device, or what may be one, stands below a line.
func (l *outlineLine) hasFenceDevice() bool {
	return slices.ContainsFunc(l.children, func(child *outlineLine) bool {
		return strings.Contains(child.text, "(class=stonith") || strings.Contains(child.text, "(template=") || child.hasFenceDevice()
	})
}

func (o *outline) agent(l *outlineLine, r *pacemaker.Resource, text string) {
	pairs, ok := pairsOf(text)
	for _, p := range pairs {
		switch p.Name {
		case "class":
			r.Class = p.Value
		case "provider":
			r.Provider = p.Value
		case "type":
			r.Type = p.Value
		case "template":
			r.Template = p.Value
		case "description":
			r.Description = p.Value
		default:
			ok = false
		}
	}
	if !ok || r.Template == "" && (r.Class == "" || r.Type == "") {
		o.fail(l, "not an agent: want class=, provider= and type=")
	}
}

// part reads a line that belongs to a resource.
func (o *outline) part(l *outlineLine, r *pacemaker.Resource) {
	name, rest, ok := l.label()
	switch {
	case ok && name == "Attributes":
		r.Instance = o.set(l, rest, r.Instance)
	case ok && (name == "Meta Attrs" || name == "Meta Attributes"):
		r.Meta = o.set(l, rest, r.Meta)
	case ok && name == "Utilization":
		r.Utilization = o.set(l, rest, r.Utilization)
	case ok && name == "Operations":
		o.operations(l, rest, r)
	case ok && name == "Description":
		r.Description = rest
	default:
		if member, ok := o.resource(l); ok {
			r.Members = append(r.Members, member)
			return
		}
		o.fail(l, "not understood as a part of %s %s: read the CIB instead", r.Kind, r.ID)
	}
}

// set reads an attribute set: on one line up to pcs 0.10.8, later as an id with one pair a line.
func (o *outline) set(l *outlineLine, rest string, sets pacemaker.AttributeSets) pacemaker.AttributeSets {
	var set pacemaker.AttributeSet
	first, options, _ := strings.Cut(rest, " ")
	if rest != "" && !strings.Contains(first, "=") {
		set.ID, rest = first, options
		if len(l.children) == 0 {
			o.fail(l, "not a list of name=value")
		}
	} else if rest != "" {
		pairs, ok := pairsOf(rest)
		if !ok || len(l.children) > 0 {
			o.fail(l, "not a list of name=value")
		}
		return append(sets, pacemaker.AttributeSet{Pairs: pairs})
	}
	if rest != "" {
		score, found := strings.CutPrefix(rest, "score=")
		parsed, err := pacemaker.ParseScore(score)
		if !found || err != nil {
			o.fail(l, "not an attribute set: want an id, and at most a score")
		}
		set.Score = parsed
	}
	for _, child := range l.children {
		pairs, ok := pairsOf(child.text)
		if !ok || len(pairs) != 1 || len(child.children) > 0 {
			o.fail(child, "not one name=value: a rule cannot be read from text, read the CIB instead")
			continue
		}
		set.Pairs = append(set.Pairs, pairs[0])
	}
	return append(sets, set)
}

// operations reads them: one a line up to pcs 0.10.8, later as an id with one option a line.
func (o *outline) operations(l *outlineLine, rest string, r *pacemaker.Resource) {
	lines := l.children
	if rest != "" { // the first stands beside the heading, the others below it
		lines = append([]*outlineLine{{text: rest, line: l.line, column: l.column}}, lines...)
	}
	for _, line := range lines {
		if name, id, ok := line.label(); ok && !strings.ContainsAny(name, " =") {
			op := pacemaker.Op{Name: name, ID: id}
			for _, child := range line.children {
				pairs, ok := pairsOf(child.text)
				if !ok || len(pairs) != 1 {
					o.fail(child, "not one option of an operation")
					continue
				}
				setOp(&op, pairs[0])
			}
			r.Operations = append(r.Operations, op)
			continue
		}
		text, groups := parenthesised(line.text)
		name, options, _ := strings.Cut(text, " ")
		pairs, ok := pairsOf(options)
		if !ok || name == "" || strings.Contains(name, "=") || len(groups) != 1 || len(line.children) > 0 {
			o.fail(line, "not an operation: want \"name interval=… (id)\"")
			continue
		}
		op := pacemaker.Op{Name: name, ID: groups[0]}
		for _, p := range pairs {
			setOp(&op, p)
		}
		r.Operations = append(r.Operations, op)
	}
}

// opOptions are the XML attributes of an operation; anything else that pcs prints beside them is an attribute for the agent.
var opOptions = []string{"description", "enabled", "interval-origin", "on-fail", "prereq", "record-pending", "requires",
	"role", "start-delay"}

func setOp(o *pacemaker.Op, p pacemaker.NVPair) {
	switch {
	case p.Name == "interval":
		o.Interval = p.Value
	case p.Name == "timeout":
		o.Timeout = p.Value
	case slices.Contains(opOptions, p.Name):
		o.Other = append(o.Other, p)
	case len(o.Instance) == 0:
		o.Instance = pacemaker.AttributeSets{{Pairs: []pacemaker.NVPair{p}}}
	default:
		o.Instance[0].Pairs = append(o.Instance[0].Pairs, p)
	}
}
