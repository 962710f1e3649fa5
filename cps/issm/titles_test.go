package issm_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// A look at the cluster that waits does not say that it verifies; the preflight, which does not wait, never says that it does.
func TestWaitsSaySo(t *testing.T) {
	waits := 0
	for _, p := range everyRunbook(t) {
		p.each(func(where string, a evenkeel.Action) {
			again := slices.ContainsFunc(a.Paper, func(b evenkeel.Block) bool { return b.Until })
			if again && a.Limit > 0 && (a.Op != nil || slices.Contains(a.Cmd.Argv, "diagnostics.sh")) {
				waits++
				assert.False(t, strings.HasPrefix(a.Title, "Verify "), "%s waits: %s", where, a.Title)
			}
		})
	}
	require.Greater(t, waits, 100)
	planned{"preflight", preflight(t), nil}.each(func(where string, a evenkeel.Action) {
		assert.False(t, strings.HasPrefix(a.Title, "Wait "), "%s does not wait: %s", where, a.Title)
	})
}
