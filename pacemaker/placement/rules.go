package placement

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// ruleScores are the scores that a rule gives to nodes. Rules on dates, roles and resources are refused.
func (p *placing) ruleScores(constraint string, e *etree.Element) map[int]pacemaker.Score {
	e = p.cib.Follow(e)
	if e == nil {
		p.refuse(featureReference, constraint, "a rule by reference")
		return nil
	}
	rule := p.cib.RuleAt(e)
	if rule.Role != "" {
		p.refuse(featureRole, constraint, "rule for role %s", rule.Role)
		return nil
	}
	scores := make(map[int]pacemaker.Score)
	for at, n := range p.nodes {
		if !p.holds(constraint, rule, n) {
			continue
		}
		switch {
		case rule.ScoreBy == "" || rule.Score != "":
			scores[at] = p.score(constraint, rule.Score)
		default:
			value, ok := n.attributes[rule.ScoreBy]
			if !ok {
				scores[at] = -pacemaker.Infinity
				continue
			}
			scores[at] = p.score(constraint, value)
		}
	}
	return scores
}

// holds says whether a rule is true on a node.
func (p *placing) holds(constraint string, rule pacemaker.Rule, n *placeNode) bool {
	if len(rule.Dates) > 0 {
		p.refuse(featureRule, constraint, "on dates")
	}
	if len(rule.Resources) > 0 || len(rule.Operations) > 0 {
		p.refuse(featureRule, constraint, "on resources or operations")
	}
	if !slices.Contains([]string{"", "false", "0"}, rule.Negate) { // from Pacemaker 3 on
		p.refuse(featureRule, constraint, "negate=%s", rule.Negate)
	}
	var results []bool
	for _, x := range rule.Nodes {
		results = append(results, p.expressionHolds(constraint, x, n))
	}
	for _, r := range rule.Rules {
		results = append(results, p.holds(constraint, r, n))
	}
	either := strings.EqualFold(rule.BooleanOp, "or")
	for _, r := range results {
		if r == either {
			return either
		}
	}
	return !either
}

func (p *placing) expressionHolds(constraint string, x pacemaker.NodeExpression, n *placeNode) bool {
	if x.ValueSource != "" && x.ValueSource != "literal" || x.Attribute == "#role" || strings.Contains(x.Attribute, "%") {
		p.refuse(featureRule, constraint, "expression on %s", x.Attribute)
	}
	value, defined := n.attributes[x.Attribute]
	operation := strings.ToLower(x.Operation)
	switch operation {
	case "defined":
		return defined
	case "not_defined":
		return !defined
	case "eq":
		return defined && p.compare(constraint, x, value) == 0
	case "ne":
		return !defined || p.compare(constraint, x, value) != 0
	}
	if !defined {
		return false
	}
	order := p.compare(constraint, x, value)
	switch operation {
	case "lt":
		return order < 0
	case "lte":
		return order <= 0
	case "gt":
		return order > 0
	case "gte":
		return order >= 0
	}
	p.refuse(featureRule, constraint, "operation %s", x.Operation)
	return false
}

// compare compares an attribute's value with that of an expression: as text unless a type or an order asks for numbers.
func (p *placing) compare(constraint string, x pacemaker.NodeExpression, value string) int {
	kind := strings.ToLower(x.Type)
	if kind == "" {
		kind = "string"
		if o := strings.ToLower(x.Operation); o != "eq" && o != "ne" {
			kind = "integer"
			if strings.Contains(value+x.Value, ".") {
				kind = "number"
			}
		}
	}
	switch kind {
	case "string":
	case "integer":
		a, errA := strconv.ParseInt(value, 10, 64)
		b, errB := strconv.ParseInt(x.Value, 10, 64)
		if errA == nil && errB == nil {
			return cmp.Compare(a, b)
		}
	case "number":
		a, errA := strconv.ParseFloat(value, 64)
		b, errB := strconv.ParseFloat(x.Value, 64)
		if errA == nil && errB == nil {
			return cmp.Compare(a, b)
		}
	default:
		p.refuse(featureRule, constraint, "comparison of type %s", x.Type)
	}
	return strings.Compare(strings.ToLower(value), strings.ToLower(x.Value))
}
