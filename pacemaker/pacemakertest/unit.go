package pacemakertest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// unit is what is placed as one: a primitive, a group with its members in their order, or the primitive of an anonymous
// clone, of which every node has one.
type unit struct {
	id     string // of the group or the clone; of the primitive itself where it stands alone
	kind   pacemaker.Kind
	ids    []string // of the primitives
	first  int      // the place of the first of them among all
	scores map[string]pacemaker.Score
	rules  []pacemaker.Rule // each with a score of its own
}

// units reads the resources at the top level, with the location constraints of each and of its members.
func (d *document) units() error {
	places, err := locations(d.cib)
	if err != nil {
		return err
	}
	for _, r := range d.cib.Resources() {
		u := &unit{id: r.ID, kind: r.Kind, first: len(d.primitives), scores: map[string]pacemaker.Score{}}
		members := r.Members
		switch r.Kind {
		case pacemaker.Primitive:
			members = []pacemaker.Resource{r}
		case pacemaker.Group:
		case pacemaker.Clone:
			if !plainClone(r) {
				return fmt.Errorf("clone %s is not one of a primitive, anonymous, that this simulator knows", r.ID)
			}
		default:
			return fmt.Errorf("resource %s is a %s, which this simulator does not know", r.ID, r.Kind)
		}
		if r.Kind != pacemaker.Primitive {
			u.add(places[r.ID])
		}
		for _, m := range members {
			p, err := d.read(r, m)
			if err != nil {
				return err
			}
			u.add(places[m.ID])
			u.ids = append(u.ids, m.ID)
			p.unit = u
			d.primitives = append(d.primitives, p)
		}
	}
	return nil
}

// plainClone tells whether a clone is anonymous, not promotable, and of one primitive.
func plainClone(r pacemaker.Resource) bool {
	for _, name := range []string{"globally-unique", "promotable", "clone-max", "clone-node-max", "interleave", "notify"} {
		if v, said := r.Meta.Get(name); said && name != "interleave" && isTrue(v) && v != "1" {
			return false
		}
	}
	_, limited := r.Meta.Get("clone-max")
	return !limited && len(r.Members) == 1 && r.Members[0].Kind == pacemaker.Primitive
}

// read is a primitive with what it inherits from the resource around it. What it says
// itself counts first.
func (d *document) read(around, r pacemaker.Resource) (primitive, error) {
	defaults := d.cib.ResourceDefaults()
	meta := func(name string) string {
		for _, sets := range []pacemaker.AttributeSets{r.Meta, around.Meta, defaults} {
			if v, ok := sets.Get(name); ok {
				return v
			}
		}
		return ""
	}
	p := primitive{id: r.ID, agent: r.Agent(), role: meta("target-role"), definition: r,
		managed: meta("is-managed") != "false" && meta("maintenance") != "true"}
	if s := meta("resource-stickiness"); s != "" {
		score, err := pacemaker.ParseScore(s)
		if err != nil {
			return p, err
		}
		p.stickiness = score
	}
	return p, nil
}

// placing is what the location constraints of one resource say.
type placing struct {
	scores map[string]pacemaker.Score
	rules  []pacemaker.Rule
}

func (u *unit) add(p placing) {
	for node, score := range p.scores {
		u.scores[node] = u.scores[node].Add(score)
	}
	u.rules = append(u.rules, p.rules...)
}

// locations reads the location constraints by the resource that each names: with a node and a score, or with rules on
// node attributes.
func locations(c *pacemaker.CIB) (map[string]placing, error) {
	out := map[string]placing{}
	for _, l := range c.Locations() {
		p := out[l.Resource]
		ruled := l
		ruled.Rules, ruled.Node, ruled.Score = nil, "-", ""
		switch {
		case l.Plain():
			score, err := pacemaker.ParseScore(l.Score)
			if err != nil {
				return nil, fmt.Errorf("location constraint %s: %w", l.ID, err)
			}
			if p.scores == nil {
				p.scores = map[string]pacemaker.Score{}
			}
			p.scores[l.Node] = p.scores[l.Node].Add(score)
		case len(l.Rules) > 0 && l.Node == "" && ruled.Plain():
			for _, r := range l.Rules {
				if err := known(r); err != nil {
					return nil, fmt.Errorf("location constraint %s: %w", l.ID, err)
				}
			}
			p.rules = append(p.rules, l.Rules...)
		default:
			return nil, fmt.Errorf("location constraint %s is of a form that this simulator does not know", l.ID)
		}
		out[l.Resource] = p
	}
	return out, nil
}

// known wants a rule to be of node attributes, with a score.
func known(r pacemaker.Rule) error {
	if len(r.Dates)+len(r.Resources)+len(r.Operations)+len(r.Rules) > 0 || r.Role != "" || r.ScoreBy != "" || r.Negate != "" {
		return fmt.Errorf("rule %s is of a form that this simulator does not know", r.ID)
	}
	for _, x := range r.Nodes {
		switch x.Operation {
		case "defined", "not_defined", "eq", "ne", "lt", "lte", "gt", "gte":
		default:
			return fmt.Errorf("rule %s has the operation %q", r.ID, x.Operation)
		}
	}
	_, err := pacemaker.ParseScore(r.Score)
	return err
}

// score is what the location constraints of a unit give a node: by its name, and by its attributes.
func (u *unit) score(d *document, n *node, name string) (score pacemaker.Score, named bool) {
	score, named = u.scores[name]
	for _, r := range u.rules {
		if holds(r, d.attributes(n, name)) {
			s, _ := pacemaker.ParseScore(r.Score)
			score, named = score.Add(s), true
		}
	}
	return score, named
}

// holds tells whether a rule is true of a node with these attributes.
func holds(r pacemaker.Rule, attributes map[string]string) bool {
	either := strings.EqualFold(r.BooleanOp, "or")
	for _, x := range r.Nodes {
		if expression(x, attributes) == either {
			return either
		}
	}
	return !either
}

func expression(x pacemaker.NodeExpression, attributes map[string]string) bool {
	value, defined := attributes[x.Attribute]
	order := strings.Compare(value, x.Value)
	a, err1 := strconv.Atoi(value)
	b, err2 := strconv.Atoi(x.Value)
	if err1 == nil && err2 == nil {
		order = cmp.Compare(a, b)
	}
	switch x.Operation {
	case "defined":
		return defined
	case "not_defined":
		return !defined
	case "ne":
		return !defined || order != 0
	}
	return defined && slices.Contains(map[string][]int{"eq": {0}, "lt": {-1}, "lte": {-1, 0}, "gt": {1}, "gte": {0, 1}}[x.Operation], order)
}

// attributes are those of a node, permanent and transient, with its name.
func (d *document) attributes(n *node, name string) map[string]string {
	out := map[string]string{"#uname": name}
	if entry, ok := d.node(name); ok {
		for _, a := range entry.Attributes.Effective() {
			out[a.Name] = a.Value
		}
	}
	for _, a := range n.attrs {
		out[a.Name] = a.Value
	}
	return out
}

// members are the primitives of a unit, in their order.
func (d *document) members(u *unit) []primitive { return d.primitives[u.first : u.first+len(u.ids)] }
