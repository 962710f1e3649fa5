package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// What the operator should know although all was well is told again at the end.
func TestNotesAreToldAtTheEnd(t *testing.T) {
	var out strings.Builder
	st := &evenkeel.State{Notes: []evenkeel.Note{{Step: "s", Action: "a", Text: "two\nlines"}},
		Rollback: &evenkeel.State{Notes: []evenkeel.Note{{Step: "undo-s", Action: "b", Text: "more"}}}}
	notes(&out, st)
	require.Equal(t, "note of s/a: two lines\nnote of undo-s/b: more\n", out.String())
}

func TestAPlanWithoutAConfigurationSaysSo(t *testing.T) {
	require.Contains(t, exampleBanner("text", ""), "built-in example")
	require.True(t, strings.HasPrefix(exampleBanner("markdown", ""), "> **This is the plan of the built-in example"))
	require.Contains(t, exampleBanner("text", "d"), "--dir")
}
