package issm_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
)

// DESIGN "Stopping": while a half leaves, a stop waits; while it is replaced for hours, with persons who have a part in
// it, a stop is taken between steps.
func TestTheWindowsOfAMigrationSayWhenAStopIsTaken(t *testing.T) {
	rb := runbook(t, issm.Config{ArchiveDir: "/archives", PeerPcrfclient: "b-pcrfclient01"})
	rules := map[string]evenkeel.StopRule{}
	for _, s := range rb.Steps {
		for _, w := range s.Opens {
			rules[w.ID] = w.Stop
		}
	}
	require.Equal(t, map[string]evenkeel.StopRule{
		"disable-set-1": evenkeel.StopAtClose, "disable-set-2": evenkeel.StopAtClose, "no-arbitervip": evenkeel.StopBetweenSteps,
	}, rules)
}
