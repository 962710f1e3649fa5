package clitest

import (
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

var (
	digest    = regexp.MustCompile(`\b[0-9a-f]{64}\b`)                                     // a SHA-256
	temporary = regexp.MustCompile(`/(lustre-hapair|cps-issm|pacemaker-pair)-[a-z]*-?\d+`) // what os.MkdirTemp makes of a binary's name
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

// stillLine is a line that says that something is still waited for: for how many minutes, and what.
var stillLine = regexp.MustCompile(`(?m)^\S+  (?:…|~) still waiting, (?:(\d+) h ?)?(?:(\d+) m)?: ([^:]+): .*$`)

// Waits runs the demo, and wants a wait to be told no more often than every five minutes of the run's clock: not even when its text has
// another port number each time.
func Waits(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the whole demo")
	}
	code, out := Tool(t, "", "demo")
	require.Equal(t, 0, code, "%s", out)
	waits := stillLine.FindAllStringSubmatch(out, -1)
	require.NotEmpty(t, waits, "the demo waits for machines")
	last := map[string]int{}
	for _, w := range waits {
		h, _ := strconv.Atoi(w[1])
		m, _ := strconv.Atoi(w[2])
		if is := 60*h + m; is > last[w[3]] { // else it is another wait of that name
			require.GreaterOrEqual(t, is-last[w[3]], 5, w[0])
		}
		last[w[3]] = 60*h + m
	}
}
