package clitest

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

var (
	digest    = regexp.MustCompile(`\b[0-9a-f]{64}\b`)                      // a SHA-256
	temporary = regexp.MustCompile(`/(lustre-hapair|cps-issm)-[a-z]*-?\d+`) // what os.MkdirTemp makes of a binary's name
)

// Plan holds the whole runbook of the built-in example, as plan prints it, against testdata/plan.txt and
// testdata/plan.md: what an operator would sign; and the plan of its maintenance window against testdata/window.txt.
func Plan(t *testing.T) {
	for format, name := range map[string]string{"text": "plan.txt", "markdown": "plan.md", "window": "window.txt"} {
		t.Run(format, func(t *testing.T) {
			code, out := Tool(t, "", "plan", "-o", format)
			require.Equal(t, 0, code, "%s", out)
			require.NotRegexp(t, temporary, out, "a directory that is gone when the plan is read")
			golden.Check(t, name, digest.ReplaceAllString(out, "SHA256"))
		})
	}
}

var (
	waitLine = regexp.MustCompile(`(?m)^ *\S+ +(\d+/\d+) +\S+ +~ waiting: (.*)$`)
	digits   = regexp.MustCompile(`\d+`)
)

// Waits runs the demo, and wants no wait to be told twice in a row: not even when its text has another port number.
func Waits(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the whole demo")
	}
	code, out := Tool(t, "", "demo")
	require.Equal(t, 0, code, "%s", out)
	waits := waitLine.FindAllStringSubmatch(out, -1)
	require.NotEmpty(t, waits, "the demo waits for machines")
	told := map[string]string{}
	for _, w := range waits {
		what := w[1] + " " + digits.ReplaceAllString(w[2], "N")
		require.Empty(t, told[what], "told twice:\n%s\n%s", told[what], w[0])
		told[what] = w[0]
	}
}
