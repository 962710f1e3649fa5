package upgrade_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
)

// How long an action takes hangs on what it is: limits that happen to be the same, of the site's or of the tool's own, mix nothing up.
func TestEstimatesDoNotGoByLimits(t *testing.T) {
	takes := func(outage, install time.Duration, offline bool) map[string]evenkeel.Estimate {
		s := newScene(t, lustretest.Options{}, func(c *upgrade.Config) { c.Outage, c.Install, c.Offline = outage, install, offline })
		all := map[string]evenkeel.Estimate{}
		for i := range s.book.Steps {
			step := &s.book.Steps[i]
			for _, a := range slices.Concat(step.Actions, step.Verify, step.Undo, step.UndoVerify) {
				all[step.ID+"/"+a.ID] = a.Takes
			}
		}
		return all
	}
	for _, offline := range []bool{false, true} {
		want := takes(11*time.Minute, 31*time.Minute, offline)
		for _, both := range []time.Duration{11 * time.Minute, 5 * time.Minute, 2 * time.Minute} { // the last two are limits of the tool's own
			require.Equal(t, want, takes(both, both, offline), "%s", both)
		}
	}
}
