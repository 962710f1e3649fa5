package pacemaker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/secretname"
)

// Rule is a condition: on node attributes, on dates, on resources and operations, or on further rules.
//
// Upstream: https://clusterlabs.org/projects/pacemaker/doc/2.1/Pacemaker_Explained/html/rules.html
type Rule struct {
	ID         string               `cib:"id"`
	Score      string               `cib:"score"`           // of a location constraint
	ScoreBy    string               `cib:"score-attribute"` // a node attribute that holds the score
	BooleanOp  string               `cib:"boolean-op"`      // and, or; empty is and
	Negate     string               `cib:"negate"`          // true: the rule holds when its conditions do not; from schema 4.0 on
	Role       string               `cib:"role"`
	Nodes      []NodeExpression     `cib:"<expression"`
	Dates      []DateExpression     `cib:"<date_expression"`
	Resources  []ResourceExpression `cib:"<rsc_expression"`
	Operations []OpExpression       `cib:"<op_expression"`
	Rules      []Rule               `cib:"<rule"`
	Other      []NVPair             `cib:"*"`
}

// NodeExpression is a condition on a node attribute.
type NodeExpression struct {
	ID          string   `cib:"id"`
	Attribute   string   `cib:"attribute"` // #uname, #id and #kind are the node itself
	Operation   string   `cib:"operation"` // lt, gt, lte, gte, eq, ne, defined, not_defined
	Value       string   `cib:"value"`
	ValueSource string   `cib:"value-source"` // literal, param, meta
	Type        string   `cib:"type"`         // string, integer, number, version
	Other       []NVPair `cib:"*"`
}

// DateExpression is a condition on the time.
type DateExpression struct {
	ID        string    `cib:"id"`
	Operation string    `cib:"operation"` // gt, lt, in_range, date_spec
	Start     string    `cib:"start"`     // ISO 8601
	End       string    `cib:"end"`
	Spec      *DateSpec `cib:"<date_spec"`
	Duration  *DateSpec `cib:"<duration"`
	Other     []NVPair  `cib:"*"`
}

// DateSpec is a pattern of dates, or a duration: numbers and ranges by their unit, as written.
type DateSpec struct {
	ID    string   `cib:"id"`
	Units []NVPair `cib:"* years months weeks days hours minutes seconds monthdays weekdays yeardays yearsdays weekyears moon"`
}

// ResourceExpression is a condition on a resource's agent, for defaults.
type ResourceExpression struct {
	ID       string   `cib:"id"`
	Class    string   `cib:"class"`
	Provider string   `cib:"provider"`
	Type     string   `cib:"type"`
	Other    []NVPair `cib:"*"`
}

// OpExpression is a condition on an operation, for operation defaults.
type OpExpression struct {
	ID       string   `cib:"id"`
	Name     string   `cib:"name"`
	Interval string   `cib:"interval"`
	Other    []NVPair `cib:"*"`
}

// String is the rule as a person reads it, such as "#uname eq ct6-mds1 and pingd gt 0".
func (r Rule) String() string {
	var parts []string
	for _, e := range r.Nodes {
		part := e.Attribute + " " + e.Operation
		switch e.Operation {
		case "defined", "not_defined":
			part = e.Operation + " " + e.Attribute
		default:
			part += " " + secretname.Masked(e.Attribute, e.Value)
		}
		parts = append(parts, part)
	}
	for _, e := range r.Dates {
		parts = append(parts, e.String())
	}
	for _, e := range r.Resources {
		parts = append(parts, fmt.Sprintf("resource of %s:%s:%s", orAny(e.Class), orAny(e.Provider), orAny(e.Type)))
	}
	for _, e := range r.Operations {
		part := "operation " + e.Name
		if e.Interval != "" {
			part += " every " + e.Interval
		}
		parts = append(parts, part)
	}
	for _, inner := range r.Rules {
		parts = append(parts, "("+inner.String()+")")
	}
	word := " and "
	if strings.EqualFold(r.BooleanOp, "or") {
		word = " or "
	}
	text := strings.Join(parts, word)
	if r.Negate != "" && r.Negate != "false" && r.Negate != "0" {
		return "not (" + text + ")"
	}
	return text
}

// optionText is a list of options in one line, sorted by name.
func optionText(options []NVPair) string {
	texts := make([]string, len(options))
	for i, p := range options {
		texts[i] = p.String()
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}

func orAny(s string) string {
	if s == "" {
		return "*"
	}
	return s
}

// String is the date as a person reads it.
func (e DateExpression) String() string {
	switch {
	case e.Spec != nil:
		return "date is " + optionText(e.Spec.Units)
	case e.Duration != nil:
		return fmt.Sprintf("date in %s for %s", e.Start, optionText(e.Duration.Units))
	case e.Start != "" && e.End != "":
		return fmt.Sprintf("date in %s to %s", e.Start, e.End)
	case e.Start != "":
		return "date after " + e.Start
	}
	return "date before " + e.End
}

// RuleAt reads the element of a rule, following id-ref.
func (c *CIB) RuleAt(e *etree.Element) Rule { return viewOf[Rule](c, e) }
