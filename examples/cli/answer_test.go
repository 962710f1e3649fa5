package cli

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// YAML says what JSON says, in the same order, and no string becomes a number, a truth or nothing.
func TestYAMLSaysWhatJSONSays(t *testing.T) {
	value := Inspection{File: "true", Kind: "1.5", Facts: []Item{{"null", "~"}, {"- a", "b: c # d"}, {"", "line\nline\n"}},
		Findings: []Finding{{"0x10", "'\"\u202e&*!|>%@`"}, {What: "2026-01-01"}}}
	raw, err := asYAML(value)
	require.NoError(t, err)
	var back any
	require.NoError(t, yaml.Unmarshal(raw, &back))
	again, err := json.Marshal(back)
	require.NoError(t, err)
	want, err := json.Marshal(value)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(again))
	require.Less(t, strings.Index(string(raw), "file:"), strings.Index(string(raw), "kind:"))
	require.NotContains(t, string(raw), "{")
	require.True(t, strings.HasPrefix(string(raw), "file: \"true\"\n"), string(raw))
}

func TestAnAnswerThatCannotBeMadeIsAnError(t *testing.T) {
	for _, format := range []string{"json", "yaml"} {
		code, err := testApp(io.Discard, io.Discard).Answer(format, func() {}, nil)
		require.Equal(t, ExitFailed, code)
		require.Error(t, err)
	}
}
