package placement

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What internal/mutate found nobody to miss in rules.

// ruled is a pair whose n2 has the attribute x, and a resource that goes there where the rule holds.
func ruled(x, rule string) string {
	text := pair(primitive("a"), location("l1", "a", "n1", "10")+`<rsc_location id="l" rsc="a">`+rule+`</rsc_location>`, "")
	if x == "" {
		return text
	}
	return strings.Replace(text, `uname="n2"/>`, fmt.Sprintf(`uname="n2"><instance_attributes id="i"><nvpair id="ix" name="x" value=%q/>`+
		`</instance_attributes></node>`, x), 1)
}

func rule(attributes string, expressions ...string) string {
	return `<rule id="r" ` + attributes + `>` + strings.Join(expressions, "") + `</rule>`
}

// expression is one on the attribute x; words are its operation, its value and its type, as far as it has them.
func expression(id, words string) string {
	e := `<expression id="` + id + `" attribute="x"`
	for i, word := range strings.Fields(words) {
		e += fmt.Sprintf(" %s=%q", []string{"operation", "value", "type"}[i], word)
	}
	return e + "/>"
}

func TestExpressionsOfRules(t *testing.T) {
	for _, tc := range []struct {
		x, words string
		holds    bool
	}{
		{"1", "defined", true}, {"", "defined", false}, {"1", "not_defined", false}, {"", "not_defined", true},
		{"A", "eq a", true}, {"1", "eq 1.0", false}, {"1", "eq 1.0 number", true}, {"1", "eq 01", false}, {"1", "eq 01 integer", true},
		{"", "eq a", false}, {"a", "ne b", true}, {"a", "ne A", false}, {"", "ne a", true},
		{"9", "lt 10", true}, {"9", "lt 10 string", false}, {"10", "lt 10", false}, {"11", "lt 10", false}, {"", "lt 10", false},
		{"9", "lte 10", true}, {"10", "lte 10", true}, {"11", "lte 10", false},
		{"9", "gt 10", false}, {"10", "gt 10", false}, {"11", "gt 10", true}, {"", "gt -1", false},
		{"9", "gte 10", false}, {"10", "gte 10", true}, {"11", "gte 10", true}, {"", "gte -1", false}, {"", "lte 1", false},
		{"9.5", "lt 10", true}, {"9", "lt 10.5", true}, {"9.5", "lt 10 integer", false}, {"9", "lt 10.5 integer", false},
		{"9x", "lt 10", false}, {"9", "lt 1x", false}, {"9x", "lt 10 number", false}, {"9", "lt 1x number", false}, {"1x", "LT 2x", true},
		{"9", "LT 10 INTEGER", true}, {"1e3", "lt 200", true}, {"1e3", "lt 200 number", false}, {"1", "ne 01", true}, {"1", "ne 01 integer", false},
	} {
		want := "a@n1"
		if tc.holds {
			want = "a@n2"
		}
		got := places(t, ruled(tc.x, rule(`score="INFINITY"`, expression("e", tc.words))))
		require.Equal(t, []string{want}, got, "x=%q %s", tc.x, tc.words)
	}
}

func TestRulesOfSeveralExpressions(t *testing.T) {
	yes, no := expression("y", "eq 1"), expression("n", "eq 2")
	inner := func(op string, of ...string) string {
		return `<rule id="r2" boolean-op="` + op + `">` + strings.Join(of, "") + `</rule>`
	}
	for _, tc := range []struct {
		rule  string
		holds bool
	}{
		{rule(`score="INFINITY"`, yes, yes), true}, {rule(`score="INFINITY"`, yes, no), false}, {rule(`score="INFINITY"`, no, yes), false},
		{rule(`score="INFINITY" boolean-op="or"`, no, yes), true}, {rule(`score="INFINITY" boolean-op="OR"`, no, no), false},
		{rule(`score="INFINITY" boolean-op="and"`, yes, inner("or", no, yes)), true}, {rule(`score="INFINITY"`, yes, inner("and", no, yes)), false},
		{rule(`score="5"`, yes), false}, {rule(`score="11"`, yes), true},
		{rule(`score-attribute="x"`, yes), false}, {rule(`score-attribute="x" score="11"`, yes), true},
	} {
		want := "a@n1"
		if tc.holds {
			want = "a@n2"
		}
		require.Equal(t, []string{want}, places(t, ruled("1", tc.rule)), tc.rule)
	}
	require.Equal(t, []string{"a@n2"}, places(t, ruled("900", rule(`score-attribute="x"`, expression("e", "defined")))), "the attribute is the score")
	require.Equal(t, []string{"a@n1"}, places(t, ruled("", rule("", expression("e", "not_defined")))), "no score is 0")
	require.Equal(t, []string{"a@n2"}, places(t, strings.Replace(ruled("1", `<rule id-ref="r"/>`), "<constraints>",
		`<constraints><rsc_location id="l0" rsc="another">`+rule(`score="11"`, yes)+`</rsc_location>`, 1)), "a rule that stands elsewhere")
	require.Empty(t, places(t, ruled("", rule(`score-attribute="x"`, expression("e", "not_defined")))), "without it a node is banned")
}

func TestRulesThatAreNotComputed(t *testing.T) {
	for _, tc := range []struct {
		rule string
		want Unsupported
	}{
		{rule(`score="1"`, `<expression id="e" attribute="x" operation="eq" value="1" value-source="param"/>`), Unsupported{featureRule, "l", "expression on x"}},
		{rule(`score="1"`, `<expression id="e" attribute="#role" operation="defined"/>`), Unsupported{featureRule, "l", "expression on #role"}},
		{rule(`score="1"`, `<expression id="e" attribute="x%y" operation="defined"/>`), Unsupported{featureRule, "l", "expression on x%y"}},
		{rule(`score="1"`, expression("e", "like 1")), Unsupported{featureRule, "l", "operation like"}},
		{rule(`score="1"`, expression("e", "lt 1 version")), Unsupported{featureRule, "l", "comparison of type version"}},
		{rule(`score="much"`, expression("e", "defined")), Unsupported{featureRule, "l", "score much"}},
		{rule(`score="1" negate="true"`, expression("e", "defined")), Unsupported{featureRule, "l", "negate=true"}},
		{`<rule id-ref="gone"/>`, Unsupported{featureReference, "l", "a rule by reference"}},
		{rule(`score="1" role="Promoted"`, expression("e", "defined")), Unsupported{featureRole, "l", "rule for role Promoted"}},
		{rule(`score="1"`, `<rsc_expression id="e" class="ocf"/>`), Unsupported{featureRule, "l", "on resources or operations"}},
		{rule(`score="1"`, `<op_expression id="e" name="start"/>`), Unsupported{featureRule, "l", "on resources or operations"}},
	} {
		_, err := Of(parseCIB(t, ruled("1", tc.rule)))
		var e *Error
		require.ErrorAs(t, err, &e, tc.rule)
		require.Equal(t, []Unsupported{tc.want}, e.Reasons)
	}
	require.Equal(t, []string{"a@n2"}, places(t, ruled("1", rule(`score="11" negate="false"`, expression("e", "defined")))))
	require.Equal(t, []string{"a@n2"}, places(t, ruled("1",
		rule(`score="11"`, `<expression id="e" attribute="x" operation="eq" value="1" value-source="literal"/>`))))
}
