package upgrade

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// constraints wants none that this runbook would break by moving one target before the others, or that it cannot see
// the meaning of.
func (b *byHand) constraints() {
	for _, l := range b.cib.Locations() {
		b.location(l)
	}
	for _, o := range b.cib.Orders() {
		within := len(o.Sets) == 0 && b.within(o.First, o.Then)
		optional := strings.EqualFold(o.Kind, "Optional") || o.Kind == "" && o.Score == "0"
		if !within && (!optional || len(o.Sets) > 0) {
			b.find(o.ID, "the order %s makes one target start again when another moves: this runbook moves one before the others. Make "+
				"it Optional (pcs constraint order … kind=Optional)", o.ID)
		}
	}
	for _, c := range b.cib.Colocations() {
		if len(c.Sets) > 0 || !b.within(c.Resource, c.With) {
			b.find(c.ID, "the colocation %s ties what this runbook moves one after the other: put what belongs together into one group, "+
				"and take the colocation away", c.ID)
		}
	}
	for _, t := range b.cib.Tickets() {
		b.find(t.ID, "%s is about a ticket: this runbook does not know where else the targets may run", t.ID)
	}
	for _, section := range []string{"tags", "acls", "alerts"} {
		if e := b.cib.Section(section); e != nil && len(e.ChildElements()) > 0 {
			b.find(e.ChildElements()[0].SelectAttrValue("id", ""), "the CIB has %s: this runbook does not know what of that the new system "+
				"needs. Take it away, and make it again afterwards", section)
		}
	}
}

// within tells whether two resources are of one group, or one is the group of the other: the group says it already.
func (b *byHand) within(one, other string) bool {
	home := func(id string) string {
		if h, ok := b.home[id]; ok {
			return h
		}
		return id
	}
	return one != "" && other != "" && home(one) == home(other)
}

// location wants a preference for a node, or a rule on an attribute that a health clone keeps.
func (b *byHand) location(l pacemaker.Location) {
	if l.Plain() || strings.HasPrefix(l.ID, "cli-") { // what a move by hand left is a hindrance, which is said elsewhere
		return
	}
	ruled := l
	ruled.Rules, ruled.Node, ruled.Score = nil, "-", ""
	if len(l.Rules) == 0 || l.Node != "" || !ruled.Plain() {
		b.find(l.ID, "the location constraint %s is of a form that this runbook does not know: say it with a resource, a node and a score",
			l.ID)
		return
	}
	for _, r := range l.Rules {
		b.rule(l, r)
	}
}

// rule wants a rule that keeps a resource away from a node that is not well.
func (b *byHand) rule(l pacemaker.Location, r pacemaker.Rule) {
	score, err := pacemaker.ParseScore(r.Score)
	plain := r.ScoreBy == "" && r.Role == "" && !pacemaker.IsTrue(r.Negate) && len(r.Other) == 0 &&
		len(r.Dates)+len(r.Resources)+len(r.Operations)+len(r.Rules) == 0
	either := len(r.Nodes) == 1 || len(r.Nodes) > 1 && strings.EqualFold(r.BooleanOp, "or")
	if err != nil || score > -pacemaker.Infinity || !plain || !either {
		b.find(l.ID, "the rule of %s is none that keeps a target away from a node by -INFINITY for the sake of one attribute: this runbook "+
			"does not know what it would do on the new cluster. %s", l.ID, sayNotWell)
		return
	}
	for _, x := range r.Nodes {
		if !slices.ContainsFunc(b.health, func(h health) bool { return h.attribute == x.Attribute }) {
			b.find(l.ID, "the rule of %s looks at the attribute %s, which no clone of %s keeps: nothing here knows when it is defined on a "+
				"new system", l.ID, x.Attribute, strings.Join(sortedKeys(healthAgents), ", "))
		}
		if !notWell(x) {
			b.find(l.ID, "the rule of %s has the expression %s, which does not say that a node is not well: this runbook waits until the "+
				"attribute is greater than 0, and could wait for ever, or move a target to where it may not run. %s", l.ID,
				strings.TrimSpace(x.Attribute+" "+x.Operation+" "+x.Value), sayNotWell)
		}
	}
}

// sayNotWell is what is to be done about another rule on health.
const sayNotWell = "Take it away, or say it so: pcs constraint location TARGET rule score=-INFINITY " +
	"ATTRIBUTE lte 0 or not_defined ATTRIBUTE"

// notWell tells whether an expression holds on nodes that are not well: their attribute is not there, or is 0.
func notWell(x pacemaker.NodeExpression) bool {
	number := slices.Contains([]string{"", "integer", "number"}, x.Type)
	if len(x.Other) > 0 || x.ValueSource != "" && x.ValueSource != "literal" {
		return false
	}
	switch x.Operation {
	case "not_defined":
		return x.Value == ""
	case "lte":
		return number && x.Value == "0"
	case "lt":
		return number && x.Value == "1"
	case "eq":
		return (number || x.Type == "string") && x.Value == "0"
	}
	return false
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// preferred is the node that the constraints of a target and of the group around it prefer together, with its score.
// The rules on health are left out: they hold on both nodes, or the target must not run at all.
func (b *byHand) preferred(t Target) (string, pacemaker.Score, error) {
	sum := map[string]pacemaker.Score{}
	for _, l := range b.cib.Locations() {
		home, inside := b.home[l.Resource]
		if l.Plain() && !strings.HasPrefix(l.ID, "cli-") && (l.Resource == t.Switch || inside && home == t.Switch) {
			score, err := pacemaker.ParseScore(l.Score)
			if err != nil {
				return "", 0, fmt.Errorf("location constraint %s: %w", l.ID, err)
			}
			sum[l.Node] = sum[l.Node].Add(score)
		}
	}
	var best []string
	var top pacemaker.Score
	for _, node := range slices.Sorted(maps.Keys(sum)) {
		switch score := sum[node]; {
		case score <= 0 || score < top:
		case score > top:
			best, top = []string{node}, score
		default:
			best = append(best, node)
		}
	}
	if len(best) != 1 {
		return "", 0, fmt.Errorf("%s: %w: let it prefer one of the two (pcs constraint location %s prefers NODE=SCORE)", t.Switch,
			pacemaker.ErrNoPreference, t.Switch)
	}
	return best[0], top, nil
}
