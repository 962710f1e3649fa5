package clitest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// FleetFile holds the schema of a fleet file (examples/cli/fleet.schema.json) and the page of its keys (docs/fleet-file.md) against the
// Go structs and their comments; and the schema against what the parser takes and refuses.
func FleetFile(t *testing.T, parse func(path string) error) {
	want, err := cli.FleetSchema(comments(t))
	require.NoError(t, err)
	golden.Check(t, filepath.Join("..", "fleet.schema.json"), string(want))
	golden.Check(t, filepath.Join("..", "..", "..", "docs", "fleet-file.md"), "# The fleet file\n\nMade from the source: "+
		"`go test ./examples/cli -run TestFleetFile -update`. Paths are relative to the file. A key that is not here is refused, with its line "+
		"and the nearest one that is. [From one pair to a hundred](fleet.md) says what they are for.\n\n"+cli.FleetReference(comments(t)))
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(want))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("s.json", doc))
	schema, err := compiler.Compile("s.json")
	require.NoError(t, err, "it is no schema")
	undescribed(t, "", doc.(map[string]any)) //nolint:forcetypeassert // it compiled
	everything, err := yaml.Marshal(sample(doc.(map[string]any)))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "fleet.yaml")
	both := func(text string) (parsed, valid error) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		var value any
		require.NoError(t, yaml.Unmarshal([]byte(text), &value))
		return parse(path), schema.Validate(plainly(value))
	}
	for _, good := range []string{string(everything), "pairs: []\n", "pairs: [{name: a, config: b}]\nwaves:\n"} {
		parsed, valid := both(good)
		require.NoError(t, parsed, "%s", good)
		require.NoError(t, valid, "%s", good)
	}
	for bad, at := range map[string]string{
		"pairs: []\npears: x\n":                     `:2:1: there is no key "pears"; the nearest is "pairs"`,
		"pairs: [{nam: a}]\n":                       `:1:10: there is no key "nam"; the nearest is "name"`,
		"pairs: x\n":                                ":1:8: another kind of value is needed here: a list",
		"pairs: []\nlimit: two\n":                   ":2:8: another kind of value is needed here: a whole number",
		"pairs: []\nlimit: 1.5\n":                   ":2:8: another kind of value is needed here: a whole number",
		"pairs: []\nstops: wav\n":                   `:2:8: it must be one of: fleet, wave; the nearest is "wave"`,
		"pairs: []\nwaves: [{name: a, soak: 5}]\n":  ":2:25: another kind of value is needed here: a duration",
		"pairs: []\nwaves: [{confirm: \"true\"}]\n": ":2:19: another kind of value is needed here: true or false",
		"pairs: [{labels: [a]}]\n":                  ":1:18: another kind of value is needed here: names with their values",
		"pairs: []\nsites: [{windows: [x]}]\n":      ":2:20: another kind of value is needed here: keys with their values",
	} {
		parsed, valid := both(bad)
		require.ErrorContains(t, parsed, path+at, "%s", bad)
		require.Error(t, valid, "the schema takes it, and the parser does not: %s", bad)
	}
}
