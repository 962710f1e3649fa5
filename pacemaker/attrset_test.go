package pacemaker

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Which of several values holds, as Pacemaker 2.1.5 answers to crm_resource --get-parameter for the same sets.
func TestEffective(t *testing.T) {
	set := func(score Score, pairs ...string) AttributeSet {
		s := AttributeSet{Score: score}
		for i := 0; i+1 < len(pairs); i += 2 {
			s.Pairs = append(s.Pairs, NVPair{Name: pairs[i], Value: pairs[i+1]})
		}
		return s
	}
	ruled := set(500, "a", "ruled")
	ruled.Rule = "<rule/>"
	unset := AttributeSet{Score: 9, Pairs: []NVPair{{Name: "a", Unset: true}}}
	for name, c := range map[string]struct {
		sets AttributeSets
		want string
		ok   bool
	}{
		"one":                      {AttributeSets{set(0, "a", "1")}, "1", true},
		"the first of a set":       {AttributeSets{set(0, "a", "1", "a", "2")}, "1", true},
		"the greater score":        {AttributeSets{set(5, "a", "1"), set(3, "a", "2")}, "1", true},
		"the later of equal ones":  {AttributeSets{set(5, "a", "1"), set(5, "a", "2")}, "2", true},
		"a rule is passed over":    {AttributeSets{ruled, set(0, "a", "1")}, "1", true},
		"no value is passed over":  {AttributeSets{unset, set(0, "a", "1")}, "1", true},
		"#default takes out again": {AttributeSets{set(5, "a", "1"), set(3, "a", "#Default")}, "", false},
		"#default first":           {AttributeSets{set(5, "a", "#default"), set(3, "a", "1")}, "1", true},
		"an empty value is one":    {AttributeSets{set(5, "a", ""), set(3, "a", "1")}, "", true},
		"none":                     {nil, "", false},
	} {
		got, ok := c.sets.Get("a")
		require.Equal(t, c.want, got, name)
		require.Equal(t, c.ok, ok, name)
	}
}
