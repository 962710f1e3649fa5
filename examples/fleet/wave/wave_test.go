package wave

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNext(t *testing.T) {
	plan := Plan{Waves: [][]string{{"a"}, {"b", "c", "d"}, {"e"}}, Limit: 2, Soak: time.Hour, Ask: true}
	marks := func(pairs ...string) map[string]Mark {
		m := map[string]Mark{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = Mark(pairs[i+1])
		}
		return m
	}
	const going, passed, trouble = string(Going), string(Passed), string(Trouble)
	canary := Progress{Soaked: true, Confirmed: true}
	for _, tc := range []struct {
		name  string
		at    Progress
		marks map[string]Mark
		want  Move
	}{
		{"the canary alone", Progress{}, nil, Move{Kind: Start, Pairs: []string{"a"}}},
		{"nothing beside the canary", Progress{}, marks("a", going), Move{Kind: Wait}},
		{"the soak time", Progress{}, marks("a", passed), Move{Kind: Soak}},
		{"the confirmation", Progress{Soaked: true}, marks("a", passed), Move{Kind: Confirm}},
		{"a confirmation does not shorten the soak time", Progress{Confirmed: true}, marks("a", passed), Move{Kind: Soak}},
		{"the second wave, up to the limit", canary, marks("a", passed), Move{Kind: Start, Pairs: []string{"b", "c"}}},
		{"the limit", canary, marks("a", passed, "b", going, "c", going), Move{Kind: Wait}},
		{"the next in the wave", canary, marks("a", passed, "b", going, "c", passed), Move{Kind: Start, Pairs: []string{"d"}}},
		{"not the next wave", canary, marks("a", passed, "b", going, "c", passed, "d", passed), Move{Kind: Wait}},
		{"the next wave", canary, marks("a", passed, "b", passed, "c", passed, "d", passed), Move{Kind: Start, Pairs: []string{"e"}}},
		{"a failure stops", canary, marks("a", passed, "b", trouble, "c", passed),
			Move{Kind: Hold, Why: "nothing more begins while this is in trouble: b"}},
		{"the canary in trouble", Progress{}, marks("a", trouble), Move{Kind: Hold, Why: "nothing more begins while this is in trouble: a"}},
		{"stopped", Progress{Soaked: true, Confirmed: true, Stopped: true}, marks("a", passed),
			Move{Kind: Hold, Why: "stopped as asked: nothing more begins"}},
		{"all is done", canary, marks("a", passed, "b", passed, "c", passed, "d", passed, "e", passed), Move{Kind: Over}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.at.Marks = tc.marks
			require.Equal(t, tc.want, Next(plan, tc.at))
		})
	}
	require.Equal(t, Move{Kind: Over}, Next(Plan{Waves: [][]string{{"a"}}, Soak: 1, Ask: true}, Progress{Marks: marks("a", passed)}),
		"there is nothing to soak or confirm for")
}

func TestCheck(t *testing.T) {
	require.NoError(t, Plan{Waves: [][]string{{"a"}, {"b"}}}.Check())
	for name, p := range map[string]Plan{
		"no wave": {}, "an empty wave": {Waves: [][]string{{"a"}, {}}}, "a pair twice": {Waves: [][]string{{"a"}, {"a"}}},
		"no name": {Waves: [][]string{{""}}}, "a negative limit": {Waves: [][]string{{"a"}}, Limit: -1},
		"a negative time": {Waves: [][]string{{"a"}}, Soak: -1},
	} {
		require.Error(t, p.Check(), name)
	}
}

// A confirmation is taken after the first wave and its soak time, and not before.
func TestConfirm(t *testing.T) {
	plan := Plan{Waves: [][]string{{"a"}, {"b"}}, Soak: time.Hour, Ask: true}
	passed := map[string]Mark{"a": Passed}
	for name, at := range map[string]Progress{
		"nothing has begun": {}, "the canary is at work": {Marks: map[string]Mark{"a": Going}}, "it soaks": {Marks: passed},
		"it is in trouble": {Marks: map[string]Mark{"a": Trouble}, Soaked: true}, "twice": {Marks: passed, Soaked: true, Confirmed: true},
	} {
		was := at.Confirmed
		require.Error(t, at.Confirm(plan), name)
		require.Equal(t, was, at.Confirmed, name)
	}
	at := Progress{Marks: passed, Soaked: true}
	require.NoError(t, at.Confirm(plan))
	require.Equal(t, Move{Kind: Start, Pairs: []string{"b"}}, Next(plan, at))
}
