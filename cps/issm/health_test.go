package issm_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps/issm"
)

// TestNoFailureVanishesInTheHealthGates (CPS-130): a result of trouble is found wherever it stands, as is a line that
// nobody knows, also in the standard error; nothing passes with an output that was cut off.
func TestNoFailureVanishesInTheHealthGates(t *testing.T) {
	p := planned{name: "migration", rb: runbook(t, issm.Config{ArchiveDir: t.TempDir()})}
	full := diagnosticsOf(t)
	lines := strings.SplitAfter(full, "\n")
	for _, at := range []string{"preflight/health", "final/health"} {
		check := p.find(t, at).Expect.Check
		require.NoError(t, check(p.seen(full, 0)))
		for i := range lines {
			for _, bad := range []string{"[FAIL]", "Clocks...\x1b[31m[fail]\x1b[0m", "svn is not in sync [WARN]",
				"12 VMs are not reachable"} {
				require.Error(t, check(p.seen(strings.Join(lines[:i], "")+bad+"\n"+strings.Join(lines[i:], ""), 0)),
					"%s: %q before line %d", at, bad, i+1)
			}
		}
		o := p.seen(full, 0)
		o.Stderr = []byte("ssh: connect to host qns03 port 22: No route to host\n")
		require.ErrorContains(t, check(o), "one line is not understood")
		o = p.seen(full, 0)
		o.Truncated = true
		require.ErrorContains(t, check(o), "was cut off")
	}
}
