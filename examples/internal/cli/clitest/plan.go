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

// Plan holds the whole runbook of the built-in example, as plan prints it, against testdata/plan.txt and testdata/plan.md: what an operator would sign.
func Plan(t *testing.T) {
	for format, name := range map[string]string{"text": "plan.txt", "markdown": "plan.md"} {
		t.Run(format, func(t *testing.T) {
			code, out := Tool(t, "", "plan", "-format", format)
			require.Equal(t, 0, code, "%s", out)
			require.NotRegexp(t, temporary, out, "a directory that is gone when the plan is read")
			golden.Check(t, name, digest.ReplaceAllString(out, "SHA256"))
		})
	}
}
