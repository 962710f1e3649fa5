package cli

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestOneDashIsTheOldFormOfTwo(t *testing.T) {
	root := testApp(io.Discard, io.Discard).Root()
	for given, want := range map[string]string{
		"run -config f":                      "run --config f",
		"run -config=f -v":                   "run --config=f -v",
		"run --config -dir":                  "run --config -dir", // a value
		"run -config -config -no-wait":       "run --config -config --no-wait",
		"plan -o -dir -dir d":                "plan -o -dir --dir d", // the value of a letter
		"plan -o=json -dir d":                "plan -o=json --dir d",
		"plan -format json -start 2026":      "plan --format json --start 2026",
		"rehearse -every -1":                 "rehearse --every -1",
		"rollback -plan -config f":           "rollback --plan --config f",
		"inspect -json f":                    "inspect --json f",
		"inspect -- -json":                   "inspect -- -json", // an argument
		"inspect f -nothing":                 "inspect f -nothing",
		"resume -extend-window w=2h":         "resume --extend-window w=2h",
		"resume -amend -yes -config -":       "resume --amend --yes --config -",
		"status - ---config":                 "status - ---config",
		"run -config f -log-file x -no-wait": "run --config f --log-file x --no-wait",
	} {
		require.Equal(t, want, strings.Join(twoDashes(root, strings.Fields(given)), " "), given)
	}
}

// Whatever is typed: what has two dashes stays, nothing is lost, and only dashes are added.
func TestOnlyDashesAreAdded(t *testing.T) {
	root := testApp(io.Discard, io.Discard).Root()
	words := rapid.SampledFrom([]string{"run", "-config", "--config", "-o", "--", "-", "f", "-v", "-yes", "-dir=x", "--dir=x", "-nothing", "", "-json"})
	rapid.Check(t, func(t *rapid.T) {
		given := rapid.SliceOf(words).Draw(t, "args")
		made := twoDashes(root, given)
		require.Len(t, made, len(given))
		for i, word := range made {
			require.Equal(t, strings.TrimLeft(given[i], "-"), strings.TrimLeft(word, "-"))
			require.True(t, word == given[i] || "-"+given[i] == word && !strings.HasPrefix(given[i], "--"), "%q", given)
		}
		require.Equal(t, made, twoDashes(root, made))
	})
}
